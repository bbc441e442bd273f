"""Addresses with their age and state, links, and the way to an address, asked of Linux over netlink.

Elsewhere nothing is known of them, and the lists are empty. Nothing is sent to anybody.
"""

import socket
import struct
import sys
from pathlib import Path

from dualstack.core.address.address import SOCKET_FAMILIES, Address
from dualstack.core.host.network import AddressState, Link, Route
from dualstack.kernel import netlink
from dualstack.kernel.zones import scoped_address

__all__ = ["read_addresses", "read_disabled", "read_links", "route_to"]

_NETLINK_ROUTE = 0
# include/uapi/linux/rtnetlink.h
_RTM_GETLINK, _RTM_GETADDR, _RTM_GETROUTE = 18, 22, 26
_RTN_UNICAST, _RTN_LOCAL = 1, 2
_RTA_DST, _RTA_OIF, _RTA_GATEWAY, _RTA_PREFSRC, _RTA_VIA = 1, 4, 5, 7, 18
# struct rtmsg {family, dst_len, src_len, tos, table, protocol, scope, type; flags}
_RTMSG = struct.Struct("=BBBBBBBBI")
_ATTRIBUTE = struct.Struct("=HH")
_VIA_FAMILY_BYTES = 2
# include/uapi/linux/if_addr.h: struct ifaddrmsg {family, prefixlen, flags, scope; index}
_IFADDRMSG = struct.Struct("=BBBBI")
_IFA_ADDRESS, _IFA_LOCAL, _IFA_CACHEINFO, _IFA_FLAGS = 1, 2, 6, 8
_CACHEINFO = struct.Struct("=II")  # preferred, valid; then when it was made and changed
_FOR_EVER = 0xFFFFFFFF
_TEMPORARY, _OPTIMISTIC, _DADFAILED, _TENTATIVE = 0x01, 0x04, 0x08, 0x40
# include/uapi/linux/if_link.h: struct ifinfomsg {family, type; index, flags, change}
_IFINFOMSG = struct.Struct("=BxHiII")
_IFLA_IFNAME, _IFLA_MTU = 3, 4
_IFF_UP, _IFF_LOOPBACK = 0x1, 0x8


def read_links() -> tuple[Link, ...]:
    """The interfaces by their number.

    Raises:
        OSError: netlink is forbidden here.
    """
    if sys.platform != "linux":
        return ()
    found = []
    for answer in netlink.dump(_NETLINK_ROUTE, _RTM_GETLINK, _IFINFOMSG.pack(socket.AF_UNSPEC, 0, 0, 0, 0)):
        _, _, index, flags, _ = _IFINFOMSG.unpack_from(answer)
        attributes = netlink.attributes(answer, _IFINFOMSG.size)
        name = attributes.get(_IFLA_IFNAME, b"").rstrip(b"\0").decode(errors="replace")
        mtu = int.from_bytes(attributes.get(_IFLA_MTU, b""), sys.byteorder)
        found.append(Link(name, index, bool(flags & _IFF_UP), bool(flags & _IFF_LOOPBACK), mtu))
    return tuple(sorted(found, key=lambda each: each.index))


def read_disabled(links: tuple[Link, ...]) -> tuple[str, ...]:
    """The names of the interfaces on which IPv6 is switched off (net.ipv6.conf.NAME.disable_ipv6)."""
    return tuple(each.name for each in links if _is_disabled(each.name))


def _is_disabled(name: str) -> bool:
    try:
        return Path("/proc/sys/net/ipv6/conf", name, "disable_ipv6").read_text(encoding="ascii").strip() == "1"
    except OSError:
        return False


def read_addresses(links: tuple[Link, ...]) -> tuple[AddressState, ...]:
    """Every address of these interfaces.

    Raises:
        OSError: netlink is forbidden here.
    """
    if sys.platform != "linux":
        return ()
    names = {each.index: each.name for each in links}
    found = []
    for answer in netlink.dump(_NETLINK_ROUTE, _RTM_GETADDR, _IFADDRMSG.pack(socket.AF_UNSPEC, 0, 0, 0, 0)):
        family, length, flags, _, index = _IFADDRMSG.unpack_from(answer)
        attributes = netlink.attributes(answer, _IFADDRMSG.size)
        packed = attributes.get(_IFA_LOCAL) or attributes.get(_IFA_ADDRESS)
        if family in {socket.AF_INET, socket.AF_INET6} and packed is not None:
            flags = int.from_bytes(attributes[_IFA_FLAGS], sys.byteorder) if _IFA_FLAGS in attributes else flags
            preferred, valid = _CACHEINFO.unpack_from(attributes.get(_IFA_CACHEINFO, b"\xff" * _CACHEINFO.size))
            found.append(
                AddressState(
                    names.get(index, str(index)),
                    scoped_address(packed, index),
                    length,
                    # An optimistic address may be used though it is tentative still (RFC 4429).
                    is_tentative=bool(flags & _TENTATIVE) and not flags & (_DADFAILED | _OPTIMISTIC),
                    is_duplicate=bool(flags & _DADFAILED),
                    is_temporary=bool(flags & _TEMPORARY) and family == socket.AF_INET6,
                    preferred_s=None if preferred == _FOR_EVER else preferred,
                    valid_s=None if valid == _FOR_EVER else valid,
                )
            )
    return tuple(found)


def route_to(address: Address) -> Route | None:
    """The way that the kernel would take to an address, policy rules and all tables counted; None where it has none.

    Raises:
        OSError: netlink is forbidden here.
    """
    if sys.platform != "linux":
        return None
    packed = address.packed
    head = _RTMSG.pack(SOCKET_FAMILIES[address.version], len(packed) * 8, 0, 0, 0, 0, 0, 0, 0)
    question = head + _ATTRIBUTE.pack(_ATTRIBUTE.size + len(packed), _RTA_DST) + packed
    if address.scope is not None:
        index = socket.if_nametoindex(address.scope) if not address.scope.isdecimal() else int(address.scope)
        question += _ATTRIBUTE.pack(8, _RTA_OIF) + index.to_bytes(4, sys.byteorder)
    try:
        answer = netlink.ask(_NETLINK_ROUTE, _RTM_GETROUTE, question)
    except OSError as error:
        if isinstance(error, PermissionError):
            raise
        # ENETUNREACH, EHOSTUNREACH, EINVAL of a blackhole: there is no way.
        return None
    if _RTMSG.unpack_from(answer)[7] not in {_RTN_UNICAST, _RTN_LOCAL}:
        return None
    attributes = netlink.attributes(answer, _RTMSG.size)
    index = int.from_bytes(attributes.get(_RTA_OIF, b""), sys.byteorder)
    gateway = attributes.get(_RTA_GATEWAY) or attributes.get(_RTA_VIA, b"")[_VIA_FAMILY_BYTES:]
    source = attributes.get(_RTA_PREFSRC)
    return Route(
        _name(index),
        scoped_address(gateway, index) if gateway else None,
        scoped_address(source, index) if source else None,
    )


def _name(index: int) -> str:
    try:
        return socket.if_indextoname(index)
    except OSError:
        return str(index)
