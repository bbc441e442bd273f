"""YAML as nodes with their lines: PyYAML's safe grammar, bounded, and no value is made that was not asked for."""

from collections.abc import Iterator

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from dualstack.doctor.listening import Place, Refused
from dualstack.doctor.tree import Document

__all__ = ["Node", "documents", "items", "place_of", "text", "under", "values", "words"]

_MOST = 1 << 18


def documents(document: Document) -> list[Node]:
    """The roots of the file's documents.

    Raises:
        Refused: it is no YAML, or larger than anybody writes by hand.
    """
    if len(document.text) > _MOST:
        raise Refused(f"it has more than {_MOST >> 10} KiB, and is not looked at", Place(document.path, 1))
    try:
        return list(yaml.compose_all(document.text, Loader=yaml.SafeLoader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = 1 if mark is None else mark.line + 1
        raise Refused(str(getattr(error, "problem", None) or error), Place(document.path, line)) from None
    except RecursionError:
        raise Refused("it is nested too deep", Place(document.path, 1)) from None


def values(node: Node | None) -> dict[str, Node]:
    """The values of a mapping by key, with those of `<<`; nothing of what is none."""
    return _values(node, {})


def _values(node: Node | None, known: dict[int, dict[str, Node]]) -> dict[str, Node]:
    """Each mapping once, however often it is merged, and be it into itself."""
    if not isinstance(node, MappingNode):
        return {}
    if id(node) in known:
        return known[id(node)]
    found = known[id(node)] = {}
    for key, value in node.value:
        if text(key) == "<<":
            for each in items(value) or [value]:
                found |= {name: inner for name, inner in _values(each, known).items() if name not in found}
        elif isinstance(key, ScalarNode):
            found[key.value] = value
    return found


def items(node: Node | None) -> list[Node]:
    """The elements of a sequence; nothing of what is none."""
    return list(node.value) if isinstance(node, SequenceNode) else []


def text(node: Node | None) -> str:
    """A scalar as written; empty for what is none."""
    return node.value if isinstance(node, ScalarNode) and isinstance(node.value, str) else ""


def under(node: Node | None, *keys: str) -> Node | None:
    """What stands below, a key for each step."""
    for key in keys:
        node = values(node).get(key)
    return node


def words(node: Node | None) -> Iterator[str]:
    """The texts of a sequence."""
    return map(text, items(node))


def place_of(document: Document, node: Node) -> Place:
    """Where a node begins."""
    return Place(document.path, node.start_mark.line + 1)
