"""The host's own addresses, and those of its interfaces, found in a way that knows IPv4 alone."""

import ast
from collections.abc import Iterator

from dualstack.check.findings.finding import Remark
from dualstack.check.python.rule import IPV4, Rule, at, calls, identifier, knows_ipv6, references
from dualstack.check.python.values import Values
from dualstack.check.words.literals import is_ipv4_target, is_quad

__all__ = ["RULES"]


_REQUESTS = {0x8915: "own-address-ipv4", 0x891B: "own-address-ipv4", 0x8912: "ifaddr-ipv4", 0x8919: "own-address-ipv4"}

_NAMED = {"SIOCGIFADDR": 0x8915, "SIOCGIFNETMASK": 0x891B, "SIOCGIFCONF": 0x8912, "SIOCGIFBRDADDR": 0x8919}


def _own_addresses(values: Values) -> Iterator[Remark]:
    for call in calls(values, "ioctl"):
        request = call.args[1] if len(call.args) > 1 else None
        number = values.constant(request)
        code = number if isinstance(number, int) else _NAMED.get(values.last(request), 0)
        if code in _REQUESTS:
            yield at(_REQUESTS[code], call, "ioctl()")
    for call in calls(values, "connect"):
        address = next(values.origins(call.args[0]), None) if call.args else None
        host = address.elts[0] if isinstance(address, ast.Tuple) and address.elts else None
        words = values.module.near(call)
        is_literal = any(_is_any_literal(text) for text in values.texts(host))
        if is_literal and "getsockname" in words and "SOCK_DGRAM" in words and not knows_ipv6(words):
            yield at("own-address-ipv4", call, "connect() to an IPv4 address for getsockname()")


def _is_any_literal(text: str) -> bool:
    return is_quad(text) or text == "<broadcast>" or is_ipv4_target(text)


_LISTERS = {"net_if_addrs", "ifaddresses", "get_addr", "getifaddrs", "get_adapters", "netifaces"}


def _interfaces(values: Values) -> Iterator[Remark]:
    words = values.module.all_words
    if not words & _LISTERS:
        return
    named = [node for node in values.module.all(ast.Constant) if node.value in IPV4 and _is_name_compared(values, node)]
    for node in (*references(values, *IPV4), *named):
        here = values.module.room(node) | values.module.near(node)
        if not knows_ipv6(here) and not _is_of_socket(values, node) and "getaddrinfo" not in values.module.near(node):
            yield at("ifaddr-ipv4", node, "AF_INET alone")
    for attribute in values.module.all(ast.Attribute):
        if attribute.attr == "is_IPv4" and "is_IPv6" not in words:
            yield at("ifaddr-ipv4", attribute, "is_IPv4")


def _is_name_compared(values: Values, node: ast.AST) -> bool:
    """`address.family.name == "AF_INET"`"""
    compare = values.module.parents.get(node)
    return isinstance(compare, ast.Compare) and identifier(compare.left) in {"name", "family"}


def _is_of_socket(values: Values, node: ast.expr) -> bool:
    parent = values.module.parents.get(node)
    return isinstance(parent, ast.Call) and values.last(parent.func) in {"socket", "inet_ntop", "inet_pton"}


RULES: tuple[Rule, ...] = (
    _own_addresses,
    _interfaces,
)
