"""Dotted quads by hand: patterns for them, parsed at their dots, printed with dots, cut after the third number."""

import ast
import re
from collections.abc import Iterator

from dualstack.check.findings.finding import Remark
from dualstack.check.python.rule import Rule, at, calls, identifier, knows_ipv6, owner_name
from dualstack.check.python.values import GAP, Values
from dualstack.check.words.literals import is_ipv6_pattern, is_quad_format, is_quad_pattern, is_reversed_quad
from dualstack.check.words.namings import is_address, is_host, is_version, words_of

__all__ = ["RULES"]


def _patterns(values: Values) -> Iterator[Remark]:
    found = [
        (node, text)
        for node, text in _texts(values)
        if is_quad_pattern(text) and not is_version(owner_name(values, node))
    ]
    if not found or any(map(is_ipv6_pattern, _long_texts(values))):
        return
    for node, text in found:
        if _EMBEDDED.match(text):
            continue
        if not _is_made_of(values, node, {id(one) for one, _ in found}) and not _is_of_version(values, node, text):
            yield at("dotted-quad-regex", node, "a pattern of dotted quads")


# The end of an IPv6 address may be a dotted quad.
_EMBEDDED = re.compile(r"\^?\(?\.\*\)?:")


def _texts(values: Values) -> Iterator[tuple[ast.expr, str]]:
    module = values.module
    for kind in (ast.Constant, ast.JoinedStr, ast.BinOp):
        for node in module.all(kind):
            parent = module.parents.get(node)
            if node in module.docstrings or isinstance(parent, ast.JoinedStr | ast.FormattedValue):
                continue
            if isinstance(node, ast.BinOp):
                if not isinstance(node.op, ast.Add) or isinstance(parent, ast.BinOp):
                    continue
            elif isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Add) and not is_quad_pattern(_plain(node)):
                continue
            text = values.text(node)
            if text is not None and "." in text:
                yield node, text


def _plain(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _long_texts(values: Values) -> Iterator[str]:
    for node in values.module.all(ast.Constant):
        if isinstance(node.value, str) and node not in values.module.docstrings and "[" in node.value:
            yield node.value


def _is_made_of(values: Values, node: ast.expr, others: set[int]) -> bool:
    """Whether another finding is a part of this text, by name: that is where it is said."""
    for each in ast.walk(node):
        if each is not node and id(each) in others:
            return True
        if isinstance(each, ast.Name) and any(
            id(origin) in others and origin is not node for origin in values.origins(each)
        ):
            return True
    return False


def _is_of_version(values: Values, node: ast.expr, text: str) -> bool:
    """Whether the pattern, its function or its statement is about versions and object identifiers."""
    if re.search(r"version|\\bv|\^v|Firefox|Chrome|Mozilla|release|agent", text, re.IGNORECASE):
        return True
    statement = values.module.statement(node)
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    function = values.module.function(node)
    return any(is_version(identifier(each)) for each in targets) or is_version(getattr(function, "name", ""))


def _parses(values: Values) -> Iterator[Remark]:
    for call in values.module.all(ast.Call):
        function = call.func
        if not isinstance(function, ast.Attribute) or not call.args:
            continue
        if (
            function.attr in {"split", "rsplit", "partition", "rpartition"}
            and values.text(call.args[0]) == "."
            and _is_quad(values, call, function.value)
        ):
            yield _cut(values, call)
        elif (
            function.attr in {"rfind", "rindex"}
            and values.text(call.args[0]) == "."
            and is_address(identifier(function.value))
        ):
            yield at("prefix-24", call, f"{function.attr}('.')")
        elif (
            function.attr == "count"
            and values.text(call.args[0]) == "."
            and _is_counted(values, call)
            and not knows_ipv6(values.module.near(call))
            and values.module.near(call).isdisjoint({"EPRT", "EPSV"})
        ):
            if not is_version(identifier(function.value)):
                yield at("dotted-quad-parse", call, "count('.')")
        elif (
            function.attr == "replace"
            and values.text(call.args[0]) == "."
            and _is_digits(values, call)
            and (
                is_address(identifier(function.value)) or is_address(getattr(values.module.function(call), "name", ""))
            )
            and ":" not in values.module.near(call)
        ):
            yield at("dotted-quad-parse", call, "digits and dots")


def _cut(values: Values, call: ast.Call) -> Remark:
    """A prefix where the last number falls away, else a parse."""
    parent = values.module.parents.get(call)
    assert isinstance(call.func, ast.Attribute)  # noqa: S101 - asked by the caller
    is_first = isinstance(parent, ast.Subscript) and values.constant(parent.slice) == 0
    if call.func.attr in {"rsplit", "rpartition"} and (is_first or _is_target_of_prefix(values, call)):
        return at("prefix-24", call, f"{call.func.attr}('.')")
    if (
        isinstance(parent, ast.Subscript)
        and isinstance(parent.slice, ast.Slice)
        and values.constant(parent.slice.upper) in {3, 2, -1}
    ):
        return at("prefix-24", call, "the first numbers")
    return at("dotted-quad-parse", call, f"{call.func.attr}('.')")


def _is_target_of_prefix(values: Values, call: ast.Call) -> bool:
    statement = values.module.statement(call)
    names = frozenset().union(*(words_of(word) for word in values.module.words(statement) if word.isidentifier()))
    return bool(names & {"prefix", "subnet", "network", "net", "group", "bucket", "masked", "block"})


def _is_quad(values: Values, call: ast.Call, subject: ast.expr) -> bool:
    """Whether what is cut at its dots is an address: by name, by four parts, or by being counted to four."""
    name = identifier(subject)
    if is_version(name) or _is_turned(values, call) or knows_ipv6(values.module.near(call)):
        return False
    function_name = getattr(values.module.function(call), "name", "")
    statement = values.module.statement(call)
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    parts = [each for target in targets if isinstance(target, ast.Tuple) for each in target.elts]
    names = [identifier(each) for each in targets]
    if len(parts) == 4 and not any(is_version(identifier(each)) for each in parts):
        return True
    is_named = is_address(name) or any(words_of(each) & {"octets", "octet", "quad", "quads"} for each in names)
    is_tested = _is_len_four(values, call) and (
        is_address(function_name) or "255" in _numbers(values, call) or "256" in _numbers(values, call)
    )
    return is_named or is_tested


def _is_turned(values: Values, node: ast.AST) -> bool:
    """Whether the parts are put in the opposite order: that is said where they are joined."""
    return bool(
        re.search(
            r"reverse|\[::-1\]|in-addr\.arpa",
            ast.unparse(values.module.function(node) or values.module.statement(node)),
        )
    )


def _numbers(values: Values, node: ast.AST) -> set[str]:
    function = values.module.function(node) or values.module.statement(node)
    return {
        str(each.value) for each in ast.walk(function) if isinstance(each, ast.Constant) and isinstance(each.value, int)
    }


def _is_len_four(values: Values, call: ast.Call) -> bool:
    function = values.module.function(call) or values.module.statement(call)
    for each in ast.walk(function):
        left = each.left if isinstance(each, ast.Compare) else None
        is_length = isinstance(left, ast.Call) and identifier(left.func) == "len"
        if is_length and isinstance(each, ast.Compare) and values.constant(each.comparators[0]) == 4:
            return True
    return False


def _is_counted(values: Values, call: ast.Call) -> bool:
    parent = values.module.parents.get(call)
    is_three = isinstance(parent, ast.Compare) and isinstance(parent.ops[0], ast.Eq | ast.NotEq)
    if not is_three or not isinstance(parent, ast.Compare) or values.constant(parent.comparators[0]) != 3:
        return False
    subject = identifier(call.func.value) if isinstance(call.func, ast.Attribute) else ""
    function = getattr(values.module.function(call), "name", "")
    return is_host(subject) or is_address(function) or "isdigit" in values.module.near(call)


def _is_digits(values: Values, call: ast.Call) -> bool:
    parent = values.module.parents.get(call)
    return isinstance(parent, ast.Attribute) and parent.attr in {"isdigit", "isdecimal", "isnumeric"}


def _prints(values: Values) -> Iterator[Remark]:
    for node in values.module.all(ast.JoinedStr):
        text = "".join(
            each.value if isinstance(each, ast.Constant) and isinstance(each.value, str) else GAP
            for each in node.values
        )
        yield from _printed(values, node, text)
    for operation in values.module.all(ast.BinOp):
        if isinstance(operation.op, ast.Mod):
            yield from _printed(values, operation, values.text(operation.left) or "")
    for call in calls(values, "format"):
        if isinstance(call.func, ast.Attribute):
            yield from _printed(values, call, values.text(call.func.value) or "")
    for call in calls(values, "join"):
        if isinstance(call.func, ast.Attribute) and values.text(call.func.value) == "." and call.args:
            yield from _joined(values, call)


def _printed(values: Values, node: ast.expr, text: str) -> Iterator[Remark]:
    if is_reversed_quad(text) and (text.count(".") > 3):
        if "in-addr" in text or re.search(
            r"arpa|rbl|dnsbl|zone|reverse|list", " ".join(values.module.near(node)), re.IGNORECASE
        ):
            yield at("reverse-in-addr-arpa", node, "labels turned round")
        return
    is_aware = any(re.search(r"v6|inet6", word, re.IGNORECASE) for word in values.module.near(node) if len(word) < 40)
    if not values.module.all_words.isdisjoint({"EPRT", "EPSV"}):
        return
    if (
        is_quad_format(text)
        and not is_aware
        and not _is_of_version(values, node, text)
        and not is_version(owner_name(values, node))
    ):
        names = " ".join(word for word in values.module.words(values.module.statement(node)) if word.isidentifier())
        if not is_version(names):
            yield at("dotted-quad-format", node, "four numbers with dots")


def _joined(values: Values, call: ast.Call) -> Iterator[Remark]:
    """`".".join(map(str, packed))` where bytes or octets are told."""
    inner = call.args[0]
    text = ast.unparse(inner)
    if "split('.')" in text and re.search(r"\[:(?:3|-1)\]", text):
        yield at("prefix-24", call, "the first three numbers")
        return
    if _is_first_three(values, inner) or _is_last_replaced(values, inner):
        yield at("prefix-24", call, "the first three numbers")
        return
    words = frozenset().union(*(words_of(word) for word in values.module.words(inner) if word.isidentifier()))
    name = identifier(values.module.function(call)) or getattr(values.module.function(call), "name", "")
    if re.fullmatch(r"\w+\[:4\]", text) and not values.module.near(call).isdisjoint({"PASV", "227"}):
        yield at("dotted-quad-format", call, "numbers joined by dots")
        return
    is_numbers = bool(re.match(r"map\(str|\(?\[?(?:str\(|f'\{\w+\}'|'%d')", text))
    cut = re.search(r"\[(\d+):(\d+)\]", text)
    is_told = (
        (cut is not None and int(cut[2]) - int(cut[1]) == 4)
        or (">>" in text and ("255" in text or "24, 16, 8" in text))
        or ("raw" in words and "4s" in values.module.word_text)
        or bool(words & {"octets", "octet", "quad", "packed", "ip", "addr", "address", "ipaddr"})
        or is_address(name)
        or is_address(owner_name(values, call))
    )
    is_aware = any(re.search(r"v6|inet6", word, re.IGNORECASE) for word in values.module.near(call) if len(word) < 40)
    if (
        is_numbers
        and is_told
        and not is_aware
        and not any(map(is_version, words))
        and "reversed(" not in text
        and "[::-1]" not in text
    ):
        yield at("dotted-quad-format", call, "numbers joined by dots")


_AWARE = re.compile(r"(?<!\d)(?:64|56|48|128)(?!\d)|v6|ipv6|version|is_ipv4", re.IGNORECASE)


def _prefixes(values: Values) -> Iterator[Remark]:
    """Networks of 256 hosts round an address."""
    for node in values.module.all(ast.JoinedStr):
        if len(node.values) < 4:
            text = "".join(
                each.value if isinstance(each, ast.Constant) and isinstance(each.value, str) else _gap(values, each)
                for each in node.values
            )
            if re.fullmatch(r"\0/(?:24|16)", text) and not _is_aware(values, node):
                yield at("prefix-24", node, "/24")
    for call in calls(values, "ip_network", "IPNetwork", "ip_interface", "supernet"):
        argument = next(values.origins(call.args[0]), None) if call.args else None
        length = argument.elts[1] if isinstance(argument, ast.Tuple) and len(argument.elts) == 2 else None
        new = next((each.value for each in call.keywords if each.arg == "new_prefix"), None)
        text = ast.unparse(argument) if argument is not None else ""
        is_added = isinstance(argument, ast.BinOp) and (
            text.endswith(("'/24'", "'/16'")) or text.startswith(("'%s/24'", "'%s/16'"))
        )
        if (is_added or values.constant(length or new) in {24, 16}) and not _is_aware(values, call):
            yield at("prefix-24", call, "/24")
    for call in calls(values, "sub"):
        if (
            call.args
            and re.match(
                r"(?:\(?\\\.)?(?:\\d|\[0-9\])(?:\+|\{1,3\}|\*)\)?\$",
                (values.text(call.args[0]) or "").removeprefix("("),
            )
            and not _is_aware(values, call)
            and _is_masking(values, call)
        ):
            yield at("prefix-24", call, "the last number")


def _is_first_three(values: Values, node: ast.expr) -> bool:
    """`octets[:3]` of a text that was cut at its dots."""
    if not isinstance(node, ast.Subscript) or not isinstance(node.slice, ast.Slice):
        return False
    is_three = values.constant(node.slice.upper) == 3 or ast.unparse(node.slice) == ":-1"
    cuts = [ast.unparse(each) for each in values.origins(node.value)]
    names = words_of(identifier(node.value)) & {"octets", "octet", "quad"}
    return is_three and any("split('.')" in cut and (names or is_address(cut.partition(".")[0])) for cut in cuts)


def _is_last_replaced(values: Values, node: ast.expr) -> bool:
    """`parts[-1] = "0"` before the parts of an address are joined again."""
    function = values.module.function(node)
    if not isinstance(node, ast.Name) or function is None:
        return False
    cuts = [ast.unparse(each) for each in values.origins(node)]
    is_cut = any("split('.')" in cut and is_address(cut.partition(".")[0]) for cut in cuts)
    return is_cut and any(
        isinstance(target, ast.Subscript)
        and identifier(target.value) == node.id
        and ast.unparse(target.slice) in {"-1", "3"}
        for each in ast.walk(function)
        if isinstance(each, ast.Assign)
        for target in each.targets
    )


def _is_masking(values: Values, call: ast.Call) -> bool:
    return any(is_address(word) or "anonym" in word for word in values.module.near(call) if word.isidentifier())


def _gap(values: Values, part: ast.expr) -> str:
    """A number where it is known; the length may be kept by a default."""
    value = part.value if isinstance(part, ast.FormattedValue) else part
    for origin in values.origins(value):
        if isinstance(origin, ast.Constant) and isinstance(origin.value, int):
            return str(origin.value)
    return GAP


def _is_aware(values: Values, node: ast.AST) -> bool:
    words = values.module.near(node)
    function = values.module.function(node)
    numbers = _numbers(values, node) if function is not None else set()
    return (
        bool(numbers & {"64", "56", "48"})
        or knows_ipv6(words)
        or any(_AWARE.search(word) for word in words if len(word) < 40)
    )


RULES: tuple[Rule, ...] = (_patterns, _parses, _prints, _prefixes)
