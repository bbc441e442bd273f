"""Addresses as four bytes: packed, masked, hashed, kept as a number."""

import ast
import re
from collections.abc import Iterator

from dualstack.check.findings.finding import Remark
from dualstack.check.python.rule import Rule, at, calls, identifier, knows_ipv6
from dualstack.check.python.values import Values
from dualstack.check.words.namings import is_address, vocabulary, words_of

__all__ = ["RULES", "is_membership"]


def is_membership(values: Values, node: ast.AST) -> bool:
    """Whether it is for a group's request: that is said where the option is set."""
    words = values.module.near(node)
    is_packed = any(
        isinstance(each, ast.Call) and values.last(each.func) == "pack" for each in (node, *values.module.above(node))
    )
    statement = values.module.statement(node)
    return bool(words & {"IP_ADD_MEMBERSHIP", "IP_MULTICAST_IF", "IP_DROP_MEMBERSHIP"}) and (
        is_packed
        or "setsockopt" in values.module.words(statement)
        or re.search(r"mreq|member|group", " ".join(values.module.words(statement)), re.IGNORECASE) is not None
    )


def _packed(values: Values) -> Iterator[Remark]:
    """Records with four bytes, or a number, for an address."""
    for call in calls(values, "pack", "unpack", "Struct", "unpack_from", "iter_unpack", "pack_into", "calcsize"):
        text = values.text(call.args[0]) if call.args else None
        if text is None:
            continue
        if any("inet_aton" in values.module.words(each) for each in call.args[1:]):
            continue  # said where the text is converted
        told = _is_told(values, call)
        is_bytes = "4s" in text.replace("14s", "").replace("24s", "").replace("64s", "") and told
        is_number = re.search(r"[!>][BHx]*[IL]", text) is not None and _is_number(values, call)
        if (is_bytes or is_number) and not is_membership(values, call) and not knows_ipv6(values.module.near(call)):
            yield at("addr-int32", call, f"{text!r}")
    for call in calls(values, "int"):
        if (
            len(call.args) == 1
            and isinstance(call.args[0], ast.Call)
            and values.last(call.args[0].func) == "IPv4Address"
        ):
            yield at("addr-int32", call, "int(IPv4Address())")
    for node in values.module.all(ast.Constant):
        if (
            isinstance(node.value, str)
            and re.search(r"\bINET_(?:ATON|NTOA)\s*\(", node.value)
            and node not in values.module.docstrings
        ):
            yield at("addr-int32", node, "INET_ATON()")  # dualstack: ignore[DS224] what is looked for


def _is_told(values: Values, call: ast.Call) -> bool:
    words = values.module.room(call)
    is_address_call = bool(words & {"inet_aton", "inet_ntoa", "inet_pton", "inet_ntop", "AF_INET", "IPv4Address"})
    statement = values.module.statement(call)
    if "SO_ORIGINAL_DST" in values.module.near(call):
        return False  # said where the option is asked
    names = {word for each in values.module.words(statement) if each.isidentifier() for word in words_of(each)}
    return (
        is_address_call
        or not names.isdisjoint({"peer", "peers", "compact"})
        or any(is_address(word) for word in values.module.words(statement) if word.isidentifier())
    )


def _is_packed(node: ast.expr) -> bool:
    """`ip_address(text).packed`"""
    return isinstance(node, ast.Attribute) and node.attr == "packed"


def _is_number(values: Values, call: ast.Call) -> bool:
    """Whether an address is what becomes a number: its argument, or what the result is called."""
    given = [identifier(each) for each in call.args[1:]]
    statement = values.module.statement(call)
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    names = [
        *given,
        *(identifier(one) for each in targets for one in (each.elts if isinstance(each, ast.Tuple) else [each])),
    ]
    inner = any("inet_aton" in values.module.words(each) or _is_packed(each) for each in call.args[1:])
    return inner or any(
        words_of(name) & {"ip", "ipaddr", "ipv4", "saddr", "daddr", "ips", "addr"} and "len" not in words_of(name)
        for name in names
    )


def _shifted(values: Values) -> Iterator[Remark]:
    """Four numbers of an address put into one: `a << 24 | b << 16 | c << 8 | d`."""
    for operation in values.module.all(ast.BinOp) if "<< 24" in values.module.text else ():
        is_outermost = not isinstance(values.module.parents.get(operation), ast.BinOp)
        if not is_outermost or not isinstance(operation.op, ast.BitOr | ast.Add):
            continue
        text = ast.unparse(operation)
        words = values.module.near(operation)
        is_told = any(is_address(word) for word in words if word.isidentifier()) and "." in words
        if "<< 24" in text and "<< 16" in text and "<< 8" in text and is_told:
            yield at("addr-int32", operation, "four numbers as one")


_LENGTH = vocabulary(
    "bits prefix prefixlen mask masklen masksize cidr plen length size n netmask preflen len width bit prefix_len"
)


def _masks(values: Values) -> Iterator[Remark]:
    for operation in values.module.all(ast.BinOp):
        if (
            isinstance(operation.op, ast.LShift | ast.RShift | ast.Pow)
            and _is_rest(values, operation.right)
            and not _is_rotation(values, operation)
        ):
            yield at("netmask-32", operation, "32 - length")
    for compare in values.module.all(ast.Compare):
        if (
            isinstance(compare.ops[0], ast.Eq | ast.NotEq)
            and not _is_of_ipv6(values, compare)
            and any(_is_masked(each) for each in (compare.left, *compare.comparators))
        ):
            yield at("netmask-32", compare, "& mask")


def _is_of_ipv6(values: Values, node: ast.AST) -> bool:
    owner = values.module.class_of(node)
    return owner is not None and "6" in owner.name


def _is_rest(values: Values, node: ast.expr) -> bool:
    """`32 - bits`."""
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Sub) or not _is_32(values, node.left):
        return False
    name = words_of(identifier(node.right))
    return bool(name & _LENGTH) or (isinstance(node.right, ast.Call) and identifier(node.right.func) == "int")


def _is_32(values: Values, node: ast.expr) -> bool:
    return all(isinstance(each, ast.Constant) and each.value == 32 for each in values.origins(node))


def _is_rotation(values: Values, node: ast.AST) -> bool:
    for each in values.module.above(node):
        if isinstance(each, ast.BinOp) and isinstance(each.op, ast.BitOr):
            return True
        if isinstance(each, ast.stmt):
            return knows_ipv6(values.module.near(node)) or "128" in str(values.module.words(each))
    return False


def _is_masked(node: ast.expr) -> bool:
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.BitAnd):
        return False
    names = [words_of(identifier(side)) for side in (node.left, node.right)]
    is_mask = any(name & {"mask", "netmask", "masks", "netmasks"} for name in names)
    other = frozenset().union(*names) | frozenset(
        w for each in ast.walk(node) if isinstance(each, ast.Name) for w in words_of(each.id)
    )
    return is_mask and bool(
        other
        & {
            "ip",
            "addr",
            "address",
            "number",
            "net",
            "network",
            "netmask",
            "host",
            "ipaddr",
            "base",
            "peer",
            "client",
            "remote",
            "value",
            "int",
        }
    )


def _hashes(values: Values) -> Iterator[Remark]:
    """Sums and remainders of an address's numbers."""
    for operation in values.module.all(ast.BinOp):
        if isinstance(operation.op, ast.Mod) and not isinstance(operation.left, ast.Constant | ast.JoinedStr):
            text = ast.unparse(operation.left)
            if re.search(r"int\((?:ipaddress\.)?IPv4Address|split\('\.'\)|inet_aton", text):
                yield at("hash-4-bytes", operation, "a remainder of the address")


RULES: tuple[Rule, ...] = (_packed, _shifted, _masks, _hashes)
