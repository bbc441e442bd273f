"""Reloads, upgrades and deaths while clients call all the time: none is refused, and none lost that nobody took.

Scaled down for a busy machine; with DUALSTACK_FULL_LOAD=1 there are 100 reloads and 500 calls a second.
"""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from dualstack.gateway.control.client import request
from support.echo import echo_server
from support.load import CALLS_BETWEEN, MANY, Caller, calling, connections_of
from support.program import Dualstack, until

SERVICE = """
[[services]]
name   = "{name}"
listen = "localhost:0"
to     = "127.0.0.1:{behind}"
drain  = 20
"""


@pytest.fixture(scope="module")
def behind() -> Iterator[int]:
    with echo_server() as port:
        yield port


class Served(Dualstack):
    """A gateway of so many workers, with a file that can be changed."""

    def __init__(self, directory: Path, behind: int, workers: int) -> None:
        self.file, self.control = directory / "gateway.toml", str(directory / "control.sock")
        self._behind, self._workers = behind, workers
        self.write("kept")
        super().__init__("gateway", "--config", self.file, "--control", self.control)

    def write(self, *services: str) -> None:
        text = "".join(SERVICE.format(name=name, behind=self._behind) for name in services)
        self.file.write_text(f"workers = {self._workers}\n{text}")

    def workers(self) -> list[int]:
        """The process ids of those that relay, by what the kernel tells of whose children they are."""
        tree: dict[int, list[int]] = {}
        for each in Path("/proc").iterdir():
            if each.name.isdecimal():
                try:
                    parent = int((each / "stat").read_text().rpartition(")")[2].split()[1])
                except (FileNotFoundError, ProcessLookupError):
                    continue
                tree.setdefault(parent, []).append(int(each.name))
        return sorted(worker for fork_server in tree.get(self.pid, []) for worker in tree.get(fork_server, []))


@pytest.mark.parametrize("workers", [1, 2])
def test_reload_after_reload_refuses_and_loses_nobody(tmp_path: Path, behind: int, workers: int) -> None:
    with Served(tmp_path, behind, workers) as gateway, calling("localhost", gateway.port) as caller:
        for number in range(MANY):
            gateway.write("kept", f"fresh{number}")
            gateway.send_signal(signal.SIGHUP)
            assert "opened=2" in gateway.err.until(" reloaded ")
            caller.after_calls(CALLS_BETWEEN)
        calls, wrong = caller.hang_up()
        assert wrong == []
        assert calls >= CALLS_BETWEEN * MANY
        print(f"{MANY} reloads, {workers} workers: {calls} calls, {len(wrong)} went wrong")  # noqa: T201 - the figure


@pytest.mark.parametrize("workers", [1, 2])
def test_an_upgrade_refuses_and_loses_nobody(tmp_path: Path, behind: int, workers: int) -> None:
    with Served(tmp_path, behind, workers) as gateway, calling("localhost", gateway.port) as caller:
        successor = upgraded(gateway)
        try:
            caller.after_calls(2 * CALLS_BETWEEN)
            assert gateway.wait() == 0
            caller.after_calls(2 * CALLS_BETWEEN)
            calls, wrong = caller.hang_up()
            assert wrong == []
            assert calls >= 4 * CALLS_BETWEEN
            print(f"an upgrade, {workers} workers: {calls} calls, {len(wrong)} went wrong")  # noqa: T201 - the figure
            assert request(gateway.control, "list")["ports"]
        finally:
            end(successor, gateway)


def upgraded(gateway: Dualstack) -> int:
    """Have the gateway replaced; the pid of what takes its place."""
    gateway.send_signal(signal.SIGUSR2)
    return int(gateway.err.until(" upgraded ").rpartition("pid=")[2])


def end(pid: int, gateway: Dualstack) -> None:
    """End a successor; its output is that of the gateway before it."""
    os.kill(pid, signal.SIGTERM)
    gateway.out.rest()


def test_a_worker_that_is_killed_takes_its_own_connections_along_and_no_other(tmp_path: Path, behind: int) -> None:
    with Served(tmp_path, behind, 2) as gateway, Caller() as holder, calling("localhost", gateway.port) as caller:
        assert holder.ask(f"hold localhost {gateway.port} 24", "hold:") == "hold: 24"
        before = gateway.workers()
        victim = before[0]
        # It accepts nobody any more, so what it has now is all that may be lost.
        os.kill(victim, signal.SIGSTOP)
        try:
            until(lambda: "T (stopped)" in Path(f"/proc/{victim}/status").read_text(), lambda: "it runs")
            own = connections_of(victim, gateway.port)
            others = connections_of(before[1], gateway.port)
        finally:
            os.kill(victim, signal.SIGKILL)
        gateway.err.until("worker started")
        caller.after_calls(20)
        still = int(holder.ask("held", "held:").partition(": ")[2])
        calls, wrong = caller.hang_up()
        assert 0 < 24 - still < 24, "the kernel gives each its part"
        assert 24 - still + len(wrong) <= own
        assert still <= others + len(wrong) + calls
        assert set(wrong) <= {"ConnectionResetError", "BrokenPipeError", "heard b''"}
        assert len(gateway.workers()) == 2
        print(f"a worker killed: {24 - still} of 24 kept connections lost, {len(wrong)} of {calls} calls")  # noqa: T201
