"""Every spelling of what "public only" denies, this host's own addresses among it, is dialled by no protocol (N7)."""

import json
import os
import sys
from pathlib import Path

import pytest

from dualstack.lab.host import Host
from dualstack.lab.network import Network
from support.program import Dualstack, Program

pytestmark = pytest.mark.root

TESTS = str(Path(__file__).parent.parent)
PROGRAM = f"import sys; sys.path.insert(0, {TESTS!r}); from support.spelled import run; run()"
# The host's own, its neighbours, an address that it has without an interface (AnyIP), and what is never public.
OWN = ("9.9.9.10", "2620:fe::10", "9.9.9.77", "2620:fe::77", "8.8.4.4")
NEVER = ("127.0.0.1", "10.0.0.1", "0.0.0.0", "::1", "::", "fe80::1", "fd00:ec2::254")
PUBLIC = ("9.9.8.8", "2620:ff::8")
# Each fourteenth of them is asked; with 1 all are, which takes a minute.
NTH = int(os.environ.get("DUALSTACK_TEST_SPELLINGS_NTH", "14"))


@pytest.fixture
def inside(network: Network) -> Host:
    inside, outside = network.namespace(), network.namespace()
    network.link(inside, outside, addresses=(["9.9.9.10/24", "2620:fe::10/64"], ["9.9.9.1/24", "2620:fe::1/64"]))
    inside.run(["ip", "route", "add", "default", "via", "9.9.9.1"])
    inside.run(["ip", "-6", "route", "add", "default", "via", "2620:fe::1"])
    inside.run(["ip", "route", "add", "local", "8.8.4.0/24", "dev", "lo"])
    return inside


@pytest.mark.timeout(600)
def test_thirteen_thousand_spellings_of_denied_addresses_are_dialled_by_no_protocol(inside: Host) -> None:
    arguments = json.dumps([[*OWN, *NEVER], *PUBLIC, NTH])
    with Program(sys.executable, "-c", PROGRAM, arguments, host=inside) as asking:
        both = [json.loads(asking.out.until("asked", within_s=280)) for _ in range(2)]
    for told in both:
        assert told["granted"] == told["sendable"] == []
        assert told["begun"] == 0, "the kernel began no connection"
        assert told["seen"] == 11, "what is public is dialled, by four protocols and by address, so this can fail"
    assert sum(told["asked"] for told in both) >= 13_000 // NTH


def answered(port: int, host: str) -> str:
    """What a proxy on this host answers to a tunnel."""
    import socket

    authority = f"[{host}]" if ":" in host else host
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client, client.makefile("rb") as answer:
        client.sendall(f"CONNECT {authority}:7099 HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        return answer.read(12).decode()


def test_an_address_is_the_hosts_own_from_the_moment_that_it_is_there(inside: Host) -> None:
    with Dualstack("proxy", "127.0.0.1:0", "--access", "allow any", "--connect-timeout", "0.3", host=inside) as proxy:
        for address, length in (("8.8.8.8", 32), ("2001:4860::8", 128)):
            assert inside.call(answered, proxy.port, address) in {"HTTP/1.1 502", "HTTP/1.1 504"}
            inside.run(["ip", "address", "add", f"{address}/{length}", "dev", "lo"])
            assert inside.call(answered, proxy.port, address) == "HTTP/1.1 403"
            inside.run(["ip", "address", "del", f"{address}/{length}", "dev", "lo"])
            assert inside.call(answered, proxy.port, address) in {"HTTP/1.1 502", "HTTP/1.1 504"}
        inside.run(["ip", "address", "add", "8.8.8.1/24", "dev", "eth0"])
        assert inside.call(answered, proxy.port, "8.8.8.8") == "HTTP/1.1 403"
        assert "it is on a link of this host (8.8.8.0/24 on eth0), and no rule names it" in proxy.err.until(
            "8.8.8.0/24"
        )


def test_a_route_out_by_an_interface_without_neighbours_is_no_link(inside: Host) -> None:
    """A tunnel has no gateway either, and takes in everything, or half of it."""
    inside.run(["ip", "route", "replace", "0.0.0.0/1", "dev", "eth0"])
    inside.run(["ip", "-6", "route", "replace", "2000::/3", "dev", "eth0"])
    with Dualstack("proxy", "127.0.0.1:0", "--access", "allow any", "--connect-timeout", "0.3", host=inside) as proxy:
        for address in ("8.8.8.8", "2001:4860::8"):
            assert inside.call(answered, proxy.port, address) in {"HTTP/1.1 502", "HTTP/1.1 504"}


def test_a_request_that_is_nested_three_hundred_times_costs_no_more_than_one(inside: Host) -> None:
    with Dualstack("proxy", "*:0", "--access", "allow any", host=inside) as proxy:
        for host in ("127.0.0.1", "9.9.9.10", "2620:fe::10"):
            assert inside.call(nested, proxy.port, host, 300) == 1
    with Dualstack("proxy", "*:0", "--access", "allow any", "--reach", "allow any", host=inside) as proxy:
        for host in ("127.0.0.1", "9.9.9.10", "2620:fe::10"):
            assert inside.call(nested, proxy.port, host, 300) == 1


def nested(port: int, host: str, depth: int) -> int:
    """How many tunnels to the proxy itself, each through the one before, were tried until one was refused."""
    import socket

    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        for number in range(1, depth + 1):
            client.sendall(f"CONNECT {authority} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            if b" 200 " not in client.recv(4096):
                return number
    return depth + 1
