"""Figure 12.5 with real sockets on real hosts is the one of the hosts in memory (U1, X3)."""

import sys
from itertools import product

import pytest

from dualstack.core.figures import interoperability
from dualstack.lab.network import Network

CLIENTS = SERVERS = ((4, "ipv4"), (6, "ipv6"), (4, "dual"), (6, "dual"))
IPV4, IPV6 = ("192.0.2.1", "192.0.2.2"), ("2001:db8::1", "2001:db8::2")

SERVER = """
import socket, sys
family = socket.AF_INET6 if sys.argv[1] == "6" else socket.AF_INET
server = socket.socket(family)
if family == socket.AF_INET6:
    server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
server.bind(("", 9999))
server.listen()
print("ready", flush=True)
sys.stdin.read()
"""


def reached(family: int, loop: bool) -> str:  # noqa: FBT001 - arguments go as JSON
    import socket

    kind = socket.AF_INET6 if family == 6 else socket.AF_INET
    flags = socket.AI_V4MAPPED | (socket.AI_ALL if loop else 0) if family == 6 else 0
    try:
        found = socket.getaddrinfo("server", 9999, kind, socket.SOCK_STREAM, flags=flags)
    except socket.gaierror:
        return "(no)"
    for info in found if loop else found[:1]:
        with socket.socket(kind, socket.SOCK_STREAM) as client:
            client.settimeout(10)
            try:
                client.connect(info[4])
            except OSError:
                continue
            return "IPv4" if family == 4 or client.getpeername()[0].startswith("::ffff:") else "IPv6"
    return "(no)"


def addresses(kind: str, end: int) -> list[str]:
    """What `ip address add` takes for one end of the cable."""
    ipv4 = [f"{IPV4[end]}/24"] if kind != "ipv6" else []
    return ipv4 + ([f"{IPV6[end]}/64"] if kind != "ipv4" else [])


def box(network: Network, client: tuple[int, str], server: tuple[int, str], *, loop: bool) -> str:
    names = "".join(f"{address.partition('/')[0]} server\n" for address in addresses(server[1], 1))
    here, there = network.namespace(hosts=names), network.namespace()
    network.link(here, there, addresses=(addresses(client[1], 0), addresses(server[1], 1)))
    program = there.popen([sys.executable, "-c", SERVER, str(server[0])], stdin=-1)
    assert program.stdout is not None
    assert program.stdout.readline() == "ready\n"
    return here.call(reached, client[0], loop)


@pytest.mark.parametrize("loop", [False, True])
def test_the_boxes_in_memory_are_those_of_real_hosts(network: Network, loop: bool) -> None:  # noqa: FBT001
    measured = [box(network, client, server, loop=loop) for client, server in product(CLIENTS, SERVERS)]
    assert measured == [each for row in interoperability(loop=loop) for each in row]
