"""The lines of a batch: what is read, what is refused and how, what is answered (X3)."""

import json

import pytest

from dualstack.core.address.address import Address
from dualstack.core.oracle.case import Call, Case, Sock, Step
from dualstack.core.oracle.case_json import case_document, prediction_document, read_case
from dualstack.core.oracle.oracle import predict
from dualstack.core.oracle.systems import STACKS
from dualstack.errors import CaseError

FULL = """{"os":"linux","proto":"tcp","bindv6only":0,"ipv6":true,"local":["127.0.0.1","::1"],"interfaces":{"eth0":2},
"sockets":[{"family":6,"address":"::","v6only":null,"reuseaddr":false,"reuseport":false,"exclusive":false,"uid":0}],
"steps":[["bind",0],["listen",0]],"to":[["127.0.0.1","127.0.0.1"],["fd00::1","fd00::9"]],
"calls":[{"socket":0,"op":"connect","family":6,"to":"::ffff:10.0.0.1"}]}"""


def answered(document: object) -> dict[str, object]:
    case = read_case(document)
    return prediction_document(case, predict(case))


def test_a_whole_line_is_read() -> None:
    assert read_case(json.loads(FULL)) == Case(
        STACKS["linux"],
        "tcp",
        (Sock(6, Address("::")),),
        (Step("bind", 0), Step("listen", 0)),
        (Address("127.0.0.1"), Address("fd00::1")),
        local=frozenset({Address("127.0.0.1"), Address("::1")}),
        interfaces={"eth0": 2},
        sources=(Address("127.0.0.1"), Address("fd00::9")),
        calls=(Call(0, "connect", 6, Address("::ffff:10.0.0.1")),),
    )


def test_what_is_left_out_has_a_default() -> None:
    case = read_case({"sockets": [{"family": 4, "address": "0.0.0.0"}]})
    assert (case.stack.name, case.proto, case.bindv6only, case.ipv6, case.local) == ("linux", "tcp", False, True, None)
    assert case.sockets == (Sock(4, Address("0.0.0.0")),)
    assert answered({}) == {"steps": [], "to": {}, "calls": []}


def test_a_line_is_answered_in_its_own_words() -> None:
    document = {
        "sockets": [{"family": 6, "address": "::"}, {"family": 4, "address": "0.0.0.0"}],
        "steps": [["bind", 0], ["listen", 0], ["bind", 1], ["listen", 1]],
        "to": [["127.0.0.1", "127.0.0.1"], ["fd00::1", "fd00::9"]],
        "calls": [{"socket": 1, "op": "connect", "family": 6, "to": "::1"}],
    }
    assert answered(document) == {
        "steps": [None, None, "EADDRINUSE", "skipped"],
        "to": {
            "127.0.0.1": [{"socket": 0, "peer": "::ffff:127.0.0.1", "local": "::ffff:127.0.0.1"}],
            "fd00::1": [{"socket": 0, "peer": "fd00::9", "local": "fd00::1"}],
        },
        "calls": [{"errno": "EAFNOSUPPORT", "wire": None}],
    }


def test_udp_does_not_tell_the_local_address_and_nobody_is_an_errno() -> None:
    document = {
        "proto": "udp",
        "sockets": [{"family": 4, "address": "0.0.0.0"}],
        "steps": [["bind", 0]],
        "to": [["10.0.0.1", "10.0.0.2"], ["::1", "::1"]],
    }
    assert answered(document)["to"] == {
        "10.0.0.1": [{"socket": 0, "peer": "10.0.0.2", "local": None}],
        "::1": "ECONNREFUSED",
    }


def test_a_group_is_answered_whole_in_rising_order() -> None:
    shared = {"family": 4, "address": "0.0.0.0", "reuseport": True}
    steps = [[call, n] for n in (2, 0, 1) for call in ("bind", "listen")]
    said = answered({"sockets": [shared] * 3, "steps": steps, "to": [["10.0.0.1", "10.0.0.2"]]})
    assert [each["socket"] for each in said["to"]["10.0.0.1"]] == [0, 1, 2]


def test_unknown_is_a_word() -> None:
    pair = [{"family": 4, "address": "0.0.0.0", "reuseport": True}] * 2
    steps = [[call, n] for n in (0, 1) for call in ("bind", "listen")]
    asked = {"os": "aix", "sockets": pair, "steps": steps, "to": [["10.0.0.1", "10.0.0.2"]]}
    said = answered({**asked, "calls": [{"socket": 0, "family": 6, "to": "::1"}]})
    assert said["steps"] == [None, None, "unknown", "unknown"]
    assert said["to"] == {"10.0.0.1": "unknown"}
    assert said["calls"] == [{"errno": "unknown", "wire": None}]


def test_the_destinations_keep_the_text_of_the_line() -> None:
    case = read_case({"to": [["FD00:0::1", "fd00::9"]]})
    assert list(prediction_document(case, predict(case), ["FD00:0::1"])["to"]) == ["FD00:0::1"]


@pytest.mark.parametrize(
    ("document", "key", "why"),
    [
        ([], "a line", "a JSON object is expected"),
        ({"os": "plan9"}, "os", "no system 'plan9'; there are: linux, "),
        ({"os": 3}, "os", "no system 3"),
        ({"proto": "sctp"}, "proto", "'sctp' is none of: tcp, udp"),
        ({"nagle": True}, "nagle", "unknown; there are: "),
        ({"sockets": [{"family": 4, "address": "0.0.0.0", "nodelay": True}]}, "sockets[0].nodelay", "unknown"),
        ({"sockets": {}}, "sockets", "a list is expected"),
        ({"sockets": [7]}, "sockets[0]", "a JSON object is expected"),
        ({"sockets": [{"address": "::"}]}, "sockets[0].family", "4 or 6 is expected"),
        ({"sockets": [{"family": True, "address": "::"}]}, "sockets[0].family", "4 or 6 is expected"),
        ({"sockets": [{"family": 6}]}, "sockets[0].address", "the text of an address is expected"),
        ({"sockets": [{"family": 6, "address": "1.2.3"}]}, "sockets[0].address", "no IPv4 address"),
        ({"sockets": [{"family": 6, "address": "::", "v6only": 2}]}, "sockets[0].v6only", "true or false is expected"),
        ({"sockets": [{"family": 6, "address": "::", "uid": -1}]}, "sockets[0].uid", "a whole number from 0 on"),
        ({"sockets": [{"family": 6, "address": "::", "uid": True}]}, "sockets[0].uid", "a whole number from 0 on"),
        ({"steps": [["bind", 0]]}, "steps[0]", "there is no socket 0: the case has 0, counted from 0"),
        ({"steps": [["close", 0]]}, "steps[0]", "'close' is none of: bind, listen"),
        ({"steps": ["bind"]}, "steps[0]", "a step is"),
        ({"to": [["::1"]]}, "to[0]", "a pair of the destination"),
        ({"to": [["::1", "127.0.0.1"]]}, "to[0]", "they are of two families"),
        ({"to": [["::1", "::1"], ["0::1", "::1"]]}, "to", "a destination stands there twice"),
        ({"local": "::1"}, "local", "a list of addresses is expected"),
        ({"local": [1]}, "local", "1 is no address"),
        ({"local": ["x"]}, "local", "no IPv4 address"),
        ({"interfaces": {"eth0": "2"}}, "interfaces.eth0", "a whole number from 0 on"),
        ({"interfaces": []}, "interfaces", "a JSON object is expected"),
        ({"ipv6": "yes"}, "ipv6", "true or false is expected"),
        ({"calls": [{"socket": 0, "to": "::1"}]}, "calls[0].socket", "there is no socket 0"),
        ({"sockets": [{"family": 6, "address": "::"}], "calls": [{"socket": 0, "family": 6, "to": "10.0.0.1"}]},
         "calls[0].to", "10.0.0.1 is no address of a sockaddr of family 6"),
        ({"sockets": [{"family": 6, "address": "::"}], "calls": [{"socket": 0, "op": "send", "to": "::1"}]},
         "calls[0].op", "'send' is none of: connect, sendto"),
    ],
)  # fmt: skip
def test_a_wrong_line_names_the_key(document: object, key: str, why: str) -> None:
    with pytest.raises(CaseError) as refused:
        read_case(document)
    assert refused.value.key == key
    assert why in refused.value.why


def test_a_case_is_written_as_the_line_that_asks_it() -> None:
    for document in (json.loads(FULL), {"os": "freebsd", "proto": "udp"}):
        case = read_case(document)
        assert read_case(json.loads(json.dumps(case_document(case)))) == case
