"""HTML from Python values: every text is escaped, and only what was made here is taken as it is."""

from html import escape
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Child", "Markup", "around", "element", "joined"]


class Markup(str):
    """HTML that was made by `element`."""

    __slots__ = ()


Child: TypeAlias = "str | int | Markup | Iterable[Child] | None"
"""A text, HTML, nothing, or several."""

_VOID = frozenset({"input", "link", "meta"})


def element(tag: str, /, *children: Child, **attributes: str | float | bool | None) -> Markup:
    """One element.

    Args:
        tag: its name.
        children: in order; texts are escaped.
        attributes: `_` stands for `-`, at the end for nothing; True is one without a value, None and False none at all.
    """
    written = "".join(_attribute(key, value) for key, value in attributes.items())
    if tag in _VOID:
        return Markup(f"<{tag}{written}>")
    return Markup(f"<{tag}{written}>{joined(*children)}</{tag}>")


def around(tag: str, pieces: "Iterable[Markup]", /, **attributes: str | float | bool | None) -> "Iterator[Markup]":
    """One element in pieces, for what is long; `attributes` as `element` has them."""
    yield Markup(f"<{tag}{''.join(_attribute(key, value) for key, value in attributes.items())}>")
    yield from pieces
    yield Markup(f"</{tag}>")


def joined(*children: Child) -> Markup:
    """Several, one behind the other."""
    return Markup("".join(map(_written, children)))


def _written(child: Child) -> str:
    match child:
        case None:
            return ""
        case Markup():
            return child
        case str() | int():
            return escape(str(child), quote=False)
        case _:
            return joined(*child)


def _attribute(key: str, value: str | float | bool | None) -> str:  # noqa: FBT001 - as the keyword has it
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'
