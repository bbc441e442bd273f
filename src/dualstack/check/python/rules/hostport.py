"""Host and port in one text: parted at a colon without regard to brackets."""

import ast
import re
from collections.abc import Iterator

from dualstack.check.findings.finding import Remark
from dualstack.check.python.rule import Rule, at, identifier, owner_name
from dualstack.check.python.values import Values
from dualstack.check.words.namings import is_endpoint, is_host, is_port, vocabulary, words_of

__all__ = ["RULES", "knows_brackets"]

_CUTS = frozenset({"split", "rsplit", "partition", "rpartition", "find", "rfind", "index", "rindex"})

_NO_ENDPOINT = vocabulary(
    "mac hwaddr ethernet ether bdaddr bssid lladdr line lines header headers key keys time clock date "
    "image tag scope creds credentials userinfo auth user users cookie row rows path paths entry pair "
    "item field fields module class func callback style colon version digest hash rule range mapping "
    "volume option options param params event xml ns prefix qname spec_key env stack trace frame inode "
    "fingerprint ifname kind label id uid uuid token sep command cmd schema attr label_name mode urn jid"
)

_BRACKETS = frozenset({"[", "]", "[]", "[::]", "]:", "[%s]", "[::1]", "[%s]:%d", "[{}]", "[%s]:%s"})


def knows_brackets(values: Values, node: ast.AST) -> bool:
    """Whether the function counts colons, looks for brackets, or asks for the family."""
    words = values.module.near(node)
    if words & _BRACKETS or any(
        word.startswith("[") and len(word) < 24 and ("]" in word or word == "[") for word in words
    ):
        return True
    if words & {
        "IPv6Address",
        "AF_INET6",
        "is_ipv6",
        "is_ipv6_address",
        "is_valid_ipv6_address",
        "ipv6",
        "inet_pton",
        "SplitResult",
    }:
        return True
    function = values.module.function(node) or values.module.statement(node)
    return any(_is_one_colon(each) for each in ast.walk(function) if isinstance(each, ast.Compare)) or any(
        isinstance(each, ast.Call)
        and identifier(each.func) == "count"
        and each.args
        and values.text(each.args[0]) == ":"
        for each in ast.walk(function)
    )


def _is_one_colon(compare: ast.Compare) -> bool:
    """`host.find(":") == host.rfind(":")`"""
    sides = (compare.left, compare.comparators[0])
    names = {identifier(each.func) for each in sides if isinstance(each, ast.Call)}
    return names in ({"find", "rfind"}, {"index", "rindex"})


def _splits(values: Values) -> Iterator[Remark]:
    for call in values.module.all(ast.Call):
        function = call.func
        if (
            not isinstance(function, ast.Attribute)
            or function.attr not in _CUTS
            or not call.args
            or values.text(call.args[0]) != ":"
        ):
            continue
        if _is_table(values, call) or _is_hexadecimal(values, call):
            continue
        if _is_hostport(values, call, function.value) and not knows_brackets(values, call):
            yield at("hostport-split", call, f"{function.attr}(':')")


def _is_table(values: Values, call: ast.Call) -> bool:
    """Whether what is parted comes of a table under /proc/net, or the parting is only compared."""
    is_compared = isinstance(values.module.parents.get(call), ast.Compare)
    return is_compared or any(word.startswith("/proc/net") for word in values.module.near(call))


_NO_HOST = vocabulary("path dir directory volume file key id")


def _is_hostport(values: Values, call: ast.Call, subject: ast.expr) -> bool:
    """Whether what is parted has host and port in it, by its name or by those of its parts."""
    name = _whole(values, subject)
    names, parts = words_of(name), _parts(values, call)
    if _is_of_scheme(values, call, names) or any(words_of(part) & _NO_HOST for part in parts):
        return False
    has_port, has_host = any(map(is_port, parts)), any(map(is_host, parts))
    if has_port and (
        has_host
        or is_endpoint(name)
        or (len(parts) > 1 and not names & _NO_ENDPOINT and _first(parts) in {"name", "h", "a", "where", "who", "left"})
    ):
        return True
    if names & _NO_ENDPOINT and not names & {"host"}:
        return False
    is_ended = has_host and (is_endpoint(name) or _is_converted(values, call))
    return is_ended or (
        is_endpoint(name)
        and (
            _is_converted(values, call)
            or _is_first_taken(values, call)
            or _is_taken_whole(values, call)
            or _uses_port(values, call)
        )
    )


def _whole(values: Values, subject: ast.expr) -> str:
    """What is parted is called; of one of a list, what the list is called where the one has a name of no meaning."""
    name = identifier(subject)
    if not isinstance(subject, ast.Name) or len(name) > 4 or is_endpoint(name):
        return name
    for loop in values.module.loops:
        if isinstance(loop.target, ast.Name) and loop.target.id == name and values.module.near(loop.iter):
            listed = loop.iter.func.value if _is_cut(loop.iter) else loop.iter  # type: ignore[attr-defined]
            if is_endpoint(identifier(listed)) or words_of(identifier(listed)) & {"connect", "bootstrap", "brokers"}:
                return "endpoint"
    return name


def _is_cut(node: ast.expr) -> bool:
    """`text.split(",")`"""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "split"


def _is_of_scheme(values: Values, call: ast.Call, names: frozenset[str]) -> bool:
    """Whether what stands before the colon is the scheme of a URL."""
    function = getattr(values.module.function(call), "name", "")
    return bool(names & {"url", "uri", "href", "link"}) and (
        "scheme" in function or "scheme" in _parts(values, call) or _takes(values, call) == 0
    )


def _takes(values: Values, call: ast.Call) -> object:
    parent = values.module.parents.get(call)
    return values.constant(parent.slice) if isinstance(parent, ast.Subscript) else None


def _first(parts: list[str]) -> str:
    return parts[0] if parts else ""


def _parts(values: Values, call: ast.Call) -> list[str]:
    """What the parts are called: the targets of an assignment, or of the loop around."""
    below: ast.AST = call
    for each in values.module.above(call):
        if isinstance(each, ast.Assign):
            return [
                identifier(one)
                for target in each.targets
                for one in (target.elts if isinstance(target, ast.Tuple | ast.List) else [target])
            ]
        if isinstance(each, ast.comprehension) or (isinstance(each, ast.For) and below is each.iter):
            return [
                identifier(one) for one in (each.target.elts if isinstance(each.target, ast.Tuple) else [each.target])
            ]
        if isinstance(each, ast.keyword) and each.arg:
            return [each.arg]
        if isinstance(each, ast.stmt):
            return []
        below = each
    return []


def _is_hexadecimal(values: Values, call: ast.Call) -> bool:
    """Whether a part is read in base 16, as the tables under /proc and hardware addresses are."""
    for each in values.module.above(call):
        if isinstance(each, ast.Call) and identifier(each.func) in {"int", "fromhex", "unhexlify"}:
            return identifier(each.func) != "int" or (len(each.args) > 1 and values.constant(each.args[1]) == 16)
        if isinstance(each, ast.stmt):
            return False
    return False


def _is_converted(values: Values, call: ast.Call) -> bool:
    """Whether a part becomes a number, or the text is that of a Host header."""
    for each in values.module.above(call):
        if isinstance(each, ast.Call) and identifier(each.func) == "int":
            return True
        if isinstance(each, ast.stmt):
            break
    return False


def _is_first_taken(values: Values, call: ast.Call) -> bool:
    parent = values.module.parents.get(call)
    return isinstance(parent, ast.Subscript) and values.constant(parent.slice) in {0, 1, -1}


def _is_taken_whole(values: Values, call: ast.Call) -> bool:
    """`tuple(server.split(":"))`"""
    parent = values.module.parents.get(call)
    return isinstance(parent, ast.Call) and identifier(parent.func) in {"tuple", "list"}


def _uses_port(values: Values, call: ast.Call) -> bool:
    words = values.module.near(call)
    return any(is_port(word) for word in words if word.isidentifier())


_NAMED_PART = re.compile(
    r"\(\?P<(?:host|addr|address|ip|server|hostname|name|node)\w*>(?P<host>[^)]*)\)(?:\(\?:)?:(?:\(\?P<port\w*>)?\(?(?:\\d|\[0-9\]|\.)"
)

_PLAIN_PART = re.compile(
    r"^\^?\((?:\[\^:\\?/?\\?s?\]|\.|\\S|\[\\w\.-\]|\[\^:/\]|\[\\w\\?\.\\?-\]|\[a-zA-Z0-9\\?\.\\?-\])[+*]\??\)(?:\(\?:)?:\(?\\d(?:\+|\{1,5\})\)?\)?\??\$?$"
)


def _patterns(values: Values) -> Iterator[Remark]:
    """Regular expressions that part host and port."""
    for call in values.module.all(ast.Call):
        if identifier(call.func) not in {"compile", "match", "fullmatch", "search"} or not call.args:
            continue
        text = values.text(call.args[0])
        if text is None or "\\[" in text or "[[]" in text or knows_brackets(values, call):
            continue
        named = _NAMED_PART.search(text)
        if (named is not None and ":" not in named["host"].replace("[^:", "").replace("(?:", "")) or (
            _PLAIN_PART.match(text) and _names_endpoint(values, call)
        ):
            yield at("hostport-split", call, "a pattern for host:port")


def _names_endpoint(values: Values, call: ast.Call) -> bool:
    parts = [*_parts(values, call), owner_name(values, call)]
    words = values.module.near(call)
    parts += [identifier(each) for each in call.args[1:]]
    return any(is_endpoint(part) or is_port(part) for part in parts) or ("port" in words and "host" in words)


RULES: tuple[Rule, ...] = (
    _splits,
    _patterns,
)
