"""Sockets, names and conversions for one family in C."""

from collections.abc import Iterator

from dualstack.check.c.module import Call, CModule
from dualstack.check.c.rule import CRule, at, calls, knows_ipv6, room
from dualstack.check.c.tokens import Token
from dualstack.check.findings.finding import Remark
from dualstack.check.words.literals import is_quad
from dualstack.check.words.namings import is_twin

__all__ = ["RULES"]

_IPV4 = frozenset({"AF_INET", "PF_INET"})


def _is_family(module: CModule, argument: tuple[Token, ...]) -> bool:
    words = {token.text for token in module.meaning(argument)}
    return bool(words & _IPV4) and not words & {"?", "AF_INET6"}


def _variable_is_ipv4(module: CModule, argument: tuple[Token, ...], place: int) -> Token | None:
    """The AF_INET that a variable was set to, where it is set to that alone."""
    if len(argument) != 1 or argument[0].kind != "word":
        return None
    found = [
        now
        for now, token in enumerate(module.tokens[:-2])
        if token.text == argument[0].text and module.tokens[now + 1].text == "=" and now < place
    ]
    if not found or any(module.tokens[now + 2].text not in _IPV4 for now in found):
        return None
    return module.tokens[found[-1] + 2]


def _sockets(module: CModule) -> Iterator[Remark]:
    for call in calls(module, "socket", "WSASocket", "WSASocketA", "WSASocketW", "sk_socket", "Socket", "xsocket"):
        if len(call.arguments) < 3:
            continue
        words = room(module, call.at)
        origin = _variable_is_ipv4(module, call.arguments[0], call.at)
        if not _is_family(module, call.arguments[0]) and origin is None:
            continue
        if knows_ipv6(words) or _is_probe(words) or _is_twinned(module, call.at):
            continue
        if _is_unused(module, call, words):
            continue
        if "IPPROTO_ICMP" in module.names(call.arguments[2]):
            if not any("ICMPV6" in word for word in module.all_words):
                yield at("icmp-ipv4-only", module.tokens[call.at], "ICMP alone")
        else:
            macro = module.macros.get(call.arguments[0][0].text) if len(call.arguments[0]) == 1 else None
            place = origin or (macro[0] if macro and macro[0].text in _IPV4 else module.tokens[call.at])
            yield at("family-literal-socket", place, "AF_INET")


_NETWORK = frozenset({"bind", "connect", "listen", "sendto", "sendmsg", "setsockopt", "recvfrom", "recvmsg"})


def _is_unused(module: CModule, call: Call, words: frozenset[str]) -> bool:
    """Whether the socket is opened to see that it opens, and closed."""
    first, _ = module.statement(call.at)
    kept = {each.text for each in module.tokens[first : call.at] if each.kind == "word"} - {"int", "const", "SOCKET"}
    closed = [each for each in calls(module, "close", "closesocket") if each.at > call.at]
    is_closed = any(token.text in kept for each in closed[:2] for argument in each.arguments for token in argument)
    is_returned = any(
        module.tokens[now].text == "return" and module.tokens[now + 1].text in kept
        for now in range(call.last, min(call.last + 400, len(module.tokens) - 1))
        if module.function(now) is module.function(call.at)
    )
    return is_closed and not is_returned and "." not in module.spelled(first, call.at) and words.isdisjoint(_NETWORK)


def _is_twinned(module: CModule, place: int) -> bool:
    function = module.function(place)
    return function is not None and is_twin(function.name, module.all_words)


def _is_probe(words: frozenset[str]) -> bool:
    """Whether the socket is there for an ioctl, or for getsockname() after connect()."""
    is_ioctl = "ioctl" in words and any(word.startswith("SIOC") for word in words)
    return is_ioctl or (
        "getsockname" in words
        and "SOCK_DGRAM" in words
        and "connect" in words
        and not words & {"send", "sendto", "recv"}
    )


def _own_addresses(module: CModule) -> Iterator[Remark]:
    for call in calls(module, "ioctl"):
        names = module.names(call.arguments[1]) if len(call.arguments) > 1 else set()
        if "SIOCGIFCONF" in names:
            yield at("ifaddr-ipv4", module.tokens[call.at], "SIOCGIFCONF")
        elif asked := names & {"SIOCGIFADDR", "SIOCGIFNETMASK", "SIOCGIFBRDADDR", "SIOCGIFDSTADDR"}:
            yield at("own-address-ipv4", module.tokens[call.at], min(asked))
    for call in calls(module, "connect"):
        words = room(module, call.at)
        is_literal = any(token.kind == "text" and is_quad(token.text) for token in _function_tokens(module, call.at))
        if _is_probe(words) and is_literal and not knows_ipv6(words):
            yield at("own-address-ipv4", module.tokens[call.at], "connect() for getsockname()")


def _function_tokens(module: CModule, place: int) -> list[Token]:
    function = module.function(place)
    found = module.tokens[function.first : function.last] if function is not None else []
    return module.meaning(found)


def _names(module: CModule) -> Iterator[Remark]:
    for call in calls(
        module,
        "gethostbyname",
        "gethostbyname_r",
        "gethostbyname2",
        "gethostbyname2_r",
        "gethostbyaddr",
        "gethostbyaddr_r",
        "ares_gethostbyname",
        "getipnodebyname",
    ):
        words = room(module, call.at)
        is_told = any(_is_family(module, argument) for argument in call.arguments)
        if knows_ipv6(words) or (call.name not in {"gethostbyname", "gethostbyname_r"} and not is_told):
            continue
        if not call.arguments or _is_prototype(module, call):
            continue
        kind = (
            "own-address-ipv4"
            if "gethostname" in words and call.name.startswith("gethostbyname")
            else "resolve-ipv4-only"
        )
        yield at(kind, module.tokens[call.at], f"{call.name}()")


def _is_prototype(module: CModule, call: Call) -> bool:
    """Whether it is a declaration: a type before, no function around."""
    return module.function(call.at) is None


def _hints(module: CModule) -> Iterator[Remark]:
    for place, token in enumerate(module.tokens[:-2]):
        if token.text not in {"ai_family", "ifa_family", "rtgen_family"}:
            continue
        sign, value = module.tokens[place + 1].text, module.meaning([module.tokens[place + 2]])
        words = room(module, place)
        if not value or value[0].text not in _IPV4 or knows_ipv6(words) or _is_twinned(module, place):
            continue
        if token.text == "ai_family" and sign in {"=", "!=", "=="} and "AF_UNSPEC" not in words:
            yield at("resolve-hint-ipv4", token, "ai_family is AF_INET")
        elif token.text == "ai_family" and sign in {"!=", "=="}:
            yield at("resolve-hint-ipv4", token, "answers of AF_INET alone")
        elif token.text != "ai_family" and sign == "=":
            yield at("ifaddr-ipv4", token, "AF_INET alone")
    for place, token in enumerate(module.tokens[2:], 2):
        if (
            token.text in _IPV4
            and module.tokens[place - 1].text == ","
            and module.tokens[place - 2].text in {"0", "flags", "AI_PASSIVE"}
            and "addrinfo" in room(module, place)
        ):
            first, _ = module.statement(place - 1)
            if "addrinfo" in module.spelled(max(first - 6, 0), place) and not knows_ipv6(room(module, place)):
                yield at("resolve-hint-ipv4", token, "ai_family is AF_INET")


def _first_alone(module: CModule) -> Iterator[Remark]:
    for call in calls(module, "getaddrinfo"):
        function = module.function(call.at)
        if (
            function is None
            or "ai_next" in module.words(function)
            or len(call.arguments) < 4
            or "AI_NUMERICHOST" in module.words(function)
        ):
            continue
        results = {token.text for token in call.arguments[3] if token.kind == "word"}
        for now in range(call.last, function.last):
            if (
                module.tokens[now].text in {"ai_family", "ai_addr", "ai_addrlen"}
                and module.tokens[now - 1].text in {"->", "."}
                and (module.tokens[now - 2].text in results or module.tokens[now - 1].text == "->")
            ):
                yield at("resolve-first-only", module.tokens[now], "the first answer")
                break


def _unset(module: CModule) -> Iterator[Remark]:
    """Wildcard binds of IPv6 without IPV6_V6ONLY."""
    if "IPV6_V6ONLY" in module.all_words:
        return
    for call in calls(module, "bind"):
        words = room(module, call.at)
        if words & {"in6addr_any", "IN6ADDR_ANY_INIT"} and len(call.arguments) == 3:
            yield at("v6only-unset", module.tokens[call.at], "bind() on the wildcard")


def _old_conversions(module: CModule) -> Iterator[Remark]:
    for call in calls(
        module,
        "inet_aton",
        "inet_ntoa",
        "inet_addr",
        "inet_network",
        "inet_ntoa_r",
        "inet_makeaddr",
        "inet_netof",
        "inet_lnaof",
    ):
        words = room(module, call.at)
        is_both = bool(words & {"AF_INET6", "inet_pton", "sockaddr_in6", "in6_addr"})
        if not is_both and call.arguments and not _is_prototype(module, call) and not _is_twinned(module, call.at):
            yield at("text-conv-ipv4", module.tokens[call.at], f"{call.name}()")


def _presentation(module: CModule) -> Iterator[Remark]:
    found = [
        call
        for call in calls(
            module,
            "inet_pton",
            "inet_ntop",
            "InetPton",
            "InetNtop",
            "evutil_inet_pton",
            "uv_inet_pton",
            "inet_net_pton",
        )
        if call.arguments
    ]
    if any({token.text for token in module.meaning(call.arguments[0])} & {"AF_INET6", "PF_INET6"} for call in found):
        return
    for call in found:
        if _is_family(module, call.arguments[0]) and not knows_ipv6(room(module, call.at)):
            yield at("pton-ipv4", module.tokens[call.at], f"{call.name}(AF_INET)")


def _dns(module: CModule) -> Iterator[Remark]:
    if any("AAAA" in word.upper().replace("NS_T_AAAA", "AAAA") and len(word) < 24 for word in module.all_words):
        return
    for call in module.calls:
        names = {token.text for argument in call.arguments for token in module.meaning(argument)}
        if (
            names
            & {
                "ns_t_a",
                "T_A",
                "DNS_TYPE_A",
                "LDNS_RR_TYPE_A",
                "ARES_REC_TYPE_A",
                "QTYPE_A",
            }
            and call.name != "ns_rr_type"
        ):
            yield at("dns-a-only", module.tokens[call.at], f"{call.name}() for A")


RULES: tuple[CRule, ...] = (
    _sockets,
    _own_addresses,
    _names,
    _hints,
    _first_alone,
    _unset,
    _old_conversions,
    _presentation,
    _dns,
)
