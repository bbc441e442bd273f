"""`wire.icmp`: messages as RFC 792 and RFC 4443 lay them out, and the probe that an error quotes."""

import pytest

from dualstack.core.address.address import Address
from dualstack.core.ping.echo import Echo
from dualstack.errors import AddressError
from dualstack.wire.icmp import (
    EchoReply,
    EchoRequest,
    IcmpError,
    Kind,
    error_of,
    pack,
    payload_of_ipv4,
    read,
    read_echo,
)

ECHO = Echo(0x1234, 7, b"token678 and more")
V4, V6 = Address("192.0.2.1"), Address("2001:db8::1")
REQUEST = {version: pack(version, EchoRequest(ECHO)) for version in (4, 6)}


def ipv4(
    payload: bytes, *, options: bytes = b"", protocol: int = 1, fragment: int = 0, total: int | None = None
) -> bytes:
    size = 20 + len(options)
    length = size + len(payload) if total is None else total
    head = bytes((0x40 | size // 4, 0)) + length.to_bytes(2, "big") + bytes(2) + fragment.to_bytes(2, "big")
    return head + bytes((64, protocol, 0, 0)) + bytes(4) + V4.packed + options + payload


def ipv6(payload: bytes, *, header: int = 58, first: int = 0x60) -> bytes:
    return (
        bytes((first, 0, 0, 0))
        + len(payload).to_bytes(2, "big")
        + bytes((header, 64))
        + bytes(16)
        + V6.packed
        + payload
    )


def error(kind: int, code: int, quote: bytes, *, rest: bytes = bytes(4)) -> bytes:
    return bytes((kind, code, 0, 0)) + rest + quote


def test_a_request_has_the_checksum_that_routers_expect() -> None:
    # Of the words 0800, 0001, 0002 and 6869, by hand.
    assert pack(4, EchoRequest(Echo(1, 2, b"hi"))).hex() == "08008f93000100026869"


def test_an_odd_byte_counts_as_the_upper_half_of_a_word() -> None:
    assert pack(4, EchoRequest(Echo(0, 0, b"\x01"))).hex() == "0800f6ff0000000001"


def test_the_checksum_of_icmpv6_is_left_to_the_kernel() -> None:
    assert pack(6, EchoRequest(ECHO))[:4].hex() == "80000000"
    assert pack(6, EchoReply(ECHO))[:4].hex() == "81000000"


@pytest.mark.parametrize(("identifier", "sequence"), [(-1, 0), (65536, 0), (0, -1), (0, 65536)])
def test_a_number_of_more_than_16_bits_is_refused(identifier: int, sequence: int) -> None:
    with pytest.raises(AddressError, match="is 0 to 65535"):
        Echo(identifier, sequence)


@pytest.mark.parametrize(
    ("version", "kind", "code", "why"),
    [
        (4, 3, 0, "network unreachable"),
        (4, 3, 1, "host unreachable"),
        (4, 3, 10, "host administratively prohibited"),
        (4, 3, 13, "communication administratively prohibited"),
        (4, 3, 99, "unreachable (code 99)"),
        (4, 11, 0, "time to live exceeded in transit"),
        (6, 1, 0, "no route to destination"),
        (6, 1, 3, "address unreachable"),
        (6, 1, 77, "unreachable (code 77)"),
        (6, 3, 0, "hop limit exceeded in transit"),
        (6, 3, 1, "fragment reassembly time exceeded"),
    ],
)
def test_an_error_is_told_in_the_words_of_its_law(version: int, kind: int, code: int, why: str) -> None:
    address = V4 if version == 4 else V6
    quote = ipv4(REQUEST[4]) if version == 4 else ipv6(REQUEST[6])
    read_back = read(version, error(kind, code, quote))
    assert read_back == IcmpError(version, kind, code, address, ECHO)
    assert read_back.why == why


@pytest.mark.parametrize(
    ("version", "message", "mtu", "why"),
    [
        (4, "0304000000000514", 1300, "too big and not to be fragmented: at most 1300 bytes"),
        (4, "0304000000000000", None, "too big and not to be fragmented"),
        (6, "0200000000000500", 1280, "packet too big: at most 1280 bytes"),
    ],
)
def test_what_is_too_big_is_told_with_what_would_fit(version: int, message: str, mtu: int | None, why: str) -> None:
    found = read(version, bytes.fromhex(message))
    assert isinstance(found, IcmpError)
    assert (found.kind, found.mtu, found.why, found.quoted) == (Kind.TOO_BIG, mtu, why, None)


@pytest.mark.parametrize(
    ("version", "kind", "rest", "why"),
    [
        (4, 12, "14000000", "parameter problem at byte 20"),
        (6, 4, "00000028", "erroneous header field at byte 40"),
    ],
)
def test_a_parameter_problem_points_at_its_byte(version: int, kind: int, rest: str, why: str) -> None:
    found = read(version, error(kind, 0, b"", rest=bytes.fromhex(rest)))
    assert isinstance(found, IcmpError)
    assert (found.kind, found.why) == (Kind.PARAMETER_PROBLEM, why)


@pytest.mark.parametrize(
    ("quote", "why"),
    [
        (ipv4(REQUEST[4], options=bytes(8)), "options before the message"),
        (ipv4(REQUEST[4]) + b"padding", "the total length says where the message ends"),
        (ipv4(REQUEST[4], total=0), "a total length that some systems spoil is of no account"),
        (ipv4(REQUEST[4], total=20), "nor is one that leaves no room for what is there"),
    ],
)
def test_the_probe_is_found_in_what_an_icmp_error_quotes(quote: bytes, why: str) -> None:
    found = read(4, error(3, 1, quote))
    assert isinstance(found, IcmpError)
    assert (found.destination, found.quoted) == (V4, ECHO), why


def test_what_is_behind_the_end_that_a_quote_says_is_not_its_probe() -> None:
    found = read(4, error(3, 1, ipv4(REQUEST[4], total=21)))
    assert isinstance(found, IcmpError)
    assert found.quoted is None


def test_a_quote_of_eight_bytes_has_the_numbers_and_no_payload() -> None:
    found = read(4, error(3, 1, ipv4(REQUEST[4])[:28]))
    assert isinstance(found, IcmpError)
    assert found.quoted == Echo(0x1234, 7)


@pytest.mark.parametrize(
    ("header", "before", "why"),
    [
        (0, bytes((58, 0)) + bytes(6), "hop-by-hop options"),
        (43, bytes((60, 1)) + b"\xff" * 14 + bytes((58, 0)) + bytes(6), "routing, then destination options"),
        (44, bytes((58, 0, 0, 1)) + bytes(4), "the first fragment"),
    ],
)
def test_the_probe_is_found_behind_extension_headers(header: int, before: bytes, why: str) -> None:
    found = read(6, error(1, 0, ipv6(before + REQUEST[6], header=header)))
    assert isinstance(found, IcmpError)
    assert (found.destination, found.quoted) == (V6, ECHO), why


@pytest.mark.parametrize(
    ("version", "quote", "why"),
    [
        (4, b"", "no quote"),
        (4, ipv4(REQUEST[4], protocol=17), "UDP"),
        (4, ipv4(REQUEST[4], fragment=1), "a later fragment"),
        (4, ipv4(pack(4, EchoReply(ECHO))), "a reply is no probe"),
        (4, ipv4(REQUEST[4])[:26], "half an ICMP header"),
        (4, ipv6(REQUEST[6]), "IPv6 in ICMP"),
        (4, b"\x41" + ipv4(REQUEST[4])[1:], "a header of 4 bytes"),
        (6, b"", "no quote"),
        (6, ipv6(REQUEST[6])[:39], "half an IPv6 header"),
        (6, ipv6(REQUEST[6], header=17), "UDP"),
        (6, ipv6(REQUEST[6], first=0x40), "IPv4 in ICMPv6"),
        (6, ipv6(bytes((58, 0, 0, 8)) + bytes(4) + REQUEST[6], header=44), "a later fragment"),
        (6, ipv6(bytes((58, 0)), header=0), "half an extension header"),
    ],
)
def test_an_error_that_quotes_no_probe_has_none(version: int, quote: bytes, why: str) -> None:
    found = read(version, error(3 if version == 4 else 1, 1, quote))
    assert isinstance(found, IcmpError)
    assert (found.destination, found.quoted) == (None, None), why


@pytest.mark.parametrize(
    ("version", "kind", "rest"),
    [(4, 3, "00200000"), (4, 11, "00200000"), (6, 1, "10000000"), (6, 3, "10000000")],
)
@pytest.mark.parametrize("size", [18, 500])
def test_extensions_behind_the_quote_are_not_taken_for_the_probe(version: int, kind: int, rest: str, size: int) -> None:
    """RFC 4884: 128 bytes are quoted, filled up with zeros where there are less, and an MPLS label stack follows."""
    echo = Echo(0x1234, 7, b"token678".ljust(size, b"x"))
    message = pack(version, EchoRequest(echo))
    quote = (ipv4(message) if version == 4 else ipv6(message))[:128].ljust(128, b"\0")
    found = read(version, error(kind, 0, quote + bytes.fromhex("2000aaaa0008010100000001"), rest=bytes.fromhex(rest)))
    assert isinstance(found, IcmpError)
    quoted_bytes = min(size, 128 - len(ipv4(b"") if version == 4 else ipv6(b"")) - 8)
    assert found.quoted == Echo(0x1234, 7, echo.payload[:quoted_bytes])


@pytest.mark.parametrize(
    ("version", "message", "why"),
    [
        (4, b"", "nothing"),
        (4, REQUEST[4][:7], "cut short"),
        (4, error(5, 0, ipv4(REQUEST[4])), "a redirect is no error"),
        (4, error(4, 0, ipv4(REQUEST[4])), "nor is a source quench (RFC 6633)"),
        (4, error(128, 0, b""), "ICMPv6's request in ICMP"),
        (6, error(8, 0, b""), "ICMP's request in ICMPv6"),
        (6, error(135, 0, bytes(16)), "a neighbour solicitation"),
    ],
)
def test_what_is_neither_echo_nor_error_is_nothing(version: int, message: bytes, why: str) -> None:
    assert read(version, message) is None, why


def test_an_error_of_the_kernels_queue_is_made_of_its_numbers() -> None:
    found = error_of(4, 3, 4, 1300, destination=V4, quoted=ECHO)
    assert found == IcmpError(4, 3, 4, V4, ECHO, mtu=1300)
    assert error_of(6, 4, 1, 40, destination=V6, quoted=None) == IcmpError(6, 4, 1, V6, pointer=40)
    assert error_of(6, 129, 0, 0, destination=V6, quoted=ECHO) is None


def test_a_quoted_message_is_a_request_or_nothing() -> None:
    assert read_echo(6, REQUEST[6]) == ECHO
    assert read_echo(6, pack(6, EchoReply(ECHO))) is None
    assert read_echo(6, b"") is None


def test_the_header_of_a_raw_socket_is_taken_off() -> None:
    assert payload_of_ipv4(ipv4(REQUEST[4], options=bytes(4))) == REQUEST[4]
    assert payload_of_ipv4(ipv4(REQUEST[4])[:19]) is None
