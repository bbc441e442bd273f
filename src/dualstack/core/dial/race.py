"""Happy Eyeballs as a machine: events in, each with the time it happened, actions out (RFC 8305).

Both lookups are asked at once. The first attempt starts when the preferred family has answered, yes or no, or the
Resolution Delay after the first address; the next one when the Connection Attempt Delay is over or an attempt fails.
Late answers are sorted in; attempts under way go on. The first connection wins; all others are stopped.

The driver looks names up, opens sockets, waits until `wake_at`, and does what each method returns, in order. The
machine never looks at a clock, opens nothing and blocks nowhere; once it is over it asks for nothing more, and a
second success is answered with a stop.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from errno import EACCES, EADDRINUSE, EADDRNOTAVAIL, ECONNREFUSED, EMFILE, ENFILE, ENOBUFS, ENOMEM, EPERM, ETIMEDOUT
from math import inf
from socket import EAI_AGAIN

from dualstack.core.dial.actions import Action, Ask, Attempt, Memory, Start, Stop
from dualstack.core.dial.egress import FAMILY_NAMES, LeftOut
from dualstack.core.dial.order import Candidate, anything_steps_back, ordered
from dualstack.core.dial.policy_table import DEFAULT_TABLE, PolicyTable
from dualstack.core.dial.resolution import SERVICES, Answer, Lookup, Resolution, Service
from dualstack.core.dial.steps import DialStep, Kind
from dualstack.core.dial.timing import ATTEMPT_DELAY_S, LEAST_ATTEMPT_DELAY_S, Timing
from dualstack.core.dial.trace import Trace
from dualstack.errors import AttemptFailed, DialError, LookupFailed

__all__ = [
    "PATIENCE_S",
    "Race",
]

# With as many attempts under way as may be, the oldest makes room for the next address once it has been silent for as
# long as a lost first packet and its first repetition take (RFC 6298: 1 s, then 2 s).
PATIENCE_S = 3.0

_SILENT = "no answer"

# What says something of this host, or of one port of another, and nothing of the way there: who refuses was reached.
_NO_LESSON = frozenset({EACCES, EADDRINUSE, EADDRNOTAVAIL, ECONNREFUSED, EMFILE, ENFILE, ENOBUFS, ENOMEM, EPERM})


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
        "_asked",
        "_attempts",
        "_begun",
        "_deadline",
        "_failed",
        "_is_probe",
        "_left_out",
        "_lookup_errors",
        "_memory",
        "_next_at",
        "_preferred",
        "_queue",
        "_resolution",
        "_resolution_at",
        "_running",
        "_started_at",
        "_table",
        "_target",
        "_timing",
        "_trace",
        "error",
        "is_over",
        "winner",
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
        self.is_over = False
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
        self._begun = False
        self._is_probe = False
        if name is not None:
            for lookup in lookups:
                self._trace.lookup(lookup, now)

    @property
    def wake_at(self) -> float:
        """When `tick` is due, if nothing happens before; infinity where nothing waits for time."""
        if self.is_over:
            return inf
        if not self._queue:
            return self._deadline
        if not self._begun:
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
        if self.is_over or lookup not in resolution.pending:
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
        return [] if self.is_over else self._go(now)

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
        self.is_over = True
        self._trace.note(
            now, Kind.CONNECTED, number=number, address=attempt.candidate.address, elapsed_s=now - attempt.started
        )
        if self._memory is not None:
            self._teach(self._memory, attempt, now)
        return self._stop_all(now)

    def failed(
        self, number: int, errno: int, why: str, now: float, *, cause: BaseException | None = None
    ) -> list[Action]:
        """An attempt has failed, with the system's number and words for it, or what its handshake raised.

        The next starts at once.
        """
        attempt = self._running.pop(number, None)
        if attempt is None or self.is_over:
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
        if self.is_over:
            return []
        self.is_over = True
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
        if self._begun:
            tried = {(attempt.candidate.address, attempt.candidate.port) for attempt in self._attempts}
            best_first = [candidate for candidate in best_first if (candidate.address, candidate.port) not in tried]
        elif anything_steps_back(best_first):
            best_first = self._with_probe(groups, best_first, now)
        is_first = not self._queue and not self._begun and best_first
        self._queue = best_first
        if len(best_first) + len(self._attempts) > 1:
            self._trace.note(now, Kind.SORT, addresses=[candidate.address for candidate in best_first])
        if is_first:
            self._wait_for_better(now)

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
        """The order as if nothing stepped back, where it is time to look whether something works again."""
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
        if not self._begun:
            return now >= self._resolution_at or not self._may_be_bettered
        if not self._running:
            return True
        if now < self._next_at:
            return False
        # The sum that `wake_at` has: the difference may be a little less than the patience, and a driver would spin.
        return len(self._running) < self._timing.in_flight or now >= self._oldest.started + PATIENCE_S

    @property
    def _may_be_bettered(self) -> bool:
        """RFC 8305 section 3: whether what is better may be to come; or anything, where the best steps back."""
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
        self._next_at = now + (LEAST_ATTEMPT_DELAY_S if self._is_probe and not self._begun else patience_s)
        self._begun = True
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

    def _teach(self, memory: Memory, winner: Attempt, now: float) -> None:
        """What failed, or had its head start and did not use it, while another worked; then what worked."""
        for attempt in self._failed:
            if attempt.errno not in _NO_LESSON:
                memory.learn(attempt.candidate, None, now)
        for attempt in self._running.values():
            if attempt.number < winner.number and now - attempt.started >= attempt.patience_s:
                memory.learn(attempt.candidate, None, now)
        memory.learn(winner.candidate, now - winner.started, now)

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
        stops: list[Action] = [Stop(attempt.number) for attempt in self._running.values()]
        for attempt in self._running.values():
            self._enter_failure(attempt, ETIMEDOUT, now, _SILENT)
        self._running.clear()
        waited = f"{now - self._started_at:.3g} s"
        pending = self._resolution.pending
        if pending and not (self._attempts or self._queue):
            why = self._why_no_answer(pending, waited)
        else:
            why = f"no connection within {waited}"
        self._end(DialError.of(str(self._target), why, attempts=self._errors(), errno=ETIMEDOUT), now)
        return stops

    def _why_no_answer(self, pending: Collection[Lookup], waited: str) -> str:
        families = " and ".join(FAMILY_NAMES[lookup.family] for lookup in pending if lookup.family in FAMILY_NAMES)
        whose = f"the lookup of its {families} addresses".replace("  ", " ")
        if self._asked is not None and not any(lookup in self._asked for lookup in pending):
            return f"{whose} waited for its turn for {waited}, behind lookups that nobody answers"
        return f"no answer to {whose} within {waited}"

    def _give_up(self, now: float) -> None:
        if self._failed:
            # Where a server did not answer, there may be addresses that nobody knows of.
            why = "; ".join(str(error) for error in self._lookup_errors if error.timed_out)
            self._end(DialError.of(str(self._target), why, attempts=self._errors()), now)
        elif self._left_out:
            numbers = {left.errno for left in self._left_out}
            why = "; ".join(f"{left.address}: {left.why}" for left in self._left_out)
            self._end(DialError.of(str(self._target), why, errno=numbers.pop() if len(numbers) == 1 else None), now)
        else:
            # That the servers do not answer says more than that one of them knows no such address.
            errors = sorted(self._lookup_errors, key=lambda error: error.errno != EAI_AGAIN)
            self._end(errors[0] if errors else DialError(str(self._target), "it has no address"), now)

    def _errors(self) -> tuple[tuple[str, AttemptFailed], ...]:
        return tuple((str(attempt.candidate.address), self._failure(attempt)) for attempt in self._failed)

    def _failure(self, attempt: Attempt) -> AttemptFailed:
        failed = AttemptFailed.of(
            str(attempt.candidate.address),
            attempt.errno,
            attempt.why,
            started_s=attempt.started - self._started_at,
            elapsed_s=attempt.elapsed_s,
        )
        failed.__cause__ = attempt.cause
        return failed

    def _end(self, error: DialError | LookupFailed, now: float) -> None:
        self.is_over = True
        self.error = error
        error.steps = tuple(self.steps)
        if isinstance(error, DialError):
            error.elapsed_s = now - self._started_at
