"""Options, files and commands of IPv4 that have a twin for IPv6: where the file names the one it has to name the other.

A table for both languages; sources are in the kinds' laws and in ip(7), ipv6(7), proc(5).
"""

import re
from dataclasses import dataclass

__all__ = ["COMMANDS", "OPTIONS", "TABLES", "VERBS", "Twin", "is_missing"]


@dataclass(frozen=True, slots=True)
class Twin:
    """What belongs to IPv4, and what is expected beside it.

    Attributes:
        kind: the kind's name.
        one: a pattern of what is IPv4's.
        other: a pattern of what does the same for IPv6; one of them in the file is enough.
    """

    kind: str
    one: re.Pattern[str]
    other: re.Pattern[str]


def _twin(kind: str, one: str, other: str) -> Twin:
    return Twin(kind, re.compile(one), re.compile(other, re.MULTILINE))


OPTIONS = (
    _twin(
        "multicast-ipv4-only",
        r"IP_(?:ADD|DROP)_(?:SOURCE_)?MEMBERSHIP|IP_MULTICAST_(?:TTL|LOOP|IF)|IP_(?:UN)?BLOCK_SOURCE",
        r"IPV6_(?:JOIN|LEAVE)_GROUP|IPV6_(?:ADD|DROP)_MEMBERSHIP|IPV6_MULTICAST_|MCAST_(?:JOIN|LEAVE)_",
    ),
    _twin("tos-ttl-ipv4-only", r"IP_(?:RECV)?(?:TOS|TTL)", r"IPV6_(?:RECV)?(?:TCLASS|UNICAST_HOPS|HOPLIMIT)"),
    _twin(
        "ancillary-ipv4-only",
        r"IP_(?:RECV)?PKTINFO|IP_(?:RECV|SEND)(?:DST|SRC)ADDR|SO_ORIGINAL_DST|IP_(?:RECV)?ORIGDSTADDR",
        r"IPV6_(?:RECV)?PKTINFO|IP6T_SO_ORIGINAL_DST|IPV6_(?:RECV)?ORIGDSTADDR",
    ),
)

TABLES = _twin(
    "proc-net-ipv4",
    r"/proc/(?:self/|\d+/|\0/)?net/(?:tcp|udp|raw|route|udplite|igmp|\0)$",
    r"(?:tcp|udp|raw|udplite|igmp)6|ipv6_route|if_inet6",
)

COMMANDS = _twin(
    "command-ipv4-only",
    r"(?:^|/)(?:(?:sudo\s+)?(?:\S*/)?iptables(?:-save|-restore|-legacy|-nft)?(?:\s|$)|(?:\S*/)?ping\s(?:.*\s)?-4|(?:\S*/)?route\s+-n"
    r"|(?:\S*/)?ip\s+-4|(?:curl|wget|ssh|nc|dig|host|nping|traceroute|mtr|ntpdate|rsync|scp)\s(?:.*\s)?-4(?:\s|$)|(?:\S*/)?ip\s+-f\s+inet\s)",
    r"ip6tables|ping6|(?:^|\s)-6(?:\s|$)|inet6|ip -6|traceroute6",
)

VERBS = (
    _twin("protocol-ipv4-verb", r"(?:^|[\r\n])(?:PASV|PORT)(?:$|[\s\r\n]|\0|%|\{)|^227 ", r"EPSV|EPRT"),
    _twin("protocol-ipv4-verb", r"PROXY TCP4", r"TCP6"),
    _twin("protocol-ipv4-verb", r"IN IP4", r"IP6"),
)


def is_missing(twin: Twin, words: str) -> bool:
    """Whether none of a file's words, one a line, is the other family's."""
    return twin.other.search(words) is None
