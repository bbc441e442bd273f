"""Programs that run beside a test: waited for by what they say, ended by their own pid, gone however the test ends.

Nothing here sleeps: a thread reads each output, and who waits for a line is woken when it comes.
"""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import IO, TYPE_CHECKING, Self

if TYPE_CHECKING:
    from dualstack.lab.host import Host
    from dualstack.lab.process import Process

__all__ = ["DUALSTACK", "Dualstack", "Lines", "Program", "dualstack", "until"]

DEADLINE_S = 60.0
_LOOK_EVERY_S = 0.02
DUALSTACK = (sys.executable, "-m", "dualstack")


class Lines:
    """The lines of one output as they come; each is handed out once."""

    def __init__(self, stream: IO[str]) -> None:
        self.said: list[str] = []
        self._next = 0
        self._ended = False
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self._reader.start()

    def _read(self, stream: IO[str]) -> None:
        with stream:
            for line in stream:
                with self._changed:
                    self.said.append(line.rstrip("\r\n"))
                    self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def until(self, text: str, *, within_s: float = DEADLINE_S) -> str:
        """The next line that has `text` in it; those before it are skipped."""
        deadline = monotonic() + within_s
        with self._changed:
            while True:
                while self._next < len(self.said):
                    self._next += 1
                    if text in self.said[self._next - 1]:
                        return self.said[self._next - 1]
                assert not self._ended, f"it ended without {text!r}"
                assert self._changed.wait(deadline - monotonic()), f"no {text!r} within {within_s} s"

    def rest(self) -> str:
        """Everything that was said, once there is no more to come."""
        self._reader.join(DEADLINE_S)
        return "\n".join(self.said)


class Program:
    """A program in a host of its own, or here where no host is given; the block's end is its end.

    Args:
        argv: its name and arguments.
        host: where it runs.
    """

    def __init__(self, *argv: str | Path, host: "Host | None" = None) -> None:
        self._argv = [str(word) for word in argv]
        self._host = host

    def __enter__(self) -> Self:
        start = subprocess.Popen if self._host is None else self._host.popen
        options = {} if self._host is not None else {"text": True}
        self.process: subprocess.Popen[str] | Process = start(
            self._argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
        )
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.out, self.err = Lines(self.process.stdout), Lines(self.process.stderr)
        try:
            self._started()
        except BaseException as error:
            self._kill(error)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self.end()
        except BaseException as late:
            self._kill(late)
            raise
        self._kill(error)

    def _started(self) -> None:
        """Wait here for what shows that it serves."""

    @property
    def pid(self) -> int:
        """Its own process id."""
        return self.process.pid

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def say(self, line: str) -> None:
        """Write a line to its standard input."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def end(self) -> int:
        """Ask it to end, where it has not; its exit code."""
        if self.process.poll() is None:
            self.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self, within_s: float = DEADLINE_S) -> int:
        """Its exit code, when it has ended by itself."""
        return self.process.wait(within_s)

    def _kill(self, error: BaseException | None) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.process.stdin is not None:
            self.process.stdin.close()
        said = f"{' '.join(self._argv)}\nstandard output: {self.out.rest()}\nstandard error: {self.err.rest()}"
        if error is not None:
            error.add_note(said)
        else:
            # pytest shows it where a test fails whose fixture has the program.
            sys.stdout.write(f"{said}\n")


class Dualstack(Program):
    """`dualstack VERB ... --json`, from its ready line to SIGTERM, after which its exit code is 0."""

    def __init__(self, *argv: str | Path, host: "Host | None" = None) -> None:
        super().__init__(*DUALSTACK, *argv, "--json", host=host)

    def _started(self) -> None:
        self.sockets: list[dict[str, object]] = json.loads(self.out.until('"ready"'))["sockets"]

    @property
    def port(self) -> int:
        """The port number of its first socket."""
        return int(str(self.sockets[0]["port"]))

    def end(self) -> int:
        """SIGTERM it, where it has not ended; it must have ended well."""
        code = super().end()
        assert code == 0, f"exit code {code}"
        return code


def dualstack(*argv: str | Path, host: "Host | None" = None) -> subprocess.CompletedProcess[str]:
    """Run `dualstack` to its end, whatever its exit code is."""
    command = [*DUALSTACK, *map(str, argv)]
    if host is not None:
        return host.run(command, check=False)
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=DEADLINE_S)


def until(is_so: Callable[[], bool], what: Callable[[], str], *, within_s: float = DEADLINE_S) -> None:
    """Wait for what tells nobody that it has happened, by looking; `what` tells how far it got."""
    deadline, never = monotonic() + within_s, threading.Event()
    while not is_so():
        assert monotonic() < deadline, f"not within {within_s} s: {what()}"
        never.wait(_LOOK_EVERY_S)
