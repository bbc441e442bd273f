"""Addresses with their age and state, links, and the way to an address, asked of Linux over netlink.

Elsewhere nothing is known of them, and the lists are empty. Nothing is sent to anybody.
"""

import socket
import struct
import sys
from pathlib import Path

from dualstack.core.address.address import Address
from dualstack.core.host.network import AddressState, Link, Route
from dualstack.kernel import netlink
from dualstack.kernel.addresses import FOR_EVER, IFA_F_TEMPORARY, is_duplicate, is_tentative, listed_addresses
from dualstack.kernel.routes import RTA_GATEWAY, RTA_OIF, RTA_PREFSRC, RTA_VIA, RTN_LOCAL, RTN_UNICAST, ask_route
from dualstack.kernel.zones import scoped_address

__all__ = ["read_addresses", "read_disabled", "read_links", "route_to"]

_NETLINK_ROUTE = 0
_RTM_GETLINK = 18
_VIA_FAMILY_BYTES = 2
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
    return tuple(
        AddressState(
            names.get(index, str(index)),
            address,
            length,
            is_tentative=is_tentative(flags),
            is_duplicate=is_duplicate(flags),
            is_temporary=bool(flags & IFA_F_TEMPORARY) and address.version == 6,
            preferred_s=None if preferred == FOR_EVER else preferred,
            valid_s=None if valid == FOR_EVER else valid,
        )
        for index, address, length, flags, (preferred, valid) in listed_addresses()
    )


def route_to(address: Address) -> Route | None:
    """The way that the kernel would take to an address, policy rules and all tables counted; None where it has none.

    Raises:
        OSError: netlink is forbidden here.
    """
    if sys.platform != "linux":
        return None
    interface = 0
    if address.scope is not None:
        interface = int(address.scope) if address.scope.isdecimal() else socket.if_nametoindex(address.scope)
    try:
        kind, _, attributes = ask_route(address, interface=interface)
    except PermissionError:
        raise
    except OSError:
        # ENETUNREACH, EHOSTUNREACH, EINVAL of a blackhole: there is no way.
        return None
    if kind not in {RTN_UNICAST, RTN_LOCAL}:
        return None
    index = int.from_bytes(attributes.get(RTA_OIF, b""), sys.byteorder)
    gateway = attributes.get(RTA_GATEWAY) or attributes.get(RTA_VIA, b"")[_VIA_FAMILY_BYTES:]
    source = attributes.get(RTA_PREFSRC)
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
