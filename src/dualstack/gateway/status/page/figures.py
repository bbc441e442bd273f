"""Numbers and times as people read them."""

from datetime import UTC, datetime

__all__ = ["ago", "clock", "count", "counted", "duration", "milliseconds", "percentage", "rate", "size"]

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
_STEPS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def size(number: float) -> str:
    """Bytes: three digits and a unit, powers of a thousand.

    >>> size(1234), size(56), size(7_890_000)
    ('1.23 kB', '56 B', '7.89 MB')
    """
    unit = 0
    while number >= 999.5 and unit < len(_UNITS) - 1:
        number /= 1000
        unit += 1
    return f"{number:.0f} B" if unit == 0 else f"{number:.3g} {_UNITS[unit]}"


def count(number: int) -> str:
    r"""A whole number, its thousands apart by a narrow space that does not break.

    >>> count(1234567).split("\N{NARROW NO-BREAK SPACE}")
    ['1', '234', '567']
    """
    return f"{number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def counted(number: int, noun: str) -> str:
    """A number of things.

    >>> counted(1, "client"), counted(2, "client")
    ('1 client', '2 clients')
    """
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def rate(number: float) -> str:
    """How many a second.

    >>> rate(0.0), rate(0.25), rate(123.4)
    ('0/s', '0.25/s', '123/s')
    """
    return f"{number:.3g}/s" if number < 1000 else f"{count(round(number))}/s"


def percentage(part: float, whole: float) -> str:
    """A part of a whole; what is little is not nothing, and what is not all is not all.

    >>> percentage(1, 3), percentage(1, 1000), percentage(999, 1000), percentage(0, 0)
    ('33 %', '<1 %', '>99 %', '0 %')
    """
    if not part or not whole:
        return "0 %"
    percent = round(100 * part / whole)
    if percent == 0:
        return "<1 %"
    return ">99 %" if percent == 100 and part < whole else f"{percent} %"


def duration(seconds: float) -> str:
    """The two greatest units.

    >>> duration(3725), duration(0.0123), duration(4.2)
    ('1 h 2 min', '12 ms', '4 s')
    """
    if seconds < 1:
        return milliseconds(seconds)
    parts: list[str] = []
    left = int(seconds)
    for step, unit in _STEPS:
        if left >= step:
            parts.append(f"{left // step} {unit}")
            left %= step
        elif parts:
            break
    return " ".join(parts[:2])


def milliseconds(seconds: float) -> str:
    """As a connection's times are told.

    >>> milliseconds(0.2504), milliseconds(0.00042)
    ('250 ms', '0.42 ms')
    """
    ms = seconds * 1000
    return f"{ms:.0f} ms" if ms >= 10 else f"{ms:.2g} ms"


def ago(then: float, now: float) -> str:
    """How long it is past."""
    past_s = max(now - then, 0.0)
    return "now" if past_s < 1 else f"{duration(past_s)} ago"


def clock(at: float) -> str:
    """The time of day, UTC."""
    return datetime.fromtimestamp(at, tz=UTC).strftime("%H:%M:%S")
