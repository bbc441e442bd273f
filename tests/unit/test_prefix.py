"""Blocks of addresses: how they are written, what is refused, what they hold, what is left of them."""

import pytest

from dualstack.core.address.address import Address
from dualstack.core.address.prefix import Prefix
from dualstack.errors import AddressError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("10.0.0.0/255.0.0.0", "10.0.0.0/8"),
        ("0.0.0.0/0.0.0.0", "0.0.0.0/0"),
        ("192.0.2.1", "192.0.2.1/32"),
        ("2001:DB8::/32", "2001:db8::/32"),
        ("2001:db8::/ffff:ffff::", "2001:db8::/32"),
        ("::/0", "::/0"),
        ("fe80::1%eth0", "fe80::1%eth0/128"),
        ("fe80::%eth0/10", "fe80::%eth0/10"),
        ("::ffff:10.0.0.0/104", "::ffff:10.0.0.0/104"),
    ],
)
def test_a_prefix_is_an_address_with_a_length_or_a_netmask(text: str, expected: str) -> None:
    assert str(Prefix.parse(text)) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("10.0.0.0/33", "0 to 32 bits"),
        ("::/129", "0 to 128 bits"),
        ("::/1280", "at most three digits"),
        ("10.0.0.0/08", "no leading zero"),
        ("10.0.0.0/", "after the slash"),
        ("10.0.0.0/+8", "after the slash"),
        ("10.0.0.0/8 ", "after the slash"),
        ("10.0.0.0/\u0668", "after the slash"),
        ("10.0.0.0/8/8", "after the slash"),
        ("10.0.0.0/0.255.255.255", "no netmask"),
        ("10.0.0.0/255.0.255.0", "no netmask"),
        ("10.0.0.0/ffff::", "no netmask"),
        ("fe80::/ffff::%eth0", "no netmask"),
        ("10.0.0.1/8", "bits are set beyond the prefix: write 10.0.0.0/8"),
        ("fe80::1%eth0/64", "bits are set beyond the prefix: write fe80::%eth0/64"),
        ("10/8", "no IPv4 address"),
        ("010.0.0.0/8", "no IPv4 address"),
        ("127.1/16", "no IPv4 address"),
        ("", "empty"),
    ],
)
def test_what_is_no_prefix_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(AddressError) as refused:
        Prefix.parse(text)
    assert reason in refused.value.why


@pytest.mark.parametrize(
    ("prefix", "address", "held"),
    [
        ("10.0.0.0/8", "10.255.255.255", True),
        ("10.0.0.0/8", "11.0.0.0", False),
        ("0.0.0.0/0", "::", False),
        ("::/0", "0.0.0.0", False),
        ("fe80::/10", "fe80::1%eth0", True),
        ("fe80::%eth0/10", "fe80::1%eth0", True),
        ("fe80::%eth0/10", "fe80::1%eth1", False),
        ("fe80::%eth0/10", "fe80::1", False),
    ],
)
def test_a_zone_hides_nothing_and_a_prefix_with_a_zone_is_for_it_alone(prefix: str, address: str, held: bool) -> None:  # noqa: FBT001
    assert (Address(address) in Prefix.parse(prefix)) is held


def test_a_mapped_prefix_is_its_ipv4_in_canonical_form() -> None:
    assert str(Prefix.parse("::ffff:10.0.0.0/104").canonical) == "10.0.0.0/8"
    assert str(Prefix.parse("::ffff:0:0/96").canonical) == "0.0.0.0/0"
    assert str(Prefix.parse("::/0").canonical) == "::/0"


def test_what_is_left_without_holes_is_made_of_prefixes() -> None:
    whole = Prefix.parse("192.0.2.0/24")
    assert [str(p) for p in whole.without(())] == ["192.0.2.0/24"]
    assert list(whole.without((Prefix.parse("192.0.0.0/16"),))) == []
    holes = (Prefix.parse("192.0.2.0/26"), Prefix.parse("192.0.2.255/32"), Prefix.parse("10.0.0.0/8"))
    left = list(whole.without(holes))
    assert sum(p.last - p.first + 1 for p in left) == 256 - 64 - 1
    assert not any(p.first <= hole.last and hole.first <= p.last for p in left for hole in holes)
