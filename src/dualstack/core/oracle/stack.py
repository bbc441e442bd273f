"""What is asked of the IP stack of a system, and how what is known of it is told apart: the columns of the tables.

A `Stack` is one system's row of `core.oracle.systems`. Facts only, no rule: `core.oracle` draws the conclusions. A fact
that nothing tells is `UNKNOWN`, never guessed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from dualstack.core.oracle.unknown import UNKNOWN, Unknown

__all__ = ["Order", "Pick", "Refusal", "Sent", "Sharing", "Stack", "Standing", "Strangers", "Taker"]

Refusal = str | Unknown | None
"""The errno of a call that is refused; None where it is not refused."""


class Sharing(Enum):
    """When two sockets of one user may have the same address and port, or one of them the wildcard."""

    ALWAYS = "without any option"
    REUSE_ON_NEW = "SO_REUSEADDR or SO_REUSEPORT on the new socket"
    REUSEADDR_ON_NEW = "SO_REUSEADDR on the new socket"
    REUSEPORT_ON_BOTH = "SO_REUSEPORT on both sockets"
    ONE_OPTION_ON_BOTH = "one of SO_REUSEADDR and SO_REUSEPORT on both sockets"
    MATRIX = "by the table of Microsoft for the options of both sockets"
    NEVER = "never"
    UNKNOWN = "unknown"


class Strangers(Enum):
    """What another user's socket on an address in common means for a new one that is not root's."""

    REFUSED = "refused"
    REFUSED_IN_IPV4 = "AF_INET beside AF_INET refused, but for two wildcards; others as of one user"
    REUSEPORT_REFUSED = "SO_REUSEPORT shares among one user's sockets alone"
    REFUSED_BUT_WILDCARDS = "refused, but for two wildcards, and a dual :: beside a specific IPv4 with SO_REUSEPORT"
    UNKNOWN = "unknown"


class Taker(Enum):
    """How a socket comes to receive what is sent to an address."""

    EXACT_IPV4 = "an AF_INET socket on the address"
    ANY_IPV4 = "0.0.0.0"
    EXACT_MAPPED = "an AF_INET6 socket on the mapped address"
    ANY_MAPPED = "::ffff:0.0.0.0"
    DUAL = "a dual ::"
    EXACT_IPV6 = "an AF_INET6 socket on the address"
    ANY_IPV6 = "::"


class Pick(Enum):
    """Which of several sockets that come equally soon receives; by the order of their binds."""

    NEWEST = "the newest"
    OLDEST = "the oldest"
    GROUP = "one by a hash where all have SO_REUSEPORT, else the newest"
    UNKNOWN = "unknown"


Order = tuple[tuple[frozenset[Taker], Pick], ...]
"""Who comes first: the earliest set that has a socket receives, and the pick tells which of them."""

Sent = tuple[Refusal, int | None]
"""What a call out does: the errno, and the version of IP that leaves (None: nothing does)."""

_PLAIN: Order = (
    (frozenset({Taker.EXACT_IPV4}), Pick.UNKNOWN),
    (frozenset({Taker.EXACT_MAPPED}), Pick.UNKNOWN),
    (frozenset({Taker.ANY_IPV4}), Pick.UNKNOWN),
    (frozenset({Taker.ANY_MAPPED, Taker.DUAL}), Pick.UNKNOWN),
    (frozenset({Taker.EXACT_IPV6}), Pick.UNKNOWN),
    (frozenset({Taker.ANY_IPV6}), Pick.UNKNOWN),
)


class Standing(Enum):
    """How a fact is known."""

    MEASURED = "measured"
    READ = "read"
    INFERRED = "inferred"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """The socket semantics of one system.

    Where a field about two sockets is None, the two are judged as two of one family: by `beside_wildcard` where one is
    specific, else by `same_address`.

    Args:
        name: the word for it in options and configuration.
        title: what people call it.
        v6only_default: the default of IPV6_V6ONLY; on Linux the sysctl net.ipv6.bindv6only decides.
        dual: whether IPV6_V6ONLY can be 0, so that one socket receives both families; False where it is not known.
        beside_wildcard: when a specific address can be bound beside the wildcard.
        same_address: when one address can be bound twice.
        low_ports: the lowest port that needs no right, unless a setting says otherwise.
        source: where this was read, or why it is unknown.
        version: what was run; empty where nothing was.
        read_version: of when the sources are that were read.
        holds: the versions between which it is known to hold, in words.
        same_in_udp: when one address can be bound twice in UDP; None where it is as in TCP.
        same_beside_listener: when one address can be bound beside a socket that listens; None: whether makes no odds.
        dual_after_ipv4: when a dual `::` can be bound after 0.0.0.0.
        ipv4_after_dual: when 0.0.0.0 can be bound after a dual `::`.
        dual_after_specific: when a dual `::` can be bound after a specific IPv4 address, mapped or not.
        dual_after_mapped: when a dual `::` can be bound after `::ffff:0.0.0.0`.
        mapped_after_dual: when `::ffff:0.0.0.0` can be bound after a dual `::`.
        mapped_twice: when `::ffff:0.0.0.0` can be bound twice.
        families_meet: whether an IPv4 socket and the IPv4 part of a dual one are compared at all.
        strangers: what changes where the two sockets are of two users.
        mapped_bind: the errno of binding a mapped address on an IPV6_V6ONLY socket.
        v6only_connect: the errno of sending from an IPV6_V6ONLY socket to a mapped address, for TCP and for UDP.
        bound_connect: the errno of connecting from a dual socket that is bound to an IPv6 address to a mapped one.
        bound_sendto: what a sendto from there does.
        bound_decides: whether that address is looked at before IPV6_V6ONLY.
        mapped_connect: the errno of connecting from a socket that is bound to a mapped address to an IPv6 one.
        mapped_sendto: what a sendto from there does.
        mapped_any_is_bound: whether `::ffff:0.0.0.0` counts as such an address.
        without_ipv6: the errno of binding an AF_INET6 socket where no interface has an IPv6 address.
        ipv4_goes_to: who gets what is sent to an IPv4 address, in words.
        order: the same, as sets and picks; and of IPv6 addresses.
        equals: which of two equal sockets receives, in words.
        last_is_first: whether a socket that has received comes before its equals from then on.
        mapped_peer_is_plain: whether a UDP socket bound to a mapped address sees its peer as an AF_INET address.
        read: the fields that were read where something was run; all others but the inferred ones were then measured.
        inferred: the fields that were concluded, not read.
        laws: by field, the function and file that decides.
    """

    name: str
    title: str
    v6only_default: bool | Unknown
    dual: bool
    beside_wildcard: Sharing
    same_address: Sharing
    low_ports: int
    source: str
    version: str = ""
    read_version: str = ""
    holds: str = "unknown"
    same_in_udp: Sharing | None = None
    same_beside_listener: Sharing | None = None
    dual_after_ipv4: Sharing | None = None
    ipv4_after_dual: Sharing | None = None
    dual_after_specific: Sharing | None = None
    dual_after_mapped: Sharing | None = None
    mapped_after_dual: Sharing | None = None
    mapped_twice: Sharing | None = None
    families_meet: bool = True
    strangers: Strangers = Strangers.UNKNOWN
    mapped_bind: Refusal = UNKNOWN
    v6only_connect: tuple[Refusal, Refusal] = (UNKNOWN, UNKNOWN)
    bound_connect: Refusal = UNKNOWN
    bound_sendto: Sent = (UNKNOWN, None)
    bound_decides: bool = False
    mapped_connect: Refusal = UNKNOWN
    mapped_sendto: Sent = (UNKNOWN, None)
    mapped_any_is_bound: bool = True
    without_ipv6: Refusal = UNKNOWN
    ipv4_goes_to: str = "unknown"
    order: Order = _PLAIN
    equals: str = "unknown"
    last_is_first: bool = False
    mapped_peer_is_plain: bool | Unknown = UNKNOWN
    read: frozenset[str] = frozenset()
    inferred: frozenset[str] = frozenset()
    laws: Mapping[str, str] = field(default_factory=dict, hash=False)

    def sharing(self, name: str) -> Sharing:
        """The rule about two sockets in the field `name`, or the one that it falls back on."""
        said: Sharing | None = getattr(self, name)
        if said is not None:
            return said
        return self.beside_wildcard if name == "dual_after_specific" else self.same_address

    def standing(self, name: str) -> Standing:
        """How the fact of the field `name` is known."""
        value = getattr(self, name)
        if _is_unknown(self.sharing(name) if name in _FALLS_BACK and value is None else value):
            return Standing.UNKNOWN
        if name in self.inferred:
            return Standing.INFERRED
        return Standing.MEASURED if self.version and name not in self.read else Standing.READ

    def source_of(self, name: str) -> str:
        """Where a fact is from: the function that decides, and whether it was run, read there or concluded."""
        standing, law = self.standing(name), self.laws.get(name, self.source)
        if standing is Standing.MEASURED:
            return f"{law}; run: {self.title} {self.version}"
        return f"{law} (inferred)" if standing is Standing.INFERRED else law


_FALLS_BACK = frozenset(
    {
        "dual_after_ipv4",
        "dual_after_mapped",
        "dual_after_specific",
        "ipv4_after_dual",
        "mapped_after_dual",
        "mapped_twice",
        "same_beside_listener",
        "same_in_udp",
    }
)


def _is_unknown(value: object) -> bool:
    if isinstance(value, tuple):
        told = [each for each in value if each is not None]
        return bool(told) and all(_is_unknown(each) for each in told)
    return value in {UNKNOWN, Sharing.UNKNOWN, Strangers.UNKNOWN, "unknown"}
