"""The programs of a declaration, run on its hosts, servers first and the others one by one; what became of each."""

import errno
import subprocess
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import IO, Self

from dualstack.lab.declaration import Declaration, Program
from dualstack.lab.network import Network
from dualstack.lab.orders import NetworkError
from dualstack.lab.packages import not_installed
from dualstack.lab.process import Process

__all__ = ["Outcome", "run"]

_READY_S = 10.0
_LOOK_EVERY_S = 0.01
_LAST_WORDS_S = 0.5
# proc_net_tcp(5), and the state of a socket that listens (TCP), or is bound (UDP).
_TABLES = {"tcp": "0A", "tcp6": "0A", "udp": "07", "udp6": "07"}

Say = Callable[[Program, str], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a program.

    Args:
        program: which.
        exit_code: its own, negative for a signal's number; None where it never ran, or was still running at the end.
        elapsed_s: how long it ran.
        output: what it said, both streams together.
        error: why there is no exit code.
        timed_out: it was ended because its time was up.
    """

    program: Program
    exit_code: int | None
    elapsed_s: float
    output: str
    error: str | None = None
    timed_out: bool = False


def run(network: Network, declaration: Declaration, say: Say = lambda _program, _line: None) -> list[Outcome]:
    """Run them all; a program that cannot be run is an outcome too, and the others run.

    Args:
        network: the hosts, as declared.
        declaration: whose programs.
        say: is told each line as it comes.
    """
    outcomes = []
    with ExitStack() as undo:
        for program in declaration.programs:
            running = undo.enter_context(_Running(network, program, say))
            outcome = running.until_it_listens() if program.is_server else running.to_its_end(declaration.timeout_s)
            if outcome is not None:
                outcomes.append(outcome)
    return outcomes


class _Running:
    """One program; its end is the end of the block."""

    def __init__(self, network: Network, program: Program, say: Say) -> None:
        self._host = network.hosts[program.host]
        self._program = program
        self._say = say
        self._lines: list[str] = []
        self._undo = ExitStack()
        self._started = monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    def until_it_listens(self) -> Outcome | None:
        """None once there is a new listener on its host, or it has gone to the background; else what became of it."""
        with self._host.popen(["cat"], stdin=subprocess.PIPE) as witness:
            before = _listening(witness.pid)
            process = self._start()
            if isinstance(process, Outcome):
                return process
            while not _listening(witness.pid) - before:
                if process.poll() not in {None, 0}:
                    return self._outcome(process, error="a server that ended before it listened")
                if process.poll() == 0 or monotonic() > self._started + _READY_S:
                    self._say(self._program, f"(no listener of its own after {monotonic() - self._started:.1f} s)")
                    break
                sleep(_LOOK_EVERY_S)
        return None

    def to_its_end(self, timeout_s: float) -> Outcome:
        """What became of it."""
        process = self._start()
        if isinstance(process, Outcome):
            return process
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return self._outcome(process, error=f"it was ended after {timeout_s:g} s", timed_out=True)
        return self._outcome(process)

    def _start(self) -> "Process | Outcome":
        try:
            process = self._undo.enter_context(self._host.popen(self._program.argv, stderr=subprocess.STDOUT))
        except NetworkError as error:
            missing = error.errno == errno.ENOENT
            why = not_installed(self._program.argv[0]) if missing else error.why
            return Outcome(self._program, None, 0.0, "", why)
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        self._reader = threading.Thread(target=self._read, args=(process.stdout,), daemon=True)
        self._reader.start()
        return process

    def _read(self, stream: "IO[str]") -> None:
        for line in stream:
            self._lines.append(line)
            self._say(self._program, line.rstrip("\n"))

    def _outcome(self, process: Process, *, error: str | None = None, timed_out: bool = False) -> Outcome:
        elapsed_s = monotonic() - self._started
        process.kill()
        process.wait()
        # What it left behind in the background may hold its output open.
        self._reader.join(_LAST_WORDS_S)
        code = None if timed_out else process.returncode
        return Outcome(self._program, code, elapsed_s, "".join(self._lines), error, timed_out)


def _listening(pid: int) -> set[str]:
    """The sockets that listen in the network of a process, by their inodes."""
    found = set()
    for table, state in _TABLES.items():
        for line in Path(f"/proc/{pid}/net/{table}").read_text(encoding="ascii").splitlines()[1:]:
            fields = line.split()
            if fields[3] == state:
                found.add(f"{table}:{fields[9]}")
    return found
