"""The forward proxy fills every box of Figure 12.5, and what it refuses is not seen on the wire (X1, N7)."""

import sys

import pytest

from dualstack.core.address import Address
from dualstack.lab.declaration import HOSTS, Declaration
from dualstack.lab.matrix import PROTOCOLS, measure
from dualstack.lab.network import Network
from support.program import Dualstack, Program

PORT = 7099


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_client_reaches_every_server_by_socks5(protocol: str) -> None:
    rows = measure(["forward"]).figures["forward"][protocol]
    assert rows is not None
    assert [box.reached for row in rows for box in row] == [True] * 16
    assert [row[0].client_wire for row in rows] == ["ipv4", "ipv6", "ipv4", "ipv6"]
    assert [[box.server_wire for box in row] for row in rows] == [["ipv4", "ipv6", "ipv4", "ipv6"]] * 4


def answers(targets: list[str], port: int) -> list[int]:
    """The replies of the proxy to requests by SOCKS5, on the proxy's own host."""
    import socket

    from dualstack.core.endpoint import parse_target
    from dualstack.wire.socks5 import client_greeting, client_request

    replies = []
    for target in targets:
        connection = socket.create_connection(("gateway.test", 1080), timeout=20)
        with connection as client, client.makefile("rb") as answer:
            client.sendall(client_greeting() + client_request(parse_target(f"{target}:{port}")))
            replies.append(answer.read(12)[3])
    return replies


WATCH = """
import sys
from dualstack.kernel.packets import open_packet_socket
from dualstack.lab.agent import sighting
frames = open_packet_socket("eth0")
print("ready", flush=True)
sys.stdin.readline()
seen = set()
try:
    while True:
        found = sighting(frames.recv(65536))
        if found is not None and found.protocol == "tcp":
            seen |= {port for _, port in found.ends}
except BlockingIOError:
    print("ports", *sorted(seen), flush=True)
"""


def test_a_denied_address_is_seen_on_no_wire_whatever_it_is_called() -> None:
    """The lab's addresses are private or for documentation: `public` has none of them."""
    with Network(Declaration(HOSTS)) as network:
        ipv4, ipv6 = (network.addresses("server")[family][0] for family in (4, 6))
        translated = Address.from_int((0x64FF9B << 96) + Address(ipv4).value, 6)
        texts = ["server.test", ipv4, f"[{ipv6}]", f"[::ffff:{ipv4}]", f"[{translated}]"]
        with (
            Dualstack("proxy", "*:1080", "--access", "allow any", host=network.hosts["gateway"]),
            Program(sys.executable, "-c", WATCH, host=network.hosts["server"]) as watching,
        ):
            watching.out.until("ready")
            assert network.hosts["client"].call(answers, texts, PORT) == [2] * len(texts)
            assert network.hosts["client"].call(seen_if_dialled, ipv4, PORT + 1)
            watching.say("")
            ports = watching.out.until("ports").split()
            assert str(PORT) not in ports
            assert str(PORT + 1) in ports


def seen_if_dialled(address: str, port: int) -> bool:
    """What is dialled is seen: a refusal is an answer."""
    import socket

    with socket.socket() as client:
        client.settimeout(20)
        return client.connect_ex((address, port)) != 0
