"""Which addresses the hosts of a lab get, and what becomes of ranges that this machine has itself."""

import pytest

from dualstack.core.address.address import Address
from dualstack.core.address.prefix import Prefix
from dualstack.errors import ConfigError, ExitCode
from dualstack.lab.addressing import Addressing


def ranges(*used: str, ipv4: str | None = None, ipv6: str | None = None) -> Addressing:
    wanted = [text and Prefix.parse(text) for text in (ipv4, ipv6)]
    return Addressing(*wanted, [Address(text) for text in used])


def test_hosts_have_even_numbers_on_links_of_their_own() -> None:
    made = ranges()
    interfaces = [
        made.interface(number, link, family) for number, link in ((1, "a"), (2, "a"), (1, "b")) for family in (4, 6)
    ]
    assert [str(each) for each in interfaces] == [
        "10.64.0.2/24",
        "2001:db8:64::2/64",
        "10.64.0.4/24",
        "2001:db8:64::4/64",
        "10.64.1.2/24",
        "2001:db8:64:1::2/64",
    ]


def test_the_odd_address_after_a_hosts_own_is_nobodys() -> None:
    made = ranges()
    everybody = {made.interface(number, "lan", 6).address for number in range(1, 127)}
    dead = {made.interface(number, "lan", 6).dead for number in range(1, 127)}
    assert (len(everybody), len(dead), everybody & dead) == (126, 126, set())
    assert str(made.interface(1, "lan", 4).dead) == "10.64.0.3"


def test_an_interface_knows_its_link() -> None:
    made = ranges()
    for family in (4, 6):
        here, there = made.interface(1, "a", family), made.interface(1, "b", family)
        assert here.is_link_of(here.dead)
        assert not here.is_link_of(there.address)
        assert not here.is_link_of(made.interface(1, "a", 10 - family).address)


def test_ranges_that_this_machine_uses_are_chosen_around() -> None:
    made = ranges("10.64.3.1", "10.65.0.1", "192.0.2.1", "2001:db8:64:ffff::1", "fe80::1%eth0")
    assert [str(made.ranges[family]) for family in (4, 6)] == ["10.66.0.0/16", "2001:db8:65::/48"]


def test_a_machine_that_uses_them_all_has_a_lab_all_the_same() -> None:
    # A lab's hosts are apart from this machine: what is chosen around is a mix-up of people's, not of packets.
    made = ranges(*(f"10.{second}.0.1" for second in range(64, 96)))
    assert [str(made.ranges[family]) for family in (4, 6)] == ["10.64.0.0/16", "2001:db8:64::/48"]


def test_a_range_that_is_wanted_is_taken() -> None:
    made = ranges("10.64.0.1", ipv4="192.168.0.0/22", ipv6="fd00:1::/60")
    assert [str(made.interface(3, "lan", family)) for family in (4, 6)] == ["192.168.0.6/24", "fd00:1::6/64"]


@pytest.mark.parametrize(
    ("key", "wanted", "used"),
    [("ipv4", "192.168.0.0/16", "192.168.7.1"), ("ipv6", "fd00::/48", "fd00::7")],
)
def test_a_wanted_range_in_use_on_this_machine_is_refused_with_exit_code_69(key: str, wanted: str, used: str) -> None:
    with pytest.raises(ConfigError) as refused:
        ranges(used, **{key: wanted})
    assert str(refused.value) == (
        f"{key}: {wanted} is in use on this machine ({used}); take another range, or leave the key out"
    )
    assert refused.value.exit_code is ExitCode.UNAVAILABLE


def test_there_is_room_for_126_hosts_a_link() -> None:
    made = ranges()
    assert str(made.interface(126, "lan", 4)) == "10.64.0.252/24"
    with pytest.raises(ConfigError, match=r"^hosts: 10\.64\.0\.0/16 has room for 256 links of 126 hosts$"):
        made.interface(127, "lan", 4)


@pytest.mark.parametrize(("ipv4", "links"), [("192.168.0.0/24", 1), ("192.168.0.0/22", 4)])
def test_there_is_room_for_as_many_links_as_the_range_holds(ipv4: str, links: int) -> None:
    made = ranges(ipv4=ipv4)
    for number in range(links):
        made.interface(1, f"link{number}", 4)
    with pytest.raises(ConfigError, match=f"has room for {links} links? of 126 hosts"):
        made.interface(1, "one-more", 4)
