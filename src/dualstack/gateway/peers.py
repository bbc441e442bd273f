"""Who is at the two ends of a connection, unmapped: as counters tell them apart, and as people read them."""

from socket import AF_INET, AF_INET6, socket

from dualstack.core.address import Address
from dualstack.gateway.dataplane.link import Hop, Link
from dualstack.kernel.streams import SockAddr

__all__ = ["CLIENTS", "WayKey", "client_of", "hop_of", "shown", "target_family", "way_of"]

CLIENTS = ("ipv4", "ipv6")
"""The families of clients, by whether they speak IPv6."""

WayKey = tuple[bool, int | None]
"""Whether the client speaks IPv6; the target's address family as sockets have it, None where it was not reached."""

_TARGETS: dict[int | None, str] = {AF_INET: "ipv4", AF_INET6: "ipv6", None: "none"}


def target_family(family: int | None) -> str:
    """For people: `none` where it was not reached, `unix` where it is on no network."""
    return _TARGETS.get(family, "unix")


def client_of(peer: SockAddr) -> str:
    """Whose connections are counted together: the kernel's text of the address, unmapped, which is canonical.

    An `Address` would be a tenth of what a short connection costs.
    """
    return peer[0].removeprefix("::ffff:") if isinstance(peer, tuple) else peer


def way_of(link: Link) -> WayKey:
    """From which family to which a link goes."""
    hop = link.hop
    return ":" in client_of(link.peer), None if hop is None else hop.family


def hop_of(server: socket) -> Hop:
    """Where a connected socket leads; one that was reset meanwhile does not say."""
    try:
        return Hop(server.family, server.getpeername())
    except OSError:
        return Hop(server.family, "")


def shown(peer: SockAddr) -> str:
    """A peer for people: its address unmapped."""
    if not isinstance(peer, tuple):
        return peer
    address = Address(peer).canonical
    return f"[{address}]:{peer[1]}" if address.version == 6 else f"{address}:{peer[1]}"
