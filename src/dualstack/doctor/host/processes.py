"""The processes behind listening sockets: their command lines and when they were started, as /proc shows it."""

from collections.abc import Iterable
from pathlib import Path

from dualstack.doctor.host.state import Program

__all__ = ["programs_of"]

_MOST_BYTES = 1 << 16
# proc_pid_stat(5), counted from behind the name: when it was started, in ticks since the boot.
_STARTED = 19
_TICKS_A_SECOND = 100  # USER_HZ, the same on every system of ours


def programs_of(pids: Iterable[int]) -> dict[int, Program]:
    """The processes of these numbers; those that have gone are left out."""
    booted_s = _booted_s()
    return {pid: found for pid in pids if (found := _program(pid, booted_s)) is not None}


def _booted_s() -> float:
    for line in _read(Path("/proc/stat")).split(b"\n"):
        if line.startswith(b"btime "):
            return float(line.split()[1])
    return 0.0


def _program(pid: int, booted_s: float) -> Program | None:
    there = Path("/proc", str(pid))
    fields = _read(there / "stat").rpartition(b")")[2].split()
    if len(fields) <= _STARTED:
        return None
    # What a process calls itself, as nginx does, is in its command line too, with zeros for what it overwrote.
    words = _read(there / "cmdline").rstrip(b"\0").decode(errors="replace").split("\0")
    started_s = booted_s + int(fields[_STARTED]) / _TICKS_A_SECOND
    return Program(pid, tuple(filter(None, words)), started_s)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MOST_BYTES)
    except OSError:
        return b""
