"""Host and port in one text: parted at a colon without regard to brackets, or joined without them."""

import ast
import re
from collections.abc import Iterator

from dualstack.check.finding import Remark
from dualstack.check.namings import is_endpoint, is_host, is_port, vocabulary, words_of
from dualstack.check.python_literals import owner_name
from dualstack.check.python_rule import Rule, at, identifier, template
from dualstack.check.python_values import GAP, Values

__all__ = ["RULES"]

_CUTS = frozenset({"split", "rsplit", "partition", "rpartition", "find", "rfind", "index", "rindex"})
_NO_ENDPOINT = vocabulary(
    "mac hwaddr ethernet ether bdaddr bssid lladdr line lines header headers key keys time clock date "
    "image tag scope creds credentials userinfo auth user users cookie row rows path paths entry pair "
    "item field fields module class func callback style colon version digest hash rule range mapping "
    "volume option options param params event xml ns prefix qname spec_key env stack trace frame inode "
    "fingerprint ifname kind label id uid uuid token sep command cmd schema attr label_name mode urn jid"
)
_BRACKETS = frozenset({"[", "]", "[]", "[::]", "]:", "[%s]", "[::1]", "[%s]:%d", "[{}]", "[%s]:%s"})
_SURE = vocabulary(
    "host hosts hostname addr address ip server netloc hostport endpoint peer remote upstream broker node"
)


def _knows_brackets(values: Values, node: ast.AST) -> bool:
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
    return any(
        isinstance(each, ast.Call)
        and identifier(each.func) == "count"
        and each.args
        and values.text(each.args[0]) == ":"
        for each in ast.walk(function)
    )


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
        if _is_hostport(values, call, function.value) and not _knows_brackets(values, call):
            yield at("hostport-split", call, f"{function.attr}(':')")


def _is_hostport(values: Values, call: ast.Call, subject: ast.expr) -> bool:
    """Whether what is parted has host and port in it, by its name or by those of its parts."""
    if _is_hexadecimal(values, call) or isinstance(values.module.parents.get(call), ast.Compare):
        return False
    names, parts = words_of(identifier(subject)), _parts(values, call)
    has_port, has_host = any(map(is_port, parts)), any(map(is_host, parts))
    if has_port and (
        has_host
        or is_endpoint(identifier(subject))
        or (len(parts) > 1 and not names & _NO_ENDPOINT and _first(parts) in {"name", "h", "a", "where", "who", "left"})
    ):
        return True
    if names & _NO_ENDPOINT and not names & {"host"}:
        return False
    is_ended = has_host and (is_endpoint(identifier(subject)) or _is_converted(values, call))
    return is_ended or (
        is_endpoint(identifier(subject))
        and (
            _is_converted(values, call)
            or _is_first_taken(values, call)
            or _is_taken_whole(values, call)
            or _uses_port(values, call)
        )
    )


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
        if isinstance(each, ast.For | ast.comprehension) and below is each.iter:
            return [
                identifier(one) for one in (each.target.elts if isinstance(each.target, ast.Tuple) else [each.target])
            ]
        if isinstance(each, ast.comprehension):
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
        if text is None or "\\[" in text or "[[]" in text or _knows_brackets(values, call):
            continue
        named = _NAMED_PART.search(text)
        if (named is not None and ":" not in named["host"].replace("[^:", "").replace("(?:", "")) or (
            _PLAIN_PART.match(text) and _names_endpoint(values, call)
        ):
            yield at("hostport-split", call, "a pattern for host:port")


def _names_endpoint(values: Values, call: ast.Call) -> bool:
    parts = [*_parts(values, call), owner_name(values, call)]
    words = values.module.near(call)
    return any(is_endpoint(part) or is_port(part) for part in parts) or ("port" in words and "host" in words)


_FORMATTED = re.compile(
    r"(?P<before>\S*?)(?P<left>%s|%\(\w+\)s|\{\w*(?:\.\w+|\[\w+\])*(?:![sr])?\}|\0):(?P<right>%[sdiu]|%\(\w+\)[sdi]|\{\w*(?:\.\w+|\[\w+\])*(?::d)?\}|\0|\d{2,5})(?P<after>\S*)"
)


def _joins(values: Values) -> Iterator[Remark]:
    for node, text, parts in _joined(values):
        for found in _FORMATTED.finditer(text):
            position = len(re.findall(r"%\(?|\{|\0", text[: found.start("left")]))
            left, right = [*parts[position : position + 2], None, None][:2]
            if left is None or not _is_place(text, found) or not _is_told(values, found, left, right):
                continue
            if not (_knows_brackets(values, node) or _is_wrapped(values, left) or _is_only_said(values, node, found)):
                yield at("hostport-join", node, "host:port")
                break


def _joined(values: Values) -> Iterator[tuple[ast.expr, str, list[ast.expr]]]:
    """Formats with what goes into their gaps: f-strings, %, format(), join() and +."""
    for string in values.module.all(ast.JoinedStr):
        gaps = [each.value for each in string.values if isinstance(each, ast.FormattedValue)]
        yield string, template(string).replace("%", ""), gaps
    for operation in values.module.all(ast.BinOp):
        form = values.text(operation.left) if isinstance(operation.op, ast.Mod) else None
        if form is not None:
            yield operation, form, _arguments(values, operation.right, form)
        elif isinstance(operation.op, ast.Add) and not isinstance(values.module.parents.get(operation), ast.BinOp):
            pieces = list(_flat(operation))
            yield operation, "".join(_piece(each) for each in pieces), [each for each in pieces if _piece(each) == GAP]
    for call in values.module.all(ast.Call):
        if isinstance(call.func, ast.Attribute) and call.func.attr in {"format", "join"}:
            yield from _of_method(values, call, call.func.attr, values.text(call.func.value))


def _of_method(
    values: Values, call: ast.Call, method: str, form: str | None
) -> Iterator[tuple[ast.expr, str, list[ast.expr]]]:
    given = next(values.origins(call.args[0]), None) if call.args else None
    if method == "format" and form is not None:
        yield call, form, _format_arguments(form, call)
    elif method == "join" and form == ":" and isinstance(given, ast.Tuple | ast.List):
        yield call, ":".join(GAP for _ in given.elts), list(given.elts)


def _arguments(values: Values, right: ast.expr, text: str) -> list[ast.expr]:
    if isinstance(right, ast.Tuple):
        return list(right.elts)
    if isinstance(right, ast.Dict):
        by_key = {
            values.text(key): value for key, value in zip(right.keys, right.values, strict=True) if key is not None
        }
        return [by_key.get(name, right) for name in re.findall(r"%\((\w+)\)", text)]
    return [right]


def _format_arguments(text: str, call: ast.Call) -> list[ast.expr]:
    by_name = {each.arg: each.value for each in call.keywords if each.arg is not None}
    found: list[ast.expr] = []
    for number, name in enumerate(re.findall(r"\{(\w*)", text)):
        index = int(name) if name.isdigit() else number
        fallback = (
            call.args[index]
            if (not name or name.isdigit()) and index < len(call.args)
            else ast.copy_location(ast.Name(id=name or "_"), call)
        )
        found.append(by_name.get(name, fallback))
    return found


def _flat(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        yield from _flat(node.left)
        yield from _flat(node.right)
    else:
        yield node


def _piece(node: ast.expr) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
        return node.value if isinstance(node.value, str) else node.value.decode("latin-1")
    return GAP


_BEFORE = re.compile(r"(?:[a-zA-Z][\w+.-]*|\0|%s|\{\w*\}):/{2,3}(?:\S*@)?$")
_HEADER = re.compile(r"(?:^|[\r\n])(?:Host: ?|CONNECT |host=|--?[\w-]+[= ]|[\w-]+=)$")
_SPOKEN = vocabulary(
    "print log debug info warning warn error exception critical write help usage Exception ValueError "
    "RuntimeError OSError ConnectionError IOError TimeoutError append_log logger msg fail echo secho puts"
)


def _is_place(text: str, found: re.Match[str]) -> bool:
    """Whether the two stand at the beginning, in a URL, a header or an option, and in no brackets."""
    before = text[: found.start("left")]
    return not before or _BEFORE.search(before) is not None or _HEADER.search(before) is not None


def _is_told(values: Values, found: re.Match[str], left: ast.expr, right: ast.expr | None) -> bool:
    """Whether the names say host and port; in a URL the place says it of the second."""
    if not _is_hostish(values, left, identifier(left)) and not _is_hostish_key(found["left"]):
        return False
    names = {identifier(right), found["right"]}
    is_number = found["right"].isdigit() or found["right"] == "%d" or _is_second(values, left, right)
    return is_number or any(map(is_port, names)) or _is_in_url(found)


def _is_in_url(found: re.Match[str]) -> bool:
    return _BEFORE.search(found.string[: found.start("left")]) is not None


def _is_only_said(values: Values, node: ast.expr, found: re.Match[str]) -> bool:
    return not _is_in_url(found) and _is_spoken(values, node)


def _is_hostish_key(left: str) -> bool:
    word = re.sub(r"\W", " ", left).strip().split(" ")[0]
    return bool(words_of(word) & _SURE)


def _is_hostish(values: Values, left: ast.expr, name: str) -> bool:
    if isinstance(left, ast.Subscript) and values.constant(left.slice) == 0:
        return is_host(name) or bool(
            words_of(name) & {"peer", "client", "sockname", "peername", "getpeername", "getsockname", "sockaddr"}
        )
    origins = list(values.origins(left))
    if any(
        values.last(each) in {"gethostname", "getfqdn", "node", "uuid4"}
        for each in origins
        if isinstance(each, ast.Call)
    ):
        return False
    texts = [text for text in map(values.text, origins) if text]
    if texts and len(texts) == len(origins) and not any(text.replace(".", "").isdigit() for text in texts):
        return False
    return is_host(name) and not words_of(name) & {"mac", "domain", "netloc"}


def _is_second(values: Values, left: ast.expr, right: ast.expr | None) -> bool:
    """`peer[0]` and `peer[1]`."""
    return (
        isinstance(left, ast.Subscript)
        and isinstance(right, ast.Subscript | ast.Call)
        and values.constant(left.slice) == 0
        and "[1]" in ast.unparse(right)
    )


def _is_wrapped(values: Values, left: ast.expr) -> bool:
    """Whether a function, or a condition, may have put brackets round the host."""
    known = {
        "str",
        "quote",
        "gethostbyname",
        "inet_ntoa",
        "get",
        "getenv",
        "strip",
        "decode",
        "lower",
        "getpeername",
        "getsockname",
    }
    for origin in values.origins(left):
        if isinstance(origin, ast.Call) and values.last(origin.func) not in known and not isinstance(left, ast.Name):
            return bool(
                re.search(r"brack|quote_host|ipv6|wrap|format|literal|url_host|host_for", identifier(origin.func))
            )
    return False


def _is_spoken(values: Values, node: ast.AST) -> bool:
    """Whether the text is for people: logged, printed, raised."""
    for each in values.module.above(node):
        if isinstance(each, ast.Raise) or (isinstance(each, ast.Call) and identifier(each.func) in _SPOKEN):
            return True
        if isinstance(each, ast.stmt):
            function = values.module.parents.get(each)
            return isinstance(function, ast.FunctionDef) and function.name in {"__repr__", "__str__"}
    return False


RULES: tuple[Rule, ...] = (_splits, _patterns, _joins)
