"""`wire.dns_answers`: questions read and answers written, held against another library."""

import dns.flags
import dns.message
import dns.rcode
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualstack.core.address.address import Address
from dualstack.wire.dns_answers import AAAA, NOTIMP, NXDOMAIN, PTR, A, Question, answer, cut_short, read_question


def question(name: str = "www.example", kind: str = "A", **options: object) -> tuple[Question, dns.message.Message]:
    asked = dns.message.make_query(name, kind, **options)  # type: ignore[arg-type]
    found = read_question(asked.to_wire())
    assert found is not None
    return found, asked


def test_a_question_is_read_as_others_write_it() -> None:
    found, _ = question("WWW.Example.", "AAAA", use_edns=0, payload=4000)
    assert (found.name, found.kind, found.has_edns, found.limit_bytes) == ("www.example", AAAA, True, 1232)
    plain, _ = question()
    assert (plain.kind, plain.has_edns, plain.limit_bytes, plain.opcode, plain.is_internet) == (A, False, 512, 0, True)


@pytest.mark.parametrize("edns", [False, 0])
def test_an_answer_is_read_by_others_as_it_was_meant(edns: int) -> None:
    found, asked = question("www.example", "A", use_edns=edns)
    reply = dns.message.from_wire(answer(found, [Address("192.0.2.1"), Address("192.0.2.2")], ttl_s=5))
    assert asked.is_response(reply)
    assert sorted(map(str, reply.answer[0])) == ["192.0.2.1", "192.0.2.2"]
    assert reply.answer[0].ttl == 5
    assert reply.flags & dns.flags.RA
    assert not reply.flags & dns.flags.AD
    assert (reply.edns >= 0) is (edns is not False)


def test_a_name_is_answered_for_an_address() -> None:
    found, asked = question("1.2.0.192.in-addr.arpa", "PTR")
    assert found.kind == PTR
    reply = dns.message.from_wire(answer(found, ["host.example"]))
    assert asked.is_response(reply)
    assert str(reply.answer[0][0]) == "host.example."


def test_what_is_wrong_is_said() -> None:
    found, asked = question()
    for code in (NXDOMAIN, NOTIMP):
        reply = dns.message.from_wire(answer(found, code=code))
        assert asked.is_response(reply)
        assert reply.rcode() == code


def test_what_does_not_fit_is_said_to_be_cut_and_asked_for_by_a_stream() -> None:
    many = [Address(f"192.0.2.{number}") for number in range(100)]
    found, _ = question()
    assert answer(found, many) == cut_short(found)
    assert dns.message.from_wire(cut_short(found)).flags & dns.flags.TC
    assert len(dns.message.from_wire(answer(found, many, limit_bytes=0xFFFF)).answer[0]) == 100


def test_checking_disabled_is_the_clients_to_say() -> None:
    found, _ = question(flags=dns.flags.RD | dns.flags.CD)
    assert dns.message.from_wire(answer(found)).flags & dns.flags.CD


def test_an_answer_is_no_question_nor_are_two() -> None:
    found, asked = question()
    assert read_question(answer(found)) is None
    two = bytearray(asked.to_wire())
    two[5] = 2
    assert read_question(bytes(two)) is None


def test_a_label_that_is_no_text_never_reads_as_another_name() -> None:
    packet = bytes(2) + b"\1\0\0\1" + bytes(6) + b"\3a.b\7example\0\0\1\0\1"
    found = read_question(packet)
    assert found is not None
    assert found.name == "a\\046b.example"


@given(st.binary(max_size=60))
def test_anything_is_a_question_or_none(tail: bytes) -> None:
    found = read_question(bytes(2) + b"\1\0\0\1" + bytes(6) + tail)
    assert found is None or read_question(answer(found)) is None


HEAD = bytes(2) + b"\1\0\0\1" + bytes(6)


@pytest.mark.parametrize(
    "packet",
    [
        pytest.param(HEAD[:11], id="half a header"),
        pytest.param(HEAD + b"\xc0\x0c\0\1\0\1", id="a pointer in a question"),
        pytest.param(HEAD + b"\7short\0", id="a label cut short"),
        pytest.param(HEAD + b"\1a\0\0\1", id="no class"),
        pytest.param(HEAD + bytes([63, *b"a" * 63]) * 4 + b"\0\0\1\0\1", id="a name of 257 bytes"),
    ],
)
def test_what_cannot_be_read_is_no_question(packet: bytes) -> None:
    assert read_question(packet) is None


def test_a_record_beside_the_question_that_is_no_opt_says_nothing() -> None:
    asked = HEAD[:10] + b"\0\1" + b"\1a\0\0\1\0\1"
    for record in (b"\1b\0\0\1\0\1" + bytes(6), b"\0\0\1\0\1" + bytes(6)):
        found = read_question(asked + record)
        assert found is not None
        assert not found.has_edns
