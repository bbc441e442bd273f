"""Stream sockets for the data plane: accepted, connected and reset in as few system calls as the kernel allows.

`socket.SocketType`, the C class under `socket.socket`, does all that a relay needs, in half the time and memory.
Never waits: what would block raises `BlockingIOError`, a connection under way is left under way.
"""

import errno
import math
import os
import select
import socket
import struct
from contextlib import suppress
from functools import lru_cache
from socket import SocketType

from dualstack.core.address.sockaddr import SockAddr
from dualstack.kernel.socket_options import IP_BIND_ADDRESS_NO_PORT, keep_to_interface

__all__ = [
    "CONNECTION_LOST_IN_QUEUE",
    "NO_ROOM",
    "accept",
    "as_socket",
    "begin_connect",
    "is_ready",
    "keep_alive",
    "new_socket",
    "reset",
    "without_delay",
]


NO_ROOM = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""What says that the process or the system has no room now, and nothing of the connection asked for."""

CONNECTION_LOST_IN_QUEUE = frozenset(
    getattr(errno, name)
    for name in (
        *("ECONNABORTED", "EHOSTDOWN", "EHOSTUNREACH", "EINTR", "ENETDOWN", "ENETUNREACH"),
        *("ENONET", "ENOPROTOOPT", "EOPNOTSUPP", "EPERM", "EPROTO"),
    )
    if hasattr(errno, name)
)
"""accept(2), "Error handling": what befell one connection in the queue; the listening socket is well."""

_INTERNET = frozenset({socket.AF_INET, socket.AF_INET6})
_LINGER_NOT = struct.pack("ii", 1, 0)
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


def is_ready(descriptor: int, *, to_read: bool, to_write: bool) -> bool:
    """Whether the socket has bytes or an end to read, or room to write to, at this moment."""
    if not (to_read or to_write):
        return False
    if not hasattr(select, "poll"):
        # Windows, where select(2) takes descriptors of any number.
        readable, writable, _ = select.select([descriptor] * to_read, [descriptor] * to_write, [], 0)
        return bool(readable or writable)
    poll = select.poll()
    poll.register(descriptor, select.POLLIN * to_read | select.POLLOUT * to_write)
    return bool(poll.poll(0))


def new_socket(family: int, source: SockAddr | None = None, interface: str | None = None) -> SocketType:
    """A non-blocking socket that is not connected yet, bound to `source` (port 0: any port that will do) if given.

    It goes by `interface` alone if that is given, which Linux can.

    Raises:
        OSError: nothing is left open.
    """
    sock = SocketType(family, socket.SOCK_STREAM | _NON_BLOCKING)
    try:
        if not _NON_BLOCKING:
            sock.setblocking(False)
        without_delay(sock)
        if interface is not None:
            keep_to_interface(sock, interface)
        if source is not None:
            with suppress(OSError):
                sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
            sock.bind(source)
    except BaseException:
        sock.close()
        raise
    return sock


def begin_connect(
    family: int, address: SockAddr, source: SockAddr | None = None, interface: str | None = None
) -> SocketType:
    """A non-blocking socket whose connection to `address` is made or under way.

    Args:
        family: of `address`; `AF_UNIX` for a path.
        address: where to.
        source: what to bind before.
        interface: the one to go by.

    Raises:
        OSError: it failed at once; nothing is left open. A Unix socket whose backlog is full raises
            `BlockingIOError`: no event will tell when there is room, so ask again.
    """
    sock = new_socket(family, source, interface)
    result = sock.connect_ex(address)
    if result in (0, errno.EINPROGRESS):
        return sock
    sock.close()
    raise OSError(result, os.strerror(result))


# macOS has another name for the first.
_KEEP_IDLE = getattr(socket, "TCP_KEEPIDLE", getattr(socket, "TCP_KEEPALIVE", None))
_KEEP_INTERVAL = getattr(socket, "TCP_KEEPINTVL", None)
_KEEP_COUNT = getattr(socket, "TCP_KEEPCNT", None)
_PROBES = 4
# MAX_TCP_KEEPIDLE, include/net/tcp.h.
_IDLE_MAX_S = 32767


def keep_alive(sock: SocketType, after_s: float) -> None:
    """Ask the peer after `after_s` without a byte whether it is still there (RFC 9293 section 3.8.4); `inf` is never.

    One that has vanished is noticed after twice that. What is accepted from a listening socket has its settings.
    """
    if sock.family not in _INTERNET:
        return
    # The connection may be gone already, which whoever reads from it is told.
    with suppress(OSError):
        for option in _keep_alive_options(after_s):
            sock.setsockopt(*option)


@lru_cache(maxsize=64)
def _keep_alive_options(after_s: float) -> tuple[tuple[int, int, int], ...]:
    """The arguments of `setsockopt`, worked out once for all connections that want the same."""
    if after_s == math.inf:
        return ((socket.SOL_SOCKET, socket.SO_KEEPALIVE, 0),)
    seconds = int(min(max(after_s, 1.0), _IDLE_MAX_S))
    wanted = ((_KEEP_IDLE, seconds), (_KEEP_INTERVAL, max(seconds // _PROBES, 1)), (_KEEP_COUNT, _PROBES))
    timing = ((socket.IPPROTO_TCP, option, value) for option, value in wanted if option is not None)
    return ((socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1), *timing)


def without_delay(sock: SocketType) -> None:
    """Send small segments at once (TCP_NODELAY), and keep urgent bytes in their place; no matter for Unix sockets.

    RFC 6093 section 4: urgent data is in line; without SO_OOBINLINE the DM of a telnet `IAC DM` would be lost.
    """
    if sock.family in _INTERNET:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)


def reset(sock: SocketType) -> None:
    """Have the close of `sock` end its connection with a reset; what was not sent is dropped."""
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
