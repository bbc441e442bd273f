"""Answers HTTP on sockets of ours, for people: the status page and the control socket. It is bounded in every way.

- So many connections at a time, in all and by client. Where there are as many, the one that has waited longest without
  a whole request makes room, so that silent ones lock nobody out; where none waits, the newcomer does.
- A request's head is there within a time, from the connection's begin or from the answer before, and an answer is taken
  within another.
- So many connections and requests a second, whoever they are from: what it costs the relay beside it is bounded.
- Descriptors of its own (`kernel.kept_descriptors`): a relay that has taken all others locks nobody out here, and a
  crowd here takes none of the relay's.

asyncio's own server and uvicorn's have none of it: without a descriptor asyncio tries to accept as often as the backlog
is long, each time with a trace in the log (Python 3.11 to 3.13).
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from email.utils import formatdate
from math import inf
from socket import socket
from typing import cast

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.server import ServerState

from dualstack.core.access.client_key import client_of, shown
from dualstack.core.address.sockaddr import SockAddr
from dualstack.core.pace import Pace
from dualstack.gateway.counters.log import Log
from dualstack.gateway.counters.repeats import Repeats
from dualstack.kernel.descriptor_limit import descriptor_limit
from dualstack.kernel.kept_descriptors import KeptDescriptors

__all__ = ["Application", "Bounds", "HttpListener"]

Scope = MutableMapping[str, object]
Receive = Callable[[], Awaitable[MutableMapping[str, object]]]
Send = Callable[[MutableMapping[str, object]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

# Where there are few descriptors, of so many one is for the people; the least that a browser works with.
_ONE_OF, _LEAST = 16, 4
_KEEP_ALIVE_S = 5
# What may come at once, after a rest: that of so many seconds.
_AT_ONCE_S = 4.0
_LEAVE_S = 1.0
_TRY_AGAIN_S = 0.25


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a listener allows.

    Args:
        connections: at a time.
        per_client: of them, those of one client: an IPv4 address, or an IPv6 /64.
        head_s: for a whole request's head.
        answer_s: for an answer, until it is taken.
        connections_per_s: on average; four times as many at once.
        requests_per_s: the same.
    """

    connections: int = 64
    per_client: int = 32
    head_s: float = 10.0
    answer_s: float = inf
    connections_per_s: float = 100.0
    requests_per_s: float = 100.0

    def within(self, descriptors: int | None) -> "Bounds":
        """The same where a process may have no more than so many descriptors."""
        if descriptors is None:
            return self
        connections = min(self.connections, max(descriptors // _ONE_OF, _LEAST))
        per_client = min(self.per_client, max(connections // 2, _LEAST))
        return replace(self, connections=connections, per_client=per_client)


class HttpListener:
    """Serves an ASGI application.

    Args:
        name: of what is served, for the log.
        application: it.
        sockets: listening ones; they stay the caller's.
        bounds: see there; fewer connections where there are few descriptors.
        log: where it says what troubles it.
    """

    def __init__(
        self, name: str, application: Application, sockets: Sequence[socket], bounds: Bounds, log: Log
    ) -> None:
        self.bounds = bounds.within(descriptor_limit())
        self._loop = asyncio.get_running_loop()
        self._log = log
        self._repeats = Repeats(self._loop, listener=name)
        self._sockets = sockets
        self._reserve = KeptDescriptors(self.bounds.connections)
        self._accepting = Pace(bounds.connections_per_s, _AT_ONCE_S * bounds.connections_per_s)
        requests = Pace(bounds.requests_per_s, _AT_ONCE_S * bounds.requests_per_s)

        async def paced(scope: Scope, receive: Receive, send: Send) -> None:
            await self._turn(requests)
            await application(scope, receive, send)

        self._config = uvicorn.Config(
            paced,
            http="h11",
            ws="none",
            interface="asgi3",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
        )
        self._config.load()
        # uvicorn warns of an odd request each time; nobody here can do anything about it.
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
        self._state = ServerState()
        self._all: set[_Connection] = set()
        # When the time of each is up, in the order in which it began. Who was told to end is in none of them.
        self._waiting: dict[_Connection, float] = {}
        self._answering: dict[_Connection, float] = {}
        self._leaving: dict[_Connection, float] = {}
        self._by_client: Counter[str] = Counter()
        self._changed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._alarm: asyncio.TimerHandle | None = None

    @property
    def connections(self) -> int:
        """How many there are now."""
        return len(self._all)

    def start(self) -> None:
        """Accept from now on."""
        self._tasks = [self._loop.create_task(self._accept_all(sock)) for sock in self._sockets]

    async def close(self) -> None:
        """Accept no more, and let answers that are under way be taken, within a second."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for connection in list(self._all):
            connection.leave()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LEAVE_S):
                while self._all:
                    self._changed.clear()
                    await self._changed.wait()
        for connection in list(self._all):
            connection.end()
        for task in (unfinished := list(self._state.tasks)):
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)
        if self._alarm is not None:
            self._alarm.cancel()
        self._repeats.close()
        self._reserve.let_go()

    async def _turn(self, pace: Pace) -> None:
        wait_s = pace.wait_s(self._loop.time())
        if wait_s:
            await asyncio.sleep(wait_s)

    # Who comes in.

    async def _accept_all(self, sock: socket) -> None:
        sock.setblocking(False)
        while True:
            await self._turn(self._accepting)
            is_told = await self._somebody_at(sock)
            await self._room()
            try:
                client, peer = sock.accept() if is_told else await self._loop.sock_accept(sock)
            except (BlockingIOError, ConnectionAbortedError):
                self._reserve.returned()
            except OSError as error:
                self._reserve.returned()
                self._say("cannot accept", error.strerror or str(error))
                await asyncio.sleep(_TRY_AGAIN_S)
            else:
                await self._begin(client, peer)

    async def _somebody_at(self, sock: socket) -> bool:
        """Until a client waits there; False where the loop does not tell (Windows' ProactorEventLoop)."""
        told = asyncio.Event()
        try:
            self._loop.add_reader(sock, told.set)
        except NotImplementedError:
            return False
        try:
            return await told.wait()
        finally:
            self._loop.remove_reader(sock)

    async def _room(self) -> None:
        """Until there is room for one more, and a descriptor, which is taken out of the reserve."""
        while len(self._all) >= self.bounds.connections or not self._reserve.lend():
            self._changed.clear()
            if len(self._all) >= self.bounds.connections:
                self._make_room()
            with suppress(TimeoutError):
                async with asyncio.timeout(_TRY_AGAIN_S):
                    await self._changed.wait()

    async def _begin(self, client: socket, peer: SockAddr) -> None:
        client.setblocking(False)
        who = client_of(peer)
        if self._by_client[who] >= self.bounds.per_client:
            self._say("crowded", f"{self.bounds.per_client} connections of one client", client=shown(peer))
            if not self._evict(who):
                client.close()
                self._reserve.returned()
                return
        connection = _Connection(self, self._config, self._state, who)
        try:
            await self._loop.connect_accepted_socket(lambda: connection, client)
        except OSError as error:
            client.close()
            if connection not in self._all:
                self._reserve.returned()
            self._say("cannot accept", error.strerror or str(error))

    def _make_room(self) -> None:
        is_one_ending = len(self._all) > len(self._waiting) + len(self._answering) + len(self._leaving)
        if not is_one_ending:
            self._say("crowded", f"{len(self._all)} connections: the one that is silent longest makes room")
            self._evict(None)

    def _evict(self, who: str | None) -> bool:
        """End the one that has waited longest for its request, of this client or of all; whether there is one."""
        for connection in self._waiting:
            if who is None or connection.who == who:
                connection.end()
                return True
        return False

    def _say(self, event: str, why: str, **facts: str) -> None:
        self._repeats.say(self._log.warning, event, why, **facts, why=why)

    # What connections tell.

    def enter(self, connection: "_Connection") -> None:
        """It is there, and its request is not."""
        self._all.add(connection)
        self._by_client[connection.who] += 1
        self.wait_for(connection)

    def wait_for(self, connection: "_Connection") -> None:
        """Its next request is waited for."""
        self._move(connection, self._waiting, self.bounds.head_s)
        self._changed.set()

    def answer(self, connection: "_Connection") -> None:
        """A request is there whole."""
        self._move(connection, self._answering, self.bounds.answer_s)

    def leave(self, connection: "_Connection") -> None:
        """It ends when what was answered is taken."""
        self._move(connection, self._leaving, self.bounds.head_s)

    def ending(self, connection: "_Connection") -> None:
        """Nothing is to be waited for any more."""
        for them in (self._waiting, self._answering, self._leaving):
            them.pop(connection, None)

    def _move(self, connection: "_Connection", to: "dict[_Connection, float]", within_s: float) -> None:
        self.ending(connection)
        to[connection] = self._loop.time() + within_s
        self._set_alarm()

    def left(self, connection: "_Connection") -> None:
        """It is over; its descriptor is closed when the loop has gone on."""
        if connection in self._all:
            self._all.remove(connection)
            self.ending(connection)
            self._by_client[connection.who] -= 1
            if not self._by_client[connection.who]:
                del self._by_client[connection.who]
            self._loop.call_soon(self._give_back)

    def _give_back(self) -> None:
        self._reserve.returned()
        self._changed.set()

    def _set_alarm(self) -> None:
        """Look when the first time is up."""
        at = min(next(iter(them.values()), inf) for them in (self._waiting, self._answering, self._leaving))
        if self._alarm is not None:
            if self._alarm.when() <= at:
                return
            self._alarm.cancel()
            self._alarm = None
        if at != inf:
            self._alarm = self._loop.call_at(at, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        now = self._loop.time()
        for them in (self._waiting, self._answering, self._leaving):
            for connection in [each for each, until in them.items() if until <= now]:
                connection.end()
        self._set_alarm()


class _Connection(H11Protocol):
    """One connection of uvicorn's, which tells when a request is there and when its answer is."""

    def __init__(self, listener: HttpListener, config: uvicorn.Config, state: ServerState, who: str) -> None:
        super().__init__(config, state, {})
        self.who = who
        self._listener = listener
        self._answered: object = None

    @property
    def _is_answering(self) -> bool:
        cycle = cast("RequestResponseCycle | None", self.cycle)
        return cycle is not None and not cycle.response_complete

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]
        self._listener.enter(self)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._listener.left(self)

    def data_received(self, data: bytes) -> None:
        self.server_state.default_headers = [(b"date", formatdate(usegmt=True).encode())]
        super().data_received(data)
        if self._is_answering and self.cycle is not self._answered:
            self._answered = self.cycle
            self._listener.answer(self)

    def on_response_complete(self) -> None:
        before = self.cycle
        super().on_response_complete()
        if self.transport.is_closing():
            self._listener.leave(self)
        elif self.cycle is before:
            self._listener.wait_for(self)
        else:
            # The next one had come already.
            self._answered = self.cycle
            self._listener.answer(self)

    def leave(self) -> None:
        """End it when its answer is taken."""
        if self._is_answering:
            self.cycle.keep_alive = False
        else:
            self._listener.leave(self)
            self.transport.close()

    def end(self) -> None:
        """End it now."""
        self._listener.ending(self)
        self.transport.abort()
