"""What an address is for, by our own dated copy of IANA's special-purpose registries, and which addresses are public.

The registries as of 2025-10-09 (iana-ipv4-special-registry, iana-ipv6-special-registry; RFC 6890, RFC 8190), with what
they leave to others: multicast, the space that IANA has not opened, addresses that clouds serve their metadata on. A
copy of our own, because a Python's `ipaddress` is as old as that Python (CVE-2024-4032). The longest prefix decides.

"Public only" is stricter than IANA's column "Globally Reachable": every special block is denied, AMT, AS112, ORCHIDv2
and the anycast services too, since the hosts behind them are one's own network's or none. One block passes, NAT64's
well-known prefix, with a public IPv4 address inside: on an IPv6-only network it is the way to all of IPv4 (RFC 6052).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from dualstack.core.address.address import BITS, Address
from dualstack.core.address.embedded import Nat64, embedded_ipv4
from dualstack.core.address.prefix import Prefix

__all__ = [
    "CLOUD_METADATA",
    "DATED",
    "SPECIAL",
    "Special",
    "classes_of",
    "is_public",
    "public_prefixes",
    "special",
]

DATED = "2025-10-09"
GLOBAL = "global"


@dataclass(frozen=True, slots=True)
class Special:
    """A row of the registries.

    Args:
        prefix: the block.
        classes: our names for what it is.
        name: the registry's.
        law: the RFC that made it.
        globally_reachable: the registry's column; None where it has none. `is_public` does not go by it.
    """

    prefix: Prefix
    classes: tuple[str, ...]
    name: str
    law: str
    globally_reachable: bool | None


def _row(prefix: str, classes: str, name: str, law: str, *, reachable: bool | None = False) -> Special:
    return Special(Prefix.parse(prefix), tuple(classes.split()), name, law, reachable)


SPECIAL_IPV4: tuple[Special, ...] = (
    _row("0.0.0.0/8", "this-network", "This network", "RFC 791 section 3.2"),
    _row("0.0.0.0/32", "this-network unspecified", "This host on this network", "RFC 1122 section 3.2.1.3"),
    _row("10.0.0.0/8", "private", "Private-Use", "RFC 1918"),
    _row("100.64.0.0/10", "shared-cgn", "Shared Address Space", "RFC 6598"),
    _row("127.0.0.0/8", "loopback", "Loopback", "RFC 1122 section 3.2.1.3"),
    _row("169.254.0.0/16", "link-local", "Link Local", "RFC 3927"),
    _row("172.16.0.0/12", "private", "Private-Use", "RFC 1918"),
    _row("192.0.0.0/24", "ietf-protocol", "IETF Protocol Assignments", "RFC 6890 section 2.1"),
    _row("192.0.0.0/29", "ietf-protocol", "IPv4 Service Continuity Prefix", "RFC 7335"),
    _row("192.0.0.8/32", "ietf-protocol", "IPv4 dummy address", "RFC 7600"),
    _row("192.0.0.9/32", "ietf-protocol", "Port Control Protocol Anycast", "RFC 7723", reachable=True),
    _row("192.0.0.10/32", "ietf-protocol", "Traversal Using Relays around NAT Anycast", "RFC 8155", reachable=True),
    _row("192.0.0.170/31", "ietf-protocol", "NAT64/DNS64 Discovery", "RFC 8880, RFC 7050 section 2.2"),
    _row("192.0.2.0/24", "documentation", "Documentation (TEST-NET-1)", "RFC 5737"),
    _row("192.31.196.0/24", "as112", "AS112-v4", "RFC 7535", reachable=True),
    _row("192.52.193.0/24", "amt", "AMT", "RFC 7450", reachable=True),
    _row("192.88.99.0/24", "6to4-relay", "Deprecated (6to4 Relay Anycast)", "RFC 7526", reachable=None),
    _row("192.88.99.2/32", "6to4-relay", "6a44-relay anycast address", "RFC 6751"),
    _row("192.168.0.0/16", "private", "Private-Use", "RFC 1918"),
    _row("192.175.48.0/24", "as112", "Direct Delegation AS112 Service", "RFC 7534", reachable=True),
    _row("198.18.0.0/15", "benchmarking", "Benchmarking", "RFC 2544"),
    _row("198.51.100.0/24", "documentation", "Documentation (TEST-NET-2)", "RFC 5737"),
    _row("203.0.113.0/24", "documentation", "Documentation (TEST-NET-3)", "RFC 5737"),
    _row("224.0.0.0/4", "multicast", "Multicast", "RFC 1112 section 4", reachable=None),
    _row("240.0.0.0/4", "reserved", "Reserved", "RFC 1112 section 4"),
    _row("255.255.255.255/32", "reserved broadcast", "Limited Broadcast", "RFC 8190, RFC 919 section 7"),
)

SPECIAL_IPV6: tuple[Special, ...] = (
    _row("::/3", "reserved", "Reserved by IETF", "RFC 4291 section 2.4"),
    _row("::/96", "ipv4-compatible", "IPv4-compatible (deprecated)", "RFC 4291 section 2.5.5.1"),
    _row("::/128", "unspecified", "Unspecified Address", "RFC 4291 section 2.5.2"),
    _row("::1/128", "loopback", "Loopback Address", "RFC 4291 section 2.5.3"),
    _row("::ffff:0:0/96", "ipv4-mapped", "IPv4-mapped Address", "RFC 4291 section 2.5.5.2"),
    _row("::ffff:0:0:0/96", "siit-translated", "IPv4-translated (replaced by RFC 6052)", "RFC 2765 section 2.1"),
    _row("64:ff9b::/96", "nat64-wkp", "IPv4-IPv6 Translation", "RFC 6052 section 2.1", reachable=True),
    _row("64:ff9b:1::/48", "nat64-local", "IPv4-IPv6 Translation", "RFC 8215"),
    _row("100::/64", "discard-only", "Discard-Only Address Block", "RFC 6666"),
    _row("100:0:0:1::/64", "dummy", "Dummy IPv6 Prefix", "RFC 9780"),
    _row("2001::/23", "ietf-protocol", "IETF Protocol Assignments", "RFC 2928"),
    _row("2001::/32", "teredo", "TEREDO", "RFC 4380, RFC 8190", reachable=None),
    _row("2001:1::1/128", "ietf-protocol", "Port Control Protocol Anycast", "RFC 7723", reachable=True),
    _row("2001:1::2/128", "ietf-protocol", "Traversal Using Relays around NAT Anycast", "RFC 8155", reachable=True),
    _row("2001:1::3/128", "ietf-protocol", "DNS-SD Service Registration Protocol Anycast", "RFC 9665", reachable=True),
    _row("2001:2::/48", "benchmarking", "Benchmarking", "RFC 5180, RFC 1752"),
    _row("2001:3::/32", "amt", "AMT", "RFC 7450", reachable=True),
    _row("2001:4:112::/48", "as112", "AS112-v6", "RFC 7535", reachable=True),
    _row("2001:10::/28", "orchid-v1", "Deprecated (previously ORCHID)", "RFC 4843", reachable=None),
    _row("2001:20::/28", "orchid-v2", "ORCHIDv2", "RFC 7343", reachable=True),
    _row("2001:30::/28", "drone-remote-id", "Drone Remote ID Protocol Entity Tags", "RFC 9374", reachable=True),
    _row("2001:db8::/32", "documentation", "Documentation", "RFC 3849"),
    _row("2002::/16", "6to4", "6to4", "RFC 3056", reachable=None),
    _row("2620:4f:8000::/48", "as112", "Direct Delegation AS112 Service", "RFC 7534", reachable=True),
    _row("3ffe::/16", "6bone", "6bone (returned to IANA)", "RFC 3701"),
    _row("3fff::/20", "documentation", "Documentation", "RFC 9637"),
    _row("4000::/2", "reserved", "Reserved by IETF", "RFC 4291 section 2.4"),
    _row("5f00::/16", "srv6-sid", "Segment Routing (SRv6) SIDs", "RFC 9602"),
    _row("8000::/1", "reserved", "Reserved by IETF", "RFC 4291 section 2.4"),
    _row("fc00::/7", "unique-local", "Unique-Local", "RFC 4193, RFC 8190"),
    _row("fe80::/10", "link-local", "Link-Local Unicast", "RFC 4291 section 2.5.6"),
    _row("fec0::/10", "site-local", "Site-Local (deprecated)", "RFC 3879"),
    _row("ff00::/8", "multicast", "Multicast", "RFC 4291 section 2.7", reachable=None),
)

SPECIAL: tuple[Special, ...] = SPECIAL_IPV4 + SPECIAL_IPV6

# Credentials of the machine are served here to whoever can make it connect; by the providers' documentation.
CLOUD_METADATA: Mapping[Address, str] = MappingProxyType(
    {
        Address("169.254.169.254"): "EC2, Azure, Google, Oracle, OpenStack and most others",
        Address("169.254.170.2"): "Amazon ECS task credentials",
        Address("169.254.170.23"): "Amazon EKS Pod Identity",
        Address("169.254.0.23"): "Tencent Cloud",
        Address("169.254.42.42"): "Scaleway",
        Address("100.100.100.200"): "Alibaba Cloud",
        Address("168.63.129.16"): "Azure WireServer",
        Address("192.0.0.192"): "Oracle Cloud Classic",
        Address("fd00:ec2::254"): "EC2",
        Address("fd00:ec2::23"): "Amazon EKS Pod Identity",
        Address("fd20:ce::254"): "Google",
        Address("fd00:c1::a9fe:a9fe"): "Oracle Cloud",
        Address("fd00:42::42"): "Scaleway",
    }
)
METADATA_CLASS = "cloud-metadata"

# What an address of a translator may be, well known or given by the operator, whose public IPv4 address then counts.
_TRANSLATED = frozenset({frozenset({"nat64-wkp"}), frozenset({"nat64-nsp"}), frozenset({"nat64-local", "nat64-nsp"})})

_LONGEST_FIRST: Mapping[int, tuple[Special, ...]] = MappingProxyType(
    {
        4: tuple(sorted(SPECIAL_IPV4, key=lambda row: -row.prefix.length)),
        6: tuple(sorted(SPECIAL_IPV6, key=lambda row: -row.prefix.length)),
    }
)


def special(address: Address) -> Special | None:
    """The row that an address falls under, by the longest prefix; None where it is plain global unicast.

    >>> special(Address("2001:db8::1")).law
    'RFC 3849'
    """
    return next((row for row in _LONGEST_FIRST[address.version] if address in row.prefix), None)


def classes_of(address: Address, nat64: Nat64 | None = None) -> tuple[str, ...]:
    """All that an address is: its family, its block, what it embeds (`embeds-...`), what is odd about its zone.

    Args:
        address: as given; of a mapped one, what its IPv4 address is.
        nat64: the network-specific prefixes in use.

    >>> classes_of(Address("2002:a00:1::"))
    ('ipv6', '6to4', 'embeds-private')
    """
    return (f"ipv{address.version}", *_kind(address, nat64), *_inside(address, nat64), *_zone(address))


def _kind(address: Address, nat64: Nat64 | None) -> tuple[str, ...]:
    """The block and the forms; `global` where nothing else is to be said."""
    if address.is_mapped:
        return ("ipv4-mapped", *_kind(address.canonical, None))
    row = special(address)
    found = row.classes if row else ()
    if address.without_scope in CLOUD_METADATA:
        found += (METADATA_CLASS,)
    mechanisms = {embedded.mechanism.partition("/")[0] for embedded in embedded_ipv4(address, nat64)}
    found += tuple(name for name in ("nat64-nsp", "isatap") if name in mechanisms)
    return found or (GLOBAL,)


def _inside(address: Address, nat64: Nat64 | None) -> Iterator[str]:
    """`embeds-` and each class of each IPv4 address inside, once; a mapped address is its IPv4 and embeds nothing."""
    if not address.is_mapped:
        inside = (name for embedded in embedded_ipv4(address, nat64) for name in _kind(embedded.ipv4, None))
        yield from dict.fromkeys(f"embeds-{name}" for name in inside)


def _zone(address: Address) -> Iterator[str]:
    if address.scope is not None:
        yield "zone"
        if not address.needs_scope:
            yield "zone-on-nonlinklocal"


def is_public(address: Address, nat64: Nat64 | None = None) -> bool:
    """Whether a policy of "public only" lets an address pass.

    Args:
        address: one that is about to be dialled, or a peer's.
        nat64: the network-specific prefixes whose translators may be used, as the well-known one may.

    >>> is_public(Address("64:ff9b::8.8.8.8")), is_public(Address("64:ff9b::10.0.0.1")), is_public(Address("8.8.8.8"))
    (True, False, True)
    """
    if address.is_mapped:
        return is_public(address.canonical)
    if address.scope is not None:
        return False
    kind = frozenset(_kind(address, nat64))
    if kind in _TRANSLATED:
        return all(is_public(embedded.ipv4) for embedded in embedded_ipv4(address, nat64))
    return kind == {GLOBAL}


@cache
def public_prefixes(version: int) -> tuple[Prefix, ...]:
    """The blocks that are public whatever an address in them embeds: all but the special ones and the metadata."""
    everything = Prefix(Address.from_int(0, version), 0)
    holes = [row.prefix for row in _LONGEST_FIRST[version]]
    holes += [Prefix(address, BITS[version]) for address in CLOUD_METADATA if address.version == version]
    return tuple(everything.without(tuple(holes)))
