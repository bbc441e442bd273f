"""What an expression of a Python file stands for: a dotted name, a constant, a text with gaps.

Follows aliases, constants, defaults, attributes of the class and `functools.partial` within the file; runs nothing.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import islice

from dualstack.check.python.module import Module, Scope
from dualstack.check.words.literals import has_ipv6

__all__ = ["GAP", "Values"]

# What stands in a text where its value is not known.
GAP = "\x00"
_DEEP = 8
_MANY = 12


class Values:
    """The values of one file.

    Args:
        module: the file.
    """

    def __init__(self, module: Module) -> None:
        self.module = module
        self._names: dict[ast.expr, str] = {}
        self._lasts: dict[tuple[Scope, str], str] = {}
        self._origins: dict[ast.expr, tuple[ast.expr, ...]] = {}

    def origins(self, node: ast.expr | None) -> Iterator[ast.expr]:
        """The expressions that `node` may stand for, itself where nothing is known of it; some of them where many."""
        if node is None:
            return
        if node not in self._origins:
            self._origins[node] = tuple(islice(self._followed(node, 0, set()), _MANY))
        yield from self._origins[node]

    def _followed(self, node: ast.expr, depth: int, seen: set[ast.expr]) -> Iterator[ast.expr]:
        seen.add(node)
        bound: Sequence[ast.expr | None] | None = self._bound(node) if depth < _DEEP else None
        if isinstance(node, ast.IfExp):
            bound = [node.body, node.orelse]
        elif isinstance(node, ast.BoolOp):
            bound = node.values
        elif isinstance(node, ast.Await | ast.Starred):
            bound = [node.value]
        known = [each for each in bound or () if each is not None and each not in seen]
        if not known:
            yield node
        for each in known[:_MANY]:
            if each not in seen:
                yield from self._followed(each, depth + 1, seen)

    def _bound(self, node: ast.expr) -> list[ast.expr | None] | None:
        if isinstance(node, ast.Name):
            return self._lookup(node, node.id)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id in {"self", "cls"}:
                return self._attribute(self.module.class_of(node), node.attr)
            owner = self.module.classes.get(node.value.id)
            return self.module.attributes.get((owner, node.attr)) if owner is not None else None
        return None

    def _attribute(self, owner: ast.ClassDef | None, name: str) -> list[ast.expr | None] | None:
        """Of the class, or of its bases in this file."""
        found = self.module.attributes.get((owner, name))
        if found is not None or owner is None:
            return found
        bases = {base.id for base in owner.bases if isinstance(base, ast.Name)}
        for each in self.module.all(ast.ClassDef):
            if each.name in bases and each is not owner:
                return self._attribute(each, name)
        return None

    def _lookup(self, node: ast.AST, name: str) -> list[ast.expr | None] | None:
        scope: Scope | None = self.module.scope(node)
        is_first = True
        while scope is not None:
            if is_first or not isinstance(scope, ast.ClassDef):
                found = self.module.bindings.get((scope, name))
                if found is not None:
                    return found
            is_first = False
            scope = None if isinstance(scope, ast.Module) else self.module.scope(scope)
        return None

    def is_bound(self, node: ast.Name) -> bool:
        """Whether this file binds the name, be it as a parameter."""
        return self._lookup(node, node.id) is not None

    def name(self, node: ast.expr | None) -> str:
        """The dotted name: `socket.AF_INET`, `socket.socket().bind`, `?.bind`, or nothing."""
        if node is None:
            return ""
        if node not in self._names:
            self._names[node] = ""  # a circle of names ends here
            self._names[node] = self._name(node)
        return self._names[node]

    def _name(self, node: ast.expr) -> str:
        if isinstance(node, ast.Call):
            called = self.name(node.func)
            inner = node.args[0] if called in {"functools.partial", "partial"} and node.args else None
            return self.name(inner) if inner is not None else f"{called or '?'}()"
        if isinstance(node, ast.Await):
            return self.name(node.value)
        known = self._of_binding(node)
        if known:
            return known
        if isinstance(node, ast.Attribute):
            return f"{self.name(node.value) or '?'}.{node.attr}"
        if isinstance(node, ast.Name):
            return self._free(node)
        return ""

    def _of_binding(self, node: ast.expr) -> str:
        bound = self._bound(node)
        names = {
            self.name(each)
            for each in bound or ()
            if isinstance(each, ast.Name | ast.Attribute | ast.Call | ast.Await) and each is not node
        }
        return names.pop() if len(names) == 1 else ""

    def _free(self, node: ast.Name) -> str:
        if node.id in self.module.imports:
            return self.module.imports[node.id]
        if self.is_bound(node):
            return f"?{node.id}"
        if "socket" in self.module.starred and _is_of_socket(node.id):
            return f"socket.{node.id}"
        return node.id

    def last(self, node: ast.expr | None) -> str:
        """The last word of the dotted name, without the question mark of what is not known."""
        return self.name(node).rpartition(".")[2].lstrip("?").removesuffix("()")

    def _quick(self, node: ast.expr) -> str:
        """The last word as it is written; of a name what it is bound to."""
        if isinstance(node, ast.Attribute):
            return node.attr
        if not isinstance(node, ast.Name):
            return self.last(node)
        if node.id not in self._bound_names:
            return self.module.imports.get(node.id, node.id).rpartition(".")[2]
        key = self.module.scope(node), node.id
        if key not in self._lasts:
            self._lasts[key] = self.last(node)
        return self._lasts[key]

    @cached_property
    def _bound_names(self) -> frozenset[str]:
        """Those that may be another name for something."""
        return frozenset(
            name
            for (_, name), bound in self.module.bindings.items()
            if any(isinstance(each, ast.Name | ast.Attribute | ast.IfExp) or _is_partial(each) for each in bound)
        )

    @cached_property
    def calls_by_name(self) -> dict[str, list[ast.Call]]:
        """The calls of the file by the last word of their dotted name."""
        found: dict[str, list[ast.Call]] = defaultdict(list)
        for call in self.module.all(ast.Call):
            found[self._quick(call.func)].append(call)
        return found

    @cached_property
    def references_by_name(self) -> dict[str, list[ast.Name | ast.Attribute]]:
        """Names and attributes that are read, by the last word of their dotted name."""
        found: dict[str, list[ast.Name | ast.Attribute]] = defaultdict(list)
        for node in self.module.references:
            if isinstance(node.ctx, ast.Load):
                found[self._quick(node)].append(node)
        return found

    @cached_property
    def ipv6_lines(self) -> frozenset[int]:
        """The lines in which an IPv6 address is written."""
        return frozenset(
            node.lineno
            for node in self.module.all(ast.Constant)
            if isinstance(node.value, str)
            and ":" in node.value
            and node not in self.module.docstrings
            and (has_ipv6(node.value) or node.value == "::")
        )

    def is_family(self, node: ast.expr | None, *words: str) -> bool:
        """Whether an expression may be one of these address families."""
        return any(self.last(each) in words for each in self.origins(node))

    def constant(self, node: ast.expr | None) -> object:
        """The constant that an expression stands for; None where it is none, or more than one."""
        found = [each.value for each in self.origins(node) if isinstance(each, ast.Constant)]
        return found[0] if found else None

    def texts(self, node: ast.expr | None) -> Iterator[str]:
        """The texts that an expression may be, bytes as Latin-1, with a gap for what is not known."""
        if isinstance(node, ast.Constant):
            if isinstance(node.value, str | bytes):
                yield node.value if isinstance(node.value, str) else node.value.decode("latin-1")
            return
        for each in self.origins(node):
            text = self._text(each, 0)
            if text is not None:
                yield text

    def text(self, node: ast.expr | None) -> str | None:
        """The first of them."""
        return next(self.texts(node), None)

    def _text(self, node: ast.expr, depth: int) -> str | None:
        match node:
            case ast.Constant(value=str(text)):
                return text
            case ast.Constant(value=bytes(raw)):
                return raw.decode("latin-1")
            case ast.JoinedStr(values=parts) if depth < _DEEP:
                return "".join(self._part(each, depth) for each in parts)
            case ast.BinOp(op=ast.Add(), left=left, right=right) if depth < _DEEP:
                pieces = self._piece(left, depth), self._piece(right, depth)
                return None if pieces == (None, None) else "".join(each or GAP for each in pieces)
            case ast.BinOp(op=ast.Mult(), left=left, right=ast.Constant(value=int(times))) if 0 < times < _DEEP:
                piece = self._piece(left, depth)
                return None if piece is None else piece * times
        return None

    def _piece(self, node: ast.expr, depth: int) -> str | None:
        origin = next(self.origins(node), node)
        return self._text(origin, depth + 1)

    def _part(self, node: ast.expr, depth: int) -> str:
        if isinstance(node, ast.FormattedValue):
            return self._piece(node.value, depth) or GAP
        return self._text(node, depth) or ""

    def argument(self, call: ast.Call, position: int, *names: str) -> ast.expr | None:
        """An argument by its position or its names; those that a partial of this file brings come first."""
        for keyword in call.keywords:
            if keyword.arg in names:
                return keyword.value
        given = [*self._brought(call), *call.args]
        return given[position] if 0 <= position < len(given) else None

    def _brought(self, call: ast.Call) -> list[ast.expr]:
        for origin in self.origins(call.func):
            if isinstance(origin, ast.Call) and self.name(origin.func) in {"functools.partial", "partial"}:
                return origin.args[1:]
        return []


def _is_partial(node: ast.expr | None) -> bool:
    """Whether an expression is a call of something that ends in `partial`."""
    called = node.func if isinstance(node, ast.Call) else None
    return getattr(called, "attr", getattr(called, "id", "")) == "partial"


def _is_of_socket(word: str) -> bool:
    """Whether `from socket import *` brings it."""
    known = ("AF_", "PF_", "SOCK_", "IP_", "IPV6_", "IPPROTO_", "SO_", "SOL_", "AI_", "NI_", "INADDR_", "inet_", "get")
    return word.startswith(known) or word in {"socket", "create_server", "create_connection", "has_ipv6"}
