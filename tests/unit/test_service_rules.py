"""The rules of one service, compiled from its texts."""

import pickle

import pytest

from dualstack.core.access.access_list import AccessList, Verdict, check_rules
from dualstack.core.access.forward_rules import Near, Reach
from dualstack.core.access.service_rules import CompiledRules, ServiceRules
from dualstack.core.address.address import Address
from dualstack.errors import RuleError

HERE = Address("8.8.8.8")


def compiled(
    access: tuple[str, ...] = (), reach: tuple[str, ...] = (), senders: tuple[str, ...] = (), *, is_proxy: bool = False
) -> ServiceRules:
    def near(address: Address) -> Near | None:
        return Near(is_own=True) if address == HERE else None

    return ServiceRules.compiled(
        *(access, reach, senders), nat64=["2001:db8:64::/96"], is_proxy=is_proxy, zone_id=lambda _name: 7, why_near=near
    )


def test_no_rule_is_none() -> None:
    assert compiled() == compiled(is_proxy=True) == ServiceRules(None, None, None)


def test_each_kind_has_its_own() -> None:
    made = compiled(("deny 192.0.2.0/24", "allow fe80::%eth0/64"), ("allow public",), ("192.0.2.7", "2001:db8::/32"))
    assert made.access is not None
    assert made.access.check(Address("fe80::1%7")).verdict is Verdict.ALLOW
    assert made.access.check(Address("2001:db8:64::192.0.2.1")).rule == "deny 192.0.2.0/24"
    assert isinstance(made.reach, AccessList)
    assert made.reach.check(HERE).verdict is Verdict.ALLOW
    assert made.senders is not None
    assert made.senders.rules == ("allow 192.0.2.7", "allow 2001:db8::/32")


def test_what_a_proxy_dials_stops_short_of_its_host() -> None:
    made = compiled(reach=("allow public",), is_proxy=True)
    assert isinstance(made.reach, Reach)
    assert made.reach.check(HERE).verdict is Verdict.DENY


def test_another_process_gets_none() -> None:
    there = pickle.loads(pickle.dumps(CompiledRules(web=compiled(("allow any",)))))  # noqa: S301 - it is ours
    assert there == {}
    assert type(there) is CompiledRules


def test_texts_are_checked_without_being_compiled() -> None:
    check_rules(["allow any", "deny 10.0.0.0/8"])
    with pytest.raises(RuleError, match="everybody"):
        check_rules(["allow any", "allow everybody"])
    with pytest.raises(RuleError, match="a rule is a text"):
        check_rules([7])  # type: ignore[list-item]
