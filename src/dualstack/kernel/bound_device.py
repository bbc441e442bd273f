"""Whether a socket that keeps to one interface hears anything: the kernel binds it to a number, not to a name.

An interface that is deleted and made anew has another number, and a socket bound to the one before hears nothing for
ever, without an error (socket(7), SO_BINDTODEVICE; net/core/sock.c: sock_bindtoindex). A link-local address binds its
socket just so.
"""

import errno
import socket
import sys
from enum import Enum

from dualstack.core.planning.socket_spec import SocketSpec

__all__ = ["Hearing", "device_named", "hearing"]

_SO_BINDTOIFINDEX = 62  # asm-generic/socket.h, since Linux 5.1


class Hearing(Enum):
    """What became of the interface that a socket keeps to."""

    HEARS = "it is there"
    GONE = "it is gone"
    ANEW = "another has its name"


def hearing(sock: socket.socket, spec: SocketSpec) -> Hearing:
    """Whether `sock`, opened for `spec`, is still bound to the interface of that name; only Linux tells."""
    name = device_named(spec)
    if name is None or sock.fileno() < 0 or sys.platform != "linux":
        return Hearing.HEARS
    index = _index_of(name)
    if index is None:
        return Hearing.GONE
    return Hearing.HEARS if _bound_to(sock, index) == index else Hearing.ANEW


def device_named(spec: SocketSpec) -> str | None:
    """The interface that a socket of `spec` keeps to, by name or number."""
    return spec.interface or (spec.address.scope if spec.address.needs_scope else None)


def _index_of(name: str) -> int | None:
    try:
        if name.isdecimal():
            socket.if_indextoname(int(name))
            return int(name)
        return socket.if_nametoindex(name)
    except OSError:
        return None


def _bound_to(sock: socket.socket, otherwise: int) -> int:
    """The number that the socket is bound to; `otherwise` where the system does not tell."""
    try:
        return sock.getsockopt(socket.SOL_SOCKET, _SO_BINDTOIFINDEX)
    except OSError as error:
        if error.errno in {errno.ENOPROTOOPT, errno.EINVAL}:
            return otherwise
        raise
