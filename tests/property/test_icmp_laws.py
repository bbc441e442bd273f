"""Laws of ICMP: what is written reads back, and bytes of any kind are an event or nothing."""

from hypothesis import given
from hypothesis import strategies as st

from dualstack.core.address.address import Address
from dualstack.core.ping.echo import Echo
from dualstack.wire.icmp import (
    EchoReply,
    EchoRequest,
    Event,
    IcmpError,
    error_of,
    pack,
    payload_of_ipv4,
    read,
    read_echo,
)

UINT16 = st.integers(0, 65535)
ECHOES = st.builds(Echo, UINT16, UINT16, st.binary(max_size=100))
VERSIONS = st.sampled_from([4, 6])
ERRORS = {4: (3, 11, 12), 6: (1, 2, 3, 4)}


@st.composite
def errors(draw: st.DrawFn) -> IcmpError:
    version = draw(VERSIONS)
    number = draw(st.integers(0, 255 if version == 4 else 2**32 - 1))
    destination = Address.from_int(draw(st.integers(0, 2 ** (32 if version == 4 else 128) - 1)), version)
    quoted = draw(st.none() | ECHOES)
    made = error_of(
        version,
        draw(st.sampled_from(ERRORS[version])),
        draw(st.integers(0, 255)),
        number,
        destination=None if quoted is None else destination,
        quoted=quoted,
    )
    assert made is not None
    return made


@given(VERSIONS, st.builds(EchoRequest, ECHOES) | st.builds(EchoReply, ECHOES))
def test_an_echo_reads_back(version: int, event: Event) -> None:
    assert read(version, pack(version, event)) == event


@given(errors())
def test_an_error_reads_back_with_the_probe_it_quotes(error: IcmpError) -> None:
    assert read(error.version, pack(error.version, error)) == error
    assert error.why.isprintable()


@given(VERSIONS, st.binary(max_size=200))
def test_any_bytes_are_an_event_or_nothing(version: int, content: bytes) -> None:
    event = read(version, content)
    assert event is None or isinstance(event, EchoRequest | EchoReply | IcmpError)
    assert read_echo(version, content) == (event.echo if isinstance(event, EchoRequest) else None)


@given(VERSIONS, st.sampled_from([1, 2, 3, 4, 11, 12]), st.binary(max_size=200))
def test_any_bytes_may_be_quoted(version: int, kind: int, content: bytes) -> None:
    event = read(version, bytes((kind, 0)) + content)
    assert event is None or isinstance(event, IcmpError)


@given(errors(), st.data())
def test_an_error_cut_anywhere_is_an_error_or_nothing_and_never_of_another_probe(
    error: IcmpError, data: st.DataObject
) -> None:
    message = pack(error.version, error)
    event = read(error.version, message[: data.draw(st.integers(0, len(message)))])
    assert event is None or isinstance(event, IcmpError)
    if event is not None and event.quoted is not None and error.quoted is not None:
        assert (event.quoted.identifier, event.quoted.sequence) == (error.quoted.identifier, error.quoted.sequence)
        assert error.quoted.payload.startswith(event.quoted.payload)


@given(st.binary(max_size=80))
def test_any_bytes_may_come_from_a_raw_socket(packet: bytes) -> None:
    payload = payload_of_ipv4(packet)
    assert payload is None or packet.endswith(payload)


@given(ECHOES)
def test_the_checksum_makes_the_sum_of_all_words_whole(echo: Echo) -> None:
    message = pack(4, EchoRequest(echo)) + bytes(len(echo.payload) % 2)
    total = sum(int.from_bytes(message[place : place + 2], "big") for place in range(0, len(message), 2))
    assert total % 0xFFFF == 0
    assert total > 0
