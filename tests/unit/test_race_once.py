"""Each address is dialled once and told once, whichever lookups name it and whatever is heard of it late."""

import errno
from errno import ECONNREFUSED, ETIMEDOUT

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualstack.core.dial.actions import Start, Stop
from dualstack.core.dial.race import PATIENCE_S, Race
from dualstack.core.dial.resolution import Answer
from dualstack.core.dial.resolution import Lookup as Question
from dualstack.core.dial.timing import Timing
from dualstack.errors import DialError, LookupFailed
from support.world import Accepts, Failed, Lookup, Refuses, Silent, World, candidate

SIX, FOUR, FOUR_TOO, FOUR_MORE = "2001:db8::1", "198.51.100.1", "198.51.100.2", "198.51.100.3"


def made_room() -> tuple[Race, float]:
    """A race of one place whose first attempt was silent for so long that the second has taken the place; and when."""
    race = Race("host:80", (Question(0),), 0.0, timing=Timing(in_flight=1))
    (first,) = race.answered(Question(0), Answer((candidate(SIX), candidate(FOUR), candidate(FOUR_TOO))), 0.0)
    assert isinstance(first, Start)
    assert race.tick(PATIENCE_S - 0.001) == []
    stopped, second = race.tick(PATIENCE_S)
    assert stopped == Stop(0)
    assert isinstance(second, Start)
    assert [attempt.number for attempt in race.running] == [1]
    return race, PATIENCE_S


def test_a_failure_of_an_attempt_that_made_room_is_heard_too_late() -> None:
    race, now = made_room()
    before, wake_at = list(race.steps), race.wake_at
    assert race.failed(0, ECONNREFUSED, "Connection refused", now + 0.010) == []
    assert race.steps == before
    assert race.wake_at == wake_at
    assert [attempt.number for attempt in race.running] == [1]
    assert not race.is_over


def test_an_attempt_that_made_room_is_told_once_as_one_without_an_answer() -> None:
    race, now = made_room()
    race.failed(0, ECONNREFUSED, "Connection refused", now + 0.010)
    (third,) = race.failed(1, ECONNREFUSED, "Connection refused", now + 0.020)
    assert isinstance(third, Start)
    race.failed(2, ECONNREFUSED, "Connection refused", now + 0.030)
    assert race.is_over
    error = race.error
    assert isinstance(error, DialError)
    assert str(error) == (
        f"cannot connect to host:80: {SIX}: no answer; {FOUR}: Connection refused; {FOUR_TOO}: Connection refused"
    )
    assert isinstance(error.__cause__, ExceptionGroup)
    assert [each.errno for each in error.__cause__.exceptions] == [ETIMEDOUT, ECONNREFUSED, ECONNREFUSED]


def test_a_success_or_a_handshake_of_an_attempt_that_made_room_is_too_late_and_is_stopped() -> None:
    race, now = made_room()
    wake_at = race.wake_at
    race.progressed(0, now + 0.010)
    assert race.wake_at == wake_at
    assert race.connected(0, now + 0.010) == [Stop(0)]
    assert race.winner is None
    assert not race.is_over


def test_the_failure_of_what_was_never_started_starts_nothing() -> None:
    race = Race("host:80", (Question(0),), 0.0, timing=Timing())
    race.answered(Question(0), Answer((candidate(SIX), candidate(FOUR))), 0.0)
    assert race.failed(7, ECONNREFUSED, "Connection refused", 0.010) == []
    assert [attempt.number for attempt in race.running] == [0]


@pytest.mark.parametrize(
    ("host", "order", "why"),
    [
        (Silent(), [FOUR, FOUR_TOO, FOUR_MORE], "it is under way"),
        (Refuses(0.010), [FOUR, FOUR_TOO, FOUR_MORE], "it has failed"),
    ],
)
def test_an_address_of_two_lookups_is_dialled_once_though_the_second_answers_later(
    host: Silent | Refuses, order: list[str], why: str
) -> None:
    world = World({FOUR: host, FOUR_TOO: Silent(), FOUR_MORE: Silent()})
    world.connect(aaaa=Lookup([FOUR], 0.0), a=Lookup([FOUR_MORE, FOUR, FOUR_TOO], 0.1), timeout_s=5)
    tried = [address for address, _ in world.started]
    assert sorted(tried) == sorted(order), why
    assert tried[0] == FOUR


def test_an_address_of_two_lookups_that_accepts_is_one_connection() -> None:
    world = World({FOUR: Accepts(0.4)})
    world.connect(aaaa=Lookup([FOUR], 0.0), a=Lookup([FOUR], 0.1))
    assert world.started == [(FOUR, 0.0)]
    assert [step.facts["addresses"] for step in world.steps if step.kind == "sort"] == []


def test_an_address_that_both_lookups_give_stands_once_in_the_error() -> None:
    world = World({FOUR: Refuses(0.010), FOUR_TOO: Refuses(0.010)})
    result = world.connect(aaaa=Lookup([FOUR, FOUR_TOO]), a=Lookup([FOUR_TOO, FOUR], 0.005))
    assert isinstance(result, Failed)
    assert isinstance(result.error, DialError)
    assert str(result.error).count(FOUR) == str(result.error).count(FOUR_TOO) == 1


def test_an_answer_is_told_with_its_addresses_or_its_error() -> None:
    lost = LookupFailed("host", "no server answers", timed_out=True)
    world = World({FOUR: Accepts(0.010)})
    world.connect(aaaa=Lookup(error=lost), a=Lookup([FOUR], 0.001))
    told = [
        (step.facts["family"], [str(each) for each in step.facts["addresses"]], step.facts["error"])
        for step in world.steps
        if step.kind == "answer"
    ]
    assert told == [(6, [], str(lost)), (4, [FOUR], None)]


MANY = st.lists(st.sampled_from([SIX, FOUR, FOUR_TOO, FOUR_MORE]), max_size=4, unique=True)
HOSTS = st.sampled_from([Silent(), Refuses(0.05), Refuses(0.5), Refuses(4.0, errno.EHOSTUNREACH)])


LATE_LOOKUPS = st.builds(Lookup, MANY, st.floats(0, 5))


@given(LATE_LOOKUPS, LATE_LOOKUPS, st.lists(HOSTS, min_size=4, max_size=4), st.sampled_from([1, 2, 12]))
def test_whichever_lookups_name_them_and_however_late_each_address_is_dialled_once(
    aaaa: Lookup, a: Lookup, hosts: list[Silent | Refuses], in_flight: int
) -> None:
    world = World(dict(zip([SIX, FOUR, FOUR_TOO, FOUR_MORE], hosts, strict=True)), timing=Timing(in_flight=in_flight))
    world.connect(aaaa=aaaa, a=a, timeout_s=90)
    tried = [address for address, _ in world.started]
    assert sorted(tried) == sorted({*aaaa.addresses, *a.addresses})
