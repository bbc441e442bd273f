"""Tables that fit: columns as wide as there is room, broken between words alone; one below the other where that fails.

A word is never broken, be it an address or a name: one that is wider than the terminal sticks out, so that it can still
be copied whole. Where nobody says how wide the output is (a file, a pipe), it is as wide as it needs to be.
"""

from collections.abc import Iterator, Sequence
from math import inf

__all__ = ["fitted", "labelled_lines", "table_lines", "width_of"]

_MARGIN = "  "
_GAP = "   "
_LABEL_GAP = "  "


def width_of(text: str) -> int:
    """How many columns of a terminal it takes."""
    from rich.cells import cell_len

    return cell_len(text)


def table_lines(
    columns: Sequence[str], rows: Sequence[Sequence[str]], room: float = inf, *, is_plain: bool = False
) -> list[str]:
    """The table's lines, without blanks at their ends.

    Args:
        columns: the heads.
        rows: the cells.
        room: how many columns of the terminal there are.
        is_plain: without a line under the heads and a margin, for who cuts it by columns.
    """
    margin, gap = ("", "  ") if is_plain else (_MARGIN, _GAP)
    widths = fitted([columns, *rows], room - len(margin) - len(gap) * (len(columns) - 1) - (not is_plain))
    if widths is None:
        return list(_stacked(columns, rows, int(room)))
    rule = [] if is_plain else [" " + "─" * (sum(widths) + len(gap) * (len(widths) - 1) + 2)]
    heads, *lines = ([f"{margin}{line}".rstrip() for line in _beside(row, widths, gap)] for row in (columns, *rows))
    return [*heads, *rule, *(line for each in lines for line in each)]


def fitted(rows: Sequence[Sequence[str]], room: float) -> list[int] | None:
    """How wide each column is to be, so that all fit and no word is broken; None where they cannot."""
    columns = list(zip(*rows, strict=True))
    wide = [max(map(width_of, cells)) for cells in columns]
    narrow = [max((width_of(word) for cell in cells for word in _words(cell)), default=0) for cells in columns]
    if sum(wide) <= room:
        return wide
    if sum(narrow) > room:
        return None
    # Level by level: the narrowest get all they want before the wider get more.
    widths, left = list(narrow), int(room) - sum(narrow)
    while left:
        column = min((c for c in range(len(wide)) if widths[c] < wide[c]), key=lambda c: widths[c])
        widths[column] += 1
        left -= 1
    return widths


def _words(cell: str) -> list[str]:
    """Its words; what it is indented by belongs to the first."""
    words = cell.split()
    if words:
        words[0] = cell[: len(cell) - len(cell.lstrip())] + words[0]
    return words


def _wrapped(cell: str, width: float) -> list[str]:
    if width_of(cell) <= width:
        return [cell]
    lines: list[str] = []
    for word in _words(cell):
        if lines and width_of(lines[-1]) + 1 + width_of(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _beside(row: Sequence[str], widths: Sequence[int], gap: str) -> Iterator[str]:
    cells = [_wrapped(cell, width) for cell, width in zip(row, widths, strict=True)]
    for number in range(max(map(len, cells))):
        parts = [
            part + " " * (width - width_of(part))
            for lines, width in zip(cells, widths, strict=True)
            for part in [lines[number] if number < len(lines) else ""]
        ]
        yield gap.join(parts)


def _stacked(columns: Sequence[str], rows: Sequence[Sequence[str]], room: int) -> Iterator[str]:
    """Each row as lines of a head and its cell, with an empty line between rows."""
    label = max(map(width_of, columns))
    for place, row in enumerate(rows):
        if place:
            yield ""
        for head, cell in zip(columns, row, strict=True):
            if cell:
                yield from labelled_lines(head, cell, label, room)


def labelled_lines(label: str, value: str, width: int, room: float = inf) -> Iterator[str]:
    """A label of at most `width`, and its value beside it, or below where a word of it has no room there."""
    before = len(_MARGIN) + width + len(_LABEL_GAP)
    if max(map(width_of, _words(value)), default=0) <= room - before:
        first, *more = _wrapped(value, room - before)
        yield f"{_MARGIN}{label}{' ' * (width - width_of(label))}{_LABEL_GAP}{first}".rstrip()
        yield from (" " * before + line for line in more)
        return
    if label:
        yield f"{_MARGIN}{label}"
    yield from (f"{2 * _MARGIN}{line}" for line in _wrapped(value, room - 2 * len(_MARGIN)))
