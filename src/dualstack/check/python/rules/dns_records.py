"""DNS asked for A without AAAA, and names under in-addr.arpa without those under ip6.arpa."""

import ast
import re
from collections.abc import Iterator

from dualstack.check.findings.finding import Remark
from dualstack.check.python.rule import Rule, at, calls, knows_ipv6, written
from dualstack.check.python.values import Values
from dualstack.check.words.namings import vocabulary

__all__ = ["RULES"]


_ASKING = vocabulary(
    "resolve query lookup make_query resolver_query question dig get_records resolve_name resolve_at "
    "query_dns DNSQuestion Question DNSQR lookup_records getRecords search dnsquery async_query "
    "fetch_records resolve_async"
)

_TYPE_WORDS = frozenset(
    {"rdtype", "qtype", "type", "record_type", "rtype", "rrtype", "query_type", "rd_type", "recordtype", "type_"}
)


_TOLD = re.compile(r"^(?:A|\w*TYPE_A|lookupAddress)$|resolver|\bIN\s+A\s", re.MULTILINE)
_ZONE_LINE = re.compile(r"\bIN\s+A\s+(?:\0|%s|\{|$)")


def _a_only(values: Values) -> Iterator[Remark]:
    text = values.module.word_text
    if _TOLD.search(text) is None or "AAAA" in text or "lookupIPV6Address" in text or "ANY" in values.module.all_words:
        return
    for call in values.module.all(ast.Call):
        if _asks_a(values, call):
            yield at("dns-a-only", call, f"{values.last(call.func)}() for A")
    for node, line in written(values):
        if _ZONE_LINE.search(line):
            yield at("dns-a-only", node, "IN A")
    for table in values.module.all(ast.Dict):
        for key, value in zip(table.keys, table.values, strict=True):
            word = values.text(key) if key is not None else None
            if word is not None and word.lower() in _TYPE_WORDS and values.text(value) == "A":
                yield at("dns-a-only", value, "a record of type A")


def _asks_a(values: Values, call: ast.Call) -> bool:
    last, name = values.last(call.func), values.name(call.func)
    if last == "lookupAddress" or name.endswith(("QUERY_TYPE_A",)):
        return True
    given = [*call.args, *(each.value for each in call.keywords if each.arg in _TYPE_WORDS)]
    is_named = any(each.arg in {"rdtype", "qtype", "record_type", "rrtype"} for each in call.keywords)
    is_added = re.search(r"record|rrset", last) and any(each.arg == "type" for each in call.keywords)
    is_asking = last in _ASKING or is_named or is_added or "dns" in name.lower()
    if is_asking and any(_is_a(values, each) for each in given):
        return True
    is_bare = len(call.args) == 1 and not any(each.arg in {"rdtype", "search_type"} for each in call.keywords)
    return is_bare and name.startswith(("dns.resolver.", "dns.asyncresolver.")) and last in {"resolve", "query"}


def _is_a(values: Values, node: ast.expr) -> bool:
    if values.text(node) == "A":
        return True
    name = values.name(node)
    return name.endswith(
        (
            ".QUERY_TYPE_A",
            "rdatatype.A",
            "QTYPE.A",
            "RdataType.A",
            "RecordType.A",
            "DNS_TYPE_A",
            "dns.A",
            "RRType.A",
            "Type.A",
        )
    )


def _reversed(values: Values) -> Iterator[Remark]:
    """Names under in-addr.arpa, and four labels turned round for a block list."""
    text = values.module.word_text.lower()
    if "ip6.arpa" in text or "reverse_pointer" in text:
        return
    for node, name in written(values) if "in-addr.arpa" in text else ():
        if "in-addr.arpa" in name.lower() and " " not in name.strip():
            yield at("reverse-in-addr-arpa", node, "in-addr.arpa")
    source = values.module.text
    is_turning = "reversed(" in source or "[::-1]" in source or ".reverse(" in source
    for call in calls(values, "join") if is_turning else ():
        words = values.module.near(call)
        is_dotted = isinstance(call.func, ast.Attribute) and values.text(call.func.value) == "."
        if (
            is_dotted
            and call.args
            and _is_turned(values, call.args[0])
            and not knows_ipv6(words)
            and "nibble" not in words
        ):
            yield at("reverse-in-addr-arpa", call, "labels turned round")


def _is_turned(values: Values, node: ast.expr) -> bool:
    for origin in values.origins(node):
        text = ast.unparse(origin)
        is_cut = any("split('.')" in ast.unparse(one) for one in _inner(values, origin))
        if is_cut and ("reversed(" in text or "[::-1]" in text):
            return True
        if isinstance(node, ast.Name) and f"{node.id}.reverse" in ast.unparse(
            values.module.function(node) or values.module.tree
        ):
            return is_cut
    return False


def _inner(values: Values, node: ast.expr) -> Iterator[ast.expr]:
    yield node
    for each in ast.walk(node):
        if isinstance(each, ast.Name):
            yield from values.origins(each)


RULES: tuple[Rule, ...] = (
    _a_only,
    _reversed,
)
