"""Names asked for one family: the old lookups, hints, the first answer alone."""

import ast
from collections.abc import Iterator

from dualstack.check.findings.finding import Remark
from dualstack.check.python.rule import IPV4, Rule, at, calls, identifier, knows_ipv6, references
from dualstack.check.python.rules.resolver_patches import is_patch
from dualstack.check.python.values import Values
from dualstack.check.words.literals import is_ipv4_target, is_loopback

__all__ = ["RULES"]

_OWN_NAMES = ("socket.gethostname()", "socket.getfqdn()", "platform.node()", "os.uname()", "platform.uname()")

_OLD = ("gethostbyname", "gethostbyname_ex", "getHostByName")


def _old_lookups(values: Values) -> Iterator[Remark]:
    """gethostbyname() wherever it is named: called, or handed to an executor."""
    for node in references(values, *_OLD):
        if _is_part(values, node) or _is_kept(values, node) or _is_same_api(values, node):
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


def _is_same_api(values: Values, node: ast.expr) -> bool:
    """Whether a function of the same name is made here: `def gethostbyname(self, name)`."""
    return getattr(values.module.scope(node), "name", "") in _OLD


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


def _first_alone(values: Values) -> Iterator[Remark]:
    if "getaddrinfo" not in values.module.all_words:
        return
    said: set[ast.Call] = set()
    for node in values.module.all(ast.Subscript):
        call = _answers(values, node.value) if values.constant(node.slice) == 0 else None
        if (
            call is not None
            and call not in said
            and not _is_walked(values, node.value, call)
            and not _is_canonical(values, node)
        ):
            said.add(call)
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
        call = _answers(values, assign.value)
        if not isinstance(target, ast.Tuple | ast.List) or call is None or _is_numeric(values, call):
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
        host is not None and (is_ipv4_target(host) or is_loopback(host) or ":" in host)
    )


def _is_looped(values: Values, node: ast.AST) -> bool:
    return any(isinstance(each, ast.While | ast.For) for each in values.module.above(node))


RULES: tuple[Rule, ...] = (
    _old_lookups,
    _switched_lookups,
    _hints,
    _first_alone,
)
