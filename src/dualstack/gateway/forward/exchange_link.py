"""A plain request and its response, as the data plane knows connections."""

from collections.abc import Iterable
from socket import MSG_PEEK, SocketType
from typing import TYPE_CHECKING

from dualstack.gateway.relay.link import Flow, Link, Reason

if TYPE_CHECKING:
    import asyncio

    from dualstack.core.address.sockaddr import SockAddr
    from dualstack.gateway.relay.link import Gate

__all__ = ["ExchangeLink"]


class ExchangeLink(Link):
    """A request and its response, as the data plane knows connections.

    Args:
        gate, peer, idle_timeout_s, now: as `Link`'s.
        task: what moves its bytes; it is cancelled when the link is to be over.
        ends: the client's socket and the server's.
    """

    __slots__ = ("_ends", "_spared_at", "_task", "why")
    client_stays = True

    def __init__(  # noqa: PLR0917 - the first four are `Link`'s
        self,
        gate: "Gate",
        peer: "SockAddr",
        idle_timeout_s: float,
        now: float,
        task: "asyncio.Task[None] | None",
        ends: tuple[SocketType, ...] = (),
    ) -> None:
        super().__init__(gate, peer, idle_timeout_s, now)
        self._ends = ends
        self._spared_at: float | None = None
        self.client, self.server = Flow(), Flow()
        self._task = task
        self.why: Reason | None = None

    def is_unheard(self) -> bool:
        """As `Link.is_unheard`: after a pause of the process the loop tells of time before it tells of bytes."""
        if self._spared_at == self.active or not any(map(_has_more, self._ends)):
            return False
        self._spared_at = self.active
        return True

    def descriptors(self) -> Iterable[int]:
        """Those of the client and the server."""
        return [sock.fileno() for sock in self._ends]

    def over(self, reason: Reason, errno: int = 0) -> None:
        """As `Link.over`; its task enters it."""
        if self.reason is None and self.why is None and self._task is not None:
            self.why, self.errno = reason, errno
            self._task.cancel()


def _has_more(sock: SocketType) -> bool:
    """Whether there is something to read, be it the end."""
    try:
        sock.recv(1, MSG_PEEK)
    except OSError:
        return False  # BlockingIOError is one
    return True
