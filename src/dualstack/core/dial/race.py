"""Happy Eyeballs as a machine: events in, each with the time it happened, actions out (RFC 8305).

The problem: a name has addresses of two families, some of which are silent, and nobody knows which. Who waits for each
in turn waits for minutes; who dials them all at once loads every server and learns nothing. And the lookups race as
well: the better family's answer may come late, or never.

    state       waits for                                                and no longer than
    RESOLVING   an address: every lookup was asked at once               the deadline
    DELAYED     the preferred family's answer, yes or no                 the Resolution Delay after the first address
    RACING      a connection; a failure starts the next address at       the Connection Attempt Delay, then the next
                once, and what is answered late is sorted in             address is tried beside the others
    OVER        nothing: it has a winner, an error, or nobody who waits

What leads from one to the other is `TRANSITIONS`. The first connection wins; all others are stopped.

The driver looks names up, opens sockets, waits until `wake_at`, and does what each method returns, in order. The
machine never looks at a clock, opens nothing and blocks nowhere; once it is over it asks for nothing more, and a
second success is answered with a stop.

Rejected were:

- A task for each attempt, with the delays as its sleeps: three drivers would each have the law in their own words, and
  no test could tell the exact times.
- A queue for each family: what was learnt, and services, order addresses across the families. There is one list.
- A state for "every address is tried": a late answer may bring more, so it is RACING with nothing in the queue.
- Three states for the three ends: nothing is done in any of them, and `winner` and `error` tell which it is.
- No limit of attempts under way: a name with a hundred silent addresses would have a hundred sockets.
"""

from collections.abc import Callable, Collection, Sequence
from enum import Enum
from errno import ETIMEDOUT
from math import inf

from dualstack.core.dial.actions import Action, Ask, Attempt, Memory, Start, Stop
from dualstack.core.dial.lessons import teach
from dualstack.core.dial.order import Candidate, anything_penalised, ordered
from dualstack.core.dial.policy_table import DEFAULT_TABLE, PolicyTable
from dualstack.core.dial.resolution import SERVICES, Answer, Lookup, Resolution, Service
from dualstack.core.dial.steps import DialStep, Kind
from dualstack.core.dial.timing import ATTEMPT_DELAY_S, LEAST_ATTEMPT_DELAY_S, Timing
from dualstack.core.dial.trace import Trace
from dualstack.core.quick_values import replace
from dualstack.errors import DialError, LookupFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dualstack.core.dial.egress import LeftOut

__all__ = ["PATIENCE_S", "TRANSITIONS", "Race", "RaceEvent", "RaceState"]

# With as many attempts under way as may be, the oldest makes room for the next address once it has been silent for as
# long as a lost first packet and its first repetition take (RFC 6298: 1 s, then 2 s).
PATIENCE_S = 3.0

_SILENT = "no answer"


class RaceState(Enum):
    """What a race waits for."""

    RESOLVING = "an address"
    DELAYED = "a better address"
    RACING = "a connection"
    OVER = "nothing"

    __hash__ = object.__hash__  # Enum's own is a function in Python


class RaceEvent(Enum):
    """What changes that."""

    FOUND = "there is an address"
    WITHDRAWN = "the addresses were hints, and are none"
    STARTED = "it is the best to come, or the delay is over"
    CONNECTED = "an attempt has succeeded"
    EXHAUSTED = "no lookup, no address and no attempt is left"
    EXPIRED = "the deadline has come"
    CANCELLED = "nobody wants the connection any more"

    __hash__ = object.__hash__


# A member of an enum costs 50 ns to name in Python 3.11, several times a connection.
RESOLVING, DELAYED, RACING, OVER = RaceState
FOUND, WITHDRAWN, STARTED, CONNECTED, EXHAUSTED, EXPIRED, CANCELLED = RaceEvent

TRANSITIONS: dict[RaceState, dict[RaceEvent, RaceState]] = {
    RESOLVING: {FOUND: DELAYED, EXHAUSTED: OVER, EXPIRED: OVER, CANCELLED: OVER},
    DELAYED: {STARTED: RACING, WITHDRAWN: RESOLVING, EXPIRED: OVER, CANCELLED: OVER},
    RACING: {CONNECTED: OVER, EXHAUSTED: OVER, EXPIRED: OVER, CANCELLED: OVER},
    OVER: {},
}


class Race:
    """One connection in the making.

    Args:
        target: for messages, as its text has it.
        lookups: what is asked, in that order; the answers are to come.
        now: when it begins.
        timing: how long it waits for what.
        deadline: when it gives up.
        table: the policy of the sort.
        memory: what earlier races taught, and is told of this one.
        name: what is looked up; None where the addresses are known.
        on_step: told of each step as it happens.
        asked: the lookups that somebody has been asked, as the driver enters them; None where all are asked at once.
    """

    __slots__ = (
        *("_asked", "_attempts", "_deadline", "_failed", "_is_probe", "_left_out", "_lookup_errors", "_memory"),
        *("_next_at", "_preferred", "_queue", "_resolution", "_resolution_at", "_running", "_started_at", "_state"),
        *("_table", "_target", "_timing", "_trace", "error", "winner"),
    )

    def __init__(
        self,
        target: object,
        lookups: Collection[Lookup],
        now: float,
        *,
        timing: Timing,
        deadline: float = inf,
        table: PolicyTable = DEFAULT_TABLE,
        memory: Memory | None = None,
        name: str | None = None,
        on_step: Callable[[DialStep], object] | None = None,
        asked: Collection[Lookup] | None = None,
    ) -> None:
        self._asked = asked
        self.winner: Attempt | None = None
        self.error: DialError | LookupFailed | None = None
        self._state = RESOLVING
        self._trace = Trace(now, name, on_step)
        self._target = target
        self._timing = timing
        self._table = table
        self._memory = memory
        self._deadline = deadline
        self._resolution = Resolution(lookups)
        self._preferred = table.preferred_family
        self._left_out: list[LeftOut] = []
        self._lookup_errors: list[LookupFailed] = []
        self._queue: list[Candidate] = []
        self._attempts: list[Attempt] = []
        self._running: dict[int, Attempt] = {}
        self._failed: list[Attempt] = []
        self._started_at = self._next_at = self._resolution_at = now
        self._is_probe = False
        if name is not None:
            for lookup in lookups:
                self._trace.lookup(lookup, now)

    @property
    def is_over(self) -> bool:
        """Whether there is a winner, an error, or nobody who waits."""
        return self._state is OVER

    @property
    def wake_at(self) -> float:
        """When `tick` is due, if nothing happens before; infinity where nothing waits for time."""
        if self._state is OVER:
            return inf
        if not self._queue:
            return self._deadline
        if self._state is DELAYED:
            return min(self._deadline, self._resolution_at)
        at = self._next_at
        if len(self._running) >= self._timing.in_flight:
            at = max(at, self._oldest.started + PATIENCE_S)
        return min(self._deadline, at)

    @property
    def steps(self) -> list[DialStep]:
        """What happened so far."""
        return self._trace.steps

    @property
    def running(self) -> Collection[Attempt]:
        """The attempts under way."""
        return self._running.values()

    def answered(self, lookup: Lookup, answer: Answer, now: float) -> list[Action]:
        """A lookup has come to its end."""
        resolution = self._resolution
        if self._state is OVER or lookup not in resolution.pending:
            return []
        resolution.pending.remove(lookup)
        self._trace.answer(lookup, answer, now)
        self._left_out += answer.left_out
        asked: list[Action] = []
        if lookup.family == SERVICES:
            asked += self._take_services(answer.services, now)
        else:
            self._take_addresses(lookup, answer, now)
        if answer.candidates or resolution.has_services:
            self._sort(now)
        return asked + self._go(now)

    def tick(self, now: float) -> list[Action]:
        """Time has passed."""
        return [] if self._state is OVER else self._go(now)

    def progressed(self, number: int, now: float) -> None:
        """The connection is made and its handshake goes on: it is alive, and gets its delay anew."""
        attempt = self._running.get(number)
        if attempt is not None:
            self._next_at = max(self._next_at, now + attempt.patience_s)
            self._trace.note(now, Kind.WAIT, what="handshake", address=attempt.candidate.address)

    def connected(self, number: int, now: float) -> list[Action]:
        """An attempt has succeeded: it has won, or comes too late and is to be closed."""
        attempt = self._running.pop(number, None)
        if attempt is None:
            return [Stop(number)]
        self.winner = attempt
        self._state = TRANSITIONS[self._state][CONNECTED]
        self._trace.note(
            now, Kind.CONNECTED, number=number, address=attempt.candidate.address, elapsed_s=now - attempt.started
        )
        if self._memory is not None:
            teach(self._memory, attempt, self._failed, self._running.values(), now)
        return self._stop_all(now)

    def failed(
        self, number: int, errno: int, why: str, now: float, *, cause: BaseException | None = None
    ) -> list[Action]:
        """An attempt has failed, with the system's number and words for it, or what its handshake raised.

        The next starts at once.
        """
        attempt = self._running.pop(number, None)
        if attempt is None or self._state is OVER:
            return []
        attempt.cause = cause
        self._enter_failure(attempt, errno, now, why)
        self._next_at = now
        return self._go(now)

    def take_error(self) -> DialError | LookupFailed | None:
        """The error, of which nothing here keeps hold: one that its own traceback leads to is garbage in a ring."""
        error, self.error = self.error, None
        self._lookup_errors.clear()
        return error

    def cancel(self, now: float) -> list[Action]:
        """Nobody wants the connection any more."""
        if self._state is OVER:
            return []
        self._state = TRANSITIONS[self._state][CANCELLED]
        return self._stop_all(now)

    # What is known.

    def _take_services(self, services: Sequence[Service], now: float) -> list[Action]:
        """RFC 9460 section 3: what is used of them; a name other than the target's own is asked for its addresses."""
        used = [replace(each, hints=self._recalled(each.hints, now)) for each in services if not each.why_not]
        more = self._resolution.enter_services(used)
        for lookup in more:
            self._trace.lookup(lookup, now)
        return [Ask(lookup) for lookup in more]

    def _take_addresses(self, lookup: Lookup, answer: Answer, now: float) -> None:
        if answer.error is None:
            self._resolution.enter(lookup, self._recalled(answer.candidates, now))
            return
        # That a service's name has no address says nothing of the target's, which may be connected to without it.
        if lookup.name is None:
            self._lookup_errors.append(answer.error)
        if not answer.error.timed_out:
            self._resolution.enter(lookup, ())

    def _recalled(self, candidates: Sequence[Candidate], now: float) -> Sequence[Candidate]:
        return candidates if self._memory is None else self._memory.recalled(candidates, now)

    # What is tried when.

    def _wait_for_better(self, now: float) -> None:
        """The first addresses wait for what may be better, but not long."""
        if self._may_be_bettered and self._timing.resolution_delay_s > 0:
            self._resolution_at = now + self._timing.resolution_delay_s
            self._trace.note(now, Kind.WAIT, what="resolution delay", until_s=self._resolution_at - self._started_at)

    def _sort(self, now: float) -> None:
        """RFC 8305 section 4, and section 3 for what comes late: the whole list anew, less what was tried."""
        groups = self._resolution.groups()
        best_first = self._ordered(groups, is_probe=self._is_probe)
        if self._state is RACING:
            tried = {(attempt.candidate.address, attempt.candidate.port) for attempt in self._attempts}
            best_first = [candidate for candidate in best_first if (candidate.address, candidate.port) not in tried]
        elif anything_penalised(best_first):
            best_first = self._with_probe(groups, best_first, now)
        self._queue = best_first
        if len(best_first) + len(self._attempts) > 1:
            self._trace.note(now, Kind.SORT, addresses=[candidate.address for candidate in best_first])
        if best_first and self._state is RESOLVING:
            self._state = TRANSITIONS[RESOLVING][FOUND]
            self._wait_for_better(now)
        elif not best_first and self._state is DELAYED:
            self._state = TRANSITIONS[DELAYED][WITHDRAWN]

    def _ordered(self, groups: Sequence[Sequence[Candidate]], *, is_probe: bool) -> list[Candidate]:
        """Each group by itself, one after the other (the v3 draft, sections 5.3 and 6)."""
        count = self._timing.first_family_count
        if len(groups) == 1:
            return ordered(groups[0], self._table, first_family_count=count, is_probe=is_probe)
        best_first: list[Candidate] = []
        for group in groups:
            best_first += ordered(group, self._table, first_family_count=count, is_probe=is_probe)
        return best_first

    def _with_probe(
        self, groups: Sequence[Sequence[Candidate]], best_first: list[Candidate], now: float
    ) -> list[Candidate]:
        """The order as if nothing were penalised, where it is time to look whether something works again."""
        as_if = self._ordered(groups, is_probe=True)
        first = as_if[0]
        if self._memory is None or not first.known.is_penalised or first.address == best_first[0].address:
            return best_first
        self._is_probe = self._is_probe or self._memory.claim_probe(first, now)
        return as_if if self._is_probe else best_first

    def _go(self, now: float) -> list[Action]:
        if now >= self._deadline:
            return self._time_is_up(now)
        actions: list[Action] = []
        if self._queue and self._may_start(now):
            if len(self._running) >= self._timing.in_flight:
                actions.append(self._make_room(now))
            actions.append(self._start(now))
        elif not (self._queue or self._running or self._resolution.pending):
            self._give_up(now)
        return actions

    def _may_start(self, now: float) -> bool:
        if self._state is DELAYED:
            return now >= self._resolution_at or not self._may_be_bettered
        if not self._running:
            return True
        if now < self._next_at:
            return False
        # The sum that `wake_at` has: the difference may be a little less than the patience, and a driver would spin.
        return len(self._running) < self._timing.in_flight or now >= self._oldest.started + PATIENCE_S

    @property
    def _may_be_bettered(self) -> bool:
        """RFC 8305 section 3: whether what is better may be to come; or anything, where the best is penalised."""
        best = self._queue[0]
        if best.known.is_penalised and not self._is_probe:
            return bool(self._resolution.pending)
        return self._resolution.may_be_bettered(best, self._preferred)

    @property
    def _oldest(self) -> Attempt:
        return next(iter(self._running.values()))

    def _make_room(self, now: float) -> Action:
        """The oldest attempt was silent for too long for the next address to wait for it."""
        oldest = self._running.pop(self._oldest.number)
        self._enter_failure(oldest, ETIMEDOUT, now, _SILENT)
        return Stop(oldest.number)

    def _start(self, now: float) -> Action:
        candidate = self._queue.pop(0)
        patience_s = self._timing.attempt_delay_s
        if patience_s is None:
            patience_s = candidate.known.delay_s or ATTEMPT_DELAY_S
        if self._running and now - self._next_at < LEAST_ATTEMPT_DELAY_S:
            # Timers are late, by a millisecond or so: that the one before was is not added to the next.
            patience_s = max(patience_s - (now - self._next_at), LEAST_ATTEMPT_DELAY_S)
        attempt = Attempt(len(self._attempts), candidate, now, patience_s)
        self._next_at = now + patience_s
        if self._state is DELAYED:
            self._state = TRANSITIONS[DELAYED][STARTED]
            if self._is_probe:
                self._next_at = now + LEAST_ATTEMPT_DELAY_S
        self._attempts.append(attempt)
        self._running[attempt.number] = attempt
        facts = {} if candidate.port is None else {"port": candidate.port}
        self._trace.note(
            now, Kind.ATTEMPT, number=attempt.number, address=candidate.address, source=candidate.source, **facts
        )
        return Start(attempt)

    # How it ends.

    def _stop_all(self, now: float) -> list[Action]:
        stopped = list(self._running.values())
        self._running.clear()
        for attempt in stopped:
            self._trace.note(now, Kind.CANCELLED, number=attempt.number, address=attempt.candidate.address)
        return [Stop(attempt.number) for attempt in stopped]

    def _enter_failure(self, attempt: Attempt, errno: int, now: float, why: str) -> None:
        attempt.errno, attempt.why, attempt.elapsed_s = errno, why, now - attempt.started
        self._failed.append(attempt)
        self._trace.note(
            now,
            Kind.FAILED,
            number=attempt.number,
            address=attempt.candidate.address,
            errno=errno,
            error=attempt.why,
            elapsed_s=attempt.elapsed_s,
        )

    def _time_is_up(self, now: float) -> list[Action]:
        from dualstack.core.dial.no_connection import (  # who connects needs no words
            no_connection_within,
            silent_lookups,
        )

        stops: list[Action] = [Stop(attempt.number) for attempt in self._running.values()]
        for attempt in self._running.values():
            self._enter_failure(attempt, ETIMEDOUT, now, _SILENT)
        self._running.clear()
        waited = f"{now - self._started_at:.3g} s"
        pending = self._resolution.pending
        if pending and not (self._attempts or self._queue):
            why = silent_lookups(pending, self._asked, waited)
        else:
            why = f"no connection within {waited}"
        self._end(EXPIRED, no_connection_within(why, self._target, self._failed, self._started_at), now)
        return stops

    def _give_up(self, now: float) -> None:
        from dualstack.core.dial.no_connection import no_address_left

        error = no_address_left(self._target, self._failed, self._started_at, self._left_out, self._lookup_errors)
        self._end(EXHAUSTED, error, now)

    def _end(self, event: RaceEvent, error: DialError | LookupFailed, now: float) -> None:
        self._state = TRANSITIONS[self._state][event]
        self.error = error
        error.steps = tuple(self.steps)
        if isinstance(error, DialError):
            error.elapsed_s = now - self._started_at
