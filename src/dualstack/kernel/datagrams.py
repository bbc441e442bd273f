"""UDP sockets that say which address was asked, and answer from it.

On a host with several addresses a plain answer leaves from the address that the route prefers, and clients drop it. So
each datagram is read with the address it was sent to, and its answer is sent with that as its source: by IPV6_PKTINFO
(RFC 3542 section 6.2), and for IPv4 by IP_PKTINFO (ip(7)) or IP_RECVDSTADDR (ip(4) of the BSDs). On Linux a socket of
both families tells an IPv4 address as a mapped one, and takes it back the same way
(net/ipv6/datagram.c: ip6_datagram_recv_common_ctl; net/ipv4/ip_sockglue.c: ip_cmsg_send).

A system without (Windows has no recvmsg in Python) answers from the address that its route prefers. Never waits.
"""

import socket
import struct
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from socket import SocketType

from dualstack.core.address.address import Address, SocketTuple
from dualstack.core.address.sockaddr import SockAddr
from dualstack.kernel.socket_options import keep_to_interface
from dualstack.kernel.zones import scoped_address

__all__ = [
    "DATAGRAM_BYTES",
    "Ancillary",
    "Received",
    "Receiver",
    "answer_from",
    "asked_address",
    "connected",
    "make_room",
    "receive",
    "receiver_into",
    "send_behind",
    "send_from",
    "tell_of_undelivered",
    "tell_who_was_asked",
    "unconnected",
    "undelivered",
]

Ancillary = Sequence[tuple[int, int, bytes]]

Receiver = Callable[[], tuple[int, Ancillary, int, SocketTuple]]
"""Gives a datagram's size, what the kernel says beside it, its flags, and who sent it."""

DATAGRAM_BYTES = 1 << 16
"""Room for any datagram: the length field of RFC 768 has 16 bits."""

# Room for what is asked for.
_ANCILLARY_BYTES = 128

_IPV6 = socket.IPPROTO_IPV6
_RECVPKTINFO = getattr(socket, "IPV6_RECVPKTINFO", None)
_PKTINFO = getattr(socket, "IPV6_PKTINFO", None)
# linux/in.h and the BSDs' netinet/in.h: the option that asks, which is the kind of the message too.
_IP_OPTION = {"linux": 8, "darwin": 26, "freebsd": 7, "openbsd": 7, "netbsd": 7}.get(sys.platform.rstrip("0123456789"))
_IP_RECVDSTADDR = 7
_HAS_MESSAGES = hasattr(socket.socket, "recvmsg")

_IN6_PKTINFO = struct.Struct("=16si")  # address, interface
_IN_PKTINFO = struct.Struct("=i4s4s")  # interface, address to answer from, destination in the header

# linux/in.h, linux/in6.h, linux/socket.h; Python names the last alone.
_ERROR_OPTIONS = {socket.AF_INET: (socket.IPPROTO_IP, 11), socket.AF_INET6: (socket.IPPROTO_IPV6, 25)}
_MSG_ERRQUEUE = getattr(socket, "MSG_ERRQUEUE", None)

# As much as may be had: 60 kB datagrams fill the default of 208 kB at once.
_RECEIVE_BUFFER_BYTES = 1 << 22


@dataclass(frozen=True, slots=True)
class Received:
    """A datagram, who sent it as the kernel gives them, and what the kernel said beside it."""

    content: bytes
    peer: SocketTuple
    ancillary: Ancillary


def tell_of_undelivered(sock: SocketType) -> None:
    """Have what ICMP says of datagrams kept for `undelivered` (ip(7), IP_RECVERR); elsewhere than on Linux nothing is.

    A socket that is not connected hears of no ICMP error else.
    """
    if sys.platform == "linux":
        sock.setsockopt(*_ERROR_OPTIONS[socket.AddressFamily(sock.family)], 1)


def undelivered(sock: SocketType) -> SocketTuple | None:
    """Where the next datagram went that ICMP says was not delivered; None where there is none."""
    if _MSG_ERRQUEUE is None:
        return None
    try:
        _, _, _, there = sock.recvmsg(0, 0, _MSG_ERRQUEUE)
    except OSError:
        return None
    return there if isinstance(there, tuple) else None


def make_room(sock: SocketType) -> None:
    """Have as much wait in the socket as the system lets."""
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)


def tell_who_was_asked(sock: socket.socket) -> None:
    """Have the address that was asked told with each datagram; before bind, so that there is none without.

    A socket bound to an address needs it not: no other can be asked, and none answers.
    """
    if not _HAS_MESSAGES:
        return
    if sock.family == socket.AF_INET6 and _RECVPKTINFO is not None:
        sock.setsockopt(_IPV6, _RECVPKTINFO, 1)
    elif sock.family == socket.AF_INET and _IP_OPTION is not None:
        sock.setsockopt(socket.IPPROTO_IP, _IP_OPTION, 1)


def receive(sock: socket.socket) -> Received:
    """The next datagram.

    Raises:
        BlockingIOError: none waits.
    """
    if not _HAS_MESSAGES:
        content, peer = sock.recvfrom(DATAGRAM_BYTES)
        return Received(content, peer, ())
    content, ancillary, _, peer = sock.recvmsg(DATAGRAM_BYTES, _ANCILLARY_BYTES)
    return Received(content, peer, ancillary)


def receiver_into(sock: socket.socket, buffer: memoryview) -> Receiver:
    """`receive` for who has a buffer of `DATAGRAM_BYTES`: called for each datagram, it fills the buffer."""
    if _HAS_MESSAGES:
        return partial(sock.recvmsg_into, (buffer,), _ANCILLARY_BYTES)

    def receive_plain() -> tuple[int, Ancillary, int, SocketTuple]:
        size, peer = sock.recvfrom_into(buffer)
        return size, (), 0, peer

    return receive_plain


def send_from(sock: socket.socket, content: bytes | memoryview, peer: SocketTuple, ancillary: Ancillary) -> None:
    """Send a datagram; `ancillary` is what `answer_from` made of the question's.

    Raises:
        OSError: as sendmsg(2) has it.
    """
    if ancillary:
        sock.sendmsg((content,), ancillary, 0, peer)
    else:
        sock.sendto(content, peer)


def send_behind(sock: SocketType, head: bytes, content: memoryview) -> None:
    """Send `head` and `content` as one datagram to whom the socket is connected.

    Raises:
        OSError: as sendmsg(2) has it.
    """
    if _HAS_MESSAGES:
        sock.sendmsg((head, content))
    else:
        sock.send(head + content)


def answer_from(ancillary: Ancillary) -> Ancillary:
    """What is sent with an answer so that it leaves from the address that was asked; nothing for a group's.

    The interface goes with a link-local address alone: elsewhere the route back is the kernel's to choose.
    """
    for level, kind, value in ancillary:
        if (level, kind) == (_IPV6, _PKTINFO):
            packed, interface = _IN6_PKTINFO.unpack_from(value)
            address = Address(packed)
            if address.canonical.is_multicast:
                return ()
            return ((level, kind, _IN6_PKTINFO.pack(packed, interface if address.needs_scope else 0)),)
        if level == socket.IPPROTO_IP and kind == _IP_OPTION:
            if _IP_OPTION == _IP_RECVDSTADDR:
                return ((level, kind, value),)
            _, local, asked = _IN_PKTINFO.unpack_from(value)
            # Linux says by which address to answer what was sent to all (ip(7)); macOS says nothing there.
            local = local if any(local) else asked
            return ((level, kind, _IN_PKTINFO.pack(0, local, bytes(4))),)
    return ()


def asked_address(ancillary: Ancillary) -> Address | None:
    """The address that the client asked, IPv4 as such, with its zone; None where the system does not say."""
    for level, kind, value in ancillary:
        if (level, kind) == (_IPV6, _PKTINFO):
            packed, interface = _IN6_PKTINFO.unpack_from(value)
            return scoped_address(packed, interface).canonical
        if level == socket.IPPROTO_IP and kind == _IP_OPTION:
            return Address(value[:4] if _IP_OPTION == _IP_RECVDSTADDR else _IN_PKTINFO.unpack_from(value)[2])
    return None


def connected(
    family: int, address: SockAddr, source: SockAddr | None = None, interface: str | None = None
) -> SocketType:
    """A UDP socket that does not block and hears `address` alone; nothing is sent.

    Raises:
        OSError: there is no way to it; nothing is left open.
    """
    sock = unconnected(family, source, interface)
    try:
        sock.connect(address)
    except BaseException:
        sock.close()
        raise
    return sock


def unconnected(family: int, source: SockAddr | None = None, interface: str | None = None) -> SocketType:
    """A UDP socket of one family alone that does not block, bound to `source` if that is given.

    Raises:
        OSError: it cannot be; nothing is left open.
    """
    sock = SocketType(family, socket.SOCK_DGRAM | getattr(socket, "SOCK_NONBLOCK", 0))
    try:
        sock.setblocking(False)
        if family == socket.AF_INET6:
            sock.setsockopt(_IPV6, socket.IPV6_V6ONLY, 1)
        if interface is not None:
            keep_to_interface(sock, interface)
        if source is not None:
            sock.bind(source)
    except BaseException:
        sock.close()
        raise
    return sock
