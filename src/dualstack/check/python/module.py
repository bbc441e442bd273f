"""A Python file as its rules see it: nodes by type, who stands in whom, what a name was bound to.

Knows this one file and runs nothing of it. A name bound more than once has all its values.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TypeVar

from dualstack.check.words.namings import vocabulary

__all__ = ["Function", "Module", "Scope", "Unpacked"]

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
Scope = ast.Module | ast.ClassDef | Function
Unpacked = ast.Tuple | ast.List
N = TypeVar("N", bound=ast.AST)

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_SCOPES = (ast.Module, ast.ClassDef, *_FUNCTIONS)
# Fields in which no node stands, or none that has a place of its own.
_PLAIN = vocabulary("ctx op ops id attr arg asname type_comment kind level module conversion simple rest")


class _Fields(dict[type[ast.AST], tuple[str, ...]]):
    """The fields of each type of node that have nodes in them."""

    def __missing__(self, kind: type[ast.AST]) -> tuple[str, ...]:
        is_leaf = kind in {ast.Constant, ast.Global, ast.Nonlocal, ast.Name}
        self[kind] = () if is_leaf else tuple(field for field in kind._fields if field not in _PLAIN)
        return self[kind]


_FIELDS = _Fields()

# Where a node keeps its word.
_WORD: dict[type[ast.AST], str] = {
    ast.Name: "id",
    ast.Attribute: "attr",
    ast.arg: "arg",
    ast.keyword: "arg",
    ast.alias: "name",
    ast.FunctionDef: "name",
    ast.AsyncFunctionDef: "name",
    ast.ClassDef: "name",
    ast.Constant: "value",
}


def _word(node: ast.AST, kind: type[ast.AST]) -> str | None:
    """The word that a node itself has: its name, or its text."""
    field = _WORD.get(kind)
    value = getattr(node, field) if field is not None else None
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return value if isinstance(value, str) else None


class Module:
    """A parsed file.

    Args:
        tree: its syntax tree.
        text: its text.
    """

    def __init__(self, tree: ast.Module, text: str = "") -> None:
        self.tree = tree
        self.text = text
        self.parents: dict[ast.AST, ast.AST] = {}
        self._by_type: dict[type[ast.AST], list[ast.AST]] = defaultdict(list)
        self._words: dict[ast.AST, frozenset[str]] = {}
        self._scopes: dict[ast.AST, Scope] = {}
        self.docstrings: set[ast.AST] = set()
        # All nodes in the order of the text: how deep each stands, and its word.
        self._places: dict[ast.AST, int] = {}
        self._depths: list[int] = []
        self._texts: list[str | None] = []
        self._index()

    def _index(self) -> None:
        parents, by_type, places, docstrings = self.parents, self._by_type, self._places, self.docstrings
        depths, texts = self._depths, self._texts
        stack: list[tuple[ast.AST, int]] = [(self.tree, 0)]
        while stack:
            node, depth = stack.pop()
            kind = type(node)
            by_type[kind].append(node)
            places[node] = len(depths)
            depths.append(depth)
            if kind is ast.Expr and type(node.value) is ast.Constant:  # type: ignore[attr-defined]
                docstrings.add(node.value)  # type: ignore[attr-defined]
            texts.append(_word(node, kind) if node not in docstrings else None)
            children: list[ast.AST] = []
            for field in _FIELDS[kind]:
                value = getattr(node, field, None)
                if type(value) is list:
                    children += [each for each in value if isinstance(each, ast.AST)]
                elif isinstance(value, ast.AST):
                    children.append(value)
            for child in children:
                parents[child] = node
            stack += [(child, depth + 1) for child in reversed(children)]

    def all(self, kind: type[N]) -> list[N]:
        """Every node of a type, in the order of the text."""
        return self._by_type.get(kind, [])  # type: ignore[return-value]

    @cached_property
    def lines(self) -> list[str]:
        """The text by its lines."""
        return self.text.split("\n")

    @cached_property
    def unpackings(self) -> Mapping[tuple[Scope, str], Sequence[tuple[Unpacked, ast.expr]]]:
        """By scope and by the last name of it: a pair or more that a value, or each of a loop, is taken apart into."""
        found: dict[tuple[Scope, str], list[tuple[Unpacked, ast.expr]]] = defaultdict(list)
        taken = [(each, each.targets[0], each.value) for each in self.all(ast.Assign)]
        for node, target, value in [*taken, *((each, each.target, each.iter) for each in self.loops)]:
            if isinstance(target, ast.Tuple | ast.List) and target.elts and isinstance(target.elts[-1], ast.Name):
                found[self.scope(node), target.elts[-1].id].append((target, value))
        return found

    @cached_property
    def classes(self) -> Mapping[str, ast.ClassDef]:
        """By name; of several of one name the first."""
        return {each.name: each for each in reversed(self.all(ast.ClassDef))}

    @cached_property
    def references(self) -> list[ast.Name | ast.Attribute]:
        """Names and attributes."""
        return [*self.all(ast.Attribute), *self.all(ast.Name)]

    @cached_property
    def loads(self) -> dict[str, list[ast.Name]]:
        """The places at which each name is read."""
        found: dict[str, list[ast.Name]] = defaultdict(list)
        for name in self.all(ast.Name):
            if isinstance(name.ctx, ast.Load):
                found[name.id].append(name)
        return found

    @cached_property
    def functions(self) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
        """Functions with a name."""
        return [*self.all(ast.FunctionDef), *self.all(ast.AsyncFunctionDef)]

    @cached_property
    def loops(self) -> list[ast.For | ast.AsyncFor | ast.comprehension]:
        """What goes through something, with its targets."""
        return [*self.all(ast.For), *self.all(ast.AsyncFor), *self.all(ast.comprehension)]

    @cached_property
    def sequences(self) -> list[ast.List | ast.Tuple]:
        """Lists and tuples."""
        return [*self.all(ast.List), *self.all(ast.Tuple)]

    def above(self, node: ast.AST) -> Iterator[ast.AST]:
        """What a node stands in, from the inside out."""
        while (parent := self.parents.get(node)) is not None:
            yield parent
            node = parent

    def scope(self, node: ast.AST) -> Scope:
        """The function, class or module that a name at `node` is bound in; a default belongs to what is around."""
        passed = []
        found: Scope | None = None
        while found is None:
            passed.append(node)
            parent = self.parents.get(node)
            if parent is None:
                found = self.tree
            elif isinstance(parent, _SCOPES) and not (isinstance(parent, _FUNCTIONS) and node is parent.args):
                found = parent
            else:
                found = self._scopes.get(parent)
                node = parent
        for each in passed:
            self._scopes[each] = found
        return found

    def function(self, node: ast.AST) -> Function | None:
        """The outermost function around a node: closures are part of it."""
        found: Function | None = None
        for each in (node, *self.above(node)):
            if isinstance(each, ast.ClassDef):
                break
            if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
                found = each
        return found

    def class_of(self, node: ast.AST) -> ast.ClassDef | None:
        """The innermost class around a node."""
        return next((each for each in self.above(node) if isinstance(each, ast.ClassDef)), None)

    def statement(self, node: ast.AST) -> ast.AST:
        """The statement that a node is part of."""
        return next((each for each in (node, *self.above(node)) if isinstance(each, ast.stmt)), node)

    def words(self, node: ast.AST | None) -> frozenset[str]:
        """Every name, attribute, keyword and string in the code of a node; docstrings are no code."""
        if node is None:
            return frozenset()
        if node not in self._words:
            first = self._places[node]
            last, depth = first + 1, self._depths[first]
            while last < len(self._depths) and self._depths[last] > depth:
                last += 1
            self._words[node] = frozenset(each for each in self._texts[first:last] if each is not None)
        return self._words[node]

    @cached_property
    def all_words(self) -> frozenset[str]:
        """Those of the whole file."""
        return frozenset(each for each in self._texts if each is not None)

    @cached_property
    def word_text(self) -> str:
        """All of them, one a line."""
        return "\n".join(self.all_words)

    def near(self, node: ast.AST) -> frozenset[str]:
        """The words of the function around a node; outside of one, of its statement."""
        return self.words(self.function(node) or self.statement(node))

    def room(self, node: ast.AST) -> frozenset[str]:
        """The words of the class around a node, or else of its function or statement."""
        kind = self.class_of(node)
        return self.words(kind) if kind is not None else self.near(node)

    @cached_property
    def imports(self) -> dict[str, str]:
        """What each imported name stands for, dotted."""
        found: dict[str, str] = {}
        for plain in self.all(ast.Import):
            for each in plain.names:
                found[each.asname or each.name.partition(".")[0]] = (
                    each.name if each.asname else each.name.partition(".")[0]
                )
        for source in self.all(ast.ImportFrom):
            module = f"{source.module or ''}"
            for each in source.names:
                found[each.asname or each.name] = f"{module}.{each.name}".lstrip(".")
        return found

    @cached_property
    def starred(self) -> tuple[str, ...]:
        """The modules of which everything is imported."""
        return tuple(
            each.module or "" for each in self.all(ast.ImportFrom) if any(name.name == "*" for name in each.names)
        )

    @cached_property
    def bindings(self) -> dict[tuple[Scope, str], list[ast.expr | None]]:
        """What each name of each scope was bound to; None where a loop, a with or a caller says it."""
        found: dict[tuple[Scope, str], list[ast.expr | None]] = defaultdict(list)
        for target, value in self._bound():
            if isinstance(target, ast.Name):
                found[self.scope(target), target.id].append(value)
        for function in (*self.functions, *self.all(ast.Lambda)):
            for argument, default in _arguments(function):
                found[function, argument.arg].append(default)
        return found

    @cached_property
    def attributes(self) -> dict[tuple[ast.ClassDef | None, str], list[ast.expr | None]]:
        """What each attribute was bound to: by `self.x = ...` or in the class's body."""
        found: dict[tuple[ast.ClassDef | None, str], list[ast.expr | None]] = defaultdict(list)
        for target, value in self._bound():
            if isinstance(target, ast.Attribute):
                found[self.class_of(target), target.attr].append(value)
            elif isinstance(target, ast.Name) and isinstance(owner := self.scope(target), ast.ClassDef):
                found[owner, target.id].append(value)
        return found

    def _bound(self) -> Iterator[tuple[ast.expr, ast.expr | None]]:
        for assign in self.all(ast.Assign):
            for target in assign.targets:
                yield from _paired(target, assign.value)
        for annotated in self.all(ast.AnnAssign):
            yield annotated.target, annotated.value
        for walrus in self.all(ast.NamedExpr):
            yield walrus.target, walrus.value
        for loop in self.loops:
            yield from _paired(loop.target, None)
        for item in self.all(ast.withitem):
            if item.optional_vars is not None:
                yield from _paired(item.optional_vars, item.context_expr)


def _paired(target: ast.expr, value: ast.expr | None) -> Iterator[tuple[ast.expr, ast.expr | None]]:
    """`a, b = x, y` as two bindings."""
    if not isinstance(target, ast.Tuple | ast.List):
        yield target, value
        return
    values: list[ast.expr | None] = [None] * len(target.elts)
    if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts):
        values = list(value.elts)
    for each, one in zip(target.elts, values, strict=True):
        yield from _paired(each, one)


def _arguments(function: Function) -> Iterator[tuple[ast.arg, ast.expr | None]]:
    """Parameters with their defaults."""
    arguments = function.args
    plain = [*arguments.posonlyargs, *arguments.args]
    defaults: list[ast.expr | None] = [None] * (len(plain) - len(arguments.defaults)) + list(arguments.defaults)
    yield from zip(plain, defaults, strict=True)
    yield from zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    for rest in (arguments.vararg, arguments.kwarg):
        if rest is not None:
            yield rest, None
