"""Which of the receiving sockets gets what is sent to an address, and the addresses that its program sees.

Linux: an exact address before a wildcard; among these an AF_INET socket before an AF_INET6 one; then the first of the
chain. If that one has SO_REUSEPORT, its whole group shares by a hash of the addresses and ports, which nobody can
foresee: the answer is the group. An exact address never leaves anything to the wildcard.

Never looks at the case's steps: the sockets come in the order in which they began to receive.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from dualstack.core.address.address import Address
from dualstack.core.oracle.bind_alone import is_local
from dualstack.core.oracle.bound_socket import ANY, Bound, device_of
from dualstack.core.oracle.case import UNKNOWN, Case, Delivery, Errno, Receiver
from dualstack.core.oracle.linux_udp import enter_chain
from dualstack.core.oracle.systems import Sharing, Stack

__all__ = ["deliver"]

_LINUX = {
    "tcp": "net/ipv4/inet_hashtables.c: __inet_lookup_listener; net/ipv6/inet6_hashtables.c: inet6_lookup_listener",
    "udp": "net/ipv4/udp.c: __udp4_lib_lookup; net/ipv6/udp.c: __udp6_lib_lookup",
}


@dataclass(frozen=True, slots=True)
class _Destination:
    """Where a client sends to: the address on the wire, the interface of a link-local one, and the client's own."""

    shown: Address
    address: Address
    device: str | None
    source: Address | None


def deliver(case: Case, receiving: Sequence[Bound], unsure: Sequence[Bound] = ()) -> tuple[Delivery, ...]:
    """For each destination of `case`, who may receive.

    Args:
        case: the question.
        receiving: who listens (TCP) or is bound (UDP), in the order in which they began.
        unsure: sockets of which no source tells whether they receive.
    """
    chain: Sequence[Bound] = _linux_chain(receiving) if case.stack.name == "linux" else receiving
    deliveries = []
    for place, to in enumerate(case.destinations):
        shown, source = to.canonical, case.sources[place] if case.sources else None
        wanted = _Destination(shown, shown.without_scope, device_of(case, to), source)
        deliveries.append(_refused(case, wanted) or _received_among(case, chain, unsure, wanted))
    return tuple(deliveries)


def _refused(case: Case, wanted: _Destination) -> Delivery | None:
    """What a client gets, or may get, whatever the sockets are."""
    on_linux = case.stack.name == "linux"
    for holds, errno, why in _NOBODY:
        if holds(case, wanted):
            return Delivery(errno=errno if on_linux else UNKNOWN, why=why)
    if not is_local(case, wanted.shown):
        return Delivery(errno="ECONNREFUSED", why=f"no interface of this host has {wanted.shown}")
    return None


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
    if any(_takes(each, wanted) for each in unsure) or any(_perhaps(each, wanted) for each in candidates):
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


def _perhaps(each: Bound, wanted: _Destination) -> bool:
    return each.perhaps_v4 and wanted.address.version == 4


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
    ranks = [_rank(stack, each, version) for each in candidates]
    best = [each for each, rank in zip(candidates, ranks, strict=True) if rank == max(ranks)]
    if len(best) > 1 or (len(candidates) > 1 and not _is_told(case, candidates)):
        return Delivery(errno=UNKNOWN, why=f"no source tells which of them receives it on {stack.title}")
    why = f"on {stack.title} IPv4 goes to {stack.ipv4_goes_to}"
    if version == 6 or len(candidates) == 1 or stack.ipv4_goes_to == "unknown":
        why = _why(candidates, is_exact=best[0].cover.part(version) is not ANY)
    return _received(best, [best[0].index], wanted, why, stack.source)


def _why(candidates: Sequence[Bound], *, is_exact: bool) -> str:
    if len(candidates) == 1:
        return "it is the only socket that covers this address"
    if is_exact:
        return "an exact address comes before a wildcard"
    return "of two wildcards the one of the address's own family comes first"


def _rank(stack: Stack, each: Bound, version: int) -> tuple[bool, bool]:
    is_exact, is_own = each.cover.part(version) is not ANY, each.sock.family == version
    return (is_own, is_exact) if stack.af_inet_first else (is_exact, is_own)


def _is_told(case: Case, candidates: Sequence[Bound]) -> bool:
    """Whether a source tells who comes first: not where SO_REUSEADDR made sockets share on Windows."""
    if case.stack.same_address is Sharing.MATRIX:
        return not any(each.sock.reuseaddr for each in candidates)
    return case.proto == "tcp" or case.stack.sharing_in_udp


def _received(among: Sequence[Bound], chosen: Iterable[int], wanted: _Destination, why: str, source: str) -> Delivery:
    families = {each.index: each.sock.family for each in among}
    return Delivery(tuple(_receiver(index, families[index], wanted) for index in chosen), why=why, source=source)


def _receiver(index: int, family: int, wanted: _Destination) -> Receiver:
    """An AF_INET6 socket shows IPv4 addresses mapped (RFC 3493 section 3.7)."""
    local, peer = wanted.shown, wanted.source
    if wanted.address.version == 4 and family == 6:
        return Receiver(index, local.as_ipv6, peer.canonical.as_ipv6 if peer is not None else None)
    return Receiver(index, local, peer.canonical if peer is not None else None)
