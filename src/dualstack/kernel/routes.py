"""The way that Linux would take to an address, asked over netlink (rtnetlink(7), RTM_GETROUTE).

As at a connection, policy rules and all tables count. Nothing is sent to anybody.
"""

import struct
import sys

from dualstack.core.address.address import SOCKET_FAMILIES, Address
from dualstack.kernel import netlink

__all__ = [
    "RTA_GATEWAY",
    "RTA_MULTIPATH",
    "RTA_OIF",
    "RTA_PREFSRC",
    "RTA_VIA",
    "RTM_F_FIB_MATCH",
    "RTN_LOCAL",
    "RTN_UNICAST",
    "ask_route",
]

_NETLINK_ROUTE = 0
# include/uapi/linux/rtnetlink.h: struct rtmsg
# {family, dst_len, src_len, tos, table, protocol, scope, type; flags}
_RTMSG = struct.Struct("=BBBBBBBBI")
_RTM_GETROUTE = 26
RTM_F_FIB_MATCH = 0x2000
RTN_UNICAST, RTN_LOCAL = 1, 2
_RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_PREFSRC, RTA_MULTIPATH, RTA_VIA = 1, 4, 5, 7, 9, 18


def ask_route(address: Address, *, flags: int = 0, interface: int = 0) -> tuple[int, int, dict[int, bytes]]:
    """The type of the route to an address, its prefix' length, and its attributes by their number.

    Args:
        address: where to.
        flags: `RTM_F_FIB_MATCH` for the route itself, with its prefix, in place of what it makes of the one address.
        interface: its number, where the way has to begin there; 0 for any.

    Raises:
        OSError: there is none (ENETUNREACH and others), or netlink is forbidden here (EPERM).
    """
    packed = address.packed
    question = _RTMSG.pack(SOCKET_FAMILIES[address.version], len(packed) * 8, 0, 0, 0, 0, 0, 0, flags)
    question += netlink.attribute(_RTA_DST, packed)
    if interface:
        question += netlink.attribute(RTA_OIF, interface.to_bytes(4, sys.byteorder))
    answer = netlink.ask(_NETLINK_ROUTE, _RTM_GETROUTE, question)
    _, length, _, _, _, _, _, kind, _ = _RTMSG.unpack_from(answer)
    return kind, length, netlink.attributes(answer, _RTMSG.size)
