"""Sockets in another's name, asked of the kernel: whose address they have, and what is set on them."""

import socket
import sys
from collections.abc import Iterator
from contextlib import suppress

import pytest

from dualstack.core.address.address import Address
from dualstack.kernel import transparent_sockets
from dualstack.kernel.packets import open_packet_socket
from dualstack.kernel.transparent_sockets import (
    open_packet_writer,
    open_transparent_flow,
    open_transparent_listener,
    open_transparent_stream,
)

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(sys.platform != "linux", reason="Linux' own"),
]

OTHERS = {4: Address("192.0.2.77"), 6: Address("2001:db8::77")}
HERE = {4: Address("127.0.0.1"), 6: Address("::1")}
TRANSPARENT = {4: (socket.IPPROTO_IP, 19), 6: (socket.IPPROTO_IPV6, 75)}
BOTH = pytest.mark.parametrize("version", [4, 6])


@pytest.fixture
def no_ipv6(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A kernel that makes no IPv6 sockets."""
    usual = socket.socket

    def made(family: int, *arguments: int) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(97, "Address family not supported by protocol")
        return usual(family, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(transparent_sockets.socket, "socket", made)
        yield


@BOTH
def test_a_packet_is_written_as_it_is_and_marked(version: int) -> None:
    with open_packet_writer(version, 0x1234) as sock:
        assert sock.family == {4: socket.AF_INET, 6: socket.AF_INET6}[version]
        assert (sock.type, sock.proto) == (socket.SOCK_RAW, 255)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_MARK) == 0x1234
        assert not sock.getblocking()


def test_a_listener_takes_both_families_and_any_address() -> None:
    with open_transparent_listener() as sock:
        assert sock.getsockopt(*TRANSPARENT[6]) == 1
        assert sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 0
        assert (sock.getsockname()[0], sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)) == ("::", 1)
        assert sock.getsockname()[1] > 0
        assert not sock.getblocking()


@pytest.mark.usefixtures("no_ipv6")
def test_without_ipv6_a_listener_takes_ipv4() -> None:
    with open_transparent_listener() as sock:
        assert sock.getsockopt(*TRANSPARENT[4]) == 1
        assert (sock.getsockname()[0], sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)) == ("0.0.0.0", 1)


@BOTH
def test_a_flow_is_bound_to_what_was_asked_and_hears_one_client(version: int) -> None:
    with socket.socket({4: socket.AF_INET, 6: socket.AF_INET6}[version], socket.SOCK_DGRAM) as client:
        client.bind((str(HERE[version]), 0))
        number = client.getsockname()[1]
        with open_transparent_flow((HERE[version], 0), (HERE[version], number)) as sock:
            assert sock.type == socket.SOCK_DGRAM
            assert sock.getpeername()[:2] == (str(HERE[version]), number)
            assert sock.getsockopt(*TRANSPARENT[version]) == 1
            assert not sock.getblocking()
            where = Address(sock.getsockname()[0]), sock.getsockname()[1]
            # The same address serves another client.
            with open_transparent_flow(where, (HERE[version], 9)) as other:
                assert other.getsockname() == sock.getsockname()


@BOTH
def test_a_stream_comes_from_an_address_that_is_nobodys_here_and_another_may_too(version: int) -> None:
    with open_transparent_stream((OTHERS[version], 0)) as sock:
        assert sock.type == socket.SOCK_STREAM
        assert sock.getsockname()[0] == str(OTHERS[version])
        assert sock.getsockopt(*TRANSPARENT[version]) == 1
        assert not sock.getblocking()
        with open_transparent_stream((OTHERS[version], sock.getsockname()[1])) as other:
            assert other.getsockname() == sock.getsockname()


@pytest.mark.parametrize("for_passing_on", [False, True])
def test_a_packet_socket_has_every_frame_and_the_headers_only_for_passing_on(*, for_passing_on: bool) -> None:
    with open_packet_socket("lo", for_passing_on=for_passing_on) as sock:
        assert sock.getsockname()[:2] == ("lo", 3)
        assert sock.getsockopt(263, 15) == int(for_passing_on)
        # Asked of later kernels alone.
        with suppress(OSError):
            assert sock.getsockopt(263, 23) == int(for_passing_on)
        assert not sock.getblocking()
    with pytest.raises(OSError, match="No such device"):
        open_packet_socket("nope0")
