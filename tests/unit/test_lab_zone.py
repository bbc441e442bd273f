"""What the lab's name server makes of a question: bytes in; an answer, its time, or nothing."""

from dataclasses import replace

import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import dns.reversename
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dualstack.errors import ConfigError
from dualstack.lab.faults import Fault
from dualstack.lab.records import checked_records
from dualstack.lab.zone import Answer, Zone

CLIENT, CLIENT6 = "10.64.0.4", "2001:db8:64::4"
NAMES = {
    "server": ("10.64.0.6", "2001:db8:64::6"),
    "server4": ("10.64.0.8",),
    "both": ("2001:db8:64::6", "10.64.0.8", "2001:db8:64::a", "10.64.0.6"),
    "many": tuple(f"2001:db8:64::{number:x}" for number in range(1, 201)),
}
DEAD = {client: {4: "10.64.0.5", 6: "2001:db8:64::5"} for client in (CLIENT, CLIENT6)}
ZONE = Zone(NAMES, DEAD)


def asks(name: str, kind: str, **options: object) -> bytes:
    return dns.message.make_query(name, kind, id=4711, **options).to_wire()  # type: ignore[arg-type]


def broken(*faults: Fault) -> Zone:
    return replace(ZONE, faults=faults)


def answered(zone: Zone, packet: bytes, *, over_tcp: bool = False) -> dns.message.Message:
    answer = zone.answer(packet, CLIENT, over_tcp=over_tcp)
    assert answer is not None
    reply = dns.message.from_wire(answer.packet)
    assert reply.id == 4711
    assert reply.flags & (dns.flags.QR | dns.flags.AA | dns.flags.RA) == dns.flags.QR | dns.flags.AA | dns.flags.RA
    return reply


def texts(reply: dns.message.Message) -> list[str]:
    return [str(record) for records in reply.answer for record in records]


@pytest.mark.parametrize(
    ("name", "kind", "rcode", "expected"),
    [
        ("server.test", "A", "NOERROR", ["10.64.0.6"]),
        ("server.test", "AAAA", "NOERROR", ["2001:db8:64::6"]),
        ("server4.test", "AAAA", "NOERROR", []),
        ("both.test", "A", "NOERROR", ["10.64.0.8", "10.64.0.6"]),
        ("both.test", "AAAA", "NOERROR", ["2001:db8:64::6", "2001:db8:64::a"]),
        ("server.test", "MX", "NOERROR", []),
        ("server.test", "HTTPS", "NOERROR", []),
        ("nowhere.test", "A", "NXDOMAIN", []),
        ("test", "A", "NXDOMAIN", []),
        ("server", "A", "NXDOMAIN", []),
        ("server.test.example", "A", "NXDOMAIN", []),
        (".", "NS", "NXDOMAIN", []),
    ],
)
def test_names_have_their_addresses_in_the_order_that_they_are_told(
    name: str, kind: str, rcode: str, expected: list[str]
) -> None:
    reply = answered(ZONE, asks(name, kind))
    assert (dns.rcode.to_text(reply.rcode()), texts(reply)) == (rcode, expected)
    assert all(records.ttl == 0 for records in reply.answer)


RECORDS = {
    "server": ("HTTPS 1 . alpn=h2 port=8443", "HTTPS 2 server4 ipv4hint=10.64.0.8", "TXT hello"),
    "_8443._https.server": ("HTTPS 0 pool.example.",),
}


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("server.test", "HTTPS", ['1 . alpn="h2" port="8443"', '2 server4.test. ipv4hint="10.64.0.8"']),
        ("SERVER.test", "TXT", ['"hello"']),
        ("server.test", "SVCB", []),
        ("server.test", "A", ["10.64.0.6"]),
        ("_8443._https.server.test", "HTTPS", ["0 pool.example."]),
        ("_8443._https.server.test", "A", []),
    ],
)
def test_names_have_the_records_that_they_are_told(name: str, kind: str, expected: list[str]) -> None:
    reply = answered(replace(ZONE, records=RECORDS), asks(name, kind))
    assert (dns.rcode.to_text(reply.rcode()), sorted(texts(reply))) == ("NOERROR", expected)


def test_a_text_that_says_no_record_is_refused() -> None:
    assert checked_records("WWW", ["HTTPS 0 pool"]) == ("www", ("HTTPS 0 pool",))
    for name, text in (("www", "HTTPS"), ("www", "NOPE 1"), ("www", "HTTPS 1 . port=x"), ("w" * 64, "HTTPS 0 pool")):
        with pytest.raises(ConfigError, match=f"records.{name}"):
            checked_records(name, [text])


def test_case_does_not_matter_and_comes_back_as_it_was_asked() -> None:
    reply = answered(ZONE, asks("SeRvEr.TeSt", "A"))
    assert texts(reply) == ["10.64.0.6"]
    assert reply.question[0].name.to_text() == reply.answer[0].name.to_text() == "SeRvEr.TeSt."


@pytest.mark.parametrize(
    ("address", "expected"),
    [("10.64.0.6", "server.test."), ("2001:db8:64::6", "server.test."), ("10.64.0.8", "server4.test.")],
)
def test_addresses_have_the_name_of_their_host(address: str, expected: str) -> None:
    assert texts(answered(ZONE, asks(dns.reversename.from_address(address).to_text(), "PTR"))) == [expected]


@pytest.mark.parametrize("name", ["9.0.64.10.in-addr.arpa", "x.in-addr.arpa", "1.ip6.arpa", "server.test"])
def test_what_is_nobodys_address_has_no_name(name: str) -> None:
    assert texts(answered(ZONE, asks(name, "PTR"))) == []


def test_another_class_than_that_of_the_internet_has_nothing() -> None:
    assert texts(answered(ZONE, asks("server.test", "A", rdclass="CH"))) == []


LATE = Fault("lookup-late", "server", seconds=1.5)


@pytest.mark.parametrize(
    ("faults", "kind", "late_s"),
    [
        ([LATE], "A", 1.5),
        ([LATE], "AAAA", 1.5),
        ([replace(LATE, family=6)], "A", 0),
        ([replace(LATE, family=6)], "AAAA", 1.5),
        ([replace(LATE, family=6)], "MX", 0),
        ([replace(LATE, host=None)], "A", 1.5),
        ([replace(LATE, host="server.test")], "A", 1.5),
        ([replace(LATE, host="SERVER")], "A", 1.5),
        ([replace(LATE, host="server4")], "A", 0),
        ([LATE, LATE], "A", 3),
        ([], "A", 0),
    ],
)
def test_an_answer_is_late_where_the_fault_is_of_its_name_and_type(
    faults: list[Fault], kind: str, late_s: float
) -> None:
    answer = broken(*faults).answer(asks("server.test", kind), CLIENT)
    assert answer is not None
    assert answer.after_s == late_s
    assert answer.packet == getattr(ZONE.answer(asks("server.test", kind), CLIENT), "packet", None)


def test_a_fault_of_every_name_is_of_addresses_names_and_unknown_names_too() -> None:
    zone = broken(Fault("lookup-lost"))
    for name, kind in (("server.test", "A"), ("6.0.64.10.in-addr.arpa", "PTR"), ("elsewhere.example", "AAAA")):
        assert zone.answer(asks(name, kind), CLIENT) is None


def test_a_fault_of_one_family_leaves_all_else_alone() -> None:
    zone = broken(Fault("lookup-lost", family=6))
    assert zone.answer(asks("server.test", "AAAA"), CLIENT) is None
    assert texts(answered(zone, asks("server.test", "A"))) == ["10.64.0.6"]
    assert texts(answered(zone, asks("6.0.64.10.in-addr.arpa", "PTR"))) == ["server.test."]


@pytest.mark.parametrize(("kind", "rcode"), [("lookup-servfail", "SERVFAIL"), ("lookup-nxdomain", "NXDOMAIN")])
def test_a_refusal_is_of_its_name_and_has_no_records(kind: str, rcode: str) -> None:
    zone = broken(Fault(kind, "server"))
    reply = answered(zone, asks("server.test", "A"))
    assert (dns.rcode.to_text(reply.rcode()), texts(reply)) == (rcode, [])
    assert texts(answered(zone, asks("server4.test", "A"))) == ["10.64.0.8"]


def test_a_truncated_answer_is_whole_over_tcp() -> None:
    zone = broken(Fault("lookup-truncated", "server"))
    reply = answered(zone, asks("server.test", "A"))
    assert (bool(reply.flags & dns.flags.TC), texts(reply)) == (True, [])
    reply = answered(zone, asks("server.test", "A"), over_tcp=True)
    assert (bool(reply.flags & dns.flags.TC), texts(reply)) == (False, ["10.64.0.6"])


@pytest.mark.parametrize("options", [{}, {"use_edns": 0, "payload": 1232}])
def test_an_answer_that_is_too_long_for_a_datagram_is_truncated_and_whole_over_tcp(options: dict[str, int]) -> None:
    answer = ZONE.answer(asks("many.test", "AAAA", **options), CLIENT)
    assert answer is not None
    assert len(answer.packet) <= options.get("payload", 512)
    assert dns.message.from_wire(answer.packet, ignore_trailing=True).flags & dns.flags.TC
    reply = answered(ZONE, asks("many.test", "AAAA", **options), over_tcp=True)
    assert (bool(reply.flags & dns.flags.TC), len(texts(reply))) == (False, 200)


def test_swapped_answers_know_whom_they_wait_for() -> None:
    zone = broken(Fault("lookup-swapped", "server"))
    keys = [getattr(zone.answer(asks("server.test", kind), CLIENT), "swap_key", "") for kind in ("A", "AAAA", "MX")]
    assert keys == [(CLIENT, "server", 4), (CLIENT, "server", 6), None]
    other = zone.answer(asks("server4.test", "A"), CLIENT)
    assert other is not None
    assert other.swap_key is None


def test_a_dead_address_comes_first_and_is_the_clients_own_neighbour() -> None:
    zone = broken(Fault("lookup-dead-first", "both"))
    assert texts(answered(zone, asks("both.test", "A"))) == ["10.64.0.5", "10.64.0.8", "10.64.0.6"]
    reply = zone.answer(asks("both.test", "AAAA"), CLIENT6)
    assert reply is not None
    assert texts(dns.message.from_wire(reply.packet)) == ["2001:db8:64::5", "2001:db8:64::6", "2001:db8:64::a"]
    # Who has no address of that family has no dead one either, and where there is no address, none is added.
    assert texts(answered(broken(Fault("lookup-dead-first")), asks("server4.test", "AAAA"))) == []
    stranger = zone.answer(asks("both.test", "A"), "192.0.2.9")
    assert stranger is not None
    assert texts(dns.message.from_wire(stranger.packet)) == ["10.64.0.8", "10.64.0.6"]


def query(**changes: object) -> bytes:
    made = dns.message.make_query("server.test", "A", id=4711)
    for name, value in changes.items():
        if name == "opcode":
            made.set_opcode(value)  # type: ignore[arg-type]
        else:
            setattr(made, name, value)
    return made.to_wire()


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"\0",
        bytes(12),
        query()[:-1],
        query() + b"x",
        query(flags=dns.flags.QR),
        query(opcode=dns.opcode.NOTIFY),
        query(opcode=dns.opcode.UPDATE),
        query(opcode=dns.opcode.STATUS),
        query()[:5] + b"\x02" + query()[6:] + query()[12:],
    ],
)
def test_what_is_no_question_is_not_answered(packet: bytes) -> None:
    assert ZONE.answer(packet, CLIENT) is None


FAULTY = st.lists(
    st.builds(
        Fault,
        st.sampled_from(["lookup-late", "lookup-truncated", "lookup-swapped", "lookup-dead-first", "lookup-nxdomain"]),
        st.sampled_from([None, "server", "many"]),
        st.sampled_from([0, 4, 6]),
        st.floats(0, 10),
    ),
    max_size=3,
)


@st.composite
def packets(draw: st.DrawFn) -> bytes:
    """Bytes of any kind, and questions with some of their bytes changed, left out or added."""
    if draw(st.booleans()):
        return draw(st.binary(max_size=64))
    name = draw(st.sampled_from(["server.test", "many.TEST", "6.0.64.10.in-addr.arpa", "1.ip6.arpa", "."]))
    packet = bytearray(asks(name, draw(st.sampled_from(["A", "AAAA", "PTR", "ANY", "OPT"])), use_edns=0))
    for place, value in draw(st.lists(st.tuples(st.integers(0, len(packet) - 1), st.integers(0, 255)), max_size=4)):
        packet[place] = value
    return bytes(packet[: draw(st.integers(0, len(packet)) | st.just(len(packet)))]) + draw(st.binary(max_size=3))


@given(packets(), FAULTY, st.booleans())
@example(b"\0" * 12, [], False)
def test_whatever_comes_is_answered_within_the_limits_or_not_at_all(
    packet: bytes,
    faults: list[Fault],
    over_tcp: bool,  # noqa: FBT001
) -> None:
    answer = broken(*faults).answer(packet, CLIENT, over_tcp=over_tcp)
    assert answer is None or isinstance(answer, Answer)
    if answer is not None:
        assert answer.packet[:2] == packet[:2]
        assert answer.packet[2] & 0x80
        assert len(answer.packet) <= 65535
