"""What every driver of a race does alike: begin an attempt, ask, let go, and tell the race what came of it.

The race (`core.dial.race`) says what is tried and when; it opens nothing and reads no clock. A driver does what it
says, with sockets and with the pool's threads, and tells it what happened and when. Here is the half of that which has
no loop in it. The other half waits, and as there are three ways to wait there are three: a selector that blocks,
asyncio's callbacks, trio's tasks. Each says how a socket is watched and how a thread's answer reaches it, and what
becomes of an error that has no caller to go to (`_tell`).

What an attempt passes through here:

    no socket     Start          it is begun; failed or connected at once, the race hears of it in the same turn
    watched       may be written `_ready`: the kernel is asked whether it is connected, and the race is told
    watched       Stop           let go: no longer watched, then closed, since another may get the number next
    connected     it has won     taken out by `_winner`; all that is still in `_sockets` at the end is let go

Rejected: a driver that has a loop instead of being one. The two would hold each other, a ring that only the garbage
collector takes apart, after each connection. And a driver written once as a coroutine that a blocking loop steps
through: who blocks would pay for asyncio's half of it.
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from functools import partial
from socket import socket
from time import monotonic

from dualstack.core.dial.actions import Action, Ask, Attempt, Start, Stop
from dualstack.core.dial.egress import EgressPolicy
from dualstack.core.dial.race import Race
from dualstack.core.dial.resolution import Answer, Lookup
from dualstack.errors import AddressError
from dualstack.kernel.attempts import begin, failure_of
from dualstack.kernel.socket_options import error_of
from dualstack.net.dial.candidates import check_still
from dualstack.net.dial.prepare import PreparedRace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from dualstack.net.names.thread_pool import Outcome

__all__ = ["LONGEST_WAIT_S", "RaceDriver"]

# Some loops count time in an int; who waits for a day looks again.
LONGEST_WAIT_S = 86400.0


class RaceDriver(ABC):
    """One race, on sockets; whatever ends it, all but the winner are closed.

    Args:
        prepared: the race and its questions.
        port: where to, but for those whose service record names another.
        outlet: what sockets are bound to.
    """

    def __init__(self, prepared: PreparedRace, port: int, outlet: EgressPolicy) -> None:
        self._prepared = prepared
        self._race = prepared.race
        self._port = port
        self._outlet = outlet
        self._sockets: dict[int, socket] = {}
        self._drop_jobs: list[Callable[[], None]] = []

    # How a loop waits.

    @abstractmethod
    def _watch(self, number: int, sock: socket) -> None:
        """Have `_ready(number)` called once the socket may be written to."""

    @abstractmethod
    def _unwatch(self, sock: socket) -> None:
        """Undo that: the socket is about to be closed."""

    @abstractmethod
    def _deliver(self, lookup: Lookup, outcome: "Outcome[Answer]") -> None:
        """In a thread of the pool: have `_answered` called where the race is."""

    # What has happened, for the race.

    def _begin(self) -> None:
        """What is known already, and the first questions."""
        for lookup, answer in self._prepared.known:
            self._tell(self._race.answered, lookup, answer)
        for lookup in self._prepared.lookups:
            self._ask(lookup)

    def _answered(self, lookup: Lookup, outcome: "Outcome[Answer]") -> None:
        self._tell(self._entered, lookup, outcome)

    def _entered(self, lookup: Lookup, outcome: "Outcome[Answer]", now: float) -> list[Action]:
        """An answer; what no lookup should raise is a mistake of ours, which the caller gets to see."""
        from dualstack.net.names.thread_pool import value_of  # as below

        return self._race.answered(lookup, value_of(outcome), now)

    def _ready(self, number: int) -> None:
        error = error_of(self._sockets[number])
        if error:
            self._let_go(number)
            self._tell(self._race.failed, number, *failure_of(error))
        else:
            self._tell(self._connected, number)

    def _connected(self, number: int, now: float) -> list[Action]:
        return self._race.connected(number, now)

    def _tell(self, event: Callable[..., list[Action]], *facts: object) -> None:
        """Tell the race what has happened, and do what it says; what a listener of steps raises is the caller's."""
        self._do(event(*facts, monotonic()))

    # What the race says.

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

    def _start(self, attempt: Attempt) -> list[Action]:
        address, port = attempt.candidate.address, attempt.candidate.port or self._port
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

    def _ask(self, lookup: Lookup) -> None:
        from dualstack.net.names.thread_pool import POOL  # who has addresses does not pay for it

        prepared = self._prepared
        job = POOL.put(partial(prepared.find, lookup), partial(self._deliver, lookup), prepared.asker)
        self._drop_jobs.append(partial(POOL.drop, job))

    def _let_go(self, number: int) -> None:
        sock = self._sockets.pop(number, None)
        if sock is not None:
            self._unwatch(sock)
            sock.close()

    # How it ends.

    def _winner(self) -> socket:
        """The connection, which is the caller's from here on.

        Raises:
            DialError, LookupFailed: there is none.
        """
        race = self._race
        if race.error is not None:
            _raise_error_of(race)
        assert race.winner is not None  # noqa: S101 - what is over without an error has a winner
        return self._sockets.pop(race.winner.number)

    def _drop_lookups(self) -> None:
        for drop in self._drop_jobs:
            drop()

    def _let_all_go(self) -> None:
        for number in list(self._sockets):
            self._let_go(number)


def _raise_error_of(race: Race) -> "NoReturn":
    """Raise what a race has ended with, held by no frame and no machine when it is handled: nothing to collect."""
    error = race.take_error()
    assert error is not None  # noqa: S101 - it has ended with one
    try:
        raise error
    finally:
        del error
