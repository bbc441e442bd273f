"""`python -m bench.proxy`: plain HTTP through our proxy beside tinyproxy and squid on this machine, in one run.

wrk asks three nginx servers by turns, on kept connections to the proxy; a proxy that closes after each answer is come
back to. Every round puts every load on every proxy in turn, in the other order each time; shown are medians, and the
median of the ratios taken round by round. Nothing is cached or logged: squid is told so, tinyproxy does neither by
itself at `LogLevel Critical`.

`--also NAME=PYTHON` measures the dualstack of another environment beside this one: an earlier state of it, say.
"""

import argparse
import contextlib
import json
import shutil
import socket
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

from bench.loads import requests_per_s
from bench.processes import cpu_s, free_port, running
from bench.relays import another

_REFERENCE = "dualstack"
_SERVERS = 3
_SMALL, _LARGE = "small", "large"
_LARGE_BYTES = 1 << 20


class Load(NamedTuple):
    """One kind of traffic: how many connections at a time, to how many servers by turns, what each asks for."""

    title: str
    connections: int
    servers: int
    path: str


LOADS = (
    Load("1 connection, 1 server", 1, 1, _SMALL),
    Load("16 connections, 1 server", 16, 1, _SMALL),
    Load("16 connections, 3 servers by turns", 16, _SERVERS, _SMALL),
    Load("4 connections, 1 MiB each", 4, 1, _LARGE),
)

Command = Callable[[int, Path], list[str]]


class Figure(NamedTuple):
    """Requests answered a second, and the proxy's processor time for one, in microseconds."""

    per_s: float
    cpu_us: float


def _ours(python: str, port: int, _: Path) -> list[str]:
    access = ["--access", "allow 127.0.0.0/8", "--reach", "allow 127.0.0.0/8"]
    return [python, "-m", "dualstack", "proxy", f"127.0.0.1:{port}", *access, "--quiet"]


def _tinyproxy(port: int, files: Path) -> list[str]:
    path = files / "tinyproxy.conf"
    path.write_text(f"Port {port}\nListen 127.0.0.1\nMaxClients 200\nLogLevel Critical\nAllow 127.0.0.1\n")
    return ["tinyproxy", "-d", "-c", str(path)]


def _squid(port: int, files: Path) -> list[str]:
    path = files / "squid.conf"
    path.write_text(f"""\
http_port 127.0.0.1:{port}
http_access allow all
cache deny all
access_log none
cache_log /dev/null
cache_store_log none
pid_filename none
shutdown_lifetime 0 seconds
pinger_enable off
coredump_dir {files}
""")
    return ["squid", "-N", "-f", str(path)]


_PROXIES: dict[str, tuple[str, Command]] = {
    _REFERENCE: (sys.executable, partial(_ours, sys.executable)),
    "tinyproxy": ("tinyproxy", _tinyproxy),
    "squid": ("squid", _squid),
}


@contextlib.contextmanager
def _servers() -> Iterator[list[int]]:
    """So many servers of one nginx; their ports."""
    ports = [free_port(socket.AF_INET, "127.0.0.1") for _ in range(_SERVERS)]
    with tempfile.TemporaryDirectory() as files:
        Path(files, _LARGE).write_bytes(bytes(_LARGE_BYTES))
        Path(files).chmod(0o755)
        listens = "".join(f"listen 127.0.0.1:{port} backlog=4096; " for port in ports)
        configuration = Path(files, "nginx.conf")
        configuration.write_text(f"""\
worker_processes 1;
daemon off;
pid {files}/nginx.pid;
error_log /dev/null;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    sendfile on;
    keepalive_requests 1000000000;
    client_body_temp_path {files}; proxy_temp_path {files}; fastcgi_temp_path {files};
    uwsgi_temp_path {files}; scgi_temp_path {files};
    server {{ {listens} root {files}; location /{_SMALL} {{ return 200 "hello\\n"; }} }}
}}
""")
        with running(["nginx", "-c", str(configuration)], ports[0]):
            yield ports


def _measure(load: Load, command: Command, ports: list[int], seconds: float) -> Figure:
    front = free_port(socket.AF_INET, "127.0.0.1")
    targets = ", ".join(f'"http://127.0.0.1:{port}/{load.path}"' for port in ports[: load.servers])
    with tempfile.TemporaryDirectory() as files, running(command(front, Path(files)), front) as pid:
        script = Path(files, "turns.lua")
        script.write_text(f"""\
local targets, turn = {{ {targets} }}, 0
request = function()
    turn = turn % #targets + 1
    return wrk.format("GET", targets[turn])
end
""")
        options = ["--script", str(script)]
        requests_per_s("127.0.0.1", front, 1, load.connections, options)
        before = cpu_s(pid)
        per_s = requests_per_s("127.0.0.1", front, seconds, load.connections, options)
        return Figure(per_s, (cpu_s(pid) - before) / (per_s * seconds) * 1e6)


def _table(found: dict[str, dict[str, list[Figure]]]) -> str:
    lines = ["| load | proxy | requests a second | ratio | CPU, us each |", "|---|---|---|---|---|"]
    for title, proxies in found.items():
        for name, figures in proxies.items():
            ratio = median(each.per_s / base.per_s for each, base in zip(figures, proxies[_REFERENCE], strict=True))
            lines.append(
                f"| {title} | {name} | {median(each.per_s for each in figures):,.0f} | {ratio:.2f} "
                f"| {median(each.cpu_us for each in figures):,.0f} |"
            )
    return "\n".join(lines)


def main() -> int:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.proxy", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often (%(default)s)")
    parser.add_argument("--seconds", type=int, default=2, help="how long each load is put on (%(default)s)")
    parser.add_argument(
        "--also", type=another, action="append", default=[], metavar="NAME=PYTHON", help="another of ours"
    )
    parser.add_argument("--json", action="store_true", help="all figures as JSON")
    options = parser.parse_args()
    proxies = {name: command for name, (program, command) in _PROXIES.items() if shutil.which(program)}
    for name in _PROXIES.keys() - proxies.keys():
        print(f"{name} is not installed: left out", file=sys.stderr)
    proxies |= {name: partial(_ours, python) for name, python in options.also}
    found: dict[str, dict[str, list[Figure]]] = {load.title: defaultdict(list) for load in LOADS}
    with _servers() as ports:
        for number in range(options.rounds):
            for load in LOADS:
                print(f"round {number + 1} of {options.rounds}: {load.title}", file=sys.stderr)
                for name in list(proxies)[:: 1 if number % 2 == 0 else -1]:
                    found[load.title][name].append(_measure(load, proxies[name], ports, options.seconds))
    print(json.dumps(found, indent=1) if options.json else _table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
