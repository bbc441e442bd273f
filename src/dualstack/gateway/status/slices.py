"""Long work beside the relay in short slices: whatever else the loop has to do comes in between.

A thread would not do: while it draws, the loop waits for the interpreter's lock after each of its system calls, up to
five milliseconds each time (`sys.getswitchinterval`). So the work is a generator that yields where it may be left.
"""

import asyncio
from collections.abc import Generator
from time import perf_counter
from typing import TypeVar

__all__ = ["at_once", "in_slices"]

T = TypeVar("T")

_SLICE_S = 0.002

Work = Generator[object, None, T]
"""It yields now and then, and returns what was made."""


def at_once(work: Work[T]) -> T:
    """Do all of it."""
    while True:
        try:
            next(work)
        except StopIteration as over:
            made: T = over.value
            return made


async def in_slices(work: Work[T], *, slice_s: float = _SLICE_S) -> T:
    """Do it, and let the loop go on whenever so much time has passed."""
    until = perf_counter() + slice_s
    while True:
        try:
            next(work)
        except StopIteration as over:
            made: T = over.value
            return made
        if perf_counter() >= until:
            await asyncio.sleep(0)
            until = perf_counter() + slice_s
