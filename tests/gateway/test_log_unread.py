"""A log that nobody reads, or that finds no room, holds up no client; what is lost is counted and said."""

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from support.echo import echo_server
from support.gateway import run, running, service
from support.program import DUALSTACK, Dualstack

CONFIG = """
{head}
[[services]]
name = "open"
listen = "127.0.0.1:0"
to = "127.0.0.1:{behind}"
[[services]]
name = "closed"
listen = "127.0.0.1:0"
to = "127.0.0.1:{behind}"
access = ["deny any"]
"""


@pytest.fixture(scope="module")
def behind() -> Iterator[int]:
    with echo_server() as port:
        yield port


class Unread:
    """A gateway whose standard error nobody reads, in a pipe of one page."""

    def __init__(self, process: "subprocess.Popen[bytes]", document: dict[str, list[dict[str, object]]]) -> None:
        self.process = process
        self.ports = {str(each["service"]): int(str(each["port"])) for each in document["sockets"]}
        self.page = str(next(iter(document.get("page", [])), ""))

    def ask(self, name: str) -> bytes:
        with socket.create_connection(("127.0.0.1", self.ports[name]), timeout=20) as client:
            try:
                client.sendall(b"hello\n")
                return client.recv(100)
            except ConnectionResetError:
                return b""

    def metric(self, name: str) -> float:
        lines = httpx.get(f"{self.page}metrics", timeout=20, trust_env=False).text.splitlines()
        return float(next(line.split()[-1] for line in lines if line.startswith(name)))


@contextmanager
def unread(tmp_path: Path, behind: int, head: str, *options: str) -> Iterator[Unread]:
    config = tmp_path / "gateway.toml"
    config.write_text(CONFIG.format(head=head, behind=behind))
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    command = [*DUALSTACK, "gateway", "--config", config, "--control", tmp_path / "c", "--json", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=writing, stdin=subprocess.DEVNULL) as process:
        os.close(writing)
        try:
            assert process.stdout is not None
            yield Unread(process, json.loads(process.stdout.readline()))
        finally:
            process.kill()
            os.close(reading)


@pytest.mark.parametrize("workers", [1, 2])
def test_nobody_waits_for_who_does_not_read_the_log(tmp_path: Path, behind: int, workers: int) -> None:
    with unread(tmp_path, behind, f"access_log = '-'\nworkers = {workers}") as gateway:
        for _ in range(40):
            assert gateway.ask("closed") == b""
            assert gateway.ask("open") == b"hello\n"
        gateway.process.send_signal(signal.SIGTERM)
        assert gateway.process.wait(20) == 0


def test_a_log_that_has_no_room_holds_nobody_up_and_the_metrics_count_it(tmp_path: Path, behind: int) -> None:
    with unread(tmp_path, behind, "access_log = '/dev/full'\npage = 0") as gateway:
        for _ in range(5):
            assert gateway.ask("open") == b"hello\n"
        lost = 'dualstack_log_lines_lost_total{log="connections"}'
        while gateway.metric(lost) < 5:
            assert gateway.process.poll() is None


FULL = """
mount -t tmpfs -o size=16k none "$1" && cd "$1" && head -c 8000 /dev/zero > ballast && exec "$2" -c "$3"
"""
WRITING = """
import os
from dualstack.gateway.counters.access_log import AccessLog
log = AccessLog("access.log", "json")
for number in range(1000):
    log.write({"n": number})
log._writer.flush(20)
first = open("access.log").read()
os.unlink("ballast")
log.write({"n": "again"})
log.close()
print(first, "----", open("access.log").read().removeprefix(first), log.lost, sep="\\n", end="")
"""


@pytest.mark.root
@pytest.mark.daemon("unshare")
def test_on_a_full_disk_every_line_of_the_access_log_is_whole(tmp_path: Path) -> None:
    command = ["unshare", "--mount", "sh", "-ec", FULL, "sh", str(tmp_path), sys.executable, WRITING]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    first, later = done.stdout.split("----\n")
    assert first.endswith("}\n\n")
    written = [json.loads(line)["n"] for line in first.splitlines() if line]
    assert written == list(range(len(written)))
    *lines, lost = later.splitlines()
    told = {json.loads(line)["event"]: json.loads(line) for line in lines if line}
    assert 0 < len(written) == 1000 - int(lost)
    assert told["connection"]["n"] == "again"
    assert told["lines lost"]["lines"] == int(lost)


def test_of_many_refusals_the_first_are_said_and_then_how_many_more() -> None:
    async def scenario() -> None:
        async with running(service("a", access='["deny any"]') + service("b", access='["deny any"]')) as r:
            for _ in range(25):
                assert await r.is_refused("a")
            assert await r.is_refused("b")
            said = [line for line in r.events.of("refused") if line["service"] == "a"]
            assert len(said) == 10
            assert len([line for line in r.events.of("refused") if line["service"] == "b"]) == 1
        assert r.events.of("refused")[-1] == {"service": "a", "more": 15, "why": "rule: deny any"}

    run(scenario)


def test_a_reader_of_the_log_gets_its_last_line_when_the_gateway_ends(tmp_path: Path, behind: int) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text(CONFIG.format(head="access_log = '-'", behind=behind))
    with Dualstack("gateway", "--config", config, "--control", tmp_path / "c") as gateway:
        with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as client:
            client.sendall(b"hello\n")
            assert client.recv(100) == b"hello\n"
        assert gateway.end() == 0
        assert "service=open" in gateway.err.rest()
