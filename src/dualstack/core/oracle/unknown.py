"""The third answer: neither yes nor no, because no source tells. Never guessed, never taken for one of the others."""

from enum import Enum

__all__ = ["UNKNOWN", "Unknown"]


class Unknown(Enum):
    """Neither yes nor no."""

    UNKNOWN = "unknown"


UNKNOWN = Unknown.UNKNOWN
