"""Descriptors sent from one process to another over a Unix stream socket (SCM_RIGHTS, unix(7)).

What is received is not inherited by children. Never waits.
"""

import array
import socket
from collections.abc import Sequence

__all__ = ["DESCRIPTORS_MAX", "receive_with", "send_with"]

DESCRIPTORS_MAX = 128
"""A message carries 253 at most (SCM_MAX_FD, include/net/scm.h)."""

_BYTES = 1 << 16
# Linux: close-on-exec from the beginning. Elsewhere nobody forks between the two calls.
_CLOEXEC = getattr(socket, "MSG_CMSG_CLOEXEC", 0)


def send_with(sock: socket.socket, content: bytes, descriptors: Sequence[int]) -> int:
    """Send bytes, and with the first of them the descriptors; how many bytes were taken.

    Raises:
        BlockingIOError: there is no room now, and nothing was sent.
        OSError: the other end is gone.
    """
    return socket.send_fds(sock, [content], list(descriptors)) if descriptors else sock.send(content)


def receive_with(sock: socket.socket) -> tuple[bytes, list[int]]:
    """What has come: bytes, empty at the end, and descriptors, which are the caller's to close.

    Raises:
        BlockingIOError: nothing has.
        OSError: the other end is gone.
    """
    room = socket.CMSG_SPACE(DESCRIPTORS_MAX * array.array("i").itemsize)
    content, ancillary, _, _ = sock.recvmsg(_BYTES, room, _CLOEXEC)
    numbers = array.array("i")
    for level, kind, packed in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            numbers.frombytes(packed[: len(packed) - len(packed) % numbers.itemsize])
    return content, list(numbers)
