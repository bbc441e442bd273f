"""The race with service records, clause by clause, in virtual time (RFC 9460; the Happy Eyeballs v3 draft; X2)."""

import errno
import socket
from collections.abc import Sequence

import pytest

from dualstack.core.dial.egress import LeftOut
from dualstack.core.dial.history import History
from dualstack.core.dial.order import Candidate
from dualstack.core.dial.resolution import Service
from dualstack.errors import DialError, DialRefused, DialTimedOut, LookupFailed
from support.world import NEVER, Accepts, Connected, Failed, Lookup, Refuses, World, candidate

SIX, FOUR = "2001:db8::1", "198.51.100.1"
SVC_SIX, SVC_FOUR, SVC_TOO = "2001:db8:5::1", "203.0.113.1", "2001:db8:6::1"
NO_NAME = LookupFailed("host", "no such name", errno=socket.EAI_NONAME)
NO_SERVER = LookupFailed("host", "no server answers", errno=socket.EAI_AGAIN, timed_out=True)
OWN = {"aaaa": Lookup([SIX], 0.001), "a": Lookup([FOUR], 0.001)}


def service(
    priority: int = 1, name: str | None = None, port: int | None = None, hints: Sequence[str] = (), why_not: str = ""
) -> Service:
    return Service(priority, name, port, tuple(map(candidate, hints)), ("h2",), why_not=why_not)


def https(*services: Service, after_s: float = 0.001) -> Lookup:
    return Lookup(services=services, after_s=after_s)


def ended(world: World, **more: object) -> tuple[str, float]:
    """The winner and when it won, in seconds."""
    result = world.connect(**more)
    assert isinstance(result, Connected), result
    return result.address, result.at_s


def started(world: World) -> list[str]:
    return [where for where, _ in world.started]


# The draft, section 4: asking.


def test_three_lookups_are_asked_at_once_services_first() -> None:
    world = World({SIX: Accepts()})
    ended(world, https=https(), **OWN)
    asked = [
        (step.t_s, step.facts["family"], step.facts.get("record")) for step in world.steps if step.kind == "lookup"
    ]
    assert asked == [(0.0, 0, "HTTPS"), (0.0, 6, None), (0.0, 4, None)]


def test_services_that_are_late_are_waited_for_50_ms() -> None:
    world = World({SIX: Accepts(0.002), SVC_SIX: Accepts(0.002)})
    late = https(service(hints=[SVC_SIX], name="svc"), after_s=0.049)
    assert ended(world, https=late, **OWN) == (SVC_SIX, 0.051)


def test_services_that_are_lost_cost_the_resolution_delay_and_no_more() -> None:
    assert ended(World({SIX: Accepts(0.002)}), https=NEVER, **OWN) == (SIX, 0.053)


@pytest.mark.parametrize("answer", [https(after_s=0.020), Lookup(after_s=0.020, error=NO_SERVER)])
def test_that_there_are_no_services_ends_the_wait(answer: Lookup) -> None:
    assert ended(World({SIX: Accepts(0.002)}), https=answer, **OWN) == (SIX, 0.022)


def test_services_that_come_while_an_attempt_is_under_way_are_tried_next() -> None:
    world = World({SIX: Accepts(1.0), SVC_SIX: Accepts(0.002)})
    late = https(service(hints=[SVC_SIX], name="svc"), after_s=0.1)
    assert ended(world, https=late, **OWN) == (SVC_SIX, 0.303)
    assert world.started == [(SIX, 0.051), (SVC_SIX, 0.301)]


def test_a_failed_lookup_of_services_is_no_error_where_there_are_addresses() -> None:
    world = World({SIX: Refuses(), FOUR: Refuses()})
    result = world.connect(https=Lookup(error=NO_SERVER), **OWN)
    assert isinstance(result, Failed)
    assert isinstance(result.error, DialRefused)
    assert "no server answers" not in str(result.error)


def test_a_name_without_addresses_has_its_own_error_and_not_that_of_its_services() -> None:
    result = World().connect(https=Lookup(error=NO_SERVER), aaaa=Lookup(error=NO_NAME), a=Lookup(error=NO_NAME))
    assert isinstance(result, Failed)
    assert result.error is NO_NAME


# The draft, section 4.2.1: hints, and the names of services.


def test_a_hint_is_dialled_before_any_address_is_known() -> None:
    world = World({SIX: Accepts(0.002)})
    assert ended(world, https=https(service(hints=[SIX])), aaaa=Lookup([SIX], 0.5), a=Lookup([FOUR], 0.5)) == (
        SIX,
        0.003,
    )


def test_an_ipv4_hint_waits_50_ms_for_ipv6_addresses() -> None:
    world = World({FOUR: Accepts(0.002), SIX: Accepts(0.002)})
    hinted = https(service(hints=[FOUR]))
    assert ended(world, https=hinted, aaaa=Lookup([SIX], 0.5), a=Lookup([FOUR], 0.5)) == (FOUR, 0.053)
    assert ended(world, https=hinted, aaaa=Lookup([SIX], 0.04), a=Lookup([FOUR], 0.5)) == (SIX, 0.042)


def test_the_addresses_take_the_place_of_their_hints() -> None:
    """A hint that is not among them is not tried any more; the family that is not known yet keeps its hints."""
    world = World({SVC_TOO: Refuses(0.001), SVC_FOUR: Accepts(0.002)})
    result = ended(
        world,
        https=https(service(name="svc", hints=[SVC_SIX, SVC_FOUR]), after_s=0.020),
        later={("svc", 6): Lookup([SVC_TOO], 0.0)},
        aaaa=Lookup([], 0.0),
        a=Lookup([FOUR], 0.0),
    )
    assert result[0] == SVC_FOUR
    assert SVC_SIX not in started(world)[1:]


def test_a_hint_that_is_being_tried_goes_on_when_the_addresses_are_others() -> None:
    world = World({SVC_SIX: Accepts(0.1)})
    result = ended(
        world, https=https(service(name="svc", hints=[SVC_SIX])), later={("svc", 6): Lookup([SVC_TOO], 0.05)}, **OWN
    )
    assert result == (SVC_SIX, 0.101)


def test_an_empty_answer_takes_the_place_of_a_hint_too() -> None:
    world = World({SIX: Accepts(0.002)})
    hinted = https(service(hints=[SVC_SIX]), after_s=0.002)
    assert ended(world, https=hinted, aaaa=Lookup([SIX], 0.001), a=Lookup([], 0.001)) == (SIX, 0.004)
    assert started(world) == [SIX]


def test_an_address_that_comes_after_the_only_hint_was_withdrawn_is_the_first_again() -> None:
    world = World({FOUR: Accepts(0.002), SIX: Accepts(0.002)})
    hinted = https(service(hints=[FOUR]))
    assert ended(world, https=hinted, aaaa=Lookup([SIX], 0.1), a=Lookup([], 0.010)) == (SIX, 0.102)
    assert world.started == [(SIX, 0.1)]


def test_a_hint_stays_where_no_server_says_more() -> None:
    world = World({SVC_FOUR: Accepts(0.002)})
    silence = Lookup(error=NO_SERVER, after_s=0.001)
    later = {("svc", 4): Lookup(error=NO_SERVER, after_s=0.005), ("svc", 6): Lookup([], 0.010)}
    hinted = https(service(name="svc", hints=[SVC_FOUR]))
    assert ended(world, https=hinted, later=later, aaaa=silence, a=silence) == (SVC_FOUR, 0.013)


def test_what_is_wrong_with_a_services_name_is_not_the_error_of_the_target() -> None:
    later = {("svc", 6): Lookup(error=NO_SERVER), ("svc", 4): Lookup(error=NO_SERVER)}
    own = Lookup(error=NO_NAME, after_s=0.1)
    result = World().connect(https=https(service(name="svc")), later=later, aaaa=own, a=own)
    assert isinstance(result, Failed)
    assert result.error is NO_NAME


def test_the_name_of_a_service_is_asked_for_its_addresses() -> None:
    world = World({SVC_SIX: Accepts(0.002)})
    later = {("svc", 6): Lookup([SVC_SIX], 0.005)}
    assert ended(world, https=https(service(name="svc")), later=later, **OWN) == (SVC_SIX, 0.008)
    assert world.asked == [("svc", 6), ("svc", 4)]


def test_a_service_by_the_targets_own_name_asks_nothing_more() -> None:
    world = World({SIX: Accepts()})
    ended(world, https=https(service()), **OWN)
    assert world.asked == []


def test_one_name_of_two_services_is_asked_once() -> None:
    world = World({SIX: Accepts()})
    ended(world, https=https(service(1, "svc", 81), service(2, "svc", 82)), **OWN)
    assert world.asked == [("svc", 6), ("svc", 4)]


def test_a_family_that_is_not_dialled_is_not_asked_for_a_services_name_either() -> None:
    world = World({SVC_FOUR: Accepts(0.002)})
    later = {("svc", 4): Lookup([SVC_FOUR])}
    ended(world, https=https(service(name="svc")), later=later, a=Lookup([FOUR]))
    assert world.asked == [("svc", 4)]


def test_a_services_addresses_that_are_lost_cost_the_resolution_delay_and_then_the_targets_own_are_tried() -> None:
    world = World({SIX: Accepts(0.002)})
    assert ended(world, https=https(service(name="svc")), **OWN) == (SIX, 0.053)


def test_a_service_without_any_address_is_passed_over_at_once() -> None:
    world = World({SIX: Accepts(0.002)})
    later = {("svc", 6): Lookup([], 0.002), ("svc", 4): Lookup(error=NO_NAME, after_s=0.004)}
    assert ended(world, https=https(service(name="svc")), later=later, **OWN) == (SIX, 0.007)


def test_where_the_services_have_no_address_the_targets_own_wait_for_each_other() -> None:
    world = World({SIX: Accepts(0.002), FOUR: Accepts(0.002)})
    later = {("svc", 6): Lookup([], 0.002), ("svc", 4): Lookup([], 0.002)}
    answers = {"aaaa": Lookup([SIX], 0.030), "a": Lookup([FOUR], 0.001)}
    assert ended(world, https=https(service(name="svc")), later=later, **answers) == (SIX, 0.032)


def test_ipv6_of_a_services_name_is_waited_for_as_that_of_the_target() -> None:
    world = World({SVC_SIX: Accepts(0.002), SVC_FOUR: Accepts(0.002)})
    later = {("svc", 4): Lookup([SVC_FOUR], 0.001), ("svc", 6): Lookup([SVC_SIX], 0.020)}
    assert ended(world, https=https(service(name="svc")), later=later, **OWN) == (SVC_SIX, 0.023)


# The draft, sections 5.2, 5.3 and 6: the order.


def test_services_of_better_priority_come_first_and_the_targets_own_addresses_last() -> None:
    world = World()
    world.connect(
        https=https(service(2, "b", hints=[SVC_TOO]), service(1, "a", hints=[SVC_SIX, SVC_FOUR])), timeout_s=2, **OWN
    )
    assert started(world) == [SVC_SIX, SVC_FOUR, SVC_TOO, SIX, FOUR]


def test_services_alike_in_priority_keep_the_order_that_they_came_in() -> None:
    world = World()
    world.connect(https=https(service(1, "b", hints=[SVC_TOO]), service(1, "a", hints=[SVC_SIX])), timeout_s=2, **OWN)
    assert started(world)[:2] == [SVC_TOO, SVC_SIX]


def test_within_a_service_the_families_take_turns() -> None:
    world = World()
    world.connect(https=https(service(hints=[SVC_FOUR, SVC_SIX, SVC_TOO], name="svc")), timeout_s=2, **OWN)
    assert started(world)[:3] == [SVC_SIX, SVC_FOUR, SVC_TOO]


def test_attempts_of_one_service_go_on_beside_those_of_the_next() -> None:
    world = World({SVC_SIX: Accepts(0.4), SVC_TOO: Accepts(0.3)})
    both = https(service(1, "a", hints=[SVC_SIX]), service(2, "b", hints=[SVC_TOO]))
    assert ended(world, https=both, **OWN) == (SVC_SIX, 0.401)
    assert world.started[:2] == [(SVC_SIX, 0.001), (SVC_TOO, 0.251)]


def test_where_all_services_fail_the_target_is_connected_to_without_them() -> None:
    world = World({SVC_SIX: Refuses(0.001), SIX: Accepts(0.002)})
    assert ended(world, https=https(service(name="svc", port=8443, hints=[SVC_SIX])), **OWN) == (SIX, 0.004)


def test_a_services_port_is_dialled_and_the_targets_own_after_it() -> None:
    world = World({SIX: Refuses(0.001), FOUR: Refuses(0.001)})
    world.connect(https=https(service(port=8443)), **OWN)
    assert started(world) == [f"{SIX}:8443", f"{FOUR}:8443", SIX, FOUR]


def test_an_address_of_two_services_is_tried_once_for_each_port() -> None:
    world = World({SIX: Refuses(0.001), FOUR: Refuses(0.001)})
    world.connect(https=https(service(1, port=81), service(2, port=82), service(3, port=81)), **OWN)
    assert started(world) == [f"{SIX}:81", f"{FOUR}:81", f"{SIX}:82", f"{FOUR}:82", SIX, FOUR]


def test_a_service_that_must_not_be_used_is_told_and_not_used() -> None:
    world = World({SIX: Accepts(0.002)})
    odd = service(1, "odd", hints=[SVC_SIX], why_not="it must not be used without understanding key9999")
    assert ended(world, https=https(odd), **OWN) == (SIX, 0.003)
    assert world.asked == []
    (told,) = [step for step in world.steps if step.kind == "service"]
    assert told.facts["why_not"] == odd.why_not
    assert told.facts["alpn"] == ("h2",)
    assert told.as_json()["hints"] == [SVC_SIX]


def test_a_hint_that_the_rules_deny_is_told_and_is_the_error_where_nothing_else_is_left() -> None:
    left = LeftOut(candidate(SVC_SIX).address, "no rule allows it", errno.EACCES)
    denied = Lookup(services=[service(name="svc")], left_out=[left])
    world = World()
    result = world.connect(
        https=denied, aaaa=Lookup(), a=Lookup(), later={("svc", 6): Lookup(error=NO_NAME), ("svc", 4): Lookup()}
    )
    assert isinstance(result, Failed)
    assert isinstance(result.error, DialError)
    assert result.error.errno == errno.EACCES
    assert "filtered" in world.kinds()


# With what was learnt, and to the end.


def test_what_a_service_taught_is_known_the_next_time() -> None:
    """IPv6 of the service is dropped: the second connection begins with its IPv4."""
    world = World({SVC_FOUR: Accepts(0.002)}, memory=History())
    both = https(service(name="svc", hints=[SVC_SIX, SVC_FOUR]))
    assert ended(world, https=both, **OWN) == (SVC_FOUR, 0.253)
    assert ended(world, https=both, **OWN)[0] == SVC_FOUR
    assert started(world) == [SVC_FOUR]


def test_a_probe_begins_with_the_best_service_that_steps_back() -> None:
    history = History()
    world = World({SVC_FOUR: Accepts(0.002)}, memory=history)
    both = https(service(name="svc", hints=[SVC_SIX, SVC_FOUR]))
    ended(world, https=both, **OWN)
    world.now += 61
    world.hosts = {SVC_SIX: Accepts(0.002), SVC_FOUR: Accepts(0.5)}
    assert ended(world, https=both, **OWN) == (SVC_SIX, 0.003)


def test_the_deadline_is_over_services_too() -> None:
    result = World().connect(https=NEVER, aaaa=NEVER, a=NEVER, timeout_s=1.0)
    assert isinstance(result, Failed)
    assert isinstance(result.error, DialTimedOut)
    assert "lookup of its IPv6 and IPv4 addresses" in str(result.error)
    result = World().connect(https=https(service(hints=[SVC_SIX], name="svc")), timeout_s=1.0, **OWN)
    assert isinstance(result, Failed)
    assert isinstance(result.error, DialTimedOut)


def test_a_services_port_is_told_of_an_attempt() -> None:
    world = World({SIX: Accepts()})
    ended(world, https=https(service(port=8443)), **OWN)
    attempts = [step.facts.get("port") for step in world.steps if step.kind == "attempt"]
    assert attempts == [8443]


def test_a_hint_without_a_way_there_does_not_come_before_one_that_has_one() -> None:
    world = World({SVC_FOUR: Accepts(0.002)})
    mixed = Service(1, "svc", None, (Candidate(candidate(SVC_SIX).address), candidate(SVC_FOUR)))
    assert ended(world, https=https(mixed), aaaa=Lookup(), a=Lookup(), later={("svc", 6): Lookup()})[0] == SVC_FOUR


def test_cancelled_while_a_service_is_looked_up_nothing_is_left() -> None:
    world = World()
    assert world.connect(https=https(service(name="svc")), aaaa=NEVER, a=NEVER, cancel_at_s=0.1) is None
    assert world.started == []
