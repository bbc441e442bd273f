"""Connections on broken networks: ours and the peers', in a lab of hosts with a round trip of 2 ms between them.

Each peer is a process of its own in the client's host, loaded and warm before anything is broken. A round is one
connection by a dialler that has learnt nothing, and four more after it, or one where that is slow already. Who has not
connected within `LIMIT_S` is ended, and begun anew for what comes next.
"""

import math
import select
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Self

from bench.connect.peers import OURS, OURS_ASYNC, OURS_DNS, PROGRAMS, RAW, Peer, Spent

from dualstack.lab.host import Host
from dualstack.lab.network import Network

if TYPE_CHECKING:
    from dualstack.lab.process import Process

__all__ = ["LIMIT_S", "Lab", "as_json", "broken_networks", "by_name", "by_name_report", "report"]

PORT = 7007
LIMIT_S = 2.0
_LOADING_S = 60.0
_LOOPBACKS = ("127.0.0.1 localhost", "::1 localhost")
_SLOW_S = 0.15
_IN_A_ROUND = 5
_WARM = "spare"
_IN_HOSTS_FILE = "server.example"
_DEAD = tuple(f"dead{number}" for number in range(1, 7))

_SERVER = f"""
import socket, threading
def accept(server):
    while True:
        server.accept()[0].close()
for family, address in ((socket.AF_INET, ""), (socket.AF_INET6, "::")):
    server = socket.create_server((address, {PORT}), family=family, backlog=1024)
    threading.Thread(target=accept, args=(server,)).start()
print("up", flush=True)
"""


@dataclass(frozen=True)
class Scenario:
    """A way to be broken.

    Args:
        title: as the table has it.
        faults: what is broken, as the lab writes it.
        first_ms: what the project promises at most for the first connection; None: that it is made.
        others_ms: the same for those after it.
        over_healthy_ms: the same, above what a connection takes where nothing is broken.
        name: what is connected to.
    """

    title: str
    faults: tuple[str, ...]
    first_ms: float | None = None
    others_ms: float | None = None
    over_healthy_ms: float | None = None
    name: str = "server.test"


# All times are of the whole connection: but for a name of the hosts file, the lookup's round trip is in them.
SCENARIOS = (
    Scenario("healthy", ()),
    Scenario("IPv6 dropped", ("dropped ipv6 server",), 255, 5),
    Scenario("IPv6 dropped, name in the hosts file", ("dropped ipv6 server",), 255, 5, name=_IN_HOSTS_FILE),
    Scenario("IPv6 refused", ("refused ipv6 server",), over_healthy_ms=3),
    Scenario("A lost", ("lookup-lost a server",), 10),
    Scenario("AAAA late by 1 s", ("lookup-late 1s aaaa server",), 60),
    Scenario("A late by 1 s", ("lookup-late 1s a server",), 10),
    Scenario("first of two IPv6 dead, IPv4 refused", ("lookup-dead-first aaaa server", "refused ipv4 server")),
    Scenario("IPv6 slow by 300 ms, IPv4 refused", ("delay 300ms ipv6 server", "refused ipv4 server")),
    Scenario("five dead before a live one", (), 1252, name="six.test"),
)

Row = tuple[list[float], list[float]]
Lab = dict[str, dict[str, Row]]
"""By scenario and peer, the seconds of the first connections of all rounds, and of the others; nan: not in time."""


def broken_networks(peers: Sequence[Peer], rounds: int, which: str = "") -> Lab:
    """Measure the scenarios whose titles have `which` in them, each peer in turn, forwards and backwards by turns."""
    names = [peer.name for peer in peers if "name" in peer.takes and peer.name != RAW]
    names += [program for program, _ in PROGRAMS if shutil.which(program)]
    found: Lab = {}
    with _network() as network, ExitStack() as stack:
        callers = [stack.enter_context(_Caller(network.hosts["client"], name)) for name in names]
        dead = [f"dropped {name}" for name in _dead_in_order(network)]
        for scenario in filter(lambda each: which in each.title, SCENARIOS):
            rows: dict[str, Row] = {caller.name: ([], []) for caller in callers}
            for fault in scenario.faults or (dead if scenario.name == "six.test" else ()):
                network.fault(fault)
            for number in range(rounds):
                for caller in callers if number % 2 else callers[::-1]:
                    _round(caller, scenario.name, rows[caller.name])
            network.heal()
            found[scenario.title] = rows
            print(f"measured: {scenario.title}", file=sys.stderr)
    return found


def by_name(peers: Sequence[Peer], rounds: int, times: int = 20) -> dict[str, list[Spent]]:
    """What a connection costs by a name that a server is asked for, nothing broken: each round, each peer in turn."""
    names = [peer.name for peer in peers if "name" in peer.takes and peer.name != RAW]
    found: dict[str, list[Spent]] = {name: [] for name in names}
    with _network() as network, ExitStack() as stack:
        callers = [stack.enter_context(_Caller(network.hosts["client"], name)) for name in names]
        for number in range(rounds + 1):
            for caller in callers if number % 2 else callers[::-1]:
                spent = caller.spend("server.test", times)
                if number:  # the first round loads and warms
                    found[caller.name].append(spent)
    return found


def by_name_report(found: dict[str, list[Spent]]) -> str:
    """Each peer's cost, and its processor's time beside aiohappyeyeballs', round by round."""
    lines = ["| us a connection by name, a server asked | wall / CPU | CPU to aiohappyeyeballs' |", "|---|---|---|"]
    others = found.get("aiohappyeyeballs", [])
    for name, spent in found.items():
        wall, cpu = (median(getattr(each, part) for each in spent) * 1e6 for part in ("wall_s", "cpu_s"))
        ratios = [ours.cpu_s / other.cpu_s for ours, other in zip(spent, others, strict=False)]
        ratio = f"{median(ratios):.2f}" if ratios else "-"
        lines.append(f"| {name} | {wall:.0f} / {cpu:.0f} | {ratio} |")
    return "\n".join(lines)


def as_json(found: Lab) -> object:
    """The same, with null for what was not in time."""

    def seconds(row: Row) -> list[list[float | None]]:
        return [[None if math.isnan(each) else each for each in half] for half in row]

    return {title: {name: seconds(row) for name, row in rows.items()} for title, rows in found.items()}


def report(found: Lab) -> str:
    """The tables: what was promised beside what was measured, and everybody's figures."""
    lines = [
        "| ms to connect, ours: first / median of the others | blocking | asyncio | DnsResolver | promised at most |",
        "|---|---|---|---|---|",
    ]
    scenarios = [scenario for scenario in SCENARIOS if scenario.title in found]
    for scenario in scenarios:
        ours = [_cell(found[scenario.title][name]) for name in (OURS, OURS_ASYNC, OURS_DNS)]
        lines.append(f"| {scenario.title} | {' | '.join(ours)} | {_promise(scenario)} |")
    titles = [scenario.title for scenario in scenarios]
    lines += ["", f"| ms to connect, first / others | {' | '.join(titles)} |", f"|---|{'---|' * len(titles)}"]
    for name in found[titles[0]]:
        cells = [_cell(found[title][name]) for title in titles]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _promise(scenario: Scenario) -> str:
    if scenario.over_healthy_ms is not None:
        return f"healthy and {scenario.over_healthy_ms}"
    first, others = ("-" if ms is None else f"{ms:g}" for ms in (scenario.first_ms, scenario.others_ms))
    if (first, others) == ("-", "-"):
        return "connects" if scenario.faults else "-"
    return first if others == "-" else f"{first} / {others}"


def _cell(row: Row) -> str:
    return " / ".join(_ms(seconds) for seconds in row)


def _ms(seconds: list[float]) -> str:
    """The median, of which a single one that was not in time is reason enough to say so."""
    if not seconds or any(map(math.isnan, seconds)):
        return f"over {LIMIT_S * 1e3:.0f}" if seconds else "-"
    return f"{median(seconds) * 1e3:.1f}"


def _round(caller: "_Caller", name: str, row: Row) -> None:
    first, others = row
    if first and math.isnan(first[-1]):
        return  # it has been seen to hang
    caller.forget()
    first.append(caller.connect(name))
    for _ in range(0 if math.isnan(first[-1]) else _IN_A_ROUND - 1):
        others.append(caller.connect(name))
        if not others[-1] < _SLOW_S:
            return  # so will the rest be


@contextmanager
def _network() -> Iterator[Network]:
    with Network() as network:
        client = network.host("client")
        _serve(network.host("server"))
        known = [f"{each[0]} {_IN_HOSTS_FILE}" for each in network.addresses("server").values()]
        client.use_files({"hosts": "\n".join([*_LOOPBACKS, *known, ""])})
        _serve(network.host(_WARM))
        for name in _DEAD:
            _serve(network.host(name, "ipv6-only"))
        network.name("six", *_DEAD)
        yield network


def _serve(host: Host) -> None:
    server = host.popen([sys.executable, "-c", _SERVER])
    assert server.stdout is not None
    assert server.stdout.readline() == "up\n"


def _dead_in_order(network: Network) -> list[str]:
    """All but the one whose address comes last in the client's lookups."""
    hosts = {network.addresses(name)[6][0]: name for name in _DEAD}
    found = network.hosts["client"].call(_resolved, "six.test")
    return [hosts[address] for address in found[:-1]]


def _resolved(name: str) -> "list[str]":
    import socket

    return [str(each[4][0]) for each in socket.getaddrinfo(name, None, socket.AF_INET6, socket.SOCK_STREAM)]


class _Caller:
    """A peer's process, begun anew where it was ended."""

    def __init__(self, host: Host, name: str) -> None:
        self.name = name
        self._host = host
        self._process: Process | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.close()

    def forget(self) -> None:
        """It is to know nothing of what was before."""
        self._say("forget")

    def connect(self, name: str, limit_s: float = LIMIT_S) -> float:
        """The seconds until it was connected; nan where it was not within the limit."""
        self._say(name)
        assert self._process is not None
        assert self._process.stdout is not None
        if select.select([self._process.stdout], [], [], limit_s)[0]:
            return float((self._process.stdout.readline() or "nan").split()[0])
        self._process.close()
        self._process = None
        return math.nan

    def spend(self, name: str, times: int) -> Spent:
        """What a connection costs, so many in a row."""
        self._say(f"{name} {times}")
        assert self._process is not None
        assert self._process.stdout is not None
        return Spent(*map(float, self._process.stdout.readline().split()))

    def _say(self, line: str) -> None:
        if self._process is None:
            command = [sys.executable, "-m", "bench.connect.asked", self.name, str(PORT)]
            self._process = self._host.popen(command, stdin=-1)
            self.connect(f"{_WARM}.test", _LOADING_S)
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
