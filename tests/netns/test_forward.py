"""The forward proxy fills every box of Figure 12.5, and what it refuses is not seen on the wire (X1, N7)."""

import sys

import pytest

from dualstack.core.address.address import Address
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

    from dualstack.core.address.endpoint import parse_target
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


def test_a_link_local_client_has_its_datagrams_relayed_by_its_interface(network: Network) -> None:
    client, gateway = network.namespace(), network.namespace()
    network.link(client, gateway, addresses=(["192.0.2.2/24"], ["192.0.2.1/24"]))
    with (
        Program(sys.executable, "-c", ECHO, host=gateway) as echo,
        Dualstack("proxy", "*:1080", "--access", "allow fe80::/10", "--reach", "allow any", host=gateway),
    ):
        echo.out.until("ready")
        assert client.call(associated, gateway.call(link_local)) == ["7f000001270f", "hello"]
        echo.process.kill()


ECHO = """
import socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 9999))
print("ready", flush=True)
while True:
    content, peer = server.recvfrom(4096)
    server.sendto(content, peer)
"""


def link_local() -> str:
    for line in open("/proc/net/if_inet6"):  # noqa: PTH123, SIM115 - it runs in the host, by itself
        if line.startswith("fe80"):
            word = line.split()[0]
            return ":".join(word[at : at + 4] for at in range(0, 32, 4))
    raise LookupError("no link-local address")


def associated(address: str) -> list[str]:
    """The sender's address and port in the header of the answer, and what it says."""
    import socket

    interface = next(index for index, name in socket.if_nameindex() if name != "lo")
    with socket.socket(socket.AF_INET6) as control, socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        for each in (control, sock):
            each.settimeout(20)
        control.connect((address, 1080, 0, interface))
        control.sendall(b"\x05\x01\x00" + b"\x05\x03\x00\x01" + bytes(6))
        answer = control.makefile("rb").read(2 + 22)
        assert answer[:6] == b"\x05\x00\x05\x00\x00\x04"
        # The protocol has no room for a zone: it is the connection's.
        bound = socket.inet_ntop(socket.AF_INET6, answer[6:22])
        sock.connect((bound, int.from_bytes(answer[22:], "big"), 0, interface))
        sock.send(b"\0\0\0\x01\x7f\0\0\x01\x27\x0fhello")
        heard = sock.recv(4096)
        return [heard[4:10].hex(), heard[10:].decode()]
