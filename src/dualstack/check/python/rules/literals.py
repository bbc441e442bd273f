"""Addresses written into the code: the wildcard as a default, a service by its IPv4 address."""

import ast
from collections.abc import Iterator

from dualstack.check.findings.finding import Remark
from dualstack.check.python.rule import Rule, at, identifier, in_default, owner_name, references, written
from dualstack.check.python.values import Values
from dualstack.check.words.literals import has_ipv6, is_ipv4_target, is_ipv4_wildcard
from dualstack.check.words.namings import is_version, vocabulary, words_of

__all__ = ["RULES"]

_NOT_BOUND = vocabulary(
    "mask netmask route router gateway network subnet dest dst destination version placeholder unknown "
    "qname query remote client peer"
)

_NEAR = 2


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
    used = values.module.loads.get(name, [])
    return bool(used) and all(_is_compared(values, each) for each in used)


def _has_other_beside(values: Values, node: ast.expr) -> bool:
    """Whether an IPv6 address stands in the same function, the same statement, or within two lines of a table."""
    function = values.module.function(node)
    known = values.module.words(function) if function is not None and not in_default(values, node) else ()
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
    return any(line in values.ipv6_lines for line in range(node.lineno - _NEAR, node.lineno + _NEAR + 1))


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
            and not _is_shown(values, node)
        ):
            yield at("bind-wildcard-ipv4", node, text.replace("\0", "..."))
    for node in references(values, "INADDR_ANY"):
        if (not _is_compared(values, node) and not _is_member(values, node)) and not any(
            isinstance(each, ast.Import | ast.ImportFrom) for each in values.module.above(node)
        ):
            yield at("bind-wildcard-ipv4", node, "INADDR_ANY")


_SHOWN = vocabulary("info debug warning print echo build URL log")
_LISTENING = vocabulary(
    "bind listen create_server start_server serve serve_forever run run_app run_simple TCPSite make_server HTTPServer"
)


def _is_shown(values: Values, node: ast.AST) -> bool:
    """Whether it stands for an address that was not given, in what is shown: `"0.0.0.0" if host is None else host`."""
    words = values.module.near(node)
    is_fallback = any(isinstance(each, ast.IfExp) for each in values.module.above(node))
    return is_fallback and bool(words & _SHOWN) and not words & _LISTENING


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
    "client session graphite forwarder forwarders time db database redis mysql mongo amqp mqtt router"
)


def _targets(values: Values) -> Iterator[Remark]:
    seen: set[tuple[int, str]] = set()
    for node, text in written(values):
        if not is_ipv4_target(text) or _is_compared(values, node) or _is_compared_by_name(values, node):
            continue
        name = owner_name(values, node)
        if is_version(name) or words_of(name) & _RULE_WORDS or _is_route(values, node):
            continue
        if not (_is_needed(values, node, name) or "://" in text or ":" in text):
            continue
        key = (values.module.statement(node).lineno, name)  # type: ignore[attr-defined]
        if key in seen or _has_other_beside(values, node) or _is_example(values, node) or _is_probing(values, node):
            continue
        seen.add(key)
        yield at("target-literal-ipv4", node, text.replace("\0", "..."))


_RULE_WORDS = vocabulary(
    "allow allowed allowlist whitelist whitelisted deny denied denylist blacklist blocklist blocked banned bans trusted"
)


def _is_route(values: Values, node: ast.AST) -> bool:
    """Whether it stands beside a netmask or a destination, as in a route of its own family."""
    parent = next((each for each in values.module.above(node) if isinstance(each, ast.Call | ast.Dict)), None)
    names = [each.arg for each in parent.keywords] if isinstance(parent, ast.Call) else []
    keys = [values.text(each) for each in parent.keys if each is not None] if isinstance(parent, ast.Dict) else []
    return not {"netmask", "destination", "mask"}.isdisjoint({*names, *keys})


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
    statement = values.module.statement(node)
    name = statement.targets[0] if isinstance(statement, ast.Assign) else None
    is_constant = isinstance(name, ast.Name) and values.module.function(node) is None
    users = values.references_by_name.get(identifier(name), []) if is_constant else []
    return (bool(users) and all(_is_in_probe(values, user) for user in users)) or _is_in_probe(values, node)


def _is_in_probe(values: Values, node: ast.AST) -> bool:
    return values.module.near(node) >= {"getsockname", "SOCK_DGRAM", "connect"}


RULES: tuple[Rule, ...] = (
    _wildcards,
    _targets,
)
