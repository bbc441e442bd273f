"""The PROXY protocol: who a relayed client is, read and written (haproxy's proxy-protocol.txt)."""

import pytest

from dualstack.core.address.address import Address
from dualstack.core.address.sockaddr import SocketAddress
from dualstack.errors import WireError
from dualstack.wire.crc32c import crc32c
from dualstack.wire.proxy_protocol import HEADER_MAX, Ends, Reader, header

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
V4 = Ends(SocketAddress(Address("192.0.2.1"), 4000), SocketAddress(Address("192.0.2.2"), 143))
V6 = Ends(SocketAddress(Address("2001:db8::1"), 4000), SocketAddress(Address("2001:db8::2"), 143))
MAPPED = Ends(SocketAddress(Address("::ffff:192.0.2.1"), 4000), V4.local)
MIXED = Ends(V4.peer, V6.local)
BLOCK = b"\xc0\x00\x02\x01\xc0\x00\x02\x02\x0f\xa0\x00\x8f"


def read(content: bytes) -> tuple[Ends | None, bytes]:
    """What it says, and what was left unread."""
    reader, at = Reader(), 0
    while reader.wants:
        assert at < len(content), "it wants more than there is"
        piece = content[at : at + reader.wants]
        at += len(piece)
        reader.receive(piece)
    return reader.ends, content[at:]


def binary(kind: int, block: bytes, *, command: int = 0x21) -> bytes:
    return SIGNATURE + bytes((command, kind)) + len(block).to_bytes(2, "big") + block


def with_checksum(block: bytes, *, wrong: int = 0) -> bytes:
    blank = binary(0x11, block + b"\x03\x00\x04" + bytes(4))
    return blank[:-4] + (crc32c(blank) ^ wrong).to_bytes(4, "big")


@pytest.mark.parametrize(
    ("content", "ends"),
    [
        (b"PROXY TCP4 192.0.2.1 192.0.2.2 4000 143\r\n", V4),
        (b"PROXY TCP6 2001:db8::1 2001:db8::2 4000 143\r\n", V6),
        (b"PROXY TCP6 ::ffff:192.0.2.1 ::ffff:192.0.2.2 4000 143\r\n", V4),
        (b"PROXY TCP6 ::ffff:192.0.2.1 2001:db8::2 4000 143\r\n", MIXED),
        (b"PROXY TCP6 192.0.2.1 2001:db8::2 4000 143\r\n", MIXED),
        (b"PROXY TCP4 192.0.2.1 2001:db8::2 4000 143\r\n", MIXED),
        (b"PROXY TCP4 :: 0.0.0.0 0 0\r\n", Ends(SocketAddress(Address("::"), 0), SocketAddress(Address("0.0.0.0"), 0))),
        (b"PROXY TCP4 2001:db8::2 192.0.2.1 143 4000\r\n", Ends(MIXED.local, MIXED.peer)),
        (b"PROXY UNKNOWN\r\n", None),
        (b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", None),
        (binary(0x11, BLOCK), V4),
        (binary(0x21, V6.peer.address.packed + V6.local.address.packed + BLOCK[-4:]), V6),
        (binary(0x11, BLOCK, command=0x20), None),
        (binary(0x00, b"", command=0x20), None),
        (binary(0x77, b"anything", command=0x20), None),
        (binary(0x00, b""), None),
        (binary(0x12, BLOCK), None),
        (binary(0x31, bytes(216)), None),
        (binary(0x11, BLOCK + b"\x04\x00\x00\x20\x00\x02ab"), V4),
        (with_checksum(BLOCK), V4),
    ],
)
def test_a_header_says_who_the_client_is_and_nothing_behind_it_is_read(content: bytes, ends: Ends | None) -> None:
    assert read(content + b"behind") == (ends, b"behind")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"GET / HTTP/1.1\r\n", "it begins with 'GET / HTTP/1'"),
        (b"PROXY TCP5 192.0.2.1 192.0.2.2 1 2\r\n", "is not PROXY TCP4 or TCP6"),
        (b"PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n", "two addresses and two ports"),
        (b"PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n", "two addresses and two ports"),
        (b"PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n", "an address is none of TCP4"),
        (b"PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n", "an address is none of TCP6"),
        (b"PROXY TCP6 fe80::1%eth0 fe80::2 1 2\r\n", "an address is none of TCP6"),
        (b"PROXY TCP4 192.0.2.01 192.0.2.2 1 2\r\n", "192.0.2.01"),
        (b"PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n", "over 65535"),
        (b"PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n", "leading zero"),
        (b"PROXY \r\n" + b"x" * 20, "is not PROXY TCP4"),
        (b"PROXY TCP4 " + b"1" * 200, "no end of its line within 107 bytes"),
        (binary(0x11, BLOCK, command=0x22), "version and command 0x22"),
        (binary(0x11, BLOCK, command=0x11), "version and command 0x11"),
        (binary(0x41, BLOCK), "family and transport 0x41"),
        (binary(0x21, BLOCK), "too few for its addresses"),
        (binary(0x11, BLOCK + b"\x04\x00"), "reaches past its end"),
        (binary(0x11, BLOCK + b"\x04\x00\x05abc"), "reaches past its end"),
        (binary(0x11, BLOCK + b"\x03\x00\x02ab"), "the checksum is wrong"),
        (with_checksum(BLOCK, wrong=1), "the checksum is wrong"),
        (binary(0x11, bytes(HEADER_MAX)), f"more than {HEADER_MAX}"),
    ],
)
def test_what_is_no_header_is_an_error(content: bytes, why: str) -> None:
    with pytest.raises(WireError) as raised:
        read(content)
    assert why in str(raised.value)


@pytest.mark.parametrize(
    ("ends", "line"),
    [
        (V4, b"PROXY TCP4 192.0.2.1 192.0.2.2 4000 143\r\n"),
        (V6, b"PROXY TCP6 2001:db8::1 2001:db8::2 4000 143\r\n"),
        (MAPPED, b"PROXY TCP4 192.0.2.1 192.0.2.2 4000 143\r\n"),
        (Ends(V4.peer, V6.local), b"PROXY TCP6 ::ffff:192.0.2.1 2001:db8::2 4000 143\r\n"),
        (Ends(SocketAddress(Address("fe80::1%2"), 9), V6.local), b"PROXY TCP6 fe80::1 2001:db8::2 9 143\r\n"),
    ],
)
def test_what_is_written_is_unmapped_and_of_one_family(ends: Ends, line: bytes) -> None:
    assert header(1, ends) == line
    assert read(header(2, ends))[0] == read(line)[0]


def test_the_second_version_has_16_bytes_before_its_addresses() -> None:
    assert header(2, V4) == binary(0x11, BLOCK)
