"""The engine's way from an accepted client to a connected server: each address of the target in turn.

The problem: a client must not wait longer than the target's connect timeout, however many of its addresses are silent,
must not pay for a lack of descriptors of ours, and may leave meanwhile, which is noticed without reading of it: what it
sends waits in the kernel, where the sides find it.

    state        waits for                                     its clock
    TRYING       nothing: the addresses left are dialled       stands
    CONNECTING   the server's first edge                       runs: the address has its share of the time that is left
    QUEUE_FULL   a moment, for a Unix server's queue           runs
    NO_ROOM      the engine to find descriptors                stands, unless it ran for this address before
    OVER         nothing more                                  stands

What leads from one to the other is `TRANSITIONS`. Rejected were:

- Happy Eyeballs here: names are raced by `net.dial` before the engine has their sockets. What comes here are addresses
  that somebody wrote down, in the order that they wrote.
- One timeout for all addresses: the first that is silent would eat it all. Fixed shares of it: what an address that
  refuses leaves over would go to nobody.
- A timer of the loop for each attempt: `Deadlines` has tens of thousands for the price of one. A Unix server with a
  full queue refuses at once and tells nobody when there is room again, so it too is asked again by that calendar.
- Reading from the client, to see that it has left: what it sent would have to be kept for the side.
"""

from collections.abc import Callable
from enum import Enum
from errno import ETIMEDOUT
from socket import SocketType
from typing import Protocol

from dualstack.gateway.relay.link import Hop, Reason, Target
from dualstack.gateway.relay.stream.edges import ERR, HUP, OUT
from dualstack.gateway.relay.stream.side import Side
from dualstack.kernel.socket_options import error_of
from dualstack.kernel.streams import NO_ROOM as NO_ROOM_ERRORS
from dualstack.kernel.streams import begin_connect, reset

__all__ = [
    "TRANSITIONS",
    "AttemptEngine",
    "AttemptEvent",
    "AttemptLink",
    "AttemptState",
    "ConnectAttempt",
    "ResetWatch",
]

_QUEUE_RETRY_S = 0.02


class AttemptState(Enum):
    """What an attempt is about."""

    TRYING = "dials the addresses that are left"
    CONNECTING = "a connection is under way"
    QUEUE_FULL = "a Unix server's queue is full"
    NO_ROOM = "there are no descriptors"
    OVER = "connected, or given up"

    __hash__ = object.__hash__


class AttemptEvent(Enum):
    """What changes it."""

    BEGUN = "the kernel connects"
    BUSY = "the queue is full"
    SHORT = "no descriptor is left"
    AGAIN = "there may be room now"
    FAILED = "the address has refused, or used its time up"
    CONNECTED = "the server has answered"
    GIVEN_UP = "no address is left, the client has left, or the link is cut"

    __hash__ = object.__hash__


TRYING, CONNECTING, QUEUE_FULL, NO_ROOM, OVER = AttemptState
BEGUN, BUSY, SHORT, AGAIN, FAILED, CONNECTED, GIVEN_UP = AttemptEvent

TRANSITIONS: dict[AttemptState, dict[AttemptEvent, AttemptState]] = {
    TRYING: {BEGUN: CONNECTING, BUSY: QUEUE_FULL, SHORT: NO_ROOM, GIVEN_UP: OVER},
    CONNECTING: {CONNECTED: OVER, FAILED: TRYING, GIVEN_UP: OVER},
    QUEUE_FULL: {AGAIN: TRYING, FAILED: TRYING, GIVEN_UP: OVER},
    NO_ROOM: {AGAIN: TRYING, FAILED: TRYING, GIVEN_UP: OVER},
    OVER: {},
}


class AttemptEngine(Protocol):
    """What an attempt asks of its engine; `now` is the time of the round."""

    now: float

    def watch(self, sock: SocketType, attempt: "ConnectAttempt", /) -> None:
        """Tell `attempt` of every edge of `sock`, until it is discarded."""
        ...

    def discard(self, sock: SocketType, /) -> None:
        """Close the socket when the round is over."""
        ...

    def wait_for_room(self, attempt: "ConnectAttempt", /) -> None:
        """Have it try again when there are descriptors."""
        ...


class AttemptLink(Protocol):
    """What an attempt asks of its link, and tells it: the address reached, and those that failed."""

    reason: Reason | None
    failures: tuple[tuple[Hop, int], ...]
    hop: Hop | None
    keepalive_s: float

    def join(self, client: SocketType, server: SocketType, first: bytes, /) -> tuple[Side, Side]:
        """Relay between the two."""
        ...

    def look_again(self, delay_s: float, /) -> None:
        """Have the attempt look at its clock after `delay_s`, or before."""
        ...

    def over(self, reason: Reason, errno: int, /) -> None:
        """End the link; `give_up` follows."""
        ...


class ConnectAttempt:
    """One link's connection while it is being made; it watches both sockets."""

    __slots__ = (
        *("_begun", "_client", "_client_seen", "_engine", "_failures"),
        *("_left_s", "_link", "_server", "_state", "_target"),
    )

    def __init__(self, engine: AttemptEngine, link: AttemptLink, client: SocketType, target: Target) -> None:
        self._engine = engine
        self._link = link
        self._client = client
        self._client_seen = 0
        self._server: SocketType | None = None
        self._state = TRYING
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
            self._try()

    def try_again(self) -> None:
        """There may be room now; nothing happens where none is waited for."""
        if AGAIN in TRANSITIONS[self._state]:
            self._state = TRANSITIONS[self._state][AGAIN]
            self._try()

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
        self._state = TRANSITIONS[self._state][CONNECTED]
        self._server = None
        self._link.failures = self._failures
        self._link.hop = self._target.hops[len(self._failures)]
        self._link.keepalive_s = self._target.keepalive_s
        client_side, server_side = self._link.join(self._client, server, self._target.preface)
        # These edges have been told, and will not be again.
        server_side.ready(descriptor, mask)
        if self._client_seen and self._link.reason is None:
            client_side.ready(client_side.fd, self._client_seen)

    def look(self) -> None:
        """Give the address up if it has been silent for its share of the time; ask a full queue again."""
        left_s = self._share_left_s()
        if left_s <= 0:
            self._failed(ETIMEDOUT)
        elif self._state is QUEUE_FULL:
            self.try_again()
        else:
            self._link.look_again(min(left_s, self._target.keepalive_s))

    def give_up(self) -> None:
        """Reset the client, and leave off connecting."""
        self._state = TRANSITIONS[self._state][GIVEN_UP]
        reset(self._client)
        self._engine.discard(self._client)
        if self._server is not None:
            self._engine.discard(self._server)

    def _try(self) -> None:
        """Dial the next address that does not refuse at once; after the last the link is over."""
        for hop in self._target.hops[len(self._failures) :]:
            try:
                self._server = self._dial(hop)
            except BlockingIOError:
                self._state = TRANSITIONS[self._state][BUSY]
                self._start_clock()
                self._link.look_again(min(_QUEUE_RETRY_S, self._share_left_s()))
                return
            except OSError as error:
                if error.errno in NO_ROOM_ERRORS:
                    self._state = TRANSITIONS[self._state][SHORT]
                    self._engine.wait_for_room(self)
                    return
                self._failures += ((hop, error.errno or 0),)
                continue
            self._state = TRANSITIONS[self._state][BEGUN]
            self._start_clock()
            return
        self._over(Reason.UNREACHED, self._failures[-1][1] if self._failures else 0)

    def _dial(self, hop: Hop) -> SocketType:
        """Begin to connect; raises as `begin_connect`, or what `watch` does, and leaves nothing open then."""
        sock = begin_connect(hop.family, hop.address, hop.source, hop.interface)
        try:
            self._engine.watch(sock, self)
        except OSError:
            self._engine.discard(sock)
            raise
        return sock

    def _start_clock(self) -> None:
        """Begin this address's share of the time, unless it runs."""
        if self._begun is None:
            self._begun = self._engine.now
            # That look, or one before, is also the link's first: it has the server asked for signs of life.
            self._link.look_again(min(self._share_s(), self._target.keepalive_s))

    def _share_s(self) -> float:
        return self._left_s / (len(self._target.hops) - len(self._failures))

    def _share_left_s(self) -> float:
        return self._share_s() - (0.0 if self._begun is None else self._engine.now - self._begun)

    def _failed(self, errno: int) -> None:
        """Take the address's time off what is left, and try the next."""
        if self._server is not None:
            self._engine.discard(self._server)
            self._server = None
        if self._begun is not None:
            self._left_s = max(0.0, self._left_s - (self._engine.now - self._begun))
            self._begun = None
        self._failures += ((self._target.hops[len(self._failures)], errno),)
        self._state = TRANSITIONS[self._state][FAILED]
        self._try()

    def _over(self, reason: Reason, errno: int) -> None:
        self._link.failures = self._failures
        self._link.over(reason, errno)


class ResetWatch:
    """A client that waits elsewhere, and what is done if it resets its connection."""

    __slots__ = ("_action",)

    def __init__(self, action: Callable[[], object]) -> None:
        self._action = action

    def ready(self, _descriptor: int, mask: int) -> None:
        """Both ends are gone."""
        if mask & (ERR | HUP):
            self._action()
