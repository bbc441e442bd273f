"""What sockets of several kinds are given, each named once, with what a system without it says; and the backlog."""

import errno
import socket
import sys
from socket import SocketType

__all__ = ["BACKLOG", "CAN_KEEP_TO_INTERFACE", "IP_BIND_ADDRESS_NO_PORT", "error_of", "keep_to_interface", "share_port"]

BACKLOG = 4096
"""How many connections may wait to be accepted.

Linux takes the smaller of this and net.core.somaxconn, whose default it is (listen(2)).
"""

CAN_KEEP_TO_INTERFACE = hasattr(socket, "SO_BINDTODEVICE")
"""Linux alone has it."""

IP_BIND_ADDRESS_NO_PORT = 24
"""linux/in.h, of level IPPROTO_IP for both families; Python names it from 3.12 on.

The port is chosen at connect, for this one peer: 28,000 connections a peer, not in all.
"""


def error_of(sock: SocketType) -> int:
    """The socket's pending error, 0 where there is none; asking clears it (SO_ERROR)."""
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


def keep_to_interface(sock: SocketType, name: str) -> None:
    """Have it send and receive by one interface alone; no right is needed for a socket's first, from Linux 5.7 on.

    Raises:
        OSError: ENODEV, there is no such interface; EPERM; EOPNOTSUPP, the system has no such option.
    """
    if not CAN_KEEP_TO_INTERFACE:
        raise OSError(errno.EOPNOTSUPP, f"this system cannot bind a socket to {name}")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, name.encode() + b"\0")


def share_port(sock: SocketType) -> None:
    """Let further sockets of ours stand beside it, also when it is bound: the option is read live.

    Linux: inet_csk_bind_conflict. On Windows any socket may stand there, as long as none excludes.
    """
    if sys.platform != "win32":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
