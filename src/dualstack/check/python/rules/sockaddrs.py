"""Socket addresses taken for pairs, and their scope thrown away."""

import ast
import re
from collections.abc import Iterator
from functools import lru_cache

from dualstack.check.findings.finding import Remark
from dualstack.check.python.module import Scope, Unpacked
from dualstack.check.python.rule import Rule, at, identifier, knows_ipv6
from dualstack.check.python.values import Values

__all__ = ["RULES"]

_PEERS = frozenset({"getpeername", "getsockname"})

_PAIRS = frozenset({"accept", "recvfrom", "recvfrom_into", "recvmsg"})

# Methods that frameworks call with a socket address as their second argument behind `self`.
_CALLED = frozenset(
    {
        *("datagram_received", "datagramReceived", "handle_stream"),
        *("verify_request", "process_request", "finish_request"),
    }
)
_CALLED_WITH = 2


def _is_sockaddr(values: Values, node: ast.expr | None, depth: int = 0) -> bool:  # noqa: PLR0911 - a table
    """Whether an expression is what the system gave as a socket address."""
    if node is None or depth > 4:
        return False
    if isinstance(node, ast.Await):
        return _is_sockaddr(values, node.value, depth + 1)
    if isinstance(node, ast.Call):
        last = values.last(node.func)
        is_extra = (
            last == "get_extra_info" and bool(node.args) and values.text(node.args[0]) in {"peername", "sockname"}
        )
        return last in _PEERS or is_extra
    if isinstance(node, ast.Attribute) and node.attr == "client_address":
        return True
    if isinstance(node, ast.Subscript):
        return _is_item(values, node)
    if isinstance(node, ast.Name):
        return _is_named(values, node) or any(
            each is not node and _is_sockaddr(values, each, depth + 1) for each in values.origins(node)
        )
    if isinstance(node, ast.Attribute):
        return any(each is not node and _is_sockaddr(values, each, depth + 1) for each in values.origins(node))
    return False


def _is_item(values: Values, node: ast.Subscript) -> bool:
    """`accept()[1]`, `info[4]` of getaddrinfo()."""
    index = values.constant(node.slice)
    inner = next(values.origins(node.value), node.value)
    if isinstance(inner, ast.Call) and values.last(inner.func) in _PAIRS:
        return index in {1, -1}
    if index in {4, -1} and "getaddrinfo" in values.module.near(node):
        return "info" in ast.unparse(node.value) or "res" in ast.unparse(node.value) or "[0]" in ast.unparse(node.value)
    return False


def _is_named(values: Values, node: ast.Name) -> bool:
    """Whether a name is the second of `accept()`, the last of `getaddrinfo()`, or a parameter that frameworks fill."""
    function = values.module.scope(node)
    if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) and function.name in _CALLED:
        arguments = function.args.args
        if len(arguments) > _CALLED_WITH and arguments[_CALLED_WITH].arg == node.id:
            return True
    return (function, node.id) in _last_names(values)


@lru_cache(maxsize=1)
def _last_names(values: Values) -> frozenset[tuple[Scope, str]]:
    """The last names of all that is taken apart and ends in a socket address, each with its scope."""
    return frozenset(
        where
        for where, unpackings in values.module.unpackings.items()
        if any(_gives_sockaddr(values, target, value) for target, value in unpackings)
    )


def _gives_sockaddr(values: Values, target: Unpacked, value: ast.expr) -> bool:
    inner = value.value if isinstance(value, ast.Await) else value
    if isinstance(inner, ast.Call) and values.last(inner.func) in _PAIRS:
        return len(target.elts) in {2, 4}
    if isinstance(inner, ast.Call) and any(values.last(each) == "recvfrom" for each in inner.args):
        return len(target.elts) == 2
    if isinstance(inner, ast.Call) and values.last(inner.func) in {
        "sock_accept",
        "sock_recvfrom",
        "sock_recvfrom_into",
    }:
        return True
    return len(target.elts) == 5 and "getaddrinfo" in values.module.near(value)


def _is_pair(target: ast.expr) -> bool:
    return (
        isinstance(target, ast.Tuple | ast.List)
        and len(target.elts) == 2
        and not any(isinstance(e, ast.Starred) for e in target.elts)
    )


def _unpacked(values: Values) -> Iterator[Remark]:
    for assign in values.module.all(ast.Assign):
        for target in assign.targets:
            yield from _taken(values, target, assign.value)
    for loop in values.module.loops:
        pair = loop.target.elts[-1] if isinstance(loop.target, ast.Tuple) and loop.target.elts else None
        if pair is None or not isinstance(loop.target, ast.Tuple) or not _is_pair(pair):
            continue
        if _gives_sockaddr(values, loop.target, loop.iter):
            yield at("sockaddr-unpack-2", loop.target, ast.unparse(pair))
    for operation in values.module.all(ast.BinOp):
        text = values.text(operation.left) if isinstance(operation.op, ast.Mod) else None
        if (
            text is not None
            and text.replace("%%", "").count("%") == 2
            and _is_sockaddr(values, operation.right)
            and not _is_guarded(values, operation)
        ):
            yield at("sockaddr-unpack-2", operation, "% of a socket address")
    for call in values.module.all(ast.Call):
        yield from _spread(values, call)


def _taken(values: Values, target: ast.expr, value: ast.expr) -> Iterator[Remark]:
    """A pair that takes a socket address, or stands where one is in what is given."""
    if _is_pair(target) and any(_is_sockaddr(values, each) for each in values.origins(value)):
        if not _is_guarded(values, target):
            yield at("sockaddr-unpack-2", target, ast.unparse(target))
    elif isinstance(target, ast.Tuple | ast.List) and target.elts:
        pair = target.elts[-1]
        if _is_pair(pair) and _gives_sockaddr(values, target, value):
            yield at("sockaddr-unpack-2", pair, ast.unparse(pair))


def _spread(values: Values, call: ast.Call) -> Iterator[Remark]:
    """`"{}:{}".format(*peer)` and `f(*peer)` of a function with two parameters."""
    stars = [each for each in call.args if isinstance(each, ast.Starred)]
    if len(stars) != 1 or not _is_sockaddr(values, stars[0].value):
        return
    text = values.text(call.func.value) if isinstance(call.func, ast.Attribute) and call.func.attr == "format" else None
    if text is not None and len(re.findall(r"\{[^}]*\}", text)) == 2:
        yield at("sockaddr-unpack-2", call, "format(*address)")


def _is_guarded(values: Values, node: ast.AST) -> bool:
    """Whether the family, or the length, is asked before."""
    for each in values.module.above(node):
        if isinstance(each, ast.If) and re.search(r"AF_INET\b|len\(|family|AF_UNIX", ast.unparse(each.test)):
            return True
        if isinstance(each, ast.Try) and any(
            re.search(r"TypeError|ValueError", ast.unparse(h.type)) for h in each.handlers if h.type is not None
        ):
            return True
        if isinstance(each, ast.Match) and re.search(r"family", ast.unparse(each.subject)):
            return True
    return knows_ipv6(values.module.near(node))


_SENT = frozenset({"sendto", "connect", "connect_ex", "bind", "sendmsg", "sock_connect", "sock_sendto"})


def _scopes(values: Values) -> Iterator[Remark]:
    for node in values.module.all(ast.Subscript):
        is_cut = (
            isinstance(node.slice, ast.Slice)
            and node.slice.lower is None
            and values.constant(node.slice.upper) == 2
            and node.slice.step is None
        )
        if is_cut and isinstance(node.ctx, ast.Load) and _is_sockaddr(values, node.value) and _is_kept(values, node):
            yield at("scope-dropped", node, f"{ast.unparse(node)}")
    for pair in values.module.all(ast.Tuple):
        if len(pair.elts) == 2 and isinstance(pair.ctx, ast.Load) and _is_rebuilt(values, pair):
            yield at("scope-dropped", pair, "the first two alone")


def _is_kept(values: Values, node: ast.Subscript) -> bool:
    """Whether the pair goes on as an address, and not into two names or into a text."""
    statement = values.module.statement(node)
    if isinstance(statement, ast.Assign) and statement.value is node:
        target = statement.targets[0]
        if not _is_pair(target):
            return True
        names = {identifier(each) for each in target.elts} if isinstance(target, ast.Tuple) else set()
        return _is_sent_again(values, node, names)
    for each in values.module.above(node):
        if isinstance(each, ast.BinOp | ast.JoinedStr | ast.Starred | ast.Compare):
            return False
        if isinstance(each, ast.Call) and identifier(each.func) in {
            "info",
            "debug",
            "print",
            "format",
            "warning",
            "error",
            "join",
        }:
            return False
        if isinstance(each, ast.stmt):
            break
    return True


def _is_sent_again(values: Values, node: ast.AST, names: set[str]) -> bool:
    function = values.module.function(node)
    if "socketpair" in getattr(function, "name", ""):
        return False
    sent = (
        [each for each in ast.walk(function) if isinstance(each, ast.Call) and identifier(each.func) in _SENT]
        if function
        else []
    )
    for call in sent:
        for argument in call.args:
            if isinstance(argument, ast.Tuple) and {identifier(each) for each in argument.elts} == names:
                return True
    return False


def _is_rebuilt(values: Values, pair: ast.Tuple) -> bool:
    """`(peer[0], peer[1])`, or `(peer[0], port)` for a call that sends."""
    first, second = pair.elts
    if (
        not isinstance(first, ast.Subscript)
        or values.constant(first.slice) != 0
        or not _is_sockaddr(values, first.value)
    ):
        return False
    call = values.module.parents.get(pair)
    is_sent = isinstance(call, ast.Call) and identifier(call.func) in _SENT
    is_same = (
        isinstance(second, ast.Subscript)
        and ast.unparse(second.value) == ast.unparse(first.value)
        and values.constant(second.slice) == 1
    )
    return is_sent or (is_same and not isinstance(call, ast.BinOp | ast.Call))


RULES: tuple[Rule, ...] = (
    _unpacked,
    _scopes,
)
