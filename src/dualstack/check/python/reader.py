"""A Python file to remarks: parsed, asked by every rule, without what is IPv4 by definition or a test's.

Never raises for what is in a file: a syntax error is a remark.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import PurePath

from dualstack.check.findings.finding import Remark
from dualstack.check.python.module import Module
from dualstack.check.python.rules import (
    access,
    columns,
    comparisons,
    conversions,
    dns_records,
    families,
    hostport,
    hostport_join,
    literals,
    lookups,
    numbers,
    own_addresses,
    quads,
    resolver_patches,
    sockaddrs,
    sockets,
    twins,
)
from dualstack.check.python.telling import is_told
from dualstack.check.python.values import Values
from dualstack.check.words.by_definition import is_ipv4_by_definition
from dualstack.check.words.namings import is_twin

__all__ = ["read_python"]

_RULES = tuple(
    rule
    for about in (
        sockets,
        lookups,
        resolver_patches,
        dns_records,
        own_addresses,
        literals,
        comparisons,
        hostport,
        hostport_join,
        quads,
        numbers,
        conversions,
        columns,
        sockaddrs,
        access,
        families,
        twins,
    )
    for rule in about.RULES
)
_TEST = re.compile(r"test_\w*\.pyi?$|\w+_tests?\.pyi?$|conftest\.py$|tests?\.py$")


def read_python(text: str, path: str) -> list[Remark]:
    """What is to be said of a Python file.

    Args:
        text: its text.
        path: its name: tests are known by it.
    """
    if _TEST.match(PurePath(path).name) or not is_told(text):
        return []
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line, column = getattr(error, "lineno", None) or 1, getattr(error, "offset", None) or 1
        return [Remark(line, max(column, 1), "syntax-error", getattr(error, "msg", None) or str(error))]
    module = Module(tree, text)
    values = Values(module)
    try:
        remarks = [remark for rule in _RULES for remark in rule(values)]
    except RecursionError:
        return [Remark(1, 1, "not-read", "nested too deep")]
    except ValueError as error:
        # What cannot be written again, such as a number of more digits than Python shows.
        return [Remark(1, 1, "not-read", str(error))]
    if not remarks or _is_by_definition(module, path):
        return []
    remarks = _without_consequences(module, remarks)
    spared = {line for first, last in _spared(module) for line in range(first, last + 1)}
    return [remark for remark in remarks if remark.line not in spared]


# What is said of a function for one reason is not said again for what leads there.
_HIDDEN = {"dotted-quad-parse": frozenset({"reverse-in-addr-arpa", "prefix-24"})}


def _without_consequences(module: Module, remarks: list[Remark]) -> list[Remark]:
    """The remarks without those that only prepare what another of the same function says."""
    if not any(remark.kind in _HIDDEN for remark in remarks):
        return remarks
    lines = [(each.lineno, each.end_lineno or each.lineno) for each in module.functions]
    said = {(remark.kind, place) for remark in remarks for place in lines if place[0] <= remark.line <= place[1]}
    return [
        remark
        for remark in remarks
        if not any(
            (kind, place) in said
            for kind in _HIDDEN.get(remark.kind, ())
            for place in lines
            if place[0] <= remark.line <= place[1]
        )
    ]


# A file that is called so is one of a pair.
_HALF = re.compile(r"_?(?:ip|inet)?_?v?4|inet_?aton", re.IGNORECASE)


def _is_by_definition(module: Module, path: str) -> bool:
    """Whether the whole file is of a protocol that IPv4 alone has: its name or its docstring says so, and its code."""
    if _HALF.fullmatch(PurePath(path).stem):
        return True
    sentence = ast.get_docstring(module.tree) or ""
    is_said = is_ipv4_by_definition([PurePath(path).stem], sentence)
    names = [word for word in module.all_words if word.isidentifier()]
    return is_said and is_ipv4_by_definition(names)


def _spared(module: Module) -> Iterator[tuple[int, int]]:
    """The lines of tests, and of functions that are IPv4 by definition."""
    words = module.all_words
    for owner in module.all(ast.ClassDef):
        is_test = any(ast.unparse(base).endswith("TestCase") for base in owner.bases) or owner.name.startswith("Test")
        is_told = is_ipv4_by_definition([owner.name], ast.get_docstring(owner) or "")
        if is_test or is_told or is_twin(owner.name, words):
            yield owner.lineno, owner.end_lineno or owner.lineno
    for function in module.functions:
        if (
            function.name.startswith("test_")
            or is_twin(function.name, words)
            or is_ipv4_by_definition([function.name], ast.get_docstring(function) or "")
        ):
            yield function.lineno, function.end_lineno or function.lineno
    for assign in module.all(ast.Assign):
        if all(is_twin(getattr(each, "id", getattr(each, "attr", "")), words) for each in assign.targets):
            yield assign.lineno, assign.end_lineno or assign.lineno
