"""When the process or the system has no descriptor left: told once, however often it is met, and once when it is over.

Clients that are accepted already and wait for a connection to their target come first: a few descriptors are kept for
them, and let go of when one of them has none. Else as many clients as there are descriptors could be accepted, each
waiting for what the others hold.
"""

import asyncio
from typing import TYPE_CHECKING

from dualstack.kernel.kept_descriptors import KeptDescriptors

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Shortage"]

# It is over when it was not met for so long.
_QUIET_S = 1.0
_KEPT = 8


class Shortage:
    """Descriptors that are short: `is_on` now, `episodes` so far, `met` so many times.

    `on_change` is called when it begins, with True, and when it is over, with False.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.is_on = False
        self.episodes = 0
        self.times_met = 0
        self.on_change: Callable[[bool], object] = lambda _: None
        self._loop = loop
        self._last = 0.0
        self._alarm: asyncio.TimerHandle | None = None
        self._reserve = KeptDescriptors(_KEPT)

    def met(self) -> None:
        """There was none."""
        self.times_met += 1
        self._last = self._loop.time()
        if self._alarm is None:
            self._alarm = self._loop.call_later(_QUIET_S, self._look)
        if not self.is_on:
            self.is_on = True
            self.episodes += 1
            self.on_change(True)

    def let_go(self) -> None:
        """Give what is kept to whoever asks next."""
        self._reserve.let_go()

    def keep(self) -> bool:
        """Keep as many again; whether there are so many."""
        return self._reserve.keep()

    def close(self) -> None:
        """Keep nothing, and tell nothing any more."""
        self.let_go()
        if self._alarm is not None:
            self._alarm.cancel()

    def _look(self) -> None:
        left_s = self._last + _QUIET_S - self._loop.time()
        if left_s <= 0 and self.keep():
            self._alarm, self.is_on = None, False
            self.on_change(False)
        else:
            self._alarm = self._loop.call_later(max(left_s, _QUIET_S / 4), self._look)
