"""What is said once, in virtual time."""

import pytest

from dualstack.gateway.counters.repeat_filter import RepeatFilter


@pytest.mark.parametrize(("now", "is_news"), [(9.9, False), (10.0, True)])
def test_the_same_is_said_once_in_ten_seconds(now: float, is_news: bool) -> None:  # noqa: FBT001
    said = RepeatFilter()
    assert said.is_news("refused", 0.0)
    assert said.is_news("refused", now) is is_news


def test_a_flood_of_news_is_cut_short_and_goes_on_later() -> None:
    said = RepeatFilter(quiet_s=10.0, most=2)
    assert [said.is_news(what, 0.0) for what in range(4)] == [True, True, False, False]
    assert said.is_news(2, 10.0)
