"""The engine's way from an accepted client to a connected server: each address of the target in turn.

The client is watched meanwhile, so that one who leaves is noticed; nothing is read of it. A client never pays for a
lack of descriptors: it waits until there are some.
"""

from errno import ETIMEDOUT
from socket import SocketType
from typing import TYPE_CHECKING

from dualstack.gateway.link import Hop, Reason, Target
from dualstack.gateway.side import ERR, HUP, OUT
from dualstack.kernel.streams import NO_ROOM, begin_connect, error_of, reset

if TYPE_CHECKING:
    from dualstack.gateway.engine import Engine, EngineLink

__all__ = ["Opening"]

# A Unix socket with a full backlog refuses at once and tells nobody when there is room again.
_UNIX_RETRY_S = 0.02


class ClientWatch:
    """Notices what the client does before there is a server."""

    __slots__ = ("_opening", "seen")

    def __init__(self, opening: "Opening") -> None:
        self._opening = opening
        self.seen = 0

    def ready(self, mask: int) -> None:
        """Keep what was seen for the relay, whose edge this was."""
        self.seen |= mask
        if mask & (ERR | HUP):
            self._opening.client_left()


class Opening:
    """One link's connection while it is being made; it watches the server's socket."""

    __slots__ = ("_client", "_deadline", "_engine", "_failures", "_hops", "_link", "_server", "_target", "_watch")

    def __init__(self, engine: "Engine", link: "EngineLink", client: SocketType, target: Target) -> None:
        self._engine = engine
        self._link = link
        self._client = client
        self._target = target
        self._hops = 0
        self._server: SocketType | None = None
        self._failures: list[tuple[Hop, int]] = []
        self._deadline = engine.now + target.connect_timeout_s
        self._watch = ClientWatch(self)

    def start(self) -> None:
        """Watch the client and try the first address."""
        self._engine.watch(self._client, self._watch)
        self.attempt()

    def attempt(self) -> None:
        """Try the next address; after the last the link is over."""
        if self._link.reason is not None:
            return
        hops = self._target.hops
        while self._hops < len(hops):
            hop = hops[self._hops]
            try:
                server = begin_connect(hop.family, hop.address, hop.source)
            except BlockingIOError:
                self._engine.call_later(_UNIX_RETRY_S, self.attempt)
                return
            except OSError as error:
                if error.errno in NO_ROOM:
                    self._engine.wait_for_room(self)
                    return
                self._failures.append((hop, error.errno or 0))
                self._hops += 1
                continue
            self._server = server
            self._engine.watch(server, self)
            left = max(0.0, self._deadline - self._engine.now)
            self._engine.remind(self._link, left / (len(hops) - self._hops))
            return
        self._over(Reason.UNREACHED, self._failures[-1][1] if self._failures else 0)

    def ready(self, mask: int) -> None:
        """The connection is made, or has failed."""
        server = self._server
        if server is None or not mask & (OUT | ERR | HUP):
            return
        if mask & (ERR | HUP) and (errno := error_of(server)):
            self._failed(errno)
            return
        self._server = None
        self._link.failures = tuple(self._failures)
        client_side, server_side = self._link.join(self._client, server, self._target.preface)
        # These edges have been told, and will not be again.
        server_side.ready(mask)
        if self._watch.seen and self._link.reason is None:
            client_side.ready(self._watch.seen)

    def time_is_up(self) -> None:
        """This address has been silent for its share of the time."""
        self._failed(ETIMEDOUT)

    def client_left(self) -> None:
        """The client has reset its connection."""
        self._over(Reason.CLIENT_LEFT, error_of(self._client))

    def give_up(self) -> None:
        """Reset the client, and leave off connecting."""
        reset(self._client)
        self._engine.discard(self._client)
        if self._server is not None:
            self._engine.discard(self._server)

    def _failed(self, errno: int) -> None:
        if self._server is not None:
            self._engine.discard(self._server)
            self._server = None
        self._failures.append((self._target.hops[self._hops], errno))
        self._hops += 1
        self.attempt()

    def _over(self, reason: Reason, errno: int) -> None:
        self._link.failures = tuple(self._failures)
        self._link.over(reason, errno)
