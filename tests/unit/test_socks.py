"""SOCKS5, SOCKS4 and SOCKS4a: what a client's bytes mean, and what it is answered (RFC 1928, RFC 1929, X1)."""

from collections.abc import Callable

import pytest

from dualstack.core.address.address import Address
from dualstack.core.address.endpoint import Endpoint, parse_target
from dualstack.core.address.sockaddr import SocketAddress
from dualstack.errors import AddressError, WireError
from dualstack.wire.handshake import Associate, Handshake, Outcome, Refusal, Request, Say
from dualstack.wire.socks4 import Socks4
from dualstack.wire.socks5 import Socks5, client_association, client_greeting, client_request, read_bound, reply_size
from dualstack.wire.socks5_udp import header, header_size, read_header

PORT = b"\x00\x50"
GREETED = Say(b"\x05\x00")


def request(address: bytes, command: int = 1) -> bytes:
    return b"\x05" + bytes((command,)) + b"\x00" + address + PORT


def is_ann(name: bytes, password: bytes) -> bool:
    return (name, password) == (b"ann", b"secret")


@pytest.mark.parametrize(
    ("address", "target"),
    [
        (b"\x01\xc0\x00\x02\x01", "192.0.2.1:80"),
        (b"\x04" + Address("2001:db8::1").packed, "[2001:db8::1]:80"),
        (b"\x04" + Address("::ffff:10.0.0.1").packed, "10.0.0.1:80"),
        (b"\x03\x0cmail.example", "mail.example:80"),
        (b"\x03\x0d2001:db8::1%2"[:2] + b"2001:db8::1%2", "[2001:db8::1%2]:80"),
    ],
)
def test_a_socks5_client_says_where_to(address: bytes, target: str) -> None:
    events = Socks5().receive(client_greeting() + request(address) + b"first")
    assert events[0] == GREETED
    (wanted,) = events[1:]
    assert isinstance(wanted, Request)
    assert (str(wanted.target), wanted.first) == (target, b"first")


@pytest.mark.parametrize(
    ("asked", "reply", "why"),
    [
        (request(b"\x01\xc0\x00\x02\x01", 2), 7, "BIND is not supported"),
        (request(b"\x01\x00\x00\x00\x00", 9), 7, "command 9 is not supported"),
        (request(b"\x02\x00\x00\x00\x00"), 8, "no address is of type 2"),
        (request(b"\x03\x00"), 1, "no host is named"),
        (request(b"\x03\x01*"), 1, "no host is named"),
        (request(b"\x03\x04a\x00bc"), 1, "NUL"),
        (request(b"\x03\x02\xc3\xa4"), 1, "only ASCII"),
        (request(b"\x03\x0a0177.0.0.1"), 1, "old octal form"),
        (request(b"\x03\x06host:1"), 1, "a port has no place"),
        (b"\x05\x01\x00\x01\xc0\x00\x02\x01\x00\x00", 1, "port 0"),
        (b"\x04\x01\x00\x01\xc0\x00\x02\x01\x00\x00", 1, "version 4"),
    ],
)
def test_a_wrong_socks5_request_is_answered_with_its_reply(asked: bytes, reply: int, why: str) -> None:
    socks = Socks5()
    refusal = socks.receive(client_greeting() + asked)[-1]
    assert isinstance(refusal, Refusal)
    assert refusal.answer == bytes((5, reply, 0, 1, 0, 0, 0, 0, 0, 0))
    assert why in refusal.why
    assert socks.receive(b"more") == []


@pytest.mark.parametrize(
    ("announced", "expected"),
    [
        (client_association(), Associate(None, 0)),
        (request(b"\x01\xc0\x00\x02\x01", 3), Associate(Address("192.0.2.1"), 80)),
        (request(b"\x04" + Address("::ffff:192.0.2.1").packed, 3), Associate(Address("192.0.2.1"), 80)),
        (request(b"\x04" + bytes(16), 3), Associate(None, 80)),
        (request(b"\x03\x04host", 3), Associate(None, 80)),
    ],
)
def test_a_socks5_client_may_want_its_datagrams_relayed(announced: bytes, expected: Associate) -> None:
    socks = Socks5()
    assert socks.receive(client_greeting() + announced) == [GREETED, expected]
    assert socks.receive(b"more") == []


def test_a_client_reads_where_its_datagrams_go() -> None:
    bound = SocketAddress(Address("2001:db8::9"), 4000)
    assert read_bound(Socks5().granted(bound)) == bound


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("192.0.2.1:53", b"\0\0\0\x01\xc0\x00\x02\x01\x00\x35"),
        ("[2001:db8::1]:53", b"\0\0\0\x04" + Address("2001:db8::1").packed + b"\x00\x35"),
        ("mail.example:53", b"\0\0\0\x03\x0cmail.example\x00\x35"),
    ],
)
def test_the_header_of_a_datagram_reads_back(text: str, written: bytes) -> None:
    end = parse_target(text)
    assert header(end) == written
    assert header_size(written + b"content") == len(written)
    assert read_header(written) == end


@pytest.mark.parametrize(
    ("datagram", "why"),
    [
        (b"", "no room"),
        (bytes(4), "no room"),
        (b"\0\0\x01\x01" + bytes(6), "fragment 1"),
        (b"\0\0\0\x02" + bytes(6), "of type 2"),
        (b"\0\0\0\x01" + bytes(5), "end before"),
        (b"\0\0\0\x03\x09abc", "end before"),
    ],
)
def test_a_datagram_without_a_whole_header_is_none(datagram: bytes, why: str) -> None:
    with pytest.raises(WireError, match=why):
        header_size(datagram)


@pytest.mark.parametrize(
    ("written", "why"),
    [(b"\0\0\0\x01\xc0\x00\x02\x01\0\0", "port 0"), (b"\0\0\0\x03\x00\0\x09", "no host is named")],
)
def test_a_header_that_names_nothing_is_refused(written: bytes, why: str) -> None:
    with pytest.raises(WireError, match=why):
        read_header(written)


def test_a_socks5_client_that_shows_a_password_is_let_in() -> None:
    socks = Socks5(is_ann)
    assert socks.receive(b"\x05\x02\x00\x02") == [Say(b"\x05\x02")]
    assert socks.receive(b"\x01\x03ann\x06secret") == [Say(b"\x01\x00")]
    assert isinstance(socks.receive(request(b"\x01\xc0\x00\x02\x01"))[0], Request)


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (b"\x05\x01\x00", b"\x05\xff"),
        (b"\x05\x00", b"\x05\xff"),
        (b"\x05\x01\x02\x01\x03ann\x05wrong", b"\x01\x01"),
        (b"\x05\x01\x02\x02", b"\x01\x01"),
        (b"\x06", b""),
    ],
)
def test_a_socks5_client_without_the_right_password_is_not(said: bytes, answer: bytes) -> None:
    refusal = Socks5(is_ann).receive(said)[-1]
    assert isinstance(refusal, Refusal)
    assert refusal.answer == answer


def test_a_client_that_insists_on_a_password_where_none_is_set_is_refused() -> None:
    (refusal,) = Socks5().receive(b"\x05\x01\x02")
    assert refusal == Refusal(b"\x05\xff", "the client insists on a password, and none is set")


def test_socks5_answers_with_the_local_end_unmapped() -> None:
    socks = Socks5()
    mapped = SocketAddress(Address("::ffff:192.0.2.9"), 4000)
    assert socks.granted(mapped) == b"\x05\x00\x00\x01\xc0\x00\x02\x09\x0f\xa0"
    ipv6 = SocketAddress(Address("2001:db8::9"), 4000)
    assert socks.granted(ipv6) == b"\x05\x00\x00\x04" + Address("2001:db8::9").packed + b"\x0f\xa0"


@pytest.mark.parametrize(
    ("outcome", "reply"),
    [
        (Outcome.DENIED, 2),
        (Outcome.NETWORK_UNREACHABLE, 3),
        (Outcome.NO_NAME, 4),
        (Outcome.HOST_UNREACHABLE, 4),
        (Outcome.TIMED_OUT, 4),
        (Outcome.REFUSED, 5),
        (Outcome.FAILED, 1),
    ],
)
def test_socks5_tells_what_became_of_the_connection_and_socks4_that_it_failed(outcome: Outcome, reply: int) -> None:
    assert Socks5().failed(outcome)[1] == reply
    assert Socks4().failed(outcome) == b"\x00\x5b" + bytes(6)


@pytest.mark.parametrize(
    ("said", "target", "first"),
    [
        (b"\x04\x01\x00\x50\xc0\x00\x02\x01ann\0first", "192.0.2.1:80", b"first"),
        (b"\x04\x01\x00\x50\x00\x00\x00\x01\0mail.example\0fi\0rst", "mail.example:80", b"fi\0rst"),
    ],
)
def test_a_socks4_client_says_where_to(said: bytes, target: str, first: bytes) -> None:
    socks = Socks4()
    (wanted,) = socks.receive(said)
    assert isinstance(wanted, Request)
    assert (str(wanted.target), wanted.first) == (target, first)
    assert socks.receive(b"more") == []


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"\x04\x02\x00\x50\xc0\x00\x02\x01\0", "command 2 is not supported"),
        (b"\x04\x01\x00\x00\xc0\x00\x02\x01\0", "port 0"),
        (b"\x04\x01\x00\x50\x00\x00\x00\x01\0\0", "no host is named"),
        (b"\x04\x01\x00\x50\xc0\x00\x02\x01" + b"a" * 256, "at most 255"),
        (b"\x04\x01\x00\x50\x00\x00\x00\x01" + b"a" * 300 + b"\0b", "at most 255"),
        (b"\x04\x01\x00\x50\x00\x00\x00\x01\0" + b"a" * 256, "at most 255"),
        (b"\x05", "version 5"),
    ],
)
def test_a_wrong_socks4_request_is_refused(said: bytes, why: str) -> None:
    (refusal,) = Socks4().receive(said)
    assert isinstance(refusal, Refusal)
    assert why in refusal.why


def test_socks4_will_not_do_where_a_password_is_asked_for() -> None:
    (refusal,) = Socks4(needs_password=True).receive(b"\x04\x01\x00\x50\xc0\x00\x02\x01\0")
    assert isinstance(refusal, Refusal)
    assert refusal.answer == b"\x00\x5d" + bytes(6)


def test_a_socks4_answer_has_room_for_ipv4_alone() -> None:
    assert Socks4().granted(SocketAddress(Address("192.0.2.9"), 80)) == b"\x00\x5a\x00\x50\xc0\x00\x02\x09"
    assert Socks4().granted(SocketAddress(Address("2001:db8::9"), 80)) == b"\x00\x5a" + bytes(6)


@pytest.mark.parametrize("target", ["192.0.2.1:80", "[2001:db8::1]:80", "mail.example:80"])
def test_what_a_client_says_is_understood(target: str) -> None:
    wanted = parse_target(target)
    assert Socks5().receive(client_greeting() + client_request(wanted)) == [GREETED, Request(wanted)]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (Socks4, b"\x04\x01\x00\x50\x00\x00\x00\x01ann\0mail.example\0"),
        (lambda: Socks5(is_ann), b"\x05\x01\x02\x01\x03ann\x06secret" + request(b"\x03\x0cmail.example")),
    ],
)
def test_a_client_that_sends_byte_by_byte_is_waited_for(make: Callable[[], Handshake], said: bytes) -> None:
    handshake = make()
    events = [event for byte in said for event in handshake.receive(bytes((byte,)))]
    assert events[-1] == Request(Endpoint("mail.example", 80))


def test_a_client_knows_how_long_an_answer_is_or_why_there_is_none() -> None:
    assert reply_size(b"\x05\x00\x00\x01") == 10
    assert reply_size(b"\x05\x00\x00\x04") == 22
    with pytest.raises(WireError, match="the proxy says not allowed"):
        reply_size(b"\x05\x02\x00\x01")
    with pytest.raises(WireError, match="the proxy says 99"):
        reply_size(b"\x05\x63\x00\x01")
    with pytest.raises(WireError, match="no answer that can be read"):
        reply_size(b"HTTP")
    with pytest.raises(AddressError, match="255"):
        client_request(Endpoint("a" * 256, 80))
