"""Many deadlines, a few buckets."""

from math import inf

from hypothesis import given
from hypothesis import strategies as st

from dualstack.gateway.relay.stream.deadlines import Deadlines


@given(now=st.floats(0, 1e7), delay_s=st.floats(1e-3, 1e6))
def test_a_deadline_is_met_never_early_and_at_most_a_sixteenth_late(now: float, delay_s: float) -> None:
    deadlines: Deadlines[str] = Deadlines()
    due = deadlines.add("thing", now, delay_s)
    assert due is not None
    assert now + delay_s <= due <= now + delay_s * (1 + 1 / 16) + 1e-6
    assert deadlines.next() == due


def test_what_is_due_comes_out_once() -> None:
    deadlines: Deadlines[str] = Deadlines()
    deadlines.add("soon", 100.0, 1)
    deadlines.add("late", 100.0, 60)
    assert deadlines.take_due(101.0) == ["soon"]
    assert deadlines.take_due(159.0) == []
    assert deadlines.take_due(164.0) == ["late"]
    assert deadlines.next() == inf


def test_what_was_dropped_is_not_waited_for() -> None:
    deadlines: Deadlines[str] = Deadlines()
    due = deadlines.add("thing", 100.0, 1)
    assert due is not None
    deadlines.drop("thing", due)
    assert (deadlines.next(), deadlines.take_due(200.0)) == (inf, [])


def test_dropping_what_has_come_out_is_no_error() -> None:
    deadlines: Deadlines[str] = Deadlines()
    due = deadlines.add("thing", 0.0, 1)
    assert due is not None
    deadlines.take_due(2.0)
    deadlines.drop("thing", due)


def test_never_is_no_deadline() -> None:
    deadlines: Deadlines[str] = Deadlines()
    assert deadlines.add("thing", 100.0, inf) is None
    assert deadlines.next() == inf


def test_ten_thousand_alike_share_some_twenty_buckets() -> None:
    deadlines: Deadlines[int] = Deadlines()
    for number in range(10_000):
        deadlines.add(number, number * 0.03, 300)
    assert len(deadlines._buckets) < 40
