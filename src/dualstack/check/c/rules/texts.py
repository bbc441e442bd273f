"""Addresses in C's texts: wildcards, targets, host:port, dotted quads, prefixes, the loopback."""

import re
from collections.abc import Iterator

from dualstack.check.c.module import Block, Call, CModule
from dualstack.check.c.rule import CRule, at, calls, knows_ipv6, room
from dualstack.check.c.tokens import Token
from dualstack.check.findings.finding import Remark
from dualstack.check.words.literals import (
    LOOPBACKS,
    has_ipv6,
    is_ipv4_prefix,
    is_ipv4_target,
    is_ipv4_wildcard,
    is_ipv6_pattern,
    is_ipv6_prefix,
    is_network_prefix,
    is_quad_pattern,
)
from dualstack.check.words.namings import is_address, is_endpoint, is_host, is_port, is_version, vocabulary, words_of

__all__ = ["RULES"]

_COMPARING = vocabulary(
    "strcmp strncmp strcasecmp strncasecmp strstr g_strcmp0 g_str_equal streq STREQ memcmp stricmp "
    "g_str_has_prefix strcoll"
)
_PRINTING = vocabulary(
    "printf fprintf dprintf syslog perror puts fputs err errx warn warnx log_info log_debug LOG usage "
    "log_error log_warn"
)


def _written(module: CModule) -> Iterator[tuple[int, Token]]:
    """Texts where they stand, and those of macros at -1; a macro that is called a version has none."""
    for place, token in enumerate(module.tokens):
        if token.kind == "text":
            yield place, token
    for name, value in module.macros.items():
        for token in value if not is_version(name) else ():
            if token.kind == "text":
                yield -1, token


def _wildcards(module: CModule) -> Iterator[Remark]:
    for place, token in _written(module):
        if is_ipv4_wildcard(token.text):
            call = module.call_around(place)
            is_asked = call is not None and (call.name in _COMPARING or call.name in _PRINTING)
            words = room(module, place) if place >= 0 else module.all_words
            if not is_asked and not any(has_ipv6(word) or word == "::" for word in words):
                yield at("bind-wildcard-ipv4", token, token.text)
    for place, token in enumerate(module.tokens):
        if token.text == "INADDR_ANY" and not knows_ipv6(room(module, place)) and not _is_asked(module, place):
            first, last = module.statement(place)
            if not re.search(r"imr_|mreq|multicast|IP_MULTICAST", module.spelled(first, last)):
                yield at("bind-wildcard-ipv4", token, "INADDR_ANY")


def _is_asked(module: CModule, place: int) -> bool:
    """Whether a token is compared rather than assigned."""
    now = place - 1
    while now > 0 and module.tokens[now].text in {"(", "htonl", "ntohl", "in_addr_t", ")"}:
        now -= 1
    after = place + 1
    while after < len(module.tokens) and module.tokens[after].text == ")":
        after += 1
    return module.tokens[now].text in {"==", "!=", "case"} or (
        after < len(module.tokens) and module.tokens[after].text in {"==", "!="}
    )


def _targets(module: CModule) -> Iterator[Remark]:
    for place, token in _written(module):
        if not is_ipv4_target(token.text):
            continue
        call = module.call_around(place)
        first, last = module.statement(place) if place >= 0 else (0, -1)
        words = room(module, place) if place >= 0 else module.all_words
        is_asked = call is not None and (call.name in _COMPARING or call.name in _PRINTING)
        is_probe = "getsockname" in words and "SOCK_DGRAM" in words
        if is_asked or is_probe or any(has_ipv6(word) for word in words) or is_version(module.spelled(first, last)):
            continue
        if place >= 0 and _RULES.search(module.spelled(*_declaration(module, place))):
            continue
        yield at("target-literal-ipv4", token, token.text)


_RULES = re.compile(r"allow|deny|acl|trusted|permit|blocked|banned|whitelist|blacklist", re.IGNORECASE)


def _declaration(module: CModule, place: int) -> tuple[int, int]:
    """What stands before the list that a text is in: `static const char *allowed[] =`."""
    first, _ = module.statement(place)
    before = first - 1
    return (
        (module.statement(before - 1)[0], before)
        if before > 0 and module.tokens[before].text == "{"
        else (first, place)
    )


def _splits(module: CModule) -> Iterator[Remark]:
    for call in calls(
        module,
        "strchr",
        "strrchr",
        "index",
        "rindex",
        "memchr",
        "strtok",
        "strtok_r",
        "strsep",
        "strpbrk",
        "strchrnul",
        "g_strsplit",
        "strcspn",
    ):
        if len(call.arguments) < 2:
            continue
        is_colon = any(
            token.kind in {"character", "text"} and token.text == ":"
            for token in call.arguments[1][:1] + call.arguments[-1][:1]
        )
        if (
            is_colon
            and not _is_looked_for(module, call)
            and not _knows_brackets(module, call.at)
            and _is_hostport(module, call)
        ):
            yield at("hostport-split", module.tokens[call.at], f"{call.name}(':')")
    for call in calls(module, "sscanf", "fscanf"):
        text = module.text(call.arguments[1]) if len(call.arguments) > 1 else None
        if (
            text is not None
            and re.search(r"%\d*\[\^:[^\]]*\]:%(?:h|l|d|u|i|\d*\[|s|\d)", text)
            and not _knows_brackets(module, call.at)
        ):
            names = {name for argument in call.arguments[2:] for name in module.names(argument)}
            if any(is_host(name) or is_port(name) for name in names):
                yield at("hostport-split", module.tokens[call.at], "sscanf() at a colon")


def _is_looked_for(module: CModule, call: Call) -> bool:
    """Whether it is only asked whether there is a colon: `if (strchr(name, ':'))`."""
    first, _ = module.statement(call.at)
    before = module.spelled(first, call.at - 1)
    return (
        call.name in {"strchr", "strrchr", "index", "memchr"}
        and before.startswith(("if (", "else if (", "while ("))
        and " = " not in before
    ) or (" = " not in before and module.tokens[min(call.last + 1, len(module.tokens) - 1)].text in {"==", "!="})


def _knows_brackets(module: CModule, place: int) -> bool:
    words = room(module, place)
    return knows_ipv6(words) or any(word in {"[", "]", "[]", "]:"} for word in _quoted(module, place))


def _quoted(module: CModule, place: int) -> set[str]:
    """The texts and characters of the function around a token."""
    function = module.function(place)
    found = module.tokens[function.first : function.last] if function is not None else module.tokens
    texts = {token.text for token in module.meaning(found) if token.kind in {"text", "character"}}
    return texts | {"[" for text in texts if text.startswith("[") or "[%s]" in text}


def _is_hostport(module: CModule, call: Call) -> bool:
    """Whether the text has host and port in it: by its name, or those of the function around."""
    function = module.function(call.at)
    words = {word for word in room(module, call.at) if word.isidentifier()}
    subject = [token.text for token in call.arguments[0] if token.kind == "word"]
    has_port = any(is_port(word) or "port" in word.lower().split("_") for word in words)
    name = function.name if function is not None else ""
    names = words_of(" ".join(subject))
    if names & {"mac", "line", "time", "path", "user", "auth", "header", "opt", "option", "key"} and not names & {
        "host"
    }:
        return has_port and any(is_host(word) for word in words - set(subject)) and bool(names & {"line"}) is False
    is_named = any(is_endpoint(word) for word in subject) or is_endpoint(name)
    return (has_port and (is_named or any(is_host(word) for word in words))) or bool(names & {"hostport", "host"})


_JOINED = re.compile(r"(?P<left>%s):(?P<right>%h?[dus]|%l[du]|%\w*PRI\w*|\d{2,5})")


def _joins(module: CModule) -> Iterator[Remark]:
    for call in module.calls:
        if (call.name in _PRINTING and call.name not in {"fprintf", "dprintf"}) or not call.arguments:
            continue
        for number, argument in enumerate(call.arguments):
            text = module.text(argument)
            if text is None or "[%s]" in text or (found := _JOINED.search(text)) is None:
                continue
            before = text[: found.start("left")]
            position = number + 1 + len(re.findall(r"%[^%]", before))
            left, right = _argument(call, position), _argument(call, position + 1)
            is_place = re.search(r"^$|://$|[=@]$|Host: $|CONNECT $", before) is not None
            is_told = any(is_host(word) or "inet_ntoa" in word for word in left) and (
                found["right"].isdigit() or any(is_port(word) or word == "ntohs" for word in right)
            )
            if is_place and is_told and not _knows_brackets(module, call.at):
                yield at("hostport-join", module.tokens[call.at], f"{text!r}")
            break


def _argument(call: Call, number: int) -> list[str]:
    return (
        [token.text for token in call.arguments[number] if token.kind == "word"] if number < len(call.arguments) else []
    )


def _patterns(module: CModule) -> Iterator[Remark]:
    texts = list(_written(module))
    if any(is_ipv6_pattern(token.text) and ":" in token.text.replace("[:", "").replace(":]", "") for _, token in texts):
        return
    for place, token in texts:
        call = module.call_around(place)
        if is_quad_pattern(token.text) and not (call is not None and call.name in {"sscanf", "fscanf", *_PRINTING}):
            yield at("dotted-quad-regex", token, "a pattern of dotted quads")


_FOUR = re.compile(
    r"%\d*(?:h|hh|l)?[dui]\.%\d*(?:h|hh|l)?[dui]\.%\d*(?:h|hh|l)?[dui]\.%\d*(?:h|hh|l)?[dui](?P<more>\.(?:%|\w+))?"
)


def _quads(module: CModule) -> Iterator[Remark]:
    for call in module.calls:
        for argument in call.arguments:
            text = module.text(argument)
            found = _FOUR.search(text) if text is not None else None
            if text is None or found is None:
                continue
            names = {name for one in call.arguments for name in module.names(one)}
            first, last = module.statement(call.at)
            if (
                any(map(is_version, names))
                or is_version(module.spelled(first, last))
                or knows_ipv6(room(module, call.at))
            ):
                break
            if found["more"] is not None or "in-addr" in text:
                if not any("ip6.arpa" in word for word in module.all_words):
                    yield at("reverse-in-addr-arpa", module.tokens[call.at], "labels turned round")
            elif call.name in {"sscanf", "fscanf", "scanf"}:
                yield at("dotted-quad-parse", module.tokens[call.at], "sscanf() of four numbers")
            else:
                yield at("dotted-quad-format", module.tokens[call.at], "four numbers with dots")
            break
    yield from _by_dots(module)


def _is_of_parameter(module: CModule, function: Block, names: set[str]) -> bool:
    """Whether a buffer was filled from a parameter that is called an address."""
    parameters = {token.text for token in module.tokens[function.first : function.body] if is_address(token.text)}
    fillers = calls(module, "snprintf", "sprintf", "strcpy", "strncpy", "strlcpy", "strdup")
    return any(
        function.body < call.at < function.last and names & used and parameters & used
        for call in fillers
        if (used := {token.text for argument in call.arguments for token in argument})
    )


def _counted(module: CModule) -> Iterator[Remark]:
    """Dots that are looked for one by one in a function that is called after an address."""
    for block in module.blocks:
        if block.kind != "function" or not is_address(block.name) or knows_ipv6(module.words(block)):
            continue
        for place in range(block.body, block.last):
            token, before = module.tokens[place], module.tokens[place - 1].text
            if token.kind == "character" and token.text == "." and before in {"==", "!=", "case"}:
                yield at("dotted-quad-parse", token, "a dot looked for")
                break


def _by_dots(module: CModule) -> Iterator[Remark]:
    for call in calls(module, "strtok", "strtok_r", "strchr", "strrchr", "index", "strsep", "rindex"):
        is_dot = len(call.arguments) > 1 and any(
            token.kind in {"text", "character"} and token.text == "." for token in call.arguments[1]
        )
        names = {token.text for token in call.arguments[0] if token.kind == "word"} if call.arguments else set()
        function = module.function(call.at)
        is_told = any(map(is_address, names)) or (
            function is not None and (is_address(function.name) or _is_of_parameter(module, function, names))
        )
        if not is_dot or not is_told or knows_ipv6(room(module, call.at)):
            continue
        is_prefix = call.name in {"strrchr", "rindex"}
        yield at("prefix-24" if is_prefix else "dotted-quad-parse", module.tokens[call.at], f"{call.name}('.')")
    for _, token in _written(module):
        if (
            "in-addr.arpa" in token.text
            and _FOUR.search(token.text) is None
            and not any("ip6.arpa" in word for word in module.all_words)
        ):
            yield at("reverse-in-addr-arpa", token, "in-addr.arpa")


def _comparisons(module: CModule) -> Iterator[Remark]:
    for call in module.calls:
        if call.name in _COMPARING:
            for argument in call.arguments:
                text = module.text(argument)
                if text in LOOPBACKS and _is_loopback_asked(module, call, text):
                    yield at("loopback-compare", module.tokens[call.at], text)
                elif text is not None and _is_prefix_asked(module, call, text):
                    yield at("prefix-text-match", module.tokens[call.at], text)
    for place, token in enumerate(module.tokens):
        is_here = token.text in {"INADDR_LOOPBACK", "IN_LOOPBACKNET"} and _is_asked(module, place)
        if is_here and not room(module, place) & {"IN6_IS_ADDR_LOOPBACK", "in6addr_loopback"}:
            yield at("loopback-compare", token, token.text)

    for place in range(len(module.tokens)):
        if _LOOPBACK_NET.match(module.spelled(place, place + 4)) and not knows_ipv6(room(module, place)):
            yield at("loopback-compare", module.tokens[place], "127")


# `ntohl(a.s_addr) >> 24 == 127`, `(a & 0xff000000) == 0x7f000000`
_LOOPBACK_NET = re.compile(r">> 24 (?:\) )?[!=]= (?:127|0x7[fF])\b|(?i:0xff000000)\w* (?:\) )?[!=]= (?i:0x7f000000)")


def _names_in(module: CModule, call: Call) -> set[str]:
    return {name for argument in call.arguments for name in module.names(argument)}


def _is_loopback_asked(module: CModule, call: Call, text: str) -> bool:
    """Whether `::1` is asked for nowhere in the function; `localhost` alone is compared with many a thing."""
    words = _quoted(module, call.at)
    if any(word.startswith("::1") for word in words) or "IN6_IS_ADDR_LOOPBACK" in room(module, call.at):
        return False
    return not LOOPBACKS.isdisjoint({text, *words} - {"localhost"}) or any(map(is_host, _names_in(module, call)))


def _is_prefix_asked(module: CModule, call: Call, text: str) -> bool:
    if call.name == "strcmp" or not (is_ipv4_prefix(text) or is_ipv6_prefix(text)):
        return False
    is_known = is_network_prefix(text) or text.count(".") > 1
    return is_known and not any(map(is_version, _names_in(module, call)))


RULES: tuple[CRule, ...] = (_wildcards, _targets, _splits, _joins, _patterns, _quads, _counted, _comparisons)
