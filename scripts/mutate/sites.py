"""Where a file can be broken, and how: Cosmic Ray's operators, and one of ours that drops a call.

Left out is what no test can tell: annotations, what only type checkers read, and identity for equality.
"""

import ast
import functools
import itertools
import json
import random
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import parso.tree
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import MutationVisitor
from cosmic_ray.operators.operator import Example, Operator
from cosmic_ray.plugins import get_operator, operator_names

from mutate.tree import ROOT

__all__ = ["PACKAGES", "Mutant", "mutants_of", "sample"]

PACKAGES = ("core", "wire", "net", "kernel", "gateway")
# They take arguments, or change nothing that a test could see: an enum and a small number are what they equal.
UNUSED = re.compile(r"Variable|_(Eq_Is|NotEq_IsNot|Is_Eq|IsNot_NotEq)$")
# No operator changes these, and most of a file is made of them.
UNTOUCHED = {"name", "string", "newline", "endmarker", "fstring_string", "fstring_start", "fstring_end"}
# Decorators for readers and type checkers.
SILENT_DECORATORS = {"overload", "override", "final", "runtime_checkable"}

Place = tuple[int, int]


class DropCall(Operator):
    """A call for its effect alone becomes `pass`."""

    def mutation_positions(self, node: parso.tree.NodeOrLeaf) -> Iterator[tuple[Place, Place]]:
        """The statement, where it is a call and nothing else."""
        if node.type == "simple_stmt" and node.children[0].type in {"atom_expr", "power"}:
            yield node.children[0].start_pos, node.children[0].end_pos

    def mutate(self, node: parso.tree.BaseNode, index: int) -> parso.tree.BaseNode:  # noqa: ARG002 -- there is one
        """Keep the indentation, lose the call."""
        leaf = node.get_first_leaf()
        node.children[0] = parso.python.tree.Keyword("pass", leaf.start_pos, leaf.prefix)
        return node

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        """What it does."""
        return (Example("f(x)\n", "pass\n"),)


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one file: the `occurrence`th that this operator can make."""

    source: str
    operator: str
    occurrence: int
    line: int
    column: int
    last: int

    @property
    def package(self) -> str:
        """The floor that it is of."""
        return self.source.split("/")[2]

    def broken(self, original: str) -> str:
        """The whole file with this change."""
        broken: str | None = MutationVisitor.mutate_code(original, _operators()[self.operator], self.occurrence)
        assert broken is not None, self
        # Cosmic Ray puts a space before a number: `{1` becomes `{ 2`, which reads as well.
        return broken


@functools.cache
def _operators() -> dict[str, Operator]:
    theirs = {name.partition("/")[2]: get_operator(name)() for name in operator_names() if not UNUSED.search(name)}
    return theirs | {"DropCall": DropCall()}


def mutants_of(source: str) -> list[Mutant]:
    """All of one file, in the order of the file."""
    text = (ROOT / source).read_text()
    silent = list(_silent(ast.parse(text)))
    counts: defaultdict[str, itertools.count[int]] = defaultdict(itertools.count)
    found = []
    for node in ast_nodes(get_ast(text)):
        if node.type in UNTOUCHED:
            continue
        for name, operator in _operators().items():
            for start, end in operator.mutation_positions(node):
                occurrence = next(counts[name])
                if _is_star(node):
                    continue
                if not any(first <= start < last for first, last in silent):
                    found.append(Mutant(source, name, occurrence, *start, end[0]))
    return sorted(found, key=lambda mutant: (mutant.line, mutant.column, mutant.operator, mutant.occurrence))


def _is_star(node: parso.tree.NodeOrLeaf) -> bool:
    """`*` before a name, or alone among parameters: not a product, and anything else there is no Python."""
    return (
        node.type == "operator"
        and node.parent is not None
        and node.parent.type not in {"term", "power"}
        and (node.value in {"*", "**"})
    )


def _silent(tree: ast.Module) -> Iterator[tuple[Place, Place]]:
    """What runs for nobody: annotations, `if TYPE_CHECKING`, decorators that only checkers read, empty methods."""
    for node in ast.walk(tree):
        match node:
            case ast.arg(annotation=ast.expr() as read) | ast.AnnAssign(annotation=read):
                yield _span(read)
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                yield _span(node)
            case ast.Call(func=ast.Name(id="cast" | "TypeVar" | "NewType")) if node.args:
                yield _span(node)
            case ast.FunctionDef() | ast.AsyncFunctionDef() if _is_empty(node):
                first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
                yield (first, 0), (node.end_lineno or 0, 1 << 20)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                if isinstance(returns := getattr(node, "returns", None), ast.expr):
                    yield _span(returns)
                for decorator in node.decorator_list:
                    if ast.unparse(decorator).rpartition(".")[2] in SILENT_DECORATORS:
                        yield (decorator.lineno, 0), (decorator.end_lineno or 0, 1 << 20)


def _is_empty(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """A method of a Protocol: its words and `...`."""
    last = node.body[-1]
    return isinstance(last, ast.Expr) and isinstance(last.value, ast.Constant) and last.value.value is ...


def _span(node: ast.expr | ast.stmt) -> tuple[Place, Place]:
    return (node.lineno, node.col_offset), (node.end_lineno or 0, node.end_col_offset or 0)


def sample(number: int, seed: int, packages: Iterable[str]) -> list[Mutant]:
    """An equal share from each package: places by lot, then one mutant of each place.

    A place, not a mutant: an addition can be broken in eleven ways, a call dropped in one, and they weigh the same.
    """
    lot = random.Random(seed)  # noqa: S311 -- no secret
    packages = list(packages)
    chosen = []
    for n, package in enumerate(packages):
        places: defaultdict[tuple[str, int, int], list[Mutant]] = defaultdict(list)
        for path in sorted((ROOT / "src/dualstack" / package).rglob("*.py")):
            for mutant in _cached(str(path.relative_to(ROOT))):
                places[mutant.source, mutant.line, mutant.column].append(mutant)
        share = number // len(packages) + (n < number % len(packages))
        chosen += [lot.choice(places[place]) for place in lot.sample(sorted(places), min(share, len(places)))]
    return chosen


@functools.cache
def _cached(source: str) -> list[Mutant]:
    """Walking all files takes most of a minute; what is found in a text stays found."""
    import hashlib

    text = (ROOT / source).read_bytes() + Path(__file__).read_bytes()
    kept = ROOT / ".mutate/sites" / hashlib.sha256(text).hexdigest()[:16]
    if kept.exists():
        return [Mutant(source, *of) for of in json.loads(kept.read_text())]
    found = mutants_of(source)
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps([(m.operator, m.occurrence, m.line, m.column, m.last) for m in found]))
    return found
