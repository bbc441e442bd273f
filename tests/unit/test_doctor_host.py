"""What the doctor concludes of a host whose facts are made up: the cause first, and nothing where all is well."""

from dataclasses import replace

import pytest

from dualstack.core.address.address import Address
from dualstack.core.dial.hosts_file import parse_hosts
from dualstack.core.host.facts import Listener
from dualstack.core.host.network import AddressState, Link, Reach, Route, reach_of
from dualstack.doctor.findings import Finding
from dualstack.doctor.host.beyond_findings import beyond_findings
from dualstack.doctor.host.network_findings import network_findings
from dualstack.doctor.host.seen import in_order
from dualstack.doctor.host.sockets_here import assumed_here, one_sided_sockets, ports_here
from dualstack.doctor.host.state import Answers, HostState, Role, Said, Server, TargetState


def address(text: str, interface: str = "eth0", **more: bool | int) -> AddressState:
    scope = interface if Address(text).needs_scope else None
    return AddressState(interface, Address(text, scope), 64, **more)  # type: ignore[arg-type]


HOSTS = "127.0.0.1 localhost\n::1 localhost\n"
LOOPBACK = (address("127.0.0.1", "lo"), address("::1", "lo"))
WELL = HostState(
    links=(Link("lo", 1, is_up=True, is_loopback=True, mtu=65536), Link("eth0", 2, True, False, 1500)),
    addresses=(*LOOPBACK, address("192.0.2.7"), address("2001:db8::7"), address("fe80::7")),
    ways_out={4: Route("eth0", Address("192.0.2.1")), 6: Route("eth0", Address("fe80::1", "eth0"))},
    hosts_text=HOSTS,
    hosts=parse_hosts(HOSTS),
    servers=(Server(Address("192.0.2.53"), 1),),
    resolvers=(Answers(Address("192.0.2.53"), 1, {("a", 4): Said.ADDRESSES, ("a", 6): Said.NOTHING}),),
)
ONLY_LINK = (*LOOPBACK, address("192.0.2.7"), address("fe80::7"))
FAR = TargetState(Address("2001:db8:1::1"), "far", Role.NAMED, is_behind_router=True, is_heard=True, mtu=1500)
LOST = replace(FAR, is_heard=False, router_heard=True)
NEAR4 = TargetState(Address("198.51.100.1"), "far", Role.NAMED, is_behind_router=True, is_heard=True)
SILENT = Answers(Address("2001:db8::53"), 2, {("a", 4): Said.SILENT, ("a", 6): Said.SILENT})
DROPS = Answers(Address("192.0.2.53"), 1, {("a", 4): Said.NO_NAME, ("a", 6): Said.SILENT})
DENIES = Answers(Address("192.0.2.53"), 1, {("a", 4): Said.ADDRESSES, ("a", 6): Said.NO_NAME})


def told(state: HostState) -> list[Finding]:
    ports = ports_here(state, assumed_here(state))
    found = [*network_findings(state), *beyond_findings(state), *one_sided_sockets(state, ports, ())]
    return [each for each in in_order(found) if each.kind.code != "DS161"]


def changed(**changes: object) -> HostState:
    return replace(WELL, **changes)  # type: ignore[arg-type]


def listener(text: str, *, v6only: bool | None = None) -> Listener:
    return Listener("tcp", Address(text).version, Address(text), 80, v6only, process="web", pid=7)


@pytest.mark.parametrize(
    ("state", "codes", "folded"),
    [
        (WELL, [], []),
        (changed(has_socket=False, addresses=LOOPBACK[:1] + WELL.addresses[2:3]), ["DS130"], []),
        (changed(addresses=ONLY_LINK), ["DS135"], []),
        (changed(addresses=(*ONLY_LINK, address("2001:db8::7", is_tentative=True))), ["DS160"], []),
        (changed(addresses=(*ONLY_LINK, address("fd00::7", is_tentative=True))), ["DS136", "DS160"], []),
        (changed(addresses=ONLY_LINK, ways_out={**WELL.ways_out, 6: None}), ["DS135"], []),
        (
            changed(addresses=(*ONLY_LINK, address("fd00::7")), ways_out={**WELL.ways_out, 6: None}),
            ["DS136"],
            ["DS137"],
        ),
        (changed(ways_out={**WELL.ways_out, 6: None}), ["DS137"], []),
        (changed(ways_out={4: None, 6: None}), [], []),
        (changed(addresses=(*ONLY_LINK, address("2001:db8::7", is_duplicate=True))), ["DS131"], ["DS135"]),
        (changed(addresses=(*ONLY_LINK, address("2001:db8::7", preferred_s=0))), ["DS139"], []),
        (changed(addresses=(LOOPBACK[0], *WELL.addresses[2:])), ["DS133"], []),
        (changed(bindv6only=True, listeners=(listener("::", v6only=True),)), ["DS149"], ["DS152"]),
        (changed(hosts_text=HOSTS[:20], hosts=parse_hosts(HOSTS[:20])), ["DS147"], []),
        (changed(resolvers=(SILENT,)), ["DS142"], []),
        (changed(resolvers=(*WELL.resolvers, SILENT)), ["DS143"], []),
        (changed(resolvers=(SILENT,), ways_out={**WELL.ways_out, 6: None}), ["DS137"], ["DS142"]),
        (changed(resolvers=(DROPS,)), ["DS144"], []),
        (changed(resolvers=(DENIES,)), ["DS145"], []),
        (changed(targets=(FAR, NEAR4)), [], []),
        (changed(targets=(LOST, NEAR4)), ["DS140"], ["DS154"]),
        (changed(targets=(replace(LOST, router_heard=False), NEAR4)), ["DS154"], []),
        (changed(targets=(LOST, replace(NEAR4, name="another"))), ["DS154"], []),
        (changed(targets=(replace(LOST, role=Role.HOSTS_FILE),)), [], []),
        (changed(servers=(), resolvers=()), ["DS159"], []),
        (changed(resolvers=(), missing=("whether 192.0.2.53 is there: no socket",)), ["DS162"], []),
        (changed(targets=(replace(FAR, largest=1280, is_large_lost=True), NEAR4)), ["DS141"], []),
        (changed(listeners=(listener("0.0.0.0"),)), ["DS151"], []),
        (changed(listeners=(listener("0.0.0.0"), listener("::", v6only=True))), [], []),
        (changed(listeners=(listener("::", v6only=False),)), [], []),
        (changed(listeners=(listener("127.0.0.1"),)), [], []),
        (changed(missing=("who listens: sock_diag is refused",)), ["DS162"], []),
    ],
)
def test_the_cause_comes_first_and_explains_the_rest(state: HostState, codes: list[str], folded: list[str]) -> None:
    found = told(state)
    assert [each.kind.code for each in found if each.caused_by is None] == codes
    assert [each.kind.code for each in found if each.caused_by is not None] == folded
    assert all(each.caused_by == codes[0] for each in found[len(codes) :])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("::1", Reach.LOOPBACK),
        ("fe80::1", Reach.LINK),
        ("fdff::1", Reach.UNIQUE_LOCAL),
        ("fe00::1", Reach.GLOBAL),
        ("172.31.0.1", Reach.PRIVATE),
        ("172.32.0.1", Reach.GLOBAL),
    ],
)
def test_how_far_an_address_goes_is_by_its_prefix(text: str, expected: Reach) -> None:
    assert reach_of(Address(text)) is expected
