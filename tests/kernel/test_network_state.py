"""What `kernel.network_state` makes of the kernel's answers: links, addresses with their age, ways to an address."""

import errno
import json
import socket
import struct
import subprocess
from pathlib import Path

import pytest

from dualstack.core.address.address import Address
from dualstack.core.host.network import AddressState, Link, Route
from dualstack.kernel import netlink
from dualstack.kernel.network_state import read_addresses, read_disabled, read_links, route_to

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_NETLINK"), reason="netlink is Linux'")

UNICAST, LOCAL, BLACKHOLE = 1, 2, 6
LO = socket.if_indextoname(1)
FOUR, SIX = Address("192.0.2.1"), Address("2001:db8::1")


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def number(value: int) -> bytes:
    return struct.pack("=I", value)


def dumps(monkeypatch: pytest.MonkeyPatch, kind: int, *answers: bytes) -> None:
    def dump(protocol: int, asked: int, question: bytes) -> list[bytes]:
        assert (protocol, asked, question[0]) == (0, kind, socket.AF_UNSPEC)
        return list(answers)

    monkeypatch.setattr(netlink, "dump", dump)


def link(index: int, flags: int, *attributes: bytes) -> bytes:
    return struct.pack("=BxHiII", 0, 1, index, flags, 0) + b"".join(attributes)


def test_links_are_told_in_their_order_with_what_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    up, loopback, other = 0x1, 0x8, 0x10042
    dumps(
        monkeypatch,
        18,
        link(7, up | other, attribute(3, b"eth0\0"), attribute(4, number(1500))),
        link(1, up | loopback, attribute(3, b"lo\0"), attribute(4, number(65536))),
        link(9, other, attribute(3, b"\xff\0")),
    )
    assert read_links() == (
        Link("lo", 1, is_up=True, is_loopback=True, mtu=65536),
        Link("eth0", 7, is_up=True, is_loopback=False, mtu=1500),
        Link("\ufffd", 9, is_up=False, is_loopback=False, mtu=0),
    )


def listed(family: int, index: int, flags: int, *attributes: bytes, length: int = 24) -> bytes:
    return struct.pack("=BBBBI", family, length, flags, 0, index) + b"".join(attributes)


def test_addresses_are_told_with_their_state_and_their_age(monkeypatch: pytest.MonkeyPatch) -> None:
    four, six = socket.AF_INET, socket.AF_INET6
    local, other_end, age, flags = 2, 1, 6, 8
    ages = struct.pack("=IIII", 10, 20, 1, 2)
    for_ever = b"\xff" * 8
    dumps(
        monkeypatch,
        22,
        listed(four, 1, 0x01, attribute(other_end, SIX.packed[:4]), attribute(local, FOUR.packed)),
        listed(six, 1, 0x01, attribute(other_end, SIX.packed), attribute(age, ages), length=64),
        listed(six, 9, 0x40, attribute(other_end, SIX.packed), attribute(age, for_ever)),
        listed(six, 9, 0x40, attribute(other_end, SIX.packed), attribute(flags, number(0x48))),
        listed(six, 9, 0, attribute(other_end, SIX.packed), attribute(flags, number(0x44))),
        listed(17, 1, 0, attribute(other_end, SIX.packed)),
        listed(six, 1, 0),
    )
    assert read_addresses((Link("lo", 1, is_up=True, is_loopback=True, mtu=1),)) == (
        AddressState("lo", FOUR, 24),
        AddressState("lo", SIX, 64, is_temporary=True, preferred_s=10, valid_s=20),
        AddressState("9", SIX, 24, is_tentative=True),
        AddressState("9", SIX, 24, is_duplicate=True),
        AddressState("9", SIX, 24),
    )


def ways(monkeypatch: pytest.MonkeyPatch, answer: bytes | OSError) -> list[bytes]:
    asked: list[bytes] = []

    def ask(protocol: int, kind: int, question: bytes) -> bytes:
        assert (protocol, kind) == (0, 26)
        asked.append(question)
        if isinstance(answer, OSError):
            raise answer
        return answer

    monkeypatch.setattr(netlink, "ask", ask)
    return asked


def route(kind: int, *attributes: bytes) -> bytes:
    return struct.pack("=BBBBBBBBI", 2, 0, 0, 0, 0, 0, 0, kind, 0) + b"".join(attributes)


OIF = attribute(4, number(1))
NEXT_HOP, SOURCE = Address("192.0.2.254"), Address("192.0.2.77")


@pytest.mark.parametrize(
    ("attributes", "found"),
    [
        ((OIF,), Route(LO, None, None)),
        ((), Route("0", None, None)),
        ((attribute(4, number(0x7FFFFFFF)),), Route("2147483647", None, None)),
        ((OIF, attribute(5, NEXT_HOP.packed), attribute(7, SOURCE.packed)), Route(LO, NEXT_HOP, SOURCE)),
        ((OIF, attribute(18, b"\x0a\0" + SIX.packed)), Route(LO, SIX, None)),
        ((OIF, attribute(5, Address("fe80::1").packed)), Route(LO, Address("fe80::1", LO), None)),
    ],
    ids=["on the link", "no interface", "gone", "gateway", "gateway of the other family", "link-local gateway"],
)
@pytest.mark.parametrize("kind", [UNICAST, LOCAL])
def test_a_way_is_told_with_its_interface_its_gateway_and_its_source(
    kind: int, attributes: tuple[bytes, ...], found: Route, monkeypatch: pytest.MonkeyPatch
) -> None:
    ways(monkeypatch, route(kind, *attributes))
    assert route_to(FOUR) == found


@pytest.mark.parametrize(
    "answer", [route(BLACKHOLE, OIF), route(0, OIF), route(3, OIF), OSError(errno.ENETUNREACH, "unreachable")], ids=str
)
def test_what_has_no_way_has_none(answer: bytes | OSError, monkeypatch: pytest.MonkeyPatch) -> None:
    ways(monkeypatch, answer)
    assert route_to(FOUR) is None


def test_who_may_not_ask_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    ways(monkeypatch, PermissionError(errno.EPERM, "forbidden"))
    with pytest.raises(PermissionError):
        route_to(FOUR)


@pytest.mark.parametrize(("zone", "index"), [(LO, 1), ("1", 1), ("77", 77)])
def test_a_way_begins_at_the_interface_of_its_zone(zone: str, index: int, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ways(monkeypatch, route(UNICAST, OIF))
    route_to(Address("fe80::1", zone))
    assert asked[0][12:] == attribute(1, Address("fe80::1").packed) + attribute(4, number(index))


def test_this_host_is_as_its_files_and_ip_say() -> None:
    links = read_links()
    assert [(each.index, each.name) for each in links] == sorted(socket.if_nameindex())
    (loopback,) = (each for each in links if each.is_loopback)
    assert loopback.mtu == int(Path(f"/sys/class/net/{loopback.name}/mtu").read_text())
    told = json.loads(subprocess.run(("ip", "-j", "addr"), capture_output=True, check=True).stdout)
    assert sorted((each.interface, str(each.address.without_scope), each.length) for each in read_addresses(links)) == [
        *sorted((each["ifname"], its["local"], its["prefixlen"]) for each in told for its in each["addr_info"])
    ]
    off = {name for _, name in socket.if_nameindex() if Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6").exists()}
    off = {name for name in off if Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6").read_text().strip() == "1"}
    assert set(read_disabled(links)) == off
    nowhere = Link("nope0", 9, is_up=True, is_loopback=False, mtu=1)
    assert read_disabled((nowhere,)) == ()
