"""Descriptors that another process opened, as sockets: each is looked at, none is changed but to not block.

Linux has O_NONBLOCK on the open file, so the other holder of a socket gets it too; close-on-exec is ours alone.
"""

import os
import socket
from collections.abc import Sequence

from dualstack.core.planning.inherited import Inherited
from dualstack.errors import ListenError
from dualstack.kernel.zones import address_in

__all__ = ["adopt", "adopt_any", "describe_inherited", "place_descriptors"]

_PROTOCOLS = {socket.SOCK_STREAM: "tcp", socket.SOCK_DGRAM: "udp"}
# asm-generic/socket.h; Python names it on Linux alone.
_ACCEPTCONN = getattr(socket, "SO_ACCEPTCONN", None)


def adopt(descriptor: int, name: str = "") -> socket.socket:
    """The socket of a descriptor, non-blocking and not inherited any further.

    Raises:
        ListenError: it is none that clients of the Internet can come in by.
    """
    target = f"descriptor {descriptor}{f' ({name})' if name else ''}"
    try:
        os.set_inheritable(descriptor, False)
        sock = socket.socket(fileno=descriptor)
    except OSError as error:
        raise ListenError(target, f"is no socket: {error.strerror}", errno=error.errno) from error
    try:
        _check(sock, target)
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock


def adopt_any(descriptor: int) -> socket.socket:
    """The socket of a descriptor, whatever it is, not inherited any further; it does not block, and Python knows it.

    `socket.dup` of one that Python thinks blocks makes all who have the same open file block.
    """
    os.set_inheritable(descriptor, False)
    sock = socket.socket(fileno=descriptor)
    sock.setblocking(False)
    return sock


def _check(sock: socket.socket, target: str) -> None:
    if sock.family not in {socket.AF_INET, socket.AF_INET6} or sock.type not in _PROTOCOLS:
        raise ListenError(target, "is neither TCP nor UDP over IPv4 or IPv6; hand over sockets of those")
    if sock.type == socket.SOCK_STREAM and _ACCEPTCONN is not None:
        if not sock.getsockopt(socket.SOL_SOCKET, _ACCEPTCONN):
            raise ListenError(target, "does not listen; hand over listening sockets (systemd: Accept=no)")
    elif sock.getsockname()[1] == 0:
        raise ListenError(target, "is bound to no port")


def describe_inherited(sock: socket.socket, name: str = "") -> Inherited:
    """What the kernel tells of a socket; V6ONLY is read."""
    where = sock.getsockname()
    is_ipv6 = sock.family == socket.AF_INET6
    v6only = bool(sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)) if is_ipv6 else None
    family = 6 if is_ipv6 else 4
    return Inherited(sock.fileno(), name, _PROTOCOLS[sock.type], family, address_in(where), where[1], v6only)


def place_descriptors(descriptors: Sequence[int], first: int) -> None:
    """Have them stand in a row from `first` on, for a program that takes over; what stood there is gone."""
    # None of them may be written over before its turn: copies above the row.
    beyond = max(*descriptors, first + len(descriptors)) + 1 if descriptors else first
    copies = [os.dup2(descriptor, beyond + index, inheritable=False) for index, descriptor in enumerate(descriptors)]
    for index, copy in enumerate(copies):
        os.dup2(copy, first + index, inheritable=True)
