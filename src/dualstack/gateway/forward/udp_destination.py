"""Where a datagram of an association goes: looked up, judged, and the system's word on what was sent.

Each address of a name goes through `reach` after the lookup, and the address judged is the one that is sent to. What is
no one host's, broadcast and multicast, is reached by no rule.
"""

import errno
from functools import lru_cache
from socket import AF_INET, AF_INET6, SocketType, inet_pton
from typing import TYPE_CHECKING

from dualstack.core.access.access_list import AccessList, Verdict
from dualstack.core.address.address import Address
from dualstack.core.address.embedded import Nat64
from dualstack.core.address.endpoint import Endpoint
from dualstack.core.address.sockaddr import SockAddr
from dualstack.core.address.well_known import LOOPBACK
from dualstack.core.flow_table import Flow
from dualstack.errors import DialError
from dualstack.gateway.relay.link import Hop
from dualstack.gateway.upstream.egress import hop_to
from dualstack.gateway.upstream.upstream import Upstream
from dualstack.net.dial.candidates import why_not_now
from dualstack.net.dial.datagram_targets import destinations
from dualstack.net.dial.translators import TRANSLATORS
from dualstack.wire.socks5_udp import header

if TYPE_CHECKING:
    import asyncio

    from dualstack.core.dial.order import Candidate

__all__ = ["NO_WAY", "UdpDestination", "failure", "hops_to", "may_still_be_sent_to", "spec_of"]

NO_WAY = frozenset(
    {errno.EACCES, errno.EADDRNOTAVAIL, errno.EHOSTUNREACH, errno.EINVAL, errno.ENETUNREACH, errno.EPERM}
)
"""What says of an address that there is no way to it; EACCES is a broadcast address's (ip(7))."""


class UdpDestination(Flow):
    """A target by the header that a client wrote.

    `sock` sends to `sockaddr`, None until it is known; `said` is the header that an answer gets, None where that is
    the sender's own. `hops` are the addresses not tried yet, `held` what waits for a lookup or may have to go to
    another address.
    """

    __slots__ = ("blocked_until", "held", "hops", "judged_until", "lookup", "place", "said", "sock", "sockaddr")

    def __init__(self, key: bytes) -> None:
        super().__init__(key, "")
        self.sock: SocketType | None = None
        self.sockaddr: SockAddr = ""
        self.place: tuple[object, ...] = ()
        self.said: bytes | None = None
        self.hops: tuple[tuple[Hop, bytes | None], ...] = ()
        self.held: list[bytes] = []
        self.lookup: asyncio.Task[None] | None = None
        self.blocked_until = 0.0
        self.judged_until = 0.0


async def hops_to(target: Endpoint, upstream: Upstream) -> tuple[tuple[Hop, bytes | None], ...]:
    """The addresses that may be sent to, the best first, each with the header of its answers.

    Raises:
        DialError, LookupFailed, AddressError: there are none.
    """
    dialer, limit_s = upstream.dialer_to(target, by_datagram=True), upstream.service.connect_timeout_s
    found = await destinations(str(target.host), target.port, dialer, timeout=limit_s)
    one_host, known = _one_host(upstream.service.nat64), Nat64(TRANSLATORS.known)
    allowed = [each for each in found if one_host.check_through(each.address, known).verdict is Verdict.ALLOW]
    if not allowed:
        raise DialError(str(target), f"{found[0].address} is not one host's", errno=errno.EACCES)
    sources = dialer.outlet.sources
    return tuple(
        (hop_to(_meant(each.address), target.port, sources[each.family]), _said(each, target.port)) for each in allowed
    )


@lru_cache(maxsize=64)
def _one_host(nat64: tuple[str, ...]) -> AccessList:
    """Deny rules look into IPv6 addresses that carry IPv4, so no translator is talked into it either."""
    return AccessList(("deny 224.0.0.0/4", "deny 255.255.255.255", "deny ff00::/8", "allow any"), nat64=nat64)


_MAY_BE_ANOTHERS = NO_WAY | {errno.ECONNREFUSED}


def failure(sock: SocketType, content: memoryview, sockaddr: SockAddr) -> int:
    """Send; the number of the error, or 0.

    The first error may be what ICMP said of an earlier datagram (net/core/sock.c: sock_alloc_send_pskb).
    """
    number = _errno_of_sending(sock, content, sockaddr)
    return _errno_of_sending(sock, content, sockaddr) if number in _MAY_BE_ANOTHERS else number


def _errno_of_sending(sock: SocketType, content: memoryview, sockaddr: SockAddr) -> int:
    try:
        sock.sendto(content, sockaddr)
    except OSError as error:
        return error.errno or errno.EIO
    return 0


def spec_of(sockaddr: SockAddr) -> tuple[object, ...]:
    """Whose answers belong to what was sent there: the address and its zone, whatever the port."""
    host, scope = sockaddr[0], sockaddr[3:]
    assert isinstance(host, str)  # noqa: S101 - datagrams go to internet sockets alone
    return (inet_pton(AF_INET6 if ":" in host else AF_INET, host), *scope)


def may_still_be_sent_to(sockaddr: SockAddr, upstream: Upstream) -> bool:
    """Whether an address that was let pass still is: it may have become this host's own, or a translator's."""
    assert isinstance(sockaddr, tuple)  # noqa: S101 - datagrams go to internet sockets alone
    return why_not_now(Address(sockaddr), upstream.dialer.outlet) is None


def _meant(address: Address) -> Address:
    """Linux sends to the loopback what is for no address (ip_route_output_key_hash, ip6_dst_lookup_tail)."""
    return LOOPBACK[address.version] if address.is_unspecified else address


def _said(candidate: "Candidate", port: int) -> bytes | None:
    """Behind a translator the client sees the IPv4 address that it asked for."""
    asked = candidate.synthesised_from
    return None if asked is None else header(Endpoint(asked, port))
