"""The programs of a run: started, found listening, measured from /proc, and ended again whatever happens."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

__all__ = ["cpu_s", "free_port", "resident_bytes", "running"]

_START_LIMIT_S = 10.0
_LISTEN = "0A"  # net/tcp_states.h, as /proc/net/tcp shows it
_TICKS = os.sysconf("SC_CLK_TCK")


def free_port(family: int, host: str) -> int:
    """A port number that nobody has on `host`."""
    with socket.socket(family) as sock:
        sock.bind((host, 0))
        return int(sock.getsockname()[1])


@contextlib.contextmanager
def running(command: Sequence[str], port: int) -> Iterator[int]:
    """Run a program while it is needed, from the moment it listens on `port`; yields its process id."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)
    try:
        _wait_for(process, port)
        yield process.pid
    finally:
        # The group is the program's own, children it forked included.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        assert process.stderr is not None
        process.stderr.close()


def _wait_for(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + _START_LIMIT_S
    while not _listens(port):
        if process.poll() is not None:
            assert process.stderr is not None
            raise RuntimeError(f"{process.args!r} ended: {process.stderr.read().decode(errors='replace').strip()}")
        if time.monotonic() > deadline:
            raise RuntimeError(f"{process.args!r} does not listen on port {port}")
        time.sleep(0.02)


def _listens(port: int) -> bool:
    """Whether anyone listens there; a connection to find out would be a client of the server behind."""
    rows = [row.split() for name in ("tcp", "tcp6") for row in Path("/proc/net", name).read_text().splitlines()[1:]]
    return any(row[3] == _LISTEN and int(row[1].rpartition(":")[2], 16) == port for row in rows)


def _tree(pid: int) -> Iterator[Path]:
    """The process and all its descendants."""
    with contextlib.suppress(OSError):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        yield Path(f"/proc/{pid}")
        for child in children:
            yield from _tree(int(child))


def cpu_s(pid: int) -> float:
    """Processor time of a program so far, its living and its ended children included."""
    total = 0
    for process in _tree(pid):
        with contextlib.suppress(OSError):
            fields = (process / "stat").read_text().rpartition(")")[2].split()
            total += sum(int(field) for field in fields[11:15])
    return total / _TICKS


def resident_bytes(pid: int) -> int:
    """Resident memory of a program and its children, what they share counted once (PSS)."""
    total = 0
    for process in _tree(pid):
        with contextlib.suppress(OSError):
            for line in (process / "smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) << 10
    return total
