"""Says what happens to clients, but not each time where it happens very often: see `core.spate`."""

import asyncio
from collections.abc import Callable

from dualstack.core.spate import OTHERS, Spate

__all__ = ["Repeats"]


class Repeats:
    """What is said of one service, or of one listener.

    Args:
        loop: tells the time, and when it is time to say how many there were.
        whose: the facts that say of whom.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, **whose: str) -> None:
        self._loop = loop
        self._whose = whose
        self._spate = Spate()
        self._writes: dict[str, Callable[..., None]] = {}
        self._alarm: asyncio.TimerHandle | None = None

    def say(self, write: Callable[..., None], event: str, kind: str, **facts: object) -> None:
        """Say that it happened: by `write`, a method of the log, with these facts; or count it, by its kind."""
        if self._spate.is_said((event, kind), self._loop.time()):
            write(event, **self._whose, **facts)
        else:
            self._writes[event] = self._writes[OTHERS] = write
            self._set_alarm()

    def close(self) -> None:
        """Say how many there were, and nothing later."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        self._say_over(float("inf"))

    def _set_alarm(self) -> None:
        if self._alarm is None and (at := self._spate.next_end) is not None:
            self._alarm = self._loop.call_at(at, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        self._say_over(self._loop.time())
        self._set_alarm()

    def _say_over(self, now: float) -> None:
        for what, silent in self._spate.over(now):
            event, why = what if isinstance(what, tuple) else (OTHERS, "more reasons than are told apart")
            self._writes[event](event, **self._whose, more=silent, why=why)
