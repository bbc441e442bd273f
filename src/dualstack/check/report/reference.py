"""The page of all kinds, and one of them for a terminal, written from their table."""

from dualstack.check.findings.kinds import KINDS, Kind

__all__ = ["checks_page", "explained"]

_HEAD = """# What `dualstack check` finds

Written from the table of kinds: `dualstack check --kinds > docs/reference/checks.md` writes it anew. UNP is Stevens'
*UNIX Network Programming*, volume 1. How to use it: [find what ties a program to one family](../how-to/check.md).

| code | kind | what is wrong | law | instead |
|---|---|---|---|---|
"""


def checks_page() -> str:
    """The page, in Markdown."""
    rows = (
        f"| {k.code} | `{k.name}` | {_cell(k.sentence)} | {_cell(k.law)} | {_cell(k.replacement)} |\n" for k in KINDS
    )
    return _HEAD + "".join(rows)


def explained(kind: Kind) -> str:
    """One kind in four lines.

    Args:
        kind: the one that is asked for.
    """
    return f"{kind.code} {kind.name}\n  what: {kind.sentence}\n  why: {kind.law}\n  instead: {kind.replacement}\n"


def _cell(text: str) -> str:
    return text.replace("|", "or").replace("<", "&lt;")
