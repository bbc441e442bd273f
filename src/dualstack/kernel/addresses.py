"""The addresses of this host's interfaces as Linux lists them over netlink (rtnetlink(7), RTM_GETADDR)."""

import socket
import struct
import sys
from collections.abc import Iterator

from dualstack.core.address.address import Address
from dualstack.kernel import netlink
from dualstack.kernel.zones import scoped_address

__all__ = ["FOR_EVER", "IFA_F_TEMPORARY", "Listed", "is_duplicate", "is_tentative", "listed_addresses"]

_NETLINK_ROUTE = 0
_RTM_GETADDR = 22
# include/uapi/linux/if_addr.h: struct ifaddrmsg {family, prefixlen, flags, scope; index}
_IFADDRMSG = struct.Struct("=BBBBI")
_IFA_ADDRESS, _IFA_LOCAL, _IFA_CACHEINFO, _IFA_FLAGS = 1, 2, 6, 8
_CACHEINFO = struct.Struct("=II")  # preferred, valid; then when it was made and changed
FOR_EVER = 0xFFFFFFFF
IFA_F_TEMPORARY, _IFA_F_OPTIMISTIC, _IFA_F_DADFAILED, _IFA_F_TENTATIVE = 0x01, 0x04, 0x08, 0x40

Listed = tuple[int, Address, int, int, tuple[int, int]]
"""The interface's number, the address, its prefix' length, its flags; the seconds that it is preferred and valid."""


def listed_addresses() -> Iterator[Listed]:
    """Every address of this host.

    Raises:
        OSError: netlink is forbidden here.
    """
    for answer in netlink.dump(_NETLINK_ROUTE, _RTM_GETADDR, _IFADDRMSG.pack(socket.AF_UNSPEC, 0, 0, 0, 0)):
        family, length, flags, _, index = _IFADDRMSG.unpack_from(answer)
        if family not in (socket.AF_INET, socket.AF_INET6):
            continue
        attributes = netlink.attributes(answer, _IFADDRMSG.size)
        # On a point-to-point link IFA_ADDRESS is the other end, and IFA_LOCAL is ours.
        packed = attributes.get(_IFA_LOCAL) or attributes.get(_IFA_ADDRESS)
        if packed is not None:
            if _IFA_FLAGS in attributes:
                flags = int.from_bytes(attributes[_IFA_FLAGS], sys.byteorder)
            lifetimes = _CACHEINFO.unpack_from(attributes.get(_IFA_CACHEINFO, b"\xff" * _CACHEINFO.size))
            yield index, scoped_address(packed, index), length, flags, lifetimes


def is_duplicate(flags: int) -> bool:
    """Whether another host was found to have it."""
    return bool(flags & _IFA_F_DADFAILED)


def is_tentative(flags: int) -> bool:
    """Whether it cannot be bound to yet, for the kernel still looks for it on other hosts.

    A duplicate one stays tentative for ever (net/ipv6/addrconf.c: addrconf_dad_stop); an optimistic one may be used
    though it is tentative still (RFC 4429).
    """
    return bool(flags & _IFA_F_TENTATIVE) and not flags & (_IFA_F_DADFAILED | _IFA_F_OPTIMISTIC)
