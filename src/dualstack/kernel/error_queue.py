"""What ICMP has said of a socket's packets: Linux' error queue (ip(7), IP_RECVERR; recvmsg(2), MSG_ERRQUEUE).

The kernel's own errors stand there too, without a sender: those the failed call has told already.
"""

import socket
import struct
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from dualstack.core.address.address import Address
from dualstack.core.address.sockaddr import SocketAddress
from dualstack.errors import AddressError
from dualstack.kernel.zones import scoped_address

__all__ = ["RECVERR", "IcmpError", "icmp_errors"]

_IPPROTO_IPV6 = 41  # some Pythons lack it
_IP_RECVERR, _IPV6_RECVERR = 11, 25  # include/uapi/linux/in.h, in6.h
RECVERR = {4: (socket.IPPROTO_IP, _IP_RECVERR), 6: (_IPPROTO_IPV6, _IPV6_RECVERR)}
"""By family the level and the option that switch the queue on, and mark what comes of it."""

# include/uapi/linux/errqueue.h: struct sock_extended_err {errno, origin, type, code, pad, info, data}
_EXTENDED_ERROR = struct.Struct("=IBBBBII")
_ORIGIN_ICMP = frozenset({2, 3})  # SO_EE_ORIGIN_ICMP, SO_EE_ORIGIN_ICMP6
_SOCKADDR_BYTES = (28, 16)


@dataclass(frozen=True, slots=True)
class IcmpError:
    """An ICMP error.

    Args:
        errno: what the kernel makes of it.
        reporter: who sent it; None where the kernel does not say.
        kind: its type.
        code: its code.
        info: of "too big" the size that would pass, bytes.
    """

    errno: int
    reporter: Address | None
    kind: int
    code: int
    info: int


def icmp_errors(ancillary: Sequence[tuple[int, int, bytes]]) -> Iterator[IcmpError]:
    """The errors in what `recvmsg` gave beside the content."""
    for level, kind, value in ancillary:
        if (level, kind) in RECVERR.values() and len(value) >= _EXTENDED_ERROR.size:
            number, origin, icmp, code, _, info, _ = _EXTENDED_ERROR.unpack_from(value)
            if origin in _ORIGIN_ICMP:
                yield IcmpError(number, _offender(value[_EXTENDED_ERROR.size :]), icmp, code, info)


def _offender(sockaddr: bytes) -> Address | None:
    for size in _SOCKADDR_BYTES:
        with suppress(AddressError):
            found = SocketAddress.unpack(sockaddr[:size])
            return scoped_address(found.address.packed, found.scope_id)
    return None
