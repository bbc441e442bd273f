"""Every value that a byte may have where a protocol has a number, each limit from both sides, and exact bytes out."""

import pytest

from dualstack.core.address.address import Address
from dualstack.core.address.endpoint import Endpoint
from dualstack.core.address.sockaddr import SocketAddress
from dualstack.core.ping.echo import Echo
from dualstack.errors import WireError
from dualstack.wire import dns, socks5_udp
from dualstack.wire.crc32c import crc32c
from dualstack.wire.handshake import Associate, Outcome, Refusal, Request, Say
from dualstack.wire.icmp import EchoReply, EchoRequest, IcmpError, Kind, error_of, pack, payload_of_ipv4, read
from dualstack.wire.proxy_protocol import HEADER_MAX, Ends, Reader, header
from dualstack.wire.socks4 import Socks4
from dualstack.wire.socks5 import Reply, Socks5, client_association, client_greeting, client_request, reply_size
from dualstack.wire.telnet import Telnet

BYTES = range(256)
FOUR, SIX = Address("192.0.2.1"), Address("2001:db8::1")
BOUND = SocketAddress(FOUR, 0x1234)

# ICMP. RFC 792, RFC 1122, RFC 1812, RFC 1108; RFC 4443, RFC 6550, RFC 8883, RFC 7112: the codes of each type in order.
WORDS = {
    (4, 3): (
        *("network unreachable", "host unreachable", "protocol unreachable", "port unreachable"),
        *("too big and not to be fragmented", "source route failed", "network unknown", "host unknown"),
        *("source host isolated", "network administratively prohibited", "host administratively prohibited"),
        "network unreachable for this type of service",
        "host unreachable for this type of service",
        *("communication administratively prohibited", "host precedence violation", "precedence cutoff in effect"),
    ),
    (4, 11): ("time to live exceeded in transit", "fragment reassembly time exceeded"),
    (4, 12): ("parameter problem at byte 7", "a required option is missing at byte 7", "bad length at byte 7"),
    (6, 1): (
        *("no route to destination", "communication administratively prohibited"),
        *("beyond the scope of the source address", "address unreachable", "port unreachable"),
        *("source address failed ingress or egress policy", "route to destination rejected"),
        *("error in source routing header", "headers too long"),
    ),
    (6, 2): ("packet too big: at most 7 bytes",),
    (6, 3): ("hop limit exceeded in transit", "fragment reassembly time exceeded"),
    (6, 4): (
        *("erroneous header field at byte 7", "unrecognised next header at byte 7"),
        *("unrecognised IPv6 option at byte 7", "the first fragment has not all headers at byte 7"),
    ),
}
ENDINGS = {
    (4, 3): "unreachable (code 99)",
    (4, 11): "time exceeded (code 99)",
    (4, 12): "parameter problem (code 99) at byte 7",
    (6, 1): "unreachable (code 99)",
    (6, 2): "too big (code 99): at most 7 bytes",
    (6, 3): "time exceeded (code 99)",
    (6, 4): "parameter problem (code 99) at byte 7",
}


@pytest.mark.parametrize("version", [4, 6])
def test_each_type_of_icmp_is_an_echo_an_error_or_nothing(version: int) -> None:
    found = {kind: type(read(version, bytes((kind, 0)) + bytes(6))) for kind in BYTES}
    errors = {kind for of, kind in WORDS if of == version}
    echoes = {8: EchoRequest, 0: EchoReply} if version == 4 else {128: EchoRequest, 129: EchoReply}
    assert found == {kind: echoes.get(kind, IcmpError if kind in errors else type(None)) for kind in BYTES}
    assert {kind for kind in BYTES if error_of(version, kind, 0, 0, destination=None, quoted=None)} == errors


@pytest.mark.parametrize(("version", "kind"), list(WORDS))
def test_each_code_of_an_error_has_the_words_of_its_law(version: int, kind: int) -> None:
    def said(code: int) -> str:
        number = 0 if (version, kind) == (4, 3) else 7
        error = error_of(version, kind, code, number, destination=None, quoted=None)
        assert error is not None
        return error.why

    known = WORDS[version, kind]
    assert tuple(said(code) for code in range(len(known))) == known
    beyond = ENDINGS[version, kind]
    assert [said(code) for code in range(len(known), 256)] == [
        beyond.replace("99", str(code)) for code in range(len(known), 256)
    ]


@pytest.mark.parametrize(
    ("version", "kind", "code", "rest", "mtu", "pointer"),
    [
        (4, 3, 4, "12340514", 0x514, None),
        (4, 3, 4, "0000ffff", 0xFFFF, None),
        (4, 3, 4, "12340000", None, None),
        (4, 3, 3, "12340514", None, None),
        (4, 11, 0, "12340514", None, None),
        (4, 12, 0, "ff340514", None, 0xFF),
        (4, 12, 0, "01ffffff", None, 1),
        (6, 1, 0, "12340514", None, None),
        (6, 2, 0, "00010514", 0x10514, None),
        (6, 2, 9, "00000500", 0x500, None),
        (6, 3, 0, "12340514", None, None),
        (6, 4, 0, "00010028", None, 0x10028),
    ],
)
def test_the_number_of_an_error_is_what_its_type_says(  # noqa: PLR0917 - a row
    version: int, kind: int, code: int, rest: str, mtu: int | None, pointer: int | None
) -> None:
    found = read(version, bytes((kind, code, 0, 0)) + bytes.fromhex(rest))
    assert isinstance(found, IcmpError)
    assert (found.type, found.code, found.mtu, found.pointer) == (kind, code, mtu, pointer)
    assert (found.kind is Kind.TOO_BIG) == ((version, kind) == (6, 2) or (version, kind, code) == (4, 3, 4))


def test_an_error_is_packed_to_the_byte() -> None:
    echo = Echo(0x0102, 0x0304, b"abc")
    four = pack(4, IcmpError(4, 3, 4, FOUR, echo, mtu=1300))
    quoted = "4500001f" + "00000000" + "01010000" + "00000000" + "c0000201"
    assert four[:2].hex() + four[4:30].hex() == "0304" + "00000514" + quoted + "0800"
    assert four[32:].hex() == "01020304" + "616263"
    assert sum_of(four) == sum_of(four[28:]) == 0xFFFF
    six = pack(6, IcmpError(6, 2, 0, SIX, echo, mtu=1280))
    assert six.hex() == (
        "0200000000000500" + "60000000000b3a01" + "00" * 16 + SIX.packed.hex() + "8000000001020304" + "616263"
    )
    assert pack(4, IcmpError(4, 12, 0, None, None, pointer=20))[4:].hex() == "14000000"
    assert pack(6, IcmpError(6, 4, 0, None, None, pointer=40)).hex() == "0400000000000028"
    assert pack(4, IcmpError(4, 3, 1, FOUR, None))[4:] == pack(4, IcmpError(4, 3, 1, None, echo))[4:] == bytes(4)


def sum_of(message: bytes) -> int:
    """The one's complement sum of a whole message: all ones where its checksum is right (RFC 1071)."""
    padded = message + bytes(len(message) % 2)
    total = sum(int.from_bytes(padded[at : at + 2], "big") for at in range(0, len(padded), 2))
    return total % 0xFFFF or (0xFFFF if total else 0)


@pytest.mark.parametrize("size", [*range(9), 100, 1000, 65_000])
def test_the_checksum_of_every_length_is_right(size: int) -> None:
    assert (
        sum_of(pack(4, EchoRequest(Echo(0xFFFF, 0xFFFF, b"\xff\xfe" * (size // 2) + b"\xff" * (size % 2))))) == 0xFFFF
    )


def ipv4(first: int = 0x45, *, protocol: int = 1, fragment: int = 0, total: int = 28) -> bytes:
    head = bytes((first, 0)) + total.to_bytes(2, "big") + bytes(2) + fragment.to_bytes(2, "big")
    return head + bytes((64, protocol, 0, 0)) + bytes(4) + FOUR.packed


def test_the_first_byte_of_an_ipv4_header_is_its_version_and_its_length() -> None:
    packet = bytes(range(100))
    for first in BYTES:
        size = (first & 15) * 4
        expected = (ipv4(first) + packet)[size:] if first >> 4 == 4 and size >= 20 else None
        assert payload_of_ipv4(ipv4(first) + packet) == expected, hex(first)
    assert [number for number in BYTES if payload_of_ipv4(ipv4(protocol=number))] == []
    assert [number for number in BYTES if payload_of_ipv4(ipv4(protocol=number) + b"x") == b"x"] == [1]


@pytest.mark.parametrize("bit", range(16))
def test_what_is_no_first_fragment_has_no_message(bit: int) -> None:
    is_offset = bit < 13
    assert payload_of_ipv4(ipv4(fragment=1 << bit) + b"x") == (None if is_offset else b"x")


@pytest.mark.parametrize("length", range(19, 22))
def test_a_header_of_twenty_bytes_is_the_shortest(length: int) -> None:
    assert payload_of_ipv4((ipv4() + b"x")[:length]) == (None if length < 20 else b"x"[: length - 20])


QUOTED = Echo(0x1234, 7, b"0123456789abcdef")


@pytest.mark.parametrize("extra", range(-9, 4))
def test_a_quote_ends_where_its_own_length_says(extra: int) -> None:
    message = pack(4, EchoRequest(QUOTED))
    total = 20 + len(message) + extra
    found = read(4, bytes((3, 1, 0, 0)) + bytes(4) + ipv4(total=total) + message)
    assert isinstance(found, IcmpError)
    assert found.quoted == Echo(0x1234, 7, QUOTED.payload[: 16 + min(extra, 0)])
    length = len(message) + extra
    six = bytes((0x60, 0, 0, 0)) + length.to_bytes(2, "big") + bytes((58, 64)) + bytes(16) + SIX.packed
    found = read(6, bytes((1, 0, 0, 0)) + bytes(4) + six + pack(6, EchoRequest(QUOTED)))
    assert isinstance(found, IcmpError)
    assert found.quoted == Echo(0x1234, 7, QUOTED.payload[: 16 + min(extra, 0)])


@pytest.mark.parametrize("total", range(20, 29))
def test_a_total_length_that_leaves_less_than_a_message_is_taken_at_its_word_or_not_at_all(total: int) -> None:
    message = pack(4, EchoRequest(QUOTED))
    found = read(4, bytes((3, 1, 0, 0)) + bytes(4) + ipv4(total=total) + message)
    assert isinstance(found, IcmpError)
    quoted = {20: QUOTED, 28: Echo(0x1234, 7)}
    assert found.quoted == quoted.get(total)


@pytest.mark.parametrize(("version", "kind"), [key for key in WORDS if key not in {(6, 2), (6, 4)}])
@pytest.mark.parametrize("units", [0, 7, 8, 9, 255])
def test_where_rfc_4884_has_a_length_the_quote_ends_there(version: int, kind: int, units: int) -> None:
    """In words of 4 bytes at the sixth byte for ICMP, of 8 at the fifth for ICMPv6."""
    message = pack(version, EchoRequest(QUOTED))
    if version == 4:
        quote, rest, unit = ipv4(total=0) + message, bytes((0, units, 0, 0)), 4
    else:
        head = bytes((0x60, 0, 0, 0, 0, 0, 58, 64)) + bytes(16) + SIX.packed
        quote, rest, unit = head + message, bytes((units, 0, 0, 0)), 8
    found = read(version, bytes((kind, 0, 0, 0)) + rest + quote)
    assert isinstance(found, IcmpError)
    kept = len(quote) if units == 0 else min(len(quote), units * unit)
    inside = kept - (len(quote) - len(message)) - 8
    assert found.quoted == (Echo(0x1234, 7, QUOTED.payload[:inside]) if inside >= 0 else None)


@pytest.mark.parametrize(("version", "kind"), [(6, 2), (6, 4)])
def test_elsewhere_that_place_is_another_numbers(version: int, kind: int) -> None:
    head = bytes((0x60, 0, 0, 0, 0, 0, 58, 64)) + bytes(16) + SIX.packed
    message = bytes((kind, 0, 0, 0, 0x01, 0x01, 0, 0)) + head + pack(6, EchoRequest(QUOTED))
    found = read(version, message)
    assert isinstance(found, IcmpError)
    assert found.quoted == QUOTED


def test_each_number_of_a_next_header_is_passed_over_or_ends_the_search() -> None:
    """RFC 8200: hop by hop, routing, fragment and destination options may stand before ICMPv6."""
    for number in BYTES:
        before = bytes((58, 0, 0, 0)) + bytes(4)
        head = bytes((0x60, 0, 0, 0, 0, 0, number, 64)) + bytes(16) + SIX.packed
        found = read(6, bytes((1, 0, 0, 0)) + bytes(4) + head + before + pack(6, EchoRequest(QUOTED)))
        assert isinstance(found, IcmpError)
        assert (found.quoted == QUOTED) == (number in {0, 43, 44, 60}), number


@pytest.mark.parametrize("units", range(4))
def test_an_extension_header_has_its_length_in_eights_less_one(units: int) -> None:
    before = bytes((58, units)) + b"\xaa" * (6 + 8 * units)
    head = bytes((0x60, 0, 0, 0, 0, 0, 60, 64)) + bytes(16) + SIX.packed
    found = read(6, bytes((1, 0, 0, 0)) + bytes(4) + head + before + pack(6, EchoRequest(QUOTED)))
    assert isinstance(found, IcmpError)
    assert found.quoted == QUOTED


@pytest.mark.parametrize("bit", range(16))
def test_a_fragment_header_begins_a_datagram_where_its_offset_is_nothing(bit: int) -> None:
    before = bytes((58, 0)) + (1 << bit).to_bytes(2, "big") + bytes(4)
    head = bytes((0x60, 0, 0, 0, 0, 0, 44, 64)) + bytes(16) + SIX.packed
    found = read(6, bytes((1, 0, 0, 0)) + bytes(4) + head + before + pack(6, EchoRequest(QUOTED)))
    assert isinstance(found, IcmpError)
    assert (found.quoted == QUOTED) == (bit < 3)


# SOCKS5 (RFC 1928, RFC 1929).

ADDRESS = b"\x01\xc0\x00\x02\x01\x00\x50"


def refused(event: object) -> tuple[bytes, str]:
    assert isinstance(event, Refusal)
    return event.answer, event.why


def test_each_version_of_a_greeting_but_5_is_refused_without_a_word() -> None:
    for version in BYTES:
        events = Socks5().receive(bytes((version, 1, 0)))
        if version == 5:
            assert events == [Say(b"\x05\x00")]
        else:
            assert refused(*events) == (b"", f"SOCKS version {version}, not 5")
            assert Socks5().receive(bytes((version,))) == events


def test_each_way_of_showing_who_one_is_is_taken_where_it_is_wanted() -> None:
    for method in BYTES:
        assert Socks5().receive(bytes((5, 1, method)))[0] == (
            Say(b"\x05\x00")
            if method == 0
            else Refusal(b"\x05\xff", "the client insists on a password, and none is set")
        )
        assert Socks5(lambda *_: True).receive(bytes((5, 1, method)))[0] == (
            Say(b"\x05\x02") if method == 2 else Refusal(b"\x05\xff", "the client needs a password and offers none")
        )


@pytest.mark.parametrize("count", [0, 1, 2, 255])
def test_a_greeting_has_as_many_methods_as_it_says(count: int) -> None:
    whole = bytes((5, count)) + b"\x07" * (count - 1) + b"\x00" * (count > 0)
    for length in range(1, len(whole)):
        assert Socks5().receive(whole[:length]) == []
    (event,) = Socks5().receive(whole)
    assert isinstance(event, Say if count else Refusal)


def test_each_version_of_a_login_but_1_is_refused() -> None:
    for version in BYTES:
        events = Socks5(lambda *_: True).receive(b"\x05\x01\x02" + bytes((version, 0, 0)))
        assert events[1:] == (
            [Say(b"\x01\x00")]
            if version == 1
            else [Refusal(b"\x01\x01", f"version {version} of names and passwords, not 1")]
        )


@pytest.mark.parametrize(("name", "password"), [(b"", b""), (b"a", b""), (b"", b"b"), (b"ann", b"secret")])
def test_a_login_is_asked_for_when_it_is_whole_and_not_before(name: bytes, password: bytes) -> None:
    asked: list[tuple[bytes, bytes]] = []

    def is_user(*those: bytes) -> bool:
        asked.append((those[0], those[1]))
        return False

    login = bytes((1, len(name))) + name + bytes((len(password),)) + password
    socks = Socks5(is_user)
    socks.receive(b"\x05\x01\x02")
    for byte in login[:-1]:
        assert socks.receive(bytes((byte,))) == []
    assert socks.receive(login[-1:]) == [Refusal(b"\x01\x01", f"no user {name.decode()!r} with this password")]
    assert asked == [(name, password)]


def test_each_version_of_a_request_but_5_is_answered_with_failure() -> None:
    for version in BYTES:
        event = Socks5().receive(client_greeting() + bytes((version, 1, 0)) + ADDRESS)[-1]
        if version == 5:
            assert event == Request(Endpoint(FOUR, 80))
        else:
            assert refused(event) == (b"\x05\x01\x00\x01" + bytes(6), f"a request of version {version}, not 5")


def test_each_command_is_a_request_an_association_or_refused() -> None:
    for command in BYTES:
        event = Socks5().receive(client_greeting() + bytes((5, command, 0)) + ADDRESS + b"more")[-1]
        if command == 1:
            assert event == Request(Endpoint(FOUR, 80), b"more")
        elif command == 3:
            assert event == Associate(FOUR, 80)
        else:
            name = "BIND" if command == 2 else f"command {command}"
            assert refused(event) == (b"\x05\x07\x00\x01" + bytes(6), f"{name} is not supported")


def test_each_kind_of_address_is_read_or_refused_and_the_reserved_byte_is_nobodys() -> None:
    for kind in BYTES:
        written = bytes((kind,)) + bytes((4,)) + b"a.bc" + bytes(11) + b"\x00\x50"
        event = Socks5().receive(client_greeting() + bytes((5, 1, kind)) + written)[-1]
        if kind in {1, 3, 4}:
            assert not isinstance(event, Refusal) or kind == 3, kind
        else:
            assert refused(event) == (b"\x05\x08\x00\x01" + bytes(6), f"no address is of type {kind}")


def test_a_kind_that_is_none_is_refused_with_its_fifth_byte_and_not_before() -> None:
    start = client_greeting() + bytes((5, 1, 0, 2))
    assert Socks5().receive(start) == [Say(b"\x05\x00")]
    assert isinstance(Socks5().receive(start + b"\x00")[-1], Refusal)


@pytest.mark.parametrize(
    ("address", "target"),
    [
        (ADDRESS, Endpoint(FOUR, 80)),
        (b"\x04" + SIX.packed + b"\xff\xff", Endpoint(SIX, 65535)),
        (b"\x03\x01a\x00\x01", Endpoint("a", 1)),
    ],
    ids=["IPv4", "IPv6", "name"],
)
def test_a_request_is_whole_with_its_last_byte_and_what_follows_is_the_servers(
    address: bytes, target: Endpoint
) -> None:
    whole = b"\x05\x01\x00" + address
    socks = Socks5()
    socks.receive(client_greeting())
    for byte in whole[:-1]:
        assert socks.receive(bytes((byte,))) == []
    assert socks.receive(whole[-1:]) == [Request(target)]
    assert Socks5().receive(client_greeting() + whole + b"rest")[1:] == [Request(target, b"rest")]


@pytest.mark.parametrize(
    ("outcome", "reply"),
    list(zip(Outcome, [2, 4, 3, 4, 5, 4, 1], strict=True)),
)
def test_each_outcome_has_its_reply(outcome: Outcome, reply: int) -> None:
    assert Socks5().failed(outcome) == b"\x05" + bytes((reply,)) + b"\x00\x01" + bytes(6)
    assert Socks4().failed(outcome) == b"\x00\x5b" + bytes(6)


def test_what_is_granted_has_the_end_that_is_ours() -> None:
    assert Socks5().granted(BOUND).hex() == "05000001c00002011234"
    assert Socks5().granted(SocketAddress(SIX, 1)).hex() == "05000004" + SIX.packed.hex() + "0001"
    assert Socks5().granted(SocketAddress(FOUR.as_ipv6, 1)).hex() == "05000001c00002010001"
    assert Socks4().granted(BOUND).hex() == "005a1234c0000201"
    assert Socks4().granted(SocketAddress(SIX, 1)).hex() == "005a000000000000"


def test_what_a_client_says_is_written_to_the_byte() -> None:
    assert client_greeting().hex() == "050100"
    assert client_association().hex() == "05030001" + "00" * 6
    assert client_request(Endpoint(FOUR, 80)).hex() == "05010001c00002010050"
    assert client_request(Endpoint("a.example", 443)).hex() == "05010003" + "09" + b"a.example".hex() + "01bb"


def test_each_byte_of_an_answer_is_read_or_refused() -> None:
    assert {value for value in BYTES if _size(bytes((value, 0, 0, 1)))} == {5}
    assert {value: size for value in BYTES if (size := _size(bytes((5, 0, 0, value))))} == {1: 10, 4: 22}
    for value in BYTES:
        if value == 0:
            continue
        names = {int(reply): reply.name.lower().replace("_", " ") for reply in Reply}
        with pytest.raises(WireError) as caught:
            reply_size(bytes((5, value, 0, 1)))
        assert caught.value.why == f"the proxy says {names.get(value, value)}"
    assert [_size(b"\x05\x00\x00\x01"[:length]) for length in range(5)] == [0, 0, 0, 0, 10]


def _size(start: bytes) -> int:
    try:
        return reply_size(start)
    except WireError:
        return 0


# Datagrams (RFC 1928 section 7).


def test_each_byte_of_a_datagrams_header_is_read_or_refused() -> None:
    def size(start: bytes) -> int:
        try:
            return socks5_udp.header_size(start + bytes(300))
        except WireError:
            return 0

    assert {value for value in BYTES if size(bytes((0, 0, value, 1)))} == {0}
    assert {value: found for value in BYTES if (found := size(bytes((0, 0, 0, value))))} == {1: 10, 3: 7, 4: 22}
    assert [size(bytes((0, 0, 0, 3, length))) for length in BYTES] == [7 + length for length in BYTES]


@pytest.mark.parametrize("end", [Endpoint(FOUR, 53), Endpoint(SIX, 53), Endpoint("a.example", 53)], ids=str)
def test_a_datagrams_header_is_whole_with_its_last_byte(end: Endpoint) -> None:
    written = socks5_udp.header(end)
    for length in range(len(written)):
        with pytest.raises(WireError):
            socks5_udp.header_size(written[:length])
    assert socks5_udp.header_size(written) == socks5_udp.header_size(written + b"x") == len(written)
    assert socks5_udp.read_header(written) == end


# SOCKS4.


def test_each_version_and_command_of_socks4_but_one_is_refused() -> None:
    rest = b"\x00\x50\xc0\x00\x02\x01user\x00"
    for value in BYTES:
        events = Socks4().receive(bytes((value, 1)) + rest)
        if value == 4:
            assert events == [Request(Endpoint(FOUR, 80))]
        else:
            assert refused(*events) == (b"", f"SOCKS version {value}, not 4")
        events = Socks4().receive(bytes((4, value)) + rest)
        if value != 1:
            assert refused(*events) == (b"\x00\x5b" + bytes(6), f"command {value} is not supported")


@pytest.mark.parametrize(
    ("address", "is_named"), [("0.0.0.1", True), ("0.0.0.255", True), ("0.0.1.0", False), ("0.0.1.1", False)]
)
def test_an_address_below_256_stands_for_a_name_behind_the_user(address: str, is_named: bool) -> None:  # noqa: FBT001
    start = b"\x04\x01\x00\x50" + Address(address).packed
    assert Socks4().receive(start + b"u\x00name\x00rest") == [
        Request(Endpoint("name", 80), b"rest") if is_named else Request(Endpoint(Address(address), 80), b"name\x00rest")
    ]


def test_a_request_of_socks4_is_whole_with_its_last_byte() -> None:
    for whole in (b"\x04\x01\x00\x50\xc0\x00\x02\x01\x00", b"\x04\x01\x00\x50\x00\x00\x00\x01u\x00name\x00"):
        socks = Socks4()
        assert [event for byte in whole[:-1] for event in socks.receive(bytes((byte,)))] == []
        assert len(socks.receive(whole[-1:])) == 1
        assert socks.receive(b"more") == []


@pytest.mark.parametrize("length", [254, 255, 256])
def test_a_user_and_a_name_have_their_limit(length: int) -> None:
    start = b"\x04\x01\x00\x50\x00\x00\x00\x01"
    (event,) = Socks4().receive(start + b"u" * length + b"\x00name\x00")
    assert isinstance(event, Request if length <= 255 else Refusal)
    named = Socks4().receive(start + b"u\x00" + b"n" * length)
    assert len(named) == (1 if length > 255 else 0)


def test_with_passwords_socks4_is_told_so_in_its_own_code() -> None:
    (event,) = Socks4(needs_password=True).receive(b"\x04\x01\x00\x50\xc0\x00\x02\x01\x00")
    assert refused(event)[0] == b"\x00\x5d" + bytes(6)


# The PROXY protocol.

ENDS = Ends(SocketAddress(FOUR, 1), SocketAddress(Address("192.0.2.2"), 2))
BLOCK = FOUR.packed + Address("192.0.2.2").packed + b"\x00\x01\x00\x02"
SIX_BLOCK = SIX.packed + Address("2001:db8::2").packed + b"\x00\x01\x00\x02"
SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"


def told(content: bytes) -> Ends | str | None:
    reader = Reader()
    try:
        while reader.wants:
            piece, content = content[: reader.wants], content[reader.wants :]
            if not piece:
                return "more"
            reader.receive(piece)
    except WireError as error:
        return error.why
    return reader.ends


def binary(command: int, kind: int, block: bytes) -> bytes:
    return SIGNATURE + bytes((command, kind)) + len(block).to_bytes(2, "big") + block


def test_each_version_and_command_of_a_header_is_believed_passed_over_or_refused() -> None:
    for value in BYTES:
        expected = {0x20: None, 0x21: ENDS}.get(value, f"version and command 0x{value:02x}")
        assert told(binary(value, 0x11, BLOCK)) == expected


def test_each_family_and_transport_is_read_passed_over_or_refused() -> None:
    six = Ends(SocketAddress(SIX, 1), SocketAddress(Address("2001:db8::2"), 2))
    known = {0x00: (0, None), 0x11: (12, ENDS), 0x12: (12, None), 0x21: (36, six), 0x22: (36, None)}
    known |= {0x31: (216, None), 0x32: (216, None)}
    for value in BYTES:
        size, ends = known.get(value, (0, f"family and transport 0x{value:02x}"))
        block = BLOCK if size == 12 else SIX_BLOCK if size == 36 else bytes(size)
        assert told(binary(0x21, value, block)) == ends
        if size:
            assert told(binary(0x21, value, block[:-1])) == f"{16 + size - 1} bytes are too few for its addresses"


@pytest.mark.parametrize("size", [HEADER_MAX - 1, HEADER_MAX, HEADER_MAX + 1])
def test_the_longest_header_is_read_and_a_longer_one_refused(size: int) -> None:
    filling = size - 16 - 12 - 3
    block = BLOCK + b"\x04" + filling.to_bytes(2, "big") + bytes(filling)
    assert told(binary(0x21, 0x11, block)) == (ENDS if size <= HEADER_MAX else f"{size} bytes, more than {HEADER_MAX}")


@pytest.mark.parametrize("size", range(6))
def test_a_checksum_has_four_bytes_and_stands_for_the_whole_header(size: int) -> None:
    blank = binary(0x21, 0x11, BLOCK + b"\x03" + size.to_bytes(2, "big") + bytes(size) + b"\x04\x00\x01x")
    total = crc32c(blank).to_bytes(4, "big")
    at = len(blank) - 4 - size
    written = blank[:at] + total[:size].rjust(size, b"\0") + blank[at + size :]
    assert told(written) == (ENDS if size == 4 else "the checksum is wrong")


@pytest.mark.parametrize("lacking", [0, 1, 2, 3])
def test_a_value_behind_the_addresses_ends_with_the_header(lacking: int) -> None:
    block = BLOCK + b"\x04\x00\x05abcde"
    expected = ENDS if lacking == 0 else "a value of type 0x04 reaches past its end"
    assert told(binary(0x21, 0x11, block[: len(block) - lacking])) == expected


@pytest.mark.parametrize("length", [106, 107, 108])
def test_a_line_has_at_most_107_bytes(length: int) -> None:
    line = b"PROXY UNKNOWN " + b"x" * (length - 16) + b"\r\n"
    assert len(line) == length
    assert told(line) == (None if length <= 107 else "no end of its line within 107 bytes")


def test_what_is_written_is_this() -> None:
    assert header(2, ENDS) == binary(0x21, 0x11, BLOCK)
    six = Ends(SocketAddress(SIX, 1), SocketAddress(Address("2001:db8::2"), 2))
    assert header(2, six) == binary(0x21, 0x21, SIX_BLOCK)
    assert header(1, six) == b"PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n"


def test_the_shortest_lines_are_read_without_a_byte_of_what_follows() -> None:
    for line in (b"PROXY UNKNOWN\r\n", b"PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n", b"PROXY TCP6 :: :: 0 0\r\n"):
        for step in (1, 1000):
            reader, at = Reader(), 0
            while reader.wants:
                taken = min(reader.wants, step)
                assert at + taken <= len(line)
                reader.receive(line[at : at + taken])
                at += taken
            assert at == len(line)


# CRC32C: RFC 3720 appendix B.4.


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(reversed(range(32))), 0x113FDB5C),
        (b"123456789", 0xE3069283),
        (b"", 0),
    ],
)
def test_the_checksum_is_that_of_the_rfc(content: bytes, expected: int) -> None:
    assert crc32c(content) == expected


# Telnet (RFC 854).


def test_each_byte_behind_iac_is_a_negotiation_or_tells_another_protocol() -> None:
    for value in BYTES:
        telnet = Telnet()
        text, answers = telnet.received(bytes((255, value, 1)))
        assert telnet.speaks_telnet == (value in {251, 252, 253, 254}), value
        if telnet.speaks_telnet:
            assert text == b""
            refusal = {251: b"\xff\xfe\x01", 253: b"\xff\xfc\x01"}
            assert answers == refusal.get(value, b"")
        else:
            assert (text, answers) == (bytes((255, value, 1)), b"")


def test_each_command_takes_what_belongs_to_it_and_no_byte_more() -> None:
    for value in BYTES:
        telnet = Telnet()
        telnet.received(b"\xff\xfb\x01")
        text, _ = telnet.received(b"a" + bytes((255, value)) + b"\x03b\xff\xf0c")
        if value == 250:
            assert text == b"ac"
        elif value in {251, 252, 253, 254}:
            assert text == b"abc"
        elif value == 255:
            assert text == b"a\xff\x03bc"
        else:
            assert text == b"a\x03bc", value


# DNS (RFC 1035).

QUESTION = dns.query(0x1234, "www.example", 4)


def answer(flags: int = 0x8180, *, questions: int = 1, answers: int = 1, record: bytes | None = None) -> bytes:
    numbers = (0x1234, flags, questions, answers, 0, 0)
    found = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04" + FOUR.packed if record is None else record
    return b"".join(number.to_bytes(2, "big") for number in numbers) + QUESTION[12:-11] + found


def test_a_question_is_this() -> None:
    assert QUESTION.hex() == (
        "123401000001000000000001" + "03777777076578616d706c6500" + "00010001" + "00002904d0000000000000"
    )
    assert dns.query(0, "a", 6)[-15:-11].hex() == "001c0001"


@pytest.mark.parametrize("bit", range(16))
def test_each_bit_of_the_flags_counts_or_does_not(bit: int) -> None:
    reply = dns.read(answer(0x8000 ^ 1 << bit), QUESTION, 4)
    if bit == 15:
        assert reply is None
    elif bit in {0, 1, 2, 3, 9}:
        assert reply == dns.Reply((), is_ordinary=False)
    else:
        assert reply == dns.Reply((FOUR,), is_ordinary=True)


@pytest.mark.parametrize("questions", [0, 1, 2, 0xFFFF])
def test_an_answer_repeats_one_question(questions: int) -> None:
    assert (dns.read(answer(questions=questions), QUESTION, 4) is not None) == (questions == 1)


@pytest.mark.parametrize("at", range(12, 29))
def test_each_byte_of_the_question_is_ours(at: int) -> None:
    packet = bytearray(answer())
    packet[at] ^= 0x81
    assert dns.read(bytes(packet), QUESTION, 4) is None
    packet = bytearray(answer())
    packet[at % 2] ^= 1
    assert dns.read(bytes(packet), QUESTION, 4) is None


def test_each_length_of_a_label_or_a_pointer_leads_to_the_record() -> None:
    fields = b"\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04" + FOUR.packed
    for length in BYTES:
        name = b"\0" if length == 0 else bytes((length,)) + (b"a" * length + b"\0" if length < 64 else b"\x0c")
        assert dns.read(answer(record=name + fields), QUESTION, 4) == dns.Reply((FOUR,), is_ordinary=True), length


@pytest.mark.parametrize(
    ("kind", "klass", "size", "is_taken"),
    [(1, 1, 4, True), (2, 1, 4, False), (28, 1, 4, False), (1, 2, 4, False), (1, 1, 5, False), (1, 1, 3, False)],
)
def test_a_record_is_an_address_by_its_type_class_and_size(kind: int, klass: int, size: int, is_taken: bool) -> None:  # noqa: FBT001
    record = b"\xc0\x0c" + kind.to_bytes(2, "big") + klass.to_bytes(2, "big") + bytes(4) + size.to_bytes(2, "big")
    reply = dns.read(answer(record=record + FOUR.packed + b"x"[: size - 4]), QUESTION, 4)
    assert reply == dns.Reply((FOUR,) if is_taken else (), is_ordinary=True)


def test_an_answer_that_is_cut_anywhere_is_none_that_can_be_read() -> None:
    whole = answer(answers=2, record=(b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04" + FOUR.packed) * 2)
    assert dns.read(whole, QUESTION, 4) == dns.Reply((FOUR, FOUR), is_ordinary=True)
    assert [length for length in range(len(whole)) if dns.read(whole[:length], QUESTION, 4) is not None] == []


@pytest.mark.parametrize(
    ("name", "is_asked"),
    [
        ("a" * 63, True),
        ("a" * 64, False),
        (".".join(["a" * 62] * 4) + "a", True),
        (".".join(["a" * 62] * 4) + "." + "a", True),
        (".".join(["a" * 62] * 4) + ".aa", False),
    ],
)
def test_a_name_has_its_limits(name: str, is_asked: bool) -> None:  # noqa: FBT001 - a row
    if is_asked:
        assert dns.query(1, name, 4)
    else:
        with pytest.raises(ValueError, match="cannot be asked for"):
            dns.query(1, name, 4)
