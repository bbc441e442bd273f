"""Who is at the two ends of a connection, unmapped: as counters tell them apart, and as people read them."""

from socket import AF_INET, AF_INET6, socket

from dualstack.core.access.client_key import client_of
from dualstack.gateway.relay.link import Hop, Link

__all__ = ["CLIENTS", "WayKey", "hop_of", "target_family", "way_of"]

CLIENTS = ("ipv4", "ipv6")
"""The families of clients, by whether they speak IPv6."""

WayKey = tuple[bool, int | None]
"""Whether the client speaks IPv6; the target's address family as sockets have it, None where it was not reached."""

_TARGETS: dict[int | None, str] = {AF_INET: "ipv4", AF_INET6: "ipv6", None: "none"}


def target_family(family: int | None) -> str:
    """For people: `none` where it was not reached, `unix` where it is on no network."""
    return _TARGETS.get(family, "unix")


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
