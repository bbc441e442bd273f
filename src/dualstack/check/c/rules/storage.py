"""Addresses in C's structures: sockaddr_in, sockaddr, in_addr, a number, sixteen characters."""

from collections.abc import Iterator

from dualstack.check.c.module import Block, CModule
from dualstack.check.c.rule import CRule, at, calls, knows_ipv6, room
from dualstack.check.findings.finding import Remark
from dualstack.check.words.literals import is_quad_format
from dualstack.check.words.namings import is_address, is_host, is_twin, words_of

__all__ = ["RULES"]

_INTEGERS = frozenset({"uint32_t", "u_int32_t", "u32", "__u32", "__be32", "n_long", "uint32", "ulong", "DWORD"})


def _declared(module: CModule, place: int) -> tuple[str, int] | None:
    """The name that a type at `place` declares, and how many stars stand before it; None in a cast or a sizeof."""
    stars, now = 0, place + 1
    while now < len(module.tokens) and module.tokens[now].text in {"*", "const", "restrict", "volatile"}:
        stars += module.tokens[now].text == "*"
        now += 1
    token = module.tokens[now] if now < len(module.tokens) else None
    after = module.tokens[now + 1].text if now + 1 < len(module.tokens) else ""
    if token is None or token.kind != "word" or after not in {";", ",", "=", "[", ")", ":"}:
        return None
    return token.text, stars


def _socket_addresses(module: CModule) -> Iterator[Remark]:
    for place, token in enumerate(module.tokens):
        if token.text not in {"sockaddr_in", "sockaddr"} or module.tokens[place - 1].text != "struct":
            continue
        declared = _declared(module, place)
        structure = module.structure(place)
        if declared is None or knows_ipv6(room(module, place)) or (structure is not None and _has_room(module, place)):
            continue
        if token.text == "sockaddr_in" and not _is_view(module, place, declared[1]):
            yield at("storage-sockaddr-in", token, f"struct sockaddr_in {declared[0]}")
        elif token.text == "sockaddr" and declared[1] == 0:
            yield at("storage-sockaddr", token, f"struct sockaddr {declared[0]}")


def _has_room(module: CModule, place: int) -> bool:
    structure = module.structure(place)
    return structure is not None and bool(module.words(structure) & {"sockaddr_storage", "sockaddr_in6", "in6_addr"})


def _is_view(module: CModule, place: int, stars: int) -> bool:
    """Whether it is a pointer that looks at another's storage."""
    if stars == 0:
        return False
    function = module.function(place)
    first, last = module.statement(place)
    return function is not None and place > function.body and "=" in module.spelled(first, last)


def _sizes(module: CModule) -> Iterator[Remark]:
    """`sizeof(struct sockaddr)` as the length of any address, and that of `sockaddr_in` where none is declared."""
    for place, token in enumerate(module.tokens):
        if token.text != "sizeof" or module.tokens[place + 1 : place + 2] == [] or module.tokens[place + 1].text != "(":
            continue
        inner = [each.text for each in module.tokens[place + 2 : module.closing.get(place + 1, place)]]
        words = room(module, place)
        if knows_ipv6(words) or _is_declared_beside(module, place):
            continue
        if inner == ["struct", "sockaddr"] or (inner == ["struct", "sockaddr_in"] and "sockaddr_storage" in words):
            yield at("storage-sockaddr", token, f"sizeof({' '.join(inner)})")


def _is_declared_beside(module: CModule, place: int) -> bool:
    """Whether the function's sockaddr_in has its own remark already."""
    function = module.function(place)
    if function is None:
        return False
    for now in range(function.first, function.last):
        if (
            module.tokens[now].text == "sockaddr_in"
            and (declared := _declared(module, now)) is not None
            and not _is_view(module, now, declared[1])
        ):
            return True
    return False


def _members(module: CModule) -> Iterator[Remark]:
    """Members of a structure: in_addr, in_addr_t, a number named like an address."""
    for place, token in enumerate(module.tokens):
        block = module.structure(place)
        if block is not None and (token.text in {"in_addr", "in_addr_t"} or _is_number(module, place)):
            declared = _declared(module, place)
            if (
                declared is None
                or knows_ipv6(module.words(block))
                or is_twin(declared[0], module.all_words)
                or is_twin(_name_behind(module, block), module.all_words)
            ):
                continue
            if token.text in {"in_addr", "in_addr_t"}:
                yield at("storage-in-addr", token, f"{token.text} {declared[0]}")
            elif (
                _is_number(module, place)
                and declared[1] == 0
                and _is_address_word(declared[0])
                and _is_of_addresses(module)
            ):
                yield at("addr-int32", token, declared[0])


def _name_behind(module: CModule, block: Block) -> str:
    """What a structure is called where it is declared: `struct { ... } ip4;`."""
    after = block.last + 1
    is_word = after < len(module.tokens) and module.tokens[after].kind == "word"
    return module.tokens[after].text if is_word else block.name


def _is_number(module: CModule, place: int) -> bool:
    text, before = module.tokens[place].text, module.tokens[place - 1].text
    return text in _INTEGERS or (text in {"int", "long", "unsigned"} and (before == "unsigned" or text == "unsigned"))


def _is_address_word(name: str) -> bool:
    words = words_of(name)
    is_told = bool(
        words
        & {
            "ip",
            "ips",
            "addr",
            "address",
            "ipaddr",
            "saddr",
            "daddr",
            "network",
            "ipv4",
            "ip4",
            "netmask",
            "peer",
            "dst",
            "src",
            "gw",
            "gateway",
            "sip",
            "dip",
            "host",
        }
    )
    return is_told and not words & {
        "len",
        "size",
        "count",
        "port",
        "num",
        "flags",
        "id",
        "ttl",
        "hash",
        "proto",
        "type",
        "index",
        "family",
    }


def _is_of_addresses(module: CModule) -> bool:
    words = module.all_words
    return bool(
        words
        & {
            "s_addr",
            "sin_addr",
            "inet_addr",
            "inet_ntoa",
            "inet_aton",
            "in_addr",
            "in_addr_t",
            "ntohl",
            "htonl",
            "saddr",
            "INADDR_ANY",
            "inet_pton",
        }
    )


def _numbers(module: CModule) -> Iterator[Remark]:
    """Parameters and variables that hold an address as a number."""
    for block in module.blocks:
        if block.kind != "function" or knows_ipv6(module.words(block)):
            continue
        for place in range(block.first, block.last):
            if not _is_number(module, place) or module.structure(place) is not None:
                continue
            declared = _declared(module, place)
            is_told = declared is not None and _is_address_word(declared[0]) and declared[1] == 0
            if is_told and declared is not None and (_is_of_addresses(module) or is_address(declared[0])):
                yield at("addr-int32", module.tokens[place], declared[0])


def _copies(module: CModule) -> Iterator[Remark]:
    """Four bytes copied out of, or compared with, a sockaddr_in."""
    for call in calls(module, "memcpy", "memmove", "memcmp", "bcopy"):
        words = room(module, call.at)
        if knows_ipv6(words) or len(call.arguments) != 3:
            continue
        source = {token.text for token in call.arguments[1]} | (
            {token.text for token in call.arguments[0]} if call.name == "memcmp" else set()
        )
        size = " ".join(token.text for token in call.arguments[2])
        is_four = size in {"4", "sizeof ( struct in_addr )", "sizeof ( in_addr_t )", "sizeof ( uint32_t )"}
        if is_four and source & {"sin_addr", "s_addr"} and "h_addr" not in source:
            yield at("addr-int32", module.tokens[call.at], f"{call.name}() of four bytes")


def _text_buffers(module: CModule) -> Iterator[Remark]:
    said: set[str] = set()
    for place, token in enumerate(module.tokens):
        if token.text not in {"char", "CHAR", "u_char", "gchar"} or _declared(module, place) is None:
            continue
        first = place
        _, last = module.statement(place)
        if _knows_room(module, place):
            continue
        for now in range(first, last):
            if module.tokens[now].text == "[" and (size := module.tokens[now + 1 : module.closing.get(now, now)]):
                yield from _buffer(module, now - 1, size, said)
    for name, value in module.macros.items():
        if (
            [each.text for each in value] == ["INET_ADDRSTRLEN"]
            and "INET6_ADDRSTRLEN" not in module.all_words
            and name not in said
        ):
            yield at("text-buffer-16", value[0], f"{name} is INET_ADDRSTRLEN")


def _knows_room(module: CModule, place: int) -> bool:
    """Whether the structure or function has a buffer for IPv6's text as well."""
    return "INET6_ADDRSTRLEN" in room(module, place)


def _buffer(module: CModule, place: int, size: list, said: set[str]) -> Iterator[Remark]:  # type: ignore[type-arg]
    written = " ".join(token.text for token in size)
    meant = " ".join(token.text for token in module.meaning(size))
    name = module.tokens[place].text
    is_named = is_host(name) or bool(
        words_of(name) & {"from", "peer", "client", "ntop", "dotted", "str", "text", "buf"}
        and _is_filled(module, place, name)
    )
    is_short = (
        meant
        in {
            "16",
            "15",
            "17",
            "18",
            "15 + 1",
            "3 * 4 + 3 + 1",
            "( 16 )",
            "( 15 + 1 )",
            "4 * 4",
            "sizeof ( xxx.xxx.xxx.xxx )",
            "INET_ADDRSTRLEN + 1",
        }
        and is_named
    )
    if (
        "INET_ADDRSTRLEN" in meant
        or meant == "sizeof ( 255.255.255.255 )"
        or (is_short and not _is_bytes(module, place, name))
    ):
        if written in module.macros:
            if written in said:
                return
            said.add(written)
            yield at("text-buffer-16", module.macros[written][0], f"{written} is {meant}")
        else:
            yield at("text-buffer-16", module.tokens[place], f"{name}[{written}]")


def _is_filled(module: CModule, place: int, name: str) -> bool:
    """Whether a function that writes addresses writes here."""
    function = module.function(place)
    if any(
        call.name in {"snprintf", "sprintf"}
        and name in {token.text for token in call.arguments[0]}
        and any(is_quad_format(module.text(argument) or "") for argument in call.arguments)
        for call in calls(module, "snprintf", "sprintf")
        if function is None or function.first <= call.at <= function.last
    ):
        return True
    writers = {"inet_ntop", "inet_ntoa", "inet_ntoa_r", "getnameinfo"}
    return any(
        call.name in writers | {"strcpy", "strncpy", "snprintf", "sprintf", "strlcpy"}
        and name in {token.text for argument in call.arguments for token in argument}
        and (call.name in writers or "inet_ntoa" in {token.text for argument in call.arguments for token in argument})
        for call in module.calls
        if function is None or function.first <= call.at <= function.last
    )


def _is_bytes(module: CModule, place: int, name: str) -> bool:
    """Whether 16 is the size of an IPv6 address in bytes."""
    return module.tokens[max(place - 2, 0)].text == "unsigned" or bool(
        words_of(name) & {"bytes", "raw", "bin", "in6", "ipv6", "ip6", "addr6"}
    )


RULES: tuple[CRule, ...] = (_socket_addresses, _sizes, _members, _numbers, _copies, _text_buffers)
