"""What a dialler may use, and which of a target's addresses that leaves (D4, D5, N3, N7).

An egress policy says for each family from which address and interface it is dialled, what the rules let pass, and
by which NAT64 prefixes IPv4 is reached where it has no way of its own. What is left out is said, with the reason.
Looks nothing up and asks no kernel: whether there is a way to an address comes in as its source.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType

from dualstack.core.address.address import Address
from dualstack.core.address.prefix import Prefix
from dualstack.core.address.well_known import LOOPBACK
from dualstack.core.dial.order import Candidate
from dualstack.core.quick_values import dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    from dualstack.core.access.judge import Judge
    from dualstack.core.address.embedded import Nat64

__all__ = [
    "ANYWHERE",
    "FAMILY_NAMES",
    "FROM_ANYWHERE",
    "IPV4ONLY_ARPA",
    "WELL_KNOWN_IPV4",
    "EgressPolicy",
    "LeftOut",
    "SocketOption",
    "Source",
    "SourceOf",
    "candidates",
    "discovered_prefixes",
    "why_left_out",
]

SocketOption: TypeAlias = tuple[int, int, int | bytes]
"""Level, option and value, as `setsockopt` takes them."""

FAMILY_NAMES: Mapping[int, str] = MappingProxyType({4: "IPv4", 6: "IPv6"})


@dataclass(frozen=True, slots=True)
class Source:
    """What a connection is bound to before it is made: an address, a port, an interface, or none of them.

    Args:
        address: the local address; None lets the kernel choose.
        port: the local port; 0 lets the kernel choose.
        interface: the one interface to go by.
        options: arguments of `setsockopt`, for each socket before it is connected.
    """

    address: Address | None = None
    port: int = 0
    interface: str | None = None
    options: tuple[SocketOption, ...] = ()


FROM_ANYWHERE = Source()
"""The kernel chooses all of it."""


@dataclass(frozen=True, slots=True)
class EgressPolicy:
    """What a dialler may use.

    Args:
        sources: by family, what its connections are bound to; a family that is not in it is not dialled.
        access: which addresses may be dialled; None is all of them.
        nat64: prefixes of translators, put before IPv4 addresses where IPv4 has no way of its own.
        why: what a policy with fewer families says of itself: "port tcpip6 dials IPv6 alone".
    """

    sources: Mapping[int, Source] = field(
        default_factory=lambda: MappingProxyType({6: FROM_ANYWHERE, 4: FROM_ANYWHERE})
    )
    access: Judge | None = None
    nat64: tuple[Prefix, ...] = ()
    why: str = ""

    @property
    def families(self) -> tuple[int, ...]:
        """The families to look up, IPv6 first (RFC 8305 section 3); IPv4 too where a translator reaches it."""
        return tuple(family for family in (6, 4) if family in self.sources or (family == 4 and self.nat64))


ANYWHERE = EgressPolicy()


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An address that is not dialled, why, and the number of the error where that leaves none."""

    address: Address
    why: str
    errno: int


SourceOf = Callable[[Address, Source], Address | None]
"""The address that the kernel would connect from, bound to a source; None where it has no way there."""

# RFC 6052 section 3.1, RFC 8305 section 7.1: what stays on this host or link is never another network's to translate.
_NEVER_TRANSLATED = tuple(
    map(Prefix.parse, ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "255.255.255.255/32"))
)


def why_left_out(address: Address, outlet: EgressPolicy, known: tuple[Prefix, ...] = ()) -> LeftOut | None:
    """Why an address may not be dialled by this policy; None where it may.

    Args:
        address: the one that is about to be dialled.
        outlet: what may be dialled.
        known: prefixes of translators that were found, which judge whether they dial or not.
    """
    # Below fe00:: no address needs a scope.
    if address.version == 6 and address.value >> 121 == _ONES and (refused := _nothing_named(address)):
        return refused
    if outlet.access is not None and (denied := _denied(address, outlet.access, outlet.nat64 + known)):
        return denied
    if address.version not in outlet.sources:
        if address.version == 4 and outlet.nat64 and not _stays_here(address):
            return None
        why = outlet.why or f"only {FAMILY_NAMES[10 - address.version]} may be dialled"
        return LeftOut(address, why, errno.EAFNOSUPPORT)
    return None


def _denied(address: Address, access: Judge, nat64: tuple[Prefix, ...]) -> LeftOut | None:
    from dualstack.core.access.access_list import Verdict  # who has no rules does not pay for their tables

    # Linux: tcp_v4_connect and tcp_v6_connect take the unspecified address for the loopback.
    for meant in (address, LOOPBACK[address.version]) if address.is_unspecified else (address,):
        is_plain = not nat64 or meant.version == 4
        decision = access.check(meant) if is_plain else access.check_through(meant, _translators(nat64))
        if decision.verdict is not Verdict.ALLOW:
            return LeftOut(address, decision.why, errno.EACCES)
    return None


@lru_cache(maxsize=64)
def _translators(prefixes: tuple[Prefix, ...]) -> Nat64:
    from dualstack.core.address.embedded import Nat64  # who has no translators does not pay for their tables

    return Nat64(prefixes)


_ONES = 0x7F


def _nothing_named(address: Address) -> LeftOut | None:
    """Why an address names nothing without more (N2, N3)."""
    if address.kame_scope is not None:
        return LeftOut(address, "it seems to have a scope inside (inet6(4)): write it behind a %", errno.EINVAL)
    if address.needs_scope and address.scope is None:
        return LeftOut(address, "it says nothing without its interface: write one behind a %", errno.EINVAL)
    return None


def candidates(
    addresses: Iterable[Address], outlet: EgressPolicy, source_of: SourceOf, known: tuple[Prefix, ...] = ()
) -> tuple[list[Candidate], list[LeftOut]]:
    """The addresses that may be dialled, each with its source, and those that may not.

    Every socket address about to be dialled is judged: an IPv4 address, and what a prefix makes of it. A translator's
    prefix is used where the kernel has no way to the IPv4 address. `known` are prefixes that judge besides.
    """
    chosen: list[Candidate] = []
    left_out: list[LeftOut] = []
    for given in addresses:
        address = given.canonical
        refused = why_left_out(address, outlet, known)
        if refused is not None:
            left_out.append(refused)
            continue
        bound = outlet.sources.get(address.version)
        source = None if bound is None else source_of(address, bound)
        if source is None and address.version == 4:
            translated = list(_translated(address, outlet, source_of, known))
            chosen += [found for found in translated if isinstance(found, Candidate)]
            left_out += [found for found in translated if isinstance(found, LeftOut)]
        if bound is not None and (source is not None or not _has_translation(chosen, address)):
            chosen.append(Candidate(address, source))
    return chosen, left_out


def _has_translation(chosen: list[Candidate], address: Address) -> bool:
    return any(candidate.synthesised_from == address for candidate in chosen)


def _translated(
    address: Address, outlet: EgressPolicy, source_of: SourceOf, known: tuple[Prefix, ...]
) -> Iterator[Candidate | LeftOut]:
    if not outlet.nat64 or 6 not in outlet.sources or _stays_here(address):
        return
    from dualstack.core.address.embedded import rfc6052_encode  # as above

    for prefix in outlet.nat64:
        there = rfc6052_encode(address, prefix)
        # Judged again: the rules speak of the socket address, and may forbid the translator.
        refused = why_left_out(there, outlet, known)
        yield refused or Candidate(there, source_of(there, outlet.sources[6]), synthesised_from=address)


def _stays_here(address: Address) -> bool:
    return any(address in prefix for prefix in _NEVER_TRANSLATED)


IPV4ONLY_ARPA = "ipv4only.arpa"
WELL_KNOWN_IPV4 = (Address("192.0.0.170"), Address("192.0.0.171"))
"""RFC 7050 section 2.2: the name that has these IPv4 addresses and no other, so that an IPv6 one is a translator's."""


def discovered_prefixes(answers: Iterable[Address]) -> tuple[Prefix, ...]:
    """The NAT64 prefixes that IPv6 addresses of ipv4only.arpa give away (RFC 7050 section 3), each once.

    >>> [str(prefix) for prefix in discovered_prefixes([Address("64:ff9b::192.0.0.170")])]
    ['64:ff9b::/96']
    """
    found = (_prefix_before_well_known(answer) for answer in answers if answer.version == 6)
    return tuple(dict.fromkeys(prefix for prefix in found if prefix is not None))


def _prefix_before_well_known(answer: Address) -> Prefix | None:
    """The one length at which the address is a well-known one behind a prefix; longest first, as RFC 7050 advises."""
    if answer.value >> 56 & 0xFF:  # bits 64 to 71 are zero at every length (RFC 6052 section 2.2)
        return None
    from dualstack.core.address.embedded import NAT64_LENGTHS, rfc6052_encode  # as above

    for length in reversed(NAT64_LENGTHS):
        host_bits = 128 - length
        network = Address.from_int(answer.value >> host_bits << host_bits, 6)
        prefix = Prefix(network, length)
        if any(rfc6052_encode(known, prefix) == answer for known in WELL_KNOWN_IPV4):
            return prefix
    return None
