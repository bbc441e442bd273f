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

__all__ = ["DescriptorReserve"]

# A shortage is over when none was met for so long.
_QUIET_S = 1.0
_KEPT = 8


class DescriptorReserve:
    """What is kept for who was accepted, and whether descriptors are short: `is_short` now, `shortages` so far.

    `on_change` is called when a shortage begins, with True, and when it is over, with False.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.is_short = False
        self.shortages = 0
        self.on_change: Callable[[bool], object] = lambda _: None
        self._loop = loop
        self._last = 0.0
        self._alarm: asyncio.TimerHandle | None = None
        self._kept = KeptDescriptors(_KEPT)

    def met_shortage(self) -> None:
        """Somebody has asked the system for a descriptor, and there was none."""
        self._last = self._loop.time()
        if self._alarm is None:
            self._alarm = self._loop.call_later(_QUIET_S, self._look)
        if not self.is_short:
            self.is_short = True
            self.shortages += 1
            self.on_change(True)

    def let_go(self) -> None:
        """Give what is kept to whoever asks next."""
        self._kept.let_go()

    def keep(self) -> bool:
        """Keep as many again; whether there are so many."""
        return self._kept.keep()

    def close(self) -> None:
        """Keep nothing, and tell nothing any more."""
        self.let_go()
        if self._alarm is not None:
            self._alarm.cancel()

    def _look(self) -> None:
        left_s = self._last + _QUIET_S - self._loop.time()
        if left_s <= 0 and self.keep():
            self._alarm, self.is_short = None, False
            self.on_change(False)
        else:
            self._alarm = self._loop.call_later(max(left_s, _QUIET_S / 4), self._look)
