"""New connections a second, in virtual time: who may make one more, and who is forgotten."""

import pytest

from dualstack.core.access.connection_rate import Rates


@pytest.mark.parametrize(
    ("per_s", "times", "allowed", "why"),
    [
        (3, [0, 0, 0, 0, 0], [1, 1, 1, 0, 0], "what one second allows at once"),
        (10, [n / 10 for n in range(30)], [1] * 30, "ten a second, whatever floating point makes of tenths"),
        (1, [0, 0, 0.5, 1, 1.5, 2], [1, 0, 0, 1, 0, 1], "one a second; those refused cost nothing"),
        (0.1, [0, 5, 9.9, 10, 20], [1, 0, 0, 1, 1], "one in ten seconds"),
        (2, [0, 0, 0, 100, 100, 100], [1, 1, 0, 1, 1, 0], "a long rest saves no more than a second's"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_so_many_a_second_are_allowed(per_s: float, times: list[float], allowed: list[int], why: str) -> None:
    rates = Rates()
    assert [rates.allow("a", per_s, now) for now in times] == list(map(bool, allowed)), why


def test_each_client_has_its_own() -> None:
    rates = Rates()
    assert [rates.allow(client, 1, 0.0) for client in ("a", "a", "b", "b")] == [True, False, True, False]


def test_who_may_make_all_again_is_forgotten() -> None:
    rates = Rates()
    for client in range(100):
        rates.allow(client, 10, 0.0)
    assert len(rates) == 100
    rates.allow("late", 10, 0.1)
    assert len(rates) == 1


def test_of_more_than_are_kept_the_longest_silent_is_forgotten() -> None:
    rates = Rates(most=2)
    assert [rates.allow(client, 1, 0.0) for client in ("a", "b", "a", "c")] == [True, True, False, True]
    assert len(rates) == 2
    assert [rates.allow(client, 1, 0.0) for client in ("a", "b")] == [False, True]
