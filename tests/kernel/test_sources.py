"""What a connection is made from: a port although the first address is silent, names, and options set before it."""

import enum
import socket
from collections.abc import Iterator

import pytest

import dualstack
from support.dialling import WAYS, Dial, Servers, nothing_left_open
from support.free_port import free_port


@pytest.fixture(params=WAYS)
def dial(request: pytest.FixtureRequest) -> Dial:
    return request.param


@pytest.fixture
def servers() -> Iterator[Servers]:
    with Servers() as made:
        yield made


class Port(enum.IntEnum):
    NONE = 0


def test_a_port_of_ones_own_although_the_first_address_is_silent(dial: Dial, servers: Servers) -> None:
    servers.silent("127.0.0.2")
    servers.accept("127.0.0.3")
    ours = free_port()
    with dial(["127.0.0.2", "127.0.0.3"], servers.port, timeout=20, source_address=("", ours)) as sock:
        assert sock.getsockname()[1] == ours
        assert sock.getpeername()[0] == "127.0.0.3"


@pytest.mark.parametrize("source", [("localhost", 0), "localhost", ("LOCALHOST.", Port.NONE)])
@pytest.mark.parametrize("address", ["::1", "127.0.0.1"])
def test_a_name_is_its_address_of_the_family_that_is_dialled(
    dial: Dial, servers: Servers, source: object, address: str
) -> None:
    servers.accept(address)
    with dial("localhost", servers.port, timeout=20, source_address=source) as sock:
        assert sock.getsockname()[0] == address


@pytest.mark.parametrize("source", [(None, 0), ("", 0), ("*", 0)])
def test_no_host_is_any(dial: Dial, servers: Servers, source: object) -> None:
    servers.accept("127.0.0.1")
    dial("127.0.0.1", servers.port, timeout=20, source_address=source).close()


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (("127.0.0.256", 0), "127.0.0.256"),
        (("name-that-is-not.invalid", 0), "no address to connect from"),
        (("::1", 65536), "0 to 65535"),
        (("::1", True), "0 to 65535"),
    ],
)
def test_a_source_that_is_none_says_so(dial: Dial, source: object, why: str) -> None:
    with nothing_left_open(), pytest.raises(dualstack.TargetError, match=why):
        dial("::1", 1, timeout=20, source_address=source)


@pytest.mark.parametrize("host", [None, "", b""])
def test_no_host_is_the_loopback(dial: Dial, servers: Servers, host: object) -> None:
    servers.accept("127.0.0.1")
    with dial(host, servers.port, timeout=20) as sock:
        assert sock.getpeername()[0] == "127.0.0.1"


def test_options_are_set_before_the_connection_is_made(dial: Dial, servers: Servers) -> None:
    servers.accept("::1")
    # The most that a segment may have is agreed on while the connection is made.
    options = [(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 700), (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    for host in ("::1", "localhost"):
        with dial(host, servers.port, timeout=20, socket_options=options) as sock, servers.peer("::1") as peer:
            assert peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG) < 700
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1


def test_an_option_that_cannot_be_set_is_the_error_of_the_connection(dial: Dial, servers: Servers) -> None:
    servers.accept("::1")
    with nothing_left_open(), pytest.raises(dualstack.DialError, match="not available"):
        dial("::1", servers.port, timeout=20, socket_options=[(socket.SOL_SOCKET, 9999, 1)])


def test_a_port_may_be_a_member_of_an_enumeration(servers: Servers) -> None:
    servers.accept("::1")
    member = enum.IntEnum("Named", {"PORT": servers.port}).PORT
    dualstack.create_connection(("::1", member), 20).close()


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("mail.example:80", r'write \("mail.example", 80\)'),
        ("mail.example", r'write \("mail.example", 80\)'),
        ("[::1]:80", r'write \("::1", 80\)'),
        ("::1", r'write \("::1", 80\)'),
        (b"mail.example:80", "a pair of host and port"),
        (("mail.example",), "a pair of host and port"),
        (("mail.example", 80, 0), "a pair of host and port"),
        (80, "a pair of host and port"),
        (None, "a pair of host and port"),
    ],
)
def test_an_address_that_is_no_pair_says_what_to_write(address: object, why: str) -> None:
    with pytest.raises(dualstack.TargetError, match=why):
        dualstack.create_connection(address)


def test_a_socket_address_with_a_scope_goes_by_it(servers: Servers) -> None:
    with pytest.raises(dualstack.TargetError, match="there is no interface 99999 here"):
        dualstack.create_connection(("fe80::1", servers.port, 0, 99999), 20)
