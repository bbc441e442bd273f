"""The page on the race claims nothing without a test: every row of the peers' table is a yes with a test's name."""

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGE = (TESTS.parent / "docs/design/race.md").read_text(encoding="utf-8")


def test_every_test_that_the_page_names_is_there() -> None:
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    there = {
        name for path in TESTS.rglob("test_*.py") for name in re.findall(r"def (test_\w+)", path.read_text("utf-8"))
    }
    assert len(named) > 20
    assert named - there == set()


def test_every_row_of_the_peers_table_is_a_yes_with_a_test() -> None:
    table = PAGE.partition("| dualstack |\n")[2].partition("\n\n")[0].splitlines()[1:]
    assert len(table) == 15
    for row in table:
        ours = row.rstrip("| ").rpartition("| ")[2]
        assert re.match(r"(yes|250)\b.*: (`test_\w+`|the same test, by uvloop)$", ours), row
