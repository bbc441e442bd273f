"""Branches on the address family that know AF_INET alone."""

import ast
from collections.abc import Iterator

from dualstack.check.findings.finding import Remark
from dualstack.check.python.rule import IPV4, Rule, at, identifier, knows_ipv6
from dualstack.check.python.rules.resolver_patches import is_patch
from dualstack.check.python.values import Values

__all__ = ["RULES"]


def _has_other_branch(values: Values, compare: ast.Compare) -> bool:
    """Whether all other families have a branch of their own, which is more than a refusal."""
    parent = values.module.parents.get(compare)
    if not isinstance(parent, ast.If) or not parent.orelse:
        return isinstance(parent, ast.IfExp) and not isinstance(parent.orelse, ast.Constant)
    first = parent.orelse[0]
    is_refusal = isinstance(first, ast.Raise | ast.Pass | ast.Continue | ast.If) or (
        isinstance(first, ast.Return)
        and (first.value is None or (isinstance(first.value, ast.Constant) and not _is_number(first.value)))
    )
    return not is_refusal


def _sides(compare: ast.Compare) -> Iterator[ast.expr]:
    """What is compared, and of a tuple its members."""
    for side in (compare.left, *compare.comparators):
        yield from side.elts if isinstance(side, ast.Tuple | ast.List | ast.Set) else [side]


def _is_number(node: ast.Constant) -> bool:
    """Whether a constant is a value of its own: a size, a length."""
    return isinstance(node.value, int) and not isinstance(node.value, bool) and node.value > 1


def _is_ipv4s_own(values: Values, compare: ast.Compare) -> bool:
    """Whether what IPv4 alone has is set in the branch: a netmask in dotted quads, broadcast."""
    parent = next((each for each in values.module.above(compare) if isinstance(each, ast.If)), None)
    return parent is not None and any(
        "255." in word or "broadcast" in word.lower() for each in parent.body for word in values.module.words(each)
    )


def _switches(values: Values) -> Iterator[Remark]:
    for compare in values.module.all(ast.Compare):
        sides = tuple(_sides(compare))
        if not any(values.last(side) in IPV4 and not identifier(side).islower() for side in sides) or not isinstance(
            compare.ops[0], ast.Eq | ast.NotEq | ast.Is | ast.IsNot | ast.In | ast.NotIn
        ):
            continue
        if _has_other_branch(values, compare) or _is_ipv4s_own(values, compare):
            continue
        words = values.module.room(compare) | values.module.near(compare)
        if (
            not knows_ipv6(words)
            and not words & {"getaddrinfo", "net_if_addrs", "ifaddresses"}
            and not is_patch(values, compare)
            and not any("6" in word and len(word) < 30 for word in values.module.near(compare))
        ):
            yield at("switch-no-inet6", compare, "AF_INET alone")
    for case in values.module.all(ast.MatchValue):
        if values.last(case.value) in IPV4 and not knows_ipv6(values.module.near(case)):
            yield at("switch-no-inet6", case, "AF_INET alone")
    for table in values.module.all(ast.Dict):
        keys = [values.last(key) for key in table.keys]
        if (
            any(key in IPV4 for key in keys)
            and not {"AF_INET6", "PF_INET6"} & set(keys)
            and not knows_ipv6(values.module.near(table))
        ):
            first = next(key for key in table.keys if key is not None and values.last(key) in IPV4)
            yield at("switch-no-inet6", first, "AF_INET alone")


RULES: tuple[Rule, ...] = (_switches,)
