"""What a forward proxy may dial: `public` stops short of this host, and no proxy asks itself."""

import pytest

from dualstack.core.access.access_list import Verdict
from dualstack.core.access.forward_rules import Near, NotItself, Reach
from dualstack.core.address.address import Address
from dualstack.core.address.embedded import Nat64
from dualstack.core.address.prefix import Prefix
from dualstack.core.dial.egress import EgressPolicy, why_left_out

OWN = {Address("9.9.9.9"), Address("2620:fe::9")}
LINKS = {Prefix.parse("9.9.9.0/24"): "eth0", Prefix.parse("2620:fe::/64"): "eth0"}


def why_near(address: Address) -> Near | None:
    if address in OWN:
        return Near(is_own=True)
    found = next((prefix for prefix in LINKS if address in prefix), None)
    return None if found is None else Near(is_own=False, where=f"{found} on {LINKS[found]}")


def reach(*rules: str, nat64: tuple[str, ...] = ()) -> Reach:
    return Reach(rules, nat64, why_near=why_near)


@pytest.mark.parametrize(
    "text",
    [
        *("9.9.9.9", "9.9.9.1", "::ffff:9.9.9.9", "::ffff:9.9.9.1", "2620:fe::9", "2620:fe::1", "64:ff9b::9.9.9.9"),
        *(
            "64:ff9b::9.9.9.1",
            "2a00:64::9.9.9.9",
            "2a00:64::9.9.9.1",
            "2a00:6400::909:909:0:1",
            "127.0.0.1",
            "10.0.0.1",
        ),
    ],
)
def test_what_is_public_stops_short_of_this_host_and_its_links(text: str) -> None:
    rules = reach("allow public", nat64=("2a00:64::/96", "2a00:6400::/32"))
    assert rules.check(Address(text)).verdict is Verdict.DENY


@pytest.mark.parametrize(
    "text", ["8.8.8.8", "2620:fe:0:1::9", "64:ff9b::8.8.8.8", "2a00:64::8.8.8.8", "::ffff:8.8.8.8"]
)
def test_what_is_public_and_elsewhere_passes(text: str) -> None:
    assert reach("allow public", nat64=("2a00:64::/96",)).check(Address(text)).verdict is Verdict.ALLOW


@pytest.mark.parametrize(
    ("rules", "text", "rule"),
    [
        (("allow public", "allow 9.9.9.9"), "9.9.9.9", "allow 9.9.9.9"),
        (("allow 9.9.9.0/24", "allow public"), "9.9.9.9", "allow 9.9.9.0/24"),
        (("allow public", "allow any"), "2620:fe::9", "allow any"),
        (("allow any",), "9.9.9.9", "allow any"),
        (("allow public", "deny any"), "9.9.9.9", "deny any"),
        (("deny 9.9.9.9", "allow public"), "9.9.9.9", "deny 9.9.9.9"),
        (("allow public", "allow 9.9.9.9"), "64:ff9b::9.9.9.9", None),
    ],
)
def test_a_rule_that_names_an_address_holds_as_written(rules: tuple[str, ...], text: str, rule: str | None) -> None:
    assert reach(*rules).check(Address(text)).rule == rule


def test_a_denial_says_where_the_address_is() -> None:
    rules = reach("allow public")
    assert rules.check(Address("9.9.9.9")).why == "it is this host's own, and no rule names it"
    assert (
        rules.check(Address("9.9.9.1")).why == "it is on a link of this host (9.9.9.0/24 on eth0), and no rule names it"
    )
    assert rules.check(Address("10.0.0.1")).why == "no rule allows it"


def test_the_kernel_is_asked_for_what_public_has_let_pass_alone() -> None:
    asked = []

    def note(address: Address) -> None:
        asked.append(str(address))

    rules = Reach(("deny 192.0.2.0/24", "allow 8.8.4.4", "allow public"), why_near=note)
    for text in ("192.0.2.1", "8.8.4.4", "10.0.0.1", "::1", "8.8.8.8", "64:ff9b::1.1.1.1"):
        rules.check(Address(text))
    assert asked == ["8.8.8.8", "64:ff9b::101:101", "1.1.1.1"]


FOUND = (Prefix.parse("2a00:64::/96"), Prefix.parse("2a00:6400::/40"))


@pytest.mark.parametrize(
    ("rules", "text", "is_allowed"),
    [
        (("deny 10.0.0.0/8", "allow any"), "2a00:64::10.0.0.1", False),
        (("deny 10.0.0.0/8", "allow any"), "2a00:64::8.8.8.8", True),
        (("deny 10.0.0.0/8", "allow any"), "2a00:6400:a:0:0:100::", False),
        (("deny 10.0.0.0/8", "allow any"), "2a00:6400:a:0:0:100:0:1", False),
        (("deny 10.0.0.0/8", "allow any"), "2a00:65::a00:1", True),
        (("allow public",), "2a00:64::10.0.0.1", False),
        (("allow public",), "2a00:64::8.8.8.8", True),
        (("allow public",), "2a00:64::9.9.9.9", False),
        (("allow 10.0.0.0/8",), "2a00:64::10.0.0.1", False),
        (("deny public", "allow any"), "2a00:64::8.8.8.8", False),
    ],
)
@pytest.mark.parametrize("how", ["found", "dialled by", "named"])
def test_a_translator_judges_whichever_way_it_became_known(
    rules: tuple[str, ...],
    text: str,
    is_allowed: bool,  # noqa: FBT001
    how: str,
) -> None:
    named = tuple(map(str, FOUND)) if how == "named" else ()
    outlet = EgressPolicy(access=reach(*rules, nat64=named), nat64=FOUND if how == "dialled by" else ())
    known = FOUND if how == "found" else ()
    assert (why_left_out(Address(text), outlet, known) is None) is is_allowed


def test_what_was_let_pass_is_denied_once_a_translator_is_found() -> None:
    outlet, address = EgressPolicy(access=reach("deny 10.0.0.0/8", "allow any")), Address("2a00:64::10.0.0.1")
    assert why_left_out(address, outlet) is None
    refused = why_left_out(address, outlet, FOUND)
    assert refused is not None
    assert refused.why == "rule `deny 10.0.0.0/8` denies it"


def test_what_was_named_judges_beside_what_was_found() -> None:
    rules = reach("allow public", nat64=("2a00:99::/96",))
    for text in ("2a00:99::9.9.9.9", "2a00:99::10.0.0.1", "2a00:64::9.9.9.9"):
        assert rules.check_through(Address(text), Nat64(FOUND)).verdict is Verdict.DENY
    assert rules.check_through(Address("2a00:99::8.8.8.8"), Nat64(FOUND)).verdict is Verdict.ALLOW


@pytest.mark.parametrize(
    ("listeners", "rules", "text", "is_allowed"),
    [
        (("127.0.0.1",), (), "127.0.0.1", False),
        (("127.0.0.1",), (), "127.0.0.2", True),
        (("127.0.0.1",), (), "::ffff:127.0.0.1", False),
        (("0.0.0.0",), (), "127.0.0.2", False),
        (("0.0.0.0",), (), "9.9.9.9", False),
        (("0.0.0.0",), (), "9.9.9.1", True),
        (("0.0.0.0",), (), "::1", True),
        (("::",), (), "::1", False),
        (("::",), (), "127.0.0.1", False),
        (("::",), (), "2620:fe::9", False),
        (("::",), (), "64:ff9b::9.9.9.9", False),
        (("::",), ("allow any",), "9.9.9.9", False),
        (("::",), ("allow 9.9.9.0/24",), "9.9.9.9", False),
        (("::",), ("allow 9.9.9.9",), "9.9.9.9", True),
        (("::",), ("allow 127.0.0.1/32",), "127.0.0.1", True),
        (("::1",), ("deny ::1",), "::1", False),
        (("::",), ("allow public",), "8.8.8.8", True),
    ],
)
def test_no_proxy_asks_itself_but_by_a_rule_for_its_very_address(
    listeners: tuple[str, ...],
    rules: tuple[str, ...],
    text: str,
    is_allowed: bool,  # noqa: FBT001
) -> None:
    judge = NotItself(reach(*rules) if rules else None, map(Address, listeners), rules, why_near=why_near)
    for known in ((), FOUND):
        assert (why_left_out(Address(text), EgressPolicy(access=judge), known) is None) is is_allowed


def test_a_proxy_behind_a_translator_is_itself_too() -> None:
    judge = NotItself(None, [Address("0.0.0.0")], (), why_near=why_near)
    assert judge.check_through(Address("2a00:64::9.9.9.9"), Nat64(FOUND)).why.startswith("a proxy of this gateway")
    assert judge.check_through(Address("2a00:64::8.8.8.8"), Nat64(FOUND)).verdict is Verdict.ALLOW
