"""`wire.packet`: packets read, crafted and answered, held to sums that were made elsewhere and to RFC 9293's rules."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualstack.core.address.address import Address
from dualstack.wire.packet import (
    ICMP,
    ICMPV6,
    TCP,
    UDP,
    Packet,
    checksum,
    datagram,
    echo_reply,
    error,
    read,
    refusal,
    whole,
)

HERE = {4: Address("192.0.2.1"), 6: Address("2001:db8::1")}
THERE = {4: Address("198.51.100.7"), 6: Address("2001:db8:9::7")}
SYN = struct.pack("!HHIIBBHHH", 40000, 443, 0xFFFFFFFF, 0, 0x50, 0x02, 64240, 0, 0)


def packet(version: int, protocol: int, content: bytes) -> Packet:
    ports = struct.unpack_from("!HH", content) if protocol in {TCP, UDP} else (0, 0)
    return Packet(HERE[version], THERE[version], protocol, content, ports)


def is_sound(content: bytes) -> bool:
    """Whether the checksums of a packet are right: over all of it, with them in it, the sum is zero."""
    version = content[0] >> 4
    if version == 4:
        addresses, protocol, body = content[12:20], content[9], content[20:]
        if checksum(content[:20]):
            return False
    else:
        addresses, protocol, body = content[8:40], content[6], content[40:]
    pseudo = b"" if protocol == ICMP else addresses + struct.pack("!II", len(body), protocol)
    return checksum(pseudo + body) == 0


@pytest.mark.parametrize("version", [4, 6])
@given(payload=st.binary(max_size=70))
def test_what_is_written_is_sound_and_reads_back(version: int, payload: bytes) -> None:
    sent = packet(version, UDP, struct.pack("!HHHH", 5353, 53, 8 + len(payload), 0x1234) + payload)
    content = whole(sent)
    again = read(content)
    assert is_sound(content)
    assert again is not None
    assert (again.source, again.destination, again.ports, again.payload) == (
        sent.source,
        sent.destination,
        (5353, 53),
        payload,
    )


def test_the_checksum_is_that_of_rfc_1071() -> None:
    # Its example, section 3; an odd byte counts as if a zero followed.
    assert checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0x220D
    assert checksum(b"\x01") == 0xFEFF


@pytest.mark.parametrize("version", [4, 6])
def test_a_refusal_acknowledges_the_syn_and_all_that_came_with_it(version: int) -> None:
    answer = read(refusal(packet(version, TCP, SYN + b"fast open")))
    assert answer is not None
    source, destination, sequence, acknowledged, _, flags, *_ = struct.unpack_from("!HHIIBBHHH", answer.content)
    assert (answer.source, answer.destination) == (THERE[version], HERE[version])
    assert (source, destination, sequence) == (443, 40000, 0)
    assert acknowledged == 9, "the sequence number after 0xffffffff, its SYN and nine bytes"
    assert flags == 0x14
    assert is_sound(refusal(packet(version, TCP, SYN)))


def test_a_refusal_of_what_acknowledges_takes_its_number() -> None:
    ack = struct.pack("!HHIIBBHHH", 40000, 443, 5, 77, 0x50, 0x10, 0, 0, 0)
    answer = read(refusal(packet(4, TCP, ack)))
    assert answer is not None
    assert struct.unpack_from("!IIBB", answer.content, 4) == (77, 0, 0x50, 0x04)


@pytest.mark.parametrize(("version", "protocol", "limit"), [(4, ICMP, 576), (6, ICMPV6, 1280)])
def test_an_error_quotes_the_packet_and_is_no_longer_than_it_may_be(version: int, protocol: int, limit: int) -> None:
    sent = packet(version, UDP, struct.pack("!HHHH", 1, 2, 3008, 0) + bytes(3000))
    content = error(sent, 3, 1)
    answer = read(content)
    assert answer is not None
    assert (answer.protocol, answer.content[:2], len(content)) == (protocol, b"\3\1", limit)
    assert answer.content[8:] == whole(sent)[: len(answer.content) - 8]
    assert is_sound(content)


@pytest.mark.parametrize(("version", "protocol", "kinds"), [(4, ICMP, (8, 0)), (6, ICMPV6, (128, 129))])
def test_an_echo_comes_back_as_it_went_out(version: int, protocol: int, kinds: tuple[int, int]) -> None:
    asked = packet(version, protocol, bytes([kinds[0], 0, 9, 9]) + b"\x12\x34\0\7odd payload")
    answer = read(echo_reply(asked))
    assert answer is not None
    assert answer.content[0] == kinds[1]
    assert answer.content[4:] == asked.content[4:]
    assert is_sound(echo_reply(asked))


def test_a_datagrams_answer_goes_the_other_way_and_never_has_no_checksum() -> None:
    asked = packet(4, UDP, struct.pack("!HHHH", 5353, 53, 8, 0))
    answer = read(datagram(asked, b"you"))
    assert answer is not None
    assert (answer.source, answer.ports, answer.payload) == (THERE[4], (53, 5353), b"you")
    unsummed = read(datagram(asked, bytes(2)))
    assert unsummed is not None
    # With its own checksum as payload the sum is zero, which would say that there is none (RFC 768).
    zero = read(datagram(asked, unsummed.content[6:8]))
    assert zero is not None
    assert zero.content[6:8] == b"\xff\xff"


def test_ipv6_extension_headers_are_passed_over_and_fragments_are_not_ours() -> None:
    udp = struct.pack("!HHHH", 1, 2, 8, 0)
    head = b"`\0\0\0" + struct.pack("!HBB", 16, 60, 64) + HERE[6].packed + THERE[6].packed
    found = read(head + bytes([UDP, 0]) + bytes(6) + udp)
    assert found is not None
    assert found.ports == (1, 2)
    assert read(head[:6] + bytes([44]) + head[7:] + bytes([UDP, 0, 0, 8]) + bytes(4) + udp) is None


@given(content=st.binary(max_size=80), first=st.sampled_from([0x45, 0x46, 0x60, 0x00]))
def test_anything_is_a_packet_or_none(content: bytes, first: int) -> None:
    found = read(bytes([first]) + content)
    assert found is None or found.protocol in {TCP, UDP, ICMP, ICMPV6}


UDP_4 = whole(packet(4, UDP, struct.pack("!HHHH", 1, 2, 8, 0)))
UDP_6 = whole(packet(6, UDP, struct.pack("!HHHH", 1, 2, 8, 0)))
TCP_6 = whole(packet(6, TCP, SYN))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\x55" + UDP_4[1:], id="another version"),
        pytest.param(UDP_4[:19], id="an IPv4 header cut short"),
        pytest.param(UDP_4[:-1], id="less than its length says"),
        pytest.param(b"\x44" + UDP_4[1:], id="a header of 16 bytes"),
        pytest.param(UDP_4[:6] + b"\0\1" + UDP_4[8:], id="a later fragment"),
        pytest.param(UDP_4[:9] + b"\x84" + UDP_4[10:], id="SCTP"),
        pytest.param(UDP_6[:-1], id="less than its IPv6 length says"),
        pytest.param(UDP_6[:5] + b"\4" + UDP_6[6:44], id="half a UDP header"),
        pytest.param(TCP_6[:5] + b"\x0c" + TCP_6[6:52], id="half a TCP header"),
        pytest.param(UDP_6[:5] + b"\4\0" + UDP_6[7:44], id="an extension header cut short"),
    ],
)
def test_what_is_cut_short_or_anothers_is_no_packet(content: bytes) -> None:
    assert read(content) is None
