"""What the pages of the lab say is what the lab does."""

import re
from pathlib import Path

from dualstack.lab.declaration import parse
from dualstack.lab.faults import FAULTS

DOCS = Path(__file__).parents[2] / "docs"


def test_every_fault_stands_in_the_reference_as_the_table_has_it() -> None:
    rows = [
        f"| `{f'{kind} {row.takes.value}'.strip()}` | {row.where.value} | {row.sees} |" for kind, row in FAULTS.items()
    ]
    page = (DOCS / "reference" / "lab.md").read_text(encoding="utf-8")
    assert [line for line in page.splitlines() if re.match(r"\| `[a-z0-9-]+( [A-Z]+)?` \| the ", line)] == rows


def test_the_five_lines_of_the_how_to_are_a_lab() -> None:
    page = (DOCS / "how-to" / "lab.md").read_text(encoding="utf-8")
    (toml,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    assert len(toml.splitlines()) == 5
    declared = parse(toml, "lab.md")
    assert [program.host for program in declared.programs] == ["server", "me"]
    assert [str(fault) for fault in declared.faults] == ["lookup-late 2s"]
