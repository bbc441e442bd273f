"""Addresses as numbers in C: masks, prefixes, hashes, and branches on one family."""

import re
from collections.abc import Iterator

from dualstack.check.c.module import Block, Call, CModule
from dualstack.check.c.rule import CRule, at, calls, knows_ipv6, room
from dualstack.check.findings.finding import Remark
from dualstack.check.words.namings import is_host, words_of
from dualstack.check.words.twins import COMMANDS, OPTIONS, TABLES, VERBS, is_missing

__all__ = ["RULES"]

_NUMBER = frozenset({"s_addr", "inet_addr", "inet_network", "inet_aton", "saddr", "daddr"})
_LONG = 200
_MASK = frozenset({"mask", "netmask", "netmasks", "masks"})


def _functions(module: CModule) -> Iterator[Block]:
    return (block for block in module.blocks if block.kind == "function" and not knows_ipv6(module.words(block)))


def _masks(module: CModule) -> Iterator[Remark]:
    for call in calls(module, "IN_CLASSA", "IN_CLASSB", "IN_CLASSC"):
        if call.name == "IN_CLASSA" or not any(each.name == "IN_CLASSA" for each in module.calls):
            yield at("netmask-32", module.tokens[call.at], f"{call.name}()")
    for block in _functions(module):
        for place in range(block.body, block.last):
            token = module.tokens[place]
            if (
                token.text == "&"
                and _is_compared(module, place)
                and (_is_mask(module, place) or _is_network_asked(module, block, place))
            ):
                yield at("netmask-32", token, "& mask")
            elif (
                token.text in {"<<", ">>"}
                and re.match(r"\(? ?32 - ", module.spelled(place + 1, place + 4))
                and not _is_rotation(module, place)
            ):
                yield at("netmask-32", token, "32 - length")


_NETWORK_MASK = re.compile(r"(?i)0xf[f8ce0]{1,5}0{2,6}u?l?$")


def _is_network_asked(module: CModule, block: Block, place: int) -> bool:
    """`(a & 0xffff0000) == 0xc0a80000`, where `a` is an address's number."""
    before, after = module.tokens[place - 1], module.tokens[place + 1]
    is_masked = _NETWORK_MASK.match(after.text) is not None and _LAST.match(after.text) is None
    return is_masked and before.text in _derived(module, block) | _NUMBER


def _is_mask(module: CModule, place: int) -> bool:
    """Whether an operand of `&` is a mask, and the other an address."""
    first, last = max(place - 8, 0), min(place + 8, len(module.tokens) - 1)
    names = {word for token in module.tokens[first : last + 1] if token.kind == "word" for word in words_of(token.text)}
    is_told = names & (
        _NUMBER
        | {"addr", "ip", "network", "net", "address", "host", "compare", "ipaddr", "peer", "base", "a", "prefix"}
    )
    return (
        bool(names & _MASK)
        and (bool(is_told) or "s_addr" in module.spelled(first, last))
        and module.tokens[place - 1].text not in {"(", ",", "=", "return"}
    )


def _is_compared(module: CModule, place: int) -> bool:
    first, last = module.statement(place)
    text = module.spelled(first, last)
    return "==" in text or "!=" in text


def _is_rotation(module: CModule, place: int) -> bool:
    first, last = module.statement(place)
    text = module.spelled(first, last)
    return " | " in text and ("<<" in text and ">>" in text)


_HASHING = re.compile(r"hash|crc|fnv|murmur|djb|adler", re.IGNORECASE)
_LAST = re.compile(r"(?i)^0x(?:ffffff00|00ffffff)u?l?$")


def _prefixes(module: CModule) -> Iterator[Remark]:
    for block in _functions(module):
        derived = _derived(module, block)
        for place in range(block.body, block.last):
            token, after = module.tokens[place], module.tokens[place + 1].text
            if token.text != ">>" and not _LAST.match(token.text):
                continue
            first, last = module.statement(place)
            near = {each.text for each in module.tokens[first : last + 1]} & (_NUMBER | derived)
            is_shift = (
                token.text == ">>"
                and after == "8"
                and bool(near)
                and "& 0xff" not in module.spelled(place, place + 4).lower()
                and "&" not in module.spelled(place, place + 3)
            )
            if is_shift or (_LAST.match(token.text) and bool(near)):
                yield at("prefix-24", token, "the first three numbers")


def _derived(module: CModule, block: Block) -> set[str]:
    """Variables that are set from an address's number, and parameters that are called so."""
    found: set[str] = set()
    for place in range(block.first, block.last):
        if module.tokens[place].text == "=" and module.tokens[place - 1].kind == "word":
            _, last = module.statement(place)
            names = {token.text for token in module.tokens[place : last + 1]}
            if names & (_NUMBER | found):
                found.add(module.tokens[place - 1].text)
        elif (
            place < block.body
            and module.tokens[place].text in {"in_addr_t", "uint32_t", "u_int32_t", "__be32", "u32"}
            and module.tokens[place + 1].kind == "word"
        ) and words_of(module.tokens[place + 1].text) & {
            "ip",
            "addr",
            "address",
            "saddr",
            "daddr",
            "ipaddr",
            "network",
            "host",
            "key",
        }:
            found.add(module.tokens[place + 1].text)
    return found


def _hashes(module: CModule) -> Iterator[Remark]:
    hashing = [call for call in module.calls if _HASHING.search(call.name)]
    for block in _functions(module):
        derived = _derived(module, block) | _NUMBER
        is_named = bool(re.search(r"hash|bucket|slot", block.name, re.IGNORECASE))
        for call in hashing:
            if block.body < call.at < block.last:
                names = {token.text for argument in call.arguments for token in argument}
                if names & (derived | {"sin_addr"}):
                    yield at("hash-4-bytes", module.tokens[call.at], f"{call.name}() of four bytes")
        for place in range(block.body, block.last):
            if module.tokens[place].text not in {"%", "^"} and not (
                is_named and module.tokens[place].text in {"*", "&"} and _is_binary(module, place)
            ):
                continue
            first, last = module.statement(place)
            names = {token.text for token in module.tokens[first : last + 1]}
            if names & derived and (module.tokens[place].text != "^" or "%" in names or is_named):
                yield at("hash-4-bytes", module.tokens[place], "a hash of four bytes")
                break


def _is_binary(module: CModule, place: int) -> bool:
    return module.tokens[place - 1].kind in {"word", "number"} or module.tokens[place - 1].text == ")"


_SIX = re.compile(r"^(?:sa_?)?(?:s?in|v|ip|ipv|addr|sa|sin_|inet)6|_(?:v|in|ip)?6$|[a-z]6$", re.IGNORECASE)


def _switches(module: CModule) -> Iterator[Remark]:
    for place, token in enumerate(module.tokens):
        if token.text not in {"AF_INET", "PF_INET"}:
            continue
        before, after = (
            module.tokens[place - 1].text,
            module.tokens[place + 1].text if place + 1 < len(module.tokens) else "",
        )
        words = room(module, place)
        is_asked = before in {"case", "==", "!="} or after in {"==", "!="}
        if not is_asked or knows_ipv6(words) or any(_SIX.search(word) for word in words):
            continue
        first, last = module.statement(place)
        text = module.spelled(first, last)
        if "ai_family" in text or "INADDR_LOOPBACK" in text:
            continue
        if words & {"getifaddrs", "ifa_addr", "ifa_next", "ifa_name", "RTM_NEWADDR", "RTM_GETADDR", "IFA_LOCAL"}:
            yield at("ifaddr-ipv4", token, "AF_INET alone")
        else:
            yield at("switch-no-inet6", token, "AF_INET alone")


def _scopes(module: CModule) -> Iterator[Remark]:
    """A sockaddr_in6 made anew from address and port, its scope left at 0."""
    for block in module.blocks:
        if (
            block.kind != "function"
            or "sin6_scope_id" in module.words(block)
            or not module.words(block) & {"sendto", "connect", "sendmsg", "bind"}
        ):
            continue
        for place in range(block.body, block.last):
            is_set = module.tokens[place].text == "sin6_addr" and module.tokens[place + 1].text == "="
            if (
                is_set
                and module.tokens[place + 2].text
                not in {"in6addr_any", "in6addr_loopback", "IN6ADDR_ANY_INIT", "IN6ADDR_LOOPBACK_INIT"}
                and module.tokens[place - 1].text in {".", "->"}
            ):
                yield at("scope-dropped", module.tokens[place], "sin6_scope_id is left 0")


def _options(module: CModule) -> Iterator[Remark]:
    for twin in OPTIONS:
        if is_missing(twin, module.word_text):
            for token in module.tokens:
                if token.kind == "word" and twin.one.fullmatch(token.text):
                    yield at(twin.kind, token, token.text)


def _texts(module: CModule) -> Iterator[Remark]:
    everything = [*module.tokens, *(each for value in module.macros.values() for each in value)]
    texts = [token for token in everything if token.kind == "text" and len(token.text) < _LONG]
    for twin in (TABLES, COMMANDS, *VERBS):
        if is_missing(twin, module.word_text):
            for token in texts:
                if twin.one.search(re.sub(r"%[sd]", "\0", token.text)):
                    yield at(twin.kind, token, token.text.strip()[:40])


_GROUPS = re.compile(r"ff0[0-9a-f]:|IPV6_JOIN_GROUP|IPV6_MULTICAST|IPV6_ADD_MEMBERSHIP")


def _broadcasts(module: CModule) -> Iterator[Remark]:
    if not any(_GROUPS.search(word) for word in module.all_words):
        for token in module.tokens:
            if token.text == "SO_BROADCAST":
                yield at("broadcast-only", token, "SO_BROADCAST")


_ETHERTYPES = frozenset({"ETHERTYPE_IP", "ETH_P_IP", "ETHER_TYPE_IP", "ETHERTYPE_IPV4"})


def _packets(module: CModule) -> Iterator[Remark]:
    words = module.all_words
    if words & {"ETHERTYPE_IPV6", "ETH_P_IPV6", "ETH_P_ALL", "0x86dd", "0x86DD", "ip6_hdr", "ipv6hdr"}:
        return
    is_capture = bool(
        words & {"ether_header", "ethhdr", "ether_type", "h_proto", "pcap_loop", "pcap_next", "pcap_pkthdr"}
    )
    for place, token in enumerate(module.tokens):
        if token.text not in _ETHERTYPES and not (token.text.lower() in {"0x0800", "0x800"} and is_capture):
            continue
        first = place
        while first > 0 and module.tokens[first - 1].text in {"(", "htons", "ntohs"}:
            first -= 1
        after = place + 1
        while after < len(module.tokens) and module.tokens[after].text == ")":
            after += 1
        is_asked = module.tokens[first - 1].text in {"==", "!=", "case"} or (
            after < len(module.tokens) and module.tokens[after].text in {"==", "!="}
        )
        call = [each for each in calls(module, "socket") if each.at < place < each.last]
        if is_asked or call:
            yield at("packet-ipv4-only", token, token.text)


_RULES = re.compile(
    r"allow|deny|deni|acl|trusted|permit|block(?!s|_size)|banned|ban_|bans|whitelist|blacklist|reject|forbid",
    re.IGNORECASE,
)
_PEERS = frozenset(
    {
        *("inet_ntop", "getnameinfo", "getpeername", "accept", "recvfrom", "sin6_addr"),
        *("sockaddr", "sockaddr_in6", "sockaddr_storage", "in_addr", "s_addr", "inet_pton"),
    }
)


def _mapped(module: CModule) -> Iterator[Remark]:
    """IPv4 rules asked for the peers of a dual socket, without a look for mapped addresses."""
    words = module.all_words
    if (
        not words & {"IPV6_V6ONLY", "in6addr_any"}
        or words & {"IN6_IS_ADDR_V4MAPPED", "IN6_IS_ADDR_V4COMPAT"}
        or any("::ffff" in word.lower() for word in words)
    ):
        return
    said: set[Block] = set()
    for call in calls(module, "strcmp", "strncmp", "strcasecmp", "fnmatch", "inet_pton", "memcmp", "streq", "strstr"):
        function = module.function(call.at)
        if function is None or function in said or not _asks_rules(module, function, call):
            continue
        if call.name != "inet_pton" or "AF_INET" in {token.text for token in call.arguments[0]}:
            said.add(function)
            yield at("mapped-bypass", module.tokens[call.at], f"{call.name}() of a peer")


# So far before a comparison stands the loop that goes through the rules.
_LOOP = 30


def _asks_rules(module: CModule, function: Block, call: Call) -> bool:
    """Whether a function holds a peer's address to rules, by the names in it."""
    words = module.words(function)
    is_ruled = _RULES.search(function.name) is not None or any(
        _RULES.search(token.text)
        for token in module.tokens[max(call.at - _LOOP, function.first) : call.last]
        if token.kind == "word"
    )
    parameters = module.tokens[function.first : function.body]
    return is_ruled and (not words.isdisjoint(_PEERS) or any(is_host(token.text) for token in parameters))


RULES: tuple[CRule, ...] = (
    _masks,
    _prefixes,
    _hashes,
    _switches,
    _scopes,
    _options,
    _texts,
    _broadcasts,
    _packets,
    _mapped,
)
