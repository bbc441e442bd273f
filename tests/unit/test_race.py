"""The race, clause by clause, in virtual time (RFC 8305; the Happy Eyeballs v3 draft; B2, U5, X2)."""

import errno
import socket
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualstack.core.address.address import Address
from dualstack.core.dial.actions import Start, Stop
from dualstack.core.dial.egress import LeftOut
from dualstack.core.dial.history import History
from dualstack.core.dial.order import Candidate
from dualstack.core.dial.policy_table import parse_gai_conf
from dualstack.core.dial.race import Race
from dualstack.core.dial.resolution import Answer
from dualstack.core.dial.resolution import Lookup as Question
from dualstack.core.dial.timing import Timing
from dualstack.errors import DialError, DialRefused, DialTimedOut, ExitCode, LookupFailed
from support.world import NEVER, Accepts, Connected, Failed, Lookup, Refuses, Silent, World, candidate

SIX, SIX_TOO, FOUR, FOUR_TOO = "2001:db8::1", "2001:db8::2", "198.51.100.1", "198.51.100.2"
NO_NAME = LookupFailed("host", "no such name", errno=socket.EAI_NONAME)
NO_SERVER = LookupFailed("host", "no server answers", timed_out=True)


def ended(world: World, *addresses: str, **more: object) -> tuple[str, float]:
    """The winner and when it won, in seconds."""
    result = world.connect(*addresses, **more)
    assert isinstance(result, Connected), result
    return result.address, result.at_s


def failure(world: World, *addresses: str, **more: object) -> tuple[Exception, float]:
    """The error and when it was raised, in seconds."""
    result = world.connect(*addresses, **more)
    assert isinstance(result, Failed), result
    return result.error, result.at_s


# RFC 8305 section 3: asking.


def test_both_lookups_are_asked_at_once_ipv6_first() -> None:
    world = World({SIX: Accepts()})
    ended(world, aaaa=Lookup([SIX], 0.010), a=Lookup([FOUR], 0.020))
    asked = [(step.t_s, step.facts["family"]) for step in world.steps if step.kind == "lookup"]
    assert asked == [(0.0, 6), (0.0, 4)]


def test_ipv6_addresses_do_not_wait_for_ipv4_ones() -> None:
    world = World({SIX: Accepts(0.002)})
    assert ended(world, aaaa=Lookup([SIX], 0.001), a=Lookup([FOUR], 1.0)) == (SIX, 0.003)


def test_a_lost_answer_of_ipv4_addresses_costs_nothing() -> None:
    assert ended(World({SIX: Accepts(0.002)}), aaaa=Lookup([SIX]), a=NEVER) == (SIX, 0.002)


def test_ipv4_addresses_wait_50_ms_for_ipv6_ones() -> None:
    world = World({SIX: Accepts(), FOUR: Accepts(0.002)})
    assert ended(world, aaaa=Lookup([SIX], 1.0), a=Lookup([FOUR], 0.001)) == (FOUR, 0.053)


def test_ipv6_addresses_within_the_resolution_delay_are_tried_first() -> None:
    world = World({SIX: Accepts(0.002), FOUR: Accepts(0.002)})
    assert ended(world, aaaa=Lookup([SIX], 0.049), a=Lookup([FOUR])) == (SIX, 0.051)
    assert world.started == [(SIX, 0.049)]


def test_an_empty_ipv6_answer_ends_the_resolution_delay() -> None:
    assert ended(World({FOUR: Accepts(0.002)}), aaaa=Lookup(after_s=0.020), a=Lookup([FOUR])) == (FOUR, 0.022)


def test_a_failed_ipv6_lookup_ends_the_resolution_delay() -> None:
    world = World({FOUR: Accepts(0.002)})
    assert ended(world, aaaa=Lookup(after_s=0.020, error=NO_SERVER), a=Lookup([FOUR])) == (FOUR, 0.022)


def test_a_lost_ipv6_answer_costs_the_resolution_delay_and_no_more() -> None:
    assert ended(World({FOUR: Accepts(0.002)}), aaaa=NEVER, a=Lookup([FOUR])) == (FOUR, 0.052)


def test_no_resolution_delay_where_none_is_wanted() -> None:
    world = World({FOUR: Accepts(0.002)}, timing=Timing(resolution_delay_s=0.0))
    assert ended(world, aaaa=NEVER, a=Lookup([FOUR])) == (FOUR, 0.002)


def test_where_the_policy_prefers_ipv4_ipv6_waits_for_it() -> None:
    world = World({SIX: Accepts(0.002), FOUR: Accepts(0.002)}, table=parse_gai_conf("precedence ::ffff:0:0/96 100"))
    assert ended(world, aaaa=Lookup([SIX]), a=Lookup([FOUR], 0.010)) == (FOUR, 0.012)


def test_late_ipv6_addresses_join_and_the_attempt_under_way_goes_on() -> None:
    world = World({FOUR: Accepts(0.5), SIX: Accepts(0.002)})
    assert ended(world, aaaa=Lookup([SIX], 0.1), a=Lookup([FOUR])) == (SIX, 0.302)
    assert world.started == [(FOUR, 0.05), (SIX, 0.3)]


def test_late_addresses_are_sorted_in_and_not_appended() -> None:
    world = World({FOUR: Refuses(0.3), SIX: Accepts(0.002)})
    late = ended(world, aaaa=Lookup([SIX], 0.1), a=Lookup([FOUR, FOUR_TOO, "198.51.100.3"]))
    assert late == (SIX, 0.302)
    assert [address for address, _ in world.started] == [FOUR, SIX]


def test_late_addresses_start_at_once_where_all_before_them_have_failed() -> None:
    world = World({FOUR: Refuses(0.002), SIX: Accepts(0.002)})
    assert ended(world, aaaa=Lookup([SIX], 0.2), a=Lookup([FOUR])) == (SIX, 0.202)


def test_an_address_in_both_answers_is_tried_once() -> None:
    world = World({FOUR: Refuses(), FOUR_TOO: Refuses()})
    failure(world, aaaa=Lookup([FOUR]), a=Lookup([FOUR, FOUR_TOO]))
    assert [address for address, _ in world.started] == [FOUR, FOUR_TOO]


# RFC 8305 section 4: the order.


def test_addresses_are_sorted_by_rfc_6724_and_the_families_take_turns() -> None:
    world = World(timing=Timing(attempt_delay_s=0.1))
    failure(world, aaaa=Lookup([SIX, SIX_TOO, "2001:db8::3"]), a=Lookup([FOUR, FOUR_TOO]), timeout_s=2)
    tried = [address for address, _ in world.started]
    assert tried == [SIX, FOUR, SIX_TOO, FOUR_TOO, "2001:db8::3"]


def test_first_address_family_count() -> None:
    world = World(timing=Timing(attempt_delay_s=0.1, first_family_count=2))
    failure(world, FOUR, FOUR_TOO, SIX, SIX_TOO, timeout_s=2)
    assert [address for address, _ in world.started] == [SIX, SIX_TOO, FOUR, FOUR_TOO]


def test_an_address_without_a_way_there_is_tried_last() -> None:
    world = World({SIX: Refuses(0.0, errno.ENETUNREACH), FOUR: Accepts(0.002)})
    assert ended(world, Candidate(Address(SIX)), FOUR) == (FOUR, 0.002)


# RFC 8305 section 5: connecting.


def test_a_dead_first_address_costs_one_delay_and_no_more() -> None:
    world = World({FOUR: Accepts(0.010)})
    assert ended(world, SIX, FOUR) == (FOUR, 0.26)


def test_a_refused_first_address_costs_its_round_trip_alone() -> None:
    world = World({SIX: Refuses(0.004), FOUR: Accepts(0.004)})
    assert ended(world, SIX, FOUR) == (FOUR, 0.008)


def test_a_failure_starts_the_next_at_once_even_where_others_are_under_way() -> None:
    world = World({FOUR: Refuses(0.010)})
    failure(world, SIX, FOUR, SIX_TOO, timeout_s=1)
    assert world.started == [(SIX, 0.0), (FOUR, 0.25), (SIX_TOO, 0.26)]


def test_a_slow_first_address_still_wins_where_the_other_is_refused() -> None:
    world = World({SIX: Accepts(0.3), FOUR: Refuses(0.002)})
    assert ended(world, SIX, FOUR) == (SIX, 0.3)


def test_attempts_overlap_and_the_first_to_connect_wins() -> None:
    world = World({SIX: Accepts(0.3), FOUR: Accepts(0.2)})
    assert ended(world, SIX, FOUR) == (SIX, 0.3)
    assert world.kinds()[-2:] == ["connected", "cancelled"]


def test_the_second_ipv6_address_is_reached_where_the_first_is_dead_and_ipv4_refuses() -> None:
    world = World({FOUR: Refuses(0.001), SIX_TOO: Accepts(0.002)})
    assert ended(world, SIX, SIX_TOO, FOUR) == (SIX_TOO, 0.253)


def test_five_dead_addresses_cost_five_delays_and_a_round_trip() -> None:
    dead = [f"2001:db8::{number}" for number in range(5)]
    world = World({"2001:db8::ffff": Accepts(0.004)})
    assert ended(world, *dead, "2001:db8::ffff") == ("2001:db8::ffff", 1.254)


@pytest.mark.parametrize(("late_s", "last_at"), [(0.0009, 1.2509), (0.009, 1.259), (0.011, 1.305)])
def test_a_timer_that_is_late_makes_the_next_one_no_later(late_s: float, last_at: float) -> None:
    """What is late by 10 ms and more was no timer's fault: the delay is whole again."""
    race = Race("host:80", (Question(0),), 0.0, timing=Timing())
    race.answered(Question(0), Answer([candidate(f"2001:db8::{number}") for number in range(6)]), 0.0)
    started = []
    while race.wake_at < 10:
        started.append(race.wake_at + late_s)
        race.tick(started[-1])
    assert started[-1] == pytest.approx(last_at)


def test_delays_that_are_made_up_for_are_never_under_10_ms() -> None:
    race = Race("host:80", (Question(0),), 0.0, timing=Timing(attempt_delay_s=0.010))
    race.answered(Question(0), Answer([candidate(f"2001:db8::{number}") for number in range(3)]), 0.0)
    race.tick(0.015)
    assert race.wake_at == pytest.approx(0.025)


@pytest.mark.parametrize("count", [1, 2, 7, 40])
def test_every_address_is_tried_before_it_is_given_up(count: int) -> None:
    addresses = [f"2001:db8::{number:x}" for number in range(1, count + 1)]
    world = World(dict.fromkeys(addresses, Refuses(0.001)))
    error, at_s = failure(world, *addresses)
    assert isinstance(error, DialRefused)
    assert [address for address, _ in error.attempts] == addresses
    assert at_s == pytest.approx(count * 0.001)


@pytest.mark.parametrize("delay_s", [0.009, 0.0, -1.0, float("nan")])
def test_the_delay_is_never_under_10_ms(delay_s: float) -> None:
    with pytest.raises(ValueError, match="at least"):
        Timing(attempt_delay_s=delay_s)


def test_the_delay_may_be_10_ms() -> None:
    world = World({FOUR: Accepts(0.002)}, timing=Timing(attempt_delay_s=0.010))
    assert ended(world, SIX, FOUR) == (FOUR, 0.012)


@pytest.mark.parametrize("wrong", [{"resolution_delay_s": -1}, {"first_family_count": 0}, {"in_flight": 0}])
def test_other_timings_that_cannot_be_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"at least|0 or more"):
        Timing(**wrong)


def test_at_most_so_many_attempts_are_under_way() -> None:
    addresses = [f"2001:db8::{number:x}" for number in range(20)]
    world = World(timing=Timing(in_flight=4))
    failure(world, *addresses, timeout_s=60)
    assert world.most_open == 4


def test_with_all_places_taken_the_oldest_makes_room_after_three_seconds() -> None:
    world = World({"2001:db8::2": Accepts(0.010)}, timing=Timing(in_flight=2))
    assert ended(world, "2001:db8::", "2001:db8::1", "2001:db8::2") == ("2001:db8::2", 3.01)


def test_the_oldest_makes_room_at_the_very_time_that_is_waited_for() -> None:
    began = 1.2622457493790553  # (began + 3.0) - began is a little under 3.0
    race = Race("host:80", (Question(0),), began, timing=Timing(in_flight=1))
    race.answered(Question(0), Answer((candidate(SIX), candidate(FOUR))), began)
    stop, start = race.tick(race.wake_at)
    assert stop == Stop(0)
    assert isinstance(start, Start)


def test_with_all_places_taken_a_failure_makes_room() -> None:
    world = World({"2001:db8::1": Refuses(0.1), "2001:db8::2": Accepts(0.010)}, timing=Timing(in_flight=2))
    assert ended(world, "2001:db8::", "2001:db8::1", "2001:db8::2") == ("2001:db8::2", 0.36)


def test_the_only_address_left_is_never_dropped() -> None:
    world = World({"2001:db8::1": Accepts(100.0)}, timing=Timing(in_flight=1))
    assert ended(world, "2001:db8::1") == ("2001:db8::1", 100.0)


# The draft of version 3: a handshake belongs to the connection.


def test_the_handshake_decides_and_losers_are_kept_until_it_is_done() -> None:
    world = World({SIX: Accepts(0.002), FOUR: Accepts(0.002)}, handshakes={SIX: Silent(), FOUR: Accepts(0.004)})
    address, at_s = ended(world, SIX, FOUR)
    assert (address, at_s) == (FOUR, 0.258)


def test_a_connection_that_has_begun_its_handshake_gets_its_delay_anew() -> None:
    world = World({SIX: Accepts(0.200), FOUR: Accepts(0.002)}, handshakes={SIX: Accepts(0.200)})
    assert ended(world, SIX, FOUR) == (SIX, 0.4)
    assert world.started == [(SIX, 0.0)]


def test_a_handshake_that_fails_starts_the_next_at_once() -> None:
    world = World({SIX: Accepts(0.002), FOUR: Accepts(0.002)}, handshakes={SIX: Refuses(0.010, errno.EPROTO)})
    assert ended(world, SIX, FOUR) == (FOUR, 0.014)


# Deadline and cancellation.


def test_the_deadline_counts_for_all_of_it() -> None:
    error, at_s = failure(World(), aaaa=Lookup([SIX], 0.4), a=Lookup([FOUR], 0.6), timeout_s=1.0)
    assert at_s == 1.0
    assert isinstance(error, DialTimedOut)
    assert isinstance(error, TimeoutError)
    assert error.errno == errno.ETIMEDOUT
    assert error.exit_code == ExitCode.TIMEOUT
    assert str(error) == f"cannot connect to host:80: no connection within 1 s ({SIX}: no answer; {FOUR}: no answer)"


def test_lookups_that_never_answer_end_at_the_deadline() -> None:
    error, at_s = failure(World(), aaaa=NEVER, a=NEVER, timeout_s=2.0)
    assert at_s == 2.0
    assert isinstance(error, DialTimedOut)
    assert "no answer to the lookup of its IPv6 and IPv4 addresses within 2 s" in str(error)


def test_where_nobody_was_asked_the_error_says_that_it_waited_for_its_turn() -> None:
    asked: set[Question] = set()
    for expected in ("addresses waited for its turn for 2 s", "no answer to the lookup of its IPv6 and IPv4 addresses"):
        lookups = (Question(6), Question(4))
        race = Race("host:80", lookups, 0.0, timing=Timing(), deadline=2.0, name="host", asked=asked)
        race.tick(2.0)
        assert expected in str(race.error)
        asked.add(Question(4))


def test_a_deadline_already_past_starts_nothing() -> None:
    world = World({SIX: Accepts()})
    error, at_s = failure(world, SIX, timeout_s=0.0)
    assert (world.started, at_s) == ([], 0.0)
    assert isinstance(error, DialTimedOut)


@pytest.mark.parametrize("at_s", [0.0, 0.01, 0.049, 0.05, 0.051, 0.2, 0.3, 0.301, 0.5])
def test_cancelled_at_any_point_nothing_is_left_open(at_s: float) -> None:
    world = World({FOUR: Accepts(1.0), SIX: Accepts(1.0)})
    assert world.connect(aaaa=Lookup([SIX], 0.1), a=Lookup([FOUR]), cancel_at_s=at_s) is None


def test_what_happens_after_the_end_is_ignored_and_a_second_success_is_stopped() -> None:
    race = Race("host:80", (Question(0),), 0.0, timing=Timing())
    (first,) = race.answered(Question(0), Answer((candidate(SIX), candidate(FOUR))), 0.0)
    (second,) = race.tick(0.25)
    assert isinstance(first, Start)
    assert isinstance(second, Start)
    assert race.connected(first.attempt.number, 0.3) == [Stop(second.attempt.number)]
    assert race.connected(second.attempt.number, 0.3) == [Stop(second.attempt.number)]
    assert race.failed(second.attempt.number, errno.ECONNREFUSED, "Connection refused", 0.3) == []
    assert race.answered(Question(0), Answer((candidate(FOUR_TOO),)), 0.3) == []
    assert race.tick(0.4) == []
    assert race.cancel(0.4) == []
    race.progressed(first.attempt.number, 0.4)
    assert race.wake_at == float("inf")
    assert race.winner is first.attempt


def test_an_answer_nobody_asked_for_is_ignored() -> None:
    race = Race("host:80", (Question(6),), 0.0, timing=Timing())
    assert race.answered(Question(4), Answer((candidate(FOUR),)), 0.0) == []
    assert not race.is_over


# What an error says.


def test_one_error_tells_of_every_address_in_the_order_tried() -> None:
    world = World({SIX: Refuses(0.010), FOUR: Refuses(0.020, errno.EHOSTUNREACH)})
    error, _ = failure(world, SIX, FOUR)
    assert isinstance(error, DialError)
    assert error.errno is None
    assert error.exit_code == ExitCode.UNAVAILABLE
    assert error.elapsed_s == pytest.approx(0.030)
    assert str(error) == f"cannot connect to host:80: {SIX}: Connection refused; {FOUR}: No route to host"
    group = error.__cause__
    assert isinstance(group, ExceptionGroup)
    told = [(each.address, each.errno, each.started_s, each.elapsed_s) for each in group.exceptions]
    assert told == [
        (SIX, errno.ECONNREFUSED, 0.0, pytest.approx(0.010)),
        (FOUR, errno.EHOSTUNREACH, pytest.approx(0.010), pytest.approx(0.020)),
    ]
    assert [step.kind for step in error.steps] == ["sort", "attempt", "failed", "attempt", "failed"]


def test_where_all_agree_their_errno_is_the_errors() -> None:
    error, _ = failure(World({SIX: Refuses(), FOUR: Refuses()}), SIX, FOUR)
    assert isinstance(error, ConnectionRefusedError)
    assert error.errno == errno.ECONNREFUSED


def test_a_name_that_does_not_exist() -> None:
    error, _ = failure(World(), aaaa=Lookup(error=NO_NAME), a=Lookup(error=NO_NAME))
    assert error is NO_NAME
    assert error.exit_code == ExitCode.UNAVAILABLE
    assert [step.kind for step in error.steps] == ["lookup", "lookup", "answer", "answer"]


def test_servers_that_do_not_answer_say_more_than_that_there_is_no_address() -> None:
    error, _ = failure(World(), aaaa=Lookup(error=NO_NAME), a=Lookup(after_s=3.0, error=NO_SERVER))
    assert error is NO_SERVER
    assert error.exit_code == ExitCode.TIMEOUT


def test_a_lookup_without_an_answer_is_told_where_the_addresses_that_are_known_fail() -> None:
    error, _ = failure(World({SIX: Refuses()}), aaaa=Lookup([SIX]), a=Lookup(after_s=3.0, error=NO_SERVER))
    assert str(error) == f"cannot connect to host:80: lookup of 'host': no server answers ({SIX}: Connection refused)"
    assert error.errno == errno.ECONNREFUSED


def test_a_name_without_any_address() -> None:
    error, _ = failure(World(), aaaa=Lookup(), a=Lookup())
    assert str(error) == "cannot connect to host:80: it has no address"


def test_what_was_left_out_is_said_where_nothing_else_is_left() -> None:
    denied = LeftOut(Address("10.0.0.1"), "rule `deny 10.0.0.0/8` denies it", errno.EACCES)
    world = World()
    error, _ = failure(world, a=Lookup(left_out=[denied]))
    assert str(error) == "cannot connect to host:80: 10.0.0.1: rule `deny 10.0.0.0/8` denies it"
    assert error.errno == errno.EACCES
    assert world.kinds() == ["lookup", "answer", "filtered"]


def test_reasons_that_differ_have_no_errno() -> None:
    both = [LeftOut(Address("10.0.0.1"), "x", errno.EACCES), LeftOut(Address(SIX), "y", errno.EAFNOSUPPORT)]
    error, _ = failure(World(), a=Lookup(left_out=both))
    assert error.errno is None


# The trace.


def test_every_step_is_told_with_its_time_as_it_happens() -> None:
    world = World({SIX: Refuses(0.1), FOUR: Accepts(0.002)})
    ended(world, aaaa=Lookup([SIX], 0.020), a=Lookup([FOUR], 0.010))
    assert [(step.kind.value, round(step.t_s, 3)) for step in world.steps] == [
        ("lookup", 0.0),
        ("lookup", 0.0),
        ("answer", 0.010),
        ("wait", 0.010),
        ("answer", 0.020),
        ("sort", 0.020),
        ("attempt", 0.020),
        ("failed", 0.120),
        ("attempt", 0.120),
        ("connected", 0.122),
    ]


def test_a_synthesised_address_is_told() -> None:
    there = Candidate(Address("64:ff9b::198.51.100.1"), Address("2001:db8::9"), synthesised_from=Address(FOUR))
    world = World({str(there.address): Accepts()})
    ended(world, aaaa=Lookup(), a=Lookup([there]))
    assert "synthesised" in world.kinds()


def test_a_synthesised_address_does_not_wait_for_ipv6_ones() -> None:
    there = Candidate(Address("64:ff9b::198.51.100.1"), Address("2001:db8::9"), synthesised_from=Address(FOUR))
    world = World({str(there.address): Accepts(0.002)})
    assert ended(world, aaaa=NEVER, a=Lookup([there]), timeout_s=9)[1] == 0.002


# What it learns and what it has learnt.


def test_from_the_second_time_on_a_dead_family_costs_nothing() -> None:
    world = World({FOUR: Accepts(0.002)}, memory=History())
    assert ended(world, SIX, FOUR) == (FOUR, 0.252)
    for _ in range(9):
        assert ended(world, SIX, FOUR) == (FOUR, 0.002)


def test_from_the_second_time_on_an_unreachable_family_costs_nothing() -> None:
    world = World({SIX: Refuses(0.004, errno.EHOSTUNREACH), FOUR: Accepts(0.004)}, memory=History())
    assert ended(world, SIX, FOUR) == (FOUR, 0.008)
    assert ended(world, SIX, FOUR) == (FOUR, 0.004)


def test_a_port_that_is_refused_says_nothing_of_the_way_there() -> None:
    world = World({SIX: Refuses(0.004), FOUR: Accepts(0.004)}, memory=History())
    assert ended(world, SIX, FOUR) == (FOUR, 0.008)
    world.hosts = {SIX: Accepts(0.004), FOUR: Accepts(0.004)}
    assert ended(world, SIX, FOUR) == (SIX, 0.004)


def test_ipv6_back_after_an_outage_is_used_again_within_ten_minutes_whatever_probes_say() -> None:
    world = World({FOUR: Accepts(0.002)}, memory=History())
    ended(world, SIX, FOUR)
    # Slow: a probe's 10 ms are not enough for it, the whole delay is.
    world.hosts = {FOUR: Accepts(0.002), SIX: Accepts(0.100)}
    began = world.now
    while (reached := ended(world, SIX, FOUR))[0] == FOUR:
        assert reached[1] <= 0.012
        world.now += 1.0
    assert 590 < world.now - began <= 602


def test_what_steps_back_waits_for_the_other_family_but_not_long() -> None:
    world = World({FOUR: Accepts(0.002)}, memory=History())
    ended(world, SIX, FOUR)
    assert ended(world, aaaa=Lookup([SIX]), a=Lookup([FOUR], 0.001)) == (FOUR, 0.003)
    world.hosts = {SIX: Accepts(0.002)}
    assert ended(world, aaaa=Lookup([SIX]), a=NEVER) == (SIX, 0.052)


def test_a_probe_finds_ipv6_back_within_a_minute() -> None:
    world = World({FOUR: Accepts(0.002)}, memory=History())
    ended(world, SIX, FOUR)
    world.hosts = {FOUR: Accepts(0.002), SIX: Accepts(0.003)}
    began = world.now
    while ended(world, SIX, FOUR)[0] == FOUR:
        world.now += 1.0
    assert world.now - began <= 61


def test_a_probe_costs_10_ms_at_most_once_a_minute_and_opens_nothing_unasked() -> None:
    world = World({FOUR: Accepts(0.002)}, memory=History())
    ended(world, SIX, FOUR)
    slow = 0
    for _ in range(300):
        world.now += 1.0
        address, at_s = ended(world, SIX, FOUR)
        assert address == FOUR
        assert at_s in {0.002, 0.012}
        slow += at_s == 0.012
    assert slow == 5


def test_ipv4_stands_in_for_a_stepping_back_ipv6_that_works_again_when_it_fails_itself() -> None:
    world = World({FOUR: Accepts(0.002)}, memory=History())
    ended(world, SIX, FOUR)
    world.hosts = {SIX: Accepts(0.002), FOUR: Refuses(0.002)}
    assert ended(world, SIX, FOUR) == (SIX, 0.004)
    assert ended(world, SIX, FOUR) == (SIX, 0.002)


def test_of_two_addresses_the_one_that_worked_is_tried_first() -> None:
    world = World({SIX_TOO: Accepts(0.002), FOUR: Refuses(0.001)}, memory=History())
    assert ended(world, SIX, SIX_TOO, FOUR) == (SIX_TOO, 0.253)
    assert ended(world, SIX, SIX_TOO, FOUR) == (SIX_TOO, 0.002)


def test_where_everything_fails_nothing_is_learnt() -> None:
    history = History()
    failure(World({SIX: Refuses(), FOUR: Refuses()}, memory=history), SIX, FOUR)
    assert len(history) == 0


@pytest.mark.parametrize("number", [errno.EMFILE, errno.EADDRNOTAVAIL, errno.EACCES])
def test_what_fails_for_a_reason_of_this_host_teaches_nothing_of_another(number: int) -> None:
    world = World({SIX: Refuses(0.0, number), FOUR: Accepts(0.002)}, memory=History())
    ended(world, SIX, FOUR)
    world.hosts = {SIX: Accepts(0.002)}
    assert ended(world, SIX, FOUR) == (SIX, 0.002)


def test_who_lost_without_a_whole_head_start_is_not_taken_for_dead() -> None:
    third = "2001:db8:3::1"
    hosts = {"2001:db8:1::1": Refuses(0.255), FOUR: Accepts(1.0), third: Accepts(0.002)}
    world = World(hosts, memory=History())
    assert ended(world, "2001:db8:1::1", third, FOUR) == (third, 0.257)
    known = world.memory.recall(candidate(FOUR), world.now)
    assert not known.has_failed


def test_the_delay_comes_from_measured_times() -> None:
    world = World({SIX: Accepts(0.2), FOUR: Accepts(0.002)}, memory=History())
    ended(world, SIX)
    world.hosts = {FOUR: Accepts(0.002)}
    assert ended(world, SIX, FOUR) == (FOUR, 0.602)  # the round trip and four times its deviation (RFC 6298)


def test_a_delay_that_was_asked_for_stays_as_it_is() -> None:
    world = World({SIX: Accepts(0.2)}, memory=History(), timing=Timing(attempt_delay_s=0.3))
    ended(world, SIX)
    world.hosts = {FOUR: Accepts(0.002)}
    assert ended(world, SIX, FOUR) == (FOUR, 0.302)


# Laws.

BEHAVIOURS = st.one_of(st.builds(Accepts, st.floats(0, 2)), st.builds(Refuses, st.floats(0, 2)), st.just(Silent()))
LOOKUPS = st.builds(
    Lookup, st.lists(st.sampled_from([SIX, SIX_TOO, "2001:db8::3"]), unique=True, max_size=3), st.floats(0, 3)
)
LOOKUPS_V4 = st.builds(Lookup, st.lists(st.sampled_from([FOUR, FOUR_TOO]), unique=True, max_size=2), st.floats(0, 3))


@given(st.lists(BEHAVIOURS, min_size=5, max_size=5), LOOKUPS, LOOKUPS_V4, st.floats(0, 20), st.sampled_from([1, 2, 12]))
def test_whatever_happens_it_ends_by_the_deadline_with_one_socket_or_none(
    behaviours: list[object], aaaa: Lookup, a: Lookup, timeout_s: float, in_flight: int
) -> None:
    hosts = dict(zip([SIX, SIX_TOO, "2001:db8::3", FOUR, FOUR_TOO], behaviours, strict=True))
    world = World(hosts, memory=History(), timing=Timing(in_flight=in_flight))
    for _ in range(3):
        result = world.connect(aaaa=aaaa, a=a, timeout_s=timeout_s)
        assert result is not None
        assert result.at_s <= timeout_s + 1e-6
        assert world.most_open <= in_flight
        tried = [address for address, _ in world.started]
        assert len(tried) == len(set(tried))


@given(st.lists(BEHAVIOURS, min_size=5, max_size=5), LOOKUPS, LOOKUPS_V4)
def test_a_host_that_accepts_is_reached_where_the_time_suffices(
    behaviours: list[object], aaaa: Lookup, a: Lookup
) -> None:
    hosts = dict(zip([SIX, SIX_TOO, "2001:db8::3", FOUR, FOUR_TOO], behaviours, strict=True))
    named = [*aaaa.addresses, *a.addresses]
    result = World(hosts).connect(aaaa=aaaa, a=a, timeout_s=60)
    assert isinstance(result, Connected) == any(isinstance(hosts[address], Accepts) for address in named)


# The dialling tables of other implementations, their situations in our words.

GO_DIAL_PARALLEL = [
    # Go's net/dial_test.go: primary and fallback, each instant, slow or broken; the fallback delay is 200 ms.
    (Accepts(0.0), Accepts(0.0), SIX, 0.0),
    (Accepts(0.0), Silent(), SIX, 0.0),
    (Silent(), Accepts(0.0), FOUR, 0.25),
    (Accepts(0.1), Accepts(0.0), SIX, 0.1),
    (Accepts(0.4), Accepts(0.0), FOUR, 0.25),
    (Refuses(0.0), Accepts(0.0), FOUR, 0.0),
    (Refuses(0.0), Accepts(0.4), FOUR, 0.4),
    (Accepts(0.0), Refuses(0.0), SIX, 0.0),
    (Accepts(0.4), Refuses(0.0), SIX, 0.4),
]


@pytest.mark.parametrize(("primary", "fallback", "winner", "at_s"), GO_DIAL_PARALLEL)
def test_a_primary_and_a_fallback(primary: object, fallback: object, winner: str, at_s: float) -> None:
    assert ended(World({SIX: primary, FOUR: fallback}), SIX, FOUR) == (winner, at_s)


def test_both_broken_end_when_the_last_is() -> None:
    assert failure(World({SIX: Refuses(0.0), FOUR: Refuses(0.0)}), SIX, FOUR)[1] == 0.0


A, B, C, D = "2001:db8::a", "2001:db8::b", "2001:db8::c", "2001:db8::d"
TRIO_SCRIPTS = [
    # trio's test_highlevel_open_tcp_stream.py: (address, delay, outcome) scripts, its delay of 250 ms.
    ({A: Accepts(1.23)}, [A], (A, 1.23)),
    ({A: Refuses(1.0), B: Accepts(1.0)}, [A, B], (B, 1.25)),
    ({A: Refuses(0.1), B: Accepts(0.05)}, [A, B], (B, 0.15)),
    ({A: Accepts(1.0), B: Accepts(10)}, [A, B], (A, 1.0)),
    ({A: Accepts(10), B: Accepts(0.2)}, [A, B], (B, 0.45)),
    ({A: Refuses(0.5), B: Accepts(10), C: Accepts(1.0)}, [A, B, C], (C, 1.5)),
    ({A: Accepts(3), B: Refuses(0.1), C: Accepts(0.2), D: Accepts(0.3)}, [A, B, C, D], (C, 0.55)),
]


@pytest.mark.parametrize(("hosts", "addresses", "expected"), TRIO_SCRIPTS)
def test_a_script_of_addresses(hosts: dict[str, object], addresses: list[str], expected: tuple[str, float]) -> None:
    assert ended(World(hosts), *addresses) == expected


@pytest.mark.parametrize(("six", "four"), list(product([Refuses(0.0), Refuses(0.1), Refuses(0.3)], repeat=2)))
def test_all_that_refuse_are_in_the_error(six: Refuses, four: Refuses) -> None:
    error, _ = failure(World({SIX: six, FOUR: four}), SIX, FOUR)
    assert {address for address, _ in error.attempts} == {SIX, FOUR}
