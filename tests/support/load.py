"""Clients that go on calling while something happens to a gateway, and who serves which of them."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from support.program import Program

__all__ = ["CALLS_BETWEEN", "CALLS_PER_S", "MANY", "Caller", "calling", "connections_of", "is_alive"]

FULL = os.environ.get("DUALSTACK_FULL_LOAD") == "1"
CALLS_PER_S = 500 if FULL else 100
"""With DUALSTACK_FULL_LOAD=1 as many as the requirement says; else what a busy machine has time for."""
MANY = 100 if FULL else 10
CALLS_BETWEEN = 50 if FULL else 5


class Caller(Program):
    """`tests/support/callers.py`: opens connections, and tells what became of each."""

    def __init__(self) -> None:
        super().__init__(sys.executable, Path(__file__).with_name("callers.py"))

    def _started(self) -> None:
        self.out.until("ready")

    def end(self) -> int:
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.wait()

    def ask(self, line: str, answer: str) -> str:
        self.say(line)
        return self.out.until(answer)

    def after_calls(self, count: int) -> None:
        """Wait until so many more calls have ended."""
        for _ in range(count):
            self.out.until("call ", within_s=60)

    def hang_up(self) -> tuple[int, list[str]]:
        """How many calls there were, and what went wrong with those with which something did."""
        told = json.loads(self.ask("hang up", "hang:").removeprefix("hang: "))
        return told["calls"], told["wrong"]


@contextmanager
def calling(host: str, port: int) -> Iterator[Caller]:
    """One who calls all the time."""
    with Caller() as caller:
        caller.ask(f"calls {host} {port} {CALLS_PER_S}", "calling")
        caller.after_calls(5)
        yield caller


def connections_of(pid: int, port: int) -> int:
    """How many accepted connections of a port the process has (/proc/net/tcp, state 01)."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for row in (line.split() for line in Path(table).read_text(encoding="ascii").splitlines()[1:]):
            if row[1].endswith(f":{port:04X}") and row[3] != "0A":
                inodes.add(f"socket:[{row[9]}]")
    count = 0
    for each in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed just now
            count += str(each.readlink()) in inodes
    return count


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that has ended and that nobody has asked about does not."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        return False
