"""Small charts as SVG: what happened in the last quarter of an hour, and who won a race.

Colours are the style sheet's, by class; no chart says what a text beside it does not.
"""

from collections.abc import Sequence
from itertools import pairwise

from dualstack.gateway.status.page.markup import Markup, element
from dualstack.gateway.status.snapshot import Dial

__all__ = ["lines", "race", "rates", "share"]

_WIDTH, _HEIGHT = 300.0, 64.0


def lines(label: str, times: Sequence[float], *series: tuple[str, Sequence[float]]) -> Markup:
    """Lines over time, on one scale from zero; each series is its class and its values."""
    top = max((max(values, default=0.0) for _, values in series), default=0.0) or 1.0
    begin, end = (times[0], times[-1]) if times else (0.0, 0.0)
    span = (end - begin) or 1.0
    drawn: list[Markup] = []
    for name, values in series:
        points = [
            f"{(at - begin) / span * _WIDTH:.1f},{_HEIGHT - 2 - value / top * (_HEIGHT - 6):.1f}"
            for at, value in zip(times, values, strict=True)
        ]
        if not points:
            continue
        if len(points) == 1:
            points.append(f"{_WIDTH:.1f},{points[0].partition(',')[2]}")
        last = points[-1].partition(",")[0]
        drawn.append(
            element("path", d=f"M0,{_HEIGHT:.0f} L{' L'.join(points)} L{last},{_HEIGHT:.0f} Z", class_=f"area {name}")
        )
        drawn.append(element("polyline", points=" ".join(points), class_=f"line {name}"))
    return _svg(label, f"0 0 {_WIDTH:.0f} {_HEIGHT:.0f}", "chart", *drawn)


def share(label: str, name: str, part: float, whole: float) -> Markup:
    """A bar as long as its part of the whole."""
    width = 100 * part / whole if whole else 0.0
    return _svg(
        label,
        "0 0 100 8",
        "share",
        element("rect", width=100, height=8, class_="track"),
        element("rect", width=f"{width:.2f}", height=8, class_=name),
    )


def race(label: str, dial: Dial) -> Markup:
    """The attempts of a connection, one below the other, on one scale of time."""
    whole = max([dial.elapsed_s, *(each.ended_s or each.started_s for each in dial.tries)]) or 1.0
    bars = [element("rect", width=f"{(dial.lookup_s or 0.0) / whole * 100:.2f}", height=3, y=1, class_="lookup")]
    for row, each in enumerate(dial.tries):
        until = whole if each.ended_s is None else each.ended_s
        width = max((until - each.started_s) / whole * 100, 1.0)
        start = min(each.started_s / whole * 100, 99.0)
        won = "" if each.outcome == "won" else " lost"
        bars.append(
            element("rect", x=f"{start:.2f}", y=6 + row * 7, width=f"{width:.2f}", height=5, class_=each.family + won)
        )
    return _svg(label, f"0 0 100 {6 + 7 * max(len(dial.tries), 1)}", "race", *bars)


def rates(times: Sequence[float], values: Sequence[int]) -> list[float]:
    """How much more a second, for each moment since the one before; a new worker makes no negative rate."""
    steps = pairwise(zip(times, values, strict=True))
    found = [max(b - a, 0) / ((t2 - t1) or 1.0) for (t1, a), (t2, b) in steps]
    return [*(found[:1] or [0.0]), *found][: len(times)]


def _svg(label: str, box: str, name: str, *children: Markup) -> Markup:
    return element("svg", *children, viewBox=box, preserveAspectRatio="none", role="img", aria_label=label, class_=name)
