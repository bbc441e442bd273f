"""A record of another machine is believed whole or not at all, and held against the tables (X3)."""

import io
import json
from contextlib import redirect_stdout

import pytest

from dualstack.core.oracle.case_json import read_case
from dualstack.core.oracle.record import FORMAT, Comparison, Record, Tally, compare, read_record
from dualstack.errors import CaseError
from dualstack.kernel.recorder import Lines

HEADER = {"record": FORMAT, "system": "freebsd", "release": "FreeBSD 14.1", "python": "3.11"}
ONE = {
    "os": "freebsd",
    "proto": "tcp",
    "local": ["127.0.0.1", "::1"],
    "sockets": [{"family": 4, "address": "0.0.0.0"}],
    "steps": [["bind", 0], ["listen", 0]],
    "to": [["127.0.0.1", "127.0.0.1"], ["::1", "::1"]],
}
RECEIVER = {"socket": 0, "peer": "127.0.0.1", "local": "127.0.0.1"}
SEEN = {"steps": [None, None], "to": {"127.0.0.1": [RECEIVER], "::1": "ECONNREFUSED"}}
MAPPED = {
    "os": "freebsd",
    "proto": "udp",
    "sockets": [{"family": 6, "address": "fd00::1", "v6only": False}],
    "steps": [["bind", 0]],
    "calls": [{"socket": 0, "op": "connect", "family": 6, "to": "::ffff:10.0.0.1"}],
}
CALLED = {"steps": [None], "calls": [{"errno": "EAFNOSUPPORT", "wire": None}]}


def written(*documents: dict) -> list[bytes]:
    """The lines as the recorder writes them."""
    lines, out = Lines(), io.StringIO()
    with redirect_stdout(out):
        for document in documents:
            lines.write(document)
    return out.getvalue().encode().splitlines()


def record(*cases: dict, **header: object) -> list[bytes]:
    return written({**HEADER, **header}, *cases, {"end": len(cases)})


def compared(*cases: dict, **header: object) -> Comparison:
    return compare(read_record(record(*cases, **header)))


def test_a_record_is_read_whole() -> None:
    read = read_record(record({**ONE, "measured": SEEN}))
    assert (read.system, read.release, read.python) == ("freebsd", "FreeBSD 14.1", "3.11")
    assert [(number, case["measured"]) for number, case in read.cases] == [(2, SEEN)]


def test_right_wrong_and_unknown_are_counted_by_kind() -> None:
    wrong = {**SEEN, "steps": [None, "EINVAL"]}
    other = {**SEEN, "to": {**SEEN["to"], "127.0.0.1": [{**RECEIVER, "peer": "::ffff:127.0.0.1"}]}}
    call = {**CALLED, "calls": [{"errno": None, "wire": 4}]}
    made = compared(
        {**ONE, "measured": SEEN},
        {**ONE, "measured": wrong},
        {**ONE, "measured": other},
        {**MAPPED, "measured": CALLED},
        {**MAPPED, "measured": call},
    )
    assert made.tallies == {"tcp: one socket": Tally(1, 2), "udp: calls out": Tally(1, 1)}
    assert [(line, found) for line, _, found in made.wrong] == [
        (3, ("listen of socket 0: the tables say ok, measured EINVAL",)),
        (4, (made.wrong[1][2][0],)),
        (6, ("connect to ::ffff:10.0.0.1: the tables say EAFNOSUPPORT, measured ok by IPv4",)),
    ]
    assert made.wrong[1][2][0].startswith("to 127.0.0.1: the tables say [")


def test_what_the_tables_do_not_say_is_unknown_and_not_wrong() -> None:
    two = {"sockets": ONE["sockets"] * 2, "steps": [["bind", 0], ["bind", 1]], "to": [], "os": "aix"}
    call = {**MAPPED, "os": "aix", "sockets": [{"family": 6, "address": "::"}]}
    made = compared(
        {**ONE, **two, "measured": {"steps": [None, "EADDRINUSE"]}},
        {**call, "measured": {"steps": [None], "calls": [{"errno": None, "wire": None}]}},
        system="aix",
    )
    assert made.tallies == {"tcp: 2 sockets": Tally(unknown=1), "udp: calls out": Tally(unknown=1)}
    assert made.wrong == ()


def test_two_users_are_a_kind_of_their_own() -> None:
    sockets = [{"family": 4, "address": "0.0.0.0", "uid": uid} for uid in (1, 2)]
    case = {**ONE, "sockets": sockets, "steps": [["bind", 0], ["bind", 1]], "to": []}
    made = compared({**case, "measured": {"steps": [None, "EADDRINUSE"]}})
    assert made.tallies == {"tcp: 2 sockets of two users": Tally(1)}


def test_any_member_of_a_group_is_right() -> None:
    sockets = [{"family": 4, "address": "0.0.0.0", "reuseport": True}] * 2
    steps = [[call, index] for index in range(2) for call in ("bind", "listen")]
    for who, tally in ((0, Tally(1)), (1, Tally(1))):
        seen = {**SEEN, "steps": [None] * 4, "to": {**SEEN["to"], "127.0.0.1": [{**RECEIVER, "socket": who}]}}
        case = {**ONE, "os": "linux", "sockets": sockets, "steps": steps, "measured": seen}
        assert compared(case, system="linux").tallies == {"tcp: 2 sockets": tally}


@pytest.mark.parametrize(
    ("proto", "seen", "tally"),
    [
        ("udp", "nobody", Tally(1)),
        ("udp", "ECONNRESET", Tally(1)),
        ("tcp", "nobody", Tally(1)),
        ("tcp", "ETIMEDOUT", Tally(0, 1)),
        ("tcp", [RECEIVER], Tally(0, 1)),
    ],
)
def test_a_client_may_not_learn_that_nobody_receives(proto: str, seen: object, tally: Tally) -> None:
    steps = [["bind", 0]]
    local = None if proto == "udp" else "127.0.0.1"
    to = {"127.0.0.1": [{**RECEIVER, "local": local}] if proto == "udp" else seen, "::1": seen}
    case = {**ONE, "proto": proto, "steps": steps, "measured": {"steps": [None], "to": to}}
    assert compared(case).tallies == {f"{proto}: one socket": tally}


GOOD = {**ONE, "measured": SEEN}
WHOLE = record(GOOD, GOOD)
EDITED = [*WHOLE[:1], WHOLE[1].replace(b"0.0.0.0", b"127.0.0.1"), *WHOLE[2:]]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "line 1: a record begins with its header"),
        ([b"\xff\xfe"], "line 1: no JSON"),
        ([b"[]"], "line 1: a JSON object"),
        ([b"[" * 100_000], "line 1: no JSON"),
        ([json.dumps(GOOD).encode()], "line 1: no header of a record"),
        (record(GOOD, record=FORMAT + 1), f"line 1: the format is {FORMAT + 1}, and this dualstack reads {FORMAT}"),
        (record(GOOD, record=True), "line 1: no header of a record"),
        (record(GOOD, system="haiku"), "line 1: no system 'haiku' in the tables"),
        (record(GOOD, system=["freebsd"]), "line 1: no system ['freebsd'] in the tables"),
        (record(GOOD, release=None), "line 1: the header has no release"),
        (WHOLE[:-1], "line 3: it is the last, and no end of a record: this one was cut short"),
        (WHOLE[:1], "line 1: it is the last, and no end"),
        ([*WHOLE[:2], WHOLE[2][:-40]], "line 3: no JSON, or cut short"),
        (EDITED, "line 2: its sum is another"),
        ([WHOLE[0], *WHOLE[2:]], "line 2: its sum is another"),
        ([*WHOLE, WHOLE[1]], "line 5: it stands after the end"),
        (written(HEADER, GOOD, {"end": 7}), "line 3: it says that there are 7 cases, and there are 1"),
    ],
)
def test_what_is_not_whole_is_not_believed(lines: list[bytes], message: str) -> None:
    with pytest.raises(CaseError) as error:
        read_record(lines)
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ({**GOOD, "os": "netbsd"}, "line 2: os: the header says freebsd, and this case is of NetBSD"),
        ({**GOOD, "proto": "sctp"}, "line 2: proto: 'sctp' is none of"),
        ({**GOOD, "to": 7}, "line 2: to: a list is expected"),
        (ONE, "line 2: measured: a JSON object"),
        ({**GOOD, "measured": {**SEEN, "steps": [None]}}, "line 2: measured.steps: a list of 2"),
        ({**GOOD, "measured": {**SEEN, "steps": None}}, "line 2: measured.steps: a list of 2"),
        ({**GOOD, "measured": {**SEEN, "steps": [None, 98]}}, "line 2: measured.steps[1]: the name of an errno"),
        ({**GOOD, "measured": {**SEEN, "to": {}}}, "line 2: measured.to: it has other destinations"),
        ({**GOOD, "measured": {**SEEN, "to": {**SEEN["to"], "::1": []}}}, "line 2: measured.to.::1: an errno, or"),
        ({**GOOD, "measured": {**SEEN, "to": {**SEEN["to"], "::1": [7]}}}, "line 2: measured.to.::1: an errno, or"),
        (
            {**GOOD, "measured": {**SEEN, "to": {**SEEN["to"], "::1": [{**RECEIVER, "socket": 1}]}}},
            "line 2: measured.to.::1: an errno, or",
        ),
        ({**MAPPED, "measured": {**CALLED, "calls": [7]}}, "line 2: measured.calls[0]: a JSON object"),
        ({**MAPPED, "measured": {**CALLED, "calls": [{"wire": 5}]}}, "line 2: measured.calls[0]: an errno, and a wire"),
    ],
)
def test_a_line_that_is_no_case_ends_the_comparison(case: dict, message: str) -> None:
    with pytest.raises(CaseError) as error:
        compared(case)
    assert str(error.value).startswith(message)


def test_a_record_is_a_value() -> None:
    assert read_record(WHOLE) == Record("freebsd", "FreeBSD 14.1", "3.11", read_record(WHOLE).cases)


def test_a_line_of_a_record_is_a_line_of_a_batch_too() -> None:
    case = {"sockets": [{"family": 6, "address": "::"}], "steps": [["bind", 0]]}
    assert read_case({**case, "measured": {"steps": [None]}, "sum": "0"}) == read_case(case)
