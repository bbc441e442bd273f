"""A program on a terminal of its own, shown on ours: for one whose session and process groups we cannot share.

A shell in another PID namespace cannot give our terminal back to a process group that has no number there.
"""

import contextlib
import fcntl
import os
import select
import signal
import struct
import subprocess
import sys
import termios
import tty
from collections.abc import Iterator, Sequence

__all__ = ["run_on_terminal"]

_BYTES = 1 << 16


def run_on_terminal(argv: Sequence[str]) -> int:
    """Run it to its end; its exit code, 128 and the signal's number where one ended it."""
    ours, its = os.openpty()
    with _raw(sys.stdin.fileno()), os.fdopen(ours, "wb", buffering=0) as master:
        _resize(ours)
        process = subprocess.Popen(argv, stdin=its, stdout=its, stderr=its)  # noqa: S603 - what the user asked for
        os.close(its)
        signal.signal(signal.SIGWINCH, lambda *_: _resize(ours))
        with contextlib.suppress(OSError):  # the last program on it has ended
            _copy(master.fileno())
    code = process.wait()
    return code if code >= 0 else 128 - code


def _copy(master: int) -> None:
    stdin, stdout = sys.stdin.fileno(), sys.stdout.fileno()
    sources = [master, stdin]
    while True:
        ready, _, _ = select.select(sources, [], [])
        if master in ready:
            _write(stdout, os.read(master, _BYTES))
        if stdin in ready:
            typed = os.read(stdin, _BYTES)
            if typed:
                _write(master, typed)
            else:
                sources.remove(stdin)


def _write(descriptor: int, text: bytes) -> None:
    while text:
        text = text[os.write(descriptor, text) :]


@contextlib.contextmanager
def _raw(terminal: int) -> Iterator[None]:
    before = termios.tcgetattr(terminal)
    tty.setraw(terminal, termios.TCSADRAIN)  # what was typed ahead stays
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def _resize(master: int) -> None:
    with contextlib.suppress(OSError):  # it has ended just now
        size = fcntl.ioctl(sys.stdin.fileno(), termios.TIOCGWINSZ, struct.pack("HHHH", 0, 0, 0, 0))
        fcntl.ioctl(master, termios.TIOCSWINSZ, size)
