"""Statements and blocks in braces: nginx, BIND, ircd (ended by `;`), Caddy, dovecot, mpd (ended by the line).

`name words... ;` or `name words... { ... }`; words may be quoted; comments as the format has them.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from dualstack.doctor.listening import Place, Refused
from dualstack.doctor.tree import Document

__all__ = ["Statement", "statements", "walk"]


@dataclass(slots=True)
class Statement:
    """A statement: its words, and where it has a block the statements in it."""

    words: list[str]
    place: Place
    block: list["Statement"] | None = None
    parents: tuple[str, ...] = field(default=())

    @property
    def name(self) -> str:
        """The first word."""
        return self.words[0] if self.words else ""

    @property
    def arguments(self) -> list[str]:
        """The other words."""
        return self.words[1:]


_HASH = r"#[^\n]*"
_SLASHES = r"//[^\n]*|/\*.*?\*/"
_WORDS = r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\''


def statements(document: Document, *, by_line: bool = False, slashes: bool = False) -> list[Statement]:
    """The statements of a file, blocks inside them.

    Args:
        document: the file.
        by_line: a line's end ends a statement; else `;` does.
        slashes: `//` and `/* */` begin comments too.

    Raises:
        Refused: a brace or a quote is not closed, or closes nothing.
    """
    end = "" if by_line else ";"
    comment = f"{_HASH}|{_SLASHES}" if slashes else _HASH
    token = re.compile(
        rf"(?P<comment>{comment})|(?P<quoted>{_WORDS})|(?P<mark>[{{}}{end}]|\n)|(?P<word>[^\s{{}}{end}]+)", re.DOTALL
    )
    top: list[Statement] = []
    stack, words, number, line = [top], list[str](), 1, 1
    for match in token.finditer(document.text):
        text, kind = match[0], match.lastgroup
        if kind == "comment" and (words == [] or match.start() == 0 or document.text[match.start() - 1].isspace()):
            line += text.count("\n")
            continue
        if kind != "mark":
            number = line if not words else number
            words.append(text[1:-1] if kind == "quoted" else text)
        elif text == "{":
            made = Statement(words, Place(document.path, number), [])
            stack[-1].append(made)
            stack.append(made.block or [])
            made.block = stack[-1]
            words = []
        elif text in "};" or by_line:
            if words:
                stack[-1].append(Statement(words, Place(document.path, number)))
            words = []
            if text == "}":
                _close(stack, Place(document.path, line))
        line += text.count("\n")
    if words:
        stack[-1].append(Statement(words, Place(document.path, number)))
    if len(stack) > 1:
        raise Refused("a { is not closed before the end of the file", Place(document.path, line))
    return top


def _close(stack: list[list[Statement]], place: Place) -> None:
    if len(stack) == 1:
        raise Refused("unexpected }", place)
    stack.pop()


def walk(found: Iterable[Statement], parents: tuple[str, ...] = ()) -> Iterator[Statement]:
    """Every statement, outer ones first; each is told the names of those around it."""
    for each in found:
        each.parents = parents
        yield each
        if each.block is not None:
            yield from walk(each.block, (*parents, each.name))
