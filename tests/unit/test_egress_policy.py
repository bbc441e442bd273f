"""What a dialler may use: families, sources, rules, translators; what is left out, and why (D4 D5 N3 N7)."""

import errno
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualstack.core.access.access_list import AccessList
from dualstack.core.address.address import Address
from dualstack.core.address.embedded import NAT64_LENGTHS, Nat64, nat64_prefix, rfc6052_encode
from dualstack.core.address.prefix import Prefix
from dualstack.core.dial.egress import ANYWHERE, EgressPolicy, Source, candidates, discovered_prefixes
from dualstack.errors import AddressError

V4, V6 = Address("198.51.100.1"), Address("2001:db8::1")
FROM = {4: Address("192.0.2.9"), 6: Address("2001:db8:ffff::9")}
WELL_KNOWN = nat64_prefix("64:ff9b::/96")


def both_ways(address: Address, _source: Source) -> Address:
    return FROM[address.version]


def ipv6_alone(address: Address, _source: Source) -> Address | None:
    return FROM[6] if address.version == 6 else None


def no_way(_address: Address, _source: Source) -> None:
    return None


def only(family: int, **more: object) -> EgressPolicy:
    return EgressPolicy(sources=MappingProxyType({family: Source()}), **more)


def test_anywhere_dials_all_there_is() -> None:
    chosen, left_out = candidates([V6, V4], ANYWHERE, both_ways)
    assert [(each.address, each.source) for each in chosen] == [(V6, FROM[6]), (V4, FROM[4])]
    assert left_out == []
    assert ANYWHERE.families == (6, 4)


@pytest.mark.parametrize(("family", "kept", "out"), [(4, V4, V6), (6, V6, V4)])
def test_a_family_that_may_not_be_dialled_is_left_out_and_said(family: int, kept: Address, out: Address) -> None:
    chosen, left_out = candidates([V6, V4], only(family), both_ways)
    assert [each.address for each in chosen] == [kept]
    assert [(each.address, each.errno) for each in left_out] == [(out, errno.EAFNOSUPPORT)]
    assert left_out[0].why == f"only IPv{family} may be dialled"
    assert only(family).families == (family,)


def test_an_outlet_says_why_in_its_own_words() -> None:
    _, left_out = candidates([V6], only(4, why="port tcpip dials IPv4 alone"), both_ways)
    assert left_out[0].why == "port tcpip dials IPv4 alone"


def test_every_address_is_judged() -> None:
    rules = AccessList(["deny 198.51.100.0/24", "allow 2001:db8::/32"])
    chosen, left_out = candidates([V6, V4, Address("203.0.113.1")], EgressPolicy(access=rules), both_ways)
    assert [each.address for each in chosen] == [V6]
    assert [each.why for each in left_out] == ["rule `deny 198.51.100.0/24` denies it", "no rule allows it"]
    assert {each.errno for each in left_out} == {errno.EACCES}


def test_a_mapped_address_is_judged_as_the_ipv4_address_it_is() -> None:
    rules = AccessList(["deny 198.51.100.0/24", "allow any"])
    chosen, left_out = candidates([Address("::ffff:198.51.100.1")], EgressPolicy(access=rules), both_ways)
    assert (chosen, left_out[0].address) == ([], V4)


@pytest.mark.parametrize(("text", "why"), [("fe80::1", "without its interface"), ("fe80:2::1%2", "a scope inside")])
def test_an_address_that_names_nothing_is_left_out(text: str, why: str) -> None:
    chosen, left_out = candidates([Address(text)], ANYWHERE, both_ways)
    assert chosen == []
    assert why in left_out[0].why


def test_what_has_a_scope_is_kept_with_it() -> None:
    chosen, _ = candidates([Address("fe80::1%eth0")], ANYWHERE, both_ways)
    assert str(chosen[0].address) == "fe80::1%eth0"


# NAT64.

SIX_LENGTHS = [
    # RFC 6052 section 2.4.
    ("2001:db8::/32", "2001:db8:c000:221::"),
    ("2001:db8:100::/40", "2001:db8:1c0:2:21::"),
    ("2001:db8:122::/48", "2001:db8:122:c000:2:2100::"),
    ("2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::"),
    ("2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100::"),
    ("2001:db8:122:344::/96", "2001:db8:122:344::192.0.2.33"),
]


@pytest.mark.parametrize(("prefix", "expected"), SIX_LENGTHS)
def test_the_table_of_rfc_6052(prefix: str, expected: str) -> None:
    assert rfc6052_encode(Address("192.0.2.33"), nat64_prefix(prefix)) == Address(expected)


PREFIXES = st.builds(
    lambda length, bits: Prefix(Address.from_int((bits >> 128 - length << 128 - length) & ~(0xFF << 56), 6), length),
    st.sampled_from(NAT64_LENGTHS),
    st.integers(1 << 120, 2**128 - 1),
)
IPV4 = st.builds(Address.from_int, st.integers(0, 2**32 - 1), st.just(4))


@given(PREFIXES, IPV4)
def test_what_is_encoded_is_decoded(prefix: Prefix, ipv4: Address) -> None:
    there = rfc6052_encode(ipv4, prefix)
    assert there in prefix
    found = Nat64([str(prefix)]).decode(there)
    assert found is not None
    assert found.ipv4 == ipv4


def test_ipv4_is_synthesised_where_it_has_no_way() -> None:
    chosen, _ = candidates([V4], EgressPolicy(nat64=(WELL_KNOWN,)), ipv6_alone)
    assert [(str(each.address), each.synthesised_from) for each in chosen] == [("64:ff9b::c633:6401", V4)]


def test_ipv4_with_a_way_of_its_own_is_not() -> None:
    chosen, _ = candidates([V4], EgressPolicy(nat64=(WELL_KNOWN,)), both_ways)
    assert [each.address for each in chosen] == [V4]


@pytest.mark.parametrize("text", ["0.1.2.3", "127.0.0.1", "169.254.1.1", "255.255.255.255", "224.0.0.1"])
def test_what_stays_on_this_host_or_link_is_never_synthesised(text: str) -> None:
    chosen, _ = candidates([Address(text)], EgressPolicy(nat64=(WELL_KNOWN,)), ipv6_alone)
    assert [str(each.address) for each in chosen] == [text]
    chosen, left_out = candidates([Address(text)], only(6, nat64=(WELL_KNOWN,)), ipv6_alone)
    assert (chosen, left_out[0].errno) == ([], errno.EAFNOSUPPORT)


def test_an_outlet_of_ipv6_alone_reaches_ipv4_by_a_translator() -> None:
    outlet = only(6, nat64=(WELL_KNOWN,))
    assert outlet.families == (6, 4)
    chosen, left_out = candidates([V4], outlet, both_ways)
    assert [str(each.address) for each in chosen] == ["64:ff9b::c633:6401"]
    assert left_out == []


def test_an_outlet_of_ipv4_alone_has_no_translator() -> None:
    chosen, _ = candidates([V4], only(4, nat64=(WELL_KNOWN,)), no_way)
    assert [(each.address, each.source) for each in chosen] == [(V4, None)]


def test_the_rules_judge_again_after_synthesis() -> None:
    rules = AccessList(["deny 64:ff9b::/96", "allow any"])
    chosen, left_out = candidates([V4], EgressPolicy(access=rules, nat64=(WELL_KNOWN,)), ipv6_alone)
    assert [each.address for each in chosen] == [V4]
    assert str(left_out[0].address) == "64:ff9b::c633:6401"


def test_an_ipv4_address_that_is_denied_is_denied_behind_a_translator() -> None:
    rules = AccessList(["deny 198.51.100.0/24", "allow any"])
    chosen, left_out = candidates([V4], EgressPolicy(access=rules, nat64=(WELL_KNOWN,)), ipv6_alone)
    assert (chosen, [each.address for each in left_out]) == ([], [V4])


@pytest.mark.parametrize(("prefix", "_there"), SIX_LENGTHS)
def test_a_prefix_is_found_in_the_answer_of_ipv4only_arpa(prefix: str, _there: str) -> None:
    expected = nat64_prefix(prefix)
    for known in ("192.0.0.170", "192.0.0.171"):
        assert discovered_prefixes([rfc6052_encode(Address(known), expected)]) == (expected,)


def test_other_answers_of_ipv4only_arpa_give_no_prefix() -> None:
    assert discovered_prefixes([Address("192.0.0.170"), Address("2001:db8::1"), Address("2001:db8:0:0:ff00::")]) == ()
    # RFC 6052 section 2.2: bits 64 to 71 are zero in each of them, the first and the last too.
    for octet in ("100", "8000"):
        assert discovered_prefixes([Address(f"2001:db8:0:0:{octet}::192.0.0.170")]) == ()


@given(st.builds(Address.from_int, st.integers(0, 2**128 - 1), st.just(6)))
def test_a_prefix_that_is_found_explains_the_answer(answer: Address) -> None:
    for prefix in discovered_prefixes([answer]):
        assert answer in prefix


def test_a_prefix_of_another_length_is_refused() -> None:
    with pytest.raises(AddressError):
        nat64_prefix("64:ff9b::/80")
