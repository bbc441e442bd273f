"""Allow and deny: the rules of first match, of mapped, embedded and zoned addresses, of `public`, and the speed."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from dualstack.core.access.access_list import AccessList, Decision, Verdict
from dualstack.core.address.address import BITS, Address
from dualstack.core.address.prefix import Prefix
from dualstack.errors import AddressError, RuleError

VECTORS = json.loads((Path(__file__).parent.parent / "data" / "access.json").read_text())


def verdict(rules: list[str], address: str, nat64: tuple[str, ...] = ()) -> str:
    return AccessList(rules, nat64).check(Address(address)).verdict.value


def matches(verb: str, rule: str, address: str) -> bool:
    return AccessList([f"{verb} {rule}"]).check(Address(address)).rule is not None


@pytest.mark.parametrize("vector", VECTORS, ids=[f"{v['rule']} {v['address']}" for v in VECTORS])
def test_the_vectors_of_what_went_wrong_elsewhere(vector: dict[str, Any]) -> None:
    rule, address, expected = vector["rule"], vector["address"], vector["expected"]
    if expected == "reject":
        for verb in ("allow", "deny"):
            with pytest.raises(RuleError, match=rule):
                AccessList([f"{verb} {rule}"])
        return
    assert matches("deny", rule, address) is bool(expected)
    assert matches("allow", rule, address) is (expected is True)


def test_the_first_match_decides_and_none_denies() -> None:
    rules = AccessList(["allow 10.1.0.0/16", "deny 10.0.0.0/8", "allow 10.2.0.0/16", "allow 192.0.2.1"])
    assert rules.check(Address("10.1.2.3")) == Decision(Verdict.ALLOW, "allow 10.1.0.0/16")
    assert rules.check(Address("10.2.2.3")) == Decision(Verdict.DENY, "deny 10.0.0.0/8")
    assert rules.check(Address("192.0.2.1")) == Decision(Verdict.ALLOW, "allow 192.0.2.1")
    assert rules.check(Address("192.0.2.2")) == Decision(Verdict.DENY, None)
    assert AccessList([]).check(Address("::1")) == Decision(Verdict.DENY, None)


def test_a_rule_is_given_back_as_written() -> None:
    rules = AccessList(["  deny   ::FFFF:10.0.0.0/104 "])
    assert rules.check(Address("10.1.2.3")).rule == "  deny   ::FFFF:10.0.0.0/104 "


@pytest.mark.parametrize(
    ("rules", "address", "expected", "why"),
    [
        (["allow any"], "192.0.2.1", "allow", "any is IPv4"),
        (["allow any"], "2001:db8::1", "allow", "and IPv6"),
        (["allow any"], "fe80::1%eth0", "allow", "in every zone"),
        (["allow any"], "::ffff:192.0.2.1", "allow", "and mapped"),
        (["allow 0.0.0.0/0"], "2001:db8::1", "deny", "any IPv4 is no IPv6"),
        (["allow ::/0"], "192.0.2.1", "deny", "any IPv6 no IPv4"),
        (["allow ::/0"], "::ffff:192.0.2.1", "deny", "mapped is IPv4"),
        (["allow ::ffff:0:0/96"], "192.0.2.1", "allow", "the mapped block is any IPv4"),
        (["deny 10.0.0.0/8", "allow any"], "::ffff:10.0.0.1", "deny", "N7"),
        (["deny 10.0.0.0/8", "allow any"], "64:ff9b::10.0.0.1", "deny", "by a translator"),
        (["deny 10.0.0.0/8", "allow any"], "2002:a00:1::", "deny", "by 6to4"),
        (["deny 10.0.0.0/8", "allow any"], "2001:0:a00:1::", "deny", "by a Teredo server"),
        (["deny 10.0.0.0/8", "allow any"], "2001::f5ff:fffe", "deny", "by a Teredo client"),
        (["deny 10.0.0.0/8", "allow any"], "2a00::200:5efe:10.0.0.1", "deny", "by ISATAP"),
        (["deny 10.0.0.0/8", "allow any"], "fe80::5efe:10.0.0.1%eth0", "deny", "by ISATAP in a zone"),
        (["deny 10.0.0.0/8", "allow any"], "::10.0.0.1", "deny", "compatible"),
        (["deny 10.0.0.0/8", "allow any"], "::ffff:0:10.0.0.1", "deny", "translated"),
        (["deny 10.0.0.0/8", "allow any"], "64:ff9b:1:a00:0:100::", "deny", "under the local prefix, as /48"),
        (["deny 10.0.0.0/8", "allow any"], "2001:db8:64::10.0.0.1", "allow", "a prefix nobody named"),
        (["deny 10.0.0.0/8", "allow any"], "11.0.0.1", "allow", "beside it"),
        (["allow 10.0.0.0/8"], "64:ff9b::10.0.0.1", "deny", "allow never looks inside"),
        (["allow 64:ff9b::/96", "deny 10.0.0.0/8"], "64:ff9b::10.0.0.1", "allow", "the first match, be it outside"),
        (["deny any"], "64:ff9b::10.0.0.1", "deny", "any is any"),
        (["deny 0.0.0.0/0", "allow any"], "64:ff9b::8.8.8.8", "deny", "any IPv4, inside too"),
        (["deny fe80::%eth0/10", "allow any"], "fe80::1%eth0", "deny", "its zone"),
        (["deny fe80::%eth0/10", "allow any"], "fe80::1%eth1", "allow", "another"),
        (["deny fe80::%eth0/10", "allow any"], "fe80::1", "allow", "none"),
        (["allow fe80::/10"], "fe80::1%eth0", "allow", "a zone hides no match"),
        (["allow fe80::%eth0/10", "deny fe80::/10"], "fe80::1%eth0", "allow", "zoned first"),
        (["deny fe80::/10", "allow fe80::%eth0/10"], "fe80::1%eth0", "deny", "zoned second"),
        (["allow public"], "8.8.8.8", "allow", "public IPv4"),
        (["allow public"], "2606:4700::1", "allow", "public IPv6"),
        (["allow public"], "2606:4700::1%eth0", "deny", "not with a zone"),
        (["allow public"], "64:ff9b::8.8.8.8", "allow", "translated"),
        (["allow public"], "64:ff9b::10.0.0.1", "deny", "translated from a private one"),
        (["allow public"], "2606::200:5efe:8.8.8.8", "deny", "ISATAP"),
        (["allow public"], "10.0.0.1", "deny", "private"),
        (["allow public"], "169.254.169.254", "deny", "metadata"),
        (["deny public", "allow any"], "8.8.8.8", "deny", "deny public"),
        (["deny public", "allow any"], "::ffff:8.8.8.8", "deny", "mapped"),
        (["deny public", "allow any"], "2606:4700::1%eth0", "deny", "a zone does not hide it"),
        (["deny public", "allow any"], "2002:808:808::1", "deny", "inside"),
        (["deny public", "allow any"], "10.0.0.1", "allow", "private"),
        (["allow 8.0.0.0/8", "deny public", "allow any"], "8.8.8.8", "allow", "before it"),
        (["allow public", "deny public", "allow any"], "2002:808:808::1", "deny", "the second looks inside"),
        (["allow public", "deny public", "allow any"], "8.8.8.8", "allow", "the first of them"),
    ],
)
def test_what_a_rule_matches(rules: list[str], address: str, expected: str, why: str) -> None:
    assert verdict(rules, address) == expected, why


def test_a_named_nat64_prefix_is_looked_into_and_its_public_addresses_pass() -> None:
    nat64 = ("2a00:1450:64::/96",)
    assert verdict(["deny 10.0.0.0/8", "allow any"], "2a00:1450:64::10.0.0.1", nat64) == "deny"
    assert verdict(["allow public"], "2a00:1450:64::8.8.8.8", nat64) == "allow"
    assert verdict(["allow public"], "2a00:1450:64::10.0.0.1", nat64) == "deny"
    with pytest.raises(AddressError, match="NAT64"):
        AccessList(["allow any"], ["2001:db8::/33"])


def test_a_zone_by_name_holds_for_its_number_where_the_number_is_known() -> None:
    def zone_id(name: str) -> int:
        if name != "eth0":
            raise OSError(19, "No such device")
        return 2

    rules = AccessList(["deny fe80::%eth0/10", "deny fe80::%3/10", "deny fe80::%gone/10", "allow any"], zone_id=zone_id)
    for denied in ("fe80::1%eth0", "fe80::1%2", "fe80::1%3", "fe80::1%gone"):
        assert rules.check(Address(denied)).verdict is Verdict.DENY, denied
    for allowed in ("fe80::1%4", "fe80::1%other", "fe80::1"):
        assert rules.check(Address(allowed)).verdict is Verdict.ALLOW, allowed


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ("", "a rule is allow or deny"),
        ("allow", "a rule is allow or deny"),
        ("allow ", "a rule is allow or deny"),
        ("permit any", "a rule is allow or deny"),
        ("Allow any", "a rule is allow or deny"),
        ("any", "a rule is allow or deny"),
        ("deny all", "no IPv4 address"),
        ("deny 10.0.0.0/8 # ours", "after the slash"),
        ("deny 10.0.0.1/8", "write 10.0.0.0/8"),
        ("deny 10.0.0.0/8, 11.0.0.0/8", "after the slash"),
        ("deny localhost", "no IPv4 address"),
        ("deny ::ffff:10.0.0.1%eth0", "a mapped address is IPv4"),
    ],
)
def test_a_wrong_rule_says_which_and_why(rule: str, reason: str) -> None:
    with pytest.raises(RuleError) as refused:
        AccessList(["allow any", rule])
    assert refused.value.rule == rule
    assert reason in refused.value.why


def test_a_list_says_how_long_it_is_and_whether_it_lets_all_pass() -> None:
    assert len(AccessList(["allow any", "deny any"])) == 2
    assert AccessList(["allow any", "deny any"]).allows_everything
    assert not AccessList(["deny ::1", "allow any"]).allows_everything
    assert not AccessList([]).allows_everything
    assert repr(AccessList(["allow any"])) == "<AccessList of 1 rules>"


@pytest.mark.parametrize("lengths", [(128,), (64, 128), (20, 48, 64, 127), (112, 120)])
def test_a_list_of_any_lengths_answers_as_if_read_from_the_top(lengths: tuple[int, ...]) -> None:
    chance = random.Random(len(lengths))  # noqa: S311 - not a secret
    networks = [_prefix(chance, 6, chance.choice(lengths)) for _ in range(300)]
    access = AccessList([f"allow {network}" for network in networks])
    parsed = [Prefix.parse(network) for network in networks]
    for prefix in parsed:
        for number in (prefix.first - 1, prefix.first, prefix.last, prefix.last + 1):
            address = Address.from_int(number, 6)
            first = next((text for text, held in zip(networks, parsed, strict=True) if address in held), None)
            assert access.check(address).rule == (first and f"allow {first}")


def _prefix(chance: random.Random, version: int, length: int) -> str:
    bits = BITS[version]
    value = chance.getrandbits(bits) if version == 4 else 0x2 << 124 | chance.getrandbits(125)
    return f"{Address.from_int(value >> bits - length << bits - length, version)}/{length}"


def test_one_rule_in_the_place_of_a_list_says_what_to_write() -> None:
    with pytest.raises(RuleError, match=r"the rules are a list, of which this is one: write \['allow any'\]"):
        AccessList("allow any")
    with pytest.raises(AddressError, match=r"the prefixes are a list, .*: write \['64:ff9b::/96'\]"):
        AccessList(["allow any"], nat64="64:ff9b::/96")


@pytest.mark.parametrize("rule", [5, b"allow any", None])
def test_a_rule_that_is_no_text_says_so(rule: object) -> None:
    with pytest.raises(RuleError, match="a rule is a text"):
        AccessList([rule])
