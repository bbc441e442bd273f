"""What a rule says of a place, and what is shown of it.

A remark knows its kind and its place alone; a finding has the file and all words.
"""

from dataclasses import dataclass

from dualstack.check.findings.kinds import BY_NAME

__all__ = ["Finding", "Remark"]


@dataclass(frozen=True, slots=True, order=True)
class Remark:
    """What a rule found.

    Attributes:
        line: from 1.
        column: from 1.
        kind: the kind's name.
        found: the word or call that is meant; empty where the line says enough.
    """

    line: int
    column: int
    kind: str
    found: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """A remark on a file, with the words of its kind.

    Attributes:
        code: the kind's code.
        kind: its name.
        path: the file as it was named.
        line: from 1.
        column: from 1.
        message: what is wrong, and what shows it.
        why: the law.
        replacement: what to write instead.
    """

    code: str
    kind: str
    path: str
    line: int
    column: int
    message: str
    why: str
    replacement: str

    @classmethod
    def of(cls, path: str, remark: Remark) -> "Finding":
        """What is shown of `remark` on the file at `path`."""
        kind = BY_NAME[remark.kind]
        message = f"{remark.found}: {kind.sentence}" if remark.found else kind.sentence
        return cls(kind.code, kind.name, path, remark.line, remark.column, message, kind.law, kind.replacement)
