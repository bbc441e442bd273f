"""The lookup of one family for a connection, in a thread of the pool, since it blocks.

The system's resolver is asked, so that the hosts file and nsswitch hold, or whoever the dialler has for it.
"""

import socket
from collections.abc import Callable
from copy import copy

from dualstack.core.address.address import Address
from dualstack.core.dial.egress import EgressPolicy
from dualstack.core.dial.resolution import Answer
from dualstack.errors import LookupFailed
from dualstack.net.dial.candidates import answer_of
from dualstack.net.names.getaddrinfo import FAMILIES, addresses_in, getaddrinfo
from dualstack.net.names.host_looks import ipv6_here
from dualstack.net.names.resolver import Resolver

__all__ = ["families_to_ask", "look_up", "looked_up"]


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


def families_to_ask(
    outlet: EgressPolicy, now: float, *, ipv6_here: Callable[[float], bool] = ipv6_here
) -> tuple[int, ...]:
    """AAAA is asked where there is IPv6, A where there is IPv4 or may be a translator (RFC 8305 section 3)."""
    families = outlet.families
    if 6 in families and len(families) > 1 and not ipv6_here(now):
        return tuple(family for family in families if family != 6)
    return families
