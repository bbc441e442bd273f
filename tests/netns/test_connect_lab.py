"""The connector on broken networks with a round trip of 2 ms: which address wins, in which order, and not too late.

Each caller runs in a host of the lab, and takes the time there. What a machine that is busy cannot spoil is asserted:
who was tried and who won, and less time than anybody needs who waits for what is broken. The figures are those of
`bench/connect`.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from dualstack.lab.host import Host
from dualstack.lab.network import Network, why_no_network
from support.program import dualstack

pytestmark = pytest.mark.daemon("nft")

PORT = 7007
# Who waits for a late answer waits a second, for a lost one 5 s at least, for what is dropped two minutes.
SOON_S = 0.9
DELAY_S = 0.25
DEAD = [f"dead{number}" for number in range(1, 7)]

SERVE = f"""
import socket, threading

def accept(server):
    while True:
        server.accept()[0].close()

servers = [socket.create_server(("", {PORT})), socket.create_server(("::", {PORT}), family=socket.AF_INET6)]
print("up", flush=True)
threading.Thread(target=accept, args=servers[:1], daemon=True).start()
accept(servers[1])
"""


def serve(host: Host) -> None:
    server = host.popen([sys.executable, "-c", SERVE])
    assert server.stdout is not None
    assert server.stdout.readline() == "up\n"


@pytest.fixture(scope="module")
def whole() -> Iterator[Network]:
    """A client, a server of both families, and six that have IPv6 alone, of which five will be dead."""
    if why := why_no_network():
        pytest.skip(why)
    with Network() as network:
        network.host("client")
        serve(network.host("server"))
        for name in DEAD:
            serve(network.host(name, "ipv6-only"))
        network.name("six", *DEAD)
        yield network


@pytest.fixture
def lab(whole: Network) -> Iterator[Network]:
    yield whole
    whole.heal()


@dataclass(frozen=True)
class Made:
    """A connection: the families tried, in order, the address that won, and the seconds that it took."""

    tried: list[int]
    peer: str
    elapsed_s: float


def connections(way: str, name: str, port: int, times: int) -> "list[list[object]]":
    """What became of so many connections in a row, by a dialler that begins with no history."""
    import asyncio
    import time

    import dualstack

    dialer = dualstack.Dialer()
    found: list[list[object]] = []

    def told(step: dualstack.DialStep) -> None:
        if step.kind == "attempt":
            tried.append(str(step.facts["address"]))

    async def connect() -> None:
        for _ in range(times):
            tried.clear()
            began = time.monotonic()
            with await dialer.connect(name, port, timeout=20, on_step=told) as sock:
                found.append([list(tried), sock.getpeername()[0], time.monotonic() - began])

    tried: list[str] = []
    if way == "asyncio":
        asyncio.run(connect())
        return found
    for _ in range(times):
        tried.clear()
        began = time.monotonic()
        with dialer.create_connection((name, port), 20, on_step=told) as sock:
            found.append([list(tried), sock.getpeername()[0], time.monotonic() - began])
    return found


def by_command(host: Host, name: str) -> list[list[object]]:
    done = dualstack("connect", name, PORT, "--json", "--timeout", "20", host=host)
    document = json.loads(done.stdout)
    assert document["error"] is None
    tried = [event["address"] for event in document["events"] if event["kind"] == "attempt"]
    return [[tried, document["peer"], document["elapsed_s"]]]


def made(lab: Network, way: str, name: str = "server.test", times: int = 1) -> list[Made]:
    client = lab.hosts["client"]
    found = by_command(client, name) if way == "command" else client.call(connections, way, name, PORT, times)
    return [
        Made([6 if ":" in address else 4 for address in tried], peer, elapsed_s)  # type: ignore[attr-defined]
        for tried, peer, elapsed_s in found
    ]


def server(lab: Network, family: int) -> str:
    (address,) = lab.addresses("server")[family]
    return address


ways = pytest.mark.parametrize("way", ["blocking", "asyncio", "command"])
libraries = pytest.mark.parametrize("way", ["blocking", "asyncio"])


@ways
def test_on_a_network_that_works_ipv6_is_used(lab: Network, way: str) -> None:
    (only,) = made(lab, way)
    assert (only.tried, only.peer) == ([6], server(lab, 6))


@ways
def test_ipv6_that_is_dropped_costs_one_delay(lab: Network, way: str) -> None:
    with lab.fault("dropped ipv6 server"):
        (only,) = made(lab, way)
    assert (only.tried, only.peer) == ([6, 4], server(lab, 4))
    assert DELAY_S <= only.elapsed_s < DELAY_S + SOON_S


@libraries
def test_from_the_second_time_on_dropped_ipv6_is_not_waited_for(lab: Network, way: str) -> None:
    with lab.fault("dropped ipv6 server"):
        first, *others = made(lab, way, times=5)
    assert first.tried == [6, 4]
    assert [each.tried for each in others] == [[4]] * 4
    # One of them may be held up by a busy machine, not all four.
    assert min(each.elapsed_s for each in others) < DELAY_S / 2


@ways
def test_ipv6_that_refuses_is_left_at_once(lab: Network, way: str) -> None:
    with lab.fault("refused ipv6 server"):
        (only,) = made(lab, way)
    assert (only.tried, only.peer) == ([6, 4], server(lab, 4))
    assert only.elapsed_s < SOON_S


@libraries
def test_who_refuses_is_asked_again_the_next_time_and_costs_no_delay(lab: Network, way: str) -> None:
    with lab.fault("refused ipv6 server"):
        found = made(lab, way, times=5)
    assert [each.tried for each in found] == [[6, 4]] * 5
    assert min(each.elapsed_s for each in found) < DELAY_S / 2


@ways
@pytest.mark.parametrize("fault", ["lookup-lost a server", "lookup-late 1s a server"])
def test_ipv6_addresses_do_not_wait_for_the_others(lab: Network, way: str, fault: str) -> None:
    with lab.fault(fault):
        (only,) = made(lab, way)
    assert (only.tried, only.peer) == ([6], server(lab, 6))
    assert only.elapsed_s < SOON_S


@ways
def test_late_ipv6_addresses_are_waited_for_a_twentieth_of_a_second(lab: Network, way: str) -> None:
    with lab.fault("lookup-late 1s aaaa server"):
        (only,) = made(lab, way)
    assert (only.tried, only.peer) == ([4], server(lab, 4))
    assert 0.05 <= only.elapsed_s < SOON_S


@ways
def test_of_two_ipv6_addresses_the_second_is_used_where_the_first_is_dead_and_ipv4_refuses(
    lab: Network, way: str
) -> None:
    with lab.fault("lookup-dead-first aaaa server"), lab.fault("refused ipv4 server"):
        (only,) = made(lab, way)
    assert sorted(only.tried) == [4, 6, 6]
    assert only.peer == server(lab, 6)
    assert only.elapsed_s < 2 * DELAY_S + SOON_S


@ways
def test_slow_ipv6_is_waited_for_where_ipv4_refuses(lab: Network, way: str) -> None:
    with lab.fault("delay 300ms ipv6 server"), lab.fault("refused ipv4 server"):
        (only,) = made(lab, way)
    assert (only.tried, only.peer) == ([6, 4], server(lab, 6))
    assert 0.3 <= only.elapsed_s < 0.3 + SOON_S


@ways
def test_five_dead_addresses_before_a_live_one_cost_five_delays(lab: Network, way: str) -> None:
    *dead, (live, address) = in_order(lab, "six.test")
    for name, _ in dead:
        lab.fault(f"dropped {name}")
    (only,) = made(lab, way, "six.test")
    assert (only.tried, only.peer) == ([6] * 6, address), live
    assert 5 * DELAY_S <= only.elapsed_s < 5 * DELAY_S + SOON_S


def in_order(lab: Network, name: str) -> list[tuple[str, str]]:
    """The hosts with that name, each with its address, as the client's resolver has them."""
    hosts = {lab.addresses(each)[6][0]: each for each in DEAD}
    return [(hosts[address], address) for address in lab.hosts["client"].call(resolved, name)]


def resolved(name: str) -> "list[str]":
    import socket

    return [str(each[4][0]) for each in socket.getaddrinfo(name, None, socket.AF_INET6, socket.SOCK_STREAM)]
