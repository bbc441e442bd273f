"""Telnet as its client sees it: options refused once, text unharmed, any other service untouched (U10)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualstack.wire.telnet import Telnet

IAC, DONT, DO, WONT, WILL, SB, SE, GA = 255, 254, 253, 252, 251, 250, 240, 249
ECHO, SGA, TERMINAL = 1, 3, 24
HELLO = bytes([IAC, DO, TERMINAL, IAC, WILL, ECHO])


@pytest.mark.parametrize(
    ("received", "text", "answer", "why"),
    [
        (b"220 hello\r\n", b"220 hello\r\n", b"", "no telnet server"),
        (HELLO + b"login: ", b"login: ", bytes([IAC, WONT, TERMINAL, IAC, DONT, ECHO]), "refused"),
        (bytes([IAC, WILL, ECHO]) * 2, b"", bytes([IAC, DONT, ECHO]), "refused once"),
        (bytes([IAC, WONT, ECHO, IAC, DONT, SGA]) + b"x", b"x", b"", "what is off already needs no answer"),
        (bytes([IAC, WILL, ECHO, IAC, IAC]) + b"x", b"\xffx", bytes([IAC, DONT, ECHO]), "a doubled IAC is one"),
        (bytes([IAC, WILL, ECHO, IAC, GA]) + b"x", b"x", bytes([IAC, DONT, ECHO]), "go ahead says nothing"),
        (
            bytes([IAC, WILL, ECHO, IAC, SB, TERMINAL, 1, IAC, SE]) + b"x",
            b"x",
            bytes([IAC, DONT, ECHO]),
            "a subnegotiation is passed over",
        ),
        (b"\xff\xd8\xff\xe0jpeg\xff\xff", b"\xff\xd8\xff\xe0jpeg\xff\xff", b"", "bytes that only begin like a command"),
        (b"x" + HELLO, b"x" + HELLO, b"", "a command later on is no telnet"),
        (b"", b"", b"", "nothing"),
    ],
)
def test_what_a_server_sends(received: bytes, text: bytes, answer: bytes, why: str) -> None:
    assert Telnet().received(received) == (text, answer), why


def test_to_a_telnet_server_a_byte_255_is_doubled_and_to_others_it_is_not() -> None:
    telnet, other = Telnet(), Telnet()
    telnet.received(HELLO)
    other.received(b"hello")
    assert telnet.sending(b"a\xffb") == b"a\xff\xffb"
    assert other.sending(b"a\xffb") == Telnet().sending(b"a\xffb") == b"a\xffb"


def test_raw_is_raw_whatever_comes() -> None:
    assert Telnet(is_plain=True).received(HELLO) == (HELLO, b"")


def test_one_byte_that_could_begin_a_command_waits_for_the_next() -> None:
    telnet = Telnet()
    assert telnet.received(b"\xff") == (b"", b"")
    assert telnet.ended() == b"\xff"
    assert telnet.ended() == b""


def test_a_command_cut_short_is_no_text() -> None:
    telnet = Telnet()
    telnet.received(HELLO + bytes([IAC, SB, 1]))
    assert telnet.ended() == b""


STREAMS = st.one_of(
    st.binary(max_size=60),
    st.lists(
        st.sampled_from([HELLO, bytes([IAC, SB, 1, 2, IAC, SE]), bytes([IAC, IAC]), b"text", bytes([IAC, GA])])
    ).map(lambda parts: HELLO + b"".join(parts)),
)


@given(STREAMS)
def test_one_byte_at_a_time_is_all_at_once(stream: bytes) -> None:
    whole, slow = Telnet(), Telnet()
    text, answer = b"", b""
    for number in range(len(stream)):
        more, said = slow.received(stream[number : number + 1])
        text, answer = text + more, answer + said
    once_text, once_answer = whole.received(stream)
    assert (text + slow.ended(), answer) == (once_text + whole.ended(), once_answer)


@given(st.binary(max_size=60))
def test_what_is_sent_to_a_telnet_server_is_read_back_by_one(text: bytes) -> None:
    sender, reader = Telnet(), Telnet()
    sender.received(HELLO)
    reader.received(HELLO)
    assert reader.received(sender.sending(text))[0] == text
