"""Addresses written into the code: the wildcard as a default, a service by its IPv4 address, comparisons with them."""

# dualstack: ignore-file the words that are looked for stand here

import ast
from collections.abc import Iterator

from dualstack.check.finding import Remark
from dualstack.check.literals import has_ipv6, is_ipv4_prefix, is_ipv4_target, is_ipv4_wildcard
from dualstack.check.namings import is_address, is_host, is_version, vocabulary, words_of
from dualstack.check.python_rule import Rule, at, calls, identifier, references, written
from dualstack.check.python_values import Values

__all__ = ["RULES", "owner_name"]

_NOT_BOUND = vocabulary(
    "mask netmask route router gateway network subnet dest dst destination version placeholder unknown"
)
_NEAR = 2


def owner_name(values: Values, node: ast.AST) -> str:  # noqa: PLR0911 - a table, as cases
    """What a constant is called: its variable, keyword, key or parameter, from the inside out."""
    below = node
    for each in values.module.above(node):
        match each:
            case ast.Assign(targets=[target, *_]) | ast.AnnAssign(target=target) | ast.NamedExpr(target=target):
                return identifier(target)
            case ast.keyword(arg=str(word)):
                return word
            case ast.Dict(keys=keys, values=entries) if below in entries:
                key = keys[entries.index(below)]
                return identifier(key)
            case ast.arguments():
                return _parameter(each, below)
            case ast.Call(func=function) if below is not function:
                return identifier(function)
            case ast.stmt():
                return ""
        below = each
    return ""


def _parameter(arguments: ast.arguments, default: ast.AST) -> str:
    plain = [*arguments.posonlyargs, *arguments.args]
    defaults = arguments.defaults
    for name, value in zip(plain[len(plain) - len(defaults) :], defaults, strict=True):
        if value is default:
            return name.arg
    for name, kw_value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if kw_value is default:
            return name.arg
    return ""


def _is_compared(values: Values, node: ast.AST) -> bool:
    """Whether a constant is looked for: compared, matched, a key, removed or replaced."""
    below = node
    for each in values.module.above(node):
        if isinstance(each, ast.Compare | ast.Assert | ast.MatchValue | ast.Delete):
            return True
        if isinstance(each, ast.Dict) and below in each.keys:
            return True
        if isinstance(each, ast.Subscript) and below is each.slice:
            return True
        if isinstance(each, ast.Call) and identifier(each.func) in {
            "replace",
            "startswith",
            "remove",
            "index",
            "count",
            "endswith",
            "ip_network",
            "IPv4Network",
            "strip",
        }:
            return True
        if isinstance(each, ast.stmt):
            return False
        below = each
    return False


def _is_compared_by_name(values: Values, node: ast.AST) -> bool:
    """Whether the constant's name is compared wherever it is used, and never handed on."""
    statement = values.module.statement(node)
    if not isinstance(statement, ast.Assign) or not isinstance(statement.targets[0], ast.Name):
        return False
    name = statement.targets[0].id
    used = [each for each in values.module.all(ast.Name) if each.id == name and isinstance(each.ctx, ast.Load)]
    return bool(used) and all(_is_compared(values, each) for each in used)


def _has_other_beside(values: Values, node: ast.expr) -> bool:
    """Whether an IPv6 address stands in the same function, the same statement, or within two lines of a table."""
    function = values.module.function(node)
    known = values.module.words(function) if function is not None and not _in_default(values, node) else ()
    if any(has_ipv6(word) or word in {"::", "in6addr_any"} for word in known):
        return True
    statement = values.module.statement(node)
    where = (
        [statement]
        if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        else [statement.args]
        if not isinstance(statement, ast.ClassDef)
        else []
    )
    if any(has_ipv6(word) or word.startswith(("::", "[::")) for each in where for word in values.module.words(each)):
        return True
    return any(
        (has_ipv6(text) or text == "::") and abs(one.lineno - node.lineno) <= _NEAR
        for one in values.module.all(ast.Constant)
        if isinstance(text := one.value, str) and one not in values.module.docstrings
    )


def _in_default(values: Values, node: ast.AST) -> bool:
    return any(isinstance(each, ast.arguments) for each in values.module.above(node))


def _wildcards(values: Values) -> Iterator[Remark]:
    texts = written(values) if "0.0.0.0" in values.module.word_text else ()
    for node, text in texts:
        if not is_ipv4_wildcard(text) or _is_compared(values, node) or _is_compared_by_name(values, node):
            continue
        name = owner_name(values, node)
        if (
            not words_of(name) & _NOT_BOUND
            and not is_version(name)
            and not _has_other_beside(values, node)
            and not _is_member(values, node)
        ):
            yield at("bind-wildcard-ipv4", node, text.replace("\0", "..."))
    for node in references(values, "INADDR_ANY"):
        if (not _is_compared(values, node) and not _is_member(values, node)) and not any(
            isinstance(each, ast.Import | ast.ImportFrom) for each in values.module.above(node)
        ):
            yield at("bind-wildcard-ipv4", node, "INADDR_ANY")


def _is_member(values: Values, node: ast.AST) -> bool:
    """Whether it is the interface of a group's membership."""
    for each in values.module.above(node):
        if isinstance(each, ast.Call) and identifier(each.func) in {"pack", "inet_aton", "setsockopt"}:
            return True
        if isinstance(each, ast.stmt):
            break
    return False


_SERVICES = vocabulary(
    "server servers host hosts dns resolver resolvers nameserver nameservers target ntp endpoint url uri "
    "peer broker upstream proxy addr address ip remote gateway api base collector master controller "
    "device ping probe check connect connection seed seeds nodes backend sendto to relay syslog dest "
    "destination default lookup stun tracker fallback public dsn bootstrap log logs metrics statsd "
    "graphite forwarder forwarders time db database redis mysql mongo amqp mqtt router"
)


def _targets(values: Values) -> Iterator[Remark]:
    seen: set[tuple[int, str]] = set()
    for node, text in written(values):
        if not is_ipv4_target(text) or _is_compared(values, node) or _is_compared_by_name(values, node):
            continue
        name = owner_name(values, node)
        if is_version(name) or not (_is_needed(values, node, name) or "://" in text or ":" in text):
            continue
        key = (values.module.statement(node).lineno, name)  # type: ignore[attr-defined]
        if key in seen or _has_other_beside(values, node) or _is_example(values, node) or _is_probing(values, node):
            continue
        seen.add(key)
        yield at("target-literal-ipv4", node, text.replace("\0", "..."))


def _is_needed(values: Values, node: ast.AST, name: str) -> bool:
    if words_of(name) & _SERVICES:
        return True
    parent = values.module.parents.get(node)
    if isinstance(parent, ast.Tuple) and len(parent.elts) == 2 and isinstance(values.constant(parent.elts[1]), int):
        return True
    statement = values.module.statement(node)
    targets = list(statement.targets) if isinstance(statement, ast.Assign) else []
    return any(
        bool(words_of(identifier(each)) & _SERVICES)
        for t in targets
        for each in ([t] if not isinstance(t, ast.Tuple) else t.elts)
    )


def _is_example(values: Values, node: ast.AST) -> bool:
    """Whether the text helps people: `help=`, `placeholder=`, an example."""
    return bool(
        words_of(owner_name(values, node))
        & {"help", "placeholder", "example", "examples", "description", "doc", "title", "label", "test"}
    )


def _is_probing(values: Values, node: ast.AST) -> bool:
    """Whether the address is there for getsockname() alone: that is said as such."""
    words = values.module.near(node)
    return "getsockname" in words and "SOCK_DGRAM" in words and "connect" in words


_HERE = frozenset({"127.0.0.1", "localhost"})


def _comparisons(values: Values) -> Iterator[Remark]:
    if "127.0.0." not in values.module.word_text and "localhost" not in values.module.word_text:
        return
    for compare in values.module.all(ast.Compare):
        if not isinstance(compare.ops[0], ast.Eq | ast.NotEq | ast.In | ast.NotIn) or _is_asserted(values, compare):
            continue
        sides = (compare.left, compare.comparators[0])
        for side, other in (sides, sides[::-1]):
            found = _loopback_in(values, side)
            if found is not None and _is_peer(other, found) and not _knows_loopback(values, compare):
                where, text = found
                yield at("loopback-compare", where, text)
                break
    for case in values.module.all(ast.MatchValue):
        if values.text(case.value) == "127.0.0.1" and not _knows_loopback(values, case):
            yield at("loopback-compare", case, "127.0.0.1")
    for assign in values.module.all(ast.Assign):
        is_internal = any(identifier(each) == "INTERNAL_IPS" for each in assign.targets)
        texts = set(_members(values, assign.value))
        if is_internal and "127.0.0.1" in texts and "::1" not in texts:
            yield at("loopback-compare", assign, "INTERNAL_IPS")


def _is_asserted(values: Values, node: ast.AST) -> bool:
    return any(isinstance(each, ast.Assert) for each in values.module.above(node))


def _loopback_in(values: Values, side: ast.expr) -> tuple[ast.expr, str] | None:
    """The place and text of a loopback address on one side of a comparison, which knows no `::1`."""
    for origin in values.origins(side):
        if _in_default(values, origin):
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
        if texts & (_HERE | {"127.0.0.0/8"}) and "::1" not in texts and not any(has_ipv6(text) for text in texts):
            here = "127.0.0.1" if "127.0.0.1" in texts else next(iter(texts & (_HERE | {"127.0.0.0/8"})))
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
    return is_host(name) and not words_of(name) & {"domain", "email", "cookie"}


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
        for origin in values.origins(call.args[0]):
            texts = [
                text
                for text in _members(values, origin)
                if is_ipv4_prefix(text) or text.lower().startswith(("fe80", "fc00:", "fd00:", "fe8"))
            ]
            if texts and not is_version(name) and _is_network(texts, name):
                yield at(
                    "prefix-text-match", origin if hasattr(origin, "lineno") else call, f"startswith({texts[0]!r})"
                )
                break
    for compare in values.module.all(ast.Compare):
        yield from _sliced(values, compare)
    for call in calls(values, "match", "fnmatch", "search", "compile"):
        for text in values.texts(
            call.args[1] if values.last(call.func) == "fnmatch" and len(call.args) > 1 else next(iter(call.args), None)
        ):
            if _is_prefix_pattern(text):
                yield at("prefix-text-match", call, text)


def _is_prefix_pattern(text: str) -> bool:
    """Whether a regular expression, or a shell's, is for the beginning of a known network's addresses."""
    plain = text.replace("\\.", ".").lstrip("^(?:")
    is_known = plain.startswith(("10.", "192.168.", "127.", "172.(", "169.254.", "172.1")) and not plain[-1:].isdigit()
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


RULES: tuple[Rule, ...] = (_wildcards, _targets, _comparisons, _prefixes)
