"""IPv4 inside IPv6: each mechanism with the example of its law, and the six lengths of RFC 6052."""

import pytest

from dualstack.core.address.address import Address
from dualstack.core.address.embedded import Nat64, embedded_ipv4
from dualstack.errors import AddressError

RFC_6052 = Nat64(
    [
        "2001:db8::/32",
        "2001:db8:100::/40",
        "2001:db8:122::/48",
        "2001:db8:122:300::/56",
        "2001:db8:122:344::/64",
        "2001:db8:122:344::/96",
    ]
)


def found(text: str, nat64: Nat64 | None = None) -> dict[str, str]:
    return {inside.mechanism: str(inside.ipv4) for inside in embedded_ipv4(Address(text), nat64)}


@pytest.mark.parametrize(
    ("text", "expected", "law"),
    [
        ("::ffff:192.0.2.33", {"ipv4-mapped": "192.0.2.33"}, "RFC 4291 section 2.5.5.2"),
        ("::192.0.2.33", {"ipv4-compatible": "192.0.2.33"}, "RFC 4291 section 2.5.5.1"),
        ("::2", {"ipv4-compatible": "0.0.0.2"}, "as IN6_IS_ADDR_V4COMPAT"),
        ("::1", {}, "the loopback address is itself"),
        ("::", {}, "so is the unspecified one"),
        ("::ffff:0:192.0.2.33", {"siit": "192.0.2.33"}, "RFC 2765 section 2.1"),
        ("64:ff9b::192.0.2.33", {"nat64": "192.0.2.33"}, "RFC 6052 section 2.4"),
        ("64:ff9b:0:0:1::192.0.2.33", {}, "beyond the well-known /96"),
        (
            "64:ff9b:1:c000:2:2100::",
            {"nat64-local/96": "0.0.0.0", "nat64-local/48": "192.0.2.33"},
            "RFC 8215: two readings",
        ),
        ("2002:c000:221::1", {"6to4": "192.0.2.33"}, "RFC 3056 section 2"),
        (
            "2001:0:4136:e378:8000:63bf:3fff:fdd2",
            {"teredo-server": "65.54.227.120", "teredo-client": "192.0.2.45"},
            "RFC 4380 section 4",
        ),
        ("2001:db8::5efe:192.0.2.33", {"isatap": "192.0.2.33"}, "RFC 5214 section 6.1: a private IPv4 address"),
        ("2001:db8::200:5efe:192.0.2.33", {"isatap": "192.0.2.33"}, "RFC 5214 section 6.1: a global one"),
        ("2001:db8::300:5efe:192.0.2.33", {}, "the group bit"),
        ("ff02::5efe:192.0.2.33", {}, "a group has no interface identifier"),
        ("2002:c000:221::200:5efe:10.0.0.1", {"6to4": "192.0.2.33", "isatap": "10.0.0.1"}, "two at once"),
        ("192.0.2.33", {}, "IPv4 embeds nothing"),
        ("2001:db8::1", {}, "no mechanism"),
    ],
)
def test_each_mechanism_has_its_place(text: str, expected: dict[str, str], law: str) -> None:
    assert found(text) == expected, law


@pytest.mark.parametrize(
    ("text", "mechanism"),
    [
        ("2001:db8:c000:221::", "nat64-nsp/32"),
        ("2001:db8:1c0:2:21::", "nat64-nsp/40"),
        ("2001:db8:122:c000:2:2100::", "nat64-nsp/48"),
        ("2001:db8:122:3c0:0:221::", "nat64-nsp/56"),
        ("2001:db8:122:344:c0:2:2100::", "nat64-nsp/64"),
        ("2001:db8:122:344::192.0.2.33", "nat64-nsp/96"),
    ],
)
def test_the_table_of_rfc_6052_section_2_4(text: str, mechanism: str) -> None:
    assert found(text, RFC_6052) == {mechanism: "192.0.2.33"}
    assert found(text) == {}


@pytest.mark.parametrize(
    "text",
    [
        "2001:db8:c000:221:100::",
        "2001:db8:c000:221::1",
        "2001:db8:122:344:ff:2:2100:1",
        "2001:db8:122:344:100::c000:221",
    ],
    ids=["u octet", "suffix", "suffix of a /64", "u octet of a /96"],
)
def test_what_the_prefix_does_not_leave_zero_is_no_address_of_a_translator(text: str) -> None:
    assert found(text, RFC_6052) == {}


def test_a_given_prefix_settles_the_length_under_the_local_use_prefix() -> None:
    assert found("64:ff9b:1::192.0.2.33", Nat64(["64:ff9b:1::/96"])) == {"nat64-nsp/96": "192.0.2.33"}
    assert set(found("64:ff9b:1:1::192.0.2.33", Nat64(["64:ff9b:1::/96"]))) == {"nat64-local/96", "nat64-local/48"}


def test_the_well_known_prefix_given_is_the_well_known_prefix() -> None:
    assert found("64:ff9b::192.0.2.33", Nat64(["64:ff9b::/96"])) == {"nat64": "192.0.2.33"}


@pytest.mark.parametrize(
    ("prefix", "reason"),
    [
        ("2001:db8::/33", "32, 40, 48, 56, 64 or 96"),
        ("2001:db8::", "32, 40, 48, 56, 64 or 96"),
        ("192.0.0.0/32", "is IPv6"),
        ("fe80::%eth0/64", "no zone"),
        ("2001:db8:0:0:100::/96", "bits 64 to 71"),
        ("2001:db8::1/96", "bits are set beyond"),
        ("nonsense", "no IPv4 address"),
    ],
)
def test_a_prefix_without_a_place_for_ipv4_is_refused(prefix: str, reason: str) -> None:
    with pytest.raises(AddressError) as refused:
        Nat64([prefix])
    assert reason in refused.value.why
