"""UDP through the relay on hosts of their own: DNS, time, 60 kB, several addresses, link-local clients (U2)."""

import json
import sys
from itertools import product
from pathlib import Path

import pytest

from conftest import MakeNamespace
from dualstack.lab.host import Host
from dualstack.lab.matrix import measure
from dualstack.lab.network import Network
from support.program import Dualstack, Program, dualstack

pytestmark = pytest.mark.root

GATEWAY = ["192.0.2.1/24", "192.0.2.9/24", "2001:db8::1/64", "2001:db8::9/64"]
CLIENT = ["192.0.2.2/24", "2001:db8::2/64"]
# Texts of a record that is as long as name servers send over UDP.
LONG = [f"{number:02}-{'x' * 197}" for number in range(18)]
EVERY_ADDRESS = ["192.0.2.1", "192.0.2.9", "2001:db8::1", "2001:db8::9"]

# A server of one family; with `ntp`, as RFC 5905 has it: what the client sent as its time comes back as the origin.
SERVER = """
import socket, struct, sys, time
family, what = int(sys.argv[1]), sys.argv[2]
server = socket.socket(socket.AF_INET6 if family == 6 else socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("::1" if family == 6 else "127.0.0.1", 9999))
print("ready", flush=True)
while True:
    question, peer = server.recvfrom(1 << 16)
    if what == "ntp":
        now = struct.pack("!II", int(time.time()) + 2208988800, 0)
        question = struct.pack("!BBbb12x", 4 << 3 | 4, 1, 0, -20) + now + question[40:48] + now + now
    server.sendto(question, peer)
"""


class Server(Program):
    """What is asked, on the gateway's own loopback."""

    def __init__(self, host: Host, family: int, what: str = "echo") -> None:
        super().__init__(sys.executable, "-c", SERVER, str(family), what, host=host)

    def _started(self) -> None:
        self.out.until("ready")

    def end(self) -> int:
        self.process.kill()
        return self.wait()


class Dnsmasq(Program):
    """A name server that listens on IPv4 alone, moved out of the way."""

    def __init__(self, host: Host) -> None:
        words = ["--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--log-facility=-"]
        words += ["--user=root", "--pid-file=", "--port=5353", "--listen-address=127.0.0.1", "--bind-interfaces"]
        words += ["--host-record=www.lab.test,198.51.100.7,2001:db8:7::7", "--edns-packet-max=4096"]
        words += [f"--txt-record=long.lab.test,{','.join(LONG)}"]
        super().__init__("dnsmasq", *words, host=host)

    def _started(self) -> None:
        self.err.until("started")


@pytest.fixture
def hosts(network: Network) -> tuple[Host, Host]:
    """A client, and a gateway with two addresses of each family."""
    client, gateway = network.namespace(), network.namespace()
    network.link(client, gateway, addresses=(CLIENT, GATEWAY))
    return client, gateway


def asked(host: str, size: int) -> int:
    """How many bytes come back, from the address that was asked and no other."""
    import socket

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as client:
        client.settimeout(20)
        client.connect((host, 5000))
        client.send(bytes(size))
        return len(client.recv(1 << 16))


@pytest.mark.parametrize("listen", ["*:5000", "[::]:5000, 0.0.0.0:5000"])
@pytest.mark.parametrize("family", [4, 6])
def test_each_address_that_is_asked_answers_be_it_sixty_kilobytes(
    hosts: tuple[Host, Host], family: int, listen: str
) -> None:
    client, gateway = hosts
    target = "[::1]:9999" if family == 6 else "127.0.0.1:9999"
    with Server(gateway, family), Dualstack("relay", "--udp", listen, target, host=gateway):
        for address in EVERY_ADDRESS:
            for size in (1, 60_000):
                assert client.call(asked, address, size) == size, address


def test_a_plain_server_would_answer_from_another_address(hosts: tuple[Host, Host]) -> None:
    """The fault that the relay must not have, so that the test above can fail."""
    client, gateway = hosts
    code = SERVER.replace('"::1" if family == 6 else "127.0.0.1", 9999', '"0.0.0.0", 5000')
    with Program(sys.executable, "-c", code, "4", "echo", host=gateway) as plain:
        plain.out.until("ready")
        assert client.call(answers_from, "192.0.2.9") == "192.0.2.1"
        plain.process.kill()


def answers_from(host: str) -> str:
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(20)
        client.sendto(b"?", (host, 5000))
        return str(client.recvfrom(100)[1][0])


def test_a_link_local_client_is_answered_by_its_interface(hosts: tuple[Host, Host]) -> None:
    client, gateway = hosts
    with Server(gateway, 4), Dualstack("relay", "--udp", "*:5000", "127.0.0.1:9999", host=gateway):
        assert client.call(asked_link_local, gateway.call(link_local)) == 60_000


def link_local() -> str:
    for line in open("/proc/net/if_inet6"):  # noqa: PTH123, SIM115 - it runs in the host, by itself
        if line.startswith("fe80"):
            word = line.split()[0]
            return ":".join(word[at : at + 4] for at in range(0, 32, 4))
    raise LookupError("no link-local address")


def asked_link_local(address: str) -> int:
    import socket

    interface = next(index for index, name in socket.if_nameindex() if name != "lo")
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as client:
        client.settimeout(20)
        client.connect((address, 5000, 0, interface))
        client.send(bytes(60_000))
        return len(client.recv(1 << 16))


@pytest.mark.parametrize("address", EVERY_ADDRESS)
def test_the_time_is_asked_for_over_both_families(hosts: tuple[Host, Host], address: str) -> None:
    client, gateway = hosts
    with Server(gateway, 4, "ntp"), Dualstack("relay", "--udp", "*:5000", "127.0.0.1:9999", host=gateway):
        assert client.call(clock_offset, address) == "within two seconds"


def clock_offset(host: str) -> str:
    """As ntpdate does: mode 3, and an answer of mode 4 that has our time as its origin."""
    import socket
    import struct
    import time

    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(20)
        client.connect((host, 5000))
        mine = struct.pack("!II", int(time.time()) + 2208988800, 12345)
        client.send(bytes([4 << 3 | 3]) + bytes(39) + mine)
        answer = client.recv(100)
    assert answer[0] & 7 == 4
    assert answer[24:32] == mine
    offset_s = struct.unpack("!I", answer[40:44])[0] - 2208988800 - time.time()
    return "within two seconds" if abs(offset_s) < 2 else f"{offset_s} s off"


@pytest.mark.daemon("ntpdig")
def test_ntpdig_is_told_the_time_by_each_address_that_it_asks(hosts: tuple[Host, Host]) -> None:
    client, gateway = hosts
    with Server(gateway, 4, "ntp"), Dualstack("relay", "--udp", "*:123", "127.0.0.1:9999", host=gateway):
        for address in EVERY_ADDRESS:
            told = json.loads(client.run(["ntpdig", "--json", "--timeout", "20", address]).stdout)
            assert (told["ip"], told["stratum"]) == (address, 1)
            # The clock is one; the server tells whole seconds.
            assert abs(told["offset"]) < 2


@pytest.mark.daemon("dnsmasq", "dig")
def test_dig_is_answered_by_each_address_of_a_name_server_of_ipv4_alone(
    hosts: tuple[Host, Host], tmp_path: Path
) -> None:
    client, gateway = hosts
    path = tmp_path / "gateway.toml"
    path.write_text(
        "".join(
            f"[[services]]\nname = '{protocol}'\nprotocol = '{protocol}'\nlisten = '*:53'\nto = '127.0.0.1:5353'\n"
            for protocol in ("udp", "tcp")
        ),
        encoding="utf-8",
    )
    control = tmp_path / "control.sock"
    with Dnsmasq(gateway), Dualstack("gateway", "--config", path, "--control", control, host=gateway) as running:
        assert [each.get("proto") for each in running.sockets] == ["udp", None]
        for address, transport in product(EVERY_ADDRESS, ("+notcp", "+tcp")):
            # dig takes no answer from another address than it asked, and says so.
            options = [transport, "+tries=1", "+time=20", "+bufsize=4096", "+ignore"]
            questions = ["www.lab.test", "A", "www.lab.test", "AAAA", "long.lab.test", "TXT"]
            said = client.run(["dig", f"@{address}", *options, *questions])
            assert "unexpected source" not in said.stdout + said.stderr
            assert said.stdout.count(f"SERVER: {address}#53") == 3
            missing = [expected for expected in ("198.51.100.7", "2001:db8:7::7", *LONG) if expected not in said.stdout]
            assert missing == [], (address, transport)


def test_all_sixteen_boxes_are_reached_over_udp_and_each_side_sees_its_own_family() -> None:
    rows = measure(["gateway"]).figures["gateway"]["udp"]
    assert rows is not None
    assert all(box.reached for row in rows for box in row), rows
    assert [[box.client_wire for box in row] for row in rows] == [[f"ipv{row}"] * 4 for row in (4, 6, 4, 6)]
    # The fourth server is an IPv6 program on a dual host: the gateway gets there over IPv6.
    assert [[box.server_wire for box in row] for row in rows] == [["ipv4", "ipv6", "ipv4", "ipv6"]] * 4


def test_without_ipv6_datagrams_are_served_over_ipv4_and_it_is_said(namespace: MakeNamespace) -> None:
    host = namespace(sysctls={"net.ipv6.conf.all.disable_ipv6": 1})
    with Server(host, 4), Dualstack("relay", "--udp", "*:5000", "127.0.0.1:9999", host=host) as relay:
        assert [(each["family"], each["address"]) for each in relay.sockets] == [(4, "0.0.0.0")]
        assert host.call(asked, "127.0.0.1", 1) == 1


def test_a_second_relay_on_the_same_number_is_told_who_is_there(namespace: MakeNamespace) -> None:
    host = namespace()
    with Dualstack("relay", "--udp", "*:5000", "127.0.0.1:9999", host=host):
        done = dualstack("relay", "--udp", "*:5000", "127.0.0.1:9999", host=host)
        assert done.returncode == 69
        assert "address in use by [::]:5000 (python, pid" in done.stderr
