"""`kernel.trial` on this host's own loopback: what a case comes to, call by call; and how a sweep goes on."""

import io
import itertools
import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import replace
from random import Random

import pytest

from dualstack.core.address.address import Address
from dualstack.core.oracle.case import SKIPPED, Call, CallOutcome, Case, Receiver, Sock, Step
from dualstack.core.oracle.case_json import case_document
from dualstack.core.oracle.sweep import Ground
from dualstack.core.oracle.systems import STACKS
from dualstack.kernel.trial import verify, worker
from dualstack.kernel.trial.namespace import NamespaceSpec
from dualstack.kernel.trial.trial import Measurement, Seen, Trial
from support.free_port import free_port

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a trial is of Linux")

ME = os.geteuid()
FOUR, SIX, MAPPED = Address("127.0.0.1"), Address("::1"), Address("::ffff:127.0.0.1")
ANY_4, ANY_6 = Address("0.0.0.0"), Address("::")
INTERFACES = {name: index for index, name in socket.if_nameindex()}


@pytest.fixture(scope="module")
def trial() -> Iterator[Trial]:
    with Trial(INTERFACES, sink_port=free_port()) as made:
        yield made


def case(proto: str, *sockets: Sock, to: tuple[Address, ...] = (), calls: tuple[Call, ...] = ()) -> Case:
    steps = [Step("bind", index) for index in range(len(sockets))]
    if proto == "tcp":
        steps += [Step("listen", index) for index in range(len(sockets))]
    mine = tuple(replace(sock, uid=ME) for sock in sockets)
    return Case(STACKS["linux"], proto, mine, tuple(steps), to, sources=to, calls=calls)


def received(index: int, local: Address, peer: Address) -> Seen:
    return Seen(frozenset({Receiver(index, local, peer)}))


BOTH = (FOUR, SIX)


def test_who_accepts_is_told_as_the_kernel_writes_the_addresses(trial: Trial) -> None:
    measured = trial.measure(case("tcp", Sock(6, ANY_6, v6only=False), to=BOTH), free_port())
    assert measured == Measurement((None, None), (received(0, MAPPED, MAPPED), received(0, SIX, SIX)))
    measured = trial.measure(case("tcp", Sock(6, ANY_6, v6only=True), to=BOTH), free_port())
    assert measured.seen == (Seen(errno="ECONNREFUSED"), received(0, SIX, SIX))


def test_who_receives_a_datagram_is_told_with_where_it_was_sent_to(trial: Trial) -> None:
    measured = trial.measure(case("udp", Sock(6, ANY_6, v6only=False), to=BOTH), free_port())
    assert measured == Measurement((None,), (received(0, FOUR, MAPPED), received(0, SIX, SIX)))
    measured = trial.measure(case("udp", Sock(4, FOUR), to=BOTH), free_port())
    assert measured.seen == (received(0, FOUR, FOUR), Seen(errno="ECONNREFUSED"))


@pytest.mark.parametrize("proto", ["tcp", "udp"])
def test_of_several_the_one_that_receives_is_told(proto: str, trial: Trial) -> None:
    measured = trial.measure(case(proto, Sock(6, SIX), Sock(4, FOUR), to=BOTH), free_port())
    assert [next(iter(seen.receivers)).socket for seen in measured.seen] == [1, 0]


@pytest.mark.parametrize("proto", ["tcp", "udp"])
def test_of_a_group_all_are_seen(proto: str, trial: Trial) -> None:
    one = Sock(4, FOUR, reuseport=True)
    (seen,) = trial.measure(case(proto, one, one, to=(FOUR,)), free_port()).seen
    assert {each.socket for each in seen.receivers} == {0, 1}


def test_what_failed_to_bind_goes_no_further_and_receives_nothing(trial: Trial) -> None:
    measured = trial.measure(case("tcp", Sock(4, FOUR), Sock(4, FOUR), to=(FOUR,)), free_port())
    assert measured == Measurement((None, "EADDRINUSE", None, SKIPPED), (received(0, FOUR, FOUR),))
    measured = trial.measure(case("udp", Sock(4, FOUR), Sock(4, FOUR)), free_port())
    assert measured.steps == (None, "EADDRINUSE")


def test_a_socket_that_cannot_be_bound_again_is_bound_all_the_same(trial: Trial) -> None:
    again = case("tcp", Sock(4, FOUR))
    measured = trial.measure(replace(again, steps=(Step("bind", 0), Step("bind", 0), Step("listen", 0))), free_port())
    assert measured.steps == (None, "EINVAL", None)


def test_the_options_of_a_socket_are_set_before_its_bind(trial: Trial) -> None:
    shared = Sock(4, FOUR, reuseaddr=True)
    assert trial.measure(case("tcp", shared, shared), free_port()).steps == (None, None, None, "EADDRINUSE")
    alone = Sock(4, FOUR)
    assert trial.measure(case("tcp", shared, alone), free_port()).steps == (None, "EADDRINUSE", None, SKIPPED)


def test_a_sockaddr_is_of_its_address_and_not_of_its_socket(trial: Trial) -> None:
    assert trial.measure(case("udp", Sock(6, FOUR)), free_port()).steps == ("EINVAL",)
    assert trial.measure(case("udp", Sock(4, SIX)), free_port()).steps == ("EAFNOSUPPORT",)


@pytest.mark.parametrize(("scope", "said"), [("nope0", "ENODEV"), ("0", "EINVAL"), (None, "EINVAL")])
def test_a_zone_is_the_number_of_its_interface(scope: str | None, said: str, trial: Trial) -> None:
    assert trial.measure(case("udp", Sock(6, Address("fe80::77", scope))), free_port()).steps == (said,)


def test_a_zone_that_is_written_as_a_name_or_a_number_is_the_same(trial: Trial) -> None:
    (index,) = (number for name, number in INTERFACES.items() if name == "lo")
    steps = [
        trial.measure(case("udp", Sock(6, Address("fe80::77", scope))), free_port()).steps
        for scope in ("lo", str(index))
    ]
    assert steps == [("EADDRNOTAVAIL",)] * 2


@pytest.mark.parametrize(
    ("proto", "sock", "call", "outcome"),
    [
        ("tcp", Sock(4, ANY_4), Call(0, "connect", 4, FOUR), CallOutcome(None, 4)),
        ("tcp", Sock(6, ANY_6, v6only=False), Call(0, "connect", 6, MAPPED), CallOutcome(None, 4)),
        ("tcp", Sock(6, ANY_6), Call(0, "connect", 6, SIX), CallOutcome(None, 6)),
        ("tcp", Sock(6, ANY_6), Call(0, "connect", 4, FOUR), CallOutcome("EINVAL")),
        ("tcp", Sock(6, ANY_6), Call(0, "sendto", 6, SIX), CallOutcome("EPIPE")),
        ("udp", Sock(4, ANY_4), Call(0, "connect", 4, FOUR), CallOutcome(None, 4)),
        ("udp", Sock(6, ANY_6), Call(0, "sendto", 6, SIX), CallOutcome(None, 6)),
        ("udp", Sock(6, ANY_6, v6only=True), Call(0, "sendto", 6, MAPPED), CallOutcome("ENETUNREACH")),
        ("udp", Sock(6, ANY_6, v6only=False), Call(0, "sendto", 4, FOUR), CallOutcome(None, 4)),
    ],
)
def test_a_call_out_is_told_with_the_version_that_left(
    proto: str, sock: Sock, call: Call, outcome: CallOutcome, trial: Trial
) -> None:
    made = replace(case(proto, sock, calls=(call,)), steps=())
    assert trial.measure(made, free_port()) == Measurement((), (), (outcome,))


def test_what_an_earlier_call_left_is_not_taken_for_a_later_ones(trial: Trial) -> None:
    calls = (Call(0, "sendto", 4, FOUR), Call(0, "sendto", 4, FOUR), Call(1, "sendto", 6, SIX))
    made = replace(case("udp", Sock(4, ANY_4), Sock(6, ANY_6), calls=calls), steps=())
    assert [each.wire for each in trial.measure(made, free_port()).calls] == [4, 4, 6]


LOOPBACKS = Ground(INTERFACES, frozenset(BOTH), users=(ME,))


def swept(monkeypatch: pytest.MonkeyPatch, cases: dict[str, list[Case]], **options: object) -> list[dict[str, object]]:
    """What a sweep over these says."""
    said: list[dict[str, object]] = []
    port = free_port()
    monkeypatch.setattr(verify, "_FIRST_PORT", options.pop("first", port))
    monkeypatch.setattr(verify, "_LAST_PORT", options.pop("last", port + 9))
    monkeypatch.setattr(verify, "pairs", lambda *_: iter(cases["pairs"]))
    monkeypatch.setattr(verify, "random_cases", lambda *_: iter(cases["random"]))
    monkeypatch.setattr(verify, "Trial", lambda interfaces: Trial(interfaces, sink_port=free_port()))
    verify.sweep(LOOPBACKS, seed=1, say=said.append, **{"seconds": None, "randoms": 2, **options})  # type: ignore[arg-type]
    return said


AGREES = case("udp", Sock(4, FOUR), to=(FOUR,), calls=(Call(0, "sendto", 4, FOUR),))
# The kernel that runs here is no OpenBSD, whose IPv6 sockets take IPv6 alone.
DISAGREES = replace(case("tcp", Sock(6, ANY_6), Sock(4, ANY_4)), stack=STACKS["openbsd"])


def test_a_sweep_counts_its_cases_and_what_was_sent_and_says_nothing_of_what_agrees(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert swept(monkeypatch, {"pairs": [AGREES] * 3, "random": [AGREES] * 9}) == [{"cases": 5, "probes": 10}]
    assert swept(monkeypatch, {"pairs": [AGREES], "random": []}, seconds=0.0) == [{"cases": 0, "probes": 0}]
    assert swept(monkeypatch, {"pairs": [], "random": [AGREES] * 3}, seconds=3600.0) == [{"cases": 3, "probes": 6}]


def test_a_disagreement_is_said_with_the_case_and_both_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    said, end = swept(monkeypatch, {"pairs": [DISAGREES], "random": []})
    assert set(said) == {"case", "predicted", "kernel", "differences"}
    assert said["kernel"] == {"steps": [None, "EADDRINUSE", None, "skipped"], "to": {}, "calls": []}
    assert end == {"cases": 1, "probes": 0}


def test_a_sweep_takes_turns_gives_each_case_a_port_of_its_own_and_tells_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held: list[tuple[str, int]] = []
    clock = iter(range(0, 100, 1))
    monkeypatch.setattr(verify, "_hold", lambda _trial, case, port, _say: held.append((case.proto, port)))
    monkeypatch.setattr(verify, "monotonic", lambda: next(clock) / 10)
    monkeypatch.setattr(verify, "_TURN", 2)
    udp, tcp = AGREES, replace(AGREES, proto="tcp")
    said = swept(monkeypatch, {"pairs": [udp] * 3, "random": [tcp] * 5}, randoms=4, first=40000, last=40003)
    assert [proto for proto, _ in held] == ["udp", "udp", "tcp", "tcp", "udp", "tcp", "tcp"]
    assert [port for _, port in held] == [40000, 40001, 40002, 40000, 40001, 40002, 40000]
    # It is told at 0.3 s and 0.6 s, and at the end.
    assert [each["cases"] for each in said] == [2, 5, 7]


def test_the_same_seed_makes_the_same_sweep() -> None:
    def order(seed: int) -> list[Case]:
        return list(itertools.islice(verify._in_turn(LOOPBACKS, Random(seed), 20), 120))  # noqa: S311 - no secret

    assert order(1) == order(1) != order(2)


@pytest.mark.skipif(ME != 0, reason="only root makes sockets of other users")
def test_a_socket_is_made_as_its_user_and_nothing_else_is(trial: Trial) -> None:
    mine, its = Sock(4, FOUR, reuseport=True), Sock(4, FOUR, reuseport=True, uid=65534)
    made = replace(case("udp", mine, mine), sockets=(mine, its))
    assert trial.measure(made, free_port()).steps == (None, "EADDRINUSE")
    assert os.geteuid() == 0


def test_the_words_of_a_child_are_its_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its namespace is this one, which is not configured."""
    configured: list[NamespaceSpec] = []
    monkeypatch.setattr(worker, "configure", lambda spec: configured.append(spec) or INTERFACES)
    monkeypatch.setattr(worker, "Trial", lambda interfaces: Trial(interfaces, sink_port=free_port()))

    def asked(task: dict[str, object]) -> list[dict[str, object]]:
        spec = {"interfaces": {}, "addresses": {"lo": ("::1",)}, "bindv6only": False, "ipv6": True}
        monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps({"spec": spec, "task": task})))
        with redirect_stdout(io.StringIO()) as out:
            worker.main()
        return [json.loads(line) for line in out.getvalue().splitlines()]

    agrees = {"case": case_document(AGREES), "port": free_port()}
    (answer,) = asked(agrees)
    assert answer["differences"] == []
    assert configured == [NamespaceSpec(addresses={"lo": ["::1"]})]  # type: ignore[dict-item]
    (answer,) = asked({"case": case_document(replace(AGREES, sockets=(Sock(4, FOUR, uid=77),))), "port": free_port()})
    if ME != 0:
        assert answer == {"error": "only root can make sockets of user 77 beside its own"}
    monkeypatch.setattr(worker, "other_users", tuple)
    (answer,) = asked({"case": case_document(replace(AGREES, sockets=(Sock(4, FOUR, uid=77),)))})
    assert answer == {"error": "only root can make sockets of user 77 beside its own"}
