"""How many new connections a second a client may make: a bucket for each, which fills while it makes none.

A bucket holds what one second allows, and one connection at least: a browser that opens six at once is no flood. What
is full again is forgotten, and of more clients than are kept the one that was silent longest.
"""

from collections import OrderedDict
from collections.abc import Hashable

__all__ = ["Rates"]

# Ten connections in ten tenths of a second are ten, whatever floating point makes of the tenths.
_ROUNDING = 1e-9


class Rates:
    """The clients of one service.

    Args:
        most: how many are kept.
    """

    def __init__(self, *, most: int = 1 << 16) -> None:
        self._most = most
        self._left: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._left)

    def allow(self, client: Hashable, per_s: float, now: float) -> bool:
        """Whether `client` may make one more at `now`, in seconds, where it may make `per_s` a second."""
        full = max(per_s, 1.0)
        left, since = self._left.pop(client, (full, now))
        left = min(left + (now - since) * per_s, full)
        is_allowed = left >= 1.0 - _ROUNDING
        self._forget(per_s, full, now)
        self._left[client] = (left - is_allowed, now)
        return is_allowed

    def _forget(self, per_s: float, full: float, now: float) -> None:
        while self._left:
            client, (left, since) = next(iter(self._left.items()))
            if left + (now - since) * per_s < full and len(self._left) < self._most:
                return
            del self._left[client]
