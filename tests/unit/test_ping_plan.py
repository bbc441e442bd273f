"""`core.ping.plan`: which addresses are pinged by which interface, and what cannot be meant."""

from math import inf, nan

import pytest

from dualstack.core.address.address import Address
from dualstack.core.host.facts import HostFacts, Interface
from dualstack.core.ping.plan import PingWishes, plan_ping
from dualstack.core.ping.probes import Schedule
from dualstack.errors import ConfigError, ExitCode

FACTS = HostFacts(
    interfaces=(
        Interface("lo", 1, (Address("127.0.0.1"), Address("::1"))),
        Interface("eth0", 2, (Address("fe80::a%eth0"), Address("192.0.2.1"))),
        Interface("eth1", 3, (Address("fe80::b%eth1"),)),
    )
)


@pytest.mark.parametrize(
    ("addresses", "wishes", "targets", "interface"),
    [
        (["2001:db8::1", "192.0.2.9"], PingWishes(), ["2001:db8::1", "192.0.2.9"], 0),
        (["2001:db8::1"], PingWishes(interface="eth1"), ["2001:db8::1"], 3),
        (["2001:db8::1"], PingWishes(interface="3"), ["2001:db8::1"], 3),
        (["fe80::1%eth0"], PingWishes(), ["fe80::1%eth0"], 0),
        (["fe80::1%2"], PingWishes(interface="eth0"), ["fe80::1%2"], 2),
        (["fe80::1"], PingWishes(interface="eth0"), ["fe80::1%eth0"], 2),
        (["ff02::1"], PingWishes(interface="eth1"), ["ff02::1%eth1"], 3),
        (["fe80::1", "fe80::1%eth0"], PingWishes(interface="eth0"), ["fe80::1%eth0"], 2),
        (["2001:db8::1", "192.0.2.9"], PingWishes(source=Address("192.0.2.1")), ["192.0.2.9"], 0),
        (["fe80::1%eth0"], PingWishes(source=Address("fe80::a%eth0")), ["fe80::1%eth0"], 0),
    ],
)
def test_who_is_asked_and_by_which_interface(
    addresses: list[str], wishes: PingWishes, targets: list[str], interface: int
) -> None:
    plan = plan_ping("h", map(Address, addresses), wishes, FACTS)
    assert (list(map(str, plan.targets)), plan.interface, plan.wishes) == (targets, interface, wishes)


@pytest.mark.parametrize(
    ("address", "wishes", "why"),
    [
        ("fe80::1", PingWishes(), "fe80::1 is link-local and needs its interface: fe80::1%eth0, fe80::1%eth1"),
        ("ff02::1", PingWishes(), "ff02::1 is link-local and needs its interface: ff02::1%eth0, ff02::1%eth1"),
        ("fe80::1%eth9", PingWishes(), "fe80::1%eth9: there is no interface eth9; there are: lo, eth0, eth1"),
        ("::1", PingWishes(interface="eth9"), "interface: there is no interface eth9; there are: lo, eth0, eth1"),
        (
            "fe80::1%eth0",
            PingWishes(interface="eth1"),
            "interface: eth1, and fe80::1%eth0 is on eth0: the two must agree",
        ),
        ("fe80:2::1", PingWishes(interface="eth0"), "write fe80::1%2"),
        ("0.0.0.0", PingWishes(), "0.0.0.0 names no host; 127.0.0.1 is this one"),
        ("::", PingWishes(), ":: names no host; ::1 is this one"),
        ("192.0.2.9", PingWishes(source=Address("::1")), "source: ::1 is IPv6, and h has no such address"),
        ("192.0.2.9", PingWishes(source=Address("224.0.0.1")), "source: 224.0.0.1 is a group's address"),
        ("::1", PingWishes(source=Address("fe80::a")), "source: fe80::a is link-local and needs its interface"),
        ("::1", PingWishes(source=Address("fe80::a%eth9")), "source: there is no interface eth9"),
    ],
)
def test_what_cannot_be_meant_is_told_with_what_could(address: str, wishes: PingWishes, why: str) -> None:
    with pytest.raises(ConfigError) as caught:
        plan_ping("h", [Address(address)], wishes, FACTS)
    assert why in str(caught.value)
    assert caught.value.exit_code == ExitCode.WRONG_VALUE


def test_where_interfaces_are_not_known_the_error_says_what_to_write() -> None:
    with pytest.raises(ConfigError, match="fe80::1%INTERFACE"):
        plan_ping("h", [Address("fe80::1")], PingWishes(), HostFacts())
    with pytest.raises(ConfigError, match=r"there is no interface eth0$"):
        plan_ping("h", [Address("fe80::1%eth0")], PingWishes(), HostFacts())


@pytest.mark.parametrize(
    ("schedule", "why"),
    [
        (Schedule(count=0), "count: 0: expected a whole number from 1 on"),
        (Schedule(count=2.5), "count: 2.5: expected a whole number from 1 on"),  # type: ignore[arg-type]
        (Schedule(count=True), "count: True: expected a whole number from 1 on"),
        (Schedule(interval_s=0), "interval_s: 0: expected seconds from 0.01 on"),
        (Schedule(interval_s=nan), "interval_s: nan: expected seconds from 0.01 on"),
        (Schedule(interval_s="1"), "interval_s: '1': expected seconds from 0.01 on"),  # type: ignore[arg-type]
        (Schedule(timeout_s=-1), "timeout_s: -1: expected seconds from 0.001 on"),
        (Schedule(timeout_s=inf), "timeout_s: inf: expected seconds from 0.001 on"),
        (Schedule(timeout_s=True), "timeout_s: True: expected seconds from 0.001 on"),
        (Schedule(size_bytes=65508), "size_bytes: 65508: expected a whole number from 0 to 65507"),
        (Schedule(size_bytes=-1), "size_bytes: -1: expected a whole number from 0 to 65507"),
    ],
)
def test_a_number_out_of_range_is_told_with_its_range(schedule: Schedule, why: str) -> None:
    with pytest.raises(ConfigError) as caught:
        PingWishes(schedule)
    assert str(caught.value) == why


@pytest.mark.parametrize("hop_limit", [0, 256])
def test_a_hop_limit_is_a_byte_and_not_0(hop_limit: int) -> None:
    with pytest.raises(ConfigError, match=f"hop_limit: {hop_limit}: expected a whole number from 1 to 255"):
        PingWishes(hop_limit=hop_limit)


def test_a_family_is_4_or_6_or_both() -> None:
    with pytest.raises(ConfigError, match="family: 5: expected 4 or 6 for that family alone, or 0"):
        PingWishes(family=5)
