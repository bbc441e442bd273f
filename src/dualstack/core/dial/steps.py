"""What a connection did, step by step: the trace that errors carry and `dualstack connect -v` prints."""

from __future__ import annotations

from enum import StrEnum

from dualstack.core.quick_values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DialStep", "Kind"]


class Kind(StrEnum):
    """What kind of step it is."""

    LOOKUP = "lookup"
    ANSWER = "answer"
    SERVICE = "service"
    FILTERED = "filtered"
    SYNTHESISED = "synthesised"
    SORT = "sort"
    WAIT = "wait"
    ATTEMPT = "attempt"
    FAILED = "failed"
    CONNECTED = "connected"
    CANCELLED = "cancelled"


class DialStep(NamedTuple):
    """One step; a tuple because a quick connection makes a dozen of them.

    Args:
        t_s: seconds since the beginning.
        kind: see `Kind`.
        facts: what belongs to it: addresses, times, reasons.
    """

    t_s: float
    kind: Kind
    facts: Mapping[str, object]

    def as_json(self) -> dict[str, object]:
        """The step as JSON has it: addresses as text, times rounded to microseconds."""
        facts = {name: _plain(value) for name, value in self.facts.items()}
        return {"t_s": round(self.t_s, 6), "kind": self.kind.value, **facts}


def _plain(value: object) -> object:
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return round(value, 6)
    return value if value is None or isinstance(value, bool | int) else str(value)
