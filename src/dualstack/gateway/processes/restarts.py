"""How long a worker that has died waits for its successor: not at all, and each time longer where they die at once."""

from collections.abc import Callable

__all__ = ["Restarts"]

_FIRST_S = 0.2
_MOST_S = 10.0


class Restarts:
    """The deaths of workers by their numbers.

    Args:
        settled_s: a worker that has lived so long has not died at once.
        clock: the time, in seconds.
    """

    def __init__(self, settled_s: float, clock: Callable[[], float]) -> None:
        self._settled_s = settled_s
        self._clock = clock
        self._in_a_row: dict[int, int] = {}

    def delay_s(self, number: int, born: float) -> float:
        """When the next one may begin, after one that began at `born` has died, or has not even been there.

        Deaths of workers that had settled are no sign that the next one dies; of the others the first may be chance.
        """
        has_settled = self._clock() - born >= self._settled_s
        times = self._in_a_row[number] = 0 if has_settled else self._in_a_row.get(number, 0) + 1
        return 0.0 if times <= 1 else min(_FIRST_S * 2.0 ** (times - 1), _MOST_S)
