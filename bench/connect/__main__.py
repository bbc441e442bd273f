"""`python -m bench.connect`: connections by us and by the peers, in one run: on the loopback, then in the lab.

Machines differ and this one is shared: what counts is a ratio of two figures taken one after the other. Every round
puts every peer to every case in turn, forwards and backwards by turns; a table has medians, and medians of the rounds'
ratios. The name `dual.example` has ::1 and 127.0.0.1: as root the benchmark runs with a hosts file of its own.

    literal   ::1                              name     dual.example, looked up by the system's resolver
    pair      both addresses, known            refused  the name, and nobody listens on ::1
    silent    the name, and ::1 drops what comes: the first connection, and the median of the nine after it

The lab's hosts are 2 ms apart, and what is broken there is in `bench.connect.lab`; small exchanges are in
`bench.connect.exchanges`. `--only` measures one of the three.
"""

import argparse
import contextlib
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from bench.connect.exchanges import exchanges, exchanges_report
from bench.connect.lab import LIMIT_S, Lab, as_json, broken_networks, by_name, by_name_report
from bench.connect.lab import report as lab_report
from bench.connect.peers import OURS, OURS_ASYNC, PROGRAMS, RAW, Peer, forget, installed

from dualstack.lab.network import why_no_network

NAME = "dual.example"
_HOSTS = f"127.0.0.1 localhost\n::1 localhost\n::1 {NAME}\n127.0.0.1 {NAME}\n"
_CASES = {"literal": "::1", "name": NAME, "pair": NAME}
_REPEATS = 10

# What the project promises, as (case, ours, other, "wall" or "cpu", at most).
PROMISES = (
    ("literal", OURS, "socket.create_connection", "wall", 1.15),
    ("literal", OURS, "socket.create_connection", "cpu", 1.25),
    ("literal", OURS_ASYNC, RAW, "cpu", 3.0),
    ("pair", OURS_ASYNC, "aiohappyeyeballs", "cpu", 0.5),
    ("name", OURS_ASYNC, "aiohappyeyeballs", "cpu", 0.75),
)

Figures = dict[str, dict[str, list[tuple[float, float]]]]

_SERVER = """
import socket, sys
listener = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True, backlog=4096)
print(listener.getsockname()[1], flush=True)
while True:
    listener.accept()[0].close()
"""


def main() -> int:
    """Measure, and print the tables."""
    options = _options()
    if not options.inside and os.geteuid() == 0 and shutil.which("unshare"):
        return _with_hosts_of_our_own()
    peers, missing = installed()
    for name in missing:
        print(f"{name} is not installed: left out", file=sys.stderr)
    with contextlib.suppress(socket.gaierror):
        families = {info[0] for info in socket.getaddrinfo(NAME, 80)}
        if len(families) == 2:
            return _measure(options, peers)
    print(f"{NAME} has not both families here: run as root, or add it to the hosts file", file=sys.stderr)
    return 69


def _with_hosts_of_our_own() -> int:
    with tempfile.TemporaryDirectory() as files:
        hosts = Path(files, "hosts")
        hosts.write_text(_HOSTS)
        inside = f'mount --bind {hosts} /etc/hosts && exec "$@"'
        command = [sys.executable, "-m", "bench.connect", "--inside", *sys.argv[1:]]
        return subprocess.run(["unshare", "--mount", "--", "sh", "-c", inside, "sh", *command], check=False).returncode


def _measure(options: argparse.Namespace, peers: list[Peer]) -> int:
    figures, broken = ({}, {}) if options.only in {"lab", "exchanges"} else _on_loopback(options, peers)
    small = exchanges(options.rounds) if options.only in {None, "loopback", "exchanges"} else {}
    lab: Lab = {} if options.only in {"loopback", "exchanges"} else _in_the_lab(options, peers)
    named = by_name(peers, options.rounds) if lab and not options.scenario else {}
    if options.json:
        document = {
            "version": 1,
            "figures": figures,
            "broken": broken,
            "exchanges": small,
            "lab": as_json(lab),
            "by_name": named,
            "machine": _machine(),
        }
        print(json.dumps(document, indent=1, default=vars))
        return 0
    on_loopback = _report(figures, broken) if figures else ""
    in_exchanges = exchanges_report(small) if small else ""
    in_lab = "\n\n".join([lab_report(lab), *([by_name_report(named)] if named else [])]) if lab else ""
    print(*filter(None, (on_loopback, in_exchanges, in_lab)), sep="\n\n")
    if options.markdown:
        options.markdown.write_text(_page(on_loopback, in_exchanges, in_lab))
    return 0


def _in_the_lab(options: argparse.Namespace, peers: list[Peer]) -> Lab:
    """Nothing, and why, where there are no namespaces."""
    if why := why_no_network():
        print(f"no lab: {why}", file=sys.stderr)
        return {}
    return broken_networks(peers, options.lab_rounds, options.scenario)


def _on_loopback(options: argparse.Namespace, peers: list[Peer]) -> tuple[Figures, dict[str, dict[str, list[float]]]]:
    figures: Figures = defaultdict(lambda: defaultdict(list))
    with _server() as port:
        for number in range(options.rounds + 1):
            for case, host in _CASES.items():
                for peer in peers if number % 2 else peers[::-1]:
                    if case in peer.takes:
                        spent = peer.run(host, port, options.times)
                        if number:  # the first round loads and warms
                            figures[case][peer.name].append((spent.wall_s, spent.cpu_s))
    return figures, {case: _broken(case, peers) for case in ("refused", "silent")}


@contextlib.contextmanager
def _server() -> Iterator[int]:
    with subprocess.Popen([sys.executable, "-c", _SERVER], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.kill()


def _broken(case: str, peers: list[Peer]) -> dict[str, list[float]]:
    """Seconds of each of ten connections; a peer that cannot in time has none."""
    found: dict[str, list[float]] = {}
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=4096))
        port = listener.getsockname()[1]
        if case == "silent":
            _never_answering(stack, port)
        for peer in peers:
            if case in peer.takes and not _waits_for_ever(case, peer):
                forget()
                found[peer.name] = [peer.run(NAME, port, 1).wall_s for _ in range(_REPEATS)]
        for name, connect in PROGRAMS:
            if shutil.which(name):
                stack.enter_context(_answering(listener))
                found[name] = [connect(NAME, port) for _ in range(_REPEATS)]
    return found


def _waits_for_ever(case: str, peer: Peer) -> bool:
    """Who does not race would hang for the 20 seconds that it is given."""
    return case == "silent" and peer.name in {
        "socket.create_connection",
        "urllib3",
        "asyncio.open_connection",
        "uvloop",
    }


def _never_answering(stack: contextlib.ExitStack, port: int) -> None:
    """A queue of ::1 that is full: the kernel drops what comes."""
    listener = stack.enter_context(socket.socket(socket.AF_INET6))
    listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    listener.bind(("::1", port))
    listener.listen(0)
    for _ in range(4):
        filler = stack.enter_context(socket.socket(socket.AF_INET6))
        filler.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            filler.connect(("::1", port))


@contextlib.contextmanager
def _answering(listener: socket.socket) -> Iterator[None]:
    """Programs speak HTTP: answer them from a process of its own."""
    code = "import socket, sys\ns = socket.socket(fileno=int(sys.argv[1]))\nwhile True: s.accept()[0].close()"
    command = [sys.executable, "-c", code, str(listener.fileno())]
    with subprocess.Popen(command, pass_fds=[listener.fileno()]) as process:
        yield
        process.kill()


def _report(figures: Figures, broken: dict[str, dict[str, list[float]]]) -> str:
    lines = ["| us a connection, wall / CPU | literal | name | pair |", "|---|---|---|---|"]
    for name in dict.fromkeys(name for case in figures.values() for name in case):
        cells = [_cell(figures[case].get(name)) for case in _CASES]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += ["", "| ratio, median of the rounds' | measured | promised at most |", "|---|---|---|"]
    for case, ours, other, kind, most in PROMISES:
        ratio = _ratio(figures[case], ours, other, kind)
        lines.append(f"| {case}: {ours} to {other}, {kind} | {ratio:.2f} | {most} |")
    lines += ["", "| ms to connect, first / median of the others | refused | silent |", "|---|---|---|"]
    for name in dict.fromkeys(name for case in broken.values() for name in case):
        cells = [_first_and_others(broken[case].get(name)) for case in ("refused", "silent")]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(figures: list[tuple[float, float]] | None) -> str:
    if not figures:
        return "-"
    return f"{median(wall for wall, _ in figures) * 1e6:.0f} / {median(cpu for _, cpu in figures) * 1e6:.0f}"


def _ratio(figures: dict[str, list[tuple[float, float]]], ours: str, other: str, kind: str) -> float:
    index = 0 if kind == "wall" else 1
    pairs = zip(figures.get(ours, []), figures.get(other, []), strict=False)
    ratios = [a[index] / b[index] for a, b in pairs]
    return median(ratios) if ratios else float("nan")


def _first_and_others(seconds: list[float] | None) -> str:
    if not seconds:
        return "over 20000"
    return f"{seconds[0] * 1e3:.1f} / {median(seconds[1:]) * 1e3:.1f}"


def _machine() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    versions = {"Python": platform.python_version(), "kernel": platform.release()}
    for name in ("aiohappyeyeballs", "anyio", "trio", "urllib3", "uvloop"):
        with contextlib.suppress(PackageNotFoundError):
            versions[name] = version(name)
    for program in ("curl", "node"):
        if shutil.which(program):
            done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
            versions[program] = done.stdout.split("\n")[0].split(" (")[0]
    return versions


def _page(on_loopback: str, in_exchanges: str, in_lab: str) -> str:
    head = [
        "# How fast connections are",
        "",
        "`make bench-connect` measures it on your machine; this page is what",
        "`make bench-connect ARGS='--markdown docs/reference/connect-speed.md'` wrote on ours.",
        "",
    ]
    loopback = [
        "## On the loopback",
        "",
        "`literal` is ::1, `name` a name of the hosts file with ::1 and 127.0.0.1, `pair` the two as known addresses.",
        "`refused`: nobody listens on ::1. `silent`: ::1 drops what comes. Who does not race hangs there.",
        "",
        on_loopback,
        "",
    ]
    small = [
        "## Small exchanges",
        "",
        "Two short writes and an answer of two more, over the loopback: where TCP_NODELAY is off at either end, each",
        "waits for the other, as the last line has it. asyncio sets it for sockets that say they are TCP's; ours do.",
        "",
        in_exchanges,
        "",
    ]
    lab = [
        "## On broken networks",
        "",
        "In [the lab](lab.md): a name server, a client and its servers, 2 ms of round trip between any two. The first",
        "connection of a dialler that has learnt nothing, and the median of the four after it, over the rounds. The",
        "lookup's own round trip is in every figure, but for the name in the hosts file; so the least that is possible",
        "is what `socket.create_connection` takes where all is healthy.",
        f"Who is not connected after {LIMIT_S:.0f} s is given up. The last table has what a connection costs where",
        "nothing is broken: medians, and the median of the rounds' ratios.",
        "",
        in_lab,
        "",
    ]
    versions = [f"- {name}: {text}" for name, text in _machine().items()]
    parts = [*(loopback if on_loopback else []), *(small if in_exchanges else []), *(lab if in_lab else [])]
    return "\n".join([*head, *parts, "## The versions", "", *versions, ""])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.connect", description=__doc__)
    parser.add_argument("--rounds", type=int, default=25, help="how often everything is measured (%(default)s)")
    parser.add_argument("--times", type=int, default=100, help="connections in a row (%(default)s)")
    parser.add_argument("--only", choices=["loopback", "exchanges", "lab"], help="one part alone")
    parser.add_argument("--lab-rounds", type=int, default=3, help="how often the lab's are measured (%(default)s)")
    parser.add_argument("--scenario", default="", metavar="TEXT", help="of the lab's, those with this in their title")
    parser.add_argument("--json", action="store_true", help="all figures as JSON")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables with the versions")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
