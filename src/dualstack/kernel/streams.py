"""Stream sockets for the data plane: accepted, connected and reset in as few system calls as the kernel allows.

`socket.SocketType`, the C class under `socket.socket`, does all that a relay needs, in half the time and memory.
Never waits: what would block raises `BlockingIOError`, a connection under way is left under way.
"""

import socket
import struct
from contextlib import suppress
from errno import EINPROGRESS
from socket import SocketType

__all__ = ["SockAddr", "accept", "as_socket", "begin_connect", "error_of", "reset", "without_delay"]

SockAddr = tuple[str, int] | tuple[str, int, int, int] | str
"""A socket address in the words of the `socket` module; text is the path of a Unix socket."""

_LINGER_NOT = struct.pack("ii", 1, 0)
# linux/in.h; Python names it from 3.12 on.
_IP_BIND_ADDRESS_NO_PORT = 24
# Linux and the BSDs make a socket non-blocking in the call that makes it.
_NON_BLOCKING = getattr(socket, "SOCK_NONBLOCK", 0)


def accept(listener: SocketType, family: int) -> tuple[SocketType, SockAddr]:
    """The next connection, a blocking socket, and its peer as the kernel gives it; `family` is the listener's.

    `socket.accept` makes three calls and an enum more; the kernel passes TCP_NODELAY on from the listener.
    """
    descriptor, peer = listener._accept()  # type: ignore[attr-defined]  # noqa: SLF001 - socket.accept() is built on it
    return SocketType(family, socket.SOCK_STREAM, 0, descriptor), peer


def as_socket(sock: SocketType) -> socket.socket:
    """The same connection as the usual class, for who wants `makefile`, `dup` or a context manager."""
    return sock if isinstance(sock, socket.socket) else socket.socket(fileno=sock.detach())


def begin_connect(family: int, address: SockAddr, source: SockAddr | None = None) -> SocketType:
    """A non-blocking socket whose connection to `address` is made or under way.

    Args:
        family: of `address`; `AF_UNIX` for a path.
        address: where to.
        source: what to bind before, with port 0 where any will do.

    Raises:
        OSError: it failed at once; nothing is left open. A Unix socket whose backlog is full raises
            `BlockingIOError`: no event will tell when there is room, so ask again.
    """
    sock = SocketType(family, socket.SOCK_STREAM | _NON_BLOCKING)
    try:
        if not _NON_BLOCKING:
            sock.setblocking(False)  # noqa: FBT003 - the standard library's own
        if family != socket.AF_UNIX:
            without_delay(sock)
        if source is not None:
            # The port is chosen at connect, for this one peer: 28,000 connections a peer, not in all.
            with suppress(OSError):
                sock.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
            sock.bind(source)
        sock.connect(address)
    except BaseException as error:
        if isinstance(error, BlockingIOError) and error.errno == EINPROGRESS:
            return sock
        sock.close()
        raise
    return sock


def without_delay(sock: SocketType) -> None:
    """Send small segments at once (TCP_NODELAY), and keep urgent bytes in their place in the stream.

    RFC 6093 section 4: urgent data is in line; without SO_OOBINLINE the DM of a telnet `IAC DM` would be lost.
    """
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)


def error_of(sock: SocketType) -> int:
    """The socket's pending error, 0 where there is none; asking clears it."""
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


def reset(sock: SocketType) -> None:
    """Have the close of `sock` end its connection with a reset; what was not sent is dropped."""
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
