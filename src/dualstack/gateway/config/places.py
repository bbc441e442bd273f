"""Where in a TOML file each key stands, for errors: the standard library's reader keeps no places.

A statement ends with a line that leaves no bracket and no string open. What a statement says, the reader tells.
"""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["KeyPath", "Place", "places"]

KeyPath = tuple[str | int, ...]
"""Keys, and places in lists: `("services", 0, "port")`."""


@dataclass(frozen=True, slots=True)
class Place:
    """A line and a column of a text; both begin with 1."""

    line: int
    column: int


# Strings and comments, which may hold anything; what opens; what closes; ends of lines.
_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"""(?!")'
    r"|'''.*?'''(?!')"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|\#[^\n]*"
    r"|(?P<opens>[\[{])|(?P<closes>[\]}])|(?P<ends>\n)",
    re.DOTALL,
)


def places(text: str) -> dict[KeyPath, Place]:
    """The place of each table, key and value in `text`, which is TOML: that of the statement which begins it."""
    found: dict[KeyPath, Place] = {}
    lengths: dict[KeyPath, int] = {}
    table: KeyPath = ()
    for statement, place in _statements(text):
        said = tomllib.loads(statement)
        if statement.startswith("["):
            table = _header(said, lengths, is_element=statement.startswith("[["))
            paths: Iterator[KeyPath] = (table[:length] for length in range(1, len(table) + 1))
        else:
            paths = (table + path for path in _paths(said))
        for path in paths:
            found.setdefault(path, place)
    return found


def _statements(text: str) -> Iterator[tuple[str, Place]]:
    start, line, depth = 0, 1, 0
    for token in _TOKEN.finditer(f"{text}\n"):
        depth += (token["opens"] is not None) - (token["closes"] is not None)
        if token["ends"] is None or depth:
            continue
        statement = text[start : token.start()]
        inner = statement.lstrip()
        if inner and not inner.startswith("#"):
            yield inner, Place(line, len(statement) - len(inner) + 1)
        line += statement.count("\n") + 1
        start = token.end()


def _header(said: dict[str, object], lengths: dict[KeyPath, int], *, is_element: bool) -> KeyPath:
    """The table that the header `[a.b]` or `[[a.b]]` begins; of a list, the last element."""

    def last(path: KeyPath) -> KeyPath:
        return (*path, lengths[path] - 1) if path in lengths else path

    *above, name = (step for step in max(_paths(said), key=len) if isinstance(step, str))
    path: KeyPath = ()
    for each in above:
        path = last((*path, each))
    path = (*path, name)
    if is_element:
        lengths[path] = lengths.get(path, 0) + 1
    return last(path)


def _paths(value: object) -> Iterator[KeyPath]:
    """All paths into `value`."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, each in inner:
        yield (step,)
        for path in _paths(each):
            yield (step, *path)
