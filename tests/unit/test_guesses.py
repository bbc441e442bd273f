"""How long a wrong password waits for its answer, in virtual time."""

from contextlib import ExitStack

from dualstack.core.access.wrong_passwords import CLIENTS_MAX, FORGET_S, LONGEST_S, WAITING_MAX, Guesses


def waits(guesses: Guesses, who: str, *times: float) -> list[float]:
    found = []
    for now in times:
        with guesses.wrong(who, now) as delay_s:
            found.append(round(delay_s, 3))
    return found


def test_a_slip_costs_nothing_and_each_wrong_password_after_it_twice_as_much_up_to_a_bound() -> None:
    assert waits(Guesses(), "a", *range(10)) == [0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, LONGEST_S, LONGEST_S]
    assert waits(Guesses(), "a", *[0.0] * 5000)[-1] == LONGEST_S


def test_others_wait_for_nothing() -> None:
    guesses = Guesses()
    waits(guesses, "a", *range(20))
    assert waits(guesses, "b", 20) == [0]


def test_a_minute_of_quiet_forgets_half() -> None:
    guesses = Guesses()
    assert waits(guesses, "a", *[0.0] * 7)[-1] == 3.2
    assert waits(guesses, "a", FORGET_S) == [round(0.1 * 2**2.5, 3)]
    assert waits(guesses, "a", 20 * FORGET_S) == [0]


def test_a_client_has_so_many_waiting_and_is_not_heard_until_one_is_over() -> None:
    guesses = Guesses()
    with ExitStack() as stack:
        for _ in range(WAITING_MAX):
            assert not guesses.is_full("a")
            stack.enter_context(guesses.wrong("a", 0))
        assert guesses.is_full("a")
        assert not guesses.is_full("b")
    assert not guesses.is_full("a")


def test_a_fixed_number_of_clients_is_remembered_those_of_long_ago_give_way() -> None:
    guesses = Guesses()
    waits(guesses, "first", 0, 0, 0)
    waits(guesses, "second", 0, 0, 0)
    for number in range(CLIENTS_MAX - 2):
        waits(guesses, str(number), 1)
    waits(guesses, "first", 1)
    waits(guesses, "one more", 1)
    assert len(guesses) == CLIENTS_MAX
    assert waits(guesses, "second", 1) == [0]
    assert waits(guesses, "first", 1) == [0.8]
