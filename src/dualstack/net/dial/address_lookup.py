"""The lookup of one family for a connection: addresses with the sources the kernel would use, and what is left out.

It blocks, and runs in a thread of the pool: the system's resolver (so that the hosts file and nsswitch hold), the
datagram sockets that tell the sources, and, where a host has no way to IPv4, the question for the NAT64 prefix.
"""

import socket
from collections.abc import Callable, Iterable
from copy import copy
from dataclasses import replace
from functools import partial
from time import monotonic

from dualstack.core.address.address import Address
from dualstack.core.address.prefix import Prefix
from dualstack.core.dial.egress import (
    IPV4ONLY_ARPA,
    EgressPolicy,
    LeftOut,
    Source,
    SourceOf,
    candidates,
    discovered_prefixes,
    why_left_out,
)
from dualstack.core.dial.resolution import Answer
from dualstack.errors import LookupFailed
from dualstack.kernel.attempts import source_of as kernel_source_of
from dualstack.net.dial.translators import TRANSLATORS
from dualstack.net.names.getaddrinfo import FAMILIES, addresses_in, getaddrinfo
from dualstack.net.names.host_looks import ipv6_here
from dualstack.net.names.resolver import Resolver

__all__ = [
    "RememberedSources",
    "answer_of",
    "check_still",
    "families_to_ask",
    "judges_translators",
    "look_up",
    "looked_up",
    "why_not_now",
]

_SOMEWHERE = Address("2001:db8::1")
_SOURCE_S = 1.0
_SOURCES = 256


def look_up(name: str, family: int, outlet: EgressPolicy, resolver: Resolver, *, discover: bool) -> Answer:
    """Ask for the addresses of one family, as long as the resolver takes.

    Args:
        name: in ASCII.
        family: 4 or 6.
        outlet: what may be dialled, and from where.
        resolver: whoever is asked.
        discover: where IPv4 has no way, look for a translator's prefix (RFC 7050).
    """

    def find() -> tuple[Address, ...]:
        return addresses_in(getaddrinfo(name, None, FAMILIES[family], socket.SOCK_STREAM, resolver=resolver))

    return looked_up(find, outlet, resolver, discover=discover)


def looked_up(
    find: Callable[[], tuple[Address, ...]], outlet: EgressPolicy, resolver: Resolver, *, discover: bool
) -> Answer:
    """What a lookup of one family means; `find` makes it."""
    try:
        addresses = find()
    except LookupFailed as error:
        # The resolver has waited for servers that do not answer: that is what failed, not the name.
        error.timed_out = error.timed_out or error.errno == socket.EAI_AGAIN
        return Answer(error=_without_frames(error))
    return answer_of(addresses, outlet, resolver, discover=discover)


def _without_frames(error: LookupFailed) -> LookupFailed:
    """The same error, that nothing here holds, and no frame of the thread that met it leads to.

    Raised again elsewhere, it would else be one of a ring.
    """
    link: BaseException | None = error
    while link is not None:
        link = link.with_traceback(None).__context__
    again = copy(error)
    again.__cause__ = error.__cause__
    return again


def answer_of(
    addresses: Iterable[Address],
    outlet: EgressPolicy,
    resolver: Resolver,
    *,
    discover: bool,
    source_of: SourceOf | None = None,
) -> Answer:
    """Addresses that are known, with their sources: the kernel's, where `source_of` is nobody else."""
    source_of = source_of or remembered_source_of
    given = tuple(addresses)
    if discover and judges_translators(given, outlet):
        TRANSLATORS.look(partial(_discover, outlet, resolver, source_of))
    known = _known_to(outlet)
    chosen, left_out = candidates(given, outlet, source_of, known)
    if discover and not outlet.nat64 and any(found.family == 4 and found.source is None for found in chosen):
        prefixes = _discover(outlet, resolver, source_of)
        if prefixes:
            TRANSLATORS.learn(prefixes)
            chosen, left_out = candidates(given, replace(outlet, nat64=prefixes), source_of, known)
    return Answer(chosen, left_out)


def judges_translators(addresses: Iterable[Address], outlet: EgressPolicy) -> bool:
    """Whether it matters to rules, and is not known, by which translators IPv4 may be reached from here."""
    if outlet.access is None or outlet.nat64 or not TRANSLATORS.is_stale:
        return False
    return any(address.canonical.version == 6 and not address.is_loopback for address in addresses)


def why_not_now(address: Address, outlet: EgressPolicy) -> LeftOut | None:
    """Why an address that was let pass at its lookup is not dialled now; None where it is."""
    return None if outlet.access is None else why_left_out(address, outlet, _known_to(outlet))


def check_still(address: Address, outlet: EgressPolicy) -> None:
    """Judge an address again as it is dialled: since its lookup it may have become this host's own, or a translator's.

    Raises:
        OSError: it is let pass no more.
    """
    refused = why_not_now(address, outlet)
    if refused is not None:
        raise OSError(refused.errno, refused.why)


def _known_to(outlet: EgressPolicy) -> tuple[Prefix, ...]:
    """The translators that judge; without rules nothing is judged."""
    return () if outlet.access is None else TRANSLATORS.known


def _discover(outlet: EgressPolicy, resolver: Resolver, source_of: SourceOf) -> tuple[Prefix, ...]:
    """The prefixes of this network's translators; none where it has none, or no IPv6."""
    if 6 not in outlet.sources or source_of(_SOMEWHERE, outlet.sources[6]) is None:
        return ()
    try:
        infos = getaddrinfo(IPV4ONLY_ARPA, None, socket.AF_INET6, socket.SOCK_STREAM, resolver=resolver)
    except LookupFailed:
        return ()
    return discovered_prefixes(addresses_in(infos))


class RememberedSources:
    """Which source the kernel would take, asked again for each destination once a second at most.

    A program that connects again and again to the same few hosts asks the same again and again; and a source that a
    second ago was right, on a network left since, makes no more than a worse order.

    Args:
        ask: finds it out.
        clock: seconds.
    """

    def __init__(self, ask: SourceOf = kernel_source_of, clock: Callable[[], float] = monotonic) -> None:
        self._ask = ask
        self._clock = clock
        self._kept: dict[tuple[int, int, str | None, Source], tuple[float, Address | None]] = {}

    def __call__(self, address: Address, source: Source) -> Address | None:
        """The address that the kernel would connect from."""
        if address.is_loopback:
            return address
        key = (address.value, address.version, address.scope, source)
        now = self._clock()
        kept = self._kept.get(key)
        if kept is not None and now - kept[0] < _SOURCE_S:
            return kept[1]
        if len(self._kept) >= _SOURCES:
            self._kept.clear()
        found = self._ask(address, source)
        self._kept[key] = now, found
        return found


remembered_source_of = RememberedSources()


def families_to_ask(
    outlet: EgressPolicy, now: float, *, ipv6_here: Callable[[float], bool] = ipv6_here
) -> tuple[int, ...]:
    """AAAA is asked where there is IPv6, A where there is IPv4 or may be a translator (RFC 8305 section 3)."""
    families = outlet.families
    if 6 in families and len(families) > 1 and not ipv6_here(now):
        return tuple(family for family in families if family != 6)
    return families
