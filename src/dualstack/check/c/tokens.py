"""C as tokens: words, numbers, texts and signs with their lines; comments fall away, macros of one line are kept.

No preprocessor runs: what an `#if` leaves out is looked at as well, which is what a reader of the file does.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Token", "tokens"]

_TOKEN = re.compile(
    r"""(?P<comment>/\*.*?(?:\*/|\Z)|//(?:[^\n\\]|\\.)*)
    |(?P<text>(?:L|u8|u|U)?"(?:[^"\\\n]|\\.)*")
    |(?P<character>(?:L|u|U)?'(?:[^'\\\n]|\\.)*')
    |(?P<word>[A-Za-z_]\w*)
    |(?P<number>\.?\d(?:[eEpP][+-]|[\w.'])*)
    |(?P<directive>\#)
    |(?P<sign>->|\+\+|--|<<=|>>=|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|\.\.\.|\S)
    |(?P<end>\n)
    |(?P<space>(?:[ \t\r\f\v]|\\\r?\n)+)""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "0": "\0", "\\": "\\", '"': '"', "'": "'"}
_ESCAPE = re.compile(r"\\(x[0-9A-Fa-f]+|[0-7]{1,3}|.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Token:
    """One token.

    Attributes:
        kind: word, number, text, character or sign.
        text: as it is written; of texts and characters what it means.
        line: from 1.
        column: from 1.
    """

    kind: str
    text: str
    line: int
    column: int


def tokens(source: str) -> Iterator[Token | None]:
    """The tokens of a file; a preprocessor's line is a `#` and its words, ended by None."""
    line, begin, is_directive = 1, 0, False
    for found in _TOKEN.finditer(source):
        kind = found.lastgroup or "sign"
        written = found.group()
        if kind == "end" and is_directive:
            is_directive = False
            yield None
        if kind == "directive":
            is_directive = True
        if kind not in {"comment", "space", "end"}:
            yield Token(kind, _meaning(kind, written), line, found.start() - begin + 1)
        if (ends := written.count("\n")) > 0:
            line += ends
            begin = found.start() + written.rfind("\n") + 1
    if is_directive:
        yield None


def _meaning(kind: str, written: str) -> str:
    if kind not in {"text", "character"}:
        return written
    quote = '"' if kind == "text" else "'"
    return _ESCAPE.sub(_unescape, written[written.index(quote) + 1 : -1])


def _unescape(found: re.Match[str]) -> str:
    code = found[1]
    if code[0] == "x":
        return chr(int(code[1:], 16) & 0xFF)
    if code[0].isdigit() and code != "0":
        return chr(int(code, 8) & 0xFF)
    return _ESCAPES.get(code, code)
