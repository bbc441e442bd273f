"""Connections in the making, and what is set on them, asked of the kernel: `kernel.attempts`, `kernel.streams`."""

import errno
import itertools
import math
import os
import socket
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from dualstack.core.address.address import Address
from dualstack.core.dial.egress import FROM_ANYWHERE, Source
from dualstack.errors import AddressError
from dualstack.kernel import attempts, streams
from dualstack.kernel.unsent import unsent
from support.free_port import free_port

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what Linux says")

HERE = {4: Address("127.0.0.1"), 6: Address("::1")}
FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
BOTH = pytest.mark.parametrize("version", [4, 6])
NO_PORT_YET = (socket.IPPROTO_IP, 24)  # IP_BIND_ADDRESS_NO_PORT


@pytest.fixture
def undo() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def fill(sock: socket.socket) -> int:
    """Send until there is no room; how many bytes."""
    sock.setblocking(False)
    sent = 0
    with suppress(BlockingIOError):
        while True:
            sent += sock.send(bytes(1 << 16))
    return sent


def listener(undo: ExitStack, version: int = 4) -> tuple[socket.socket, int]:
    made = undo.enter_context(socket.socket(FAMILIES[version]))
    made.bind((str(HERE[version]), 0))
    made.listen()
    return made, made.getsockname()[1]


@BOTH
def test_a_connection_on_this_host_is_made_when_it_has_begun(version: int, undo: ExitStack) -> None:
    _, port = listener(undo, version)
    sock, is_made = attempts.begin(HERE[version], port, FROM_ANYWHERE)
    with sock:
        assert is_made
        assert (sock.family, sock.type, sock.proto) == (FAMILIES[version], socket.SOCK_STREAM, socket.IPPROTO_TCP)
        assert not sock.getblocking()
        assert sock.getpeername()[:2] == (str(HERE[version]), port)


@BOTH
def test_a_blocking_connection_has_its_limit_of_time(version: int, undo: ExitStack) -> None:
    _, port = listener(undo, version)
    for timeout in (None, 7.5):
        with attempts.connect(HERE[version], port, timeout=timeout) as sock:
            assert (sock.gettimeout(), sock.proto) == (timeout, socket.IPPROTO_TCP)


@pytest.mark.parametrize(
    "call",
    [lambda port: attempts.connect(HERE[4], port), lambda port: attempts.begin(HERE[4], port, FROM_ANYWHERE)],
    ids=["blocking", "begun"],
)
def test_what_is_refused_at_once_leaves_nothing_open(call: Callable[[int], object]) -> None:
    before = descriptors()
    with pytest.raises(ConnectionRefusedError, match=r"^\[Errno 111\] Connection refused$"):
        call(free_port())
    assert descriptors() == before


KEEP = (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)


@pytest.mark.parametrize("blocking", [False, True])
@BOTH
def test_where_it_comes_from_is_bound_before(version: int, undo: ExitStack, *, blocking: bool) -> None:
    _, port = listener(undo, version)

    def made(source: Source) -> socket.socket:
        if blocking:
            return undo.enter_context(attempts.connect(HERE[version], port, source=source))
        return undo.enter_context(attempts.begin(HERE[version], port, source)[0])

    of_an_address = made(Source(HERE[version], options=(KEEP,)))
    assert of_an_address.getsockopt(*NO_PORT_YET) == 1
    assert of_an_address.getsockopt(*KEEP[:2]) == 1
    assert of_an_address.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR) == 0
    number = free_port()
    for source in (Source(HERE[version], number), Source(None, free_port(), "lo")):
        sock = made(source)
        assert sock.getsockname()[1] == source.port
        assert sock.getsockopt(*NO_PORT_YET) == 0
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR) == 1
        device = sock.getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 16).rstrip(b"\0")
        assert device == (source.interface or "").encode()
    plain = made(Source(None, 0))
    assert (plain.getsockopt(*NO_PORT_YET), plain.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)) == (0, 0)


def test_an_address_comes_from_this_one() -> None:
    assert attempts.source_of(HERE[6], FROM_ANYWHERE) == HERE[6]
    assert attempts.source_of(Address("127.0.0.2"), Source(Address("127.0.0.9"))) == Address("127.0.0.2")
    assert attempts.source_of(Address("fe80::1%nope0"), FROM_ANYWHERE) is None
    assert attempts.source_of(Address("224.0.0.1"), Source(HERE[4], interface="lo")) == HERE[4]
    assert attempts.source_of(Address("192.0.2.1"), Source(Address("192.0.2.77"))) is None


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (errno.EPERM, (errno.EPERM, "Operation not permitted")),
        (OSError(errno.EPERM, "so"), (errno.EPERM, "so")),
        (OSError(errno.EPERM, None), (errno.EPERM, "Operation not permitted")),
        (OSError("no number"), (errno.EINVAL, "no number")),
        (AddressError("x", "is none"), (errno.EINVAL, str(AddressError("x", "is none")))),
    ],
    ids=str,
)
def test_a_failure_has_a_number_and_words(error: OSError | AddressError | int, told: tuple[int, str]) -> None:
    assert attempts.failure_of(error) == told


@pytest.mark.parametrize(
    ("address", "sockaddr"),
    [
        ("192.0.2.1", ("192.0.2.1", 80)),
        ("2001:db8::1", ("2001:db8::1", 80, 0, 0)),
        ("fe80::1%lo", ("fe80::1", 80, 0, 1)),
        ("fe80::1%7", ("fe80::1", 80, 0, 7)),
    ],
)
def test_a_socket_address_has_the_number_of_its_zone(address: str, sockaddr: tuple[object, ...]) -> None:
    assert attempts.sockaddr_of(Address(address), 80) == sockaddr


def test_the_ends_that_wake_somebody_do_not_block() -> None:
    for end in attempts.socket_pair():
        with end:
            assert not end.getblocking()


def test_the_interfaces_are_those_of_the_host_without_its_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "if_nameindex", lambda: [(1, "lo"), (2, "eth0"), (3, "xlo"), (4, "lo0")])
    assert attempts.interface_names() == ["eth0", "xlo"]


def options(sock: socket.SocketType) -> tuple[int, ...]:
    """TCP_NODELAY, SO_OOBINLINE, SO_KEEPALIVE."""
    names = ((socket.IPPROTO_TCP, socket.TCP_NODELAY), (socket.SOL_SOCKET, socket.SO_OOBINLINE), KEEP[:2])
    return tuple(sock.getsockopt(*name) for name in names)


@BOTH
def test_a_stream_sends_at_once_and_keeps_urgent_bytes_in_their_place(version: int) -> None:
    sock = streams.new_socket(FAMILIES[version])
    assert options(sock) == (1, 1, 0)
    assert not os.get_blocking(sock.fileno())
    assert sock.getsockopt(*NO_PORT_YET) == 0
    assert sock.getsockname()[1] == 0
    sock.close()
    sock = streams.new_socket(FAMILIES[version], (str(HERE[version]), 0), "lo")
    assert sock.getsockopt(*NO_PORT_YET) == 1
    assert sock.getsockname()[0] == str(HERE[version])
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 16).rstrip(b"\0") == b"lo"
    sock.close()


@pytest.mark.parametrize("wrong", [{"source": ("192.0.2.77", 0)}, {"interface": "nope0"}])
def test_a_stream_that_cannot_be_as_it_is_wanted_leaves_nothing_open(wrong: dict[str, object]) -> None:
    before = descriptors()
    with pytest.raises(OSError, match=r"Cannot assign|No such device"):
        streams.new_socket(socket.AF_INET, **wrong)  # type: ignore[arg-type]
    assert descriptors() == before


def test_a_stream_is_connected_or_under_way_and_what_fails_at_once_is_closed(undo: ExitStack) -> None:
    there, port = listener(undo)
    sock = streams.begin_connect(socket.AF_INET, ("127.0.0.1", port))
    accepted, peer = streams.accept(there, socket.AF_INET)
    assert peer == sock.getsockname()
    assert (accepted.family, accepted.type, type(accepted)) == (socket.AF_INET, socket.SOCK_STREAM, socket.SocketType)
    assert os.get_blocking(accepted.fileno())
    accepted.close()
    sock.close()
    before = descriptors()
    with pytest.raises(OSError, match=r"^\[Errno 22\] Invalid argument$"):
        streams.begin_connect(socket.AF_INET6, ("fe80::1", 9))
    assert descriptors() == before


@pytest.mark.parametrize(
    ("after_s", "idle", "interval"),
    [(0.1, 1, 1), (1, 1, 1), (4, 4, 1), (8, 8, 2), (120.9, 120, 30), (1e9, 32767, 8191)],
)
def test_a_peer_is_asked_whether_it_is_there_within_what_the_kernel_takes(
    after_s: float, idle: int, interval: int
) -> None:
    with socket.socket() as sock:
        streams.keep_alive(sock, after_s)
        names = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
        assert [sock.getsockopt(socket.IPPROTO_TCP, name) for name in names] == [idle, interval, 4]
        assert options(sock)[2] == 1
        streams.keep_alive(sock, math.inf)
        assert options(sock)[2] == 0


def test_a_unix_socket_has_no_such_options_and_a_connection_that_is_gone_is_no_error() -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        streams.keep_alive(sock, 10)
        streams.without_delay(sock)
        assert sock.getsockopt(*KEEP[:2]) == 0
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE) == 0
    gone = socket.socket()
    gone.close()
    streams.keep_alive(gone, 10)
    streams.reset(gone)


def test_a_reset_is_what_the_peer_is_told(undo: ExitStack) -> None:
    there, port = listener(undo)
    sock = streams.begin_connect(socket.AF_INET, ("127.0.0.1", port))
    accepted, _ = there.accept()
    with accepted:
        streams.reset(sock)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8) == struct.pack("ii", 1, 0)
        sock.close()
        with pytest.raises(ConnectionResetError):
            accepted.recv(1)


def test_what_is_ready_is_told_for_what_is_asked() -> None:
    one, other = socket.socketpair()
    with one, other:
        said = {
            (to_read, to_write): streams.is_ready(one.fileno(), to_read=to_read, to_write=to_write)
            for to_read, to_write in itertools.product((False, True), repeat=2)
        }
        assert said == {(False, False): False, (True, False): False, (False, True): True, (True, True): True}
        other.send(b"x")
        assert streams.is_ready(one.fileno(), to_read=True, to_write=False)
        fill(one)
        assert not streams.is_ready(one.fileno(), to_read=False, to_write=True)


def test_what_a_peer_has_not_taken_is_counted(undo: ExitStack) -> None:
    there, port = listener(undo)
    there.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    with socket.create_connection(("127.0.0.1", port)) as sock:
        assert unsent(sock.fileno()) == 0
        sent = fill(sock)
        assert 0 < unsent(sock.fileno()) <= sent
    with Path(os.devnull).open() as nobody:
        assert unsent(nobody.fileno()) == 0
