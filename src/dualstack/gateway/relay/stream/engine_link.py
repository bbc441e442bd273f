"""A link of the engine: first an attempt to connect, then two sides, each the source of its direction."""

from collections.abc import Iterable
from math import inf
from socket import SocketType
from typing import TYPE_CHECKING, Protocol

from dualstack.core.address.sockaddr import SockAddr
from dualstack.gateway.relay.link import Gate, Link, Reason
from dualstack.gateway.relay.stream.side import Side, SideEngine
from dualstack.kernel.streams import keep_alive

if TYPE_CHECKING:
    from dualstack.gateway.relay.stream.connecting import ConnectAttempt

__all__ = ["EngineLink", "LinkEngine"]


class LinkEngine(SideEngine, Protocol):
    """What a link asks of its engine."""

    def settle(self, up: Side, down: Side, /) -> None:
        """Tell each side of the events of its socket from now on."""
        ...

    def remind(self, link: Link, delay_s: float, /) -> None:
        """Look at the link again after `delay_s`, or before."""
        ...

    def finish(self, link: "EngineLink", reason: Reason, errno: int, /, *, with_reset: bool) -> None:
        """Let go of the link's sockets and pipes, and enter its end."""
        ...


class EngineLink(Link):
    """`attempt` is None once there are two sides, and when the link is over.

    `keepalive_s` is what the server's socket is to be told by `keep_alive`, `inf` where it has been, or need not be.
    """

    __slots__ = ("attempt", "engine", "keepalive_s")

    def __init__(self, engine: LinkEngine, gate: Gate, peer: SockAddr, idle_timeout_s: float) -> None:
        super().__init__(gate, peer, idle_timeout_s, engine.now)
        self.engine = engine
        self.attempt: ConnectAttempt | None = None
        self.keepalive_s = inf

    def join(self, client: SocketType, server: SocketType, first: bytes) -> tuple[Side, Side]:
        """Make the two sides; `first` goes to the server before what the client sends."""
        self.attempt = None
        self.active = self.engine.now
        up = self.client = Side(client, self)
        down = self.server = Side(server, self)
        up.other = down
        down.other = up
        if first:
            up.hold(first)
        self.engine.settle(up, down)
        self.engine.remind(self, self.idle_timeout_s)
        return up, down

    def descriptors(self) -> Iterable[int]:
        """Those of its two sides, once there are two."""
        return [side.fd for side in (self.client, self.server) if isinstance(side, Side)]

    def look(self) -> None:
        """Have the kernel ask a silent server for signs of life, once it may be silent: most links are over before.

        The four system calls of it are a twentieth of a short connection.
        """
        if self.keepalive_s != inf and isinstance(self.server, Side):
            keep_alive(self.server.sock, self.keepalive_s)
            self.keepalive_s = inf

    def look_again(self, delay_s: float) -> None:
        """Have the attempt look at its clock after `delay_s`, or before."""
        self.engine.remind(self, delay_s)

    def ended(self) -> None:
        """Both sides have sent their end."""
        self.engine.finish(self, Reason.ENDED, 0, with_reset=False)

    def broken(self, side: Side, errno: int | None) -> None:
        """A side is gone; the other is reset."""
        self.over(Reason.CLIENT_RESET if side is self.client else Reason.SERVER_RESET, errno or 0)

    def over(self, reason: Reason, errno: int = 0) -> None:
        """End it with a reset to whoever is still there."""
        if self.reason is None:
            self.engine.finish(self, reason, errno, with_reset=True)
