"""What was drawn before, and is the same again: of many services few change from one second to the next."""

from collections.abc import Callable
from typing import TypeVar

import msgspec
from msgspec import Struct

__all__ = ["Drawn"]

T = TypeVar("T", bound=Struct)


class Drawn:
    """What was drawn of values, by their kind and name; it is drawn anew where a value is another.

    Args:
        most: values at a time.
    """

    def __init__(self, most: int = 4096) -> None:
        self._most = most
        self._drawn: dict[tuple[str, str], tuple[bytes, str]] = {}

    def of(self, kind: str, name: str, value: T, draw: Callable[[T], str]) -> str:
        """The value as `draw` makes it."""
        content = msgspec.msgpack.encode(value)
        known = self._drawn.get((kind, name))
        if known is not None and known[0] == content:
            return known[1]
        if len(self._drawn) >= self._most:
            self._drawn.clear()
        made = draw(value)
        self._drawn[kind, name] = content, made
        return made
