"""Descriptors and Unix sockets: handed over, kept, passed on; and the client that does nothing clever."""

import errno
import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from dualstack.core.address.address import Address
from dualstack.core.planning.inherited import Inherited
from dualstack.errors import ConfigError, ExitCode, ListenError
from dualstack.kernel import text_files, textbook_client
from dualstack.kernel.descriptor_passing import DESCRIPTORS_MAX, receive_with, send_with
from dualstack.kernel.inheritance import adopt, adopt_any, describe_inherited, place_descriptors
from dualstack.kernel.kept_descriptors import KeptDescriptors
from dualstack.kernel.network_thread import NetworkThread
from dualstack.kernel.textbook_client import Relay, Reply
from dualstack.kernel.unix_sockets import connect_control_socket, open_control_socket, socket_pair, tell

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what Linux says")


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture
def undo() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def listening(family: int = socket.AF_INET, where: str = "127.0.0.1") -> socket.socket:
    sock = socket.socket(family)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    sock.bind((where, 0))
    sock.listen()
    return sock


def bound() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    return sock


@pytest.mark.parametrize("make", [listening, bound])
def test_a_socket_that_was_handed_over_is_taken_and_goes_no_further(make: Callable[[], socket.socket]) -> None:
    descriptor = make().detach()
    os.set_inheritable(descriptor, True)
    with adopt(descriptor) as sock:
        assert sock.fileno() == descriptor
        assert not os.get_inheritable(descriptor)
        assert not os.get_blocking(descriptor)


def pair() -> socket.socket:
    one, other = socket.socketpair()
    other.close()
    return one


def raw() -> socket.socket:
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (pair, "is neither TCP nor UDP over IPv4 or IPv6"),
        (raw, "is neither TCP nor UDP over IPv4 or IPv6"),
        (socket.socket, "does not listen; hand over listening sockets"),
        (lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM), "is bound to no port"),
    ],
    ids=["a Unix socket", "netlink", "no listener", "no port"],
)
def test_what_no_client_can_come_in_by_is_refused_and_closed(make: Callable[[], socket.socket], why: str) -> None:
    descriptor = make().detach()
    with pytest.raises(ListenError, match=rf"descriptor {descriptor} \(web\).*{why}"):
        adopt(descriptor, "web")
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(descriptor)


def test_what_is_no_socket_is_refused_with_the_systems_words() -> None:
    descriptor = os.open(os.devnull, os.O_RDONLY)
    try:
        with pytest.raises(ListenError, match=f"descriptor {descriptor}.*is no socket: .*on non-socket") as caught:
            adopt(descriptor)
        assert caught.value.errno == errno.ENOTSOCK
    finally:
        os.close(descriptor)


def test_any_socket_may_be_taken_as_it_is() -> None:
    with adopt_any(pair().detach()) as sock:
        assert sock.family == socket.AF_UNIX
        assert not os.get_inheritable(sock.fileno())
        assert not sock.getblocking()


def test_what_was_inherited_is_told_as_the_kernel_has_it(undo: ExitStack) -> None:
    four, six, udp = (undo.enter_context(made) for made in (listening(), listening(socket.AF_INET6, "::1"), bound()))
    both = undo.enter_context(socket.socket(socket.AF_INET6))
    both.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    both.bind(("::", 0))
    told = [describe_inherited(sock, "a") for sock in (four, six, udp, both)]
    ports = [sock.getsockname()[1] for sock in (four, six, udp, both)]
    assert told == [
        Inherited(four.fileno(), "a", "tcp", 4, Address("127.0.0.1"), ports[0], None),
        Inherited(six.fileno(), "a", "tcp", 6, Address("::1"), ports[1], True),
        Inherited(udp.fileno(), "a", "udp", 4, Address("127.0.0.1"), ports[2], None),
        Inherited(both.fileno(), "a", "tcp", 6, Address("::"), ports[3], False),
    ]


def test_descriptors_stand_in_a_row_whatever_their_order_was(tmp_path: Path, undo: ExitStack) -> None:
    """Some of them stand in the row already, in each other's place."""
    first = 300  # where nobody has one
    files = range(first, first + 4)
    for number in files:
        (tmp_path / str(number)).touch()
        opened = os.open(tmp_path / str(number), os.O_RDONLY)
        os.dup2(opened, number)
        os.close(opened)
        undo.callback(os.close, number)
    asked = [files[3], files[0], files[2], files[1]]
    before = descriptors()
    place_descriptors(asked, first)
    names = [Path(f"/proc/self/fd/{number}").readlink().name for number in files]
    assert names == ["303", "300", "302", "301"]
    assert all(map(os.get_inheritable, files))
    copies = range(first + 5, first + 9)
    assert descriptors() == before + 4
    for copy in copies:
        assert not os.get_inheritable(copy)
        os.close(copy)
    place_descriptors([], first)
    assert descriptors() == before


def test_descriptors_go_from_one_end_to_the_other_with_their_bytes(undo: ExitStack) -> None:
    one, other = map(undo.enter_context, socket_pair())
    assert (one.getblocking(), other.getblocking()) == (False, False)
    (read, write) = os.pipe()
    undo.callback(os.close, read)
    undo.callback(os.close, write)
    assert send_with(one, b"two", [read, write]) == 3
    content, received = receive_with(other)
    for number in received:
        undo.callback(os.close, number)
    assert (content, len(received)) == (b"two", 2)
    assert not any(map(os.get_inheritable, received))
    os.write(received[1], b"x")
    assert os.read(read, 1) == b"x"
    assert send_with(one, b"none", []) == 4
    assert receive_with(other) == (b"none", [])
    with pytest.raises(BlockingIOError):
        receive_with(other)
    one.close()
    assert receive_with(other) == (b"", [])


def test_as_many_descriptors_go_as_a_message_may_have(undo: ExitStack) -> None:
    one, other = map(undo.enter_context, socket_pair())
    send_with(one, b"all", [one.fileno()] * DESCRIPTORS_MAX)
    content, received = receive_with(other)
    for number in received:
        os.close(number)
    assert (content, len(received)) == (b"all", 128)


def test_kept_descriptors_are_lent_and_come_back() -> None:
    before = descriptors()
    kept = KeptDescriptors(2)
    assert descriptors() == before + 2
    assert (kept.lend(), descriptors()) == (True, before + 1)
    assert kept.keep()
    assert descriptors() == before + 1, "one is lent"
    assert (kept.lend(), kept.lend(), descriptors()) == (True, False, before)
    kept.returned()
    assert descriptors() == before + 1
    assert kept.lend()
    kept.returned()
    kept.returned()
    assert descriptors() == before + 2
    kept.let_go()
    assert descriptors() == before


def test_where_there_are_none_left_those_that_there_are_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    left = [1]
    usual = os.open

    def scarce(*arguments: object) -> int:
        if not left:
            raise OSError(errno.EMFILE, "Too many open files")
        left.pop()
        return usual(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", scarce)
    kept = KeptDescriptors(2)
    assert not kept.keep()
    assert (kept.lend(), kept.lend()) == (True, False)


def test_a_control_socket_is_its_owners_alone(tmp_path: Path) -> None:
    path = str(tmp_path / "control")
    with open_control_socket(path) as sock:
        assert Path(path).stat().st_mode & 0o777 == 0o600
        assert not sock.getblocking()
        with connect_control_socket(path, 7.5) as client:
            assert client.gettimeout() == 7.5
            accepted, _ = sock.accept()
            accepted.close()
        with connect_control_socket(path) as client:
            assert client.gettimeout() is None
    before = descriptors()
    with pytest.raises(OSError, match="in use"):
        open_control_socket(path)
    with pytest.raises(ConnectionRefusedError):
        connect_control_socket(path)
    assert descriptors() == before


@pytest.mark.parametrize("is_abstract", [False, True])
def test_a_service_manager_is_told_by_a_path_or_by_an_abstract_name(tmp_path: Path, *, is_abstract: bool) -> None:
    name = f"@dualstack-{os.getpid()}" if is_abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"\0{name[1:]}" if is_abstract else name)
        manager.setblocking(False)
        tell(name, b"READY=1")
        assert manager.recv(16) == b"READY=1"
        for _ in range(5000):  # its queue is full one day, and nobody waits for it
            try:
                tell(name, b"x")
            except BlockingIOError:
                return
        pytest.fail("a queue without an end")


class Answers:
    """A server of one answer, made before it is asked."""

    def __init__(self, undo: ExitStack, kind: int) -> None:
        self.sock = undo.enter_context(listening() if kind == socket.SOCK_STREAM else bound())
        self.where = self.sock.getsockname()


def test_the_textbooks_client_asks_once_and_says_where_it_asked_from(undo: ExitStack) -> None:
    there = Answers(undo, socket.SOCK_DGRAM).sock
    heard: list[bytes] = []

    def answer(client: socket.socket) -> None:
        assert client.gettimeout() == 5
        there.sendto("für dich".encode(), client.getsockname())
        heard.append(b"introduced")

    reply = textbook_client.ask(socket.AF_INET, socket.SOCK_DGRAM, there.getsockname(), 5, introduce=answer)
    question, peer = there.recvfrom(64)
    assert (question, heard) == (b"who am I?\n", [b"introduced"])
    assert reply == Reply("für dich", peer)


def test_it_asks_a_relay_beside_a_connection(undo: ExitStack) -> None:
    control, relay = Answers(undo, socket.SOCK_STREAM), Answers(undo, socket.SOCK_DGRAM)

    def introduce(connection: socket.socket) -> Relay:
        assert connection.gettimeout() == 5
        assert connection.getpeername() == control.where
        return Relay(relay.where, b"head ", lambda answer: answer.removeprefix(b"head "))

    def answered() -> None:
        question, peer = relay.sock.recvfrom(64)
        relay.sock.sendto(question, peer)

    thread = NetworkThread(lambda: None)
    undo.callback(thread.close)
    thread.later(answered)
    reply = textbook_client.ask_beside(socket.AF_INET, control.where, 5, introduce=introduce)
    assert reply.text == "who am I?\n"
    assert reply.local[0] == "127.0.0.1"


def test_a_thread_that_cannot_go_where_it_is_sent_is_ended() -> None:
    def cannot() -> None:
        raise OSError(errno.EPERM, "no right")

    with pytest.raises(OSError, match="no right"):
        NetworkThread(cannot)


@pytest.mark.parametrize(("mode", "kind"), [("fifo", "a FIFO"), ("device", "a device"), ("socket", "a socket")])
def test_what_is_no_file_is_refused_and_not_waited_for(mode: str, kind: str, tmp_path: Path, undo: ExitStack) -> None:
    path = tmp_path / "x"
    if mode == "fifo":
        os.mkfifo(path)
    elif mode == "device":
        path = Path(os.devnull)
    else:
        undo.enter_context(open_control_socket(str(path)))
    with pytest.raises(ConfigError, match=f"cannot be read: it is {kind}; name a regular file"):
        text_files.read_text(path)


def test_a_folder_and_what_is_not_there_are_told_with_the_systems_words(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        text_files.read_text(tmp_path)
    with pytest.raises(ConfigError, match="cannot be read: No such file") as caught:
        text_files.read_bytes(tmp_path / "nope")
    assert caught.value.exit_code == ExitCode.WRONG_VALUE


def test_a_file_that_is_larger_than_any_of_ours_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_files, "_MOST_BYTES", 1 << 20)
    path = tmp_path / "x"
    path.write_bytes(bytes(1 << 20))
    assert len(text_files.read_bytes(path)) == 1 << 20
    path.write_bytes(bytes((1 << 20) + 1))
    with pytest.raises(ConfigError, match="is larger than 1 MiB"):
        text_files.read_bytes(path)


def test_a_file_may_not_be_read_by_who_has_no_right(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(text_files.Path, "stat", forbidden)
    with pytest.raises(ConfigError, match="cannot be read: Permission denied") as caught:
        text_files.read_bytes("x")
    assert caught.value.exit_code == ExitCode.NO_RIGHT


def test_the_lines_of_every_system_end_alike() -> None:
    assert text_files.as_utf8("a\r\nb\rc\nü".encode(), "x") == "a\nb\nc\nü"
    with pytest.raises(ConfigError, match=r"is not UTF-8 \(byte 2\)"):
        text_files.as_utf8(b"ab\xff", "x")
