"""An address as a value: what it is made of, what it refuses, its texts, its tests, its scope, its speed."""

import copy
import ipaddress
import pickle
import weakref
from collections.abc import Callable
from typing import TypeAlias

import pytest

from dualstack.core.address import in6
from dualstack.core.address.address import Address, AddressLike
from dualstack.core.address.in6 import IN6_TESTS
from dualstack.errors import AddressError

In6Test: TypeAlias = Callable[[AddressLike], bool]

LINK_LOCAL_2 = Address("fe80::1%2")


@pytest.mark.parametrize(
    ("given", "expected", "why"),
    [
        ("192.0.2.1", "192.0.2.1", "text"),
        ("2001:DB8::0001", "2001:db8::1", "RFC 5952 section 4.3: lower case, no leading zeros"),
        ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1", "RFC 5952 section 4.2.3: the first of equal runs"),
        ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1", "RFC 5952 section 4.2.2: one group is not shortened"),
        ("::ffff:c000:201", "::ffff:192.0.2.1", "RFC 5952 section 5: mapped addresses have dots"),
        ("::192.0.2.1", "::c000:201", "compatible addresses have none"),
        ("::ffff:0:192.0.2.1", "::ffff:0:c000:201", "nor have translated ones"),
        ("::0.0.0.2", "::2", "one low group"),
        ("::0.1.0.0", "::1:0", "two low groups"),
        ("0::0", "::", "all zeros"),
        ("fe80::1%eth0", "fe80::1%eth0", "a zone by name"),
        ("fe80::1%2", "fe80::1%2", "a zone by number"),
        ("fe80::1%0", "fe80::1", "RFC 3493 section 3.3: scope id 0 is none"),
        ("fe80::1%4294967295", "fe80::1%4294967295", "32 bits of scope id"),
        (b"\x7f\0\0\1", "127.0.0.1", "four bytes"),
        (bytearray(15) + b"\1", "::1", "sixteen bytes"),
        (1, "0.0.0.1", "a number below 2**32 is IPv4, as in ipaddress"),
        (1 << 32, "::1:0:0", "a greater one IPv6"),
        ((1 << 128) - 1, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "the last"),
        (ipaddress.IPv4Address("192.0.2.1"), "192.0.2.1", "an ipaddress object"),
        (ipaddress.IPv6Address("fe80::1%eth0"), "fe80::1%eth0", "its scope"),
        (("192.0.2.1", 80), "192.0.2.1", "a socket address of AF_INET"),
        (("fe80::1", 80, 0, 2), "fe80::1%2", "of AF_INET6"),
        (("fe80::1%eth0", 80, 0, 2), "fe80::1%eth0", "the name says what the number does"),
        (("fe80::1%2", 80, 0, 2), "fe80::1%2", "the same twice"),
        (("fe80::1%2", 80, 0, 0), "fe80::1%2", "in the text alone"),
        (("::1", 80, 0, 0), "::1", "no scope"),
        (LINK_LOCAL_2, "fe80::1%2", "another Address"),
    ],
)
def test_an_address_is_made_of(given: AddressLike, expected: str, why: str) -> None:
    assert str(Address(given)) == expected, why


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("", "empty"),
        ("127.0.0.1\0.example.com", "NUL"),
        ("\uff11\uff12\uff17.0.0.1", "not ASCII"),
        ("\udcff::1", "not ASCII"),
        (" 127.0.0.1", "blank"),
        ("127.0.0.1\n", "blank"),
        ("10.0.0.0/8", "prefix"),
        ("[::1]", "brackets"),
        ("127.0.0.1:80", "at least two colons"),
        ("::1::", "no IPv6 address"),
        ("12345::1", "no IPv6 address"),
        ("1:2:3:4:5:6:7", "no IPv6 address"),
        ("::ffff:127.1", "no IPv6 address"),
        ("::ffff:127.0.0.01", "no IPv6 address"),
        ("127.1", "no IPv4 address"),
        ("0x7f.0.0.1", "no IPv4 address"),
        ("010.0.0.1", "no IPv4 address"),
        ("256.0.0.1", "no IPv4 address"),
        ("localhost", "no IPv4 address"),
        ("fe80::1%", "zone after % is empty"),
        ("fe80::1%a%b", "one interface name"),
        ("fe80::1%a b", "one interface name"),
        ("fe80::1%a/b", "one interface name"),
        ("fe80::1%é", "one interface name"),
        ("fe80::1%eth0:1", "one interface name"),
        ("fe80::1%02", "no leading zero"),
        ("fe80::1%4294967296", "at most 32 bits"),
        ("127.0.0.1%lo", "IPv4 address has no zone"),
        ("::ffff:127.0.0.1%lo", "a mapped address is IPv4"),
        ("x%lo", "no IPv4 address"),
        (b"12345", "4 or 16 bytes, not 5"),
        (-1, "at most 128 bits"),
        (1 << 128, "at most 128 bits"),
        (True, "truth value"),
        (1.5, "an address is text"),
        (None, "an address is text"),
        (("::1",), "a socket address is"),
        ((b"::1", 80), "a socket address is"),
        (("::1", 80, 0), "a socket address is"),
        (("::1", 80, 0, -1), "scope id is a number of 32 bits"),
        (("::1", 80, 0, "eth0"), "scope id is a number of 32 bits"),
        (("fe80::1%2", 80, 0, 3), "two scopes, 2 and 3"),
    ],
)
def test_what_is_no_address_is_refused_with_the_reason(given: AddressLike, reason: str) -> None:
    with pytest.raises(AddressError) as refused:
        Address(given)
    assert reason in refused.value.why
    assert refused.value.value == given


def test_a_scope_can_be_given_as_a_number() -> None:
    assert Address("fe80::1", scope=2) == Address("fe80::1%2")
    assert Address("fe80::1", scope=0).scope is None
    for wrong in (-1, 1 << 32, True, 2.0):
        with pytest.raises(AddressError, match="a scope id is a number of 32 bits"):
            Address("fe80::1", scope=wrong)


def test_a_scope_can_be_given_beside_an_address_that_has_none() -> None:
    assert Address("fe80::1", "eth0") == Address("fe80::1%eth0")
    assert Address(Address("fe80::1"), scope="2") == LINK_LOCAL_2
    assert Address("fe80::1%eth0", "eth0").scope == "eth0"
    with pytest.raises(AddressError, match="two scopes, eth0 and eth1"):
        Address("fe80::1%eth0", "eth1")


@pytest.mark.parametrize(
    ("value", "version", "reason"),
    [(1, 5, "4 or 6"), (1 << 32, 4, "32 bits"), (-1, 6, "128 bits"), (1 << 128, 6, "128 bits"), (True, 4, "32 bits")],
)
def test_from_int_refuses_what_does_not_fit(value: int, version: int, reason: str) -> None:
    with pytest.raises(AddressError, match=reason):
        Address.from_int(value, version)


def test_from_int_is_explicit_about_the_version() -> None:
    assert str(Address.from_int(1, 6)) == "::1"
    assert str(Address.from_int(1, 4)) == "0.0.0.1"
    assert str(Address.from_int(0xFE80 << 112 | 1, 6, "eth0")) == "fe80::1%eth0"


def test_an_address_never_changes() -> None:
    address = Address("::1")
    with pytest.raises(AttributeError, match="does not change"):
        address.value = 2
    with pytest.raises(AttributeError, match="does not change"):
        del address.scope
    assert str(address) == "::1"


@pytest.mark.parametrize("text", ["192.0.2.1", "2001:db8::1", "fe80::1%eth0"])
def test_copies_and_pickles_are_equal(text: str) -> None:
    address = Address(text)
    assert pickle.loads(pickle.dumps(address)) == address  # noqa: S301 - our own bytes
    assert copy.copy(address) is address
    assert copy.deepcopy([address]) == [address]
    assert eval(repr(address)) == address  # noqa: S307 - our own text
    assert hash(Address(text)) == hash(address)


def test_addresses_are_in_order_ipv4_first_then_by_number_then_by_scope() -> None:
    ordered = ["0.0.0.1", "192.0.2.1", "::", "::1", "fe80::1", "fe80::1%a", "fe80::1%b", "ff02::1"]
    assert [str(address) for address in sorted(map(Address, reversed(ordered)))] == ordered
    assert Address("::1") >= Address("::")
    with pytest.raises(TypeError):
        _ = Address("::1") < "::2"
    assert Address("::1") != "::1"


def test_a_mapped_address_is_not_its_ipv4_and_its_canonical_is() -> None:
    mapped, plain = Address("::ffff:192.0.2.1"), Address("192.0.2.1")
    assert mapped != plain
    assert mapped.canonical == plain
    assert plain.as_ipv6 == mapped
    assert plain.canonical is plain
    assert mapped.as_ipv6 is mapped


def test_packed_has_no_scope_and_without_scope_keeps_the_rest() -> None:
    assert LINK_LOCAL_2.packed == bytes.fromhex("fe800000000000000000000000000001")
    assert LINK_LOCAL_2.without_scope == Address("fe80::1")
    assert Address("::1").without_scope.packed == bytes(15) + b"\1"
    assert Address("127.0.0.1").packed == b"\x7f\0\0\1"


@pytest.mark.parametrize(
    ("text", "suspected", "taken_out", "why"),
    [
        ("fe80:2::1", 2, "fe80::1%2", "inet6(4), Scoped IPv6 Address"),
        ("febf:ffff::1", 0xFFFF, "febf::1%65535", "the whole of fe80::/10"),
        ("ff02:3::1", 3, "ff02::1%3", "multicast of link scope"),
        ("ff01:3::1", 3, "ff01::1%3", "of node scope"),
        *((f"ff{flags:x}2:3::1", 3, f"ff{flags:x}2::1%3", "flags but P say nothing of it") for flags in (1, 4, 8, 13)),
        *((f"ff{flags:x}2:3::1", None, f"ff{flags:x}2:3::1", "RFC 3306: P") for flags in (2, 3, 6, 14, 15)),
        ("fe80:2::1%2", 2, "fe80::1%2", "the same scope twice"),
        ("fe80:2::1%eth0", 2, "fe80::1%eth0", "the name stays"),
        ("fe80::1", None, "fe80::1", "nothing embedded"),
        ("fe80::1%2", None, "fe80::1%2", "nothing embedded, a scope"),
        ("ff32:40:2001:db8::1", None, "ff32:40:2001:db8::1", "RFC 3306: a prefix length stands there"),
        ("ff05:3::1", None, "ff05:3::1", "a wider scope"),
        ("2001:2::1", None, "2001:2::1", "global"),
        ("169.254.0.1", None, "169.254.0.1", "IPv4"),
    ],
)
def test_the_scope_that_kame_embeds(text: str, suspected: int | None, taken_out: str, why: str) -> None:
    assert Address(text).kame_scope == suspected, why
    assert str(Address.from_kame(text)) == taken_out, why


def test_an_embedded_scope_beside_another_is_wrong() -> None:
    with pytest.raises(AddressError, match="scope 3 beside the embedded scope 2"):
        Address.from_kame("fe80:2::1%3")


TWELVE = [
    ("UNSPECIFIED", "is_unspecified", ["::"], ["::1", "::ffff:0.0.0.0"]),
    ("LOOPBACK", "is_loopback", ["::1"], ["::", "::2", "::ffff:127.0.0.1", "::127.0.0.1"]),
    ("MULTICAST", "is_multicast", ["ff00::", "ff02::1", "ffff::"], ["fe00::", "::ffff:224.0.0.1"]),
    ("LINKLOCAL", "is_link_local", ["fe80::", "febf:ffff::1"], ["fe7f::", "fec0::", "ff02::1"]),
    ("SITELOCAL", "is_site_local", ["fec0::", "feff:ffff::"], ["febf::", "ff00::"]),
    ("V4MAPPED", "is_mapped", ["::ffff:0:0", "::ffff:192.0.2.1"], ["::fffe:0:0", "::ffff:0:0:0", "::1"]),
    ("V4COMPAT", "is_v4compat", ["::2", "::192.0.2.1", "::ffff:ffff"], ["::", "::1", "::1:0:0"]),
    ("MC_NODELOCAL", "is_mc_nodelocal", ["ff01::1", "ff11::", "fff1::"], ["ff02::1", "ff10::"]),
    ("MC_LINKLOCAL", "is_mc_linklocal", ["ff02::1", "ff32::"], ["ff01::1", "fe80::"]),
    ("MC_SITELOCAL", "is_mc_sitelocal", ["ff05::2", "ff15::"], ["ff02::1", "fec0::"]),
    ("MC_ORGLOCAL", "is_mc_orglocal", ["ff08::1"], ["ff05::1", "ff0e::1"]),
    ("MC_GLOBAL", "is_mc_global", ["ff0e::1", "ff3e::"], ["ff0f::1", "2001:db8::1"]),
]


@pytest.mark.parametrize(("name", "member", "passing", "failing"), TWELVE)
def test_the_twelve_tests_of_rfc_3493(name: str, member: str, passing: list[str], failing: list[str]) -> None:
    function: In6Test = getattr(in6, f"IN6_IS_ADDR_{name}")
    for text in passing:
        assert function(text), text
        assert getattr(Address(text), member), text
    for text in failing:
        assert not function(Address(text)), text
        assert not getattr(Address(text), member), text


def test_there_are_twelve_and_no_ipv4_address_passes_one() -> None:
    assert list(IN6_TESTS) == [f"IN6_IS_ADDR_{name}" for name, *_ in TWELVE]
    for text in ("0.0.0.0", "127.0.0.1", "224.0.0.1", "169.254.0.1", "0.0.0.2"):
        assert not any(test(text) for test in IN6_TESTS.values())


@pytest.mark.parametrize(
    ("member", "passing", "failing"),
    [
        ("is_unspecified", "0.0.0.0", "0.0.0.1"),
        ("is_loopback", "127.255.255.255", "128.0.0.0"),
        ("is_multicast", "239.255.255.255", "240.0.0.0"),
        ("is_link_local", "169.254.255.255", "169.255.0.0"),
    ],
)
def test_four_of_them_answer_for_ipv4_as_properties(member: str, passing: str, failing: str) -> None:
    assert getattr(Address(passing), member)
    assert not getattr(Address(failing), member)


@pytest.mark.parametrize(("own", "beside"), [("a", "b"), ("b", "a"), ("2", "10"), ("10", "2")])
def test_two_scopes_are_one_too_many_in_either_order(own: str, beside: str) -> None:
    with pytest.raises(AddressError, match=f"two scopes, {own} and {beside}"):
        Address(f"fe80::1%{own}", beside)
    assert Address(f"fe80::1%{own}", own) == Address("fe80::1", own) == Address(f"fe80::1%{own}")


@pytest.mark.parametrize("text", ["192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"])
@pytest.mark.parametrize("spec", ["", "s", ">30", "^30s", ".5", "x", "#x", "X", "b", "#_b", "n", "_n"])
def test_a_format_is_that_of_the_standard_librarys_addresses(text: str, spec: str) -> None:
    # 3.11's own text of a mapped address differs, and by 3.13 it is ours.
    theirs = format(text, spec) if spec[-1:] not in set("bnxX") else format(ipaddress.ip_address(text), spec)
    assert format(Address(text), spec) == theirs


def test_a_format_has_the_zone() -> None:
    assert f"{LINK_LOCAL_2:>10}|" == " fe80::1%2|"


def test_a_weak_reference_does_not_keep_it() -> None:
    kept: weakref.WeakValueDictionary[str, Address] = weakref.WeakValueDictionary()
    address = Address("::1")
    kept["one"] = address
    assert kept["one"] is address
    del address
    assert "one" not in kept
