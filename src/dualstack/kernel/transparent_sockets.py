"""Sockets that speak in another's name: bound to addresses that are nobody's here, or writing whole packets.

Linux, with CAP_NET_ADMIN and CAP_NET_RAW of the network namespace (ip(7), IP_TRANSPARENT; raw(7), IPPROTO_RAW).
"""

import socket
from contextlib import ExitStack
from socket import SocketType

from dualstack.core.address.address import SOCKET_FAMILIES, Address
from dualstack.core.address.sockaddr import SocketAddress
from dualstack.kernel.datagrams import make_room
from dualstack.kernel.socket_options import BACKLOG

__all__ = ["open_packet_writer", "open_transparent_flow", "open_transparent_listener", "open_transparent_stream"]

# include/uapi/linux/in.h, in6.h; Python names the first from 3.11 on, on some systems.
_TRANSPARENT = {socket.AF_INET: (socket.IPPROTO_IP, 19), socket.AF_INET6: (socket.IPPROTO_IPV6, 75)}
_SO_MARK = 36
_IPPROTO_RAW = 255


def open_packet_writer(version: int, mark: int) -> socket.socket:
    """A socket that sends packets as they are, each with this mark; nothing is received by it.

    Raises:
        OSError: no right, or no such family here.
    """
    with ExitStack() as undo:
        sock = undo.enter_context(socket.socket(SOCKET_FAMILIES[version], socket.SOCK_RAW, _IPPROTO_RAW))
        sock.setsockopt(socket.SOL_SOCKET, _SO_MARK, mark)
        make_room(sock)
        sock.setblocking(False)
        undo.pop_all()
    return sock


def open_transparent_listener() -> socket.socket:
    """A socket that accepts what the packet filter gives it (`tproxy`), for any address of both families.

    Raises:
        OSError: no right.
    """
    with ExitStack() as undo:
        sock = undo.enter_context(_both_families())
        sock.setsockopt(*_TRANSPARENT[socket.AddressFamily(sock.family)], 1)
        sock.bind(("::" if sock.family == socket.AF_INET6 else "0.0.0.0", 0))
        sock.listen(BACKLOG)
        sock.setblocking(False)
        undo.pop_all()
    return sock


def open_transparent_flow(asked: tuple[Address, int], client: tuple[Address, int]) -> SocketType:
    """A UDP socket that is bound to the address that was asked and hears this client alone; does not block.

    Raises:
        OSError: no right, or the pair is another socket's.
    """
    with ExitStack() as undo:
        family = SOCKET_FAMILIES[asked[0].version]
        sock = undo.enter_context(socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK))
        sock.setsockopt(*_TRANSPARENT[family], 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(SocketAddress(*asked).to_tuple())
        sock.connect(SocketAddress(*client).to_tuple())
        undo.pop_all()
    return sock


def open_transparent_stream(source: tuple[Address, int]) -> socket.socket:
    """A TCP socket that is bound to an address of another's, to be connected; does not block.

    Raises:
        OSError: no right, or another socket is bound to it.
    """
    with ExitStack() as undo:
        family = SOCKET_FAMILIES[source[0].version]
        sock = undo.enter_context(socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK))
        sock.setsockopt(*_TRANSPARENT[family], 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(SocketAddress(*source).to_tuple())
        undo.pop_all()
    return sock


def _both_families() -> socket.socket:
    try:
        sock = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
    except OSError:
        return socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    return sock
