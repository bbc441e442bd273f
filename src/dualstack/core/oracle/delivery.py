"""Which of the receiving sockets gets what is sent to an address, and the addresses that its program sees.

Linux: an exact address before a wildcard; among these an AF_INET socket before an AF_INET6 one; then the first of the
chain. If that one has SO_REUSEPORT, its whole group shares by a hash of the addresses and ports, which nobody can
foresee: the answer is the group. An exact address never leaves anything to the wildcard.

Elsewhere the row of the system has the order as sets of sockets, and which of equals receives. On one of them that
depends on who received before: destinations are sent to in their order.

Never looks at the case's steps: the sockets come in the order in which they began to receive (Linux) or were bound.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from dualstack.core.address.address import Address
from dualstack.core.oracle.bind_alone import is_local
from dualstack.core.oracle.bound_socket import ANY, Bound, device_of
from dualstack.core.oracle.case import UNKNOWN, Case, Delivery, Errno, Receiver
from dualstack.core.oracle.linux_udp import enter_chain
from dualstack.core.oracle.stack import Pick, Sharing, Stack, Taker
from dualstack.core.oracle.unknown import Unknown

__all__ = ["deliver"]

_LINUX = {
    "tcp": "net/ipv4/inet_hashtables.c: __inet_lookup_listener; net/ipv6/inet6_hashtables.c: inet6_lookup_listener",
    "udp": "net/ipv4/udp.c: __udp4_lib_lookup; net/ipv6/udp.c: __udp6_lib_lookup",
}


@dataclass(frozen=True, slots=True)
class _Destination:
    """Where a client sends to: the address on the wire, and that without its scope; the client's own address; whether
    it needs neither a group nor an interface; the interface of a link-local one.
    """

    shown: Address
    address: Address
    source: Address | None
    is_one_host: bool
    device: str | None = None


def deliver(case: Case, receiving: Sequence[Bound], unsure: Sequence[Bound] = ()) -> tuple[Delivery, ...]:
    """For each destination of `case`, who may receive.

    Args:
        case: the question.
        receiving: who listens (TCP) or is bound (UDP), in the order in which they began to (Linux) or were bound.
        unsure: sockets of which no source tells whether they receive.
    """
    chain = _linux_chain(receiving) if case.stack.name == "linux" else list(receiving)
    deliveries = []
    for place, to in enumerate(case.destinations):
        wanted = _destination(to, case.sources[place] if case.sources else None)
        if not wanted.is_one_host:
            wanted = replace(wanted, device=device_of(case, to))
        delivery = _refused(case, wanted) or _received_among(case, chain, unsure, wanted)
        if case.stack.last_is_first and delivery.receivers:
            chain = _moved_to_the_end(chain, delivery.receivers[0].socket)
        deliveries.append(delivery)
    return tuple(deliveries)


def _moved_to_the_end(chain: Sequence[Bound], index: int) -> list[Bound]:
    return [each for each in chain if each.index != index] + [each for each in chain if each.index == index]


def _refused(case: Case, wanted: _Destination) -> Delivery | None:
    """What a client gets, or may get, whatever the sockets are."""
    if not (case.ipv6 and wanted.is_one_host):
        for holds, errno, why in _NOBODY:
            if holds(case, wanted):
                return Delivery(errno=errno if case.stack.name == "linux" else UNKNOWN, why=why)
    if not is_local(case, wanted.shown):
        return Delivery(errno="ECONNREFUSED", why=f"no interface of this host has {wanted.shown}")
    return None


@lru_cache(maxsize=4096)
def _destination(to: Address, source: Address | None) -> _Destination:
    """All but the interface, which the case knows; in one batch they are mostly the same."""
    shown = to.canonical
    address = shown.without_scope
    is_one_host = not (address.is_multicast or address.needs_scope or address == _BROADCAST)
    return _Destination(shown, address, source, is_one_host)


def _is_for_many(wanted: _Destination) -> bool:
    return wanted.address.is_multicast or wanted.address == _BROADCAST


_BROADCAST = Address("255.255.255.255")

# As Linux was seen; of the others nothing is told.
_NOBODY: tuple[tuple[Callable[[Case, _Destination], bool], Errno, str], ...] = (
    (
        lambda c, w: _is_for_many(w) and c.proto == "tcp",
        "ENETUNREACH",
        "TCP connects to one host, and this address stands for many",
    ),
    (
        lambda _c, w: _is_for_many(w),
        UNKNOWN,
        "it is sent to many: who has joined the group decides, not the bind alone",
    ),
    (lambda c, w: w.address.version == 6 and not c.ipv6, "EADDRNOTAVAIL", "IPv6 is off"),
    (
        lambda _c, w: w.address.needs_scope and w.device is None,
        "EINVAL",
        "a link-local address says nothing without its interface",
    ),
)


def _received_among(case: Case, chain: Sequence[Bound], unsure: Sequence[Bound], wanted: _Destination) -> Delivery:
    candidates = [each for each in chain if _takes(each, wanted)]
    if (unsure and any(_takes(each, wanted) for each in unsure)) or _perhaps(candidates, wanted):
        return Delivery(errno=UNKNOWN, why=f"no source tells which sockets receive it on {case.stack.title}")
    if not candidates:
        return Delivery(errno="ECONNREFUSED", why="no socket covers this address")
    receive = _on_linux if case.stack.name == "linux" else _elsewhere
    return receive(case, candidates, wanted)


def _linux_chain(receiving: Iterable[Bound]) -> list[Bound]:
    chain: list[Bound] = []
    for each in receiving:
        enter_chain(chain, each)
    return chain


def _takes(each: Bound, wanted: _Destination) -> bool:
    if each.device is not None and wanted.device is not None and each.device != wanted.device:
        return False
    part = each.cover.part(wanted.address.version)
    return part is ANY or (part is not None and part == wanted.address)


def _perhaps(candidates: Sequence[Bound], wanted: _Destination) -> bool:
    return wanted.address.version == 4 and True in [each.perhaps_v4 for each in candidates]


def _on_linux(case: Case, candidates: Sequence[Bound], wanted: _Destination) -> Delivery:
    version = wanted.address.version
    first = max(candidates, key=lambda each: (each.cover.part(version) is not ANY, each.sock.family == version))
    group = sorted(each.index for each in candidates if _one_group(first, each)) if first.sock.reuseport else []
    why = _why(candidates, is_exact=first.cover.part(version) is not ANY)
    if len(group) > 1:
        why = "the sockets of a SO_REUSEPORT group share by a hash of the client's address and port"
    return _received(candidates, group or [first.index], wanted, why, _LINUX[case.proto])


def _one_group(a: Bound, b: Bound) -> bool:
    """net/ipv4/inet_hashtables.c: inet_reuseport_add_sock; net/ipv4/udp.c: udp_reuseport_add_sock"""
    return (
        b.sock.reuseport
        and a.sock.family == b.sock.family
        and a.cover == b.cover
        and a.device == b.device
        and a.sock.uid == b.sock.uid
    )


def _elsewhere(case: Case, candidates: Sequence[Bound], wanted: _Destination) -> Delivery:
    stack, version = case.stack, wanted.address.version
    if len(candidates) == 1:
        return _received(candidates, [candidates[0].index], wanted, _ALONE, stack.source, plain=_sees_plain(case))
    kinds = [_taker(each, version) for each in candidates]
    takers, pick = next((takers, pick) for takers, pick in stack.order if not takers.isdisjoint(kinds))
    best = [each for each, kind in zip(candidates, kinds, strict=True) if kind in takers]
    if (len(best) > 1 and pick is Pick.UNKNOWN) or _is_untold(stack, candidates):
        return Delivery(errno=UNKNOWN, why=f"no source tells which of them receives it on {stack.title}")
    chosen = best if len(best) == 1 else _PICKS[pick](best)
    why, source = "an exact address comes before a wildcard", stack.source
    if len(best) > 1:
        why, source = f"of equals on {stack.title} receives {stack.equals}", stack.source_of("equals")
    elif version == 4 and stack.ipv4_goes_to != "unknown":
        why, source = f"on {stack.title} IPv4 goes to {stack.ipv4_goes_to}", stack.source_of("ipv4_goes_to")
    return _received(best, sorted(each.index for each in chosen), wanted, why, source, plain=_sees_plain(case))


def _taker(each: Bound, version: int) -> Taker:
    is_exact = each.cover.part(version) is not ANY
    if version == 6:
        return Taker.EXACT_IPV6 if is_exact else Taker.ANY_IPV6
    if each.sock.family == 4:
        return Taker.EXACT_IPV4 if is_exact else Taker.ANY_IPV4
    if each.cover.v6 is None:
        return Taker.EXACT_MAPPED if is_exact else Taker.ANY_MAPPED
    return Taker.DUAL


_PICKS: Mapping[Pick, Callable[[Sequence[Bound]], Sequence[Bound]]] = {
    Pick.NEWEST: lambda equals: equals[-1:],
    Pick.OLDEST: lambda equals: equals[:1],
    Pick.GROUP: lambda equals: equals if all(each.sock.reuseport for each in equals) else equals[-1:],
}


_ALONE = "it is the only socket that covers this address"


def _why(candidates: Sequence[Bound], *, is_exact: bool) -> str:
    if len(candidates) == 1:
        return _ALONE
    if is_exact:
        return "an exact address comes before a wildcard"
    return "of two wildcards the one of the address's own family comes first"


def _is_untold(stack: Stack, candidates: Sequence[Bound]) -> bool:
    """On Windows nobody can tell who comes first where SO_REUSEADDR made sockets share."""
    return stack.same_address is Sharing.MATRIX and any(each.sock.reuseaddr for each in candidates)


def _sees_plain(case: Case) -> bool | Unknown:
    """Whether a socket that is bound to a mapped address sees an AF_INET peer."""
    return case.stack.mapped_peer_is_plain if case.proto == "udp" else False


def _received(
    among: Sequence[Bound],
    chosen: Iterable[int],
    wanted: _Destination,
    why: str,
    source: str,
    *,
    plain: bool | Unknown = False,
) -> Delivery:
    bound = {each.index: each for each in among}
    receivers = tuple(_receiver(bound[index], wanted, plain=plain) for index in chosen)
    return Delivery(receivers, why=why, source=source)


def _receiver(each: Bound, wanted: _Destination, *, plain: bool | Unknown) -> Receiver:
    """An AF_INET6 socket shows IPv4 addresses mapped (RFC 3493 section 3.7)."""
    local, peer = wanted.shown, wanted.source
    if wanted.address.version == 4 and each.sock.family == 6:
        mapped = peer.canonical.as_ipv6 if peer is not None else None
        is_plain = plain is True and each.cover.v6 is None
        return Receiver(each.index, local.as_ipv6, peer.canonical if is_plain and peer is not None else mapped)
    return Receiver(each.index, local, peer.canonical if peer is not None else None)
