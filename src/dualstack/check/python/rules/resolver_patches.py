"""The resolver patched or switched so that every caller gets one family."""

import ast
from collections.abc import Iterator

from dualstack.check.findings.finding import Remark
from dualstack.check.python.rule import Rule, at, identifier, knows_ipv6
from dualstack.check.python.rules.sockets import IPV4
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


def _patched(values: Values) -> Iterator[Remark]:
    for assign in values.module.all(ast.Assign):
        for target in assign.targets:
            if isinstance(target, ast.Attribute) and _is_narrowed(
                values, values.name(target), target.attr, assign.value
            ):
                yield at("resolver-patched", assign, ast.unparse(target))
    for call in values.module.all(ast.Call):
        if values.last(call.func) in {"setattr", "patch", "object"} and len(call.args) > 2:
            owner, attribute, value = call.args[:3]
            word = values.text(attribute) or ""
            if _is_narrowed(values, f"{values.name(owner)}.{word}", word, value):
                yield at("resolver-patched", call, word)


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
    owner = values.module.function(node)
    for assign in values.module.all(ast.Assign):
        if any(isinstance(t, ast.Attribute) and values.name(t).endswith(_PATCHED) for t in assign.targets):
            lambdas = [each for each in values.module.above(node) if isinstance(each, ast.Lambda)]
            if assign.value in lambdas or (owner is not None and _replacement(values, assign.value) is owner):
                return True
    return False


RULES: tuple[Rule, ...] = (_patched,)
