"""AI_V4MAPPED, AI_ALL and AI_ADDRCONFIG as RFC 3493 section 6.1 has them, whatever the system's resolver does (U4).

Systems differ: some know AI_V4MAPPED and not AI_ALL, some refuse both, some count the loopback for AI_ADDRCONFIG. So
none of the three reaches the resolver, and what they mean is done here:

    AF_INET6, AI_V4MAPPED            IPv6 addresses; where there are none, IPv4 addresses in their mapped form
    AF_INET6, AI_V4MAPPED | AI_ALL   IPv6 addresses, then IPv4 addresses in their mapped form
    AI_ALL alone, or another family  neither has a meaning (RFC 3493: "ignored")
    AI_ADDRCONFIG                    only families of which an interface has an address, the loopback's aside

A host that has neither family but for the loopback is not filtered where both are asked for: it could not even reach
itself by name.
"""

import socket
from collections.abc import Callable, Sequence
from typing import cast

from dualstack.core.address.address import Address
from dualstack.kernel.facts import configured_families
from dualstack.net.names.resolver import AddressInfo, Resolver

__all__ = ["NO_ADDRESS", "look_up"]

_MAPPED = getattr(socket, "AI_V4MAPPED", 0)
_ALL = getattr(socket, "AI_ALL", 0)
_CONFIGURED = getattr(socket, "AI_ADDRCONFIG", 0)
_OURS = _MAPPED | _ALL | _CONFIGURED

_VERSIONS: dict[int, frozenset[int]] = {
    socket.AF_UNSPEC: frozenset({4, 6}),
    socket.AF_INET: frozenset({4}),
    socket.AF_INET6: frozenset({6}),
}
# What says that a host has no address of the family asked for.
NO_ADDRESS = frozenset(
    getattr(socket, name) for name in ("EAI_NONAME", "EAI_NODATA", "EAI_ADDRFAMILY") if hasattr(socket, name)
)


def look_up(
    resolver: Resolver,
    host: bytes | None,
    port: str | bytes | int | None,
    hints: tuple[int, int, int, int],
    configured: Callable[[], frozenset[int]] = configured_families,
) -> list[AddressInfo]:
    """What `resolver.getaddrinfo` says, with the three flags as RFC 3493 has them.

    Args:
        resolver: whoever is asked.
        host: in ASCII.
        port: a number or a service's name.
        hints: family, type, protocol and flags.
        configured: the families of which an interface has an address.

    Raises:
        socket.gaierror: there is none.
    """
    family, kind, proto, flags = hints

    def ask(family: int) -> list[AddressInfo]:
        found = resolver.getaddrinfo(host, port, family, kind, proto, flags & ~_OURS)
        return cast("list[AddressInfo]", found)

    if not flags & _OURS or family not in _VERSIONS:
        return ask(family)
    allowed = configured() if flags & _CONFIGURED else _VERSIONS[socket.AF_UNSPEC]
    if family == socket.AF_INET6 and flags & _MAPPED:
        # Whoever walks search domains is asked for both at once: apart they might be two hosts', of two domains.
        at_once = resolver is socket or hasattr(resolver, "candidates")
        return _with_mapped(ask, allowed, also=bool(flags & _ALL), at_once=at_once)
    wanted = _VERSIONS[family] & allowed
    if not wanted and family != socket.AF_UNSPEC:
        raise _no_address()
    # Where one family is left of two, it alone is asked for.
    return ask(_FAMILIES.get(wanted, family))


_FAMILIES = {versions: family for family, versions in _VERSIONS.items()}


def _with_mapped(
    ask: Callable[[int], list[AddressInfo]], allowed: frozenset[int], *, also: bool, at_once: bool
) -> list[AddressInfo]:
    if at_once and len(allowed) > 1:
        both = _or_nothing(ask, socket.AF_UNSPEC)
        found = [info for info in both if info[0] == socket.AF_INET6]
        others = [info for info in both if info[0] == socket.AF_INET]
    else:
        found = _or_nothing(ask, socket.AF_INET6) if 6 in allowed else []
        others = _or_nothing(ask, socket.AF_INET) if 4 in allowed and (also or not found) else []
    if also or not found:
        found = [*found, *_mapped(others)]
    if not found:
        raise _no_address()
    return found


def _or_nothing(ask: Callable[[int], list[AddressInfo]], family: int) -> list[AddressInfo]:
    try:
        return ask(family)
    except socket.gaierror as error:
        if error.errno not in NO_ADDRESS:
            raise
        return []


def _mapped(infos: Sequence[AddressInfo]) -> list[AddressInfo]:
    return [
        (socket.AF_INET6, kind, proto, name, (str(Address(sockaddr[0]).as_ipv6), sockaddr[1], 0, 0))
        for _, kind, proto, name, sockaddr in infos
    ]


def _no_address() -> socket.gaierror:
    return socket.gaierror(socket.EAI_NONAME, "no address of a family that is asked for and configured here")
