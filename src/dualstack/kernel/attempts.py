"""Sockets for connections in the making: begun without waiting, or made with a plain blocking call.

Who gets a socket closes it; who gets an error has nothing to close. Nothing is decided here.
"""

import errno
import os
import socket
import sys
from socket import SocketType

from dualstack.core.address.address import SOCKET_FAMILIES, Address, SocketTuple
from dualstack.core.address.well_known import UNSPECIFIED
from dualstack.core.dial.egress import FROM_ANYWHERE, Source
from dualstack.errors import AddressError
from dualstack.kernel.socket_options import IP_BIND_ADDRESS_NO_PORT, keep_to_interface
from dualstack.kernel.zones import address_in

__all__ = ["begin", "connect", "failure_of", "interface_names", "sockaddr_of", "socket_pair", "source_of"]

_UNDER_WAY = frozenset({errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EALREADY})
# Linux answers a second connect(2) with how the first stands; elsewhere that may be an error of its own.
_CAN_ASK_AGAIN = sys.platform == "linux"
# RFC 863; a datagram socket that is connected sends nothing.
_DISCARD = 9


def connect(
    address: Address, port: int, *, source: Source | None = None, timeout: float | None = None
) -> socket.socket:
    """A socket connected by one blocking call, with that timeout set.

    Raises:
        OSError: nothing is left open.
    """
    sock = _new(address.version)
    try:
        sock.settimeout(timeout)
        if source is not None:
            _bind(sock, address.version, source)
        sock.connect(sockaddr_of(address, port))
    except BaseException:
        sock.close()
        raise
    return sock


def begin(address: Address, port: int, source: Source) -> tuple[socket.socket, bool]:
    """A non-blocking socket whose connection is under way, and whether it is made already.

    Raises:
        OSError: it failed at once; nothing is left open.
    """
    sock = _new(address.version)
    try:
        sock.setblocking(False)
        if source is not FROM_ANYWHERE:
            _bind(sock, address.version, source)
        where = sockaddr_of(address, port)
        result = sock.connect_ex(where)
        if result in _UNDER_WAY and _CAN_ASK_AGAIN and address.is_loopback:
            # There it is made by now: no event needs to be waited for.
            result = sock.connect_ex(where)
        _check(result)
    except BaseException:
        sock.close()
        raise
    return sock, not result


def _new(version: int) -> socket.socket:
    """A socket that says it is TCP's: asyncio sends small segments at once (TCP_NODELAY) for those alone.

    No flag stands in the type, since what gevent and PySocks put in the place of `socket.socket` knows none.
    """
    return socket.socket(SOCKET_FAMILIES[version], socket.SOCK_STREAM, socket.IPPROTO_TCP)


def _check(result: int) -> None:
    if result and result not in _UNDER_WAY:
        raise OSError(result, os.strerror(result))


def failure_of(error: OSError | AddressError | int) -> tuple[int, str]:
    """The number of what made an attempt fail, and the words for it."""
    if isinstance(error, int):
        return error, os.strerror(error)
    if isinstance(error, OSError) and error.errno:
        return error.errno, error.strerror or os.strerror(error.errno)
    return errno.EINVAL, str(error)


def socket_pair() -> tuple[socket.socket, socket.socket]:
    """Two ends that do not block, to wake whoever waits for events."""
    ends = socket.socketpair()
    for end in ends:
        end.setblocking(False)
    return ends


def _bind(sock: SocketType, version: int, source: Source) -> None:
    if source.interface is not None:
        keep_to_interface(sock, source.interface)
    for level, option, value in source.options:
        sock.setsockopt(level, option, value)
    if source.address is None and not source.port:
        return
    if not source.port:
        try:  # noqa: SIM105 - who connects from anywhere does not pay for contextlib
            sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        except OSError:
            pass
    elif sys.platform != "win32":
        # Another attempt of the same race may have the port already; on Windows this would let strangers in.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    address = source.address or UNSPECIFIED[version]
    sock.bind(sockaddr_of(address, source.port))


def sockaddr_of(address: Address, port: int) -> SocketTuple:
    """What `connect` and `bind` take.

    Raises:
        AddressError: there is no interface of its scope.
    """
    if address.scope is None:
        return (str(address), port) if address.version == 4 else (str(address), port, 0, 0)
    from dualstack.core.address.sockaddr import SocketAddress  # who has no scope does not pay for it

    return SocketAddress(address, port).to_tuple(socket.if_nametoindex)


def source_of(address: Address, source: Source) -> Address | None:
    """The address that the kernel would connect from (RFC 6724 section 6); None where it has no way there.

    A datagram socket is connected, which sends nothing.
    """
    if address.is_loopback:
        return address
    try:
        # Not of `socket.socket`, in whose place a program may have put one that goes by a proxy.
        sock = SocketType(SOCKET_FAMILIES[address.version], socket.SOCK_DGRAM)
    except OSError:
        return None
    try:
        _bind(sock, address.version, Source(source.address, 0, source.interface))
        sock.connect(sockaddr_of(address, _DISCARD))
        name = sock.getsockname()
    except (OSError, ValueError):
        return None
    finally:
        sock.close()
    return address_in(name)


def interface_names() -> list[str]:
    """The interfaces of this host but for the loopback, as the kernel lists them."""
    try:
        return [name for _, name in socket.if_nameindex() if not name.startswith("lo")]
    except (AttributeError, OSError):
        return []
