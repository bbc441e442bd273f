"""So many a second, and some at once."""

from dualstack.core.pace import Pace


def test_some_come_at_once_and_the_others_one_after_the_other() -> None:
    pace = Pace(10.0, 3)
    assert [round(pace.wait_s(100.0), 6) for _ in range(6)] == [0.0, 0.0, 0.0, 0.1, 0.2, 0.3]


def test_a_rest_is_worth_what_may_come_at_once_and_no_more() -> None:
    pace = Pace(10.0, 2)
    assert [pace.wait_s(0.0) for _ in range(2)] == [0.0, 0.0]
    assert round(pace.wait_s(0.05), 6) == 0.05
    assert [round(pace.wait_s(1000.0), 6) for _ in range(3)] == [0.0, 0.0, 0.1]
