"""The engine's way from an accepted client to a connected server: each address of the target in turn.

The client is watched meanwhile, so that one who leaves is noticed; nothing is read of it. A client never pays for a
lack of descriptors: it waits until there are some.
"""

from collections.abc import Callable
from errno import ETIMEDOUT
from math import inf
from socket import SocketType
from typing import TYPE_CHECKING

from dualstack.gateway.relay.link import Hop, Reason, Target
from dualstack.gateway.relay.stream.side import ERR, HUP, OUT
from dualstack.kernel.streams import NO_ROOM, error_of, keep_alive, reset

if TYPE_CHECKING:
    from dualstack.gateway.relay.stream.epoll_engine import Engine, EngineLink

__all__ = ["Leaving", "Opening"]

# A Unix socket with a full backlog refuses at once and tells nobody when there is room again.
_UNIX_RETRY_S = 0.02


class Opening:
    """One link's connection while it is being made; it watches both sockets."""

    __slots__ = ("_begun", "_client", "_client_seen", "_engine", "_failures", "_left_s", "_link", "_server", "_target")

    def __init__(self, engine: "Engine", link: "EngineLink", client: SocketType, target: Target) -> None:
        self._engine = engine
        self._link = link
        self._client = client
        self._client_seen = 0
        self._server: SocketType | None = None
        self._target = target
        self._failures: tuple[tuple[Hop, int], ...] = ()
        self._left_s = target.connect_timeout_s
        self._begun: float | None = None

    def start(self) -> None:
        """Watch the client and try the first address."""
        try:
            self._engine.watch(self._client, self)
        except OSError as error:
            self._over(Reason.UNREACHED, error.errno or 0)
        else:
            self.attempt()

    def attempt(self) -> None:
        """Try the next address; after the last the link is over."""
        if self._link.reason is not None or self._server is not None:
            return
        for hop in self._target.hops[len(self._failures) :]:
            try:
                self._server = self._engine.dial(hop, self)
            except BlockingIOError:
                self._engine.call_later(_UNIX_RETRY_S, self.attempt)
                self._start_clock()
                return
            except OSError as error:
                if error.errno in NO_ROOM:
                    self._engine.wait_for_room(self)
                    return
                self._failures += ((hop, error.errno or 0),)
                continue
            if self._target.keepalive_s != inf:
                keep_alive(self._server, self._target.keepalive_s)
            self._start_clock()
            return
        self._over(Reason.UNREACHED, self._failures[-1][1] if self._failures else 0)

    def ready(self, descriptor: int, mask: int) -> None:
        """The client has done something, or the connection is made or has failed."""
        if descriptor == self._client.fileno():
            self._client_seen |= mask
            if mask & (ERR | HUP):
                self._over(Reason.CLIENT_LEFT, error_of(self._client))
            return
        server = self._server
        if server is None or not mask & (OUT | ERR | HUP):
            return
        if mask & (ERR | HUP) and (errno := error_of(server)):
            self._failed(errno)
            return
        self._server = None
        self._link.failures = self._failures
        self._link.hop = self._target.hops[len(self._failures)]
        client_side, server_side = self._link.join(self._client, server, self._target.preface)
        # These edges have been told, and will not be again.
        server_side.ready(descriptor, mask)
        if self._client_seen and self._link.reason is None:
            client_side.ready(client_side.fd, self._client_seen)

    def look(self) -> None:
        """Give the address up if it has been silent for its share of the time."""
        left_s = self._share_s() - (0.0 if self._begun is None else self._engine.now - self._begun)
        if left_s > 0:
            self._engine.remind(self._link, left_s)
        else:
            self._failed(ETIMEDOUT)

    def give_up(self) -> None:
        """Reset the client, and leave off connecting."""
        reset(self._client)
        self._engine.discard(self._client)
        if self._server is not None:
            self._engine.discard(self._server)

    def _start_clock(self) -> None:
        """Begin this address's share of the time; waiting for descriptors does not count."""
        if self._begun is None:
            self._begun = self._engine.now
            self._engine.remind(self._link, self._share_s())

    def _share_s(self) -> float:
        return self._left_s / (len(self._target.hops) - len(self._failures))

    def _failed(self, errno: int) -> None:
        if self._server is not None:
            self._engine.discard(self._server)
            self._server = None
        if self._begun is not None:
            self._left_s = max(0.0, self._left_s - (self._engine.now - self._begun))
            self._begun = None
        self._failures += ((self._target.hops[len(self._failures)], errno),)
        self.attempt()

    def _over(self, reason: Reason, errno: int) -> None:
        self._link.failures = self._failures
        self._link.over(reason, errno)


class Leaving:
    """A client that waits, and what is done if it resets its connection."""

    __slots__ = ("_action",)

    def __init__(self, action: Callable[[], object]) -> None:
        self._action = action

    def ready(self, _descriptor: int, mask: int) -> None:
        """Both ends are gone."""
        if mask & (ERR | HUP):
            self._action()
