"""A trace as a timeline: who won, when, and what became of the other family."""

import pytest

from dualstack.core.address.address import Address
from dualstack.core.dial.steps import DialStep, Kind
from dualstack.gateway.counters.counters import Dialled
from dualstack.gateway.status.timelines import timeline

SIX, FOUR = Address("2001:db8::1"), Address("192.0.2.1")


def attempt(at: float, number: int, address: Address) -> DialStep:
    return DialStep(at, Kind.ATTEMPT, {"number": number, "address": address, "source": None})


def end(at: float, kind: Kind, number: int, address: Address) -> DialStep:
    return DialStep(at, kind, {"number": number, "address": address, "error": "refused", "elapsed_s": 0.0})


def answer(family: int, *addresses: Address, error: str | None = None) -> DialStep:
    return DialStep(0.01, Kind.ANSWER, {"name": "x", "family": family, "addresses": list(addresses), "error": error})


@pytest.mark.parametrize(
    ("steps", "winner", "elapsed_s", "other"),
    [
        (
            [answer(6, SIX), answer(4, FOUR), attempt(0.01, 0, SIX), end(0.03, Kind.CONNECTED, 0, SIX)],
            *("ipv6", 0.03, "IPv4 was not needed"),
        ),
        (
            [
                attempt(0.01, 0, SIX),
                attempt(0.26, 1, FOUR),
                end(0.27, Kind.CONNECTED, 1, FOUR),
                end(0.27, Kind.CANCELLED, 0, SIX),
            ],
            *("ipv4", 0.27, "IPv6 had not answered within 260 ms"),
        ),
        (
            [
                attempt(0.0, 0, SIX),
                end(0.002, Kind.FAILED, 0, SIX),
                attempt(0.002, 1, FOUR),
                end(0.004, Kind.CONNECTED, 1, FOUR),
            ],
            *("ipv4", 0.004, "IPv6 failed after 2 ms: refused"),
        ),
        (
            [answer(6, error="no AAAA"), answer(4, FOUR), attempt(0.01, 0, FOUR), end(0.02, Kind.CONNECTED, 0, FOUR)],
            *("ipv4", 0.02, "IPv6: no address"),
        ),
        ([attempt(0.0, 0, SIX), end(0.5, Kind.FAILED, 0, SIX)], None, 0.5, ""),
        ([], None, 0.0, ""),
    ],
)
def test_who_won_and_what_became_of_the_other(
    steps: list[DialStep], winner: str | None, elapsed_s: float, other: str
) -> None:
    made = timeline(5.0, "x:80", steps)
    assert (made.time, made.target, made.winner, made.elapsed_s, made.other) == (5.0, "x:80", winner, elapsed_s, other)


def test_each_attempt_has_its_beginning_and_its_end() -> None:
    made = timeline(
        0.0,
        "x",
        [attempt(0.1, 0, SIX), attempt(0.35, 1, FOUR), end(0.4, Kind.CONNECTED, 1, FOUR), attempt(0.5, 2, SIX)],
    )
    assert [(each.family, each.started_s, each.ended_s, each.outcome) for each in made.tries] == [
        ("ipv6", 0.1, None, "under way"),
        ("ipv4", 0.35, 0.4, "won"),
        ("ipv6", 0.5, None, "under way"),
    ]
    assert made.lookup_s == 0.1


def test_of_very_many_steps_the_end_is_kept() -> None:
    dialled = Dialled("x")
    for number in range(1000):
        dialled.note(attempt(float(number), number, SIX))
    dialled.note(end(1000.0, Kind.CONNECTED, 999, SIX))
    assert len(dialled.steps) == 65
    assert timeline(0.0, "x", dialled.steps).winner == "ipv6"
