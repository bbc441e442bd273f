"""Calls that nothing can stop, made in threads that nobody waits for.

The C library's lookups block for as long as the resolver likes: up to 80 s (Stevens, exercise 11.11). So each runs in
a daemon thread, the caller waits for its limit and no longer, and what comes late is dropped. The standard executors
will not do: they join their threads at exit, and one hanging lookup would keep the process alive.

So threads get stuck, and three bounds keep that from everybody else. At most 32 calls are fresh: one that has not
answered within a turn, 25 ms, goes on, but no longer keeps the next from its own. Whose turn is next, and how many an
asker may have stuck at all, `core.turns` decides; who asks is what the caller's task says (`asked_by`). A thousand
threads are the most there ever are. What nobody wants any more leaves the queue, or is stuck and counts no more among
its asker's. Idle threads end. After a fork the child starts with an empty pool.
"""

import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from math import inf
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any, Generic, TypeAlias, TypeVar

from dualstack.core.dial.lookup_shares import MYSELF, PLACES, Asker, Turns

__all__ = [
    "POOL",
    "Failure",
    "Job",
    "LimitReachedError",
    "Outcome",
    "Pool",
    "Value",
    "asked_by",
    "current_asker",
    "value_of",
    "why_late",
]

T = TypeVar("T")

_ASKER: ContextVar[Asker] = ContextVar("dualstack_asker", default=MYSELF)
current_asker: Callable[[], Asker] = _ASKER.get
"""For whom this task, or thread, looks names up."""


@contextmanager
def asked_by(asker: Asker) -> Iterator[None]:
    """The lookups of the block are made for `asker`, and count as its."""
    token = _ASKER.set(asker)
    try:
        yield
    finally:
        _ASKER.reset(token)


class LimitReachedError(Exception):
    """The call goes on, its caller does not; never leaves this package.

    Args:
        has_begun: it was being made; else it waited for its turn.
    """

    def __init__(self, *, has_begun: bool = True) -> None:
        super().__init__(has_begun)
        self.has_begun = has_begun


def why_late(timeout: float, *, has_begun: bool) -> str:
    """What to say of a call past its limit, in seconds: it may be that nobody was asked."""
    if has_begun:
        return f"no answer within {timeout:g} s"
    return f"it waited for its turn for {timeout:g} s, behind lookups that nobody answers"


@dataclass(frozen=True, slots=True)
class Value(Generic[T]):
    """What a call returned."""

    value: T


@dataclass(frozen=True, slots=True)
class Failure:
    """What a call raised."""

    error: BaseException


Outcome: TypeAlias = Value[T] | Failure


class Job(Generic[T]):
    """A call, for whom it is made, and where its outcome goes; nowhere once `deliver` is None."""

    __slots__ = ("_call", "asker", "deliver", "has_begun", "is_dropped", "is_over", "turns")

    def __init__(self, call: Callable[[], T], deliver: Callable[[Outcome[T]], object], asker: Asker) -> None:
        self._call = call
        self.deliver: Callable[[Outcome[T]], object] | None = deliver
        self.asker = asker
        self.turns: object = None
        self.has_begun = False
        self.is_dropped = False
        self.is_over = False

    def run(self) -> None:
        """Make the call, and hand its outcome on."""
        outcome: Outcome[T]
        try:
            outcome = Value(self._call())
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is the caller's
            outcome = Failure(error)
        deliver = self.deliver
        try:
            if deliver is not None:
                deliver(outcome)
        finally:
            del outcome  # this frame is in the error's traceback: a ring for the collector, and so below


def _start_daemon(work: Callable[[], None]) -> None:
    threading.Thread(target=work, name="dualstack-lookup", daemon=True).start()


class Pool:
    """A bounded number of daemon threads for blocking calls.

    Args:
        threads: how many calls may be under way at once that began less than a turn ago.
        turn_s: how long a turn is, in seconds.
        places: how many calls may be under way at all.
        idle_s: how long a thread without work stays, in seconds.
        start: runs a function in a new thread, or raises RuntimeError where the system gives none.
    """

    def __init__(
        self,
        *,
        threads: int = 32,
        turn_s: float = 0.025,
        places: int = PLACES,
        idle_s: float = 10.0,
        start: Callable[[Callable[[], None]], None] = _start_daemon,
    ) -> None:
        self._fresh_most = threads
        self._turn_s = turn_s
        self._places = places
        self._idle_s = idle_s
        self._start = start
        self._forget_threads()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_ForgetThreads(self))

    @property
    def threads(self) -> int:
        """How many threads there are now."""
        with self._changed:
            return self._threads

    @property
    def queued(self) -> int:
        """How many calls wait for their turn now."""
        with self._changed:
            return self._turns.waiting

    @property
    def is_at_rest(self) -> bool:
        """Whether no call waits or is under way."""
        with self._changed:
            return not self._turns.waiting and not self._turns.running

    def run(self, call: Callable[[], T], timeout: float) -> T:
        """What `call` returns or raises.

        Args:
            call: made in a thread of the pool.
            timeout: how long to wait for it, in seconds, the time in the queue included.

        Raises:
            LimitReachedError: it takes longer.
            RuntimeError: the system gives no thread.
        """
        outcomes: SimpleQueue[Outcome[T]] = SimpleQueue()
        job = self.put(call, outcomes.put)
        try:
            outcome = outcomes.get(timeout=min(timeout, threading.TIMEOUT_MAX))
        except Empty:
            raise LimitReachedError(has_begun=job.has_begun) from None
        finally:
            self.drop(job)
        try:
            return value_of(outcome)
        finally:
            del outcome

    async def run_async(self, call: Callable[[], T], timeout: float) -> T:  # noqa: ASYNC109 - it also counts in the queue
        """The same for asyncio: the loop goes on meanwhile, and a cancelled caller is gone at once."""
        import asyncio  # who only blocks does not pay for it

        loop = asyncio.get_running_loop()
        # The outcome is the future's result even where it is an error: nobody may be left to retrieve an exception.
        # In a list, to be taken out: what is raised here would keep the future that keeps it.
        settled: asyncio.Future[list[Outcome[T] | None]] = loop.create_future()

        def settle(outcome: Outcome[T] | None) -> None:
            if not settled.done():
                settled.set_result([outcome])

        def deliver(outcome: Outcome[T]) -> None:
            with suppress(RuntimeError):  # the loop is closed: too late
                loop.call_soon_threadsafe(settle, outcome)

        timer = loop.call_later(min(timeout, threading.TIMEOUT_MAX), settle, None)
        try:
            job = self.put(call, deliver)
            try:
                outcome = (await settled).pop()
            finally:
                self.drop(job)
        finally:
            timer.cancel()
        if outcome is None:
            raise LimitReachedError(has_begun=job.has_begun)
        try:
            return value_of(outcome)
        finally:
            del outcome

    def put(self, call: Callable[[], T], deliver: Callable[[Outcome[T]], object], asker: Asker | None = None) -> Job[T]:
        """Have `call` made; its outcome goes to `deliver`, in a thread of the pool, unless it is dropped before.

        Args:
            call: the call.
            deliver: where to.
            asker: for whom; the caller's own by default.

        Raises:
            RuntimeError: the system gives no thread.
        """
        job = Job(call, deliver, current_asker() if asker is None else asker)
        with self._changed:
            job.turns = self._turns
            self._turns.add(job, job.asker)
            try:
                self._see_to_threads()
            except RuntimeError:  # those that are there will come to it
                if self._threads == 0:
                    self._turns.drop(job, job.asker)
                    raise
        return job

    def drop(self, job: Job[T]) -> None:
        """Nobody wants the outcome any more."""
        job.deliver = None
        with self._changed:
            if job.is_over or job.is_dropped or job.turns is not self._turns:  # a fork's parent has its turns
                return
            job.is_dropped = True
            if job.has_begun:
                self._fresh.pop(job, None)
                self._turns.abandon(job.asker)
            else:
                self._turns.drop(job, job.asker)
            self._changed.notify()

    def _see_to_threads(self) -> None:
        """Wake a thread for what waits, or start one; where all are in a turn, one to wait for its end."""
        waiting, free = self._turns.waiting, self._idle + self._coming
        if self._idle:
            self._changed.notify()
        if waiting <= free or self._threads > self._places:
            return
        if len(self._fresh) + free < self._fresh_most or (not free and self._turn_s < inf):
            self._start(self._work)
            self._threads += 1
            self._coming += 1

    def _work(self) -> None:
        job = self._next(is_new=True)
        while job is not None:
            job.run()
            self._ended(job)
            job = self._next()

    def _next(self, *, is_new: bool = False) -> Job[Any] | None:
        """What to do, once its turn comes; None where there has been nothing for long."""
        with self._changed:
            self._coming -= is_new
            leaves_at = monotonic() + self._idle_s
            self._idle += 1
            try:
                while (job := self._begun()) is None:
                    turn_ends_at, now = self._turn_ends_at, monotonic()
                    if turn_ends_at == inf and leaves_at <= now:
                        self._threads -= 1
                        return None
                    self._changed.wait(max((leaves_at if turn_ends_at == inf else turn_ends_at) - now, 0.0))
            finally:
                self._idle -= 1
            with suppress(RuntimeError):  # no more threads: those that are there will come to it
                self._see_to_threads()
            return job

    @property
    def _turn_ends_at(self) -> float:
        """When a place is free for what waits; infinity where something has to end first."""
        if not self._turns.waiting or len(self._fresh) < self._fresh_most:
            return inf
        return next(iter(self._fresh.values())) + self._turn_s

    def _begun(self) -> Job[Any] | None:
        """The next call, which begins now."""
        now = monotonic()
        while self._fresh and next(iter(self._fresh.values())) + self._turn_s <= now:
            del self._fresh[next(iter(self._fresh))]
        if len(self._fresh) >= self._fresh_most or (next_one := self._turns.begin()) is None:
            return None
        job, _ = next_one
        job.has_begun = True
        self._fresh[job] = now
        return job

    def _ended(self, job: Job[Any]) -> None:
        with self._changed:
            job.is_over = True
            self._fresh.pop(job, None)
            self._turns.end(job.asker, was_wanted=not job.is_dropped)

    def _forget_threads(self) -> None:
        self._changed = threading.Condition()
        self._turns: Turns[Job[Any]] = Turns(self._places)
        self._fresh: OrderedDict[Job[Any], float] = OrderedDict()
        self._threads = 0
        self._idle = 0
        self._coming = 0


class _ForgetThreads:
    """In a child after fork(2) only the forking thread goes on: locks of the others would stay locked for ever."""

    def __init__(self, pool: Pool) -> None:
        self._pool = weakref.ref(pool)

    def __call__(self) -> None:
        pool = self._pool()
        if pool is not None:
            pool._forget_threads()  # noqa: SLF001 - the other half of one class


def value_of(outcome: Outcome[T]) -> T:
    """What the call returned; what it raised is raised."""
    match outcome:
        case Value(value):
            return value
        case Failure(error):
            try:
                raise error
            finally:
                del error, outcome


POOL = Pool()
"""The one that the whole process shares."""
