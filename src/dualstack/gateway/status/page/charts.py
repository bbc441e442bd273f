"""Where the points and bars of the charts lie; `templates/charts.html` draws them."""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from dualstack.gateway.status.snapshot import Dial

__all__ = ["Bar", "Line", "Race", "lines", "race"]

# The chart's own units, as its viewBox in the template has them.
_WIDTH, _HEIGHT = 300.0, 64.0


class Line(Struct, frozen=True):
    """One series: the points of its line, the same as corners of the area below it, and where it ends."""

    name: str
    points: str
    corners: str
    end: str


class Bar(Struct, frozen=True):
    """One attempt: from when, how long, in which row; its name is its family, and whether it lost."""

    x: str
    y: int
    width: str
    name: str


class Race(Struct, frozen=True):
    """The attempts of a connection, in hundredths of its time, and how much of it the lookup took."""

    lookup: str
    bars: list[Bar]

    @property
    def height(self) -> int:
        """Of the picture, which has room for one bar where there was no attempt."""
        return 6 + 7 * max(len(self.bars), 1)


def lines(times: Sequence[float], series: Iterable[tuple[str, Sequence[float]]]) -> list[Line]:
    """Lines over time, on one scale from zero; each series is its class and its values."""
    series = list(series)
    top = max((max(values, default=0.0) for _, values in series), default=0.0) or 1.0
    begin, end = (times[0], times[-1]) if times else (0.0, 0.0)
    span = (end - begin) or 1.0
    made = []
    for name, values in series:
        points = [
            f"{(at - begin) / span * _WIDTH:.1f},{_HEIGHT - 2 - value / top * (_HEIGHT - 6):.1f}"
            for at, value in zip(times, values, strict=True)
        ]
        if len(points) == 1:
            points.append(f"{_WIDTH:.1f},{points[0].partition(',')[2]}")
        if points:
            made.append(Line(name, " ".join(points), " L".join(points), points[-1].partition(",")[0]))
    return made


def race(dial: Dial) -> Race:
    """The attempts of a connection, one below the other, on one scale of time."""
    whole = max([dial.elapsed_s, *(each.ended_s or each.started_s for each in dial.tries)]) or 1.0
    bars = []
    for row, each in enumerate(dial.tries):
        until = whole if each.ended_s is None else each.ended_s
        width = max((until - each.started_s) / whole * 100, 1.0)
        start = min(each.started_s / whole * 100, 99.0)
        won = "" if each.outcome == "won" else " lost"
        bars.append(Bar(f"{start:.2f}", 6 + row * 7, f"{width:.2f}", each.family + won))
    return Race(f"{(dial.lookup_s or 0.0) / whole * 100:.2f}", bars)
