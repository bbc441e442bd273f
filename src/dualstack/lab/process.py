"""A program in a lab's host: what `subprocess.Popen` is for a program here."""

import os
import select
import signal
import socket
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from dualstack.lab.keeper import WAIT_STATUS

__all__ = ["Process"]


class Process:
    """A program that was started.

    Its words are those of `subprocess.Popen`: `pid`, as this machine counts (`pid_inside` is its number in the lab),
    `stdin`, `stdout` and `stderr` where they are
    pipes, `returncode`, negative for the number of a signal.

    Args:
        argv: the command line, for messages.
        pid_inside: its number in the lab.
        pidfd: the process (pidfd_open(2)); owned from here on.
        report: tells of its end; likewise.
        streams: our ends of its pipes, None where a stream is none.
    """

    def __init__(
        self,
        argv: Sequence[str],
        pid_inside: int,
        pidfd: int,
        report: socket.socket,
        streams: Sequence[IO[str] | None],
    ) -> None:
        self.args = list(argv)
        self.pid, self.pid_inside = _pid_of(pidfd), pid_inside
        self.stdin, self.stdout, self.stderr = streams
        self.returncode: int | None = None
        self._pidfd = pidfd
        self._report = report

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Kill it where it still runs, and close our ends."""
        self.kill()
        self.wait()
        for stream in (self.stdin, self.stdout, self.stderr):
            if stream is not None:
                with suppress(BrokenPipeError):  # what it has not read is of no use to a program that has ended
                    stream.close()
        if self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1

    def poll(self) -> int | None:
        """Its exit code, or None while it runs."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, once it has ended.

        Raises:
            subprocess.TimeoutExpired: it has not, within `timeout` seconds.
        """
        if self.returncode is None:
            ended = select.poll()
            ended.register(self._report, select.POLLIN)
            if not ended.poll(None if timeout is None else timeout * 1000):
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            told = self._report.recv(WAIT_STATUS.size)
            self._report.close()
            # Nothing is told where the whole lab has ended, which kills all in it.
            self.returncode = os.waitstatus_to_exitcode(*WAIT_STATUS.unpack(told)) if told else -signal.SIGKILL
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal, where it still runs."""
        if self.poll() is None:
            with suppress(ProcessLookupError):  # it ends just now
                signal.pidfd_send_signal(self._pidfd, number)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)


def _pid_of(pidfd: int) -> int:
    """The number by which this process knows it (proc(5), /proc/PID/fdinfo)."""
    lines = Path(f"/proc/self/fdinfo/{pidfd}").read_text(encoding="ascii").splitlines()
    return next(int(line.removeprefix("Pid:")) for line in lines if line.startswith("Pid:"))
