"""Translators that were found: kept, looked for once at a time, and not waited for without end."""

import threading

from dualstack.core.address.prefix import Prefix
from dualstack.net.dial.translators import Translators

ONE, OTHER = Prefix.parse("2001:db8:64::/96"), Prefix.parse("2001:db8:65::/96")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_what_was_found_stays_known_and_is_looked_for_again_a_minute_later() -> None:
    clock = Clock()
    translators = Translators(clock)
    assert translators.is_stale
    translators.look(lambda: (ONE,))
    assert (translators.known, translators.is_stale) == ((ONE,), False)
    translators.look(lambda: (OTHER,))
    assert translators.known == (ONE,)
    clock.now = 60.0
    translators.look(lambda: (OTHER,))
    assert translators.known == (OTHER, ONE)


def test_a_search_that_finds_nothing_is_one() -> None:
    translators = Translators(Clock())
    translators.look(tuple)
    assert (translators.known, translators.is_stale) == ((), False)


def test_one_thread_looks_for_all_and_whoever_waits_does_so_for_a_moment() -> None:
    translators = Translators(Clock())
    may_go_on, searches = threading.Event(), []

    def find() -> tuple[Prefix, ...]:
        searches.append(1)
        may_go_on.wait()
        return (ONE,)

    for _ in range(3):
        translators.look(find, wait_s=0.01)
    assert (translators.known, searches) == ((), [1])
    may_go_on.set()
    translators.look(find, wait_s=20)
    assert (translators.known, searches) == ((ONE,), [1])


def test_who_comes_when_a_search_has_been_waited_for_does_not_wait_for_it_too() -> None:
    clock = Clock()
    translators = Translators(clock)
    has_begun, may_end = threading.Event(), threading.Event()

    def find() -> tuple[Prefix, ...]:
        has_begun.set()
        may_end.wait()
        return (ONE,)

    def ask() -> None:
        translators.look(find, wait_s=600)

    first, late = threading.Thread(target=ask, daemon=True), threading.Thread(target=ask, daemon=True)
    first.start()
    has_begun.wait()
    clock.now = 600.0
    late.start()
    late.join(20)
    assert not late.is_alive()
    may_end.set()
    # The first may have been slow to ask for how long it waits, so somebody waits for the end of the search.
    translators.look(find, wait_s=1200)
    first.join(20)
    assert (first.is_alive(), translators.known) == (False, (ONE,))


def test_no_server_has_us_remember_without_end() -> None:
    translators = Translators(Clock())
    translators.learn(Prefix.parse(f"2001:db8:{number:x}::/96") for number in range(1, 200))
    assert len(translators.known) == 64
