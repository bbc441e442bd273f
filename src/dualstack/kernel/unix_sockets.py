"""Unix sockets that nobody but their owner may open, for control."""

import os
import socket
from pathlib import Path

__all__ = ["connect_control_socket", "open_control_socket"]


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
