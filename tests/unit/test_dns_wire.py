"""A question to a name server and its answer, as bytes, held against another library's."""

import dns.flags
import dns.message
import dns.rcode
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dualstack.lab.zone import Zone
from dualstack.wire.dns import FORMERR, NOTIMP, SERVFAIL, Head, Reply, head, query, read

ZONE = Zone({"www": ("192.0.2.1", "2001:db8::1", "192.0.2.2"), "many": tuple(f"192.0.2.{n}" for n in range(1, 251))})
NAMES = {4: "A", 6: "AAAA"}


def answer(question: bytes, **options: bool) -> bytes:
    found = ZONE.answer(question, "127.0.0.1", **options)
    assert found is not None
    return found.packet


def test_a_question_is_what_others_write() -> None:
    for family, kind in NAMES.items():
        ours = dns.message.from_wire(query(4711, "www.example", family))
        assert ours == dns.message.make_query("www.example", kind, id=4711, use_edns=0, payload=1232)
        assert ours.payload == 1232
        assert query(1, "www.example.", family) == query(1, "www.example", family)


@pytest.mark.parametrize("name", ["", ".", "a..b", "." + "a", "a" * 64, ".".join(["a" * 60] * 5)])
def test_a_name_that_cannot_be_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be asked for"):
        query(1, name, 4)


@pytest.mark.parametrize(
    ("name", "family", "expected"),
    [
        ("www.test", 4, ["192.0.2.1", "192.0.2.2"]),
        ("WWW.test", 6, ["2001:db8::1"]),
        ("many.test", 6, []),
        ("many.test", 4, None),
        ("nowhere.test", 4, None),
    ],
    ids=["two", "one", "none of that family", "cut short", "no such name"],
)
def test_an_answer_has_its_addresses_or_is_out_of_the_ordinary(
    name: str, family: int, expected: list[str] | None
) -> None:
    question = query(7, name, family)
    reply = read(answer(question), question, family)
    assert reply is not None
    assert reply.is_ordinary == (expected is not None)
    assert list(map(str, reply.addresses)) == (expected or [])


def test_addresses_behind_a_cname_are_the_names_own() -> None:
    question = query(7, "www.test", 4)
    reply = dns.message.make_response(dns.message.from_wire(question))
    texts = ("www.test. 1 IN CNAME real.test.", "real.test. 1 IN A 192.0.2.9")
    reply.answer += [dns.rrset.from_text(*text.split()) for text in texts]
    found = read(reply.to_wire(), question, 4)
    assert found is not None
    assert [str(address) for address in found.addresses] == ["192.0.2.9"]


QUESTION = query(7, "www.test", 4)
ANSWER = answer(QUESTION)


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        ANSWER[:12],
        QUESTION,
        b"\0\0" + ANSWER[2:],
        answer(query(7, "www.test", 6)),
        answer(query(7, "vvv.test", 4)),
        ANSWER[:4] + b"\0\2" + ANSWER[6:],
        ANSWER[:-12],
        ANSWER[: len(QUESTION) - 11 + 1],
        ANSWER[: len(QUESTION) - 11 + 5],
    ],
    ids=["nothing", "a head", "a question", "number", "type", "name", "two questions", "cut", "cut name", "cut record"],
)
def test_what_is_no_answer_to_the_question_is_none(packet: bytes) -> None:
    assert read(packet, QUESTION, 4) is None


def test_a_name_written_out_in_an_answer_is_passed_over() -> None:
    head = ANSWER[:6] + b"\0\1" + ANSWER[8 : len(QUESTION) - 11]
    written = b"\3www\4test\0" + b"\0\1\0\1" + bytes(4) + b"\0\4" + bytes([192, 0, 2, 7])
    reply = read(head + written, QUESTION, 4)
    assert reply is not None
    assert list(map(str, reply.addresses)) == ["192.0.2.7"]


@given(st.binary(max_size=80), st.integers(0, len(ANSWER)))
@example(b"\xff" * 40, len(QUESTION) - 11)
@example(b"", len(ANSWER))
def test_whatever_comes_is_an_answer_or_none(tail: bytes, kept: int) -> None:
    reply = read(ANSWER[:kept] + tail, QUESTION, 4)
    if not tail and kept == len(ANSWER):
        assert reply is not None
        assert reply.addresses
    assert reply is None or {address.version for address in reply.addresses} <= {4}


def test_a_question_without_edns_is_what_others_write() -> None:
    ours = dns.message.from_wire(query(4711, "www.example", 6, edns=False))
    assert ours == dns.message.make_query("www.example", "AAAA", id=4711)
    assert ours.edns == -1


def test_other_records_are_asked_for_by_their_number() -> None:
    assert dns.message.from_wire(query(1, "www.example", 65)).question[0].rdtype == 65


def test_an_answer_to_a_question_without_edns_is_read_too() -> None:
    question = query(7, "www.test", 4, edns=False)
    reply = read(answer(question), question, 4)
    assert reply is not None
    assert list(map(str, reply.addresses)) == ["192.0.2.1", "192.0.2.2"]


def test_that_there_is_no_such_name_is_told_from_other_troubles() -> None:
    question = query(7, "nowhere.test", 4)
    assert read(answer(question), question, 4) == Reply((), is_ordinary=False, is_missing=True)
    question = query(7, "many.test", 4)
    assert read(answer(question), question, 4) == Reply((), is_ordinary=False)


@pytest.mark.parametrize("code", [FORMERR, NOTIMP])
def test_who_could_not_read_a_question_need_not_repeat_it(code: int) -> None:
    question = query(7, "www.test", 4)
    assert head(question[:2] + bytes([0x81, 0x80 | code]) + bytes(8), question) == Head(code, is_cut=False)
    assert head(question[:2] + bytes([0x81, 0x80 | SERVFAIL]) + bytes(8), question) is None
    assert head(question[:2] + bytes([0x01, code]) + bytes(8), question) is None
    assert head(bytes(2) + bytes([0x81, 0x80 | code]) + bytes(8), question) is None
