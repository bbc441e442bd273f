"""Is it this host, is it that network: asked of an address's text."""

import ast
from collections.abc import Iterator

from dualstack.check.findings.finding import Remark
from dualstack.check.python.rule import Rule, at, calls, identifier, in_default
from dualstack.check.python.values import Values
from dualstack.check.words.literals import LOOPBACKS, has_ipv6, is_ipv4_prefix, is_ipv6_prefix, is_network_prefix
from dualstack.check.words.namings import is_address, is_host, is_version, words_of

__all__ = ["RULES"]


def _comparisons(values: Values) -> Iterator[Remark]:
    if "127.0.0." not in values.module.word_text and "localhost" not in values.module.word_text:
        return
    for compare in values.module.all(ast.Compare):
        if not isinstance(compare.ops[0], ast.Eq | ast.NotEq | ast.In | ast.NotIn) or _is_asserted(values, compare):
            continue
        found = _compared(values, compare)
        if found is not None and not _knows_loopback(values, compare):
            yield at("loopback-compare", *found)
    for case in values.module.all(ast.MatchValue):
        if values.text(case.value) == "127.0.0.1" and not _knows_loopback(values, case):
            yield at("loopback-compare", case, "127.0.0.1")
    for assign in values.module.all(ast.Assign):
        is_internal = any(identifier(each) == "INTERNAL_IPS" for each in assign.targets)
        texts = set(_members(values, assign.value))
        if is_internal and "127.0.0.1" in texts and "::1" not in texts:
            yield at("loopback-compare", assign, "INTERNAL_IPS")


def _compared(values: Values, compare: ast.Compare) -> tuple[ast.expr, str] | None:
    """The loopback address that a peer is compared with."""
    sides = (compare.left, compare.comparators[0])
    for side, other in (sides, sides[::-1]):
        found = _loopback_in(values, side)
        if found is None or not _is_peer(other, found):
            continue
        if found[1] != "localhost" or not _is_only_replaced(values, compare, other):
            return found
    return None


def _is_only_replaced(values: Values, compare: ast.Compare, other: ast.expr) -> bool:
    """Whether `localhost` is but replaced by its address, or told from addresses of both families."""
    parent = values.module.parents.get(compare)
    name = identifier(other)
    is_set = isinstance(parent, ast.If) and any(
        isinstance(each, ast.Assign) and any(identifier(target) == name for target in each.targets)
        for each in parent.body
    )
    return is_set or any("ipv6" in word.lower() and len(word) < 40 for word in values.module.near(compare))


def _is_asserted(values: Values, node: ast.AST) -> bool:
    return any(isinstance(each, ast.Assert) for each in values.module.above(node))


_LITERALS = (ast.Constant, ast.Tuple, ast.List, ast.Set, ast.Call, ast.Dict, ast.BinOp)


def _loopback_in(values: Values, side: ast.expr) -> tuple[ast.expr, str] | None:
    """The place and text of a loopback address on one side of a comparison, which knows no `::1`."""
    origins = list(values.origins(side))
    if any(not isinstance(each, _LITERALS) for each in origins):
        return None
    for origin in origins:
        if in_default(values, origin):
            continue
        plain = origin
        if (
            isinstance(origin, ast.Call)
            and identifier(origin.func)
            in {"ip_address", "IPv4Address", "frozenset", "set", "tuple", "ip_network", "IPv4Network"}
            and origin.args
        ):
            plain = next(values.origins(origin.args[0]), origin)
        texts = set(_members(values, plain))
        if texts & (LOOPBACKS | {"127.0.0.0/8"}) and "::1" not in texts and not any(has_ipv6(text) for text in texts):
            here = "127.0.0.1" if "127.0.0.1" in texts else min(texts & (LOOPBACKS | {"127.0.0.0/8"}))
            return plain, here
    return None


def _members(values: Values, node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        for each in node.elts:
            yield from _members(values, each)
    elif isinstance(node, ast.Dict):
        for key in node.keys:
            yield from values.texts(key)
    elif isinstance(node, ast.Call) and node.args and identifier(node.func) in {"frozenset", "set", "tuple", "list"}:
        yield from _members(values, node.args[0])
    elif isinstance(node, ast.BinOp):
        yield from _members(values, node.left)
        yield from _members(values, node.right)
    else:
        yield from values.texts(node)


def _is_peer(other: ast.expr, found: tuple[ast.expr, str]) -> bool:
    """Whether what is compared may be an address: `localhost` alone is compared with many a thing."""
    if found[1] != "localhost":
        return True
    name = identifier(other)
    words = words_of(name)
    is_peer = is_address(name) or not words.isdisjoint({"peer", "client", "remote", "caller", "sender", "source"})
    return is_peer or (is_host(name) and words.isdisjoint({"domain", "email", "cookie", "hostname", "host"}))


def _knows_loopback(values: Values, node: ast.AST) -> bool:
    words = values.module.near(node)
    return bool(words & {"is_loopback", "::1", "[::1]", "0:0:0:0:0:0:0:1", "IPV6_LOOPBACK"}) or any(
        "::1" in word and len(word) < 60 for word in words
    )


_KNOWN = frozenset({"10.", "127.", "192.168", "192.168.", "169.254.", "169.254", "192.", "172."})


def _prefixes(values: Values) -> Iterator[Remark]:
    for call in calls(values, "startswith"):
        if not call.args or not isinstance(call.func, ast.Attribute):
            continue
        name = identifier(call.func.value)
        for origin in _listed(values, call.args[0]):
            texts = [text for text in _members(values, origin) if is_ipv4_prefix(text) or is_ipv6_prefix(text)]
            if texts and not is_version(name) and _is_network(texts, name):
                yield at("prefix-text-match", origin, f"startswith({texts[0]!r})")
                break
    for compare in values.module.all(ast.Compare):
        yield from _sliced(values, compare)
    for call in calls(values, "match", "fnmatch", "search", "compile"):
        for text in values.texts(
            call.args[1] if values.last(call.func) == "fnmatch" and len(call.args) > 1 else next(iter(call.args), None)
        ):
            if _is_prefix_pattern(text):
                yield at("prefix-text-match", call, text)


def _listed(values: Values, node: ast.expr) -> Iterator[ast.expr]:
    """What an expression may be; of one of a list, the list."""
    loops = [loop for loop in values.module.loops if isinstance(node, ast.Name) and identifier(loop.target) == node.id]
    near = [loop.iter for loop in loops if values.module.scope(loop.iter) is values.module.scope(node)]
    for each in near or [node]:
        yield from values.origins(each)


def _is_prefix_pattern(text: str) -> bool:
    """Whether a regular expression, or a shell's, is for the beginning of a known network's addresses."""
    plain = text.replace("\\.", ".").lstrip("^(?:")
    is_known = is_network_prefix(plain) and not is_ipv6_prefix(plain) and not plain[-1:].isdigit()
    return is_known and text.startswith(("^", "(", "1")) and ("|" in text or text[0] == "^" or text.endswith("*"))


def _is_network(texts: list[str], name: str) -> bool:
    """Whether such beginnings are networks': two octets, several networks, or a name that says so."""
    is_telling = any(text.rstrip(".").count(".") or text == "127." for text in texts) or len(texts) > 1
    return (
        (
            is_telling
            and any(text in _KNOWN or text.count(".") > 1 or ":" in text or text.startswith("172.") for text in texts)
        )
        or is_address(name)
        or is_host(name)
    )


def _sliced(values: Values, compare: ast.Compare) -> Iterator[Remark]:
    """`ip[:3] == "10."`"""
    left = compare.left
    if (
        isinstance(left, ast.Subscript)
        and isinstance(left.slice, ast.Slice)
        and isinstance(compare.ops[0], ast.Eq | ast.NotEq | ast.In)
    ):
        texts = [text for text in _members(values, compare.comparators[0]) if is_ipv4_prefix(text)]
        if texts and not is_version(identifier(left)) and (is_host(identifier(left)) or set(texts) & _KNOWN):
            yield at("prefix-text-match", compare, texts[0])


RULES: tuple[Rule, ...] = (
    _comparisons,
    _prefixes,
)
