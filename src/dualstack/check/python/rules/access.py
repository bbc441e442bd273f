"""Access rules that mapped addresses walk around."""

import ast
import re
from collections.abc import Iterator

from dualstack.check.findings.finding import Remark
from dualstack.check.python.rule import Rule, at, identifier
from dualstack.check.python.values import Values
from dualstack.check.words.namings import vocabulary, words_of

__all__ = ["RULES"]


_RULE_WORDS = vocabulary(
    "allow allowed allowlist whitelist whitelisted deny denied denylist blacklist blocklist blocked "
    "banned trusted acl rules senders networks permitted nets ranges"
)


def _mapped(values: Values) -> Iterator[Remark]:
    """Peers of a dual socket that are looked for in rules, unmapped nowhere."""
    words = values.module.all_words
    is_dual = bool(words & {"IPV6_V6ONLY", "dualstack_ipv6", "has_dualstack_ipv6"}) or (
        "AF_INET6" in words and "::" in words
    )
    if not (is_dual or "::" in words) or any(
        "ipv4_mapped" in word or "::ffff" in word.lower() or word == "unmap" for word in words
    ):
        return
    for compare in values.module.all(ast.Compare):
        if (
            isinstance(compare.ops[0], ast.In | ast.NotIn)
            and _is_peers_address(values, compare.left)
            and _is_rules(values, compare)
        ):
            yield at("mapped-bypass", compare, ast.unparse(compare))


def _is_peers_address(values: Values, node: ast.expr) -> bool:
    for origin in values.origins(node):
        text = ast.unparse(origin)
        if isinstance(origin, ast.Call) and identifier(origin.func) in {"ip_address", "IPAddress", "IPv4Address"}:
            return True
        if isinstance(origin, ast.Subscript) and re.search(
            r"client_address|peer|addr|getpeername|get_extra_info", text
        ):
            return True
        if words_of(identifier(origin)) & {"peer", "ip", "addr", "address", "client", "remote", "host", "caller"}:
            return True
    return False


def _is_rules(values: Values, compare: ast.Compare) -> bool:
    right = compare.comparators[0]
    name = words_of(identifier(right))
    if name & (_RULE_WORDS | {"network", "net", "subnet", "cidr"}):
        return True
    loops = [loop.iter for loop in values.module.loops if identifier(loop.target) == identifier(right)]
    if any(words_of(identifier(each)) & _RULE_WORDS for each in loops):
        return True
    return any(isinstance(each, ast.Call) and identifier(each.func) == "ip_network" for each in values.origins(right))


RULES: tuple[Rule, ...] = (_mapped,)
