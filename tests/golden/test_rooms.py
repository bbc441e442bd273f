"""Each room says at its door what is decided there and what never is."""

import ast
import re
from pathlib import Path

import pytest

import dualstack

HOUSE = Path(dualstack.__file__).parent
DOORS = sorted(HOUSE.glob("*/**/__init__.py"))


@pytest.mark.parametrize("door", DOORS, ids=lambda door: str(door.parent.relative_to(HOUSE)))
def test_a_room_says_what_never_happens_in_it(door: Path) -> None:
    said = ast.get_docstring(ast.parse(door.read_text()))
    assert said
    assert re.search(r"\b([Nn]ever|[Nn]o|[Nn]othing|only)\b", said)
