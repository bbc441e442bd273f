"""ICMP and ICMPv6 echo and error messages: bytes to events, and events to bytes.

One table of types serves both protocols, since RFC 4443 renumbered what RFC 792 has and kept its layouts. An error
quotes the datagram that caused it: the echo in the quote says whose probe has failed. Anything else, be it cut short
or no ICMP at all, is None: what arrives on a raw socket is anybody's, so nothing here raises on what it reads.

The checksum of ICMPv6 covers a pseudo header with both addresses, and kernels fill it in on any ICMPv6 socket (RFC
3542 section 3.1): it is left 0. A checksum is not verified: kernels drop what has a wrong one.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from types import MappingProxyType
from typing import TypeAlias

from dualstack.core.address.address import Address
from dualstack.core.ping.echo import Echo

__all__ = [
    "EchoReply",
    "EchoRequest",
    "Event",
    "IcmpError",
    "Kind",
    "error_of",
    "pack",
    "payload_of_ipv4",
    "read",
    "read_echo",
]


class Kind(Enum):
    """What an error says, whichever of the two protocols says it."""

    UNREACHABLE = "unreachable"
    TOO_BIG = "too big"
    TIME_EXCEEDED = "time exceeded"
    PARAMETER_PROBLEM = "parameter problem"


@dataclass(frozen=True, slots=True)
class EchoRequest:
    """An echo on its way out."""

    echo: Echo


@dataclass(frozen=True, slots=True)
class EchoReply:
    """An echo on its way back."""

    echo: Echo


@dataclass(frozen=True, slots=True)
class IcmpError:
    """A router, or a host, says why a datagram went no further.

    Args:
        version: 4 or 6, whose numbers `type` and `code` are.
        type: the message's type.
        code: its code.
        destination: where the quoted datagram was going; None where the quote is no echo request.
        quoted: the echo request in it, whose payload may be cut short; None where it is another's datagram.
        mtu: what would have fitted, where the error says so.
        pointer: the byte of the datagram that is wrong, of a parameter problem.
    """

    version: int
    type: int
    code: int
    destination: Address | None = None
    quoted: Echo | None = None
    mtu: int | None = None
    pointer: int | None = None

    @property
    def kind(self) -> Kind:
        """What it says, in general."""
        is_too_big = (self.version, self.type, self.code) == (4, _UNREACHABLE, _FRAGMENTATION_NEEDED)
        return Kind.TOO_BIG if is_too_big else _KINDS[self.version][self.type]

    @property
    def why(self) -> str:
        """What it says, in the words of its law; with its numbers where no law knows the code."""
        known = _WHY.get((self.version, self.type, self.code)) or f"{self.kind.value} (code {self.code})"
        if self.mtu:
            return f"{known}: at most {self.mtu} bytes"
        return f"{known} at byte {self.pointer}" if self.pointer is not None else known


Event: TypeAlias = EchoRequest | EchoReply | IcmpError

_REQUEST: Mapping[int, int] = MappingProxyType({4: 8, 6: 128})
_REPLY: Mapping[int, int] = MappingProxyType({4: 0, 6: 129})
_UNREACHABLE, _FRAGMENTATION_NEEDED = 3, 4

_KINDS: Mapping[int, Mapping[int, Kind]] = MappingProxyType(
    {
        # RFC 792; source quench is no error any more (RFC 6633).
        4: {3: Kind.UNREACHABLE, 11: Kind.TIME_EXCEEDED, 12: Kind.PARAMETER_PROBLEM},
        # RFC 4443 section 3
        6: {1: Kind.UNREACHABLE, 2: Kind.TOO_BIG, 3: Kind.TIME_EXCEEDED, 4: Kind.PARAMETER_PROBLEM},
    }
)

_WHY: Mapping[tuple[int, int, int], str] = MappingProxyType(
    {
        # RFC 792
        (4, 3, 0): "network unreachable",
        (4, 3, 1): "host unreachable",
        (4, 3, 2): "protocol unreachable",
        (4, 3, 3): "port unreachable",
        (4, 3, 4): "too big and not to be fragmented",
        (4, 3, 5): "source route failed",
        # RFC 1122 section 3.2.2.1
        (4, 3, 6): "network unknown",
        (4, 3, 7): "host unknown",
        (4, 3, 8): "source host isolated",
        (4, 3, 9): "network administratively prohibited",
        (4, 3, 10): "host administratively prohibited",
        (4, 3, 11): "network unreachable for this type of service",
        (4, 3, 12): "host unreachable for this type of service",
        # RFC 1812 section 5.2.7.1
        (4, 3, 13): "communication administratively prohibited",
        (4, 3, 14): "host precedence violation",
        (4, 3, 15): "precedence cutoff in effect",
        (4, 11, 0): "time to live exceeded in transit",
        (4, 11, 1): "fragment reassembly time exceeded",
        (4, 12, 0): "parameter problem",
        (4, 12, 1): "a required option is missing",  # RFC 1108
        (4, 12, 2): "bad length",  # IANA, ICMP Parameters
        # RFC 4443 section 3.1
        (6, 1, 0): "no route to destination",
        (6, 1, 1): "communication administratively prohibited",
        (6, 1, 2): "beyond the scope of the source address",
        (6, 1, 3): "address unreachable",
        (6, 1, 4): "port unreachable",
        (6, 1, 5): "source address failed ingress or egress policy",
        (6, 1, 6): "route to destination rejected",
        (6, 1, 7): "error in source routing header",  # RFC 6550 section 11.2.2.3
        (6, 1, 8): "headers too long",  # RFC 8883
        (6, 2, 0): "packet too big",
        (6, 3, 0): "hop limit exceeded in transit",
        (6, 3, 1): "fragment reassembly time exceeded",
        (6, 4, 0): "erroneous header field",
        (6, 4, 1): "unrecognised next header",
        (6, 4, 2): "unrecognised IPv6 option",
        (6, 4, 3): "the first fragment has not all headers",  # RFC 7112
    }
)

# RFC 4884 section 4: where the length of the quoted datagram stands in the message, in units of how many bytes. The
# errors that are not here have other things in that place and no extensions after the quote.
_QUOTE_LENGTH: Mapping[tuple[int, int], tuple[int, int]] = MappingProxyType(
    {(4, 3): (5, 4), (4, 11): (5, 4), (4, 12): (5, 4), (6, 1): (4, 8), (6, 3): (4, 8)}
)

_HEADER = struct.Struct("!BBHHH")  # type, code, checksum, and two numbers that depend on the type
_ERROR = struct.Struct("!BBHI")
_IPV4 = struct.Struct("!BBHHHBBH4s4s")  # RFC 791 section 3.1
_IPV6 = struct.Struct("!IHBB16s16s")  # RFC 8200 section 3
_ICMP, _ICMPV6 = 1, 58
_FRAGMENT_OFFSET = 0x1FFF
# RFC 8200 section 4: headers that may stand before ICMPv6; each has the next one's number and its own length first.
_HOP_BY_HOP, _ROUTING, _FRAGMENT, _DESTINATION_OPTIONS = 0, 43, 44, 60


def pack(version: int, event: Event) -> bytes:
    """The message of an event; the checksum is there for ICMP, and left to the kernel for ICMPv6.

    An error quotes its echo behind a header without options, and without RFC 4884's extensions.

    >>> pack(4, EchoRequest(Echo(1, 2, b"hello"))).hex()
    '0800b42a0001000268656c6c6f'
    """
    match event:
        case EchoRequest(echo):
            message = _pack_echo(_REQUEST[version], echo)
        case EchoReply(echo):
            message = _pack_echo(_REPLY[version], echo)
        case error:
            message = _ERROR.pack(error.type, error.code, 0, _number(error)) + _pack_quote(error)
    return message if version == 6 else message[:2] + _checksum(message) + message[4:]


def read(version: int, message: bytes) -> Event | None:
    """What an ICMP message says, from its type on; None where it is of another type or cut short."""
    if len(message) < _HEADER.size:
        return None
    kind = message[0]
    if kind == _REQUEST[version]:
        return EchoRequest(_echo(message))
    if kind == _REPLY[version]:
        return EchoReply(_echo(message))
    if kind not in _KINDS[version]:
        return None
    _, code, _, number = _ERROR.unpack_from(message)
    if version == 4:
        # RFC 792: the pointer is the first byte. RFC 1191 section 4: the MTU is the last two.
        number = number & 0xFFFF if kind == _UNREACHABLE else number >> 24
    destination, echo = _read_quote(version, _quote(version, message))
    return error_of(version, kind, code, number, destination=destination, quoted=echo)


def read_echo(version: int, message: bytes) -> Echo | None:
    """The echo of a request that is quoted from its type on; None where it is none or cut short."""
    event = read(version, message)
    return event.echo if isinstance(event, EchoRequest) else None


def error_of(
    version: int, kind: int, code: int, number: int, *, destination: Address | None, quoted: Echo | None
) -> IcmpError | None:
    """The error of its numbers, as Linux keeps it in a socket's error queue.

    Args:
        version: 4 or 6.
        kind: its type.
        code: its code.
        number: its MTU or pointer; of no account in an error that has none.
        destination: where the datagram was going.
        quoted: the echo request in it.

    Returns:
        None where it is no error.
    """
    if kind not in _KINDS[version]:
        return None
    error = IcmpError(version, kind, code, destination, quoted)
    if error.kind is Kind.TOO_BIG:
        return replace(error, mtu=number or None)  # 0 is from a router before RFC 1191
    return replace(error, pointer=number) if error.kind is Kind.PARAMETER_PROBLEM else error


def payload_of_ipv4(packet: bytes) -> bytes | None:
    """What follows the header of an IPv4 packet, as raw sockets give it; None where that is not ICMP's beginning."""
    if len(packet) < _IPV4.size:
        return None
    first, _, _, _, fragment, _, protocol, _, _, _ = _IPV4.unpack_from(packet)
    size = (first & 0xF) * 4
    is_icmp = first >> 4 == 4 and size >= _IPV4.size and protocol == _ICMP and not fragment & _FRAGMENT_OFFSET
    return packet[size:] if is_icmp else None


def _pack_echo(kind: int, echo: Echo) -> bytes:
    return _HEADER.pack(kind, 0, 0, echo.identifier, echo.sequence) + echo.payload


def _echo(message: bytes) -> Echo:
    _, _, _, identifier, sequence = _HEADER.unpack_from(message)
    return Echo(identifier, sequence, message[_HEADER.size :])


def _checksum(message: bytes) -> bytes:
    """The one's complement of the one's complement sum of all 16-bit words (RFC 1071)."""
    padded = message + bytes(len(message) % 2)
    total = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", total ^ 0xFFFF)


def _number(error: IcmpError) -> int:
    if error.pointer is not None:
        return error.pointer << 24 if error.version == 4 else error.pointer
    return error.mtu or 0


def _pack_quote(error: IcmpError) -> bytes:
    if error.destination is None or error.quoted is None:
        return b""
    message = pack(error.version, EchoRequest(error.quoted))
    target = error.destination.packed
    if error.version == 6:
        return _IPV6.pack(6 << 28, len(message), _ICMPV6, 1, bytes(16), target) + message
    return _IPV4.pack(0x45, 0, _IPV4.size + len(message), 0, 0, 1, _ICMP, 0, bytes(4), target) + message


def _quote(version: int, message: bytes) -> bytes:
    """The quoted datagram, without the extensions that may follow it (RFC 4884 section 3)."""
    quote = message[_HEADER.size :]
    place, unit = _QUOTE_LENGTH.get((version, message[0]), (0, 0))
    length = message[place] * unit
    return quote[:length] if length else quote


def _read_quote(version: int, quote: bytes) -> tuple[Address | None, Echo | None]:
    found = _quoted_ipv4(quote) if version == 4 else _quoted_ipv6(quote)
    echo = read_echo(version, found[1]) if found else None
    return (found[0], echo) if found and echo else (None, None)


def _quoted_ipv4(quote: bytes) -> tuple[Address, bytes] | None:
    message = payload_of_ipv4(quote)
    if message is None:
        return None
    total = int.from_bytes(quote[2:4], "big") - (len(quote) - len(message))
    return Address(quote[16:20]), message[:total] if total > 0 else message


def _quoted_ipv6(quote: bytes) -> tuple[Address, bytes] | None:
    if len(quote) < _IPV6.size:
        return None
    flow, length, header, _, _, target = _IPV6.unpack_from(quote)
    if flow >> 28 != 6:
        return None
    message = _icmpv6_behind(header, quote[_IPV6.size :][: length or None])
    return None if message is None else (Address(target), message)


def _icmpv6_behind(header: int, rest: bytes) -> bytes | None:
    """The ICMPv6 message behind the extension headers; None where there is none, or not its beginning."""
    while header != _ICMPV6:
        if len(rest) < 8:
            return None
        if header == _FRAGMENT:
            if int.from_bytes(rest[2:4], "big") >> 3:
                return None
            size = 8
        elif header in (_HOP_BY_HOP, _ROUTING, _DESTINATION_OPTIONS):
            size = rest[1] * 8 + 8
        else:
            return None
        header, rest = rest[0], rest[size:]
    return rest
