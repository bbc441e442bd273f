"""What happens too often is said a few times, then counted."""

from dualstack.core.spate import OTHERS, Spate, each_once


def said(spate: Spate, what: str, times: int, now: float = 0.0) -> list[bool]:
    return [spate.is_said(what, now) for _ in range(times)]


def test_the_first_are_said_and_the_others_counted_until_the_time_is_up() -> None:
    spate = Spate(first=2, within_s=10.0)
    assert said(spate, "refused", 5) == [True, True, False, False, False]
    assert spate.next_end == 10.0
    assert spate.over(9.9) == []
    assert spate.over(10.0) == [("refused", 3)]
    assert spate.next_end is None
    assert said(spate, "refused", 3, now=10.0) == [True, True, False]


def test_a_flood_of_one_kind_hides_no_other() -> None:
    spate = Spate(first=1)
    assert said(spate, "a", 3) == [True, False, False]
    assert said(spate, "b", 2, now=1.0) == [True, False]
    assert spate.over(10.5) == [("a", 2)]
    assert spate.over(11.0) == [("b", 1)]


def test_kinds_that_clients_make_up_are_one_kind_when_there_are_many() -> None:
    spate = Spate(first=1, kinds=2)
    assert [spate.is_said(str(number), 0.0) for number in range(6)] == [True, True, True, False, False, False]
    assert spate.over(10.0) == [(OTHERS, 3)]


def test_what_was_said_whole_is_forgotten_when_its_time_is_up() -> None:
    spate = Spate(first=1, kinds=1)
    assert spate.is_said("a", 0.0)
    assert spate.is_said("b", 10.0)
    assert not spate.is_said("b", 10.0)
    assert spate.is_said("c", 11.0)
    assert spate.over(20.0) == [("b", 1)]
    assert spate.next_end == 21.0


def test_what_is_still_to_be_told_is_not_forgotten() -> None:
    spate = Spate(first=1)
    assert said(spate, "a", 2) == [True, False]
    assert not spate.is_said("a", 50.0)
    assert spate.over(50.0) == [("a", 2)]


def test_what_is_not_counted_is_said_again_when_its_time_is_up() -> None:
    spate = Spate(first=1, within_s=10.0, is_counted=False)
    assert said(spate, "a", 3) == [True, False, False]
    assert not spate.is_said("a", 9.9)
    assert spate.is_said("a", 10.0)
    assert spate.over(20.0) == []


def test_of_a_flood_of_different_things_a_hundred_are_said_once() -> None:
    spate = each_once()
    assert sum(spate.is_said(number, 0.0) for number in range(300)) == 100
    assert not spate.is_said(0, 9.9)
    assert spate.is_said(0, 10.0)
