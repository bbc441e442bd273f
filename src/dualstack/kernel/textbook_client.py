"""A client as the textbooks write it: one socket, connect, one question, one answer.

What a program sees that does nothing clever, to measure a network by.
"""

import socket
from collections.abc import Callable
from dataclasses import dataclass

from dualstack.core.address.address import SocketTuple

__all__ = ["Relay", "Reply", "ask", "ask_beside"]

_QUESTION = b"who am I?\n"
_ANSWER_BYTES = 1 << 12


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer, and the socket address that was ours, as getsockname gave it."""

    text: str
    local: SocketTuple


def ask(
    family: int,
    kind: int,
    sockaddr: SocketTuple,
    timeout_s: float,
    *,
    introduce: Callable[[socket.socket], object] = lambda _: None,
) -> Reply:
    """Connect, send a line, and read the answer.

    Args:
        family: of the socket.
        kind: `SOCK_STREAM` or `SOCK_DGRAM`.
        sockaddr: where to.
        timeout_s: how long each call may take.
        introduce: what is done with the connected socket first, such as telling a proxy where to.

    Raises:
        OSError: whatever the first call that failed raises.
    """
    with socket.socket(family, kind) as sock:
        sock.settimeout(timeout_s)
        sock.connect(sockaddr)
        introduce(sock)
        sock.send(_QUESTION)
        return Reply(sock.recv(_ANSWER_BYTES).decode(), sock.getsockname())


@dataclass(frozen=True, slots=True)
class Relay:
    """Whoever relays datagrams: where, what stands before each, and what an answer is without that."""

    sockaddr: SocketTuple
    head: bytes
    content_of: Callable[[bytes], bytes]


def ask_beside(
    family: int, sockaddr: SocketTuple, timeout_s: float, *, introduce: Callable[[socket.socket], Relay]
) -> Reply:
    """Connect, and send a line as a datagram to the relay that the other end names; read the answer.

    Args:
        family: of both sockets.
        sockaddr: where to connect.
        timeout_s: how long each call may take.
        introduce: has the other end of the connection name the relay.

    Raises:
        OSError: whatever the first call that failed raises.
    """
    with socket.socket(family, socket.SOCK_STREAM) as control, socket.socket(family, socket.SOCK_DGRAM) as sock:
        control.settimeout(timeout_s)
        sock.settimeout(timeout_s)
        control.connect(sockaddr)
        relay = introduce(control)
        sock.connect(relay.sockaddr)
        sock.send(relay.head + _QUESTION)
        return Reply(relay.content_of(sock.recv(_ANSWER_BYTES)).decode(), sock.getsockname())
