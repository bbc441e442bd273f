"""Unix sockets: for control, which nobody but their owner may open; between our own processes; to a service manager."""

import os
import socket
from pathlib import Path

__all__ = ["connect_control_socket", "open_control_socket", "socket_pair", "tell"]


def open_control_socket(path: str) -> socket.socket:
    """A listening Unix socket that its owner alone may open (mode 0600).

    Raises:
        OSError: it cannot be made there.
    """
    sock = socket.socket(socket.AF_UNIX)
    try:
        # On Linux the file gets the socket's own mode, so that nobody slips in before a chmod (unix(7)).
        os.fchmod(sock.fileno(), 0o600)
        sock.bind(path)
        Path(path).chmod(0o600)
        sock.listen(16)
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock


def connect_control_socket(path: str, timeout_s: float | None = None) -> socket.socket:
    """A socket connected to the Unix socket at `path`; every call on it waits for `timeout_s` at most.

    Raises:
        OSError: nobody listens there, or it may not be opened.
    """
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(timeout_s)
    try:
        sock.connect(path)
    except BaseException:
        sock.close()
        raise
    return sock


def socket_pair() -> tuple[socket.socket, socket.socket]:
    """Two stream sockets that are connected to each other and do not block."""
    pair = socket.socketpair()
    for sock in pair:
        sock.setblocking(False)
    return pair


def tell(path: str, message: bytes) -> None:
    """Send one datagram to the Unix socket at `path`, or, with a leading `@`, of that abstract name (unix(7)).

    Raises:
        OSError: nobody reads there, or its queue is full.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.sendto(message, f"\0{path[1:]}" if path.startswith("@") else path)
