"""Service records of a name server in the lab: priorities, ports, names, hints, by the library and the command (X2)."""

import json
import re
import sys
from collections.abc import Iterator

import pytest

from dualstack.lab.host import Host
from dualstack.lab.network import Network, why_no_network
from support.program import dualstack

PORT, OTHER_PORT = 7007, 7443
TRIES = 5

SERVE = f"""
import socket, threading

def accept(server):
    while True:
        server.accept()[0].close()

servers = [
    socket.create_server((any_address, port), family=family)
    for port in ({PORT}, {OTHER_PORT})
    for family, any_address in ((socket.AF_INET, ""), (socket.AF_INET6, "::"))
]
print("up", flush=True)
for server in servers[1:]:
    threading.Thread(target=accept, args=(server,), daemon=True).start()
accept(servers[0])
"""


def serve(host: Host) -> None:
    server = host.popen([sys.executable, "-c", SERVE])
    assert server.stdout is not None
    assert server.stdout.readline() == "up\n"


@pytest.fixture(scope="module")
def whole() -> Iterator[Network]:
    """A client, the host that a name's own addresses are of, and two that services of it are at."""
    if why := why_no_network():
        pytest.skip(why)
    with Network() as network:
        network.host("client")
        for name in ("www", "near", "far"):
            serve(network.host(name))
        yield network


@pytest.fixture
def lab(whole: Network) -> Iterator[Network]:
    yield whole
    whole.heal()


def connections(way: str, name: str, port: int) -> "tuple[str, int, list[str]]":
    """The peer's address and port, and the addresses tried."""
    import asyncio

    from dualstack import Dialer, DialStep
    from dualstack.dns import DnsResolver

    # Long enough for a machine that others are busy on: what comes later is rightly not waited for.
    dialer = Dialer(resolver=DnsResolver(), service="https", history=None, resolution_delay=1.0)
    tried: list[str] = []

    def told(step: DialStep) -> None:
        if step.kind == "attempt":
            tried.append(str(step.facts["address"]))

    async def connect() -> tuple[str, int]:
        with await dialer.connect(name, port, timeout=20, on_step=told) as sock:
            return sock.getpeername()[:2]  # type: ignore[no-any-return]

    if way == "asyncio":
        return (*asyncio.run(connect()), tried)
    with dialer.create_connection((name, port), 20, on_step=told) as sock:
        return (*sock.getpeername()[:2], tried)


def made(lab: Network, way: str, *known: str) -> tuple[str, int, list[str]]:
    """The peer's address and port, and the addresses tried, where these names' addresses were known at the beginning.

    The command waits 50 ms for services and addresses, and on a busy machine they may come later.
    """
    client = lab.hosts["client"]
    if way != "command":
        peer, peer_port, tried = client.call(connections, way, "www.test", PORT)
        return peer, peer_port, tried
    for _ in range(TRIES):
        done = dualstack("connect", "www.test", PORT, "--service", "https", "--json", "--timeout", "20", host=client)
        document = json.loads(done.stdout)
        assert document["error"] is None
        kinds = [event["kind"] for event in document["events"]]
        before = document["events"][: kinds.index("attempt")]
        answered = {event["name"] for event in before if event["kind"] == "answer" and event["addresses"]}
        if any(event["kind"] == "service" for event in before) and answered.issuperset(known):
            break
    attempts = [event for event in document["events"] if event["kind"] == "attempt"]
    (won,) = [event["number"] for event in document["events"] if event["kind"] == "connected"]
    return document["peer"], attempts[won].get("port", PORT), [event["address"] for event in attempts]


def own_records(lab: Network, *texts: str) -> None:
    """The records of https at www.test, port 7007."""
    lab.record(f"_{PORT}._https.www", *texts)


def address(lab: Network, name: str, family: int) -> str:
    (found,) = lab.addresses(name)[family]
    return found


ways = pytest.mark.parametrize("way", ["asyncio", "command"])


@pytest.mark.parametrize("way", ["blocking", "asyncio", "command"])
def test_the_service_of_the_best_priority_is_connected_to_at_its_port(lab: Network, way: str) -> None:
    own_records(lab, "HTTPS 2 far", f"HTTPS 1 near port={OTHER_PORT} alpn=h2")
    assert made(lab, way, "near.test") == (address(lab, "near", 6), OTHER_PORT, [address(lab, "near", 6)])


@ways
def test_where_the_best_service_refuses_the_next_is_connected_to(lab: Network, way: str) -> None:
    # The hint is known with the record: once nothing is under way, what is known is dialled and nothing waited for.
    own_records(lab, f"HTTPS 2 far ipv6hint={address(lab, 'far', 6)}", "HTTPS 1 near")
    with lab.fault("refused near"):
        peer, _, tried = made(lab, way, "near.test")
    # Its IPv4 address comes between them, where it is known by then.
    assert (tried[0], tried[-1], peer) == (address(lab, "near", 6), peer, address(lab, "far", 6))


@ways
def test_where_all_services_refuse_the_name_itself_is_connected_to(lab: Network, way: str) -> None:
    own_records(lab, "HTTPS 1 near")
    with lab.fault("refused near"):
        peer, port, _ = made(lab, way)
    assert (peer, port) == (address(lab, "www", 6), PORT)


@ways
def test_a_hint_is_connected_to_while_the_services_own_addresses_are_late(lab: Network, way: str) -> None:
    own_records(lab, f"HTTPS 1 near ipv6hint={address(lab, 'far', 6)}")
    with lab.fault("lookup-late 3s near"):
        assert made(lab, way)[0] == address(lab, "far", 6)


@ways
def test_an_alias_is_followed(lab: Network, way: str) -> None:
    own_records(lab, "HTTPS 0 pool")
    lab.record("pool", f"HTTPS 1 far port={OTHER_PORT}")
    assert made(lab, way, "far.test")[:2] == (address(lab, "far", 6), OTHER_PORT)


@ways
def test_a_record_that_asks_for_what_nobody_knows_is_ignored(lab: Network, way: str) -> None:
    own_records(lab, "HTTPS 1 near mandatory=key667 key667=x", "HTTPS 2 far")
    assert made(lab, way, "far.test")[0] == address(lab, "far", 6)


@ways
def test_a_lookup_of_services_without_an_answer_holds_up_nothing(lab: Network, way: str) -> None:
    """The name with the port is another name to the server, so it alone is lost."""
    own_records(lab, "HTTPS 1 near")
    with lab.fault(f"lookup-lost _{PORT}._https.www"):
        assert made(lab, way)[0] == address(lab, "www", 6)


def test_the_timeline_tells_of_services(lab: Network) -> None:
    own_records(lab, f"HTTPS 1 near port={OTHER_PORT} alpn=h2,h3", "HTTPS 2 far mandatory=key667 key667=x")
    done = dualstack("connect", "www.test", PORT, "--service", "https", "-v", host=lab.hosts["client"])
    assert done.returncode == 0, done.stderr
    for line in (
        r"lookup   asking for service records of www\.test",
        r"lookup   service 1 at near\.test port 7443, speaks h2 h3",
        r"lookup   service 2 at far\.test: not used, .*key667",
        r"lookup   asking for IPv6 addresses of near\.test",
        rf"connect  trying {re.escape(address(lab, 'near', 6))} port 7443",
    ):
        assert re.search(line, done.stderr), line


def test_search_domains_hold_for_names_asked_of_servers(lab: Network) -> None:
    done = dualstack("connect", "www", PORT, "--resolver", "dns", "--json", host=lab.hosts["client"])
    assert json.loads(done.stdout)["peer"] == address(lab, "www", 6)


def test_servers_are_named_by_their_addresses(lab: Network) -> None:
    found = lab.hosts["client"].call(name_servers)
    done = dualstack("connect", "www.test", PORT, "--resolver", ", ".join(found), "--json", host=lab.hosts["client"])
    assert json.loads(done.stdout)["peer"] == address(lab, "www", 6)
    done = dualstack("connect", "www.test", PORT, "--resolver", "nobody", host=lab.hosts["client"])
    assert done.returncode == 78
    assert "nobody" in done.stderr


def name_servers() -> "list[str]":
    from pathlib import Path

    lines = Path("/etc/resolv.conf").read_text(encoding="utf-8").splitlines()
    return [line.split()[1] for line in lines if line.startswith("nameserver")]
