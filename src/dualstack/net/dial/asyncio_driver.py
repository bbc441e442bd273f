"""A race, driven by an asyncio loop.

The race is `core.race`'s. Here it is driven without tasks: one future, `add_writer` for each attempt, one `call_at`,
and the daemon threads of `net.pool` for lookups. A handshake of TLS has a task, since a loop has no other way to make
one. Whatever ends the wait, cancellation included, closes all but the winner, which is closed too where nobody is
left to take it. Only the selector's half of a loop is used, so uvloop does as well.
"""

import asyncio
import errno
import select
import socket
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, NoReturn, TypeAlias

from dualstack.core.address.address import Address
from dualstack.core.dial.actions import Action, Ask, Attempt, Start, Stop
from dualstack.core.dial.egress import Outlet
from dualstack.core.dial.resolution import SERVICES, Answer, Lookup
from dualstack.errors import AddressError, DialError
from dualstack.kernel.attempts import begin, failure_of
from dualstack.kernel.streams import error_of
from dualstack.net.dial.address_lookup import check_still
from dualstack.net.dial.one_address import raise_of
from dualstack.net.dial.prepare import PreparedRace, Quick
from dualstack.net.dial.target import Target
from dualstack.net.names.thread_pool import POOL, Job, Outcome, value_of

if TYPE_CHECKING:
    from dualstack.net.names.dns_asyncio import QuickLookups

__all__ = ["Handshake", "LoopDial", "Streams"]

Streams: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Handshake: TypeAlias = Callable[[socket.socket], Awaitable[Streams]]

_LONGEST_S = 86400.0
_LOOK_EVERY_S = 0.005
# Not every system has the number.
_HANDSHAKE_FAILED = getattr(errno, "EPROTO", errno.EIO)


class LoopDial:
    """One race, driven by an asyncio loop.

    Args:
        prepared: the race and its questions.
        target: where to.
        outlet: what sockets are bound to.
    """

    def __init__(self, prepared: PreparedRace, target: Target, outlet: Outlet) -> None:
        self._loop = asyncio.get_running_loop()
        self._prepared = prepared
        self._race = prepared.race
        self._target = target
        self._outlet = outlet
        self._sockets: dict[int, socket.socket] = {}
        self._jobs: list[Job[Answer]] = []
        self._lookups: QuickLookups | None = None
        self._over: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = inf
        self._handshake: Handshake | None = None
        self._shaking: dict[int, _Shaking] = {}
        self._won: Streams | None = None

    @property
    def hostname(self) -> str:
        """The name that a certificate has to be for."""
        host = self._target.host
        if isinstance(host, tuple):
            host = host[0]
        # A name may end with the root's dot, and no certificate has it (RFC 6125 section 6.4, RFC 6066 section 3).
        return str(host.without_scope) if isinstance(host, Address) else host.removesuffix(".")

    def secure(self, handshake: "Handshake") -> None:
        """Make the race one for a handshake: `handshake(sock)` gives the streams over a connected socket."""
        self._handshake = handshake

    def streams(self) -> Streams:
        """What the winning handshake made."""
        assert self._won is not None  # noqa: S101 - asked for after `run` alone
        return self._won

    async def run(self) -> socket.socket:
        """The connected socket.

        Raises:
            DialError, LookupFailed: there is none.
        """
        race = self._race
        try:
            for lookup, answer in self._prepared.known:
                self._tell(race.answered, lookup, answer)
            for lookup in self._prepared.lookups:
                self._ask(lookup)
            if not race.is_over:
                self._over = self._loop.create_future()
                self._set_timer()
                await self._over
            if race.error is not None:
                self._fail()
            assert race.winner is not None  # noqa: S101 - what is over without an error has a winner
            number = race.winner.number
            if number in self._shaking:
                self._won = self._shaking.pop(number).streams
            return self._sockets.pop(number)
        finally:
            ending = self._close()
            if ending:
                await asyncio.wait(ending)
            self._over = None  # what it raises leads here by its traceback

    def _fail(self) -> NoReturn:
        if self._handshake is None:
            raise_of(self._race)
        from dualstack.net.dial.handshakes import of_handshakes  # who shakes no hands does not pay for it

        try:
            raise_of(self._race)
        except DialError as error:
            told = of_handshakes(error)
            if told is error:
                raise
        try:
            raise told from told.__cause__
        finally:
            del told

    def _ask(self, lookup: Lookup) -> None:
        if (
            self._prepared.quick is None
            or lookup.family == SERVICES
            or not self._ask_quickly(lookup, self._prepared.quick)
        ):
            self._ask_pool(lookup)

    def _ask_quickly(self, lookup: Lookup, quick: Quick) -> bool:
        try:
            if self._lookups is None or self._lookups.is_closed:
                from dualstack.net.names.dns_asyncio import QuickLookups  # who asks the system does not pay for it

                self._lookups = QuickLookups(quick.server, self._found, self._loop, is_final=quick.is_final)
            self._lookups.ask(lookup, lookup.name or quick.name)
            quick.asked.add(lookup)
        except (OSError, NotImplementedError, ValueError):
            return False
        return True

    def _found(self, lookup: Lookup, addresses: Sequence[Address] | None) -> None:
        assert self._prepared.quick is not None  # noqa: S101 - it has been asked so
        answer = None if addresses is None else self._prepared.quick.answer_of(lookup, addresses)
        if answer is None:
            self._ask_pool(lookup)
        else:
            self._tell(self._race.answered, lookup, answer)

    def _ask_pool(self, lookup: Lookup) -> None:
        self._jobs.append(
            POOL.put(partial(self._prepared.find, lookup), partial(self._deliver, lookup), self._prepared.asker)
        )

    def _deliver(self, lookup: Lookup, outcome: Outcome[Answer]) -> None:
        """In a thread of the pool: hand the answer to the loop."""
        with suppress(RuntimeError):  # the loop is closed: too late
            self._loop.call_soon_threadsafe(self._answered, lookup, outcome)

    def _answered(self, lookup: Lookup, outcome: Outcome[Answer]) -> None:
        if self._over is None or self._over.done():
            return
        try:
            answer = value_of(outcome)
        except Exception as error:  # noqa: BLE001 - a mistake of ours, which the caller gets to see
            self._over.set_exception(error)
            return
        self._tell(self._race.answered, lookup, answer)

    def _writable(self, number: int) -> None:
        sock = self._sockets[number]
        self._unwatch(sock)
        error = error_of(sock)
        if error:
            del self._sockets[number]
            sock.close()
            self._tell(self._race.failed, number, *failure_of(error))
        else:
            self._tell(self._connected, number)

    def _connected(self, number: int, now: float) -> list[Action]:
        if self._handshake is None:
            return self._race.connected(number, now)
        self._race.progressed(number, now)
        self._shaking[number] = shaking = _Shaking()
        shaking.task = self._loop.create_task(self._shake(number, self._handshake, shaking))
        return []

    async def _shake(self, number: int, handshake: "Handshake", shaking: "_Shaking") -> None:
        shaking.has_begun = True
        sock = self._sockets[number]
        try:
            shaking.streams = await handshake(sock)
        except OSError as error:
            self._shaking.pop(number, None)
            self._sockets.pop(number, None)
            sock.close()
            # Its traceback leads to whoever is about to hold it.
            failed = partial(self._race.failed, cause=error.with_traceback(None))
            self._tell(failed, number, _HANDSHAKE_FAILED, f"TLS: {error}")
        except Exception as error:  # noqa: BLE001 - a context or an argument that cannot be, which the caller gets to see
            self._sockets.pop(number, None)
            self._shaking.pop(number, None)
            sock.close()
            self._break(error)
        except BaseException:
            sock.close()
            raise
        else:
            self._tell(self._race.connected, number)

    def _tick(self) -> None:
        self._timer, self._timer_at = None, inf
        self._tell(self._race.tick)

    def _tell(self, event: Callable[..., list[Action]], *facts: object) -> None:
        """Tell the race what has happened, and do what it says; what a listener of steps raises is the caller's."""
        try:
            self._do(event(*facts, monotonic()))
        except Exception as error:
            if self._over is None:
                raise
            self._break(error)

    def _break(self, error: Exception) -> None:
        if self._over is not None and not self._over.done():
            self._over.set_exception(error)

    def _do(self, actions: list[Action]) -> None:
        todo = deque(actions)
        while todo:
            match todo.popleft():
                case Start(attempt):
                    todo.extend(self._start(attempt))
                case Stop(number):
                    self._let_go(number)
                case Ask(lookup):
                    self._ask(lookup)
        if self._over is None or self._over.done():
            return
        if self._race.is_over:
            self._over.set_result(None)
        else:
            self._set_timer()

    def _start(self, attempt: Attempt) -> list[Action]:
        address, port = attempt.candidate.address, attempt.candidate.port or self._target.port
        try:
            check_still(address, self._outlet)
            sock, is_connected = begin(address, port, self._outlet.sources[address.version])
        except (OSError, AddressError) as error:
            return self._race.failed(attempt.number, *failure_of(error), monotonic())
        self._sockets[attempt.number] = sock
        if is_connected:
            return self._connected(attempt.number, monotonic())
        self._watch(attempt.number, sock)
        return []

    def _watch(self, number: int, sock: socket.socket) -> None:
        try:
            self._loop.add_writer(sock.fileno(), self._writable, number)
        except NotImplementedError:
            # asyncio's proactor, the default on Windows, watches no socket of others: look at it now and then.
            self._loop.call_later(_LOOK_EVERY_S, self._look, number, sock)

    def _unwatch(self, sock: socket.socket) -> None:
        try:  # noqa: SIM105 - suppress() costs as much as the call
            self._loop.remove_writer(sock.fileno())
        except NotImplementedError:
            pass

    def _look(self, number: int, sock: socket.socket) -> None:
        if self._sockets.get(number) is not sock:
            return
        if any(select.select([], [sock], [sock], 0)):
            self._writable(number)
        else:
            self._loop.call_later(_LOOK_EVERY_S, self._look, number, sock)

    def _let_go(self, number: int) -> None:
        """Close what is left of an attempt: the writer goes before the descriptor, which another may get next."""
        sock = self._sockets.pop(number, None)
        if sock is None:
            return
        shaking = self._shaking.get(number)
        if shaking is None or shaking.task is None:
            self._unwatch(sock)
            sock.close()
        elif shaking.streams is not None:
            shaking.streams[1].transport.abort()
            sock.close()
        else:
            shaking.task.cancel()
            if not shaking.has_begun:
                sock.close()

    def _set_timer(self) -> None:
        at = self._race.wake_at
        if at == self._timer_at:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = at
        delay_s = min(max(at - monotonic(), 0.0), _LONGEST_S)
        self._timer = None if at == inf else self._loop.call_later(delay_s, self._tick)

    def _close(self) -> list[asyncio.Task[None]]:
        """Let go of all but the winner; the handshakes that are still to end."""
        for job in self._jobs:
            POOL.drop(job)
        lookups, self._lookups = self._lookups, None  # it tells this one: a ring for the collector
        if lookups is not None:
            lookups.close()
        if self._timer is not None:
            self._timer.cancel()
        self._race.cancel(monotonic())
        for number in list(self._sockets):
            self._let_go(number)
        ending = [shaking.task for shaking in self._shaking.values() if shaking.task is not None]
        self._shaking.clear()
        return ending


class _Shaking:
    """A handshake under way, or the streams that it made."""

    __slots__ = ("has_begun", "streams", "task")

    def __init__(self) -> None:
        self.task: asyncio.Task[None] | None = None
        self.has_begun = False
        self.streams: Streams | None = None
