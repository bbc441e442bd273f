"""Every fault of the lab, as a plain Python client sees it: which error, and when; on, off, by family, by host.

Errors by name. `answered` is an answer; `silence`, that nothing came within the client's own limit.
"""

import errno
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pytest

from dualstack.errors import ConfigError
from dualstack.lab.faults import FAULTS, Where
from dualstack.lab.network import Network, NetworkError, why_no_network
from support.ordinary import ordinary_user

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dualstack.lab.host import Host

pytestmark = pytest.mark.daemon("nft")

ROUND_TRIP_S = 0.002
# A machine that is busy with other tests makes things late, never early.
SOON_S = 0.9
LIMIT_S, PATIENCE_S = 0.4, 10.0

SERVE = """
import socket, sys, threading

def answer(sock):
    with sock:
        sock.sendall(b"x" * int(sock.recv(100)))
        sock.recv(1)

def tcp(server):
    while True:
        threading.Thread(target=answer, args=(server.accept()[0],), daemon=True).start()

def udp(server):
    while True:
        asked, peer = server.recvfrom(100)
        server.sendto(b"x" * int(asked), peer)

for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
    datagrams = socket.socket(family, socket.SOCK_DGRAM)
    if family == socket.AF_INET6:
        datagrams.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    datagrams.bind((address, 80))
    for serve, server in ((udp, datagrams), (tcp, socket.create_server((address, 80), family=family))):
        threading.Thread(target=serve, args=(server,), daemon=True).start()
print("up", flush=True)
sys.stdin.read()
"""


def serve(host: "Host") -> None:
    server = host.popen([sys.executable, "-c", SERVE], stdin=-1)
    assert server.stdout is not None
    assert server.stdout.readline() == "up\n"


@pytest.fixture(scope="module")
def whole() -> Iterator[Network]:
    """A client and two servers on one link."""
    if why := why_no_network():
        pytest.skip(why)
    with Network() as network:
        client = network.host("client")
        for name in ("server", "spare"):
            serve(network.host(name))
        network.name("both", "server", "spare")
        resolv_conf = client.run(["cat", "/etc/resolv.conf"]).stdout
        client.use_files({"resolv.conf": resolv_conf + "options timeout:1 attempts:1\n"})
        yield network


@pytest.fixture
def lab(whole: Network) -> Iterator[Network]:
    yield whole
    whole.heal()


@dataclass(frozen=True)
class Seen:
    """What a client saw: what came of it, and after how long."""

    what: str
    after_s: float


def ask(addresses: "list[str]", proto: str, size: int, limit_s: float) -> "list[list[object]]":
    import socket
    import time

    seen: list[list[object]] = []
    for address in addresses:
        started = time.monotonic()
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM if proto == "tcp" else socket.SOCK_DGRAM) as sock:
            sock.settimeout(limit_s)
            what: object = "connecting"
            try:
                sock.connect((address, 80))
                what = "connected"
                sock.send(str(size).encode())
                got = 0
                while got < size:
                    got += len(sock.recv(65536))
                what = "answered"
            except TimeoutError:
                what = "silence" if what == "connecting" or proto == "udp" else "connected, then silence"
            except OSError as error:
                what = error.errno
        seen.append([what, time.monotonic() - started])
    return seen


def seen(
    lab: Network,
    family: int,
    proto: str = "tcp",
    size: int = 10,
    *,
    server: str = "server",
    limit_s: float = PATIENCE_S,
) -> Seen:
    (((what, after_s),)) = lab.hosts["client"].call(ask, list(lab.addresses(server)[family]), proto, size, limit_s)
    return Seen(errno.errorcode[what] if isinstance(what, int) else str(what), float(str(after_s)))


# (fault, family, TCP, UDP): a plain UDP socket is not told of what may be mended by itself (udp(7), IP_RECVERR).
PACKETS = [
    ("dropped", 4, "silence", "silence"),
    ("dropped", 6, "silence", "silence"),
    ("refused", 4, "ECONNREFUSED", "ECONNREFUSED"),
    ("refused", 6, "ECONNREFUSED", "ECONNREFUSED"),
    ("no-route", 4, "ENETUNREACH", "silence"),
    ("no-route", 6, "ENETUNREACH", "silence"),
    ("addr-unreachable", 4, "EHOSTUNREACH", "silence"),
    ("addr-unreachable", 6, "EHOSTUNREACH", "silence"),
    ("port-unreachable", 4, "ECONNREFUSED", "ECONNREFUSED"),
    ("port-unreachable", 6, "ECONNREFUSED", "ECONNREFUSED"),
    ("admin-prohibited", 4, "EHOSTUNREACH", "EHOSTUNREACH"),
    ("admin-prohibited", 6, "EACCES", "EACCES"),
    ("net-prohibited", 4, "ENETUNREACH", "ENETUNREACH"),
    ("host-prohibited", 4, "EHOSTUNREACH", "EHOSTUNREACH"),
    ("prot-unreachable", 4, "ENOPROTOOPT", "ENOPROTOOPT"),
    ("policy-fail", 6, "EACCES", "EACCES"),
    ("reject-route", 6, "EACCES", "EACCES"),
    ("blackhole-route", 4, "EINVAL", "EINVAL"),
    ("blackhole-route", 6, "EINVAL", "EINVAL"),
    ("pmtu-black-hole", 4, "answered", "answered"),
    ("pmtu-black-hole", 6, "answered", "answered"),
]


@pytest.mark.parametrize(("name", "family", "tcp", "udp"), PACKETS)
def test_what_becomes_of_packets_is_seen_at_once_by_family_and_mended(
    lab: Network, name: str, family: int, tcp: str, udp: str
) -> None:
    other = 10 - family
    with lab.fault(f"{name} ipv{family} server"):
        for proto, expected in (("tcp", tcp), ("udp", udp)):
            found = seen(lab, family, proto, limit_s=LIMIT_S if expected == "silence" else PATIENCE_S)
            assert found.what == expected
            if expected == "silence":
                assert LIMIT_S <= found.after_s < LIMIT_S + SOON_S
            elif expected == "EINVAL":  # nothing has been sent
                assert found.after_s < SOON_S
            else:
                assert ROUND_TRIP_S <= found.after_s < SOON_S
            assert seen(lab, other, proto).what == "answered"
            assert seen(lab, family, proto, server="spare").what == "answered"
    for proto in ("tcp", "udp"):
        assert seen(lab, family, proto).what == "answered"


def test_every_fault_has_its_row() -> None:
    rows = {(name, family) for name, family, _, _ in PACKETS}
    on_packets = {name for name, kind in FAULTS.items() if kind.where is Where.PACKETS} | {"blackhole-route"}
    assert rows == {(name, family) for name in on_packets for family in FAULTS[name].families}
    elsewhere = {"delay", "jitter", "loss", "no-default-router"}
    assert set(FAULTS) - on_packets - elsewhere == {kind for kind in FAULTS if kind.startswith("lookup-")}


@pytest.mark.parametrize("name", [name for name, kind in FAULTS.items() if kind.verdict])
def test_the_broken_host_itself_reaches_others(lab: Network, name: str) -> None:
    with lab.fault(f"{name} server"):
        addresses = [address for each in lab.addresses("spare").values() for address in each]
        expected = [["silence", "silence"], ["answered", "answered"]][name != "dropped"]
        assert [what for what, _ in lab.hosts["server"].call(ask, addresses, "tcp", 10, LIMIT_S)] == expected


def test_a_connection_that_was_there_before_outlives_a_refusal_and_not_a_drop(lab: Network) -> None:
    with Held(lab) as held:
        assert held.ask() == "answered"
        with lab.fault("refused server"):
            assert held.ask() == "answered"
        with lab.fault("dropped server"):
            assert held.ask() == "silence"


class Held:
    """A connection that stays open, and is asked again."""

    CODE = """
import socket, sys
with socket.create_connection((sys.argv[1], 81), timeout=0.4) as sock:
    for line in sys.stdin:
        try:
            sock.send(b"?")
            print("answered" if sock.recv(1) else "ended", flush=True)
        except TimeoutError:
            print("silence", flush=True)
"""
    ECHO = """
import socket
server = socket.create_server(("0.0.0.0", 81))
print("up", flush=True)
sock, _ = server.accept()
while said := sock.recv(1):
    sock.send(said)
"""

    def __init__(self, lab: Network) -> None:
        self._lab = lab

    def __enter__(self) -> Self:
        self._server = self._lab.hosts["server"].popen([sys.executable, "-c", self.ECHO])
        assert self._server.stdout is not None
        assert self._server.stdout.readline() == "up\n"
        (address,) = self._lab.addresses("server")[4]
        self._client = self._lab.hosts["client"].popen([sys.executable, "-c", self.CODE, address], stdin=-1)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()
        self._server.close()

    def ask(self) -> str:
        assert self._client.stdin is not None
        assert self._client.stdout is not None
        self._client.stdin.write("?\n")
        self._client.stdin.flush()
        return self._client.stdout.readline().strip()


@pytest.mark.parametrize("family", [4, 6])
def test_over_a_path_mtu_black_hole_what_is_small_is_answered_and_what_is_large_is_not(
    lab: Network, family: int
) -> None:
    assert seen(lab, family, size=100_000).what == "answered"
    with lab.fault(f"pmtu-black-hole ipv{family} server"):
        assert seen(lab, family, size=1000).what == "answered"
        found = seen(lab, family, size=100_000, limit_s=LIMIT_S)
        assert found.what == "connected, then silence"
        assert found.after_s >= LIMIT_S
        assert seen(lab, 10 - family, size=100_000).what == "answered"
    assert seen(lab, family, size=100_000).what == "answered"


@pytest.mark.parametrize("family", [4, 6])
def test_a_delay_is_on_the_way_to_the_host(lab: Network, family: int) -> None:
    with lab.fault(f"delay 500ms ipv{family} server"):
        for proto, ways in (("tcp", 2), ("udp", 1)):  # the handshake, and the question
            found = seen(lab, family, proto)
            assert found.what == "answered"
            assert ways * 0.5 + ROUND_TRIP_S <= found.after_s < ways * 0.5 + SOON_S
            assert seen(lab, 10 - family, proto).after_s < 0.5
    assert seen(lab, family).after_s < 0.5


def test_delays_add_up_and_are_mended_one_by_one(lab: Network) -> None:
    first, second = lab.fault("delay 400ms server"), lab.fault("delay 800ms ipv4 server")
    assert [str(each) for each in lab.faults] == ["delay 0.4s server", "delay 0.8s ipv4 server"]
    assert seen(lab, 4, "udp").after_s >= 1.2
    assert 0.4 <= seen(lab, 6, "udp").after_s < 1.2
    first.clear()
    first.clear()  # once is enough, twice is no error
    assert 0.8 <= seen(lab, 4, "udp").after_s < 1.2
    second.clear()
    assert lab.faults == ()
    assert seen(lab, 4, "udp").after_s < 0.4


def many(address: str, count: int, limit_s: float) -> "list[float]":
    """The round trips of so many datagrams, those that are lost left out."""
    import socket
    import time

    took = []
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect((address, 80))
        sock.settimeout(limit_s)
        for number in range(1, count + 1):
            started = time.monotonic()
            sock.send(str(number).encode())
            try:
                while len(sock.recv(1000)) != number:  # that is an earlier one's
                    pass
            except TimeoutError:
                continue
            took.append(time.monotonic() - started)
    return took


@pytest.mark.parametrize("family", [4, 6])
def test_jitter_makes_round_trips_longer_by_so_much_at_most(lab: Network, family: int) -> None:
    (address,) = lab.addresses("server")[family]
    with lab.fault(f"jitter 100ms ipv{family} server"):
        took = lab.hosts["client"].call(many, address, 30, 5)
    assert len(took) == 30
    # Half of them are earlier, which they cannot be by more than the wire takes: their times differ all the same.
    assert min(took) < 0.05
    assert max(took) > 0.05
    assert sorted(took)[15] < 0.1 + SOON_S


@pytest.mark.parametrize("family", [4, 6])
def test_loss_takes_its_share(lab: Network, family: int) -> None:
    (address,) = lab.addresses("server")[family]
    client = lab.hosts["client"]
    with lab.fault(f"loss 50% ipv{family} server"):
        arrived = len(client.call(many, address, 40, 0.2))
        assert 5 < arrived < 35
    assert len(client.call(many, address, 10, 5)) == 10
    with lab.fault(f"loss 100% ipv{family} server"):
        assert client.call(many, address, 3, 0.1) == []


def test_a_lost_opening_is_sent_again_after_a_second(lab: Network) -> None:
    fault = lab.fault("loss 100% ipv4 server")
    (address,) = lab.addresses("server")[4]
    with lab.hosts["client"].popen([sys.executable, "-c", RETRIES, address]) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "sent\n"
        fault.clear()
        assert 0.9 < float(process.stdout.readline()) < 4  # RFC 6298 section 2: the first timeout is a second


RETRIES = """
import select, socket, sys, time
sock = socket.socket()
sock.setblocking(False)
started = time.monotonic()
sock.connect_ex((sys.argv[1], 80))
print("sent", flush=True)
select.select([], [sock], [], 10)
assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
print(time.monotonic() - started, flush=True)
"""


@pytest.fixture(scope="module")
def routed() -> Iterator[Network]:
    """A client and a server on links of their own, and a gateway between."""
    if why := why_no_network():
        pytest.skip(why)
    with Network() as network:
        network.host("client", link="left")
        serve(network.host("server", link="right"))
        network.host("gateway", "gateway")
        yield network


def order(name: str) -> "list[str]":
    import socket

    return [str(each[4][0]) for each in socket.getaddrinfo(name, 80, type=socket.SOCK_STREAM)]


@pytest.mark.parametrize(("family", "first"), [(6, "10.64.1.6"), (4, "2001:db8:64:1::6")])
def test_without_a_default_router_a_family_is_unreachable_and_sorts_last(
    routed: Network, family: int, first: str
) -> None:
    client = routed.hosts["client"]
    assert client.call(order, "server")[0] == "2001:db8:64:1::6"
    with routed.fault(f"no-default-router ipv{family} client"):
        for proto in ("tcp", "udp"):
            found = seen(routed, family, proto)
            assert (found.what, found.after_s < SOON_S) == ("ENETUNREACH", True)
            assert seen(routed, 10 - family, proto).what == "answered"
        assert client.call(order, "server")[0] == first
    assert seen(routed, family).what == "answered"


def test_faults_of_a_host_reach_through_the_gateway(routed: Network) -> None:
    with routed.fault("no-route ipv6 server"):
        assert [seen(routed, family).what for family in (4, 6)] == ["answered", "ENETUNREACH"]
    with routed.fault("dropped gateway"):  # what is for the gateway itself, not what it passes on
        assert [seen(routed, family).what for family in (4, 6)] == ["answered", "answered"]
    with routed.fault("delay 300ms ipv6 gateway"):  # on the way there, and on the way back
        assert seen(routed, 6, "udp").after_s >= 0.6
        assert seen(routed, 4, "udp").after_s < 0.6


def test_dead_neighbours_never_answer_behind_a_gateway_either(routed: Network) -> None:
    with routed.fault("lookup-dead-first"):
        for name, dead in (
            ("client", ["10.64.0.5", "2001:db8:64::5"]),
            ("server", ["10.64.1.7", "2001:db8:64:1::7"]),
        ):
            for version in (4, 6):  # a neighbour that is not there would be given up after three questions
                routed.hosts[name].set_sysctl(f"net.ipv{version}.neigh.eth0.retrans_time_ms", 50)
            found = routed.hosts[name].call(ask, dead, "tcp", 10, 1)
            assert [what for what, _ in found] == ["silence", "silence"]


def test_where_there_is_no_router_none_can_be_taken_away(lab: Network) -> None:
    with pytest.raises(ConfigError, match="there is no router here; declare a host of kind gateway"):
        lab.fault("no-default-router client")
    assert lab.faults == ()


def lookup(name: str, families: "Sequence[int]") -> "list[list[object]]":
    import socket
    import time

    found: list[list[object]] = []
    for family in families:
        started = time.monotonic()
        what: object
        try:
            what = [each[4][0] for each in socket.getaddrinfo(name, 80, family, socket.SOCK_STREAM)]
        except socket.gaierror as error:
            what = next(each for each in dir(socket) if each[:4] == "EAI_" and getattr(socket, each) == error.errno)
        found.append([what, time.monotonic() - started])
    return found


A, AAAA = "10.64.0.6", "2001:db8:64::6"
ANY_FAMILY, AF_INET, AF_INET6 = 0, 2, 10

# (fault, which family is asked for, what is found, from when on and until when)
LOOKUPS = [
    ("lookup-late 600ms", ANY_FAMILY, [AAAA, A], (0.6, 1.5)),
    ("lookup-late 600ms aaaa", ANY_FAMILY, [AAAA, A], (0.6, 1.5)),
    ("lookup-late 600ms aaaa", AF_INET, [A], (0, 0.6)),
    ("lookup-late 600ms aaaa", AF_INET6, [AAAA], (0.6, 1.5)),
    ("lookup-late 600ms a server", AF_INET, [A], (0.6, 1.5)),
    ("lookup-late 600ms a server", AF_INET6, [AAAA], (0, 0.6)),
    ("lookup-late 600ms spare", ANY_FAMILY, [AAAA, A], (0, 0.6)),
    ("lookup-lost", ANY_FAMILY, "EAI_AGAIN", (1, 4)),
    ("lookup-lost server.test", ANY_FAMILY, "EAI_AGAIN", (1, 4)),
    ("lookup-lost aaaa", ANY_FAMILY, [A], (1, 6)),
    ("lookup-lost aaaa", AF_INET, [A], (0, 0.9)),
    ("lookup-lost aaaa", AF_INET6, "EAI_AGAIN", (1, 4)),
    ("lookup-lost spare", ANY_FAMILY, [AAAA, A], (0, 0.9)),
    ("lookup-servfail", ANY_FAMILY, "EAI_AGAIN", (0, 0.9)),
    ("lookup-servfail aaaa", ANY_FAMILY, [A], (0, 0.9)),
    ("lookup-servfail a", ANY_FAMILY, [AAAA], (0, 0.9)),
    ("lookup-servfail aaaa", AF_INET6, "EAI_AGAIN", (0, 0.9)),
    ("lookup-nxdomain", ANY_FAMILY, "EAI_NONAME", (0, 0.9)),
    ("lookup-nxdomain aaaa", ANY_FAMILY, [A], (0, 0.9)),
    ("lookup-nxdomain a", ANY_FAMILY, [AAAA], (0, 0.9)),
    ("lookup-nxdomain aaaa", AF_INET6, "EAI_NONAME", (0, 0.9)),
    ("lookup-truncated", ANY_FAMILY, [AAAA, A], (0, 0.9)),
    ("lookup-truncated aaaa", AF_INET6, [AAAA], (0, 0.9)),
    ("lookup-swapped", ANY_FAMILY, [AAAA, A], (0, 0.5)),  # the second answer lets the first one go
    ("lookup-swapped", AF_INET, [A], (0.5, 1.4)),  # there is no second question: it is waited for in vain
    ("lookup-dead-first", ANY_FAMILY, ["2001:db8:64::5", AAAA, "10.64.0.5", A], (0, 0.9)),
    ("lookup-dead-first a", ANY_FAMILY, [AAAA, "10.64.0.5", A], (0, 0.9)),
    ("lookup-dead-first spare", ANY_FAMILY, [AAAA, A], (0, 0.9)),
]


@pytest.mark.parametrize(("fault", "family", "expected", "between_s"), LOOKUPS)
def test_what_becomes_of_lookups_is_seen_in_its_time_and_mended(
    lab: Network, fault: str, family: int, expected: object, between_s: tuple[float, float]
) -> None:
    client = lab.hosts["client"]
    with lab.fault(fault):
        ((what, after_s),) = client.call(lookup, "server.test", [family])
        assert what == expected
        assert between_s[0] <= float(str(after_s)) < between_s[1]
    ((what, after_s),) = client.call(lookup, "server.test", [family])
    assert what == {ANY_FAMILY: [AAAA, A], AF_INET: [A], AF_INET6: [AAAA]}[family]


def datagrams(client: "Host") -> "list[list[object]]":
    """Both questions in datagrams of our own: the type of each answer in turn, and whether it is truncated."""
    return client.call(both_questions, "10.64.0.2")


def both_questions(resolver: str) -> "list[list[object]]":
    import socket
    import struct

    name = b"\6server\4test\0"
    answers: list[list[object]] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(5)
        sock.connect((resolver, 53))
        for kind in (1, 28):
            sock.send(struct.pack("!6H", kind, 0x0100, 1, 0, 0, 0) + name + struct.pack("!2H", kind, 1))
        for _ in range(2):
            identifier, flags, _, records, _, _ = struct.unpack("!6H", sock.recv(512)[:12])
            answers.append([{1: "A", 28: "AAAA"}[identifier], bool(flags & 0x0200), records])
    return answers


def test_swapped_answers_come_the_other_way_round(lab: Network) -> None:
    client = lab.hosts["client"]
    assert datagrams(client) == [["A", False, 1], ["AAAA", False, 1]]
    with lab.fault("lookup-swapped"):
        assert datagrams(client) == [["AAAA", False, 1], ["A", False, 1]]
    with lab.fault("lookup-late 600ms a"):
        assert datagrams(client) == [["AAAA", False, 1], ["A", False, 1]]


def test_a_truncated_answer_is_empty_over_udp(lab: Network) -> None:
    with lab.fault("lookup-truncated"):
        assert sorted(datagrams(lab.hosts["client"])) == [["A", True, 0], ["AAAA", True, 0]]


@pytest.mark.parametrize("dead", ["10.64.0.5", "2001:db8:64::5"])
def test_a_dead_address_never_answers(lab: Network, dead: str) -> None:
    with lab.fault("lookup-dead-first"):
        ((what, after_s),) = lab.hosts["client"].call(ask, [dead], "tcp", 10, LIMIT_S)
        assert (what, float(str(after_s)) >= LIMIT_S) == ("silence", True)


def test_a_name_of_two_hosts_has_one_dead_address_before_them(lab: Network) -> None:
    for _ in range(2):  # again, after it was mended
        with lab.fault("lookup-dead-first both"):
            ((found, _),) = lab.hosts["client"].call(lookup, "both.test", [AF_INET])
            assert found == ["10.64.0.5", "10.64.0.6", "10.64.0.8"]


def test_a_host_that_comes_later_is_as_broken_as_the_others(network: Network) -> None:
    network.host("server")
    network.fault("blackhole-route server")
    network.fault("lookup-dead-first")
    late = network.host("late")
    found = late.call(ask, ["10.64.0.4"], "tcp", 10, LIMIT_S)
    assert [what for what, _ in found] == [errno.EINVAL]
    ((addresses, _),) = late.call(lookup, "server.test", [AF_INET])
    assert addresses == ["10.64.0.7", "10.64.0.4"]
    found = late.call(ask, ["10.64.0.7"], "tcp", 10, LIMIT_S)
    assert [what for what, _ in found] == ["silence"]


def test_all_is_mended_at_once(lab: Network) -> None:
    for text in ("dropped ipv6 server", "delay 100ms server", "lookup-nxdomain", "blackhole-route ipv4 spare"):
        lab.fault(text)
    assert len(lab.faults) == 4
    lab.heal()
    assert lab.faults == ()
    assert [seen(lab, family).what for family in (4, 6)] == ["answered", "answered"]
    assert seen(lab, 4, server="spare").what == "answered"
    assert lab.hosts["client"].call(lookup, "server", [ANY_FAMILY])[0][0] == [AAAA, A]


def test_a_fault_that_is_none_changes_nothing(lab: Network) -> None:
    with pytest.raises(ConfigError, match="there is no host sever; there are resolver, client, server, spare"):
        lab.fault("dropped sever")
    assert lab.faults == ()
    assert seen(lab, 4).what == "answered"


def test_without_nft_its_package_is_named_and_the_other_faults_work(
    lab: Network, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with monkeypatch.context() as patched:
        patched.setenv("PATH", str(tmp_path))
        with pytest.raises(NetworkError, match=r"need nft, which is not there \(Debian: nftables\)"):
            lab.fault("dropped server")
        assert lab.faults == ()
        with lab.fault("delay 100ms server"):
            assert seen(lab, 4, "udp").after_s >= 0.1
    assert seen(lab, 4).what == "answered"
    with lab.fault("dropped server"):
        assert seen(lab, 4, limit_s=LIMIT_S).what == "silence"


def test_what_was_half_done_is_mended_with_the_next_change(
    lab: Network, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    once = tmp_path / "nft"
    used, nft = tmp_path / "used", shutil.which("nft")
    once.write_text(f'#!/bin/sh\n[ -e {used} ] && exit 1\n: > {used}\nexec {nft} "$@"\n', encoding="utf-8")
    once.chmod(0o755)
    with monkeypatch.context() as patched:
        patched.setenv("PATH", str(tmp_path))
        with pytest.raises(NetworkError, match="nft refused"):
            lab.fault("pmtu-black-hole server")  # rules on every host
    assert [host.run(["nft", "list", "tables"]).stdout for host in lab.hosts.values()].count("table inet lab\n") == 1
    lab.heal()
    assert {host.run(["nft", "list", "tables"]).stdout for host in lab.hosts.values()} == {""}


@pytest.mark.root
def test_an_ordinary_user_breaks_all_kinds_of_things_too() -> None:
    with ordinary_user() as user:
        done = user.tests(__file__, "-k", "dropped or no_default or blackhole or lookup-dead or late or path_mtu")
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
