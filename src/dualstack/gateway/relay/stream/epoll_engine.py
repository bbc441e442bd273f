"""The TCP data plane on Linux: every socket in one epoll set of ours, whose descriptor sits in the asyncio loop.

asyncio's own way to accept, connect and relay costs three times as much a connection. A turn of the engine is one
callback of the loop and takes a few rounds of events, so that neither starves the other. Sockets are registered once
and edge-triggered, listening ones level-triggered: what is left in their queue is told again.

Sockets that are done with are closed at the end of a round: within it no descriptor number gets a second meaning,
and events that were already fetched for the first find nobody.
"""

import asyncio
import select
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from socket import SocketType, socket

from dualstack.core.address.sockaddr import SockAddr
from dualstack.gateway.relay.link import Flow, Gate, Link, Reason, Target
from dualstack.gateway.relay.stream.connecting import ConnectAttempt, ResetWatch
from dualstack.gateway.relay.stream.data_plane import DataPlane
from dualstack.gateway.relay.stream.edges import EDGES, ERRORS_ALONE, IN, Watcher
from dualstack.gateway.relay.stream.engine_link import EngineLink
from dualstack.gateway.relay.stream.listener import ACCEPTS, Listener
from dualstack.gateway.relay.stream.liveness import LivenessProbe
from dualstack.gateway.relay.stream.side import BUFFER_BYTES, TRANSITIONS, TURN, Side
from dualstack.kernel.pipes import Pipe, PipePool
from dualstack.kernel.streams import CONNECTION_LOST_IN_QUEUE, NO_ROOM, accept, reset, without_delay

__all__ = ["Engine"]

_ROUNDS = 4
_EVENTS = 256
_SWEEP_S = 4.0
# How long accepting rests when the system has no descriptors left and no link ends.
_ROOM_RETRY_S = 0.1
# How many of those who wait for descriptors try again: a link that ends leaves two.
_TRY_AGAIN = 2


class Engine(DataPlane):
    """The data plane over epoll.

    `now` is the loop's time at the round under way, `buffer` what all sides copy through, `pipes` what they splice
    through, `again` the run queue: sides stopped by their budget.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, *, pipes: PipePool | None = None) -> None:
        super().__init__(loop)
        self.buffer = memoryview(bytearray(BUFFER_BYTES))
        self.pipes: PipePool = PipePool() if pipes is None else pipes
        self.again: deque[Side] = deque()
        self._epoll = select.epoll()
        self._watchers: list[Watcher | None] = []
        self._listeners: dict[int, Listener] = {}
        self._waiting: deque[ConnectAttempt] = deque()
        self._waiting_for_room: deque[asyncio.Future[None]] = deque()
        self._dead: list[SocketType] = []
        self._in_round = False
        self._closed = False
        self._next_turn: asyncio.Handle | None = None
        self._sweeper: asyncio.TimerHandle | None = None
        self._rest: asyncio.TimerHandle | None = None
        loop.add_reader(self._epoll.fileno(), self._turn)

    def listen(self, sock: socket, gate: Gate) -> None:
        """Accept on `sock`, which listens and does not block, until `unlisten`."""
        without_delay(sock)
        listener = Listener(self, sock, gate)
        self._listeners[sock.fileno()] = listener
        self._place(sock.fileno(), listener)
        if self._rest is None:
            self._epoll.register(sock.fileno(), IN)

    def unlisten(self, sock: socket) -> None:
        """Accept on `sock` no more; nothing happens where it was not watched."""
        fd = sock.fileno()
        if self._listeners.pop(fd, None) is None:
            return
        self._watchers[fd] = None
        if self._rest is None:
            self._epoll.unregister(fd)

    def accept_pending(self, sock: socket) -> None:
        """Accept now what waits in the queue of `sock`, so that stopping it loses nobody."""
        listener = self._listeners.get(sock.fileno())
        if listener is not None:
            self._refresh()
            while self.accept(listener, ACCEPTS):
                pass

    def connect(self, client: SocketType, peer: SockAddr, target: Target, gate: Gate) -> Link:
        """Connect to the target and relay; a client whose target cannot be reached is reset."""
        self._refresh()
        client.setblocking(False)
        link = EngineLink(self, gate, peer, target.idle_timeout_s)
        self._begin(link)
        link.attempt = ConnectAttempt(self, link, client, target)
        link.attempt.start()
        return link

    def relay(
        self,
        client: SocketType,
        server: SocketType,
        gate: Gate,
        *,
        peer: SockAddr = "",
        leftover: bytes = b"",
        idle_timeout_s: float = inf,
    ) -> Link:
        """Relay between two connected sockets; `leftover`, read from the client already, goes first."""
        self._refresh()
        for sock in client, server:
            sock.setblocking(False)
            without_delay(sock)
        link = EngineLink(self, gate, peer, idle_timeout_s)
        self._begin(link)
        for side in link.join(client, server, leftover):
            # What it has, and can take, already is the first edge.
            self._epoll.register(side.fd, EDGES)
        return link

    async def room(self) -> None:
        """Wait until there may be descriptors again, for one who found none; new clients wait longer."""
        self._rest_from_accepting()
        self.reserve.let_go()
        turn = self._loop.create_future()
        self._waiting_for_room.append(turn)
        await turn

    @contextmanager
    def reset_watch(self, client: SocketType, action: Callable[[], object]) -> Iterator[None]:
        """Within this, `action` is called when `client` resets its connection."""
        fd = client.fileno()
        self._place(fd, ResetWatch(action))
        self._epoll.register(fd, ERRORS_ALONE)
        try:
            yield
        finally:
            if not self._closed:
                self._watchers[fd] = None
                self._epoll.unregister(fd)

    async def beat(self) -> None:
        """Return once a round has told of an event made for it."""
        await LivenessProbe().seen_by(self)

    def close(self) -> None:
        """Stop accepting, abort every link, and keep no descriptor."""
        if self._closed:
            return
        for listener in list(self._listeners.values()):
            self.unlisten(listener.sock)
        for link in list(self._links):
            link.abort()
        self._closed = True
        self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()
        self.pipes.close()
        for handle in (self._next_turn, self._sweeper, self._rest):
            if handle is not None:
                handle.cancel()
        super().close()

    # What those that it tells of events ask for, by protocols of their own.

    def watch(self, sock: SocketType, watcher: Watcher) -> None:
        """Tell `watcher` of every edge of `sock`, until it is discarded."""
        fd = sock.fileno()
        self._place(fd, watcher)
        self._epoll.register(fd, EDGES)

    def settle(self, up: Side, down: Side) -> None:
        """Tell each side of the events of its socket from now on."""
        self._place(up.fd, up)
        self._place(down.fd, down)

    def wait_for_room(self, attempt: ConnectAttempt) -> None:
        """Have it try again when there are descriptors."""
        self.reserve.let_go()
        self._waiting.append(attempt)
        self._rest_from_accepting()

    def finish(self, link: EngineLink, reason: Reason, errno: int, *, with_reset: bool) -> None:
        """Let go of the link's sockets and pipes, and enter its end."""
        if link.attempt is not None:
            link.attempt.give_up()
            link.attempt = None
        for side in (link.client, link.server):
            if isinstance(side, Side):
                self._let_go(side, with_reset=with_reset)
        # Counts are all that is kept: the sides, which refer to each other, are free at once.
        link.client = Flow(link.client.count)
        link.server = Flow(link.server.count)
        if self._rest is not None:
            self._loop.call_soon(self._accept_again)
        self._end(link, reason, errno)

    def discard(self, sock: SocketType) -> None:
        """Close the socket when the round is over."""
        self._watchers[sock.fileno()] = None
        self._dead.append(sock)
        if not self._in_round:
            self._bury()

    def accept(self, listener: Listener, limit: int) -> bool:
        """Accept up to `limit` clients; whether there may be more."""
        sock, family, gate = listener.sock, listener.family, listener.gate
        fd = sock.fileno()
        for _ in range(limit):
            try:
                client, peer = accept(sock, family)
            except BlockingIOError:
                return False
            except OSError as error:
                if error.errno in NO_ROOM:
                    self._rest_from_accepting()
                    return False
                if error.errno not in CONNECTION_LOST_IN_QUEUE:
                    self.unlisten(sock)
                    self._report("a socket does not accept any more", error)
                    return False
                continue
            self._admit(client, peer, gate)
            if self._rest is not None or self._watchers[fd] is not listener:
                return False
        return True

    # Rounds.

    def _turn(self) -> None:
        """Take what epoll has and what the run queue left, a few rounds of it."""
        self._next_turn = None
        for _ in range(_ROUNDS):
            if self._closed:
                return
            events = self._epoll.poll(0, _EVENTS)
            if not events and not self.again:
                break
            self._round(events)
            if self.again:
                break  # bulk: a round of it is long, and asyncio waits
        if self.again and self._next_turn is None:
            self._next_turn = self._loop.call_soon(self._turn)
        if self._sweeper is None and self.pipes:
            self._sweeper = self._loop.call_later(_SWEEP_S, self._sweep)

    def _round(self, events: list[tuple[int, int]]) -> None:
        self._refresh()
        self._in_round = True
        watchers = self._watchers
        for descriptor, mask in events:
            watcher = watchers[descriptor]
            if watcher is not None:
                try:
                    watcher.ready(descriptor, mask)
                except Exception as error:  # noqa: BLE001 - the edges after this one will not be told again
                    self._report("a connection failed", error)
        for _ in range(len(self.again)):
            side = self.again.popleft()
            if side.link.reason is None:
                side.state = TRANSITIONS[side.state][TURN]
                try:
                    side.pump(until_told=True)
                except Exception as error:  # noqa: BLE001 - nor are those in the queue
                    self._report("a connection failed", error)
        self._in_round = False
        self._bury()

    def _bury(self) -> None:
        for sock in self._dead:
            sock.close()
        self._dead.clear()

    def _place(self, fd: int, watcher: Watcher) -> None:
        watchers = self._watchers
        if fd >= len(watchers):
            watchers.extend([None] * (fd + 1 - len(watchers)))
        watchers[fd] = watcher

    def _let_go(self, side: Side, *, with_reset: bool) -> None:
        if isinstance(side.held, Pipe):
            self.pipes.give_back(side.held)
        if with_reset:
            reset(side.sock)
        del side.other
        self.discard(side.sock)

    # Timers.

    def _catch_up(self) -> None:
        # As many rounds as tell of every socket once: the ready list goes round.
        for _ in range(2 * len(self._links) // _EVENTS + 1):
            events = self._epoll.poll(0, _EVENTS)
            self._round(events)
            if len(events) < _EVENTS:
                break

    def _look_at(self, link: Link) -> None:
        if isinstance(link, EngineLink):
            if link.attempt is not None:
                link.attempt.look()
                return
            link.look()
        super()._look_at(link)

    def _sweep(self) -> None:
        self.pipes.sweep()
        self._sweeper = self._loop.call_later(_SWEEP_S, self._sweep) if self.pipes else None

    def _rest_from_accepting(self) -> None:
        """Leave clients in their queues until there are descriptors: nobody is lost and nothing spins."""
        self.reserve.met_shortage()
        self.pipes.close()
        if self._rest is None:
            for fd in self._listeners:
                self._epoll.unregister(fd)
            self._rest = self._loop.call_later(_ROOM_RETRY_S, self._accept_again)

    def _accept_again(self) -> None:
        if self._rest is None or self._closed:
            return
        self._refresh()
        self._rest.cancel()
        self._rest = self._loop.call_later(_ROOM_RETRY_S, self._accept_again)
        for _ in range(len(self._waiting)):
            self._waiting.popleft().try_again()
        # Whoever accepts before all that is kept is there again could take what those who wait already need.
        if self._waiting or self._let_others_try() or not self.reserve.keep():
            return
        self._rest.cancel()
        self._rest = None
        for fd in self._listeners:
            self._epoll.register(fd, IN)

    def _let_others_try(self) -> bool:
        """Let those try again who were accepted and wait for descriptors; whether there are any."""
        waiting = self._waiting_for_room
        tried = 0
        while waiting and tried < _TRY_AGAIN:
            turn = waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                tried += 1
        return tried > 0
