"""By which addresses a host is pinged: its own, and where IPv4 has no way, those of a translator (RFC 6052, RFC 7050).

The rule is the connector's: on a host that has IPv6 alone, an IPv4 address is reached behind the prefix of the
network's translator, which is looked for where it is needed.
"""

import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType

from dualstack.core.address.address import Address
from dualstack.core.dial.egress import EgressPolicy, Source
from dualstack.core.ping.plan import PingWishes
from dualstack.kernel.attempts import source_of
from dualstack.net.dial.candidates import answer_of
from dualstack.net.names.resolver import Resolver
from dualstack.net.names.thread_pool import POOL, LimitReachedError

__all__ = ["PingWays", "ping_ways", "ping_ways_async"]


@dataclass(frozen=True, slots=True)
class PingWays:
    """Whom to ask.

    Args:
        addresses: in the resolver's order.
        meant: by the address that is asked, the IPv4 address that a translator makes of it.
    """

    addresses: tuple[Address, ...]
    meant: Mapping[Address, Address] = field(default_factory=lambda: MappingProxyType({}))


def ping_ways(
    addresses: Iterable[Address], wishes: PingWishes, *, timeout_s: float, resolver: Resolver = socket
) -> PingWays:
    """The addresses to ask for a host; within `timeout_s`, past which there is no translator."""
    given = tuple(addresses)
    lost = _without_way(given, wishes)
    if not lost:
        return PingWays(given)
    try:
        return _translated(given, POOL.run(partial(_translations, lost, wishes, resolver), timeout_s))
    except LimitReachedError:
        return PingWays(given)


async def ping_ways_async(
    addresses: Iterable[Address], wishes: PingWishes, *, timeout_s: float, resolver: Resolver = socket
) -> PingWays:
    """`ping_ways` for asyncio."""
    given = tuple(addresses)
    lost = _without_way(given, wishes)
    if not lost:
        return PingWays(given)
    try:
        return _translated(given, await POOL.run_async(partial(_translations, lost, wishes, resolver), timeout_s))
    except LimitReachedError:
        return PingWays(given)


def _without_way(addresses: Iterable[Address], wishes: PingWishes) -> tuple[Address, ...]:
    """The IPv4 addresses that the kernel has no way to; none where IPv6 is not to be used."""
    if wishes.family == 4 or (wishes.source is not None and wishes.source.version == 4):
        return ()
    is_by_ipv6 = wishes.source is not None
    own = Source(interface=_interface(wishes))
    return tuple(
        address for address in addresses if address.version == 4 and (is_by_ipv6 or source_of(address, own) is None)
    )


def _interface(wishes: PingWishes) -> str | None:
    """The name of the interface to go by; a number is one that `plan_ping` checks."""
    number = wishes.interface
    if number is None or not number.isdecimal():
        return number
    try:
        return socket.if_indextoname(int(number))
    except OSError:
        return None


def _translations(
    addresses: Sequence[Address], wishes: PingWishes, resolver: Resolver
) -> dict[Address, tuple[Address, ...]]:
    """What this network's translators make of each address."""
    sources = {6: Source(wishes.source, interface=_interface(wishes)), 4: Source()}

    def by_ipv6(address: Address, source: Source) -> Address | None:
        return source_of(address, source) if address.version == 6 else None

    found: dict[Address, tuple[Address, ...]] = {}
    outlet = EgressPolicy(MappingProxyType(sources))
    for candidate in answer_of(addresses, outlet, resolver, discover=True, source_of=by_ipv6).candidates:
        if candidate.synthesised_from is not None:
            there = found.get(candidate.synthesised_from, ())
            found[candidate.synthesised_from] = (*there, candidate.address)
    return found


def _translated(given: Iterable[Address], translations: Mapping[Address, tuple[Address, ...]]) -> PingWays:
    addresses = tuple(there for address in given for there in translations.get(address, (address,)))
    meant = {there: address for address, all_there in translations.items() for there in all_there}
    return PingWays(addresses, MappingProxyType(meant))
