"""`python -m bench.udp`: datagrams through our relay beside nginx' stream module, on this machine, in one run.

Each of 64 clients, an IPv6 flow of its own, sends a small question to an IPv4 server that sends it back, and the next
once it has the answer. Every round puts the load on every relay in turn, in the other order each time; shown are
medians, and the median of the ratios taken round by round. The relay's own processor time tells more than the rate:
load and server take their part of the same cores.
"""

import argparse
import contextlib
import json
import select
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.processes import cpu_s, resident_bytes

_REFERENCE = "nginx stream, 1 worker"
_FLOWS = 64
_QUESTION = bytes(64)
_LOST_AFTER_S = 0.5
_ECHO = """
import socket, sys
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
server.bind(("127.0.0.1", int(sys.argv[1])))
buffer = memoryview(bytearray(1 << 16))
while True:
    size, peer = server.recvfrom_into(buffer)
    server.sendto(buffer[:size], peer)
"""


@dataclass(frozen=True)
class Figure:
    """What a relay did: questions answered a second, its processor time for one, questions lost."""

    per_s: float
    cpu_us: float
    lost: int


def _ours(listen: str, front: int, back: int, _: Path) -> list[str]:
    return [sys.executable, "-m", "dualstack", "relay", "--udp", "--quiet", f"{listen}:{front}", f"127.0.0.1:{back}"]


def _nginx(listen: str, front: int, back: int, files: Path) -> list[str]:
    where = f"[::]:{front} ipv6only=off" if listen == "*" else f"{listen}:{front}"
    path = files / "nginx.conf"
    path.write_text(f"""\
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
worker_processes 1;
daemon off;
pid {files}/nginx.pid;
error_log /dev/null;
events {{ worker_connections 8192; }}
stream {{ server {{ listen {where} udp rcvbuf=4m; proxy_pass 127.0.0.1:{back}; proxy_timeout 60s; }} }}
""")
    return ["nginx", "-c", str(path)]


_RELAYS: dict[str, Callable[[str, int, int, Path], list[str]]] = {"dualstack": _ours, _REFERENCE: _nginx}


@contextlib.contextmanager
def _running(command: Sequence[str], family: int, port: int) -> Iterator[int]:
    """Run a program from the moment it has the UDP port; yields its process id."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        name = Path("/proc/net", "udp6" if family == socket.AF_INET6 else "udp")
        deadline = time.monotonic() + 10
        while f":{port:04X} " not in name.read_text():
            assert process.poll() is None, f"{command[0]} has ended"
            assert time.monotonic() < deadline, f"{command[0]} does not listen"
            time.sleep(0.02)
        yield process.pid
    finally:
        process.terminate()
        process.wait(10)


def _free_port() -> int:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        sock.bind(("::1", 0))
        return int(sock.getsockname()[1])


def _load(host: str, port: int, seconds: float) -> tuple[int, int]:
    """Questions answered, and those that were lost and asked again."""
    with contextlib.ExitStack() as undo:
        poll = undo.enter_context(select.epoll())
        clients: dict[int, socket.socket] = {}
        for _ in range(_FLOWS):
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            sock = undo.enter_context(socket.socket(family, socket.SOCK_DGRAM))
            sock.connect((host, port))
            clients[sock.fileno()] = sock
            poll.register(sock, select.EPOLLIN)
            sock.send(_QUESTION)
        answered = lost = 0
        buffer = bytearray(2048)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            events = poll.poll(_LOST_AFTER_S)
            if not events:
                lost += len(clients)
                for sock in clients.values():
                    sock.send(_QUESTION)
            for descriptor, _ in events:
                sock = clients[descriptor]
                sock.recv_into(buffer)
                sock.send(_QUESTION)
            answered += len(events)
        return answered, lost


def _table(direct: list[float], figures: dict[str, list[Figure]], memory: dict[str, float]) -> str:
    lines = [
        "| relay | questions a second | ratio | CPU, us each | lost | kB a flow |",
        "|---|---|---|---|---|---|",
        f"| direct | {median(direct):,.0f} | | | | |",
    ]
    for name, found in figures.items():
        ratio = median(ours.per_s / base.per_s for ours, base in zip(found, figures[_REFERENCE], strict=True))
        lines.append(
            f"| {name} | {median(each.per_s for each in found):,.0f} | {ratio:.2f} "
            f"| {median(each.cpu_us for each in found):.1f} | {sum(each.lost for each in found)} "
            f"| {memory[name] / 1000:.1f} |"
        )
    return "\n".join(lines)


def _measure(name: str, listen: str, back: int, seconds: float) -> Figure:
    front = _free_port()
    with tempfile.TemporaryDirectory() as files, contextlib.ExitStack() as undo:
        pid = undo.enter_context(_running(_RELAYS[name](listen, front, back, Path(files)), socket.AF_INET6, front))
        _load("::1", front, 0.2)
        before = cpu_s(pid)
        answered, lost = _load("::1", front, seconds)
        return Figure(answered / seconds, (cpu_s(pid) - before) / answered * 1e6, lost)


def _flow_bytes(name: str, listen: str, back: int, flows: int) -> float:
    """What a silent flow costs in resident memory."""
    front = _free_port()
    with tempfile.TemporaryDirectory() as files, contextlib.ExitStack() as undo:
        pid = undo.enter_context(_running(_RELAYS[name](listen, front, back, Path(files)), socket.AF_INET6, front))
        _load("::1", front, 0.1)
        before = resident_bytes(pid)
        for _ in range(flows):
            sock = undo.enter_context(socket.socket(socket.AF_INET6, socket.SOCK_DGRAM))
            sock.connect(("::1", front))
            sock.settimeout(10)
            sock.send(_QUESTION)
            sock.recv(2048)
        return (resident_bytes(pid) - before) / flows


def main() -> int:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.udp", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often (%(default)s)")
    parser.add_argument("--seconds", type=float, default=2.0, help="how long each load is put on (%(default)s)")
    parser.add_argument("--listen", default="[::1]", help="where the relays listen: [::1], or * (%(default)s)")
    parser.add_argument("--json", action="store_true", help="all figures as JSON")
    options = parser.parse_args()
    back = _free_port()
    figures: dict[str, list[Figure]] = {name: [] for name in _RELAYS}
    direct: list[float] = []
    with _running([sys.executable, "-c", _ECHO, str(back)], socket.AF_INET, back):
        for number in range(options.rounds):
            direct.append(_load("127.0.0.1", back, options.seconds)[0] / options.seconds)
            for name in list(_RELAYS)[:: 1 if number % 2 == 0 else -1]:
                figures[name].append(_measure(name, options.listen, back, options.seconds))
        memory = {name: _flow_bytes(name, options.listen, back, 500) for name in _RELAYS}
    if options.json:
        document = {name: [vars(each) for each in found] for name, found in figures.items()}
        print(json.dumps({"direct": direct, "relays": document, "flow_bytes": memory}, indent=1))
        return 0
    print(_table(direct, figures, memory))
    return 0


if __name__ == "__main__":
    sys.exit(main())
