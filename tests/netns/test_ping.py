"""`dualstack ping` on hosts of their own: over raw sockets as root, over datagram sockets as nobody, refused both."""

import json
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from subprocess import CompletedProcess
from typing import TYPE_CHECKING

import pytest

from support.program import DUALSTACK, Program

if TYPE_CHECKING:
    from conftest import MakeNamespace
    from dualstack.lab.host import Host
    from dualstack.lab.network import Network

HOSTS = """\
127.0.0.1 localhost
::1 localhost
2001:db8:2::2 dual.example
192.0.2.130 dual.example
2001:db8:9::9 half.example
192.0.2.130 half.example
"""
# Another user without a right to anything in the network, who may read this checkout and write coverage's files.
NOBODY = (
    *("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"),
    *("--inh-caps=-all,+dac_override", "--ambient-caps=-all,+dac_override"),
)
NO_GROUP, ALL_GROUPS = None, "0 2147483647"
QUICK = ("-c", "2", "-i", "0.05", "-W", "0.5")


@dataclass(frozen=True)
class Asker:
    """Who pings: the words before the command, and the groups that may have datagram sockets; none in a new host."""

    words: tuple[str, ...]
    groups: str | None

    def settle(self, host: "Host") -> None:
        if self.groups is not None:
            host.set_sysctl("net.ipv4.ping_group_range", self.groups)

    def ping(self, host: "Host", *argv: str) -> CompletedProcess[str]:
        self.settle(host)
        return host.run([*self.words, *DUALSTACK, "ping", *argv], check=False)

    def json(self, host: "Host", *argv: str, code: int = 0) -> dict[str, object]:
        done = self.ping(host, *argv, "--json")
        assert (done.returncode, done.stderr) == (code, "")
        document = json.loads(done.stdout)
        assert document["version"] == 1
        return document  # type: ignore[no-any-return]


RAW, DATAGRAM = Asker((), NO_GROUP), Asker(NOBODY, ALL_GROUPS)


@pytest.fixture(
    params=[pytest.param(RAW, id="as-root"), pytest.param(DATAGRAM, id="as-nobody", marks=pytest.mark.root)]
)
def asker(request: pytest.FixtureRequest) -> Asker:
    return request.param  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Path:
    """A client, a router and a server behind it."""

    client: "Host"
    router: "Host"
    server: "Host"


@pytest.fixture
def path(network: "Network") -> Path:
    # However many errors a test asks for, none is held back (Linux sends one a second to each host).
    unlimited = {"net.ipv4.icmp_ratelimit": 0, "net.ipv6.icmp.ratelimit": 0}
    forwards = {"net.ipv4.ip_forward": 1, "net.ipv6.conf.all.forwarding": 1}
    client, server = network.namespace(hosts=HOSTS), network.namespace()
    router = network.namespace(sysctls={**unlimited, **forwards})
    network.link(client, router, addresses=(["192.0.2.1/25", "2001:db8:1::1/64"], ["192.0.2.2/25", "2001:db8:1::2/64"]))
    network.link(
        router,
        server,
        names=("eth1", "eth0"),
        addresses=(["192.0.2.129/25", "2001:db8:2::1/64"], ["192.0.2.130/25", "2001:db8:2::2/64"]),
    )
    for host, via in ((client, ("192.0.2.2", "2001:db8:1::2")), (server, ("192.0.2.129", "2001:db8:2::1"))):
        for gateway in via:
            host.run(["ip", "route", "add", "default", "via", gateway])
    return Path(client, router, server)


def link_local(host: "Host") -> str:
    said = host.run(["ip", "-json", "address", "show", "dev", "eth0", "scope", "link"]).stdout
    addresses = [info for each in json.loads(said) for info in each.get("addr_info", ())]
    return next(str(info["local"]) for info in addresses if info.get("family") == "inet6")


def addresses(document: dict[str, object]) -> list[dict[str, object]]:
    found = document["addresses"]
    assert isinstance(found, list)
    return found


def only(document: dict[str, object]) -> dict[str, object]:
    (address,) = addresses(document)
    return address


def column(document: dict[str, object], *names: str) -> list[tuple[object, ...]]:
    return [tuple(address[name] for name in names) for address in addresses(document)]


def test_both_families_of_a_name_answer_side_by_side(path: Path, asker: Asker) -> None:
    said = asker.json(path.client, "dual.example", *QUICK)
    assert (said["host"], said["error"]) == ("dual.example", None)
    assert column(said, "address", "family", "sent", "received", "lost", "errors") == [
        ("2001:db8:2::2", 6, 2, 2, 0, []),
        ("192.0.2.130", 4, 2, 2, 0, []),
    ]
    for address in addresses(said):
        assert 0 < float(str(address["min_s"])) <= float(str(address["avg_s"])) <= float(str(address["max_s"])) < 0.5
        answerers = address["answerers"]
        assert isinstance(answerers, list)
        assert [(each["address"], each["hop_limit"]) for each in answerers] == [(address["address"], 63)]


def test_people_see_each_reply_and_the_summary(path: Path, asker: Asker) -> None:
    done = asker.ping(path.client, "dual.example", *QUICK)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "asking dual.example (2001:db8:2::2, 192.0.2.130) 2 times, 56 bytes each"
    replies = [line for line in lines if "probe" in line]
    assert [line.split(": IPv")[0] for line in sorted(replies)] == ["192.0.2.130"] * 2 + ["2001:db8:2::2"] * 2
    assert all(line.endswith("ms, ttl 63") for line in replies if "IPv4, probe" in line)
    assert all(line.endswith("ms, hop limit 63") for line in replies if "IPv6, probe" in line)
    summary = [line.split()[:6] for line in lines if line.startswith("  ")]
    assert ["address", "family", "sent", "received", "lost", "min"] in summary
    assert ["2001:db8:2::2", "IPv6", "2", "2", "0", "(0"] in summary
    assert ["192.0.2.130", "IPv4", "2", "2", "0", "(0"] in summary
    quiet = asker.ping(path.client, "dual.example", *QUICK, "--quiet").stdout
    assert "probe" not in quiet
    assert "2001:db8:2::2" in quiet


@pytest.mark.parametrize("target", ["::1", "127.0.0.1", "localhost"])
def test_loopbacks_answer(namespace: "MakeNamespace", asker: Asker, target: str) -> None:
    said = asker.json(namespace(), target, *QUICK)
    assert {received for (received,) in column(said, "received")} == {2}
    assert len(addresses(said)) == (2 if target == "localhost" else 1)


def test_a_neighbour_is_asked_by_its_zone_or_by_the_interface(path: Path, asker: Asker) -> None:
    neighbour = link_local(path.router)
    for words in ((f"{neighbour}%eth0",), (neighbour, "-I", "eth0"), (f"{neighbour}%2", "-I", "eth0")):
        said = only(asker.json(path.client, *words, *QUICK))
        assert (said["received"], said["family"]) == (2, 6)
        answerers = said["answerers"]
        assert isinstance(answerers, list)
        assert [each["address"] for each in answerers] == [f"{neighbour}%eth0"]


def test_a_link_local_address_without_its_zone_is_told_what_it_could_mean(path: Path, asker: Asker) -> None:
    neighbour = link_local(path.router)
    done = asker.ping(path.client, neighbour)
    assert (done.returncode, done.stdout) == (78, "")
    assert done.stderr == f"dualstack: {neighbour} is link-local and needs its interface: {neighbour}%eth0\n"


@pytest.mark.parametrize("words", [("ff02::1%eth0",), ("ff02::1", "--interface", "eth0")])
def test_everybody_on_the_link_answers_a_group(path: Path, asker: Asker, words: Sequence[str]) -> None:
    said = only(asker.json(path.client, *words, *QUICK))
    assert (said["address"], said["sent"], said["received"], said["lost"]) == ("ff02::1%eth0", 2, 2, 0)
    answerers = said["answerers"]
    assert isinstance(answerers, list)
    assert {(each["address"], each["received"]) for each in answerers} == {
        (f"{link_local(host)}%eth0", 2) for host in (path.client, path.router)
    }
    shown = asker.ping(path.client, *words, *QUICK, "--quiet").stdout
    assert f"{link_local(path.router)}%eth0" in shown


@pytest.mark.root
@pytest.mark.parametrize("target", ["::1", "127.0.0.1", "dual.example"])
def test_without_a_right_to_either_socket_the_remedy_is_told(path: Path, target: str) -> None:
    done = Asker(NOBODY, NO_GROUP).ping(path.client, target)
    assert (done.returncode, done.stdout) == (77, "")
    assert done.stderr == (
        f"dualstack: cannot ping {target}: no right to ICMP sockets; let your group use them "
        "(sysctl -w net.ipv4.ping_group_range='0 2147483647'), give CAP_NET_RAW, or run as root\n"
    )


def test_a_hop_limit_of_1_is_answered_by_the_router(path: Path, asker: Asker) -> None:
    said = asker.json(path.client, "dual.example", *QUICK, "--ttl", "1", code=1)
    assert column(said, "received", "lost") == [(0, 2), (0, 2)]
    assert column(said, "errors") == [
        ([{"from": "2001:db8:1::2", "why": "hop limit exceeded in transit", "count": 2, "mtu": None}],),
        ([{"from": "192.0.2.2", "why": "time to live exceeded in transit", "count": 2, "mtu": None}],),
    ]
    done = asker.ping(path.client, "dual.example", "-4", "-c", "1", "--ttl", "1")
    assert "192.0.2.130: IPv4, probe 1, time to live exceeded in transit, says 192.0.2.2" in done.stdout.splitlines()
    assert done.stderr == "dualstack: no answer from 192.0.2.130 (IPv4)\n"


@pytest.mark.parametrize(
    ("route", "target", "reporter", "why"),
    [
        ("unreachable", "198.51.100.1", "192.0.2.2", "host unreachable"),
        ("unreachable", "2001:db8:8::1", "2001:db8:1::2", "no route to destination"),
        ("prohibit", "198.51.100.1", "192.0.2.2", "communication administratively prohibited"),
        ("prohibit", "2001:db8:8::1", "2001:db8:1::2", "communication administratively prohibited"),
    ],
)
def test_a_router_says_why_it_goes_no_further(path: Path, route: str, target: str, reporter: str, why: str) -> None:
    path.router.run(["ip", "route", "add", route, target])
    for asker in (RAW, DATAGRAM) if os.geteuid() == 0 else (RAW,):
        said = only(asker.json(path.client, target, "-c", "2", "-i", "0.05", code=1))
        assert (said["sent"], said["lost"]) == (2, 2)
        assert said["errors"] == [{"from": reporter, "why": why, "count": 2, "mtu": None}]


def test_what_is_too_big_for_a_router_is_told_with_what_fits_and_the_next_is_cut(path: Path, asker: Asker) -> None:
    path.router.run(["ip", "link", "set", "eth1", "mtu", "1280"])
    path.server.run(["ip", "link", "set", "eth0", "mtu", "1280"])
    said = asker.json(path.client, "dual.example", *QUICK, "--size", "1400")
    assert column(said, "sent", "received", "lost") == [(2, 1, 1), (2, 1, 1)]
    assert column(said, "errors") == [
        ([{"from": "2001:db8:1::2", "why": "packet too big: at most 1280 bytes", "count": 1, "mtu": 1280}],),
        (
            [
                {
                    "from": "192.0.2.2",
                    "why": "too big and not to be fragmented: at most 1280 bytes",
                    "count": 1,
                    "mtu": 1280,
                }
            ],
        ),
    ]


def test_a_name_with_one_family_dead_says_which(path: Path, asker: Asker) -> None:
    path.router.run(["ip", "route", "add", "unreachable", "2001:db8:9::/64"])
    done = asker.ping(path.client, "half.example", *QUICK)
    assert (done.returncode, done.stderr) == (1, "dualstack: no answer from 2001:db8:9::9 (IPv6)\n")
    assert "2001:db8:9::9: no route to destination, says 2001:db8:1::2 (2 times)" in done.stdout.splitlines()
    assert asker.ping(path.client, "half.example", *QUICK, "-4").returncode == 0


def test_a_host_that_does_not_answer_is_lost_in_its_time(path: Path, asker: Asker) -> None:
    path.server.set_sysctl("net.ipv4.icmp_echo_ignore_all", 1)
    done = asker.ping(path.client, "dual.example", "-c", "1", "-W", "0.2")
    assert (done.returncode, done.stderr) == (1, "dualstack: no answer from 192.0.2.130 (IPv4)\n")
    assert "192.0.2.130: IPv4, probe 1, no answer within 0.2 s" in done.stdout.splitlines()
    assert ["192.0.2.130", "IPv4", "1", "0", "1", "(100", "%)"] in [
        line.split()[:7] for line in done.stdout.split("\n")
    ]


@pytest.mark.parametrize(
    ("target", "reporter", "why"),
    [
        ("192.0.2.77", "192.0.2.1", "host unreachable"),
        ("2001:db8:1::77", "2001:db8:1::1", "address unreachable"),
    ],
)
def test_a_neighbour_that_is_not_there_is_told_by_this_host(
    path: Path, asker: Asker, target: str, reporter: str, why: str
) -> None:
    for version in (4, 6):
        # It gives up after three questions, of which it asks one a second.
        path.client.set_sysctl(f"net.ipv{version}.neigh.eth0.retrans_time_ms", 50)
    said = only(asker.json(path.client, target, "-c", "1", "-W", "10", code=1))
    assert said["errors"] == [{"from": reporter, "why": why, "count": 1, "mtu": None}]


@pytest.mark.parametrize("target", ["198.51.100.1", "2001:db8::1"])
def test_no_route_is_told_at_once_with_exit_code_69(namespace: "MakeNamespace", asker: Asker, target: str) -> None:
    said = asker.json(namespace(), target, "-c", "1000", code=69)
    assert column(said, "sent", "errors") == [
        (0, [{"from": None, "why": "Network is unreachable", "count": 1, "mtu": None}])
    ]
    assert float(str(said["elapsed_s"])) < 1


@pytest.mark.parametrize("target", ["192.0.2.127", "198.51.100.1"])
def test_what_this_host_forbids_is_told(path: Path, asker: Asker, target: str) -> None:
    path.client.run(["ip", "route", "add", "prohibit", "198.51.100.1"])
    done = asker.ping(path.client, target)
    assert done.returncode == 69
    why = "Permission denied: a broadcast address, or a rule of this host against it, says this host"
    assert f"{target}: IPv4, probe 1, {why}" in done.stdout.splitlines()


def test_with_ipv6_off_a_dual_name_is_answered_over_ipv4_and_the_other_is_named(path: Path, asker: Asker) -> None:
    path.client.set_sysctl("net.ipv6.conf.all.disable_ipv6", 1)
    said = asker.json(path.client, "dual.example", *QUICK, code=1)
    assert sorted(column(said, "family", "sent", "received")) == [(4, 2, 2), (6, 0, 0)]


def test_the_source_is_the_one_asked_for_and_leaves_the_other_family_out(path: Path, asker: Asker) -> None:
    path.client.run(["ip", "address", "add", "192.0.2.9/25", "dev", "eth0"])
    path.server.run(["ip", "route", "add", "blackhole", "192.0.2.1"])
    said = asker.json(path.client, "dual.example", *QUICK, "--source", "192.0.2.9")
    assert column(said, "address", "received") == [("192.0.2.130", 2)]
    done = asker.ping(path.client, "dual.example", "--source", "192.0.2.77")
    why = "no interface of this host has 192.0.2.77 to ask from"
    assert (done.returncode, done.stderr) == (78, f"dualstack: cannot ping dual.example: {why}\n")


def test_the_interface_is_the_one_asked_for(path: Path, asker: Asker) -> None:
    said = asker.json(path.client, "dual.example", "-c", "1", "-W", "0.1", "--interface", "lo", code=1)
    assert {received for (received,) in column(said, "received")} == {0}
    said = asker.json(path.client, "dual.example", *QUICK, "--interface", "eth0")
    assert {received for (received,) in column(said, "received")} == {2}


def test_ipv4_groups_are_asked_by_the_interface(path: Path, asker: Asker) -> None:
    path.router.set_sysctl("net.ipv4.icmp_echo_ignore_broadcasts", 0)
    said = only(asker.json(path.client, "224.0.0.1", *QUICK, "-I", "eth0", "--ttl", "3"))
    answerers = said["answerers"]
    assert isinstance(answerers, list)
    assert [(each["address"], each["received"]) for each in answerers] == [("192.0.2.2", 2)]


@pytest.mark.parametrize("size", ["0", "5", "65507"])
def test_probes_of_any_size_are_answered(namespace: "MakeNamespace", asker: Asker, size: str) -> None:
    said = asker.json(namespace(), "localhost", *QUICK, "--size", size)
    assert column(said, "received") == [(2,), (2,)]


# On a host that answers no echo by itself: for each request, another ping's reply, then ours twice.
ANSWERS_TWICE = """
import socket
from dualstack.core.ping.echo import Echo
from dualstack.wire.icmp import EchoReply, EchoRequest, pack, payload_of_ipv4, read
sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
print("up", flush=True)
while True:
    packet, peer = sock.recvfrom(65536)
    event = read(4, payload_of_ipv4(packet) or b"")
    if isinstance(event, EchoRequest):
        echo = event.echo
        others = Echo(echo.identifier, echo.sequence, bytes(len(echo.payload)))
        for each in (others, echo, echo):
            sock.sendto(pack(4, EchoReply(each)), peer)
"""


def test_duplicates_are_told_and_another_pings_replies_are_not_taken(path: Path, asker: Asker) -> None:
    path.server.set_sysctl("net.ipv4.icmp_echo_ignore_all", 1)
    with Program(sys.executable, "-c", ANSWERS_TWICE, host=path.server) as program:
        program.out.until("up")
        # Two probes, so that the first one's duplicate is not what the ping's end cuts off.
        said = only(asker.json(path.client, "192.0.2.130", "-c", "2", "-i", "0.2"))
    assert (said["sent"], said["received"], said["lost"], said["late"]) == (2, 2, 0, 0)
    assert said["duplicates"] in {1, 2}
    shown = asker.ping(path.client, "192.0.2.130", "-c", "1", "-W", "0.1")
    assert shown.returncode == 1


def test_ctrl_c_prints_the_summary(path: Path, asker: Asker) -> None:
    asker.settle(path.client)
    words = (*asker.words, *DUALSTACK, "ping", "dual.example", "-c", "1000", "-i", "600")
    with Program(*words, host=path.client) as program:
        for _ in ("IPv6", "IPv4"):
            program.out.until("probe 1")
        program.send_signal(signal.SIGINT)
        assert program.wait() == 0
        assert ["192.0.2.130", "IPv4", "1", "1", "0", "(0", "%)"] in [
            line.split()[:7] for line in program.out.rest().splitlines()
        ]


def test_a_name_that_nobody_answers_for_is_exit_code_75_in_json_too(namespace: "MakeNamespace") -> None:
    said = RAW.json(namespace(), "no.example", code=75)
    assert said["addresses"] == []
    assert str(said["error"]).startswith("lookup of 'no.example': ")


def test_a_closed_pipe_is_no_trace(namespace: "MakeNamespace") -> None:
    words = " ".join((*DUALSTACK, "ping", "127.0.0.1", *QUICK))
    done = namespace().run(["sh", "-c", f"{words} | :"])
    assert "Traceback" not in done.stderr


def library(code: str, host: "Host", asker: Asker) -> object:
    """What the last line of a program says, as JSON."""
    asker.settle(host)
    return json.loads(host.run([*asker.words, sys.executable, "-c", code]).stdout.splitlines()[-1])


MANY = """
import asyncio, json
from dualstack import ping_async
async def main():
    reports = await asyncio.gather(*(ping_async("localhost", count=3, interval_s=0.01) for _ in range(20)))
    return [[each.sent, each.received, each.duplicates] for report in reports for each in report.addresses]
print(json.dumps(asyncio.run(main())))
"""


def test_twenty_pings_at_once_do_not_take_each_others_replies(namespace: "MakeNamespace", asker: Asker) -> None:
    assert library(MANY, namespace(), asker) == [[3, 3, 0]] * 40


NOTHING_LEFT = """
import asyncio, json, os, socket
from dualstack import DualstackError, ping, ping_async
from dualstack.net.names.getaddrinfo import resolve

def opened():
    return len(os.listdir("/proc/self/fd"))

class Stop(Exception):
    pass

def stop(_event):
    raise Stop

async def cancelled():
    task = asyncio.create_task(ping_async("localhost", count=1000, interval_s=600))
    for _ in range(5):
        await asyncio.sleep(0)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        return
    raise AssertionError

paths = {
    "answered": lambda: ping("localhost", count=1),
    "no route": lambda: ping("198.51.100.1", count=1),
    "no such source": lambda: ping("localhost", source="192.0.2.1"),
    "no such interface": lambda: ping("::1", interface="eth9"),
    "no such host": lambda: ping("::"),
    "the caller's error": lambda: ping("localhost", on_event=stop),
    "in asyncio": lambda: asyncio.run(ping_async("localhost", count=1)),
    "cancelled": lambda: asyncio.run(cancelled()),
    "the caller's error in asyncio": lambda: asyncio.run(ping_async("localhost", on_event=stop)),
}
left, raised = {}, {}
for name, path in paths.items():
    before = opened()
    try:
        path()
    except (DualstackError, Stop) as error:
        raised[name] = type(error).__name__
    left[name] = opened() - before
print(json.dumps([left, raised]))
"""


def test_nothing_is_left_open_on_any_path(namespace: "MakeNamespace", asker: Asker) -> None:
    left, raised = library(NOTHING_LEFT, namespace(), asker)  # type: ignore[misc]
    assert set(left.values()) == {0}
    assert raised == {
        "no such source": "PingError",
        "no such interface": "ConfigError",
        "no such host": "ConfigError",
        "the caller's error": "Stop",
        "the caller's error in asyncio": "Stop",
    }


SILENT_RESOLVER = """
import json, socket
from dualstack import LookupFailed, ping
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 53))
try:
    ping("mail.example", lookup_timeout_s=0.1)
except LookupFailed as error:
    print(json.dumps([error.timed_out, error.exit_code]))
"""


def test_a_name_without_an_answer_in_time_is_exit_code_75(namespace: "MakeNamespace") -> None:
    assert library(SILENT_RESOLVER, namespace(), RAW) == [True, 75]


# Probes with a hop limit of 1: the error of the first waits unread when the second is sent.
UNREAD = """
import json, select
from dualstack import Address
from dualstack.core.ping.echo import Echo
from dualstack.kernel.icmp_sockets import QueuedError, open_echo_socket
from dualstack.wire.icmp import EchoRequest, pack, read_echo
found = []
for target in ("192.0.2.130", "2001:db8:2::2"):
    with open_echo_socket(Address(target), hop_limit=1) as sock:
        poll = select.poll()
        poll.register(sock, select.POLLIN)
        for sequence in (1, 2, 3):
            sock.send(pack(sock.version, EchoRequest(Echo(sock.identifier, sequence, b"token678"))))
            assert poll.poll(5000)[0][1] & select.POLLERR
        read_first = len(sock._earlier)
        errors = [each for each in sock.receive() if isinstance(each, QueuedError)]
        found.append(read_first)
        found.append([
            [str(each.reporter), str(each.destination), read_echo(sock.version, each.content).sequence]
            for each in errors
        ])
print(json.dumps(found))
"""


def test_an_unread_error_of_one_probe_does_not_fail_the_next(path: Path, asker: Asker) -> None:
    # Linux fails the next send on a datagram socket, and not on a raw one.
    read_first = 2 if asker is DATAGRAM else 0
    assert library(UNREAD, path.client, asker) == [
        read_first,
        [["192.0.2.2", "192.0.2.130", number] for number in (1, 2, 3)],
        read_first,
        [["2001:db8:1::2", "2001:db8:2::2", number] for number in (1, 2, 3)],
    ]


HOP_LIMITS = """
import json, socket
from dualstack import Address
from dualstack.kernel.icmp_sockets import open_echo_socket
OPTIONS = {
    "127.0.0.1": (socket.IPPROTO_IP, socket.IP_TTL),
    "224.0.0.1": (socket.IPPROTO_IP, socket.IP_MULTICAST_TTL),
    "::1": (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS),
    "ff02::1%lo": (socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS),
}
found = []
for target, option in OPTIONS.items():
    with open_echo_socket(Address(target), hop_limit=7) as sock:
        found.append(sock._sock.getsockopt(*option))
print(json.dumps(found))
"""


def test_a_hop_limit_is_set_for_hosts_and_for_groups(namespace: "MakeNamespace", asker: Asker) -> None:
    assert library(HOP_LIMITS, namespace(), asker) == [7, 7, 7, 7]


DNS64 = """
import socket
import dns.message, dns.rrset
KNOWN = {
    ("ipv4only.arpa.", "AAAA"): "2001:db8:64::c000:aa",
    ("ipv4only.arpa.", "A"): "192.0.0.170",
    ("four.example.", "A"): "198.51.100.1",
}
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 53))
print("up", flush=True)
while True:
    packet, client = server.recvfrom(4096)
    query = dns.message.from_wire(packet)
    asked = query.question[0]
    reply = dns.message.make_response(query)
    kind = dns.rdatatype.to_text(asked.rdtype)
    found = KNOWN.get((asked.name.to_text(), kind))
    if found:
        reply.answer.append(dns.rrset.from_text(asked.name, 60, "IN", kind, found))
    server.sendto(reply.to_wire(), client)
"""


@pytest.fixture
def behind_a_translator(namespace: "MakeNamespace") -> "Host":
    """A host that has IPv6 alone, and a network whose translator answers at 2001:db8:64::/96."""
    host = namespace(resolv_conf="nameserver 127.0.0.1\n")
    for address in ("2001:db8:64::c633:6401/128", "2001:db8::1/64"):
        host.run(["ip", "address", "add", address, "dev", "lo"])
    host.run(["ip", "-6", "route", "add", "default", "dev", "lo"])
    server = host.popen([sys.executable, "-c", DNS64])
    assert server.stdout is not None
    assert server.stdout.readline() == "up\n"
    return host


@pytest.mark.parametrize("target", ["198.51.100.1", "four.example"])
def test_an_ipv4_address_without_a_way_is_asked_through_a_translator_as_connect_does(
    behind_a_translator: "Host", asker: Asker, target: str
) -> None:
    said = only(asker.json(behind_a_translator, target, *QUICK))
    assert (said["address"], said["synthesised_from"]) == ("2001:db8:64::c633:6401", "198.51.100.1")
    assert (said["sent"], said["received"]) == (2, 2)
    done = asker.ping(behind_a_translator, target, *QUICK)
    assert f"asking {target} (2001:db8:64::c633:6401 for 198.51.100.1) 2 times" in done.stdout


def test_asked_for_ipv4_alone_it_is_not(behind_a_translator: "Host", asker: Asker) -> None:
    done = asker.ping(behind_a_translator, "four.example", "-4", *QUICK)
    assert done.returncode == 69
    assert "2001:db8" not in done.stdout


def ping_of_both_kinds(target: str) -> "list[list[object]]":
    import asyncio

    from dualstack import ping, ping_async

    reports = [ping(target, count=1, timeout_s=5), asyncio.run(ping_async(target, count=1, timeout_s=5))]
    return [[str(each.address), each.received] for report in reports for each in report.addresses]


def test_the_functions_do_so_too(behind_a_translator: "Host") -> None:
    RAW.settle(behind_a_translator)
    assert behind_a_translator.call(ping_of_both_kinds, "four.example") == [["2001:db8:64::c633:6401", 1]] * 2
