"""Whether an address is this host's own or on one of its links: asked of the kernel, now.

Linux is asked for the route, as it would be at a connection: a local route is to the host itself, be it for an address
on an interface or for a whole range (AnyIP), one without a gateway is to a link. So nothing is remembered that changes,
policy rules and tables count, and the answer takes some 20 microseconds. Elsewhere an address is this host's if a
socket can be bound to it, and links are not known.
"""

import errno
import socket
import sys

from dualstack.core.access.forward_rules import Near
from dualstack.core.address.address import SOCKET_FAMILIES, Address
from dualstack.kernel.routes import (
    RTA_GATEWAY,
    RTA_MULTIPATH,
    RTA_OIF,
    RTA_VIA,
    RTM_F_FIB_MATCH,
    RTN_UNICAST,
    ask_route,
)
from dualstack.kernel.streams import NO_ROOM

__all__ = ["why_near"]

# RTN_LOCAL, RTN_BROADCAST, RTN_ANYCAST, RTN_MULTICAST: this host, or this host too, answers.
_OWN = frozenset({2, 3, 4, 5})
# A route without a gateway that takes in more is a way out, such as a tunnel's, and no link with neighbours.
_LINK_LENGTH_MIN = {4: 8, 6: 16}


def why_near(address: Address) -> Near | None:
    """Whether an address is this host's, or on a link of it; None where it is neither.

    Args:
        address: unmapped, without a zone.

    Raises:
        OSError: there is no descriptor to ask with.
    """
    try:
        return _by_route(address) if sys.platform == "linux" else _by_bind(address)
    except OSError as error:
        if error.errno in NO_ROOM:
            raise
        # No route to it, or none may be asked for (seccomp): then a connection fails by itself, or a bind tells.
        return _by_bind(address)


def _by_route(address: Address) -> Near | None:
    kind, _, attributes = ask_route(address)
    if kind in _OWN:
        return Near(is_own=True)
    if kind != RTN_UNICAST or attributes.keys() & {RTA_GATEWAY, RTA_VIA, RTA_MULTIPATH}:
        return None
    # The first answer is about the one address; this one has the prefix.
    _, length, attributes = ask_route(address, flags=RTM_F_FIB_MATCH)
    if length < _LINK_LENGTH_MIN[address.version]:
        return None
    return Near(is_own=False, where=f"{_network(address, length)}/{length}{_interface(attributes)}")


def _network(address: Address, length: int) -> Address:
    host_bits = len(address.packed) * 8 - length
    return Address.from_int(address.value >> host_bits << host_bits, address.version)


def _interface(attributes: dict[int, bytes]) -> str:
    try:
        return f" on {socket.if_indextoname(int.from_bytes(attributes[RTA_OIF], sys.byteorder))}"
    except (KeyError, OSError):
        return ""


def _by_bind(address: Address) -> Near | None:
    try:
        with socket.socket(SOCKET_FAMILIES[address.version], socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))
    except OSError as error:
        if error.errno in NO_ROOM or error.errno == errno.EMFILE:
            raise
        return None
    return Near(is_own=True)
