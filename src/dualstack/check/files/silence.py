"""Comments that silence a line: `# dualstack: ignore[DS206]`, `# noqa: DS206`, `/* dualstack: ignore[DS206] */`.

A comment counts for its own line, and one that stands alone for the next; without codes it counts for all. A code may
be the beginning of others, or a kind's name.
"""

import re

from dualstack.check.findings.kinds import Kind

__all__ = ["Silence", "is_selected"]

_COMMENT = re.compile(
    r"(?:#|//|/\*)\s*(?:(?:\S.*)?#\s*)?(?:(?P<file>dualstack:\s*ignore-file)|dualstack:\s*ignore(?:\[(?P<ours>[^\]]*)\])?|noqa(?::\s*(?P<flake>[A-Z]+\d+(?:[,\s]+[A-Z]+\d+)*))?(?![:\w]))",
    re.IGNORECASE,
)
_ALONE = re.compile(r"\s*(?:#|//|/\*)")


def is_selected(kind: Kind, codes: tuple[str, ...]) -> bool:
    """Whether a kind is meant by one of these codes, beginnings of codes, or names."""
    return any(kind.code.startswith(code.upper()) or kind.name == code for code in codes)


class Silence:
    """The comments of one file.

    Args:
        text: the file's text.
    """

    def __init__(self, text: str) -> None:
        self._lines: dict[int, list[tuple[str, ...]]] = {}
        self.is_whole = False
        if "dualstack:" not in text and "noqa" not in text:
            return
        for number, line in enumerate(text.split("\n"), 1):
            if (found := _COMMENT.search(line)) is not None:
                self.is_whole = self.is_whole or found["file"] is not None
                codes = tuple(re.split(r"[,\s]+", (found["ours"] or found["flake"] or "DS").strip()))
                self._lines.setdefault(number + bool(_ALONE.match(line)), []).append(codes)

    def covers(self, line: int, kind: Kind) -> bool:
        """Whether a finding of this kind on this line is silenced."""
        return self.is_whole or any(is_selected(kind, codes) for codes in self._lines.get(line, ()))
