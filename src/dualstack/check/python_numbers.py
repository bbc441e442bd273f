"""Addresses as four bytes: old conversions, IPv4 types, packed, masked, hashed, kept in 15 characters."""

# dualstack: ignore-file the words that are looked for stand here

import ast
import re
from collections.abc import Iterator

from dualstack.check.finding import Remark
from dualstack.check.namings import is_address, is_host, vocabulary, words_of
from dualstack.check.python_literals import owner_name
from dualstack.check.python_rule import Rule, at, calls, identifier, knows_ipv6, references
from dualstack.check.python_sockets import IPV4
from dualstack.check.python_values import Values

__all__ = ["RULES"]

_OLD = frozenset({"inet_aton", "inet_ntoa"})
_V4_TYPES = frozenset({"IPv4Address", "IPv4Network", "IPv4Interface"})
_V6 = frozenset({"IPv6Address", "IPv6Network", "IPv6Interface", "IPvAnyAddress", "inet_pton", "AF_INET6", "inet6_aton"})
_HASHES = vocabulary("crc32 adler32 md5 sha1 sha256 hash fnv1a murmur mmh3 xxh32 blake2b siphash jhash")


def _old_conversions(values: Values) -> Iterator[Remark]:
    for node in references(values, *_OLD):
        word = values.last(node)
        if isinstance(values.module.parents.get(node), ast.Attribute):
            continue
        if isinstance(node, ast.Name) and not values.name(node).startswith(("socket", "?")) and node.id not in _OLD:
            continue
        call = values.module.parents.get(node)
        if (
            isinstance(node, ast.Name)
            and node.id not in _OLD
            and not (isinstance(call, ast.Call) and call.func is node)
        ):
            continue
        if _is_of_library(values, node):
            continue
        if not _is_for_both(values, node) and not _is_membership(values, node):
            yield _conversion(values, node, word)


def _is_of_library(values: Values, node: ast.expr) -> bool:
    """Whether another module's function has the name, as dnspython's `dns.ipv6.inet_aton` has, or this file's own."""
    name = values.name(node)
    is_own = any(function.name == name for function in values.module.functions)
    base = name.rpartition(".")[0]
    return is_own or (
        base in {each for each in values.module.imports.values() if "socket" not in each}
        if "." not in base
        else base.startswith("dns.")
    )


def _is_for_both(values: Values, node: ast.AST) -> bool:
    words = values.module.near(node)
    return bool(words & {"inet_pton", "inet_ntop", "AF_INET6", "IPv6Address"}) or _is_twinned(values, node)


def _is_twinned(values: Values, node: ast.AST) -> bool:
    name = getattr(values.module.function(node), "name", "")
    return "4" in name and name.replace("4", "6") in values.module.all_words


def _is_membership(values: Values, node: ast.AST) -> bool:
    """Whether it is for a group's request: that is said where the option is set."""
    words = values.module.near(node)
    is_packed = any(
        isinstance(each, ast.Call) and values.last(each.func) == "pack" for each in (node, *values.module.above(node))
    )
    statement = values.module.statement(node)
    return bool(words & {"IP_ADD_MEMBERSHIP", "IP_MULTICAST_IF", "IP_DROP_MEMBERSHIP"}) and (
        is_packed
        or "setsockopt" in values.module.words(statement)
        or "mreq" in " ".join(values.module.words(statement))
    )


def _conversion(values: Values, node: ast.AST, word: str) -> Remark:
    """The remark on an old conversion: of a hash, a number, or itself."""
    for each in values.module.above(node):
        if isinstance(each, ast.Call) and values.last(each.func) in _HASHES:
            return at("hash-4-bytes", node, f"{values.last(each.func)}() of {word}()")
        if isinstance(each, ast.BinOp) and isinstance(each.op, ast.Mod | ast.BitXor):
            return at("hash-4-bytes", node, f"{word}()")
        if isinstance(each, ast.Call) and values.last(each.func) in {"unpack", "from_bytes", "unpack_from"}:
            kind = "hash-4-bytes" if _is_hashing(values, node) else "addr-int32"
            return at(kind, node, "an address as a number")
        if isinstance(each, ast.stmt):
            break
    if word == "inet_ntoa" and _is_from_number(values, node):
        return at("addr-int32", node, "an address from a number")
    return at("text-conv-ipv4", node, f"{word}()")


def _is_hashing(values: Values, node: ast.AST) -> bool:
    for each in values.module.above(node):
        if isinstance(each, ast.BinOp) and isinstance(each.op, ast.Mod | ast.BitXor):
            return True
    return False


def _is_from_number(values: Values, node: ast.AST) -> bool:
    call = values.module.parents.get(node)
    given = call.args if isinstance(call, ast.Call) else []
    inner = [origin for each in given for origin in values.origins(each)]
    return any(
        isinstance(each, ast.Call) and values.last(each.func) in {"pack", "to_bytes", "pack_into"} for each in inner
    )


def _presentation(values: Values) -> Iterator[Remark]:
    """inet_pton() and inet_ntop() with the family written down, where no call of the file has the other."""
    found = [
        call for call in values.module.all(ast.Call) if values.last(call.func) in {"inet_pton", "inet_ntop", "partial"}
    ]
    families = [(call, _converted_family(values, call)) for call in found]
    if any(values.is_family(family, "AF_INET6", "PF_INET6") for _, family in families if family is not None):
        return
    for call, family in families:
        if family is not None and values.is_family(family, *IPV4) and not knows_ipv6(values.module.near(call)):
            yield at("pton-ipv4", call, "AF_INET written down")


def _converted_family(values: Values, call: ast.Call) -> ast.expr | None:
    if identifier(call.func) == "partial":
        is_conversion = call.args and values.last(call.args[0]) in {"inet_pton", "inet_ntop"}
        return call.args[1] if is_conversion and len(call.args) > 1 else None
    if any(
        isinstance(origin, ast.Call) and identifier(origin.func) == "partial" for origin in values.origins(call.func)
    ):
        return None
    return call.args[0] if call.args and values.last(call.func) != "partial" else None


def _types(values: Values) -> Iterator[Remark]:
    """Annotations, fields and calls that take IPv4's types where the file knows none of IPv6's."""
    words = values.module.all_words
    if words & {"IPv6Address", "IPv6Network", "IPv6Interface", "IPvAnyAddress"}:
        return
    for node in references(values, *_V4_TYPES):
        name = values.name(node)
        if (
            name.rpartition(".")[2] in _V4_TYPES
            and name.startswith(("ipaddress.", "?.", "pydantic"))
            and isinstance(node.ctx, ast.Load)
            and _is_type_use(values, node)
        ):
            yield at("ipaddress-v4-type", node, name.rpartition(".")[2])
    yield from _validators(values)


def _is_type_use(values: Values, node: ast.expr) -> bool:
    parent = values.module.parents.get(node)
    if isinstance(parent, ast.Attribute):
        return False
    if isinstance(parent, ast.Call) and parent.func is node:
        return not (parent.args and (values.text(parent.args[0]) or "").replace(".", "").replace("/", "").isdigit())
    for each in values.module.above(node):
        if isinstance(each, ast.Call) and identifier(each.func) in {"isinstance", "issubclass", "cast"}:
            return False
        if isinstance(each, ast.ExceptHandler | ast.ClassDef) and node in getattr(each, "bases", [node]):
            return False
        if isinstance(each, ast.stmt):
            break
    return True


_ONLY = {
    "validate_ipv4_address": "IPv4's validator",
    "valid_ipv4": "valid_ipv4()",
    "is_ipv4": "",
    "ipv4_address": "",
    "IPv4": "fields.IPv4",
}


def _validators(values: Values) -> Iterator[Remark]:
    words = values.module.all_words
    is_both = any(re.search(r"ipv6|ipv46|inet6|both", word, re.IGNORECASE) for word in words)
    for call in values.module.all(ast.Call):
        for keyword in call.keywords:
            if keyword.arg == "protocol" and (values.text(keyword.value) or "").lower() == "ipv4":
                yield at("ipaddress-v4-type", call, 'protocol="IPv4"')
            if (
                keyword.arg == "version"
                and values.constant(keyword.value) == 4
                and identifier(call.func) in {"IPAddress", "IPNetwork"}
            ):
                yield at("ipaddress-v4-type", call, "version=4")
        name = values.name(call.func)
        if not is_both and (
            name.endswith((".valid_ipv4", "validators.ipv4", "fields.IPv4", "validate_ipv4_address", "is_valid_ipv4"))
        ):
            yield at("ipaddress-v4-type", call, name.rpartition(".")[2])
        if name.endswith(("validators.IPAddress", "wtforms.validators.IPAddress")) and not any(
            k.arg == "ipv6" for k in call.keywords
        ):
            yield at("ipaddress-v4-type", call, "IPAddress() of IPv4 alone")
    for node in values.module.all(ast.Attribute):
        if (
            not is_both
            and node.attr == "validate_ipv4_address"
            and not isinstance(values.module.parents.get(node), ast.Call)
        ):
            yield at("ipaddress-v4-type", node, node.attr)


_NETWORK = re.compile(r"(?:^|[!<>=@])\d*[BHIQs\d]*4s")


def _packed(values: Values) -> Iterator[Remark]:
    """Records with four bytes, or a number, for an address."""
    for call in calls(values, "pack", "unpack", "Struct", "unpack_from", "iter_unpack", "pack_into", "calcsize"):
        text = values.text(call.args[0]) if call.args else None
        if text is None:
            continue
        told = _is_told(values, call)
        is_bytes = "4s" in text.replace("14s", "").replace("24s", "").replace("64s", "") and told
        is_number = re.search(r"[!>][BHx]*[IL]", text) is not None and _is_number(values, call)
        if (is_bytes or is_number) and not _is_membership(values, call) and not knows_ipv6(values.module.near(call)):
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
            yield at("addr-int32", node, "INET_ATON()")


def _is_told(values: Values, call: ast.Call) -> bool:
    words = values.module.room(call)
    is_address_call = bool(words & {"inet_aton", "inet_ntoa", "inet_pton", "inet_ntop", "AF_INET", "IPv4Address"})
    statement = values.module.statement(call)
    return is_address_call or any(is_address(word) for word in values.module.words(statement) if word.isidentifier())


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
_FULL = 0xFFFFFFFF


def _masks(values: Values) -> Iterator[Remark]:
    for operation in values.module.all(ast.BinOp):
        if (
            isinstance(operation.op, ast.LShift | ast.RShift | ast.Pow)
            and _is_rest(values, operation.right)
            and not _is_rotation(values, operation)
        ):
            yield at("netmask-32", operation, "32 - length")
    for compare in values.module.all(ast.Compare):
        if isinstance(compare.ops[0], ast.Eq | ast.NotEq) and any(
            _is_masked(each) for each in (compare.left, *compare.comparators)
        ):
            yield at("netmask-32", compare, "& mask")


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


_COLUMN = re.compile(
    r"\b(?P<name>\w*(?:ip|addr|host|peer|remote|client)\w*)[`\"\]]?\s+(?:VAR)?(?:CHAR|BINARY|STRING)\w*"
    r"(?: varying)?\s*\(\s*1[5-8]\s*\)",
    re.IGNORECASE,
)
_FIELDS = vocabulary(
    "CharField String VARCHAR CHAR Unicode Varchar StringField Length Field constr TextField "
    "FixedCharField NVARCHAR MaxLengthValidator"
)


def _columns(values: Values) -> Iterator[Remark]:
    for call in values.module.all(ast.Call):
        last = values.last(call.func)
        if last == "IPAddressField" and "models" in values.name(call.func):
            yield at("column-15", call, "models.IPAddressField()")
        if last not in _FIELDS:
            continue
        sizes = [*call.args[:1], *(k.value for k in call.keywords if k.arg in {"max_length", "length", "max"})]
        if any(values.constant(size) in {15, 16, 17, 18} for size in sizes) and _is_address_column(values, call):
            yield at("column-15", call, f"{last}() of 15 characters")
    for node in values.module.all(ast.Constant):
        if not isinstance(node.value, str) or node in values.module.docstrings:
            continue
        for found in _COLUMN.finditer(node.value):
            if is_host(found["name"]) or is_address(found["name"]):
                shift = node.value[: found.start()].count("\n") if "\n" in node.value else 0
                yield Remark(node.lineno + shift, node.col_offset + 1, "column-15", found["name"])


def _is_address_column(values: Values, call: ast.Call) -> bool:
    """By the variable's name, or by the first text of the column around."""
    names = [owner_name(values, call)]
    for each in values.module.above(call):
        if isinstance(each, ast.Call):
            names.extend(text for one in each.args[:1] if (text := values.text(one)))
        if isinstance(each, ast.Assign | ast.AnnAssign):
            target = each.targets[0] if isinstance(each, ast.Assign) else each.target
            names.append(identifier(target))
            break
    return any(is_host(name) for name in names)


def _hashes(values: Values) -> Iterator[Remark]:
    """Sums and remainders of an address's numbers."""
    for operation in values.module.all(ast.BinOp):
        if isinstance(operation.op, ast.Mod) and not isinstance(operation.left, ast.Constant | ast.JoinedStr):
            text = ast.unparse(operation.left)
            if re.search(r"int\((?:ipaddress\.)?IPv4Address|split\('\.'\)|inet_aton", text):
                yield at("hash-4-bytes", operation, "a remainder of the address")


RULES: tuple[Rule, ...] = (_old_conversions, _presentation, _types, _packed, _shifted, _masks, _columns, _hashes)
