"""Addresses converted, or typed, for IPv4 alone: inet_aton(), inet_pton(AF_INET), IPv4Address."""

import ast
import re
from collections.abc import Iterator

from dualstack.check.findings.finding import Remark
from dualstack.check.python.rule import IPV4, Rule, at, calls, identifier, knows_ipv6, references
from dualstack.check.python.rules.numbers import is_membership
from dualstack.check.python.values import Values
from dualstack.check.words.namings import vocabulary

__all__ = ["RULES"]


_OLD = frozenset({"inet_aton", "inet_ntoa"})

_V4_TYPES = frozenset({"IPv4Address", "IPv4Network", "IPv4Interface"})

_HASHES = vocabulary("crc32 adler32 md5 sha1 sha256 hash fnv1a murmur mmh3 xxh32 blake2b siphash jhash")


def _old_conversions(values: Values) -> Iterator[Remark]:
    for node in references(values, *_OLD):
        word = values.last(node)
        if isinstance(values.module.parents.get(node), ast.Attribute):
            continue
        if isinstance(node, ast.Name) and not values.name(node).startswith(("socket", "?")) and node.id not in _OLD:
            continue
        call = values.module.parents.get(node)
        if (
            isinstance(node, ast.Name)
            and node.id not in _OLD
            and not (isinstance(call, ast.Call) and call.func is node)
        ):
            continue
        if _is_of_library(values, node):
            continue
        if values.name(node).endswith("func.inet_aton"):
            yield at("addr-int32", node, "inet_aton() of the database")
        elif not _is_for_both(values, node) and not is_membership(values, node):
            yield _conversion(values, node, word)


def _is_of_library(values: Values, node: ast.expr) -> bool:
    """Whether another module's function has the name, as dnspython's `dns.ipv6.inet_aton` has, or this file's own."""
    name = values.name(node)
    is_own = any(function.name == name for function in values.module.functions)
    base = name.rpartition(".")[0]
    return is_own or (
        base in {each for each in values.module.imports.values() if "socket" not in each}
        if "." not in base
        else base.startswith("dns.")
    )


def _is_for_both(values: Values, node: ast.AST) -> bool:
    words = values.module.near(node)
    return bool(words & {"inet_pton", "inet_ntop", "AF_INET6", "IPv6Address"})


def _conversion(values: Values, node: ast.AST, word: str) -> Remark:
    """The remark on an old conversion: of a hash, a number, or itself."""
    for each in values.module.above(node):
        if isinstance(each, ast.Call) and values.last(each.func) in _HASHES:
            return at("hash-4-bytes", node, f"{values.last(each.func)}() of {word}()")
        if isinstance(each, ast.BinOp) and isinstance(each.op, ast.Mod | ast.BitXor):
            return at("hash-4-bytes", node, f"{word}()")
        if isinstance(each, ast.Call) and values.last(each.func) in {"unpack", "from_bytes", "unpack_from"}:
            kind = "hash-4-bytes" if _is_hashing(values, node) else "addr-int32"
            return at(kind, node, "an address as a number")
        if isinstance(each, ast.stmt):
            break
    if word == "inet_ntoa" and _is_from_number(values, node):
        return at("addr-int32", node, "an address from a number")
    return at("text-conv-ipv4", node, f"{word}()")


def _is_hashing(values: Values, node: ast.AST) -> bool:
    for each in values.module.above(node):
        if isinstance(each, ast.BinOp) and isinstance(each.op, ast.Mod | ast.BitXor):
            return True
    return False


def _is_from_number(values: Values, node: ast.AST) -> bool:
    call = values.module.parents.get(node)
    given = call.args if isinstance(call, ast.Call) else []
    inner = [origin for each in given for origin in values.origins(each)]
    return any(
        isinstance(each, ast.Call) and values.last(each.func) in {"pack", "to_bytes", "pack_into"} for each in inner
    )


def _presentation(values: Values) -> Iterator[Remark]:
    """inet_pton() and inet_ntop() with the family written down, where no call of the file has the other."""
    found = list(calls(values, "inet_pton", "inet_ntop", "partial"))
    families = [(call, _converted_family(values, call)) for call in found]
    if any(values.is_family(family, "AF_INET6", "PF_INET6") for _, family in families if family is not None):
        return
    for call, family in families:
        origin = next((each for each in values.origins(family) if values.last(each) in IPV4), None)
        if origin is not None and isinstance(values.module.parents.get(origin), ast.arguments):
            continue
        if family is not None and values.is_family(family, *IPV4) and not knows_ipv6(values.module.near(call)):
            yield at("pton-ipv4", call, "AF_INET written down")


def _converted_family(values: Values, call: ast.Call) -> ast.expr | None:
    if identifier(call.func) == "partial":
        is_conversion = call.args and values.last(call.args[0]) in {"inet_pton", "inet_ntop"}
        return call.args[1] if is_conversion and len(call.args) > 1 else None
    if any(
        isinstance(origin, ast.Call) and identifier(origin.func) == "partial" for origin in values.origins(call.func)
    ):
        return None
    return call.args[0] if call.args and values.last(call.func) != "partial" else None


def _types(values: Values) -> Iterator[Remark]:
    """Annotations, fields and calls that take IPv4's types where the file knows none of IPv6's."""
    words = values.module.all_words
    if words & {"IPv6Address", "IPv6Network", "IPv6Interface", "IPvAnyAddress"}:
        return
    for node in references(values, *_V4_TYPES):
        name = values.name(node)
        if (
            name.rpartition(".")[2] in _V4_TYPES
            and name.startswith(("ipaddress.", "?.", "pydantic"))
            and isinstance(node.ctx, ast.Load)
            and _is_type_use(values, node)
        ):
            yield at("ipaddress-v4-type", node, name.rpartition(".")[2])
    yield from _validators(values)


def _is_type_use(values: Values, node: ast.expr) -> bool:
    parent = values.module.parents.get(node)
    if isinstance(parent, ast.Attribute):
        return False
    if isinstance(parent, ast.Call) and parent.func is node:
        return not (parent.args and (values.text(parent.args[0]) or "").replace(".", "").replace("/", "").isdigit())
    for each in values.module.above(node):
        if isinstance(each, ast.Call) and identifier(each.func) in {"isinstance", "issubclass", "cast"}:
            return False
        if isinstance(each, ast.ExceptHandler | ast.ClassDef) and node in getattr(each, "bases", [node]):
            return False
        if isinstance(each, ast.stmt):
            break
    return True


_ONLY = (".valid_ipv4", "validators.ipv4", "fields.IPv4", "validate_ipv4_address", "is_valid_ipv4")


def _validators(values: Values) -> Iterator[Remark]:
    words = values.module.all_words
    is_both = any(re.search(r"ipv6|ipv46|inet6|both", word, re.IGNORECASE) for word in words)
    for call in values.module.all(ast.Call):
        for keyword in call.keywords:
            if keyword.arg == "protocol" and (values.text(keyword.value) or "").lower() == "ipv4":
                yield at("ipaddress-v4-type", call, 'protocol="IPv4"')
            if (
                keyword.arg == "version"
                and values.constant(keyword.value) == 4
                and identifier(call.func) in {"IPAddress", "IPNetwork"}
            ):
                yield at("ipaddress-v4-type", call, "version=4")
    for call in calls(values, "valid_ipv4", "ipv4", "IPv4", "validate_ipv4_address", "is_valid_ipv4", "IPAddress"):
        name = values.name(call.func)
        if not is_both and name.endswith(_ONLY):
            yield at("ipaddress-v4-type", call, name.rpartition(".")[2])
        if name.endswith(("validators.IPAddress", "wtforms.validators.IPAddress")) and not any(
            k.arg == "ipv6" for k in call.keywords
        ):
            yield at("ipaddress-v4-type", call, "IPAddress() of IPv4 alone")
    for node in references(values, "validate_ipv4_address"):
        if not is_both and not isinstance(values.module.parents.get(node), ast.Call):
            yield at("ipaddress-v4-type", node, "validate_ipv4_address")


RULES: tuple[Rule, ...] = (
    _old_conversions,
    _presentation,
    _types,
)
