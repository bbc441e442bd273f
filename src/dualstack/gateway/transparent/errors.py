"""What a client is sent so that it sees the error that the connector saw: an errno's way back through a packet.

Linux makes an errno of an ICMP error (net/ipv4/icmp.c: icmp_err_convert; net/ipv6/icmp.c: tab_unreach), and an ICMP
error of none: this is its inverse. IPv4 has no code that a client would read as EACCES; "communication prohibited" is
EHOSTUNREACH there. A timeout is told by silence, as the network tells it.
"""

import errno
from collections.abc import Mapping
from types import MappingProxyType

from dualstack.core.address.address import Address
from dualstack.errors import DialError, LookupFailed
from dualstack.wire import packet as packets
from dualstack.wire.packet import Packet

__all__ = ["answer_to", "denial_in", "errno_of"]

# Type and code: RFC 792, RFC 1812 section 5.2.7.1; RFC 4443 section 3.1.
_UNREACHABLE: Mapping[int, Mapping[int, tuple[int, int]]] = MappingProxyType(
    {
        4: {
            errno.ENETUNREACH: (3, 0),
            errno.EHOSTUNREACH: (3, 1),
            errno.ENOPROTOOPT: (3, 2),
            errno.ECONNREFUSED: (3, 3),
            errno.EHOSTDOWN: (3, 7),
            errno.EACCES: (3, 13),
            errno.EPERM: (3, 13),
        },
        6: {
            errno.ENETUNREACH: (1, 0),
            errno.EACCES: (1, 1),
            errno.EPERM: (1, 1),
            errno.EHOSTUNREACH: (1, 3),
            errno.EHOSTDOWN: (1, 3),
            errno.ECONNREFUSED: (1, 4),
        },
    }
)
# A stream's own refusal, which needs no ICMP.
_RESETS = frozenset({errno.ECONNREFUSED, errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE})
_SILENT = frozenset({errno.ETIMEDOUT})


def answer_to(packet: Packet, number: int) -> bytes | None:
    """What the sender of a first packet is answered where the connector met this errno; None is silence."""
    if number in _SILENT:
        return None
    if packet.protocol == packets.TCP and number in _RESETS:
        return packets.refusal(packet)
    codes = _UNREACHABLE[packet.source.version]
    kind, code = codes.get(number) or codes[errno.EHOSTUNREACH]
    return packets.error(packet, kind, code)


def errno_of(error: OSError, asked: Address) -> int:
    """The one number of a dial that failed: of the address that was asked, where it was tried, else of the last.

    A name that has no address any more is a host that is not reached.
    """
    if isinstance(error, LookupFailed):
        return errno.EHOSTUNREACH
    if isinstance(error, DialError) and error.errno is None:
        numbers = {address: attempt.errno for address, attempt in error.attempts}
        return numbers.get(str(asked)) or next(reversed(list(numbers.values())), errno.EHOSTUNREACH)
    return error.errno or errno.EHOSTUNREACH


def denial_in(error: OSError) -> str | None:
    """What is to be logged of a dial that no rule allowed; None where that was not the reason."""
    is_denied = isinstance(error, DialError) and error.errno == errno.EACCES and not error.attempts
    return str(error) if is_denied else None
