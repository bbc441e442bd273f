"""Calls that nothing can stop, made in threads that nobody waits for.

The C library's lookups block for as long as the resolver likes: up to 80 s (Stevens, exercise 11.11). So each runs in
a daemon thread, the caller waits for its limit and no longer, and what comes late is dropped. The standard executors
will not do: they join their threads at exit, and one hanging lookup would keep the process alive.

A pool never has more than its number of threads; further calls queue, and their limit runs meanwhile. Idle threads
end. After a fork the child starts with an empty pool.
"""

import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Generic, Protocol, TypeAlias, TypeVar

__all__ = ["POOL", "Failure", "Job", "LimitReachedError", "Outcome", "Pool", "Value", "value_of"]

T = TypeVar("T")


class LimitReachedError(Exception):
    """The call goes on, its caller does not; never leaves this package."""


@dataclass(frozen=True, slots=True)
class Value(Generic[T]):
    """What a call returned."""

    value: T


@dataclass(frozen=True, slots=True)
class Failure:
    """What a call raised."""

    error: BaseException


Outcome: TypeAlias = Value[T] | Failure


class _Work(Protocol):
    def run(self) -> None: ...


class Job(Generic[T]):
    """A call and where its outcome goes; nowhere once `deliver` is None."""

    __slots__ = ("_call", "deliver")

    def __init__(self, call: Callable[[], T], deliver: Callable[[Outcome[T]], object]) -> None:
        self._call = call
        self.deliver: Callable[[Outcome[T]], object] | None = deliver

    def run(self) -> None:
        """Make the call, and hand its outcome on."""
        outcome: Outcome[T]
        try:
            outcome = Value(self._call())
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is the caller's
            outcome = Failure(error)
        deliver = self.deliver
        if deliver is not None:
            deliver(outcome)


def _start_daemon(work: Callable[[], None]) -> None:
    threading.Thread(target=work, name="dualstack-lookup", daemon=True).start()


class Pool:
    """A bounded number of daemon threads for blocking calls.

    Args:
        threads: how many calls may be under way at once.
        idle_s: how long a thread without work stays, in seconds.
        start: runs a function in a new thread, or raises RuntimeError where the system gives none.
    """

    def __init__(
        self, *, threads: int = 32, idle_s: float = 10.0, start: Callable[[Callable[[], None]], None] = _start_daemon
    ) -> None:
        self._limit = threads
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
        """How many calls wait for a thread now."""
        with self._changed:
            return len(self._queue)

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
            raise LimitReachedError from None
        finally:
            self.drop(job)
        return value_of(outcome)

    async def run_async(self, call: Callable[[], T], timeout: float) -> T:  # noqa: ASYNC109 - it also counts in the queue
        """The same for asyncio: the loop goes on meanwhile, and a cancelled caller is gone at once."""
        import asyncio  # who only blocks does not pay for it

        loop = asyncio.get_running_loop()
        # The outcome is the future's result even where it is an error: nobody may be left to retrieve an exception.
        settled: asyncio.Future[Outcome[T] | None] = loop.create_future()

        def settle(outcome: Outcome[T] | None) -> None:
            if not settled.done():
                settled.set_result(outcome)

        def deliver(outcome: Outcome[T]) -> None:
            with suppress(RuntimeError):  # the loop is closed: too late
                loop.call_soon_threadsafe(settle, outcome)

        timer = loop.call_later(min(timeout, threading.TIMEOUT_MAX), settle, None)
        try:
            job = self.put(call, deliver)
            try:
                outcome = await settled
            finally:
                self.drop(job)
        finally:
            timer.cancel()
        if outcome is None:
            raise LimitReachedError
        return value_of(outcome)

    def put(self, call: Callable[[], T], deliver: Callable[[Outcome[T]], object]) -> Job[T]:
        """Have `call` made; its outcome goes to `deliver`, in a thread of the pool, unless it is dropped before.

        Raises:
            RuntimeError: the system gives no thread.
        """
        job = Job(call, deliver)
        with self._changed:
            self._queue[job] = None
            if len(self._queue) > self._idle and self._threads < self._limit:
                self._start_thread(job)
            self._changed.notify()
        return job

    def _start_thread(self, job: Job[T]) -> None:
        try:
            self._start(self._work)
        except RuntimeError:
            if self._threads == 0:
                del self._queue[job]
                raise
            return  # those that are there will come to it
        self._threads += 1

    def drop(self, job: Job[T]) -> None:
        """Nobody wants the outcome any more."""
        job.deliver = None
        with self._changed:
            self._queue.pop(job, None)

    def _work(self) -> None:
        while (job := self._next()) is not None:
            job.run()

    def _next(self) -> _Work | None:
        with self._changed:
            self._idle += 1
            has_work = self._changed.wait_for(lambda: self._queue, self._idle_s)
            self._idle -= 1
            if has_work:
                return self._queue.popitem(last=False)[0]
            self._threads -= 1
            return None

    def _forget_threads(self) -> None:
        self._changed = threading.Condition()
        self._queue: OrderedDict[_Work, None] = OrderedDict()
        self._threads = 0
        self._idle = 0


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
            raise error


POOL = Pool()
"""The one that the whole process shares."""
