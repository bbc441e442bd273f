"""The zone of an address that the kernel gave: the interface's name where it has one, else its number.

The other way, from a name to a number, is the resolver's or `socket.if_nametoindex`.
"""

import socket

from dualstack.core.address.address import Address, SocketTuple
from dualstack.errors import AddressError

__all__ = ["address_in", "scoped_address"]


def address_in(sockaddr: SocketTuple) -> Address:
    """The address of a socket address that the kernel gave, its zone by name."""
    return scoped_address(Address(sockaddr[0]).packed, sockaddr[3] if len(sockaddr) == 4 else 0)


def scoped_address(packed: bytes, scope_id: int) -> Address:
    """The address of 4 or 16 bytes, with its zone where an address of its kind needs one.

    Args:
        packed: the address in network order.
        scope_id: an interface's number, 0 for none (RFC 3493 section 3.3).
    """
    address = Address(packed)
    if not scope_id or not address.needs_scope:
        return address
    try:
        return Address(address, socket.if_indextoname(scope_id))
    except (OSError, AddressError, UnicodeError):
        # The interface is gone, or has a name that cannot be written after a %.
        return Address(address, str(scope_id))
