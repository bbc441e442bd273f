"""Which of many prefixes in a list is the first that holds a number, in well under a microsecond.

A list of access rules is read from the top, and the first that matches decides. Asked that way, each question costs
what the list is long. Here the list is read once: nested prefixes become disjoint intervals, each with the first rule
that covers it (`Intervals`), so that a question is one search among their starts, exact for any list.

What such a search costs is memory: a binary search of 200,000 numbers misses the cache at most of its 18 steps. So the
starts are cut into stretches in which they lie evenly, each stretch into equal cells, and two or three comparisons
inside a cell are left (`FirstMatch`). Starts of IPv6 are searched by their upper words where none lies inside one, as
machine words side by side, since Python's numbers are each an object elsewhere; other lists keep the numbers, for one
search among objects costs less than two among words. Intervals of a single number, the most spread of all, are in a
dictionary.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Generic, NamedTuple, TypeAlias, TypeVar

__all__ = ["Block", "FirstMatch", "Intervals", "Stretch"]

T = TypeVar("T")
Block: TypeAlias = tuple[int, int, int]
"""A prefix as (first number, minus its last number, rank of its rule), so that in order an outer one comes first."""

CROWDED = 16  # starts in one cell: four comparisons
WORD_BITS = 64


class Intervals:
    """Where the first match changes: `ranks[i]` holds from `starts[i]` to before the next; `starts[0]` is 0.

    Args:
        bits: of the numbers.
        blocks: prefixes, any two nested or disjoint, the lowest rank being the first rule.
        default: the rank where no prefix holds a number, higher than all.

    >>> ten = Intervals(32, [(10 << 24, -(11 << 24) + 1, 7), (10 << 24, -(10 << 24) - 255, 3)], default=9)
    >>> ten.rank(10 << 24), ten.rank(10 << 24 | 256), ten.rank(0)
    (3, 7, 9)
    """

    __slots__ = ("bits", "ranks", "starts")

    def __init__(self, bits: int, blocks: Iterable[Block], *, default: int) -> None:
        self.bits, self.starts, self.ranks = bits, [0], [default]
        highest = (1 << bits) - 1
        around = [(highest, default)]
        for first, minus_last, rank in sorted(blocks):
            self._leave(around, first)
            best = min(rank, around[-1][1])
            self._change(first, best)
            around.append((-minus_last, best))
        self._leave(around, highest)

    def rank(self, number: int) -> int:
        """The rank of the first rule whose prefix holds a number."""
        return self.ranks[bisect_right(self.starts, number) - 1]

    def without_single_numbers(self) -> tuple[list[int], list[int], dict[int, int]]:
        """Starts and ranks that hold where the dictionary does not answer.

        What follows a single number begins with it, so that it stays on the even edge of a larger prefix.
        """
        starts: list[int] = []
        ranks: list[int] = []
        single: dict[int, int] = {}
        edge = 0
        for start, end, rank in zip(self.starts, [*self.starts[1:], 1 << self.bits], self.ranks, strict=True):
            if end - start == 1:
                single[start] = rank
                continue
            if not ranks or ranks[-1] != rank:
                starts.append(edge)
                ranks.append(rank)
            edge = end
        return starts, ranks, single

    def _leave(self, around: list[tuple[int, int]], number: int) -> None:
        """End the prefixes that end before a number."""
        while around[-1][0] < number:
            last = around.pop()[0]
            self._change(last + 1, around[-1][1])

    def _change(self, start: int, rank: int) -> None:
        if self.starts[-1] == start:
            self.ranks[-1] = rank
        elif self.ranks[-1] != rank:
            self.starts.append(start)
            self.ranks.append(rank)


class Stretch(NamedTuple):
    """Starts that lie evenly.

    Args:
        low: the start that cells count from.
        shift: a cell holds 2**shift numbers.
        cell: the place of the first cell in `cells`.
    """

    low: int
    shift: int
    cell: int


class FirstMatch(Generic[T]):
    """Intervals for many questions; the attributes are for a caller who cannot afford the call of `find`.

    Args:
        intervals: where the answer changes.
        answers: what to say, by rank.

    >>> FirstMatch(Intervals(32, [(10 << 24, -(11 << 24) + 1, 0)], default=1), ["yes", "no"]).find(10 << 24)
    'yes'
    """

    __slots__ = ("answers", "cells", "drop", "lows", "single", "starts", "stretches")

    def __init__(self, intervals: Intervals, answers: Sequence[T]) -> None:
        starts, ranks = intervals.starts, intervals.ranks
        self.single: dict[int, T] = {}
        if intervals.bits > WORD_BITS:
            starts, ranks, single = intervals.without_single_numbers()
            self.single = {number: answers[rank] for number, rank in single.items()}
        # As `bisect_right` counts: the answer of the first start is the second, and nothing comes before it.
        self.answers = [answers[rank] for rank in (0, *ranks)]
        self.starts: Sequence[int] = starts
        self.drop = max(0, intervals.bits - WORD_BITS)
        if any(start & (1 << self.drop) - 1 for start in starts):
            self.drop = 0
        else:
            self.starts = array("Q", (start >> self.drop for start in starts))
        self.stretches: list[Stretch] = []
        self.cells = array("I")
        for begin, end in _even_stretches(self.starts, 0, len(starts)):
            self._add(begin, end)
        self.lows = [stretch.low for stretch in self.stretches[1:]]

    def _add(self, begin: int, end: int) -> None:
        starts = self.starts
        low, last, shift = starts[begin], starts[end - 1], _cell_shift(starts, begin, end)
        self.stretches.append(Stretch(low, shift, len(self.cells)))
        self.cells.append(begin)
        edges = range(low + (1 << shift), last + 1, 1 << shift)
        self.cells.extend(bisect_left(starts, edge, begin, end) for edge in edges)
        self.cells.append(end)
        # Above its last start a stretch has one answer, however far it is to the next.
        self.stretches.append(Stretch(last, 128, len(self.cells)))
        self.cells.extend((end, end))

    def find(self, number: int) -> T:
        """The answer that holds for a number."""
        if number in self.single:
            return self.single[number]
        start = number >> self.drop
        low, shift, cell = self.stretches[bisect_right(self.lows, start)]
        cell += start - low >> shift
        return self.answers[bisect_right(self.starts, start, self.cells[cell], self.cells[cell + 1])]


def _even_stretches(starts: Sequence[int], begin: int, end: int) -> Iterator[tuple[int, int]]:
    """Halve the range of numbers until no cell is crowded."""
    if not _is_crowded(starts, begin, end):
        yield begin, end
        return
    middle = bisect_left(starts, (starts[begin] + starts[end - 1] + 1) // 2, begin, end)
    yield from _even_stretches(starts, begin, middle)
    yield from _even_stretches(starts, middle, end)


def _cell_shift(starts: Sequence[int], begin: int, end: int) -> int:
    """So wide a cell that there are one or two for each start."""
    return max(0, (starts[end - 1] - starts[begin]).bit_length() - (end - begin).bit_length())


def _is_crowded(starts: Sequence[int], begin: int, end: int) -> bool:
    low, shift = starts[begin], _cell_shift(starts, begin, end)
    return any(
        starts[place] - low >> shift == starts[place + CROWDED] - low >> shift
        for place in range(begin, end - CROWDED, CROWDED)
    )
