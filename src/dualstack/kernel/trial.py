"""The steps of a case made with real sockets: what this kernel says, to hold the oracle against.

Makes sockets on one port number and closes them all; meant for a network namespace where that number is free.
"""

import errno
import socket
from contextlib import ExitStack

from dualstack.core.oracle import Case, Sock, Step

__all__ = ["measure"]


def measure(case: Case, port: int) -> tuple[str | None, ...]:
    """The errno of each step of `case` on this kernel, None for success.

    A listen on a socket whose bind failed is `EINVAL`, as the oracle has it: Linux would choose another port for it.

    Raises:
        OSError: a socket of the case cannot be made at all.
    """
    bound: set[int] = set()
    with ExitStack() as undo:
        made = [undo.enter_context(_socket(sock, case.proto)) for sock in case.sockets]
        return tuple(_outcome(made[step.socket], case.sockets[step.socket], step, port, bound) for step in case.steps)


def _socket(sock: Sock, proto: str) -> socket.socket:
    made = socket.socket(
        socket.AF_INET6 if sock.family == 6 else socket.AF_INET,
        socket.SOCK_STREAM if proto == "tcp" else socket.SOCK_DGRAM,
    )
    if sock.v6only is not None:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(sock.v6only))
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(sock.reuseaddr))
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, int(sock.reuseport))
    return made


def _outcome(made: socket.socket, sock: Sock, step: Step, port: int, bound: set[int]) -> str | None:
    if step.call == "listen" and step.socket not in bound:
        return "EINVAL"
    try:
        if step.call == "bind":
            made.bind((str(sock.address), port))
            bound.add(step.socket)
        else:
            made.listen()
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return None
