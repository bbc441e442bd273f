"""Where a key stands in a TOML file: each that the standard library's reader finds, at the statement that says it."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from dualstack.errors import ConfigError
from dualstack.gateway.config.places import KeyPath, Place, places
from dualstack.gateway.config.toml import parse

HERE = Path(__file__).parents[2]
ODD = (HERE / "tests/data/odd.toml").read_text()
PAGES = sorted((HERE / "docs").rglob("*.md"))
DOCUMENTED = [block for page in PAGES for block in re.findall(r"```toml\n(.*?)```", page.read_text(), re.DOTALL)]


def paths(value: object) -> Iterator[KeyPath]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, each in inner:
        yield (step,)
        yield from ((step, *path) for path in paths(each))


@pytest.mark.parametrize("text", [ODD, ODD.replace("\n", "\n\n"), ODD.rstrip(), *DOCUMENTED])
def test_each_key_has_a_place(text: str) -> None:
    assert places(text).keys() == set(paths(tomllib.loads(text)))


def test_there_is_more_than_one_documented_file() -> None:
    assert len(DOCUMENTED) > 3


@pytest.mark.parametrize(
    ("path", "line", "column"),
    [
        (("title",), 2, 1),
        (("a",), 3, 1),
        (("a", "b.c", "d e", "x", 1, "y"), 4, 3),
        (("a", "b.c", "list", 2, 0), 5, 1),
        (("a", "b.c", "long"), 10, 1),
        (("a", "b.c", "literal"), 14, 1),
        (("a", "list", 0), 17, 1),
        (("a", "list", 0, "inner", "k"), 19, 1),
        (("a", "list", 0, "deep", 0), 20, 1),
        (("a", "list", 0, "deep", 1), 21, 1),
        (("a", "list", 1), 23, 1),
        (("a", "list", 1, "inner"), 24, 1),
        (("empty", "last"), 26, 1),
    ],
)
def test_a_place_is_that_of_the_statement_which_begins_it(path: KeyPath, line: int, column: int) -> None:
    assert places(ODD)[path] == Place(line, column)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('[ports.c]\n  v6only = "no"\n', "line 2, column 3"),
        ("[ports.c]\n\n\nv6nly = true\n", "line 4, column 1"),
        ("services = 3", "line 1, column 1"),
        ("# comment\n[[services]]\n", "line 2, column 1"),
        ("[[services]]\nname = 'a'\n[[services]]\nname = 'a'\nport = true\n", "line 5, column 1"),
        (
            "[[services]]\nname = 'a'\naccess = [\n 'allow any',\n 'deny x',\n]\nlisten = '*:1'\nto = 'h:1'",
            "line 3, column 1",
        ),
        ("services = [{name = 'a', listen = '*:1', to = 'h'}]", "line 1, column 1"),
        ("[ports.p]\n[ports.'a/b']\nbind = '*'", "line 2, column 1"),
        ('[ports.p]\n[ports."a\\u0007b"]\nbind = "*"', "line 2, column 1"),
        ("[ports]\np.bind = '*'\n'' = {bind = '*'}", "line 3, column 1"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, place: str) -> None:
    known = "[[services]]\nname = 's'\nlisten = '*:9'\nto = 'h:9'\n"
    text = text if "services" in text else f"{text}\n{known}"
    with pytest.raises(ConfigError, match=rf" \(at {place}\)$"):
        parse(text, "f")
