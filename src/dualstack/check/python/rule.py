"""What a rule for Python is, and what rules share: a remark at a node, calls by the last word of their name."""

import ast
from collections.abc import Callable, Iterator

from dualstack.check.findings.finding import Remark
from dualstack.check.python.values import GAP, Values

__all__ = [
    "IPV4",
    "Rule",
    "at",
    "at_text",
    "calls",
    "identifier",
    "in_default",
    "knows_ipv6",
    "owner_name",
    "references",
    "template",
    "written",
]

Rule = Callable[[Values], Iterator[Remark]]

IPV4 = ("AF_INET", "PF_INET")

_AWARE = frozenset(
    {
        "AF_INET6",
        "PF_INET6",
        "has_dualstack_ipv6",
        "dualstack_ipv6",
        "IPPROTO_IPV6",
        "IPv6Address",
        "inet6",
        "sockaddr_in6",
    }
)


def at(kind: str, node: ast.AST, found: str = "") -> Remark:
    """A remark at a node's beginning."""
    return Remark(getattr(node, "lineno", 1), getattr(node, "col_offset", 0) + 1, kind, found)


def at_text(values: Values, kind: str, node: ast.expr, found: str) -> Remark:
    """A remark on the line of a long text in which `found` stands."""
    lines = values.module.lines[node.lineno - 1 : node.end_lineno]
    shift = next((number for number, line in enumerate(lines) if found in line), 0)
    return Remark(node.lineno + shift, node.col_offset + 1 if not shift else 1, kind, found)


def calls(values: Values, *last: str) -> Iterator[ast.Call]:
    """The calls whose dotted name ends in one of these words."""
    for word in last:
        yield from values.calls_by_name.get(word, ())


def references(values: Values, *last: str) -> Iterator[ast.Name | ast.Attribute]:
    """Names and attributes that are read, and whose dotted name ends in one of these words."""
    for word in last:
        yield from values.references_by_name.get(word, ())


def knows_ipv6(words: frozenset[str]) -> bool:
    """Whether code with these words has the other family in mind."""
    return not _AWARE.isdisjoint(words)


def template(node: ast.expr) -> str:
    """A text as it is written, with a gap for each value in it; empty where it is none."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.Constant(value=bytes(raw)):
            return raw.decode("latin-1")
        case ast.JoinedStr(values=parts):
            return "".join(template(each) if isinstance(each, ast.Constant) else GAP for each in parts)
    return ""


def written(values: Values) -> Iterator[tuple[ast.expr, str]]:
    """Texts as they are written, each by itself; docstrings are none."""
    module = values.module
    for node in (*module.all(ast.Constant), *module.all(ast.JoinedStr)):
        is_part = isinstance(module.parents.get(node), ast.JoinedStr | ast.FormattedValue)
        if not is_part and node not in module.docstrings and (text := template(node)):
            yield node, text


def identifier(node: ast.AST | None) -> str:  # noqa: PLR0911 - a table, as cases
    """What the programmer called it: a name, an attribute, a constant key, the function called."""
    match node:
        case ast.Name(id=word) | ast.Attribute(attr=word) | ast.Constant(value=str(word)):
            return word
        case ast.Subscript(value=value, slice=ast.Constant(value=str(word))):
            return f"{identifier(value)}_{word}"
        case (
            ast.Subscript(value=value)
            | ast.Starred(value=value)
            | ast.Await(value=value)
            | ast.FormattedValue(value=value)
        ):
            return identifier(value)
        case ast.Call(
            func=ast.Attribute(attr="get" | "getenv" | "pop" | "getheader"), args=[ast.Constant(value=str(word)), *_]
        ):
            return word
        case ast.Call(func=ast.Name(id="str" | "int" | "repr" | "bytes" | "quote"), args=[only, *_]):
            return identifier(only)
        case ast.Call(
            func=ast.Attribute(value=value, attr="strip" | "lower" | "decode" | "encode" | "rstrip" | "lstrip")
        ):
            return identifier(value)
        case ast.Call(func=function):
            return identifier(function)
        case ast.BoolOp(values=[first, *_]):
            return identifier(first)
    return ""


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


def in_default(values: Values, node: ast.AST) -> bool:
    """Whether a node is the default of a parameter."""
    return any(isinstance(each, ast.arguments) for each in values.module.above(node))
