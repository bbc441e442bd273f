"""What a kind of finding is: a row of the table that `doctor.findings` has whole."""

from dataclasses import dataclass
from enum import IntEnum

__all__ = ["Kind", "Severity"]


class Severity(IntEnum):
    """How bad it is; `UNKNOWN` says that it could not be told."""

    UNKNOWN = 0
    NOTE = 1
    WARNING = 2
    ERROR = 3


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of finding: its code, severity, title, what it means and what to do where no edit is known."""

    code: str
    severity: Severity
    title: str
    meaning: str
    remedy: str
