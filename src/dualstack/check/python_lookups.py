"""Names asked for one family: the old lookups, hints, the first answer alone, a patched resolver, A without AAAA."""

# dualstack: ignore-file the words that are looked for stand here

import ast
from collections.abc import Iterator

from dualstack.check.finding import Remark
from dualstack.check.literals import is_ipv4_target
from dualstack.check.namings import vocabulary
from dualstack.check.python_rule import Rule, at, calls, identifier, knows_ipv6, references, written
from dualstack.check.python_sockets import IPV4
from dualstack.check.python_values import Values

__all__ = ["RULES", "is_patch"]

_OWN_NAMES = ("socket.gethostname()", "socket.getfqdn()", "platform.node()", "os.uname()", "platform.uname()")
_OLD = ("gethostbyname", "gethostbyname_ex", "getHostByName")


def _old_lookups(values: Values) -> Iterator[Remark]:
    """gethostbyname() wherever it is named: called, or handed to an executor."""
    for node in references(values, *_OLD):
        if _is_part(values, node) or _is_kept(values, node):
            continue
        call = values.module.parents.get(node)
        is_called = isinstance(call, ast.Call) and call.func is node
        if not _is_old(values, node, call if is_called and isinstance(call, ast.Call) else None):
            continue
        if isinstance(call, ast.Call) and _is_own(values, call):
            yield at("own-address-ipv4", node, f"{values.last(node)}() of the host's own name")
        else:
            yield at("resolve-ipv4-only", node, f"{values.last(node)}()")


def _is_kept(values: Values, node: ast.expr) -> bool:
    """Whether the function is kept to be put back: `_original_gethostbyname = socket.gethostbyname`."""
    parent = values.module.parents.get(node)
    return isinstance(parent, ast.Assign) and "orig" in identifier(parent.targets[0]).lower()


def _is_part(values: Values, node: ast.expr) -> bool:
    parent = values.module.parents.get(node)
    return isinstance(parent, ast.Attribute) or (
        isinstance(node, ast.Name) and node.id not in _OLD and not isinstance(parent, ast.Call)
    )


def _is_old(values: Values, node: ast.expr, call: ast.Call | None) -> bool:
    name = values.name(node)
    if name.endswith(("socket.gethostbyname", "socket.gethostbyname_ex", "getHostByName")):
        return True
    return call is not None and any(values.is_family(each, *IPV4) for each in call.args)


def _is_own(values: Values, call: ast.Call) -> bool:
    given = call.args[:1] if values.last(call.func) in _OLD else call.args
    return any(values.name(origin) in _OWN_NAMES for each in given for origin in values.origins(each)) or any(
        isinstance(origin, ast.Subscript | ast.Attribute) and values.name(origin.value) in _OWN_NAMES
        for each in given
        for origin in values.origins(each)
    )


def _switched_lookups(values: Values) -> Iterator[Remark]:
    """gethostbyname2(AF_INET) by its Python names, and twisted's `reactor.resolve()`."""
    for call in calls(values, "resolve"):
        if values.name(call.func).endswith("reactor.resolve") and "IPv6" not in "".join(values.module.all_words):
            yield at("resolve-ipv4-only", call, "reactor.resolve()")


def _hints(values: Values) -> Iterator[Remark]:
    if values.module.all_words.isdisjoint(IPV4):
        return
    for call in values.module.all(ast.Call):
        family = _asked_family(values, call)
        if family is None or not values.is_family(family, *IPV4) or knows_ipv6(values.module.near(call)):
            continue
        if not is_patch(values, call):
            yield at("resolve-hint-ipv4", call, "getaddrinfo() for AF_INET")
    for compare in values.module.all(ast.Compare):
        words = values.module.near(compare)
        is_ipv4 = any(values.is_family(each, *IPV4) for each in (compare.left, *compare.comparators))
        if is_ipv4 and "getaddrinfo" in words and not knows_ipv6(words):
            yield at("resolve-hint-ipv4", compare, "answers of AF_INET alone")


def _asked_family(values: Values, call: ast.Call) -> ast.expr | None:
    """The family that a lookup is told."""
    last = values.last(call.func)
    if last == "getaddrinfo":
        return values.argument(call, 2, "family")
    if last in {"resolve", "gethostbyname", "lookup", "resolve_host"}:
        keyword = next((each.value for each in call.keywords if each.arg == "family"), None)
        return keyword or next((each for each in call.args if values.is_family(each, *IPV4)), None)
    for each in call.args:
        if values.last(each) == "getaddrinfo" and not isinstance(each, ast.Call):
            return next((one for one in call.args if values.is_family(one, *IPV4)), None)
    return None


_FIRSTS = {"next", "pop"}


def _first_alone(values: Values) -> Iterator[Remark]:
    for node in values.module.all(ast.Subscript):
        call = _answers(values, node.value) if values.constant(node.slice) == 0 else None
        if call is not None and not _is_walked(values, node.value, call) and not _is_canonical(values, node):
            yield at("resolve-first-only", node, "getaddrinfo()[0]")
    for call in values.module.all(ast.Call):
        if isinstance(call.func, ast.Name) and call.func.id == "next" and call.args:
            inner = call.args[0]
            found = (
                inner.args[0]
                if isinstance(inner, ast.Call) and identifier(inner.func) == "iter" and inner.args
                else None
            )
            if found is not None and (asked := _answers(values, found)) is not None and not _is_numeric(values, asked):
                yield at("resolve-first-only", call, "next(iter(getaddrinfo()))")
        elif (
            (
                isinstance(call.func, ast.Attribute)
                and call.func.attr == "pop"
                and values.constant(next(iter(call.args), None)) == 0
            )
            and _answers(values, call.func.value) is not None
            and not _is_looped(values, call)
        ):
            yield at("resolve-first-only", call, "getaddrinfo().pop(0)")
    yield from _first_unpacked(values)


def _is_canonical(values: Values, node: ast.AST) -> bool:
    """Whether the canonical name is what is taken: it stands in the first answer alone."""
    parent = values.module.parents.get(node)
    return isinstance(parent, ast.Subscript) and values.constant(parent.slice) == 3


def _first_unpacked(values: Values) -> Iterator[Remark]:
    for assign in values.module.all(ast.Assign):
        target = assign.targets[0]
        if not isinstance(target, ast.Tuple | ast.List) or _answers(values, assign.value) is None:
            continue
        if len(target.elts) == 2 and isinstance(target.elts[1], ast.Starred):
            yield at("resolve-first-only", assign, "the first answer")
    for loop in values.module.all(ast.For):
        is_left = isinstance(loop.body[-1], ast.Break | ast.Return)
        is_choosing = any(isinstance(each, ast.Try | ast.If | ast.Continue) for each in loop.body)
        if is_left and not is_choosing and _answers(values, loop.iter) is not None:
            yield at("resolve-first-only", loop, "the first answer")


def _answers(values: Values, node: ast.expr) -> ast.Call | None:
    """The getaddrinfo() that a list comes from."""
    for origin in values.origins(node):
        plain = origin.value if isinstance(origin, ast.Await) else origin
        if isinstance(plain, ast.Call) and values.last(plain.func) == "list" and plain.args:
            plain = next(values.origins(plain.args[0]), plain)
        if not isinstance(plain, ast.Call):
            continue
        is_handed = any(values.last(each) == "getaddrinfo" and not isinstance(each, ast.Call) for each in plain.args)
        if values.last(plain.func) == "getaddrinfo" or is_handed:
            return plain
    return None


def _is_walked(values: Values, node: ast.expr, call: ast.Call) -> bool:
    """Whether the list is gone through as well, or has one entry by nature."""
    if _is_numeric(values, call):
        return True
    name = node.id if isinstance(node, ast.Name) else None
    function = values.module.function(node)
    if name is None or function is None:
        return False
    loops = [each for each in ast.walk(function) if isinstance(each, ast.For | ast.AsyncFor | ast.comprehension)]
    return any(isinstance(one, ast.Name) and one.id == name for loop in loops for one in ast.walk(loop.iter))


def _is_numeric(values: Values, call: ast.Call) -> bool:
    given = [*call.args, *(each.value for each in call.keywords)]
    words = frozenset().union(*(values.module.words(origin) for each in given for origin in values.origins(each)))
    host = values.text(values.argument(call, 0, "host"))
    return "AI_NUMERICHOST" in words or (
        host is not None and (is_ipv4_target(host) or host.startswith("127.") or ":" in host)
    )


def _is_looped(values: Values, node: ast.AST) -> bool:
    return any(isinstance(each, ast.While | ast.For) for each in values.module.above(node))


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


_ASKING = vocabulary(
    "resolve query lookup make_query resolver_query question dig get_records resolve_name resolve_at "
    "query_dns DNSQuestion Question DNSQR lookup_records getRecords search dnsquery async_query "
    "fetch_records resolve_async"
)
_TYPE_WORDS = frozenset(
    {"rdtype", "qtype", "type", "record_type", "rtype", "rrtype", "query_type", "rd_type", "recordtype", "type_"}
)


def _a_only(values: Values) -> Iterator[Remark]:
    text = "\n".join(values.module.all_words)
    if "AAAA" in text or "lookupIPV6Address" in text or "ANY" in values.module.all_words:
        return
    for call in values.module.all(ast.Call):
        if _asks_a(values, call):
            yield at("dns-a-only", call, f"{values.last(call.func)}() for A")
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
    is_asking = last in _ASKING or is_named or "dns" in name.lower()
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
    return (
        is_ipv4_target(text)
        or text in {"255.255.255.255", "<broadcast>"}
        or (text.replace(".", "").isdigit() and text.count(".") == 3)
    )


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
    _old_lookups,
    _switched_lookups,
    _hints,
    _first_alone,
    _patched,
    _a_only,
    _reversed,
    _own_addresses,
    _interfaces,
)
