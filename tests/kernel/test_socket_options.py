"""What is set on each socket before it is used, asked of the kernel; and what becomes of a socket of another class."""

import _socket
import socket
import sys
from contextlib import ExitStack

import pytest

from dualstack.core.address.address import Address
from dualstack.core.oracle.case import Case, Sock
from dualstack.core.oracle.systems import STACKS
from dualstack.core.planning.socket_spec import SocketSpec
from dualstack.kernel.datagrams import tell_who_was_asked
from dualstack.kernel.pipes import PipePool
from dualstack.kernel.sockets import closed_socket, open_sockets
from dualstack.kernel.streams import as_socket
from dualstack.kernel.trial.namespace_specs import GROUNDS
from dualstack.kernel.trial.sinks import Sinks
from dualstack.kernel.trial.trial import _rivals
from support.free_port import free_port

linux = pytest.mark.skipif(sys.platform != "linux", reason="Linux' own")


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="Unix' own")
def test_a_datagram_socket_of_no_network_is_not_asked_to_tell_who_was_asked() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        tell_who_was_asked(sock)


def test_the_usual_class_is_given_back_and_the_plain_one_becomes_it() -> None:
    with socket.socket() as usual:
        assert as_socket(usual) is usual
    plain = _socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    number = plain.fileno()
    with as_socket(plain) as made:
        assert type(made) is socket.socket
        assert made.fileno() == number
        assert plain.fileno() == -1


@linux
def test_of_a_pool_that_is_used_up_one_that_comes_back_makes_room_for_one() -> None:
    pool = PipePool(limit=2, keep=1)
    with ExitStack() as undo:
        undo.callback(pool.close)
        taken = [pool.take() for _ in range(2)]
        assert None not in taken
        assert pool.take() is None
        for pipe in taken:
            assert pipe is not None
            pool.give_back(pipe)
            again = pool.take()
            assert again is not None
            assert pool.take() is None, "one came back, one is there"
            undo.callback(pool.give_back, again)


def spec(family: int, address: str, *, shared: bool = False, proto: str = "tcp") -> SocketSpec:
    v6only = True if family == 6 else None
    return SocketSpec("a", "a", family, Address(address), 0, v6only, proto, shared=shared)


def options_of(specs: list[SocketSpec]) -> list[tuple[int, int, int]]:
    """What each has of SO_REUSEADDR, SO_REUSEPORT and SO_ACCEPTCONN."""
    names = (socket.SO_REUSEADDR, socket.SO_REUSEPORT, socket.SO_ACCEPTCONN)
    with ExitStack() as undo:
        opened = [undo.enter_context(sock) for sock in open_sockets(specs)]
        return [
            (*(sock.getsockopt(socket.SOL_SOCKET, name) for name in names),)  # type: ignore[misc]
            for sock in opened
        ]


@linux
@pytest.mark.parametrize("shared", [False, True])
def test_a_socket_is_shared_where_its_plan_says_so_and_nowhere_else(shared: bool) -> None:  # noqa: FBT001
    pair = [spec(6, "::1", shared=shared), spec(4, "127.0.0.1", shared=shared)]
    assert options_of(pair) == [(1, int(shared), 1)] * 2
    assert options_of([spec(4, "127.0.0.1", shared=shared)]) == [(1, int(shared), 1)]


@linux
def test_a_pair_has_one_number_and_a_new_one_each_time() -> None:
    numbers = []
    for _ in range(2):
        with ExitStack() as undo:
            opened = [undo.enter_context(sock) for sock in open_sockets([spec(6, "::1"), spec(4, "127.0.0.1")])]
            (number,) = {sock.getsockname()[1] for sock in opened}
            assert number > 0
            numbers.append(number)
    assert len(set(numbers)) == 2


@linux
def test_a_number_that_the_kernel_chose_is_kept_when_the_socket_is_shut_down() -> None:
    (sock,) = open_sockets([spec(4, "127.0.0.1")])
    with sock, socket.socket() as stranger:
        where = sock.getsockname()
        sock.shutdown(socket.SHUT_RDWR)
        assert sock.getsockname() == where
        with pytest.raises(OSError, match="in use"):
            stranger.bind(where)
        sock.listen()
        assert sock.getsockname() == where


@pytest.mark.parametrize(
    ("family", "proto", "kind"),
    [(4, "tcp", socket.SOCK_STREAM), (6, "tcp", socket.SOCK_STREAM), (4, "udp", socket.SOCK_DGRAM)],
)
def test_what_stands_for_a_socket_is_of_its_family_and_kind_and_closed(
    family: int, proto: str, kind: socket.SocketKind
) -> None:
    stands = closed_socket(spec(family, "::1" if family == 6 else "127.0.0.1", proto=proto))
    assert stands.fileno() == -1
    assert stands.family == (socket.AF_INET6 if family == 6 else socket.AF_INET)
    assert stands.type == kind


@pytest.mark.parametrize("name", list(GROUNDS))
def test_a_ground_is_what_its_name_says(name: str) -> None:
    place = GROUNDS[name]
    assert place.bindv6only == (name == "bindv6only=1")
    assert place.ipv6 == (name != "IPv6 off")
    assert set(GROUNDS) == {"bindv6only=0", "bindv6only=1", "IPv6 off"}


@pytest.mark.parametrize(("proto", "version"), [(proto, version) for proto in ("tcp", "udp") for version in (4, 6)])
@linux
def test_a_sink_says_over_which_version_something_came_and_forgets_what_came_before(proto: str, version: int) -> None:
    where = "::1" if version == 6 else "127.0.0.1"
    family = socket.AF_INET6 if version == 6 else socket.AF_INET
    kind = socket.SOCK_STREAM if proto == "tcp" else socket.SOCK_DGRAM

    def send() -> None:
        with socket.socket(family, kind) as client:
            client.connect((where, sinks.port))
            if proto == "udp":
                client.send(b"x")

    with Sinks(free_port()) as sinks:
        assert sinks.what_arrived(proto) is None
        send()
        assert sinks.what_arrived(proto) == version
        assert sinks.what_arrived(proto) is None
        for _ in range(3):
            send()
        sinks.empty(proto)
        assert sinks.what_arrived(proto) is None


def rivals(*socks: Sock) -> int:
    case = Case(STACKS["linux"], "udp", socks, ())
    with ExitStack() as undo:
        return _rivals(case, {n: undo.enter_context(socket.socket()) for n in range(len(socks))}, 0)


def test_rivals_are_those_that_share_one_address_of_one_family() -> None:
    here, there = Address("10.0.0.1"), Address("10.0.0.2")
    mine = Sock(4, here, None, reuseport=True)
    assert rivals(mine) == 1
    assert rivals(mine, mine, mine) == 3
    assert rivals(mine, Sock(4, there, None, reuseport=True)) == 1
    assert rivals(mine, Sock(4, here, None, reuseport=False)) == 1
    assert rivals(mine, Sock(6, here.as_ipv6, None, reuseport=True)) == 1
    assert rivals(Sock(4, here, None, reuseport=False), mine) == 1
