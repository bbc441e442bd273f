"""Laws of handshakes: any bytes are an answer or a close; one byte at a time is the same as all at once."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from dualstack.core.address.address import Address
from dualstack.core.address.endpoint import Endpoint
from dualstack.core.address.sockaddr import SocketAddress
from dualstack.errors import WireError
from dualstack.wire.handshake import Event, Handshake, Refusal, Request, Say
from dualstack.wire.proxy_protocol import Ends, Reader, header
from dualstack.wire.socks4 import Socks4
from dualstack.wire.socks5 import Socks5
from dualstack.wire.socks5_udp import header as datagram_header
from dualstack.wire.socks5_udp import header_size, read_header

Make = Callable[[], Handshake]
MAKERS = st.sampled_from([Socks5, lambda: Socks5(lambda name, _: name == b"a"), Socks4])
BYTES = st.lists(
    st.sampled_from([b"\x04", b"\x05", b"\x01", b"\x00", b"\x02", b"\x03", b"\x05\x01\x00", b"\x05\x01\x02", bytes(3)])
    | st.binary(max_size=300),
    max_size=12,
).map(b"".join)
ADDRESSES = st.integers(0, 2**32 - 1).map(lambda n: Address.from_int(n, 4)) | st.integers(0, 2**128 - 1).map(
    lambda n: Address.from_int(n, 6)
)
SOCKADDRS = st.builds(SocketAddress, ADDRESSES, st.integers(0, 65535))


def conversation(make: Make, content: bytes, size: int) -> tuple[list[Event], bytes]:
    """The events, a request without what came behind it; and what came behind it."""
    handshake, events = make(), list[Event]()
    for at in range(0, len(content), size):
        events += handshake.receive(content[at : at + size])
        if events and isinstance(last := events[-1], Request):
            return [*events[:-1], Request(last.target)], last.first + content[at + size :]
        if events and isinstance(events[-1], Refusal):
            break
    return events, b""


@given(MAKERS, BYTES)
def test_any_bytes_are_an_answer_or_a_close_and_it_matters_not_how_they_come(make: Make, content: bytes) -> None:
    at_once = conversation(make, content, max(len(content), 1))
    assert at_once == conversation(make, content, 1)
    assert all(isinstance(event, Say) for event in at_once[0][:-1])


def outcome(content: bytes, size: int) -> tuple[Ends | str | None, int]:
    reader, at = Reader(), 0
    try:
        while reader.wants and at < len(content):
            piece = content[at : at + min(size, reader.wants)]
            at += len(piece)
            reader.receive(piece)
    except WireError:
        return "wrong", 0
    return "unfinished" if reader.wants else reader.ends, at


HEADERS = st.builds(header, st.sampled_from([1, 2]), st.builds(Ends, SOCKADDRS, SOCKADDRS))


@given(HEADERS | BYTES | st.binary(max_size=60).map(b"PROXY TCP4 ".__add__) | HEADERS.map(lambda h: h[:-5] + b"\r\n"))
def test_any_bytes_are_a_header_or_an_error_and_it_matters_not_how_they_come(content: bytes) -> None:
    assert outcome(content, 1) == outcome(content, 1 << 16)


@given(st.binary(max_size=300) | st.binary(max_size=300).map(b"\0\0\0".__add__))
def test_any_datagram_has_a_header_or_is_dropped(content: bytes) -> None:
    try:
        size = header_size(memoryview(content))
        assert datagram_header(read_header(content[:size]))
    except WireError:
        return
    assert 8 <= size <= len(content)


@given(st.sampled_from([1, 2]), SOCKADDRS, SOCKADDRS, st.binary(max_size=20))
def test_a_header_reads_back_unmapped_and_to_its_last_byte(
    version: int, peer: SocketAddress, local: SocketAddress, behind: bytes
) -> None:
    written = header(version, Ends(peer, local))
    ends, size = outcome(written + behind, 7)
    assert size == len(written)
    assert isinstance(ends, Ends)
    found = [(end.address, end.port) for end in (ends.peer, ends.local)]
    assert found == [(end.address.canonical, end.port) for end in (peer, local)]


@given(MAKERS, SOCKADDRS)
def test_every_end_can_be_told(make: Make, bound: SocketAddress) -> None:
    assert make().granted(bound)


@given(ADDRESSES, st.integers(1, 65535))
def test_where_a_client_goes_reads_back(address: Address, port: int) -> None:
    from dualstack.wire.socks5 import client_greeting, client_request

    target = Endpoint(address, port)
    events = Socks5().receive(client_greeting() + client_request(target))
    assert events == [Say(b"\x05\x00"), Request(Endpoint(address.canonical, port))]
