"""Addresses that are known, made candidates: the source the kernel would use for each, and what is left out.

The datagram sockets that tell the sources do not block. Where a host has no way to IPv4, or rules want to know, the
NAT64 prefix is asked for, which does.
"""

from collections.abc import Callable, Iterable
from functools import partial
from time import monotonic

from dualstack.core.address.address import Address
from dualstack.core.dial.egress import EgressPolicy, LeftOut, Source, SourceOf, candidates, why_left_out
from dualstack.core.dial.resolution import Answer
from dualstack.core.quick_values import replace
from dualstack.kernel.attempts import source_of as kernel_source_of
from dualstack.net.dial.translators import TRANSLATORS, discovered

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dualstack.core.address.prefix import Prefix
    from dualstack.net.names.resolver import Resolver

__all__ = ["RememberedSources", "answer_of", "check_still", "has_no_way", "judges_translators", "why_not_now"]

_SOURCE_S = 1.0
_SOURCES = 256


def answer_of(
    addresses: Iterable[Address],
    outlet: EgressPolicy,
    resolver: "Resolver",
    *,
    discover: bool,
    source_of: SourceOf | None = None,
) -> Answer:
    """Addresses that are known, with their sources: the kernel's, where `source_of` is nobody else."""
    source_of = source_of or remembered_source_of
    given = tuple(addresses)
    if discover and judges_translators(given, outlet):
        TRANSLATORS.look(partial(discovered, outlet, resolver, source_of))
    known = _known_to(outlet)
    chosen, left_out = candidates(given, outlet, source_of, known)
    if discover and not outlet.nat64 and has_no_way(Answer(chosen)):
        prefixes = discovered(outlet, resolver, source_of)
        if prefixes:
            TRANSLATORS.learn(prefixes)
            chosen, left_out = candidates(given, replace(outlet, nat64=prefixes), source_of, known)
    return Answer(chosen, left_out)


def has_no_way(answer: Answer) -> bool:
    """Whether there is an IPv4 address that the kernel has no way to."""
    for found in answer.candidates:  # noqa: SIM110 - `any` over a generator costs three times as much
        if found.source is None and found.address.version == 4:
            return True
    return False


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


def _known_to(outlet: EgressPolicy) -> "tuple[Prefix, ...]":
    """The translators that judge; without rules nothing is judged."""
    return () if outlet.access is None else TRANSLATORS.known


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
