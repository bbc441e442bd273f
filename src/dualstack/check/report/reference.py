"""The page of all kinds, written from their table."""

from dualstack.check.findings.kinds import KINDS

__all__ = ["checks_page"]

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


def _cell(text: str) -> str:
    return text.replace("|", "or").replace("<", "&lt;")
