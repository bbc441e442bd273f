"""Whom a forward proxy serves where nothing is written, and what is out of reach once others are admitted (N7)."""

import pytest

from dualstack.core.access.access_list import AccessList
from dualstack.core.access.forward_defaults import LOOPBACK_CLIENTS, PUBLIC_ONLY, implied_rules
from dualstack.core.address.address import Address
from dualstack.core.dial.egress import EgressPolicy, why_left_out
from dualstack.core.planning.configuration import Service
from dualstack.core.planning.targets import ForwardTarget
from dualstack.errors import RuleError


@pytest.mark.parametrize(
    ("access", "reach"),
    [
        ((), ()),
        (("allow 127.0.0.1",), ()),
        (("allow ::ffff:127.0.0.0/104", "deny any"), ()),
        (("deny any",), ()),
        (("allow any",), PUBLIC_ONLY),
        (("allow public",), PUBLIC_ONLY),
        (("deny any", "allow 10.0.0.0/8"), PUBLIC_ONLY),
        (("allow 126.0.0.0/7",), PUBLIC_ONLY),
        (("allow ::/0",), PUBLIC_ONLY),
    ],
)
def test_the_public_alone_is_in_reach_once_others_may_be_admitted(
    access: tuple[str, ...], reach: tuple[str, ...]
) -> None:
    assert implied_rules(access, ()) == (access or LOOPBACK_CLIENTS, reach)
    assert implied_rules(access, ("allow 10.0.0.0/8",))[1] == ("allow 10.0.0.0/8",)


def test_a_wrong_rule_is_an_error_and_not_a_hole() -> None:
    with pytest.raises(RuleError):
        implied_rules(("allow everybody",), ())


def test_a_forward_proxy_made_by_hand_has_its_rules_too_and_keeps_them() -> None:
    from dataclasses import replace

    service = Service("p", ForwardTarget(), access=("allow any",))
    assert (service.access, service.reach) == (("allow any",), PUBLIC_ONLY)
    assert replace(service, name="q").reach == PUBLIC_ONLY
    assert Service("r", access=("allow any",)).reach == ()


@pytest.mark.parametrize(
    ("address", "rules", "why"),
    [
        ("0.0.0.0", ["deny 127.0.0.0/8", "allow any"], "rule `deny 127.0.0.0/8` denies it"),
        ("::", ["deny ::1", "allow any"], "rule `deny ::1` denies it"),
        ("::", ["deny 127.0.0.0/8", "allow any"], None),
        ("0.0.0.0", ["allow 127.0.0.0/8"], "no rule allows it"),
    ],
)
def test_the_unspecified_address_is_judged_as_the_loopback_too(address: str, rules: list[str], why: str | None) -> None:
    found = why_left_out(Address(address), EgressPolicy(access=AccessList(rules)))
    assert (found and found.why) == why
