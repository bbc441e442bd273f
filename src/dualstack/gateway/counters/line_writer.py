"""Lines on their way to a file or a pipe, in a thread of their own: who reads slowly, or not at all, holds nobody up.

What waits is bounded; a line that finds no room, or that cannot be written, is counted, and the count is written as a
line of its own once there is room. A line is written whole or not at all: on a full disk what went in of one is taken
back, and a pipe gets as much at a time as it takes whole (PIPE_BUF, pipe(7)), so several processes can share one.
"""

import atexit
import os
import select
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from time import monotonic
from typing import TypeAlias
from weakref import WeakSet

if sys.platform != "win32":  # where several processes share no file of ours
    import fcntl

__all__ = ["LineWriter"]

WAITING_MAX_BYTES = 1 << 20
"""How much may wait."""

_AT_A_TIME_FILE, _AT_A_TIME = 1 << 16, getattr(select, "PIPE_BUF", 512)
# So many batches a second at most: a thread that is woken for each line takes turns with the loop each time.
_PAUSE_S = 0.01
_TELL_EVERY_S = 1.0
_FLUSH_S = 1.0


@dataclass(frozen=True, slots=True)
class _Reopened:
    """What comes after it goes to another file."""

    descriptor: int


@dataclass(frozen=True, slots=True)
class _Ended:
    """Nothing comes after it: the thread may go."""


_Order: TypeAlias = _Reopened | _Ended | threading.Event
_Item: TypeAlias = bytes | _Order


class LineWriter:
    """Writes lines to a descriptor.

    Args:
        descriptor: where to.
        lost_line: makes the line that tells how many were lost.
        is_ours: whether the descriptor is closed with this.
        most_bytes: how much may wait.
    """

    def __init__(
        self,
        descriptor: int,
        lost_line: Callable[[int], bytes],
        *,
        is_ours: bool = False,
        most_bytes: int = WAITING_MAX_BYTES,
    ) -> None:
        self._descriptor = descriptor
        self._lost_line = lost_line
        self._is_ours = is_ours
        self._most_bytes = most_bytes
        self._told = 0
        self._told_at = -_TELL_EVERY_S
        self._begin_anew()
        # Each side counts for itself, so that none needs a lock.
        self._turned_away = self._failed = 0
        _all.add(self)

    def _begin_anew(self) -> None:
        self._queue: SimpleQueue[_Item] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()
        self._put_bytes = self._done_bytes = 0

    @property
    def lost(self) -> int:
        """How many lines found no room, or could not be written."""
        return self._turned_away + self._failed

    def put(self, line: bytes) -> None:
        """Write a line, with its end, when its turn comes; never waits."""
        if self._put_bytes - self._done_bytes + len(line) > self._most_bytes:
            self._turned_away += 1
            return
        self._put_bytes += len(line)
        self._order(line)

    def reopen(self, descriptor: int) -> None:
        """Go on in another file once all that was put before is in this one, which is closed then."""
        self._order(_Reopened(descriptor))

    def flush(self, within_s: float = _FLUSH_S) -> bool:
        """Wait until all that was put is written or lost; whether it was within the time."""
        if self._thread is None:
            return True
        done = threading.Event()
        self._order(done)
        return done.wait(within_s)

    def close(self, within_s: float = _FLUSH_S) -> None:
        """Write what waits, as far as it can be within the time, and end the thread; a later line starts another."""
        thread = self._thread
        if self._closing.is_set():
            return  # it was tried
        if thread is not None:
            self._closing.set()
            if not self.flush(within_s):
                return  # Nobody reads. The thread ends with the process, and keeps its descriptor until then.
            self._order(_Ended())
            thread.join(within_s)
            self._begin_anew()
        if self._is_ours:
            self._is_ours = False
            os.close(self._descriptor)

    def _order(self, item: _Item) -> None:
        self._queue.put(item)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="dualstack log", daemon=True)
            self._thread.start()

    def forget_parent(self) -> None:
        """In a child that was forked: the thread stayed with the parent, and so did what waits."""
        self._begin_anew()

    # The thread's.

    def _run(self) -> None:
        closing = self._closing
        while True:
            lines, order = self._take()
            for batch in _batches(lines, self._at_a_time()):
                self._write(batch)
            is_due = closing.is_set() or monotonic() - self._told_at >= _TELL_EVERY_S
            if is_due and self.lost > self._told:
                self._tell_lost()
            if isinstance(order, _Reopened):
                self._go_on_in(order.descriptor)
            elif isinstance(order, _Ended):
                return
            elif order is not None:
                order.set()
            closing.wait(_PAUSE_S)

    def _take(self) -> tuple[list[bytes], _Order | None]:
        """What waits, up to an order; where nothing does, what comes next. Lines that were lost are told meanwhile."""
        lines: list[bytes] = []
        size = 0
        try:
            item = self._queue.get(timeout=_TELL_EVERY_S if self.lost > self._told else None)
            while isinstance(item, bytes):
                lines.append(item)
                size += len(item)
                if size >= _AT_A_TIME_FILE:
                    return lines, None
                item = self._queue.get_nowait()
        except Empty:
            return lines, None
        return lines, item

    def _at_a_time(self) -> int:
        return _AT_A_TIME_FILE if _is_file(self._descriptor) else _AT_A_TIME

    def _write(self, lines: list[bytes]) -> int:
        """Write them; how many could be."""
        content = b"".join(lines)
        with _alone(self._descriptor):
            written = _write_all(self._descriptor, content)
            whole, count = _whole_lines(lines, written)
            if written > whole:
                _take_back(self._descriptor, written - whole)
        self._failed += len(lines) - count
        self._done_bytes += len(content)
        return count

    def _tell_lost(self) -> None:
        lost = self.lost
        self._told_at = monotonic()
        line = self._lost_line(lost - self._told)
        if self._write([line]):
            self._told = lost
        else:
            self._failed -= 1  # the line about them is none of them
        self._done_bytes -= len(line)

    def _go_on_in(self, descriptor: int) -> None:
        if self._is_ours:
            os.close(self._descriptor)
        self._descriptor, self._is_ours = descriptor, True


def _batches(lines: list[bytes], most: int) -> Iterator[list[bytes]]:
    """As many lines together as are not more than `most` bytes; a longer one alone."""
    batch: list[bytes] = []
    size = 0
    for line in lines:
        if batch and size + len(line) > most:
            yield batch
            batch, size = [], 0
        batch.append(line)
        size += len(line)
    if batch:
        yield batch


def _whole_lines(lines: list[bytes], written: int) -> tuple[int, int]:
    """How many bytes of what was written are whole lines, and how many lines that is."""
    whole = 0
    for count, line in enumerate(lines):
        if whole + len(line) > written:
            return whole, count
        whole += len(line)
    return whole, len(lines)


def _write_all(descriptor: int, content: bytes) -> int:
    """How much of it could be written."""
    written = 0
    while written < len(content):
        try:
            written += os.write(descriptor, content[written:] if written else content)
        except BlockingIOError:
            # Somebody who shares the pipe made it so.
            select.select([], [descriptor], [])
        except OSError:
            break
    return written


def _take_back(descriptor: int, size: int) -> None:
    """Take the last bytes that were written out of a file, unless somebody has written after them."""
    if not _is_file(descriptor):
        return
    with suppress(OSError):
        end = os.lseek(descriptor, 0, os.SEEK_CUR)
        if os.fstat(descriptor).st_size == end:
            os.ftruncate(descriptor, end - size)
            os.lseek(descriptor, end - size, os.SEEK_SET)


def _is_file(descriptor: int) -> bool:
    try:
        return stat.S_ISREG(os.fstat(descriptor).st_mode)
    except OSError:
        return False


@contextmanager
def _alone(descriptor: int) -> Iterator[None]:
    """No other process of ours writes to the file meanwhile; a file system without locks does without."""
    if sys.platform == "win32" or not _is_file(descriptor):
        yield
        return
    with ExitStack() as undo:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            undo.callback(fcntl.flock, descriptor, fcntl.LOCK_UN)
        yield


_all: "WeakSet[LineWriter]" = WeakSet()


def _forget_parents() -> None:
    for writer in list(_all):
        writer.forget_parent()


@atexit.register
def _close_all() -> None:
    for writer in list(_all):
        writer.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_parents)
