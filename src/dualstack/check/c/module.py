"""A C file as its rules see it: functions, structures, calls with their arguments, macros, declarations.

Blocks are told by braces and parentheses alone, so that unknown macros and types do no harm.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from dualstack.check.c.tokens import Token, tokens
from dualstack.check.words.namings import vocabulary

__all__ = ["Block", "CModule", "Call"]

_OPEN, _SHUT = {"(": ")", "[": "]", "{": "}"}, {")", "]", "}"}
_NO_CALL = vocabulary("if while for switch return sizeof case do else defined __attribute__")


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """A function with its parameters, or a structure.

    Attributes:
        name: its name, or nothing.
        kind: function, struct or union.
        first: where it begins among the tokens.
        body: where its brace opens.
        last: where that closes.
    """

    name: str
    kind: str
    first: int
    body: int
    last: int


@dataclass(frozen=True, slots=True)
class Call:
    """A call.

    Attributes:
        name: the function's.
        at: where its name is among the tokens.
        last: where its parenthesis closes.
        arguments: the tokens of each.
    """

    name: str
    at: int
    last: int
    arguments: tuple[tuple[Token, ...], ...] = field(repr=False)


class CModule:
    """A C file.

    Args:
        source: its text.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self.macros: dict[str, tuple[Token, ...]] = {}
        self.tokens: list[Token] = []
        self._words: dict[Block, frozenset[str]] = {}
        self._read()
        self.closing = _matched(self.tokens)

    def _read(self) -> None:
        line: list[Token] | None = None
        for token in tokens(self.source):
            if token is None:
                self._directive(line or [])
                line = None
            elif line is not None:
                line.append(token)
            elif token.kind == "directive":
                line = []
            else:
                self.tokens.append(token)

    def _directive(self, line: Sequence[Token]) -> None:
        if len(line) > 1 and line[0].text == "define":
            value = line[2:]
            if value and value[0].text == "(" and value[0].column == line[1].column + len(line[1].text):
                value = []
                self.macros[f"{line[1].text}()"] = tuple(line[2:])
            if value:
                self.macros[line[1].text] = tuple(value)

    @cached_property
    def blocks(self) -> list[Block]:
        """Functions and structures, outer ones first."""
        return [*self._functions(), *self._structures()]

    def _functions(self) -> Iterator[Block]:
        at, begin = 0, 0
        while at < len(self.tokens):
            text = self.tokens[at].text
            if text == ";":
                begin = at + 1
            elif text == "(" and self.tokens[at].kind == "sign":
                shut = self.closing.get(at, at)
                body = self._body(shut + 1)
                if body is not None and at > 0 and self.tokens[at - 1].kind == "word":
                    last = self.closing.get(body, len(self.tokens) - 1)
                    yield Block(self.tokens[at - 1].text, "function", begin, body, last)
                    begin = last + 1
                    at = last
                else:
                    at = shut
            elif text == "{" and self.tokens[at].kind == "sign":
                if at > 0 and self.tokens[at - 1].kind == "text":  # extern "C" {
                    begin = at + 1
                else:
                    at = self.closing.get(at, at)
            at += 1

    def _body(self, at: int) -> int | None:
        """The brace after a parameter list, attributes and old declarations between them skipped."""
        while at < len(self.tokens):
            token = self.tokens[at]
            if token.kind == "sign" and token.text == "{":
                return at
            if token.kind == "word":
                at += 1
            elif token.text == "(" and self.tokens[at - 1].kind == "word":
                at = self.closing.get(at, at) + 1
            else:
                return None
        return None

    def _structures(self) -> Iterator[Block]:
        for at, token in enumerate(self.tokens):
            if token.kind == "word" and token.text in {"struct", "union"}:
                body = at + 1
                while body < len(self.tokens) and self.tokens[body].kind == "word":
                    body += 1
                if body < len(self.tokens) and self.tokens[body].text == "{" and body - at <= 3:
                    name = self.tokens[at + 1].text if body > at + 1 else ""
                    yield Block(name, token.text, at, body, self.closing.get(body, len(self.tokens) - 1))

    def function(self, at: int) -> Block | None:
        """The function around a token."""
        return self._owners.get(at)

    @cached_property
    def _owners(self) -> dict[int, Block]:
        found: dict[int, Block] = {}
        for block in self.blocks:
            if block.kind == "function":
                for at in range(block.first, block.last + 1):
                    found.setdefault(at, block)
        return found

    def call_around(self, at: int) -> Call | None:
        """The innermost call whose argument a token is."""
        return self._callers.get(at)

    @cached_property
    def _callers(self) -> dict[int, Call]:
        found: dict[int, Call] = {}
        for call in self.calls:  # an inner call begins after the outer one
            for at in range(call.at + 1, call.last):
                found[at] = call
        return found

    def structure(self, at: int) -> Block | None:
        """The innermost structure around a token."""
        return self._structured.get(at)

    @cached_property
    def _structured(self) -> dict[int, Block]:
        begins = {block.body: block for block in self.blocks if block.kind != "function"}
        found: dict[int, Block] = {}
        around: list[Block] = []
        for at in range(len(self.tokens)):
            while around and around[-1].last <= at:
                around.pop()
            if around:
                found[at] = around[-1]
            if at in begins:
                around.append(begins[at])
        return found

    def words(self, block: Block | None) -> frozenset[str]:
        """Words and texts of a block, with those of the macros it uses; of the file where there is none."""
        if block is None:
            return self.all_words
        if block not in self._words:
            plain = [token.text for token in self.tokens[block.first : block.last + 1]]
            more = [each.text for word in set(plain) for each in self.macros.get(word, ())]
            self._words[block] = frozenset([*plain, *more])
        return self._words[block]

    @cached_property
    def all_words(self) -> frozenset[str]:
        """Those of the whole file."""
        macros = [token.text for value in self.macros.values() for token in value]
        return frozenset([*(token.text for token in self.tokens), *macros])

    @cached_property
    def word_text(self) -> str:
        """All of them, one a line."""
        return "\n".join(self.all_words)

    @cached_property
    def calls(self) -> list[Call]:
        """Every call, in the order of the text."""
        found = []
        for at, token in enumerate(self.tokens[:-1]):
            after = self.tokens[at + 1]
            if token.kind != "word" or after.text != "(" or after.kind != "sign" or token.text in _NO_CALL:
                continue
            shut = self.closing.get(at + 1)
            if shut is not None:
                found.append(Call(token.text, at, shut, self._arguments(at + 2, shut)))
        return found

    def _arguments(self, at: int, end: int) -> tuple[tuple[Token, ...], ...]:
        found: list[tuple[Token, ...]] = []
        begin = at
        while at < end:
            token = self.tokens[at]
            if token.kind == "sign" and token.text in _OPEN:
                at = self.closing.get(at, at)
            elif token.kind == "sign" and token.text == ",":
                found.append(tuple(self.tokens[begin:at]))
                begin = at + 1
            at += 1
        return (*found, tuple(self.tokens[begin:end])) if end > begin or found else ()

    def statement(self, at: int) -> tuple[int, int]:
        """The statement around a token: from behind the last `;`, `{` or `}` to the next."""
        first = at
        while first > 0 and not (
            self.tokens[first - 1].kind == "sign" and self.tokens[first - 1].text in {";", "{", "}"}
        ):
            first -= 1
        last = at
        while last < len(self.tokens) - 1 and not (
            self.tokens[last].kind == "sign" and self.tokens[last].text in {";", "{", "}"}
        ):
            last += 1
        return first, last

    def meaning(self, parts: Sequence[Token], depth: int = 0) -> list[Token]:
        """Tokens with the macros of this file put in."""
        found: list[Token] = []
        for token in parts:
            value = self.macros.get(token.text) if token.kind == "word" and depth < 4 else None
            found.extend(self.meaning(value, depth + 1) if value is not None else [token])
        return found

    def text(self, parts: Sequence[Token]) -> str | None:
        """The text that tokens are, with what the preprocessor would join; None where there is none."""
        pieces = [token.text for token in self.meaning(parts) if token.kind == "text"]
        return "".join(pieces) if pieces else None

    def names(self, parts: Sequence[Token]) -> set[str]:
        """The words of tokens, those of macros included."""
        return {token.text for token in (*parts, *self.meaning(parts)) if token.kind == "word"}

    def spelled(self, first: int, last: int) -> str:
        """Tokens as one text with blanks between."""
        return " ".join(token.text for token in self.tokens[first : last + 1])

    @cached_property
    def leading_comment(self) -> str:
        """The comment that the file begins with."""
        found = re.match(r"\s*(/\*.*?\*/|(?://[^\n]*\n\s*)+)", self.source, re.DOTALL)
        return found[1] if found is not None else ""


def _matched(found: Sequence[Token]) -> dict[int, int]:
    """Where each parenthesis, bracket and brace closes."""
    matched: dict[int, int] = {}
    stack: list[int] = []
    for at, token in enumerate(found):
        if token.kind != "sign":
            continue
        if token.text in _OPEN:
            stack.append(at)
        elif token.text in _SHUT:
            while stack and _OPEN[found[stack[-1]].text] != token.text:
                stack.pop()
            if stack:
                matched[stack.pop()] = at
    return matched
