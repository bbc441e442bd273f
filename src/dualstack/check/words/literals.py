"""Addresses in constants, for both languages: wildcards, targets, prefixes, patterns of dotted quads.

Decides on the text alone; where it stands is the rules' business.
"""

import re
from functools import lru_cache

__all__ = [
    "LOOPBACKS",
    "has_ipv6",
    "is_ipv4_prefix",
    "is_ipv4_target",
    "is_ipv4_wildcard",
    "is_ipv6_pattern",
    "is_ipv6_prefix",
    "is_loopback",
    "is_network_prefix",
    "is_quad",
    "is_quad_format",
    "is_quad_pattern",
    "is_reversed_quad",
]

_WILDCARD = re.compile(r"(?:^|^[\w+.-]+://|^[\w.-]+=|^-\w|@)0\.0\.0\.0(?=$|:|/$|/[^0-9])")
_QUAD = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)){3}"
# What is compared to find out whether a peer is this host.
LOOPBACKS = frozenset({"127.0.0.1", "localhost"})
_WHOLE = re.compile(r"\d+(?:\.\d+){3}")
_TARGET = re.compile(rf"(?:^|^[a-z][\w+.-]*://(?:[^/@\s]*@)?)({_QUAD})(?::[\d\0]+)?(?:/(?!\d+$)\S*)?$")
_NO_TARGET = re.compile(r"(?:0|127|22[4-9]|23\d|24\d|25[0-5])\.|.*\.(?:0|255)$|169\.254\.")
_IPV6 = re.compile(
    r"(?:^|[\s\[/@,])(?:[0-9A-Fa-f]{1,4}:){1,7}(?::|[0-9A-Fa-f]{1,4})|(?:^|[\s\[/@,\"'])::(?:[0-9A-Fa-f]|\]|/|$|\")"
)
_PREFIX = re.compile(r"[0-9]{1,3}(?:\.|(?:\.[0-9]{1,3}){1,2}\.?)")
_IPV4_NETWORKS = ("10.", "192.168", "172.", "127.", "169.254")  # dualstack: ignore[DS235] what is looked for
_IPV6_NETWORKS = ("fe80", "fe8", "fc00:", "fd00:")  # dualstack: ignore[DS235] what is looked for
_DIGITS = r"(?:\\d|\[0-9\]|\[\\d\]|\[:digit:\]|\[\[:digit:\]\]|\[0-9a-zA-Z\*\]|25\[0-5\])"
_DOT = r"(?:\\\\?\.|\[\.\]|\[\\\.\])"
_NAMED = re.compile(r"\(\?P<\w*(?:ip|addr|host|client|peer)\w*>\[(?:\\d|0-9)\\?\.\][+*{]")
_COUNT = r"(?:\{\d?,?\d?\}|\\\{\d?,?\d?\\\}|[+*?])*"
_FOUR = re.compile(rf"(?:{_DIGITS}{_COUNT}[)|\w\[\]?-]*{_DOT}\(?(?:\?:|\?P<\w+>)?[^.]{{0,60}}?){{3}}{_DIGITS}")
_REPEATED = re.compile(rf"{_DIGITS}.*{_DOT}.*\\?\)?\)\\?\{{3,?3?\\?\}}|{_DIGITS}.*\){_COUNT}{_DOT}\)\{{3\}}")
_HEX = re.compile(
    r"\[[^\]]*(?:a-f|A-F)[^\]]*\][^\"]{0,12}?:|\[[^\]]*:[^\]]*(?:a-f|A-F)[^\]]*\]|\[[^\]]*(?:a-f|A-F)[^\]]*:[^\]]*\]",
    re.IGNORECASE,
)
_FORMAT = r"(?:%(?:l|h|hh)?[diu]|\{\d?\}|\0|%s)"
_QUAD_FORMAT = re.compile(rf"(?<![.\w\0%{{]){_FORMAT}(?:\.{_FORMAT}){{3}}(?!\.?[\w\0%{{])")
_REVERSED = re.compile(rf"(?<![.\w\0%{{]){_FORMAT}(?:\.{_FORMAT}){{3}}\.(?:[a-zA-Z%{{\0])|in-addr\.arpa", re.IGNORECASE)


def is_ipv4_wildcard(text: str) -> bool:
    """Whether the text is 0.0.0.0, alone, with a port or in a URL; `0.0.0.0/0` is a network."""
    return _WILDCARD.search(text) is not None and not re.search(r"\s", text)


def is_loopback(text: str) -> bool:
    """Whether the text begins as an IPv4 loopback address does."""
    return text.startswith("127.")  # dualstack: ignore[DS235] a text of a program, and no peer


def is_quad(text: str) -> bool:
    """Whether the text is four numbers with dots."""
    return _WHOLE.fullmatch(text) is not None


def is_ipv4_target(text: str) -> bool:
    """Whether the text names one host by its IPv4 address: no loopback, network, group or broadcast."""
    found = _TARGET.match(text)
    return found is not None and _NO_TARGET.match(found[1]) is None


def has_ipv6(text: str) -> bool:
    """Whether an IPv6 address stands in the text."""
    return _IPV6.search(text) is not None


def is_ipv4_prefix(text: str) -> bool:
    """Whether the text is the beginning of a dotted quad."""
    return _PREFIX.fullmatch(text) is not None and all(int(part) < 256 for part in text.split(".") if part)


def is_network_prefix(text: str) -> bool:
    """Whether the text begins as the addresses of a private or link-local network do, of either family."""
    return text.startswith(_IPV4_NETWORKS) or is_ipv6_prefix(text)


def is_ipv6_prefix(text: str) -> bool:
    """Whether the text begins as link-local and unique local addresses of IPv6 do."""
    return text.lower().startswith(_IPV6_NETWORKS)


@lru_cache(maxsize=1024)
def is_quad_pattern(text: str) -> bool:
    """Whether a regular expression is for dotted quads."""
    if "." not in text:
        return False
    if "(?P<" in text and _NAMED.search(text):
        return True
    if "3" not in text and text.count(".") < 3:
        return False
    return len(text) < 4096 and (_FOUR.search(text) is not None or _REPEATED.search(text) is not None)


def is_ipv6_pattern(text: str) -> bool:
    """Whether a regular expression is for hexadecimal groups and colons."""
    return len(text) < 4096 and _HEX.search(text) is not None


def is_quad_format(text: str) -> bool:
    """Whether a format prints four numbers with dots between."""
    return _QUAD_FORMAT.search(text) is not None


def is_reversed_quad(text: str) -> bool:
    """Whether a format, or a name, is that of a pointer or block list's name."""
    return _REVERSED.search(text) is not None
