"""IP packets, read and written whole: what a gate takes up, and what it answers in another's name.

A packet that is read may have left its checksum to the hardware; all that is written here has its own (RFC 1071; RFC
8200 section 8.1 for the header that counts in and is not sent). Extension headers and IPv4 options are passed over in
what is read, and never written. Fragments are none of ours: the kernel has put them together before.
"""

import struct
import sys
from array import array
from dataclasses import dataclass, replace

from dualstack.core.address.address import Address

__all__ = [
    "ICMP",
    "ICMPV6",
    "TCP",
    "UDP",
    "Packet",
    "checksum",
    "datagram",
    "echo_reply",
    "error",
    "read",
    "refusal",
    "whole",
]

TCP, UDP, ICMP, ICMPV6 = 6, 17, 1, 58

_IPV4 = struct.Struct("!BBHHHBBH4s4s")  # RFC 791 section 3.1
_IPV6 = struct.Struct("!IHBB16s16s")  # RFC 8200 section 3
_PORTS = struct.Struct("!HH")
_UDP = struct.Struct("!HHHH")  # RFC 768
_TCP = struct.Struct("!HHIIBBHHH")  # RFC 9293 section 3.1
_ICMP = struct.Struct("!BBHI")  # type, code, checksum, rest of the header
_HOP_LIMIT = 64
_FRAGMENT_OFFSET = 0x1FFF
_SYN, _RST, _ACK, _FIN = 0x02, 0x04, 0x10, 0x01
# Where the checksum stands, by protocol.
_CHECKSUM_AT = {TCP: 16, UDP: 6, ICMP: 2, ICMPV6: 2}
# RFC 8200 section 4: hop-by-hop, routing, destination options; each has the next one's number and its own length.
_EXTENSIONS = frozenset({0, 43, 60})
_HEADER_BYTES = {4: _IPV4.size, 6: _IPV6.size}
# RFC 792, RFC 4443 section 4.2
_ECHO_REPLY = {4: 0, 6: 129}
# How much of a packet an error quotes: RFC 1812 section 4.3.2.3, RFC 4443 section 2.4(c).
_ERROR_BYTES = {4: 576, 6: 1280}


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet of TCP, UDP or ICMP.

    Args:
        source: the address it comes from.
        destination: the address it is for.
        protocol: `TCP`, `UDP`, `ICMP` or `ICMPV6`.
        content: what follows the IP headers.
        ports: of source and destination; zeros for ICMP.
    """

    source: Address
    destination: Address
    protocol: int
    content: bytes
    ports: tuple[int, int] = (0, 0)

    @property
    def payload(self) -> bytes:
        """What follows a UDP header."""
        return self.content[_UDP.size :]


def read(packet: bytes) -> Packet | None:
    """The packet in these bytes; None where it is of another protocol, a later fragment, or cut short."""
    version = packet[0] >> 4 if packet else 0
    if version not in _HEADER_BYTES or len(packet) < _HEADER_BYTES[version]:
        return None
    found = _read4(packet) if version == 4 else _read6(packet)
    if found is None or found.protocol not in _CHECKSUM_AT or len(found.content) < _UDP.size:
        return None
    if found.protocol == TCP and len(found.content) < _TCP.size:
        return None
    return replace(found, ports=_PORTS.unpack_from(found.content)) if found.protocol in {TCP, UDP} else found


def _read4(packet: bytes) -> Packet | None:
    first, _, length, _, fragment, _, protocol, _, source, destination = _IPV4.unpack_from(packet)
    size = (first & 0xF) * 4
    if size < _IPV4.size or not size <= length <= len(packet) or fragment & _FRAGMENT_OFFSET:
        return None
    return Packet(Address(source), Address(destination), protocol, packet[size:length])


def _read6(packet: bytes) -> Packet | None:
    _, length, protocol, _, source, destination = _IPV6.unpack_from(packet)
    content = packet[_IPV6.size : _IPV6.size + length]
    if len(content) < length:
        return None
    while protocol in _EXTENSIONS:
        if len(content) < 8:
            return None
        protocol, content = content[0], content[content[1] * 8 + 8 :]
    return Packet(Address(source), Address(destination), protocol, content)


def whole(packet: Packet) -> bytes:
    """The packet with its header and checksums, to be sent as it is.

    >>> whole(Packet(Address("192.0.2.1"), Address("192.0.2.2"), ICMP, bytes(8))).hex()
    '4500001c000000004001f6ddc0000201c00002020000ffff00000000'
    """
    source, destination = packet.source.packed, packet.destination.packed
    content = bytearray(packet.content)
    at = _CHECKSUM_AT[packet.protocol]
    content[at : at + 2] = bytes(2)
    pseudo = b"" if packet.protocol == ICMP else _pseudo(source, destination, packet.protocol, len(content))
    total = checksum(pseudo + content)
    if packet.protocol == UDP and not total:
        total = 0xFFFF  # RFC 768: zero says that there is none
    content[at : at + 2] = total.to_bytes(2, "big")
    if packet.source.version == 6:
        return _IPV6.pack(6 << 28, len(content), packet.protocol, _HOP_LIMIT, source, destination) + content
    fields = (0x45, 0, _IPV4.size + len(content), 0, 0, _HOP_LIMIT, packet.protocol)
    header = checksum(_IPV4.pack(*fields, 0, source, destination))
    return _IPV4.pack(*fields, header, source, destination) + content


def datagram(packet: Packet, payload: bytes) -> bytes:
    """The answer to a UDP packet."""
    here, there = packet.ports
    header = _UDP.pack(there, here, _UDP.size + len(payload), 0)
    return whole(Packet(packet.destination, packet.source, UDP, header + payload))


def refusal(packet: Packet) -> bytes:
    """The RST to a TCP segment (RFC 9293 section 3.5.2, group 1): nobody listens there."""
    here, there, sequence, acknowledged, offset, flags, *_ = _TCP.unpack_from(packet.content)
    if flags & _ACK:
        fields = (there, here, acknowledged, 0, 0x50, _RST)
    else:
        taken = len(packet.content) - (offset >> 4) * 4 + bool(flags & _SYN) + bool(flags & _FIN)
        fields = (there, here, 0, (sequence + taken) & 0xFFFF_FFFF, 0x50, _RST | _ACK)
    return whole(Packet(packet.destination, packet.source, TCP, _TCP.pack(*fields, 0, 0, 0)))


def echo_reply(packet: Packet) -> bytes:
    """The reply to an echo request (RFC 792, RFC 4443 section 4.2)."""
    content = bytes([_ECHO_REPLY[packet.source.version], 0]) + packet.content[2:]
    return whole(Packet(packet.destination, packet.source, packet.protocol, content))


def error(packet: Packet, kind: int, code: int, number: int = 0) -> bytes:
    """The ICMP error of this type and code to a packet, which it quotes, from the address that was asked.

    Args:
        packet: that was not delivered.
        kind: the type.
        code: the code.
        number: the MTU, or what else stands behind the checksum.
    """
    version = packet.source.version
    quote = whole(packet)[: _ERROR_BYTES[version] - _HEADER_BYTES[version] - _ICMP.size]
    content = _ICMP.pack(kind, code, 0, number) + quote
    return whole(Packet(packet.destination, packet.source, ICMP if version == 4 else ICMPV6, content))


def _pseudo(source: bytes, destination: bytes, protocol: int, length: int) -> bytes:
    return source + destination + struct.pack("!II", length, protocol)


def checksum(content: bytes | bytearray) -> int:
    """The one's complement of the one's complement sum of all 16-bit words (RFC 1071).

    >>> hex(checksum(bytes.fromhex("0001f203f4f5f6f7")))
    '0x220d'
    """
    if len(content) % 2:
        content = bytes(content) + b"\0"
    # Whatever the host's order is: the sum of swapped words is the swapped sum (RFC 1071 section 2.B).
    total = sum(array("H", bytes(content)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return int.from_bytes((total ^ 0xFFFF).to_bytes(2, sys.byteorder), "big")
