"""Which connections are due to be looked at: idle timeouts and connect timeouts, for tens of thousands at once.

A deadline is met up to a sixteenth of its delay late, so that many share one bucket: adding and dropping cost the same
however many there are. An active connection does not move; when its bucket is due, its owner asks how long it was
silent and adds it again. Never asks what time it is.
"""

import heapq
from collections.abc import Hashable
from math import ceil, frexp, inf
from typing import Generic, TypeVar

__all__ = ["Deadlines"]

T = TypeVar("T", bound=Hashable)

_SLOTS_A_DELAY = 16


class Deadlines(Generic[T]):
    """A coarse calendar of things, each in at most one place."""

    def __init__(self) -> None:
        self._buckets: dict[float, set[T]] = {}
        self._times: list[float] = []

    def add(self, thing: T, now: float, delay_s: float) -> float | None:
        """Have `thing` come due `delay_s` from now; returns the bucket that `drop` asks for, None for never."""
        if delay_s == inf:
            return None
        # The width of a bucket is a power of two, so that all delays alike share their buckets.
        width = 2.0 ** (frexp(delay_s / _SLOTS_A_DELAY)[1] - 1) if delay_s > 0 else 2.0**-10
        due = ceil((now + delay_s) / width) * width
        bucket = self._buckets.get(due)
        if bucket is None:
            bucket = self._buckets[due] = set()
            heapq.heappush(self._times, due)
        bucket.add(thing)
        return due

    def drop(self, thing: T, due: float) -> None:
        """Forget `thing`, which `add` put at `due`."""
        if (bucket := self._buckets.get(due)) is not None:
            bucket.discard(thing)

    def take_due(self, now: float) -> list[T]:
        """Take out what is due."""
        things: list[T] = []
        while self._times and self._times[0] <= now:
            things.extend(self._buckets.pop(heapq.heappop(self._times)))
        return things

    def next(self) -> float:
        """When to ask again; `inf` where nothing waits."""
        while self._times and not self._buckets[self._times[0]]:
            del self._buckets[heapq.heappop(self._times)]
        return self._times[0] if self._times else inf
