"""Every address of the vectors, however it is asked for, by a running proxy: what is denied is on no wire (N7, X1).

The proxy's host has a default route of both families to a host that looks at all that comes, and looks at its own
loopback too. Addresses are asked for by SOCKS5 address, by SOCKS5 text, by HTTP CONNECT, by UDP ASSOCIATE, by a name
that has them, by a name that has a public one beside, and by a name that changes its answer to them (DNS rebinding).

By hand, with other vectors: DUALSTACK_TEST_VECTORS=FILE pytest tests/netns/test_forward_vectors.py
"""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from dualstack.core.address.address import Address
from dualstack.errors import AddressError
from dualstack.lab.host import Host
from dualstack.lab.network import Network
from support.program import Dualstack, Program, until

pytestmark = pytest.mark.root

HERE = Path(__file__).parent.parent
VECTORS = json.loads(Path(os.environ.get("DUALSTACK_TEST_VECTORS", HERE / "data" / "addresses.json")).read_text())
DENIED = [vector["input"] for vector in VECTORS if vector.get("public_only") == "deny"]
NAT64 = (
    *("2001:db8::/32", "2001:db8:100::/40", "2001:db8:122::/48", "2001:db8:122:300::/56", "2001:db8:122:344::/64"),
    *("2001:db8:122:344::/96", "2a00:1450:64::/96"),
)
PORT, BESIDE = 7099, 7098
PUBLIC = {4: "9.9.9.9", 6: "2620:fe::9"}

# Names a<HEX>, m<HEX>, r<HEX> under test.: the address; a public one and it; first a public one, then it.
NAMES = """
import socket, sys
import dns.flags, dns.message, dns.rrset
from dualstack.core.address.address import Address
PUBLIC = {4: "9.9.9.9", 6: "2620:fe::9"}
asked = set()
def answers(name, family):
    kind, packed = name[0], bytes.fromhex(name[1:].split(".")[0])
    address = Address(packed)
    if address.version != family:
        return []
    if kind == "a":
        return [str(address)]
    if kind == "m":
        return [PUBLIC[family], str(address)]
    is_first = name not in asked
    asked.add(name)
    return [PUBLIC[family] if is_first else str(address)]
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("9.9.9.9", 53))
print("ready", flush=True)
while True:
    packet, peer = server.recvfrom(4096)
    query = dns.message.from_wire(packet)
    question = query.question[0]
    reply = dns.message.make_response(query)
    reply.flags |= dns.flags.RA
    kind = {1: 4, 28: 6}.get(question.rdtype)
    found = answers(question.name.to_text().lower(), kind) if kind else []
    if found:
        reply.answer.append(dns.rrset.from_text(question.name, 0, "IN", "A" if kind == 4 else "AAAA", *found))
    server.sendto(reply.to_wire(), peer)
"""

ECHO = """
import select, socket
servers = []
for family, address in ((socket.AF_INET, "9.9.9.9"), (socket.AF_INET6, "2620:fe::9")):
    for port in (7099, 7098):
        servers.append(socket.socket(family, socket.SOCK_DGRAM))
        servers[-1].bind((address, port))
print("ready", flush=True)
while True:
    for server in select.select(servers, [], [])[0]:
        content, peer = server.recvfrom(4096)
        server.sendto(content, peer)
"""

# Who is sent to on the port that is asked for, on each interface.
WATCH = """
import select, sys
from dualstack.kernel.packets import open_packet_socket
from dualstack.lab.agent import sighting
frames = [open_packet_socket(name) for name in ("lo", "eth0")]
print("ready", flush=True)
seen = set()
def look():
    for sock in frames:
        while True:
            try:
                found = sighting(sock.recv(65536))
            except BlockingIOError:
                break
            if found is not None and found.ends[1][1] == 7099:
                seen.add(f"{found.protocol}/{found.ends[1][0]}")
while True:
    ready = select.select([*frames, sys.stdin], [], [])[0]
    look()
    if sys.stdin in ready:
        sys.stdin.readline()
        print("seen", *sorted(seen), flush=True)
"""


def addresses() -> list[Address]:
    """Those of the vectors that are addresses, each once; without a zone, which SOCKS has no room for."""
    found = {}
    for text in DENIED:
        with suppress(AddressError):
            address = Address(text)
            if address.scope is None:
                found[address] = None
    return list(found)


def socks(kind_and_address: bytes) -> str:
    return (b"\x05\x01\x00" + b"\x05\x01\x00" + kind_and_address + PORT.to_bytes(2, "big")).hex()


def datagram(kind_and_address: bytes, port: int = PORT) -> str:
    return (
        b"\0\0\0" + kind_and_address + port.to_bytes(2, "big") + b"hello" * 8
    ).hex()  # a frame as long as `sighting` wants


def by_address(address: Address) -> bytes:
    return (b"\x01" if address.version == 4 else b"\x04") + address.packed


def by_text(text: str) -> bytes:
    name = text.encode()[:255]
    return b"\x03" + bytes((len(name),)) + name


def named(kind: str, address: Address) -> str:
    return f"{kind}{address.packed.hex()}.test"


def http(text: str) -> str:
    target = f"[{text}]" if ":" in text else text
    return f"CONNECT {target}:{PORT} HTTP/1.1\r\nHost: {target}:{PORT}\r\n\r\n".encode().hex()


@dataclass(frozen=True)
class World:
    """The proxy's host, who looks at its wires, and a client on it."""

    inside: Host
    watching: Program
    client: Program

    def told(self, **order: object) -> list[str]:
        self.client.say(json.dumps(order))
        answer = json.loads(self.client.out.until(""))
        return answer if isinstance(answer, list) else [str(answer)]

    def seen(self) -> set[str]:
        self.watching.say("")
        return set(self.watching.out.until("seen").split()[1:])

    def proxy(self, *rules: str, patience_s: float = 0.3) -> Dualstack:
        """One whose dials may take so long: little where there is nobody, much where somebody answers when he can."""
        words = [word for prefix in NAT64 for word in ("--nat64", prefix)]
        options = ["--connect-timeout", str(patience_s), "--drain", "0"]
        return Dualstack("proxy", "127.0.0.1:0", *rules, *options, *words, host=self.inside)


@pytest.fixture
def world(network: Network) -> Iterator[World]:
    inside = network.namespace(resolv_conf="nameserver 9.9.9.9\noptions attempts:2 timeout:2\n")
    outside = network.namespace()
    network.link(inside, outside, addresses=(["172.31.0.2/24", "fd00:31::2/64"], ["172.31.0.1/24", "fd00:31::1/64"]))
    for family, address in PUBLIC.items():
        outside.run(["ip", "address", "add", f"{address}/{32 if family == 4 else 128}", "dev", "lo"])
    inside.run(["ip", "route", "add", "default", "via", "172.31.0.1"])
    inside.run(["ip", "-6", "route", "add", "default", "via", "fd00:31::1"])
    with ExitStack() as stack:
        for code in (NAMES, ECHO):
            stack.enter_context(Program(sys.executable, "-c", code, host=outside)).out.until("ready")
        watching = stack.enter_context(Program(sys.executable, "-c", WATCH, host=inside))
        watching.out.until("ready")
        client = stack.enter_context(Program(sys.executable, HERE / "support" / "asking.py", host=inside))
        yield World(inside, watching, client)


def replies(answers: list[str]) -> set[str]:
    """What SOCKS5 said to the requests: nothing, or its reply's number behind the answer to the greeting."""
    assert answers, "something was asked"
    return {answer[6:8] for answer in answers}


def test_no_address_that_is_denied_is_on_a_wire_by_a_connection_however_it_is_asked_for(world: World) -> None:
    with world.proxy("--access", "allow any") as proxy:
        found = addresses()
        assert replies(world.told(connect=[proxy.port, [socks(by_address(each)) for each in found]])) <= {"02", "01"}
        assert replies(world.told(connect=[proxy.port, [socks(by_text(text)) for text in DENIED]])) <= {
            "01",
            "02",
            "04",
        }
        answers = world.told(connect=[proxy.port, [http(text) for text in DENIED]])
        assert len(answers) == len(DENIED)
        assert {bytes.fromhex(answer)[9:12] for answer in answers} <= {b"400", b"403", b"502"}
        asked = world.told(connect=[proxy.port, [socks(by_text(named("a", each))) for each in found]])
        assert replies(asked) <= {"02", "01", "04"}
        assert world.seen() == set()

        assert replies(world.told(connect=[proxy.port, [socks(by_text(named("r", each))) for each in found]])) == {"05"}
        changed = world.told(connect=[proxy.port, [socks(by_text(named("r", each))) for each in found]])
        assert replies(changed) <= {"02", "01", "04"}
        assert replies(world.told(connect=[proxy.port, [socks(by_text(named("m", each))) for each in found]])) == {"05"}
        assert world.seen() == {f"tcp/{address}" for address in PUBLIC.values()}


def test_no_address_that_is_denied_is_on_a_wire_by_a_datagram_however_it_is_asked_for(world: World) -> None:
    found = addresses()
    beside = datagram(by_address(Address(PUBLIC[4])), BESIDE)
    with world.proxy("--access", "allow any", patience_s=30) as proxy:
        world.told(send=[proxy.port, [datagram(by_address(each)) for each in found], beside])
        world.told(send=[proxy.port, [datagram(by_text(text)) for text in DENIED], beside])
        assert world.seen() == set()
        world.told(end=0)
    # Of a hundred different refusals in ten seconds each is told: a proxy for each kind of name.
    with world.proxy("--access", "allow any", patience_s=30) as proxy:
        world.told(send=[proxy.port, [datagram(by_text(named("a", each))) for each in found]])
        all_are_judged(proxy, len(found))
        assert world.seen() == set()
        world.told(end=0)
    with world.proxy("--access", "allow any", patience_s=30) as proxy:
        for kind in ("r", "m"):
            world.told(send=[proxy.port, [datagram(by_text(named(kind, each))) for each in found]])
            assert world.told(hear=len(found)) == [str(len(found))]
        world.told(send=[proxy.port, [datagram(by_text(named("r", each))) for each in found]])
        all_are_judged(proxy, len(found))
        assert world.seen() == {f"udp/{address}" for address in PUBLIC.values()}
        world.told(end=0)


def all_are_judged(proxy: Dualstack, count: int) -> None:
    """Each name was looked up, and not let pass."""

    def judged() -> int:
        return sum(" refused " in line or " unreached " in line for line in proxy.err.said)

    until(lambda: judged() >= count, lambda: f"{judged()} of {count}")


def test_without_the_rules_they_would_be_seen(world: World) -> None:
    """So that the tests above can fail."""
    found = [Address(text) for text in ("127.0.0.1", "10.0.0.1", "::ffff:10.0.0.2", "fd00::1", "64:ff9b::a00:1")]
    beside = datagram(by_address(Address(PUBLIC[4])), BESIDE)
    with world.proxy("--reach", "allow any") as proxy:
        world.told(connect=[proxy.port, [socks(by_text(named("a", each))) for each in found]])
        world.told(send=[proxy.port, [datagram(by_address(each)) for each in found], beside])
        for protocol in ("tcp", "udp"):
            assert {f"{protocol}/{each.canonical}" for each in found} <= world.seen()
        world.told(end=0)
