"""The PROXY protocol, versions 1 and 2, as HAProxy's proxy-protocol.txt has it: who a relayed client is.

A reader says how many bytes it wants, so that nobody reads past the header and what follows stays in the socket: a
child of `exec:` gets it there. Headers are written with IPv4 never mapped, unless the two ends are of two families;
then both are IPv6. A line whose ends are of two families is read too, for nginx writes such. What a header says is
believed by whoever called, who knows the sender.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from dualstack.core.address.address import Address
from dualstack.core.address.endpoint import parse_port
from dualstack.core.address.sockaddr import SocketAddress
from dualstack.errors import AddressError, WireError
from dualstack.wire.crc32c import crc32c

__all__ = ["HEADER_MAX", "Ends", "Reader", "header"]

HEADER_MAX = 8192
"""A longer header is refused; the longest in use carry a certificate."""

_PROTOCOL = "PROXY header"
_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_HEAD_V2 = 16
_CRLF = b"\r\n"
_LINE_MAX = 107  # section 2.1, with the CRLF
# The shortest line that may follow each beginning: nothing behind it belongs to the header.
_SHORTEST: Mapping[bytes, int] = MappingProxyType(
    {
        b"PROXY TCP4 ": len(b"PROXY TCP4 :: 0.0.0.0 0 0\r\n"),
        b"PROXY TCP6 ": len(b"PROXY TCP6 :: :: 0 0\r\n"),
        b"": len(b"PROXY UNKNOWN\r\n"),
    }
)
_FAMILIES: Mapping[str, int] = MappingProxyType({"TCP4": 4, "TCP6": 6})
_LOCAL, _PROXY = 0x20, 0x21
# Section 2.2: address family and transport; all others carry nothing that a TCP connection can have.
_TCP: Mapping[int, int] = MappingProxyType({0x11: 4, 0x21: 16})
_BLOCKS: Mapping[int, int] = MappingProxyType({0x00: 0, 0x11: 12, 0x12: 12, 0x21: 36, 0x22: 36, 0x31: 216, 0x32: 216})
_TLV_HEAD = 3
_TLV_CRC32C = 0x03


@dataclass(frozen=True, slots=True)
class Ends:
    """Both ends of the client's connection.

    Args:
        peer: the client.
        local: what it connected to.
    """

    peer: SocketAddress
    local: SocketAddress


class Reader:
    """Reads one header.

    `wants` is how many bytes may be given at most, 0 once the header is complete. Then `ends` is what it says; None
    where the connection's own ends count: LOCAL, UNKNOWN, UNSPEC, and what is not TCP.
    """

    def __init__(self) -> None:
        self.ends: Ends | None = None
        self.wants = _SHORTEST[b""]
        self._held = b""

    def receive(self, content: bytes) -> None:
        """Take some of the bytes wanted.

        Raises:
            WireError: it is no such header.
        """
        self._held += content
        is_binary = self._held.startswith(_SIGNATURE[: len(self._held)])
        self.wants = self._look_at_binary() if is_binary else self._look_at_line()

    def _look_at_line(self) -> int:
        """Version 1: how many bytes more, at least, the line has."""
        held = self._held
        if not held.startswith(b"PROXY "[: len(held)]):
            raise WireError(_PROTOCOL, f"it begins with {_shown(held[:12])}")
        line, end, _ = held.partition(_CRLF)
        if end:
            self.ends = _read_line(line)
            return 0
        if len(held) >= _LINE_MAX:
            raise WireError(_PROTOCOL, f"no end of its line within {_LINE_MAX} bytes")
        shortest = next(size for start, size in _SHORTEST.items() if held.startswith(start))
        least = max(shortest - len(held), 1 if held.endswith(b"\r") else 2)
        return min(least, _LINE_MAX - len(held))

    def _look_at_binary(self) -> int:
        """Version 2: the head tells the size of the rest."""
        held = self._held
        if len(held) < _HEAD_V2:
            return _HEAD_V2 - len(held)
        size = _HEAD_V2 + int.from_bytes(held[14:16], "big")
        if size > HEADER_MAX:
            raise WireError(_PROTOCOL, f"{size} bytes, more than {HEADER_MAX}")
        if len(held) == size:
            self.ends = _read_binary(held)
        return size - len(held)


def _read_line(line: bytes) -> Ends | None:
    """`PROXY TCP4 SOURCE DESTINATION PORT PORT`, one blank between the words."""
    words = line.decode("latin-1").split(" ")
    if words[1] == "UNKNOWN":
        return None
    if len(words) != 6 or words[1] not in _FAMILIES:
        raise WireError(_PROTOCOL, f"{_shown(line)} is not PROXY TCP4 or TCP6, two addresses and two ports")
    try:
        addresses = [Address(word) for word in words[2:4]]
        ports = [parse_port(word) for word in words[4:]]
    except AddressError as error:
        raise WireError(_PROTOCOL, str(error)) from None
    # nginx writes the family of one end, and the other as it is: TCP4 with an IPv6 end, TCP6 with an IPv4 one.
    if all(address.version != _FAMILIES[words[1]] for address in addresses) or any(each.scope for each in addresses):
        raise WireError(_PROTOCOL, f"{_shown(line)}: an address is none of {words[1]}")
    return Ends(*(SocketAddress(a.canonical, port) for a, port in zip(addresses, ports, strict=True)))


def _shown(content: bytes) -> str:
    return ascii(content.decode("latin-1"))


def _read_binary(held: bytes) -> Ends | None:
    command, kind = held[12], held[13]
    if command not in {_LOCAL, _PROXY}:
        raise WireError(_PROTOCOL, f"version and command 0x{command:02x}")
    if command == _LOCAL:
        # Section 2.2: the sender speaks for itself; the address block is discarded, whatever it holds.
        return None
    if kind not in _BLOCKS:
        raise WireError(_PROTOCOL, f"family and transport 0x{kind:02x}")
    end = _HEAD_V2 + _BLOCKS[kind]
    if len(held) < end:
        raise WireError(_PROTOCOL, f"{len(held)} bytes are too few for its addresses")
    for tag, start, size in _extensions(held, end):
        if tag == _TLV_CRC32C:
            _check(held, start, size)
    return _ends(held, _TCP[kind]) if kind in _TCP else None


def _ends(held: bytes, size: int) -> Ends:
    peer, local, ports = _HEAD_V2, _HEAD_V2 + size, _HEAD_V2 + 2 * size
    return Ends(
        SocketAddress(Address(held[peer:local]).canonical, int.from_bytes(held[ports : ports + 2], "big")),
        SocketAddress(Address(held[local:ports]).canonical, int.from_bytes(held[ports + 2 : ports + 4], "big")),
    )


def _extensions(held: bytes, at: int) -> Iterator[tuple[int, int, int]]:
    """Type, place and size of each value behind the addresses; they fill the header to its end."""
    while at < len(held):
        start = at + _TLV_HEAD
        size = int.from_bytes(held[at + 1 : start], "big")
        if start + size > len(held):
            raise WireError(_PROTOCOL, f"a value of type 0x{held[at]:02x} reaches past its end")
        yield held[at], start, size
        at = start + size


def _check(held: bytes, start: int, size: int) -> None:
    """Section 2.2.3: over the whole header, with zeros where the sum stands."""
    blank = held[:start] + bytes(size) + held[start + size :]
    if size != 4 or crc32c(blank) != int.from_bytes(held[start : start + size], "big"):
        raise WireError(_PROTOCOL, "the checksum is wrong")


def header(version: int, ends: Ends) -> bytes:
    r"""What a server is told of a client before its first byte; `version` is 1, text, or 2.

    >>> header(1, Ends(SocketAddress(Address("::ffff:192.0.2.1"), 9), SocketAddress(Address("192.0.2.2"), 80)))
    b'PROXY TCP4 192.0.2.1 192.0.2.2 9 80\r\n'
    """
    addresses = [end.address.canonical.without_scope for end in (ends.peer, ends.local)]
    if len({address.version for address in addresses}) > 1:
        addresses = [address.as_ipv6 for address in addresses]
    family = addresses[0].version
    ports = ends.peer.port, ends.local.port
    if version == 1:
        return f"PROXY TCP{family} {addresses[0]} {addresses[1]} {ports[0]} {ports[1]}\r\n".encode()
    kind = 0x11 if family == 4 else 0x21
    block = b"".join(address.packed for address in addresses) + b"".join(port.to_bytes(2, "big") for port in ports)
    return _SIGNATURE + bytes((_PROXY, kind)) + len(block).to_bytes(2, "big") + block
