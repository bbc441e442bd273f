"""Mutants that no test can kill, each with the reason: the file `equivalents.toml`."""

import fnmatch
import functools
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from mutate.sites import Mutant

__all__ = ["Change", "reason_for"]


@dataclass(frozen=True, slots=True)
class Change:
    """The first line that differs, before and after, without its indentation."""

    before: str
    after: str


@functools.cache
def _named() -> list[dict[str, str]]:
    return tomllib.loads((Path(__file__).parent / "equivalents.toml").read_text())["equivalent"]


def _becomes(pattern: str, change: Change) -> bool:
    """Whether the change is what makes the line match."""
    return not pattern or len(re.findall(pattern, change.after)) > len(re.findall(pattern, change.before))


def reason_for(mutant: Mutant, change: Change) -> str | None:
    """Why this mutant is the program as it was; nothing where the tests must tell them apart."""
    for entry in _named():
        if (
            fnmatch.fnmatch(mutant.source, f"src/dualstack/{entry['source']}")
            and re.fullmatch(entry.get("operator", ".*"), mutant.operator)
            and entry.get("before", change.before) == change.before
            and entry.get("after", change.after) == change.after
            and re.search(entry.get("pattern", ""), change.before)
            and _becomes(entry.get("becomes", ""), change)
        ):
            return entry["reason"]
    return None
