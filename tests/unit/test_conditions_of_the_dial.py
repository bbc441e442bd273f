"""Conditions with two halves, each half asked alone: what is one of the two, and not the other, is not both."""

import errno
import socket
from collections.abc import Iterable

import pytest

from dualstack.core.access.access_list import AccessList
from dualstack.core.address.address import Address
from dualstack.core.address.prefix import Prefix
from dualstack.core.dial.egress import EgressPolicy
from dualstack.errors import LookupFailed
from dualstack.net.dial import candidates
from dualstack.net.dial.candidates import judges_translators
from dualstack.net.dial.one_address import failure
from dualstack.net.dial.policy import DEFAULT_POLICY, DialPolicy
from dualstack.net.dial.target import Target
from dualstack.net.dial.translators import Translators
from dualstack.net.names import system_names
from dualstack.net.names.system_names import SystemNames

WELL_KNOWN = (Prefix.parse("64:ff9b::/96"),)
RULES = EgressPolicy(access=AccessList(["allow any"]))


@pytest.mark.parametrize(
    ("addresses", "outlet", "matters"),
    [
        (["2001:db8::1"], RULES, True),
        (["192.0.2.1", "2001:db8::1"], RULES, True),
        (["::1"], RULES, False),
        (["192.0.2.1"], RULES, False),
        (["::ffff:192.0.2.1"], RULES, False),
        ([], RULES, False),
        (["2001:db8::1"], EgressPolicy(), False),
        (["2001:db8::1"], EgressPolicy(access=RULES.access, nat64=WELL_KNOWN), False),
    ],
)
def test_translators_matter_to_rules_where_an_address_may_be_a_translated_one(
    addresses: Iterable[str], outlet: EgressPolicy, *, matters: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candidates, "TRANSLATORS", Translators())
    assert judges_translators(map(Address, addresses), outlet) is matters


@pytest.mark.parametrize(
    ("number", "address", "policy", "is_told"),
    [
        (errno.ENETUNREACH, "192.0.2.1", DEFAULT_POLICY, False),
        (errno.ENETUNREACH, "2001:db8::1", DEFAULT_POLICY, True),
        (errno.ECONNREFUSED, "192.0.2.1", DEFAULT_POLICY, True),
        (errno.ENETUNREACH, "192.0.2.1", DialPolicy(nat64=["64:ff9b::/96"]), True),
    ],
)
def test_a_translator_may_have_another_way_to_ipv4_that_has_none(
    number: int, address: str, policy: DialPolicy, *, is_told: bool
) -> None:
    value = Address(address)
    told = failure(Target(value, 80), value, policy, OSError(number, "so"), 0.5)
    assert (told is not None) is is_told
    if told is not None:
        assert (told.errno, told.elapsed_s, [step.t_s for step in told.steps]) == (number, 0.5, [0.0, 0.5])


class Failing:
    """A resolver that takes its time, of a clock of its own, and fails."""

    def __init__(self, number: int, takes_s: float) -> None:
        self.now, self._number, self._takes_s = 0.0, number, takes_s

    def getaddrinfo(self, *_: object, **__: object) -> list[object]:
        self.now += self._takes_s
        raise socket.gaierror(self._number, "so")


@pytest.mark.parametrize(
    ("number", "takes_s", "timed_out"),
    [
        (socket.EAI_AGAIN, 60.0, True),
        (socket.EAI_AGAIN, 0.0, False),
        (socket.EAI_NONAME, 60.0, False),
        (socket.EAI_NONAME, 0.0, False),
    ],
)
def test_a_lookup_timed_out_where_nobody_answered_and_it_waited(
    number: int, takes_s: float, *, timed_out: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolver = Failing(number, takes_s)
    monkeypatch.setattr(system_names, "monotonic", lambda: resolver.now)
    with pytest.raises(LookupFailed) as failed:
        SystemNames(resolver=resolver).addresses("a.test", 4)  # type: ignore[arg-type]
    assert failed.value.timed_out is timed_out
