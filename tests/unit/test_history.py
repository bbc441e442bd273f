"""What is learnt, for how long, and how much of it is kept (X2)."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualstack.core.address.address import Address
from dualstack.core.dial.history import DELAY_MAX_S, DELAY_MIN_S, PENALTY_S, PROBE_EVERY_S, History
from dualstack.core.dial.order import UNKNOWN, Candidate
from dualstack.errors import ConfigError

HERE, THERE = "2001:db8:1::1", "2001:db8:2::1"


def to(address: str, source: str | None = HERE) -> Candidate:
    if source == HERE and ":" not in address:
        source = "192.0.2.9"
    return Candidate(Address(address), None if source is None else Address(source))


SERVER = to("2001:db8:9::1")
NEIGHBOUR = to("2001:db8:9::2")
STRANGER = to("2001:db8:a::1")


def test_nothing_is_known_at_first() -> None:
    assert History().recall(SERVER, 0.0) is UNKNOWN


def test_a_connection_is_remembered_for_its_address() -> None:
    history = History()
    history.learn(SERVER, 0.050, 0.0)
    known = history.recall(SERVER, 1.0)
    assert (known.rtt_s, known.is_used, known.is_penalised, known.has_failed) == (0.050, True, False, False)
    assert history.recall(NEIGHBOUR, 1.0).rtt_s is None
    assert history.recall(STRANGER, 1.0) is UNKNOWN


def test_round_trips_are_smoothed_as_rfc_6298_has_it() -> None:
    history = History()
    history.learn(SERVER, 0.100, 0.0)
    assert history.recall(SERVER, 0.0).delay_s == pytest.approx(0.100 + 4 * 0.050)
    history.learn(SERVER, 0.200, 0.0)
    assert history.recall(SERVER, 0.0).rtt_s == pytest.approx(0.1125)
    assert history.recall(SERVER, 0.0).delay_s == pytest.approx(0.1125 + 4 * 0.0625)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=20))
def test_the_delay_stays_within_100_ms_and_2_s(times: list[float]) -> None:
    history = History()
    for rtt_s in times:
        history.learn(SERVER, rtt_s, 0.0)
    delay_s = history.recall(SERVER, 0.0).delay_s
    assert delay_s is not None
    assert DELAY_MIN_S <= delay_s <= DELAY_MAX_S


def test_a_prefix_that_failed_steps_back_for_ten_minutes_and_no_more() -> None:
    history = History()
    history.learn(SERVER, None, 0.0)
    assert history.recall(SERVER, PENALTY_S - 1).is_penalised
    assert history.recall(NEIGHBOUR, PENALTY_S - 1).is_penalised
    assert not history.recall(STRANGER, 1.0).is_penalised
    assert not history.recall(SERVER, PENALTY_S).is_penalised
    assert not history.recall(SERVER, PENALTY_S).has_failed


def test_failing_on_does_not_prolong_it() -> None:
    history = History()
    for now in range(0, 600, 50):
        history.learn(SERVER, None, float(now))
    assert not history.recall(SERVER, PENALTY_S).is_penalised
    history.learn(SERVER, None, PENALTY_S)
    assert history.recall(SERVER, PENALTY_S + 1).is_penalised


def test_one_connection_ends_it() -> None:
    history = History()
    history.learn(SERVER, None, 0.0)
    history.learn(NEIGHBOUR, 0.010, 1.0)
    known = history.recall(SERVER, 2.0)
    assert not known.is_penalised
    assert known.has_failed
    assert not history.recall(NEIGHBOUR, 2.0).has_failed


def test_a_probe_a_minute_and_prefix() -> None:
    history = History()
    history.learn(SERVER, None, 0.0)
    history.learn(STRANGER, None, 0.0)
    assert not history.claim_probe(SERVER, PROBE_EVERY_S - 1)
    assert history.claim_probe(SERVER, PROBE_EVERY_S)
    assert not history.claim_probe(NEIGHBOUR, PROBE_EVERY_S + 1)
    assert history.claim_probe(STRANGER, PROBE_EVERY_S + 1)
    assert history.claim_probe(NEIGHBOUR, PROBE_EVERY_S * 2)
    assert not history.claim_probe(SERVER, PENALTY_S)
    assert not History().claim_probe(SERVER, 0.0)


def test_what_was_learnt_on_one_network_says_nothing_on_another() -> None:
    history = History()
    history.learn(SERVER, None, 0.0)
    assert history.recall(to("2001:db8:9::1", THERE), 1.0) is UNKNOWN
    assert history.recall(to("2001:db8:9::1", "2001:db8:1::77"), 1.0).is_penalised


def test_without_a_source_there_is_nothing_to_know() -> None:
    history = History()
    nowhere = to("2001:db8:9::1", None)
    history.learn(nowhere, 0.1, 0.0)
    history.learn(nowhere, None, 0.0)
    assert len(history) == 0
    assert history.recall(nowhere, 0.0) is UNKNOWN


def test_the_prefix_asked_about_longest_ago_makes_room() -> None:
    history = History(capacity=2)
    history.learn(SERVER, 0.1, 0.0)
    history.learn(STRANGER, 0.1, 0.0)
    history.recall(SERVER, 1.0)
    history.learn(to("192.0.2.1"), 0.1, 2.0)
    assert len(history) == 2
    assert history.recall(STRANGER, 3.0) is UNKNOWN
    assert history.recall(SERVER, 3.0).is_used


def test_of_a_prefix_only_the_last_addresses_are_kept() -> None:
    history = History()
    for number in range(1, 20):
        history.learn(to(f"2001:db8:9::{number}"), 0.1, 0.0)
    assert not history.recall(SERVER, 1.0).is_used
    assert history.recall(to("2001:db8:9::19"), 1.0).is_used


def test_a_history_that_keeps_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no history"):
        History(capacity=0)


def test_the_last_few_can_be_saved_alone() -> None:
    history = History()
    for number in range(5):
        history.learn(Candidate(Address(f"2001:db8:{number}::25"), Address("2001:db8::1")), 0.02, now=float(number))
    records = history.save(9.0, most=2)["records"]
    assert isinstance(records, list)
    assert [record["destination"] for record in records] == ["2001:db8:3::", "2001:db8:4::"]


def test_saved_and_loaded_it_says_the_same_by_another_clock() -> None:
    history = History()
    history.learn(SERVER, 0.050, 0.0)
    history.learn(STRANGER, None, 100.0)
    history.learn(to("192.0.2.1"), 0.001, 100.0)
    document = json.loads(json.dumps(history.save(200.0)))
    other = History()
    other.load(document, 5000.0)
    for candidate in (SERVER, STRANGER, to("192.0.2.1"), NEIGHBOUR):
        assert other.recall(candidate, 5010.0) == history.recall(candidate, 210.0)
    assert other.recall(STRANGER, 5000.0 + PENALTY_S - 101).is_penalised
    assert not other.recall(STRANGER, 5000.0 + PENALTY_S - 99).is_penalised


def test_loading_keeps_within_bounds() -> None:
    history = History()
    for number in range(10):
        history.learn(to(f"2001:db8:{number}::1"), 0.1, 0.0)
    small = History(capacity=3)
    small.load(history.save(1.0), 1.0)
    assert len(small) == 3


def saved() -> dict[str, object]:
    history = History()
    history.learn(SERVER, 0.1, 0.0)
    history.learn(NEIGHBOUR, None, 0.0)
    return json.loads(json.dumps(history.save(0.0)))


SPOILED: list[Callable[[dict], object]] = [
    lambda d: d.update(version=2),
    lambda d: d.pop("version"),
    lambda d: d.update(records={}),
    lambda d: d["records"].append(7),
    lambda d: d["records"][0].pop("source"),
    lambda d: d["records"][0].update(source="nowhere"),
    lambda d: d["records"][0].update(source="192.0.2.1"),
    lambda d: d["records"][0].update(rtt_s="fast"),
    lambda d: d["records"][0].update(rtt_s=True),
    lambda d: d["records"][0].update(rtt_s=-1),
    lambda d: d["records"][0].update(rtt_s=float("nan")),
    lambda d: d["records"][0].update(used=[]),
    lambda d: d["records"][0].update(used={"192.0.2.1": 1}),
    lambda d: d["records"][0].update(failed={f"2001:db8:9::{n:x}": 1 for n in range(99)}),
]


@pytest.mark.parametrize("spoil", SPOILED)
def test_a_document_that_is_none_changes_nothing(spoil: Callable[[dict], object]) -> None:
    document = saved()
    spoil(document)
    history = History()
    with pytest.raises(ConfigError):
        history.load(document, 0.0)
    assert len(history) == 0


def test_what_was_saved_is_as_old_as_it_was_and_goes_on_ageing() -> None:
    """Each age counts by itself: since it was used, since it failed, since its prefix steps back."""
    history = History()
    history.learn(NEIGHBOUR, 0.020, 10.0)
    history.learn(SERVER, None, 40.0)
    (record,) = history.save(100.0)["records"]  # type: ignore[misc, attr-defined]
    assert record["used"] == {"2001:db8:9::2": 90.0}
    assert record["failed"] == {"2001:db8:9::1": 60.0}
    assert record["back_s"] == 60.0

    other = History()
    other.load(history.save(100.0), 7000.0)
    assert other.save(7000.0) == history.save(100.0)
    (later,) = other.save(7005.0)["records"]  # type: ignore[misc, attr-defined]
    assert (later["used"], later["failed"]) == ({"2001:db8:9::2": 95.0}, {"2001:db8:9::1": 65.0})
    assert later["back_s"] == 65.0
    failed_at = 7000.0 - 60.0
    assert other.recall(SERVER, failed_at + PENALTY_S - 0.5).has_failed
    assert not other.recall(SERVER, failed_at + PENALTY_S).has_failed


def test_what_is_loaded_is_probed_a_minute_after_it_began_to_step_back() -> None:
    history = History()
    history.learn(SERVER, None, 0.0)
    other = History()
    other.load(history.save(20.0), 500.0)
    assert not other.claim_probe(SERVER, 500.0 + PROBE_EVERY_S - 20.5)
    assert other.claim_probe(SERVER, 500.0 + PROBE_EVERY_S - 20.0)


def test_the_order_in_which_prefixes_make_room_is_kept_over_a_save() -> None:
    history = History()
    history.learn(SERVER, 0.1, 0.0)
    history.learn(STRANGER, 0.1, 1.0)
    history.recall(SERVER, 2.0)
    other = History(capacity=2)
    other.load(history.save(3.0), 0.0)
    other.learn(to("192.0.2.1"), 0.1, 1.0)
    assert other.recall(STRANGER, 2.0) is UNKNOWN
    assert other.recall(SERVER, 2.0).is_used


def test_loading_adds_to_what_is_known_and_a_prefix_that_is_loaded_replaces_its_record() -> None:
    history = History()
    history.learn(SERVER, 0.1, 0.0)
    other = History()
    other.learn(STRANGER, 0.3, 0.0)
    other.learn(SERVER, None, 0.0)
    other.load(history.save(1.0), 1.0)
    assert len(other) == 2
    assert other.recall(STRANGER, 2.0).rtt_s == pytest.approx(0.3)
    known = other.recall(SERVER, 2.0)
    assert (known.rtt_s, known.has_failed, known.is_penalised) == (pytest.approx(0.1), False, False)


def test_what_is_loaded_is_the_last_to_make_room() -> None:
    history, other = History(capacity=2), History()
    for history_of, addresses in ((history, ("10.0.0.1", "11.0.0.1")), (other, ("10.0.0.1",))):
        for address in addresses:
            history_of.learn(to(address), 0.1, 0.0)
    history.load(other.save(0.0), 0.0)
    history.learn(to("12.0.0.1"), 0.1, 0.0)
    known = [address for address in ("10.0.0.1", "11.0.0.1", "12.0.0.1") if history.recall(to(address), 1.0).is_used]
    assert known == ["10.0.0.1", "12.0.0.1"]
