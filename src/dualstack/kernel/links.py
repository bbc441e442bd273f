"""Interfaces, addresses and routes of a network namespace, made over rtnetlink: the few that a private network takes.

`lab.space` sets far more of them by pyroute2, whose import takes longer than a program may wait for its network here.
"""

import socket
import struct
from dataclasses import dataclass

from dualstack.core.address.address import SOCKET_FAMILIES, Address
from dualstack.core.address.prefix import Prefix
from dualstack.kernel.netlink import attribute
from dualstack.kernel.netlink_changes import CREATE, EXCLUSIVE, Change, nested, text, u32

__all__ = ["NETLINK_ROUTE", "RouteKind", "VethEnd", "add_address", "add_route", "add_veth", "bring_up"]

NETLINK_ROUTE = 0

# include/uapi/linux/rtnetlink.h
_NEWLINK, _NEWADDR, _NEWROUTE = 16, 20, 24
_TABLE_MAIN, _PROTO_STATIC = 254, 4
_SCOPE_GLOBAL, _SCOPE_LINK, _SCOPE_HOST = 0, 253, 254
_RTA_DST, _RTA_OIF, _RTA_PREFSRC = 1, 4, 7

# include/uapi/linux/if_link.h, if_addr.h, if.h, veth.h
_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_MTU, _IFLA_LINKINFO, _IFLA_NET_NS_PID = 1, 3, 4, 18, 19
_INFO_KIND, _INFO_DATA, _VETH_PEER = 1, 2, 1
_IFA_ADDRESS, _IFA_LOCAL, _IFA_FLAGS = 1, 2, 8
_IFA_F_NODAD = 0x02
_IFF_UP, _IFF_NOARP = 0x1, 0x80

_IFINFO = struct.Struct("=BxHiII")  # family, type, index, flags, change
_IFADDR = struct.Struct("=BBBBI")  # family, prefix length, flags, scope, index
_RTMSG = struct.Struct("=BBBBBBBBI")  # family, dst length, src length, tos, table, protocol, scope, type, flags


class RouteKind:
    """Types of routes (rtnetlink(7))."""

    UNICAST = 1
    LOCAL = 2


@dataclass(frozen=True, slots=True)
class VethEnd:
    """One end of a pair.

    Args:
        name: of the interface.
        mac: its link-layer address, six bytes.
        mtu: bytes.
        pid: a process in whose network namespace it is made; None is here.
    """

    name: str
    mac: bytes
    mtu: int
    pid: int | None = None

    def attributes(self) -> bytes:
        """As the kernel takes it."""
        where = b"" if self.pid is None else u32(_IFLA_NET_NS_PID, self.pid)
        return text(_IFLA_IFNAME, self.name) + attribute(_IFLA_ADDRESS, self.mac) + u32(_IFLA_MTU, self.mtu) + where


def add_veth(here: VethEnd, there: VethEnd) -> Change:
    """A pair of interfaces without address resolution: what goes in at one end comes out at the other.

    Neither end asks for link-layer addresses, so that both have to have the same.
    """
    flags = _IFINFO.pack(0, 0, 0, _IFF_NOARP, _IFF_NOARP)
    peer = attribute(_VETH_PEER, flags + there.attributes())
    made = nested(_IFLA_LINKINFO, text(_INFO_KIND, "veth"), nested(_INFO_DATA, peer))
    return Change(_NEWLINK, flags + here.attributes() + made, CREATE | EXCLUSIVE, f"interface {here.name} (veth)")


def bring_up(name: str) -> Change:
    """Bring an interface up.

    Raises:
        OSError: there is none of that name.
    """
    index = socket.if_nametoindex(name)
    return Change(_NEWLINK, _IFINFO.pack(0, 0, index, _IFF_UP, _IFF_UP), 0, f"interface {name} up")


def add_address(name: str, address: Address) -> Change:
    """An address that stands alone: no prefix is on the link, and nobody is asked whether it is taken (RFC 4862).

    Raises:
        OSError: there is no interface of that name.
    """
    packed, index = address.packed, socket.if_nametoindex(name)
    fixed = _IFADDR.pack(SOCKET_FAMILIES[address.version], len(packed) * 8, _IFA_F_NODAD, _SCOPE_GLOBAL, index)
    body = fixed + attribute(_IFA_LOCAL, packed) + attribute(_IFA_ADDRESS, packed) + u32(_IFA_FLAGS, _IFA_F_NODAD)
    return Change(_NEWADDR, body, CREATE | EXCLUSIVE, f"address {address} of {name}")


def add_route(name: str, to: Prefix, *, kind: int = RouteKind.UNICAST, source: Address | None = None) -> Change:
    """A route out by an interface, to no router: on the link, or, of kind `LOCAL`, to this host itself (AnyIP).

    Args:
        name: of the interface.
        to: whither.
        kind: of `RouteKind`.
        source: the address that is preferred by who has bound to none.

    Raises:
        OSError: there is no interface of that name.
    """
    version = to.network.version
    scope = _SCOPE_HOST if kind == RouteKind.LOCAL else _SCOPE_LINK if version == 4 else _SCOPE_GLOBAL
    family = SOCKET_FAMILIES[version]
    body = _RTMSG.pack(family, to.length, 0, 0, _TABLE_MAIN, _PROTO_STATIC, scope, kind, 0)
    if to.length:
        body += attribute(_RTA_DST, to.network.packed)
    body += u32(_RTA_OIF, socket.if_nametoindex(name))
    if source is not None:
        body += attribute(_RTA_PREFSRC, source.packed)
    return Change(_NEWROUTE, body, CREATE | EXCLUSIVE, f"route to {to} by {name}")
