"""How long to wait so that things happen so many times a second at most, on average (a token bucket)."""

__all__ = ["Pace"]


class Pace:
    """Counts turns.

    Args:
        per_s: how many a second.
        at_once: how many without waiting, after a time of rest.
    """

    def __init__(self, per_s: float, at_once: float) -> None:
        self._per_s = per_s
        self._at_once = self._left = at_once
        self._at = 0.0

    def wait_s(self, now: float) -> float:
        """Take a turn; how long it is until it comes."""
        self._left = min(self._at_once, self._left + (now - self._at) * self._per_s) - 1
        self._at = now
        return max(-self._left / self._per_s, 0.0)
