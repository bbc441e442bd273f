"""What is said of things that happen too often: the first of a kind as they come, then how many more there were.

A client that is refused can come again a thousand times a second. Each kind has its own first lines, so that a flood
of one hides no other; kinds that clients can make up are told together once there are many. What a datagram can cause
is said once and not counted: whoever sent it may have written any address as his own, and the numbers mean nothing.
"""

from collections.abc import Hashable
from dataclasses import dataclass

__all__ = ["OTHERS", "Spate", "each_once"]

OTHERS = "others"
"""The kind of all that came after `kinds` different ones."""


@dataclass(slots=True)
class _Kind:
    since: float
    said: int = 0
    silent: int = 0


class Spate:
    """Counts by kind.

    Args:
        first: how many of a kind are said one by one.
        within_s: in how long; then it begins anew.
        kinds: how many are told apart in that time.
        is_counted: those that are not said are counted, for somebody who asks for them with `over`.
    """

    def __init__(self, *, first: int = 10, within_s: float = 10.0, kinds: int = 32, is_counted: bool = True) -> None:
        self._first = first
        self._within_s = within_s
        self._most = kinds
        self._is_counted = is_counted
        # In the order in which they began, which is that in which they are over.
        self._kinds: dict[Hashable, _Kind] = {}

    def is_said(self, what: Hashable, now: float) -> bool:
        """Whether to say one more."""
        self._forget(now)
        kind = self._kinds.get(what)
        if kind is None:
            what = what if len(self._kinds) < self._most else OTHERS
            kind = self._kinds.setdefault(what, _Kind(now))
        if kind.said < self._first:
            kind.said += 1
            return True
        kind.silent += self._is_counted
        return False

    def _forget(self, now: float) -> None:
        """Those that are over, and of which all were said."""
        while self._kinds:
            what, kind = next(iter(self._kinds.items()))
            if kind.silent or kind.since + self._within_s > now:
                return
            del self._kinds[what]

    @property
    def next_end(self) -> float | None:
        """When the first kind is over; None where there is none."""
        return next((kind.since + self._within_s for kind in self._kinds.values()), None)

    def over(self, now: float) -> list[tuple[Hashable, int]]:
        """Take out the kinds that are over; those of which some were not said, and how many."""
        ended = [what for what, kind in self._kinds.items() if kind.since + self._within_s <= now]
        counted = [(what, self._kinds.pop(what).silent) for what in ended]
        return [(what, silent) for what, silent in counted if silent]


def each_once() -> Spate:
    """What says each thing once in ten seconds, a hundred things at most, and counts nothing."""
    return Spate(first=1, kinds=99, is_counted=False)
