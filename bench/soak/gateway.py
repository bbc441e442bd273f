"""The gateway that is soaked: a process of its own, its workers found by their parents, its log read by nobody."""

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from dualstack.errors import ControlError
from dualstack.gateway.control.client import request

__all__ = ["Gateway", "Size"]

WORKERS = 2
DRAIN_S = 2.0
_READY_S = 60.0
_END_S = DRAIN_S + 15.0

_FILE = """\
workers = {workers}
log = "json"
access_log = "-"
page = {page}
resolver = ["127.0.0.1:{silent}"]
[[services]]
name = "to6"
listen = "localhost:{to6}"
to = "[::1]:{behind}"
drain = {drain}
idle_timeout = 300
[[services]]
name = "to4"
listen = "localhost:{to4}"
to = "127.0.0.1:{behind}"
drain = {drain}
idle_timeout = 300
[[services]]
name = "named"
listen = "localhost:{named}"
to = "localhost:{behind}"
drain = {drain}
idle_timeout = 300
[[services]]
name = "stopped"
listen = "localhost:{stopped}"
to = "127.0.0.1:{behind}"
drain = {drain}
idle_timeout = 300
[[services]]
name = "datagrams"
protocol = "udp"
listen = "localhost:{datagrams}"
to = "127.0.0.1:{behind}"
drain = 0
idle_timeout = 3
[[services]]
name = "proxy"
listen = "localhost:{proxy}"
forward = ["socks5"]
reach = ["allow any"]
drain = {drain}
idle_timeout = 300
connect_timeout = 10
"""
_EXTRA = '[[services]]\nname = "extra"\nlisten = "127.0.0.1:0"\nto = "127.0.0.1:9"\nidle_timeout = 300\ndrain = 0\n'


@dataclass(frozen=True)
class Size:
    """What all its processes have: descriptors, and bytes in memory that are theirs alone or shared in parts."""

    descriptors: int
    resident_bytes: int


class Gateway:
    """One, in a directory of its own.

    Args:
        place: the directory.
        ports: port numbers by the names that the file has for them.
    """

    def __init__(self, place: Path, ports: dict[str, int]) -> None:
        self.ports = ports
        self.control = str(place / "c.sock")
        self._file = place / "gateway.toml"
        self._has_extra = False
        self._seen: set[int] = set()
        self._write()
        argv = [sys.executable, "-m", "dualstack", "gateway", "--config", str(self._file), "--control", self.control]
        # Nobody ever reads what it says: its pipe is full after some seconds.
        self._process = subprocess.Popen([*argv, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def _write(self) -> None:
        text = _FILE.format(workers=WORKERS, drain=DRAIN_S, **self.ports)
        self._file.write_text(text + (_EXTRA if self._has_extra else ""), encoding="ascii")

    async def ready(self) -> None:
        """Until all its sockets listen."""
        assert self._process.stdout is not None
        async with asyncio.timeout(_READY_S):
            line = await asyncio.to_thread(self._process.stdout.readline)
        if not line:
            raise RuntimeError(f"the gateway has ended with {self._process.wait()}")

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def processes(self) -> list[int]:
        """It, the process that workers come from, and the workers."""
        first = self._process.pid
        children = _children()
        fork_servers = children.get(first, [])
        workers = [worker for fork_server in fork_servers for worker in children.get(fork_server, [])]
        self._seen |= {first, *fork_servers, *workers}
        return [first, *fork_servers, *workers]

    def workers(self) -> list[int]:
        """The workers' process ids."""
        return self.processes()[2:]

    async def workers_are_back(self, without: int, within_s: float) -> float | None:
        """How long it took until there are all workers, and this one is none of them; None where it took longer."""
        began = monotonic()
        while (took_s := monotonic() - began) < within_s:
            pids = self.workers()
            if without not in pids and len(pids) == WORKERS:
                return took_s
            await asyncio.sleep(0.05)
        return None

    async def reload(self, within_s: float) -> bool:
        """Have it read a file with one service more, or less; whether it serves that."""
        self._has_extra = not self._has_extra
        self._write()
        self._process.send_signal(signal.SIGHUP)
        began = monotonic()
        while monotonic() - began < within_s:
            if ("extra" in await self.port_states()) is self._has_extra:
                return True
            await asyncio.sleep(0.1)
        return False

    async def port_states(self) -> dict[str, str]:
        """What `ports list` says."""
        answer = await asyncio.to_thread(request, self.control, "list")
        ports = answer["ports"]
        assert isinstance(ports, list)
        return {port["name"]: port["state"] for port in ports}

    async def tell(self, verb: str, port: str) -> None:
        """`ports stop` or `ports start`."""
        await asyncio.to_thread(request, self.control, verb, port)

    def size(self) -> Size:
        """All its processes together."""
        descriptors = resident = 0
        for pid in self.processes():
            # One may end just now.
            with suppress(FileNotFoundError, ProcessLookupError):
                descriptors += len(list(Path(f"/proc/{pid}/fd").iterdir()))
                text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
                resident += 1024 * next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
        return Size(descriptors, resident)

    async def end(self) -> tuple[int | None, float, list[int]]:
        """SIGTERM it: its exit code, how long it took, and which of its processes are left."""
        self.processes()
        began = monotonic()
        self._process.terminate()
        while self.is_alive and monotonic() - began < _END_S:  # noqa: ASYNC110 - a process tells nobody
            await asyncio.sleep(0.02)
        return self._process.poll(), monotonic() - began, [pid for pid in self._seen if _is_ours(pid)]

    def kill(self) -> None:
        """Leave nothing of it, whatever happened."""
        with suppress(OSError, ControlError):
            self.processes()
        for pid in self._seen:
            if _is_ours(pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self._process.wait()
        for stream in (self._process.stdout, self._process.stderr):
            assert stream is not None
            stream.close()


def _children() -> dict[int, list[int]]:
    """Processes by their parents (proc(5): the second field after the name), the oldest first."""
    found: dict[int, list[int]] = {}
    for entry in sorted(int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()):
        with suppress(FileNotFoundError, ProcessLookupError):
            fields = (
                Path(f"/proc/{entry}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            )
            if fields[0] != "Z":
                found.setdefault(int(fields[1]), []).append(entry)
    return found


def _is_ours(pid: int) -> bool:
    """Whether the process lives and still is a Python of the gateway's: its number may be another's by now."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return b"dualstack" in words
