"""New listening sockets of a reload in the place of old ones: opened beside them, or where these step aside.

What fails leaves everything as it was.
"""

import errno
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence

from dualstack.core.planning.socket_spec import SocketSpec
from dualstack.errors import ListenError
from dualstack.gateway.listeners.listening import ListeningSocket
from dualstack.gateway.listeners.planes import Planes
from dualstack.kernel.socket_options import share_port

__all__ = ["let_share", "open_in_place", "opened_anew"]


def open_in_place(
    opening: Callable[[], list[socket.socket]],
    in_the_way: Iterable[ListeningSocket],
    planes: Planes,
    bring_back: Callable[[ListeningSocket], None],
) -> list[socket.socket]:
    """The sockets that `opening` opens; where old ones of ours are in the way, these step aside.

    Raises:
        ListenError: it cannot, and those that stepped aside are brought back.
    """
    old = list(in_the_way)
    try:
        return opening()
    except ListenError as error:
        if error.errno != errno.EADDRINUSE or not old:
            raise
    for listening in old:
        listening.step_aside(planes)
    try:
        return opening()
    except ListenError:
        for listening in old:
            bring_back(listening)
        raise


def opened_anew(opened: Mapping[SocketSpec, socket.socket]) -> set[tuple[object, ...]]:
    """The identities of those that are open, and so stand in the place of what had the same."""
    return {spec.identity for spec, sock in opened.items() if sock.fileno() >= 0}


def let_share(listening: ListeningSocket, specs: Sequence[SocketSpec]) -> None:
    """A socket that stood alone gets company, if `specs` have it shared."""
    spec = next(spec for spec in specs if spec.identity == listening.planned.identity)
    if spec.shared and listening.sock.fileno() >= 0:
        share_port(listening.sock)
