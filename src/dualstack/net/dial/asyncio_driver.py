"""A race that waits on an asyncio loop, without a task: one future, `add_writer` for each attempt, one `call_later`.

Only the selector's half of a loop is used, so uvloop does as well. Lookups run in the pool's daemon threads, but for
those that the loop can make by itself, with a datagram to a name server. Whatever ends the wait, cancellation included,
closes all but the winner, which is closed too where nobody is left to take it.
"""

import asyncio
import select
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from math import inf
from time import monotonic
from typing import TYPE_CHECKING

from dualstack.core.address.address import Address
from dualstack.core.dial.actions import Action
from dualstack.core.dial.egress import EgressPolicy
from dualstack.core.dial.resolution import SERVICES, Answer, Lookup
from dualstack.net.dial.driver import LONGEST_WAIT_S, RaceDriver
from dualstack.net.dial.prepare import PreparedRace

if TYPE_CHECKING:
    from dualstack.net.dial.by_name import Quick
    from dualstack.net.names.dns_asyncio import QuickLookups
    from dualstack.net.names.thread_pool import Outcome

__all__ = ["AsyncioDriver"]

_LOOK_EVERY_S = 0.005


class AsyncioDriver(RaceDriver):
    """One race on the running loop."""

    def __init__(self, prepared: PreparedRace, port: int, outlet: EgressPolicy) -> None:
        super().__init__(prepared, port, outlet)
        self._loop = asyncio.get_running_loop()
        self._lookups: QuickLookups | None = None
        self._over: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = inf

    async def run(self) -> socket.socket:
        """The connected socket.

        Raises:
            DialError, LookupFailed: there is none.
        """
        try:
            self._begin()
            if not self._race.is_over:
                self._over = self._loop.create_future()
                self._set_timer()
                await self._over
            return self._winner()
        finally:
            self._close()
            self._over = None  # what it raises leads here by its traceback

    # What happens, on the loop.

    def _tell(self, event: Callable[..., list[Action]], *facts: object) -> None:
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
        super()._do(actions)
        if self._over is None or self._over.done():
            return
        if self._race.is_over:
            self._over.set_result(None)
        else:
            self._set_timer()

    def _set_timer(self) -> None:
        at = self._race.wake_at
        if at == self._timer_at:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = at
        delay_s = min(max(at - monotonic(), 0.0), LONGEST_WAIT_S)
        self._timer = None if at == inf else self._loop.call_later(delay_s, self._tick)

    def _tick(self) -> None:
        self._timer, self._timer_at = None, inf
        self._tell(self._race.tick)

    # Lookups, by the loop or by the pool.

    def _ask(self, lookup: Lookup) -> None:
        quick = self._prepared.quick
        if quick is None or lookup.family == SERVICES or not self._ask_quickly(lookup, quick):
            super()._ask(lookup)

    def _ask_quickly(self, lookup: Lookup, quick: "Quick") -> bool:
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
        quick = self._prepared.quick
        assert quick is not None  # noqa: S101 - it has been asked so
        answer = None if addresses is None else quick.answer_of(lookup, addresses)
        if answer is None:
            super()._ask(lookup)
        else:
            self._tell(self._race.answered, lookup, answer)

    def _deliver(self, lookup: Lookup, outcome: "Outcome[Answer]") -> None:
        with suppress(RuntimeError):  # the loop is closed: too late
            self._loop.call_soon_threadsafe(self._answered, lookup, outcome)

    def _answered(self, lookup: Lookup, outcome: "Outcome[Answer]") -> None:
        if self._over is not None and not self._over.done():
            super()._answered(lookup, outcome)

    # Sockets, by the loop's selector.

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

    def _writable(self, number: int) -> None:
        self._unwatch(self._sockets[number])  # a loop would say it again and again
        self._ready(number)

    def _look(self, number: int, sock: socket.socket) -> None:
        if self._sockets.get(number) is not sock:
            return
        if any(select.select([], [sock], [sock], 0)):
            self._writable(number)
        else:
            self._loop.call_later(_LOOK_EVERY_S, self._look, number, sock)

    def _close(self) -> None:
        """Nothing comes any more, and nothing is left open but the winner."""
        self._drop_lookups()
        lookups, self._lookups = self._lookups, None  # it tells this one: a ring for the collector
        if lookups is not None:
            lookups.close()
        if self._timer is not None:
            self._timer.cancel()
        self._race.cancel(monotonic())
        self._let_all_go()
