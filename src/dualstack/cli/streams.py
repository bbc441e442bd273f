"""Standard input, output and error as a program may find them: closed, without a reader, on a full disk, in ASCII.

Output that nobody can read any more ends a command at once and quietly, as SIGPIPE ends one; that is said by an
exception that asyncio, threads and `except OSError` all let through.
"""

import _thread
import codecs
import io
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Never, TextIO

from dualstack.errors import ExitCode

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["READER_GONE", "give_up_output", "is_output_over", "prepare_streams", "say_on_stderr"]

# What shells make of an end by SIGPIPE.
READER_GONE = 141

# What we draw with, for a terminal whose encoding lacks it: one column each, so that tables stay straight.
_DRAWN = str.maketrans({"\N{BOX DRAWINGS LIGHT HORIZONTAL}": "-", "\N{RIGHTWARDS ARROW}": ">"})
_LACKING = "dualstack.lacking"
# What Python chooses by itself, the second where the locale is C; another was asked for.
_PYTHONS = ("strict", "surrogateescape")

_ended_with: list[int] = []


def prepare_streams() -> None:
    """Give each stream that is closed a place that says nothing, and standard output its end."""
    _fill_closed()
    codecs.register_error(_LACKING, _without)
    if not isinstance(sys.stdout, io.TextIOWrapper):
        return
    buffer: object = sys.stdout.buffer
    written = getattr(buffer, "raw", buffer)  # python -u has no buffer
    if isinstance(written, io.FileIO):
        sys.stdout.flush()
        output = _Output(written.fileno(), "wb", closefd=False)
        sys.stdout = io.TextIOWrapper(
            output if written is buffer else io.BufferedWriter(output),
            encoding=sys.stdout.encoding,
            errors=_LACKING if sys.stdout.errors in _PYTHONS else sys.stdout.errors,
            line_buffering=sys.stdout.line_buffering,
            write_through=sys.stdout.write_through,
        )


def _without(error: UnicodeError) -> tuple[str | bytes, int]:
    """What stands for characters that the terminal's encoding lacks: our own drawing in ASCII, escapes for the rest."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    drawn = error.object[error.start : error.end].translate(_DRAWN)
    return drawn.encode("ascii", "backslashreplace").decode("ascii"), error.end


def is_output_over() -> bool:
    """Whether a thread found that nothing can be printed any more, and has interrupted us for it."""
    return bool(_ended_with)


def say_on_stderr(line: str) -> None:
    """Say it to who listens there, if anybody does: what cannot be told changes no exit code."""
    try:
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
    except OSError:
        _silence(sys.stderr)


def give_up_output() -> Never:
    """End, because a reader has gone: what is left in the buffers must not be written at exit either."""
    for stream in (sys.stdout, sys.stderr):
        _silence(stream)
    sys.exit(_ended_with[0] if _ended_with else READER_GONE)


class _Output(io.FileIO):
    """Standard output; what cannot be written there ends the program."""

    def write(self, text: "Buffer", /) -> int:
        try:
            return super().write(text)
        except BlockingIOError:
            raise
        except BrokenPipeError:
            self._end(READER_GONE)
        except OSError as error:
            say_on_stderr(f"dualstack: standard output: {error.strerror}; nothing more can be printed")
            self._end(ExitCode.UNAVAILABLE)

    def _end(self, code: int) -> Never:
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())
        main = threading.main_thread()
        if threading.current_thread() is not main and main.ident is not None:
            # An exception ends this thread alone: the main one is interrupted, in whatever call it waits.
            _ended_with.append(code)
            if hasattr(signal, "pthread_kill"):
                signal.pthread_kill(main.ident, signal.SIGINT)
            else:
                _thread.interrupt_main()
        sys.exit(code)


def _fill_closed() -> None:
    """Without this the next socket would take the number of a closed stream, and be written to by whoever prints."""
    if None not in {sys.stdin, sys.stdout, sys.stderr}:
        return
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    sys.stdin = sys.stdin or open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - a descriptor
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - as above
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - as above


def _silence(stream: TextIO) -> None:
    """Lead a stream's descriptor nowhere, where it has one."""
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError):
        return
    os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
