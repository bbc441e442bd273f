"""`dualstack check` on spellings of each kind (aliases, constants, defaults, wrappers), and on what is right.

A line that ends in `#! kind` (in C `//! kind`) has that finding, and no other line has one.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from dualstack.check import check_source

DATA = Path(__file__).parents[1] / "data" / "check"
_MARK = re.compile(r"\s*(?:#|//)! ([\w-]+)$", re.MULTILINE)


def variants() -> Iterator[tuple[str, str]]:
    """Programs by their titles, which begin with `=== `; the ending of the title is the language's."""
    for path in sorted(DATA.glob("variants*.txt")):
        for program in re.split(r"^=== ", path.read_text(), flags=re.MULTILINE)[1:]:
            title, _, text = program.partition("\n")
            yield title.strip(), text


PROGRAMS = dict(variants())


@pytest.mark.parametrize("title", PROGRAMS)
def test_each_spelling_is_found_where_it_is_marked(title: str) -> None:
    text = PROGRAMS[title]
    asked = {(number, found[1]) for number, line in enumerate(text.splitlines(), 1) if (found := _MARK.search(line))}
    assert {(each.line, each.kind) for each in check_source(_MARK.sub("", text), title.replace(" ", "_"))} == asked


def test_the_programs_have_names_of_their_own() -> None:
    assert len(PROGRAMS) == len(list(variants())) > 100
