"""Sockets made for one family: the family written down, left to its default, kept by a server's class, or handed on."""

import ast
from collections.abc import Iterator

from dualstack.check.findings.finding import Remark
from dualstack.check.python.rule import IPV4, Rule, at, calls, identifier, knows_ipv6
from dualstack.check.python.values import Values
from dualstack.check.words.literals import LOOPBACKS, is_loopback
from dualstack.check.words.namings import is_endpoint, is_host, vocabulary

__all__ = ["RULES"]

_OTHER_FAMILIES = frozenset({"has_dualstack_ipv6", "dualstack_ipv6", "AF_INET6", "PF_INET6"})
_CLASSES = vocabulary(
    "TCPServer UDPServer ThreadingTCPServer ThreadingUDPServer ForkingTCPServer ForkingUDPServer "
    "HTTPServer ThreadingHTTPServer HTTPSServer ThreadingHTTPSServer WSGIServer SimpleXMLRPCServer "
    "DocXMLRPCServer make_server"
)
_MODULES = (
    "socketserver",
    "SocketServer",
    "http.server",
    "BaseHTTPServer",
    "wsgiref",
    "xmlrpc.server",
    "SimpleXMLRPCServer",
)
_MADE = ("socket.socket", "socket.create_server", "socket.socket.socket", "socket.SocketType")


def _is_made(values: Values, call: ast.Call) -> bool:
    """Whether a call makes a socket of the standard library's kind, be it gevent's or trio's."""
    name = values.name(call.func)
    return name.endswith(_MADE) and not name.endswith("().socket")


def _made(values: Values) -> Iterator[ast.Call]:
    return (call for call in calls(values, "socket", "create_server", "SocketType") if _is_made(values, call))


def _family(values: Values, call: ast.Call) -> ast.expr | None:
    if values.last(call.func) == "create_server":
        return next((each.value for each in call.keywords if each.arg == "family"), None)
    return values.argument(call, 0, "family")


def _is_probe(values: Values, call: ast.Call) -> bool:
    """Whether a socket is there for its `ioctl` or its own name alone."""
    words = values.module.near(call)
    is_ioctl = "ioctl" in words or ("ioctl" in values.module.room(call) and "SOCK_DGRAM" in words)
    is_asked = (
        bool(words & {"getsockname"}) and "connect" in words and not words & {"send", "sendall", "recv", "sendto"}
    )
    return is_ioctl or (is_asked and "SOCK_DGRAM" in words)


def _written_down(values: Values) -> Iterator[Remark]:
    for call in _made(values):
        family = _family(values, call)
        is_ipv4 = values.is_family(family, *IPV4) or (isinstance(family, ast.Constant) and family.value == 2)
        if family is None or not is_ipv4 or _is_paired(values, call) or _is_probe(values, call):
            continue
        if _is_pipe(values, call):
            continue
        if _is_icmp(values, call):
            if not any("ICMPV6" in word or "icmpv6" in word or "ipv6-icmp" in word for word in values.module.all_words):
                yield at("icmp-ipv4-only", call, "ICMP alone")
            continue
        origin = next((each for each in values.origins(family) if values.last(each) in IPV4), family)
        if _is_default(values, origin) and _is_same_api(values, call):
            continue
        yield at("family-literal-socket", origin, "AF_INET")


def _is_same_api(values: Values, call: ast.Call) -> bool:
    """Whether the function around has the parameters of `socket()`."""
    arguments = getattr(values.module.scope(call), "args", None)
    names = {each.arg for each in (*arguments.args, *arguments.kwonlyargs)} if arguments is not None else set()
    return names >= {"family", "proto"}


def _is_paired(values: Values, node: ast.AST) -> bool:
    """Whether the other family's socket is made beside: in the function or the class."""
    return knows_ipv6(values.module.room(node))


def _is_icmp(values: Values, call: ast.Call) -> bool:
    protocol = values.argument(call, 2, "proto")
    if values.is_family(protocol, "IPPROTO_ICMP"):
        return True
    origins = list(values.origins(protocol))
    is_named = any(isinstance(each, ast.Call) and "icmp" in values.module.words(each) for each in origins)
    is_raw = values.is_family(values.argument(call, 1, "type"), "SOCK_RAW")
    return is_named or (is_raw and values.constant(protocol) == 1)


def _by_default(values: Values) -> Iterator[Remark]:
    for call in _made(values):
        if any(each.arg is None for each in call.keywords):
            continue
        if any(isinstance(each, ast.Starred) for each in call.args) or any(
            each.arg == "fileno" for each in call.keywords
        ):
            continue
        if _family(values, call) is not None or _is_literal_host(values, call):
            continue
        if (
            not values.module.room(call) & _OTHER_FAMILIES
            and not _is_probe(values, call)
            and not _is_only_named(values, call)
            and not _is_unused(values, call)
        ):
            yield at("family-default-socket", call, f"{values.last(call.func)}() without a family")


def _is_only_named(values: Values, call: ast.Call) -> bool:
    """Whether the port alone is wanted: `bind(("", 0))` and `getsockname()`."""
    words = values.module.near(call)
    return (
        "getsockname" in words and "bind" in words and not words & {"listen", "accept", "recvfrom", "recv", "connect"}
    )


_NETWORK = frozenset(
    {
        *("bind", "connect", "connect_ex", "listen", "accept", "sendto", "recvfrom", "makefile", "wrap_socket"),
        *("sock_connect", "create_connection", "setsockopt", "settimeout", "setblocking", "sendall", "recv", "send"),
    }
)


def _is_unused(values: Values, call: ast.Call) -> bool:
    """Whether a socket is opened for its descriptor alone, and closed: `with socket.socket() as probe`."""
    is_closed = isinstance(values.module.parents.get(call), ast.withitem)
    return is_closed and values.module.near(call).isdisjoint(_NETWORK)


def _is_pipe(values: Values, call: ast.Call) -> bool:
    """Whether both ends are made here, over the loopback."""
    words = values.module.near(call)
    return words >= {"listen", "accept", "connect", "getsockname"} and not words.isdisjoint(LOOPBACKS)


def _is_literal_host(values: Values, call: ast.Call) -> bool:
    """Whether the address is an IPv4 literal, which has that family."""
    first = next(values.origins(values.argument(call, 0, "address")), None) if call.args else None
    host = first.elts[0] if isinstance(first, ast.Tuple) and first.elts else None
    return any(map(is_loopback, values.texts(host)))


def _server_classes(values: Values) -> Iterator[Remark]:
    kept = _kept_classes(values)
    for owner in kept.values():
        if any(identifier(base).startswith("Unix") for base in owner.bases):
            continue
        if not _has_family(values, owner) and not _is_fixed(values, owner.name):
            yield at("family-server-class", owner, f"class {owner.name}")
    for call in calls(values, *_CLASSES):
        is_given = any(
            each.arg == "bind_and_activate" and values.constant(each.value) is False for each in call.keywords
        )
        if is_given or identifier(call.func) == "__init__":
            continue
        if (
            _is_stdlib_server(values, call.func)
            and not _is_loopback(values, call)
            and not _is_fixed(values, values.last(call.func))
        ):
            yield at("family-server-class", call, values.last(call.func))
    for target, each in _families_set(values):
        if not _is_switched(values, target):
            yield at("family-server-class", each, "address_family = AF_INET")


def _kept_classes(values: Values) -> dict[str, ast.ClassDef]:
    """The classes of this file that come of the library's servers."""
    found: dict[str, ast.ClassDef] = {}
    for owner in values.module.all(ast.ClassDef):
        if any(_is_stdlib_server(values, base) for base in owner.bases):
            found[owner.name] = owner
    return found


def _is_stdlib_server(values: Values, node: ast.expr) -> bool:
    name = values.name(node)
    module, _, last = name.rpartition(".")
    return last in _CLASSES and module.startswith(_MODULES)


def _has_family(values: Values, owner: ast.ClassDef) -> bool:
    words = values.module.words(owner)
    return "address_family" in words or knows_ipv6(words) or "AF_UNIX" in words


def _is_fixed(values: Values, name: str) -> bool:
    """Whether somebody sets the class's family from outside, or has IPv6 servers in the same function's reach."""
    for target in values.module.all(ast.Attribute):
        if target.attr == "address_family" and isinstance(target.ctx, ast.Store):
            owner = values.last(target.value)
            if owner == name or (owner != "self" and "AF_INET6" in values.module.near(target)):
                return True
    return False


def _is_loopback(values: Values, call: ast.Call) -> bool:
    address = next(values.origins(call.args[0]), None) if call.args else None
    host = address.elts[0] if isinstance(address, ast.Tuple) and address.elts else address
    return any(map(is_loopback, values.texts(host)))


def _families_set(values: Values) -> Iterator[tuple[ast.expr, ast.AST]]:
    for assign in values.module.all(ast.Assign):
        for target in assign.targets:
            word = (
                target.attr if isinstance(target, ast.Attribute) else target.id if isinstance(target, ast.Name) else ""
            )
            if (
                word == "address_family"
                and values.is_family(assign.value, *IPV4)
                and not isinstance(assign.value, ast.IfExp)
            ):
                yield target, assign


def _is_switched(values: Values, node: ast.AST) -> bool:
    return knows_ipv6(values.module.room(node))


_SEEKERS = frozenset({"getaddrinfo", "gethostbyname", "resolve", "get_addr", "net_if_addrs", "inet_pton", "inet_ntop"})


def _handed_on(values: Values) -> Iterator[Remark]:
    for call in _told_a_family(values):
        if not _family_keyword(values, call) or _is_made(values, call) or values.last(call.func) in _SEEKERS:
            continue
        if not knows_ipv6(values.module.near(call)):
            found = _family_keyword(values, call)
            origins = list(values.origins(found))
            origin = next((each for each in origins if values.last(each) in IPV4), found)
            if any(values.last(each) in {"AF_UNSPEC", "AF_INET6"} for each in origins) or _is_default(values, origin):
                continue
            yield at("family-endpoint-arg", origin or call, f"family=AF_INET for {values.last(call.func)}()")
    made = {origin for call in _made(values) for origin in values.origins(_family(values, call))}
    for call in calls(values, "getaddrinfo"):
        given = [*call.args, *(each.value for each in call.keywords)]
        made.update(origin for each in given for origin in values.origins(each))
    for function in values.module.functions:
        yield from _default_families(values, function, made)


def _is_default(values: Values, node: ast.expr | None) -> bool:
    """Whether it is the default of a parameter, which is said by itself."""
    return node is not None and isinstance(values.module.parents.get(node), ast.arguments)


_ENDPOINT_WORDS = frozenset(
    {
        *("connect", "bind", "listen", "create_connection", "create_server", "create_datagram_endpoint", "resolve"),
        *("getaddrinfo", "start_server", "open_connection", "bind_sockets", "TCPConnector", "create_task", "request"),
    }
)


def _is_of_endpoint(values: Values, function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a function has to do with connecting or listening, and is not `socket()` itself under another roof."""
    arguments = function.args
    names = {each.arg for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)}
    if names >= {"family", "proto"} or function.name.startswith("gethostby"):
        return False
    words = values.module.words(function)
    return any(is_host(name) or is_endpoint(name) or name == "port" for name in names) or bool(words & _ENDPOINT_WORDS)


def _default_families(
    values: Values, function: ast.FunctionDef | ast.AsyncFunctionDef, made: set[ast.expr]
) -> Iterator[Remark]:
    """Parameters whose default is AF_INET, unless a socket of this file is made of them."""
    arguments = function.args
    if not _is_of_endpoint(values, function):
        return
    for default in [*arguments.defaults, *arguments.kw_defaults]:
        is_ipv4 = isinstance(default, ast.Name | ast.Attribute) and values.is_family(default, *IPV4)
        if default is not None and is_ipv4 and default not in made and not knows_ipv6(values.module.room(function)):
            yield at("family-endpoint-arg", default, "a default of AF_INET")


_FAMILY_WORDS = frozenset({"family", "address_family", "socket_family", "af", "addr_family", "ip_family"})
_POSITIONAL = ("bind_sockets", "TCPConnector", "open_connection", "start_server")


def _told_a_family(values: Values) -> Iterator[ast.Call]:
    """The calls that may be told a family, each once."""
    named = calls(values, *_POSITIONAL)
    told = (c for c in values.module.all(ast.Call) if any(each.arg in _FAMILY_WORDS for each in c.keywords))
    yield from dict.fromkeys([*told, *named])


def _family_keyword(values: Values, call: ast.Call) -> ast.expr | None:
    for keyword in call.keywords:
        is_family = keyword.arg in _FAMILY_WORDS
        if is_family and values.is_family(keyword.value, *IPV4):
            return keyword.value
    if values.last(call.func) in _POSITIONAL:
        return next((each for each in call.args if values.is_family(each, *IPV4)), None)
    return None


def _left_to_the_system(values: Values) -> Iterator[Remark]:
    """Wildcard listeners of IPv6 that say nothing of IPV6_V6ONLY; asyncio and create_server() say it themselves."""
    words = values.module.all_words
    if not words & {"AF_INET6", "PF_INET6"} or words & {"IPV6_V6ONLY", "dualstack_ipv6"}:
        return
    for call in calls(values, "bind"):
        made = values.module.room(call)
        address = next(values.origins(call.args[0]), None) if call.args else None
        host = address.elts[0] if isinstance(address, ast.Tuple) and address.elts else None
        if (
            host is not None
            and made & {"AF_INET6", "PF_INET6"}
            and any(t in {"::", "", "::0"} for t in values.texts(host))
        ):
            yield at("v6only-unset", call, "bind() on the wildcard")
    for owner in _kept_classes(values).values():
        yield from _left_by_class(values, owner)


def _left_by_class(values: Values, owner: ast.ClassDef) -> Iterator[Remark]:
    for node in owner.body:
        is_family = isinstance(node, ast.Assign) and values.is_family(node.value, "AF_INET6", "PF_INET6")
        if is_family and _is_served_on_wildcard(values, owner):
            yield at("v6only-unset", node, f"class {owner.name}")


def _is_served_on_wildcard(values: Values, owner: ast.ClassDef) -> bool:
    for call in calls(values, owner.name):
        address = next(values.origins(call.args[0]), None) if call.args else None
        host = address.elts[0] if isinstance(address, ast.Tuple) and address.elts else None
        if any(text in {"::", "", "::0"} for text in values.texts(host)):
            return True
    return False


RULES: tuple[Rule, ...] = (_written_down, _by_default, _server_classes, _handed_on, _left_to_the_system)
