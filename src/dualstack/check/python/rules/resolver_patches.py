"""The resolver patched or switched so that every caller gets one family."""

import ast
from collections.abc import Iterator

from dualstack.check.findings.finding import Remark
from dualstack.check.python.rule import IPV4, Rule, at, calls, identifier, knows_ipv6
from dualstack.check.python.values import Values

__all__ = ["RULES", "is_patch"]


_PATCHED = (
    "socket.getaddrinfo",
    "socket.has_ipv6",
    "connection.HAS_IPV6",
    "allowed_gai_family",
    "urllib3_cn.HAS_IPV6",
    "util.HAS_IPV6",
)


def _patches(values: Values) -> Iterator[tuple[ast.AST, str, str, ast.expr]]:
    """What is put in another's place: where, its dotted name, its last word, the new value."""
    for assign in values.module.all(ast.Assign):
        for target in assign.targets:
            if isinstance(target, ast.Attribute):
                yield assign, values.name(target), target.attr, assign.value
    for call in calls(values, "setattr", "object"):
        if len(call.args) > 2:
            word = values.text(call.args[1]) or ""
            yield call, f"{values.name(call.args[0])}.{word}", word, call.args[2]
    for call in calls(values, "patch", "setattr"):
        name = values.text(call.args[0]) if call.args else None
        value = values.argument(call, 1, "new", "side_effect")
        if name is not None and value is not None:
            yield call, name, name.rpartition(".")[2], value


def _patched(values: Values) -> Iterator[Remark]:
    for node, name, attribute, value in _patches(values):
        if _is_narrowed(values, name, attribute, value):
            yield at("resolver-patched", node, name.lstrip("?.") if "." in name else attribute)


def _is_narrowed(values: Values, name: str, attribute: str, value: ast.expr) -> bool:
    if not name.endswith(_PATCHED):
        return False
    if attribute.lower() == "has_ipv6":
        return values.constant(value) is False
    replaced = _replacement(values, value)
    words = values.module.words(replaced or value)
    return bool(words & {*IPV4, "gethostbyname", "gethostbyname_ex"}) and not knows_ipv6(words)


def _replacement(values: Values, value: ast.expr) -> ast.AST | None:
    """The function of this file that takes the resolver's place."""
    called = value.func if isinstance(value, ast.Call) else value
    word = identifier(called)
    for function in values.module.functions:
        if function.name == word:
            return function
    return next((each for each in values.origins(value) if isinstance(each, ast.Lambda)), None)


def is_patch(values: Values, node: ast.AST) -> bool:
    """Whether a call stands in a function that takes the resolver's place: that is said where it does."""
    around = {node, *values.module.above(node)}
    return any(
        name.endswith(_PATCHED) and (value in around or _replacement(values, value) in around)
        for _, name, _, value in _patches(values)
    )


RULES: tuple[Rule, ...] = (_patched,)
