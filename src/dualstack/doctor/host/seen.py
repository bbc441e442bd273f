"""A finding of a host with the family that it is about, and how findings are put in order: causes first.

A finding that another explains (`host_kinds.HIDES`) is told behind all others, with the cause's code in it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from dualstack.doctor.findings import KINDS, Finding
from dualstack.doctor.host_kinds import HIDES
from dualstack.doctor.listening import Place

__all__ = ["Seen", "in_order", "seen"]

_RANKS = {code: rank for rank, code in enumerate(KINDS)}
_HOST_FIRST = 130
"""What is below a network is told before the daemons on it."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A finding, and the family that it is about; 0 for both."""

    finding: Finding
    family: int = 0


def seen(
    code: str, subject: str, evidence: str, family: int = 0, *, place: Place | None = None, remedy: str = ""
) -> Seen:
    """A finding of the table."""
    return Seen(Finding(KINDS[code], subject, evidence, place, remedy), family)


def in_order(found: Iterable[Seen]) -> list[Finding]:
    """All findings, each with its cause; those without one first, of these the worst, then the lowest in a network."""
    all_of_them = list(found)
    caused = [_caused(each, all_of_them) for each in all_of_them]
    return sorted(caused, key=lambda each: (each.caused_by is not None, -each.kind.severity, _rank(each)))


def _rank(finding: Finding) -> int:
    code = finding.kind.code
    return _RANKS[code] - (len(_RANKS) if int(code[2:]) >= _HOST_FIRST else 0)


def _caused(one: Seen, others: Sequence[Seen]) -> Finding:
    code = one.finding.kind.code
    causes = [
        other.finding.kind.code
        for other in others
        if code in HIDES.get(other.finding.kind.code, ()) and other.family in {0, one.family}
    ]
    return replace(one.finding, caused_by=min(causes, key=_RANKS.__getitem__)) if causes else one.finding
