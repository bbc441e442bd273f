"""What is measured, each with the best tool for it: iperf3 for bulk, wrk before nginx for requests and connections.

A figure is "more is better", save memory. Every load comes to an IPv6 port and ends at an IPv4 one; `direct` takes the
IPv4 port itself.
"""

import contextlib
import json
import re
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.processes import free_port, resident_bytes, running

__all__ = ["IDLE", "LOADS", "TOOLS", "Back", "Load", "backs", "idle_bytes", "requests_per_s"]

IDLE = "idle"
TOOLS = {"iperf3": ("iperf3", "--version"), "wrk": ("wrk", "--version"), "nginx": ("nginx", "-v")}
"""What makes the load, and the command that tells its version."""


@dataclass(frozen=True)
class Back:
    """The servers behind the relays."""

    iperf: int
    nginx: int


@dataclass(frozen=True)
class Load:
    """One kind of traffic.

    Args:
        name: in the JSON document.
        title: in the table.
        unit: of the figure.
        bulk: whether iperf3 makes it, else wrk.
        connections: at a time.
        options: more for the tool.
        cpu_unit: of the processor time that one of it costs the relay: seconds times `cpu_scale`.
    """

    name: str
    title: str
    unit: str
    bulk: bool
    connections: int
    cpu_unit: str
    cpu_scale: float
    options: tuple[str, ...] = ()

    def port(self, back: Back) -> int:
        """The server this load ends at."""
        return back.iperf if self.bulk else back.nginx

    def run(self, host: str, port: int, seconds: float) -> float:
        """Put the load on and give the figure: bytes, requests or connections a second."""
        return (_iperf if self.bulk else _wrk)(self, host, port, seconds)


LOADS = (
    Load("bulk_1", "bulk, 1 connection", "GB/s", bulk=True, connections=1, cpu_unit="ms/GB", cpu_scale=1e3),
    Load("bulk_8", "bulk, 8 connections", "GB/s", bulk=True, connections=8, cpu_unit="ms/GB", cpu_scale=1e3),
    Load(
        "requests", "requests, 64 kept connections", "1000/s", bulk=False, connections=64, cpu_unit="us", cpu_scale=1e3
    ),
    Load(
        "short",
        "short connections, 50 at once",
        "1000/s",
        bulk=False,
        connections=50,
        cpu_unit="us",
        cpu_scale=1e3,
        options=("--header", "Connection: close"),
    ),
)


def _iperf(load: Load, host: str, port: int, seconds: float) -> float:
    command = ["iperf3", "--client", host, "--port", str(port), "--json", "--time", str(max(1, round(seconds)))]
    command += ["--parallel", str(load.connections), "--omit", "0"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds + 30)
    report = json.loads(result.stdout)
    assert "error" not in report, report
    return float(report["end"]["sum_received"]["bits_per_second"]) / 8e9


def _wrk(load: Load, host: str, port: int, seconds: float) -> float:
    return requests_per_s(host, port, seconds, load.connections, load.options) / 1000


def requests_per_s(host: str, port: int, seconds: float, connections: int, options: Sequence[str] = ()) -> float:
    """Requests that wrk has answered in a second, on so many connections at a time."""
    host = f"[{host}]" if ":" in host else host
    command = ["wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{max(1, round(seconds))}s"]
    command += [*options, f"http://{host}:{port}/"]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + 30)
    found = re.search(r"Requests/sec:\s+([0-9.]+)", result.stdout)
    assert found is not None, result.stdout
    assert "Non-2xx" not in result.stdout, result.stdout
    return float(found[1])


@contextlib.contextmanager
def backs() -> Iterator[Back]:
    """Run the servers behind the relays."""
    iperf, nginx = free_port(socket.AF_INET, "127.0.0.1"), free_port(socket.AF_INET, "127.0.0.1")
    with tempfile.TemporaryDirectory() as files, contextlib.ExitStack() as stack:
        configuration = Path(files, "nginx.conf")
        configuration.write_text(f"""\
worker_processes 1;
daemon off;
pid {files}/nginx.pid;
error_log /dev/null;
worker_rlimit_nofile 16384;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    client_header_timeout 300s;
    client_body_temp_path {files}; proxy_temp_path {files}; fastcgi_temp_path {files};
    uwsgi_temp_path {files}; scgi_temp_path {files};
    server {{ listen 127.0.0.1:{nginx} backlog=4096; location / {{ return 200 "hello\\n"; }} }}
}}
""")
        stack.enter_context(running(["nginx", "-c", str(configuration)], nginx))
        stack.enter_context(running(["iperf3", "-s", "-B", "127.0.0.1", "-p", str(iperf)], iperf))
        yield Back(iperf, nginx)


def idle_bytes(host: str, port: int, pid: int, connections: int) -> float:
    """What an idle connection costs the relay in resident memory."""
    with contextlib.ExitStack() as stack:
        _connect(stack, host, port, 10)
        before = resident_bytes(pid)
        _connect(stack, host, port, connections)
        return (resident_bytes(pid) - before) / connections


def _connect(stack: contextlib.ExitStack, host: str, port: int, connections: int) -> None:
    """Open connections that are through to the server: each has its answer to a first request."""
    socks = [stack.enter_context(socket.create_connection((host, port), 10)) for _ in range(connections)]
    for sock in socks:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    for sock in socks:
        assert sock.recv(4096).startswith(b"HTTP/1.1 200")
