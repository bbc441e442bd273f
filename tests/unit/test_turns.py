"""`core.dial.lookup_shares`: whose job begins next, and how many an asker may have stuck."""

from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualstack.core.dial.lookup_shares import MYSELF, PLACES, Asker, Turns


def begun(turns: Turns[str]) -> Iterator[str]:
    """What begins, until nothing may; none of it ends."""
    while (next_one := turns.begin()) is not None:
        yield next_one[0]


def crowd(turns: Turns[str], clients: int, each: int, service: str = "proxy") -> None:
    """Each client asks for so many things that never end."""
    for client in range(clients):
        for number in range(each):
            turns.add(f"{client}-{number}", Asker(service, f"192.0.2.{client}"))


@pytest.mark.parametrize(("clients", "each"), [(1, 200), (20, 100), (200, 2), (200, 8), (400, 2)])
def test_another_client_begins_after_one_round_at_the_most(clients: int, each: int) -> None:
    turns: Turns[str] = Turns()
    crowd(turns, clients, each)
    turns.add("good", Asker("proxy", "198.51.100.7"))
    assert list(begun(turns)).index("good") <= clients


@pytest.mark.parametrize(("clients", "each"), [(1, 200), (20, 100), (200, 8), (5000, 2)])
def test_another_client_and_another_service_begin_where_all_are_stuck(clients: int, each: int) -> None:
    turns: Turns[str] = Turns()
    crowd(turns, clients, each)
    list(begun(turns))
    turns.add("other service", Asker("relay", "192.0.2.0"))
    turns.add("the program", MYSELF)
    assert set(begun(turns)) == {"other service", "the program"}
    if clients <= 200:
        turns.add("good", Asker("proxy", "198.51.100.7"))
        assert list(begun(turns)) == ["good"]


def test_another_service_begins_next() -> None:
    turns: Turns[str] = Turns()
    crowd(turns, 200, 2)
    turns.add("good", Asker("relay", "192.0.2.1"))
    assert "good" in [turns.begin()[0] for _ in range(2)]  # type: ignore[index]


def test_two_services_that_take_all_they_may_leave_places() -> None:
    turns: Turns[str] = Turns()
    for service in ("one", "two", "three"):
        crowd(turns, 2000, 2, service)
    list(begun(turns))
    turns.add("good", Asker("fourth", "192.0.2.1"))
    assert list(begun(turns)) == ["good"]


def test_a_client_alone_has_nearly_half_and_leaves_two_hundred_others_theirs() -> None:
    turns: Turns[str] = Turns()
    crowd(turns, 1, PLACES)
    assert len(list(begun(turns))) == 448
    for client in range(200):
        for number in range(2):
            turns.add(f"other-{client}-{number}", Asker("proxy", f"198.51.100.{client}"))
    assert len(list(begun(turns))) == 400


def test_beside_others_a_client_has_32_and_fewer_the_more_are_taken() -> None:
    turns: Turns[str] = Turns()
    crowd(turns, 2, 100)
    assert len(list(begun(turns))) == 64
    for number in range(20):
        turns.add(f"third-{number}", Asker("proxy", "third"))
    assert len(list(begun(turns))) == (PLACES - 64) // 128


def test_what_is_abandoned_gives_its_place_up_but_only_so_often() -> None:
    turns: Turns[str] = Turns()
    one = Asker("proxy", "192.0.2.1")
    turns.add("another's", Asker("proxy", "192.0.2.9"))
    turns.begin()
    made = 0
    for number in range(1000):
        turns.add(str(number), one)
        if turns.begin() is None:
            break
        turns.abandon(one)
        made += 1
    assert made == 63
    turns.add("good", Asker("proxy", "192.0.2.2"))
    assert "good" in list(begun(turns))


def test_what_the_program_abandons_keeps_it_from_nothing() -> None:
    turns: Turns[str] = Turns()
    for number in range(PLACES // 2):
        turns.add(str(number), MYSELF)
        assert turns.begin() == (str(number), MYSELF)
        turns.abandon(MYSELF)
    turns.add("good", MYSELF)
    assert list(begun(turns)) == ["good"]


def test_at_the_last_place_nobody_begins_until_one_ends() -> None:
    turns: Turns[str] = Turns(2)
    for asker in (Asker("a"), Asker("b"), Asker("c")):
        turns.add(asker.service, asker)
    assert list(begun(turns)) == ["a", "b"]
    turns.end(Asker("a"), was_wanted=True)
    assert list(begun(turns)) == ["c"]


def test_what_is_dropped_never_begins() -> None:
    turns: Turns[str] = Turns()
    crowd(turns, 2, 2)
    turns.drop("0-0", Asker("proxy", "192.0.2.0"))
    turns.drop("0-1", Asker("proxy", "192.0.2.0"))
    assert list(begun(turns)) == ["1-0", "1-1"]
    assert (turns.waiting, turns.running) == (0, 2)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"), st.sampled_from(["end", "abandon", "drop"]))))
def test_nothing_is_left_of_jobs_that_are_over(story: list[tuple[str, str, str]]) -> None:
    turns: Turns[int] = Turns(3)
    running: list[Asker] = []
    stuck: Counter[Asker] = Counter()
    for number, (service, client, what) in enumerate(story):
        asker = Asker(service, client)
        turns.add(number, asker)
        if what == "drop":
            turns.drop(number, asker)
        elif (next_one := turns.begin()) is not None:
            running.append(next_one[1])
        if what == "abandon" and running:
            turns.abandon(gone := running.pop())
            stuck[gone] += 1
        assert turns.running == len(running) + stuck.total() <= 3
    while running or stuck.total() or turns.waiting:
        for asker in running:
            turns.end(asker, was_wanted=True)
        for asker in stuck.elements():
            turns.end(asker, was_wanted=False)
        running, stuck = [], Counter()
        while (next_one := turns.begin()) is not None:
            running.append(next_one[1])
    assert not turns._services
    assert (turns.running, turns.waiting) == (0, 0)
