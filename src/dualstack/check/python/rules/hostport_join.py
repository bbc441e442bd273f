"""Host and port joined by a colon, without brackets round an IPv6 address."""

import ast
import re
from collections.abc import Iterator

from dualstack.check.findings.finding import Remark
from dualstack.check.python.rule import Rule, at, identifier, template
from dualstack.check.python.rules.hostport import knows_brackets
from dualstack.check.python.values import GAP, Values
from dualstack.check.words.namings import is_host, is_port, vocabulary, words_of

__all__ = ["RULES"]


_SURE = vocabulary(
    "host hosts hostname addr address ip server netloc hostport endpoint peer remote upstream broker node"
)

_FORMATTED = re.compile(
    r"(?P<left>%s|%\(\w+\)s|\{\w*(?:\.\w+|\[\w+\])*(?:![sr])?\}|\0):(?P<right>%[sdiu]|%\(\w+\)[sdi]|\{\w*(?:\.\w+|\[\w+\])*(?::d)?\}|\0|\d{2,5})"
)


def _joins(values: Values) -> Iterator[Remark]:
    for node, text, parts in _joined(values):
        for found in _FORMATTED.finditer(text):
            position = len(re.findall(r"%\(?|\{|\0", text[: found.start("left")]))
            left, right = [*parts[position : position + 2], None, None][:2]
            if left is None or not _is_place(text, found) or not _is_told(values, found, left, right):
                continue
            if not (
                knows_brackets(values, node)
                or _keeps_brackets(values, node)
                or _has_child(values, node)
                or _is_wrapped(values, left)
                or _is_only_said(values, node, found)
            ):
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
        index = int(name) if name.isdecimal() else number
        fallback = (
            call.args[index]
            if (not name or name.isdecimal()) and index < len(call.args)
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


# Names of what is read by people, or looked up by its whole text.
_TELLING = re.compile(
    r"(?:^|_)(?:repr|str|error|err|describe|description|desc|label|log|msg|message|prefix|title|display)_*$"
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
    return not _is_in_url(found) and (_is_sentence(found) or _is_spoken(values, node))


def _keeps_brackets(values: Values, node: ast.expr) -> bool:
    """Whether it is the authority of a URL that this file has parsed, brackets and all."""
    name = getattr(values.module.function(node), "name", "")
    is_parsed = "\\[" in values.module.word_text and "ipv6" in values.module.word_text.lower()
    return name in {"netloc", "authority", "host_port", "hostport"} and is_parsed


def _has_child(values: Values, node: ast.expr) -> bool:
    """Whether the class has a child of its own for IPv6."""
    owner = values.module.class_of(node)
    return owner is not None and any(
        "6" in each.name and any(identifier(base) == owner.name for base in each.bases)
        for each in values.module.all(ast.ClassDef)
    )


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
    if (
        not isinstance(left, ast.Attribute)
        and texts
        and len(texts) == len(origins)
        and not any(text.replace(".", "").isdigit() for text in texts)
    ):
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
        if identifier(origin) in {"host_subcomponent", "netloc", "authority"}:
            return True
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
        if isinstance(each, ast.keyword) and each.arg and (_TELLING.search(each.arg) or each.arg.endswith("_name")):
            return True
        if isinstance(each, ast.stmt):
            targets = each.targets if isinstance(each, ast.Assign) else []
            function = values.module.function(each)
            names = [*map(identifier, targets), getattr(function, "name", "")]
            return any(_TELLING.search(name) for name in names)
    return False


def _is_sentence(found: re.Match[str]) -> bool:
    """Whether words follow, as in no address, or brackets stand round host and port together."""
    after = found.string[found.end("right") :]
    is_request = re.match(r" HTTP/|[\r\n]", after) or "CONNECT" in found.string
    return not is_request and re.match(r"\S{0,2}\s+\S", after) is not None


RULES: tuple[Rule, ...] = (_joins,)
