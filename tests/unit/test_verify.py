"""How prediction and kernel are compared, what a case needs to be made, which cases a sweep has (X3)."""

import hashlib
import json
from collections.abc import Iterable
from itertools import islice
from random import Random

import pytest

from dualstack.core.address.address import Address
from dualstack.core.oracle.case import SKIPPED, UNKNOWN, Call, CallOutcome, Case, Prediction, Receiver, Sock, Step
from dualstack.core.oracle.case_json import case_document
from dualstack.core.oracle.oracle import predict
from dualstack.core.oracle.sweep import Ground, pairs, random_cases
from dualstack.core.oracle.systems import STACKS
from dualstack.kernel.trial.namespace import NamespaceSpec
from dualstack.kernel.trial.namespace_specs import spec_of
from dualstack.kernel.trial.trial import Measurement, Seen
from dualstack.kernel.trial.verify import differences, measurement_document

LOOPBACK = Address("127.0.0.1")
CASE = Case(
    STACKS["linux"],
    "tcp",
    (Sock(6, Address("::")), Sock(4, Address("0.0.0.0"))),
    (Step("bind", 0), Step("listen", 0), Step("bind", 1), Step("listen", 1)),
    (LOOPBACK,),
    sources=(LOOPBACK,),
    calls=(Call(1, "connect", 4, LOOPBACK),),
)
MAPPED = LOOPBACK.as_ipv6
STEPS = (None, None, "EADDRINUSE", SKIPPED)
SEEN = (Seen(frozenset({Receiver(0, MAPPED, MAPPED)})),)
CALLS = (CallOutcome(None, 4),)


def found(steps: tuple = STEPS, seen: tuple = SEEN, calls: tuple = CALLS, case: Case = CASE) -> list[str]:
    return differences(case, predict(case), Measurement(steps, seen, calls), {"eth0": 2})


def test_what_agrees_is_no_difference() -> None:
    assert found() == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"steps": (None, None, None, SKIPPED)}, "bind of socket 1: predicted EADDRINUSE, the kernel says success"),
        ({"steps": (None, None, "EADDRINUSE", None)}, "listen of socket 1: predicted skipped, the kernel says success"),
        ({"seen": (Seen(errno="ECONNREFUSED"),)}, "to 127.0.0.1: predicted [{'socket': 0,"),
        ({"seen": (Seen(frozenset({Receiver(1, LOOPBACK, LOOPBACK)})),)}, "the kernel says [{'socket': 1,"),
        (
            {"calls": (CallOutcome(None, 6),)},
            "connect to 127.0.0.1: predicted IPv4 leaves, the kernel says IPv6 leaves",
        ),
        ({"calls": (CallOutcome("EINVAL"),)}, "connect to 127.0.0.1: predicted IPv4 leaves, the kernel says EINVAL"),
    ],
)
def test_what_differs_is_said(changed: dict, said: str) -> None:
    (line,) = found(**changed)
    assert said in line


def test_a_packet_that_nobody_saw_may_have_left() -> None:
    assert found(calls=(CallOutcome(None, None),)) == []


def test_unknown_is_no_disagreement() -> None:
    nothing = Prediction(tuple(predict(CASE).steps[:0]), (), (), (CallOutcome(UNKNOWN),))
    case = Case(STACKS["linux"], "udp", CASE.sockets, (), calls=CASE.calls)
    assert differences(case, nothing, Measurement((), (), (CallOutcome("EINVAL"),)), {}) == []


def test_a_scope_is_compared_by_its_number() -> None:
    near = Address("fe80::1%eth0")
    case = Case(STACKS["linux"], "tcp", (Sock(6, near),), CASE.steps[:2], (near,), sources=(near,))
    seen = Seen(frozenset({Receiver(0, Address("fe80::1%2"), Address("fe80::1%2"))}))
    assert found((None, None), (seen,), (), case) == []
    other = Seen(frozenset({Receiver(0, Address("fe80::1%3"), Address("fe80::1%2"))}))
    assert len(found((None, None), (other,), (), case)) == 1


def test_udp_does_not_tell_the_local_address() -> None:
    case = Case(STACKS["linux"], "udp", CASE.sockets[:1], CASE.steps[:1], (LOOPBACK,), sources=(LOOPBACK,))
    measured = Measurement((None,), (Seen(frozenset({Receiver(0, LOOPBACK, MAPPED)})),))
    assert differences(case, predict(case), measured, {}) == []
    assert measurement_document(case, measured) == {
        "steps": [None],
        "to": {"127.0.0.1": [{"socket": 0, "peer": "::ffff:127.0.0.1", "local": None}]},
        "calls": [],
    }


def test_a_case_needs_its_own_addresses_or_those_that_it_names() -> None:
    sockets = (Sock(6, Address("::ffff:10.0.0.1")), Sock(6, Address("fe80::1%eth0")), Sock(6, Address("fe80::2%7")))
    case = Case(STACKS["linux"], "udp", sockets, (), (Address("fd00::1"),), sources=(Address("fd00::2"),))
    assert spec_of(case) == NamespaceSpec(
        {"eth0": 0, "if7": 7}, {"lo": ("10.0.0.1", "fd00::1", "fd00::2"), "eth0": ("fe80::1",), "if7": ("fe80::2",)}
    )
    known = Case(
        STACKS["linux"],
        "udp",
        sockets,
        (),
        bindv6only=True,
        ipv6=False,
        local=frozenset({Address("10.0.0.9"), Address("fe80::3%7")}),
        interfaces={"lo": 1, "da": 7},
    )
    addresses = {"lo": ("10.0.0.9",), "da": ("fe80::3",)}
    assert spec_of(known) == NamespaceSpec({"da": 7}, addresses, bindv6only=True, ipv6=False)


GROUND = Ground({"lo": 1, "da": 2, "db": 3}, frozenset({LOOPBACK}), users=(0, 7))


def test_a_sweep_has_every_ordered_pair_in_each_order_of_calls() -> None:
    asked = list(pairs(GROUND, Random(1)))  # noqa: S311 - no secret
    assert len(asked) == len(GROUND.sockets) ** 2 * 4
    orders = {(case.proto, case.steps) for case in asked}
    assert sorted(proto for proto, _ in orders) == ["tcp", "tcp", "tcp", "udp"]


def test_the_same_seed_gives_the_same_cases() -> None:
    def some(seed: int) -> list[Case]:
        return list(islice(random_cases(GROUND, Random(seed)), 200))  # noqa: S311 - no secret

    assert some(1) == some(1) != some(2)
    assert {len(case.sockets) for case in some(1)} == {1, 3, 4, 5}
    assert {sock.uid for case in some(1) for sock in case.sockets} == {0, 7}
    assert any(case.calls for case in some(1))


def test_the_cases_of_a_seed_are_these_on_every_host() -> None:
    """Their documents, by digest: a change of them is seen, and meant."""

    def digest(cases: Iterable[Case]) -> str:
        return hashlib.sha256(json.dumps([case_document(case) for case in cases]).encode()).hexdigest()[:16]

    assert len(GROUND.sockets) == 108
    assert digest(islice(pairs(GROUND, Random(7)), 500)) == "b8b221bb01451820"  # noqa: S311 - no secret
    assert digest(islice(random_cases(GROUND, Random(7)), 2000)) == "8a79f377ccebc4f1"  # noqa: S311 - no secret
