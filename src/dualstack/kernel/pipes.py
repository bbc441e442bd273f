"""Pipes through which `splice` moves bytes between two sockets without copying them, and the pool that keeps some.

Linux alone has splice: `Pipe` is asked for nowhere else. The pool knows no clock; who owns it calls `sweep`.
"""

import os
import sys
from contextlib import suppress

if sys.platform == "linux":
    import fcntl

__all__ = ["Pipe", "PipePool"]

_FLAGS = getattr(os, "SPLICE_F_MOVE", 0) | getattr(os, "SPLICE_F_NONBLOCK", 0)


class Pipe:
    """A pipe between two sockets; `held` is how many bytes it holds.

    Args:
        size_bytes: the capacity wanted; a kernel that grants less (pipe-user-pages-soft) is obeyed.
    """

    __slots__ = ("_read", "_size", "_write", "held")

    def __init__(self, size_bytes: int) -> None:
        self.held = 0
        self._size = size_bytes
        self._read, self._write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        with suppress(OSError):
            fcntl.fcntl(self._write, fcntl.F_SETPIPE_SZ, size_bytes)

    def fill(self, descriptor: int, most: int | None = None) -> int:
        """Take what the socket has, `most` bytes of it, as far as there is room; 0 is its end."""
        size = self._size if most is None else min(most, self._size)
        moved = os.splice(descriptor, self._write, size, flags=_FLAGS)
        self.held += moved
        return moved

    def drain(self, descriptor: int) -> None:
        """Give the socket what it takes of the bytes held."""
        self.held -= os.splice(self._read, descriptor, self.held, flags=_FLAGS)

    def close(self) -> None:
        """Close both ends; bytes held are lost."""
        os.close(self._read)
        os.close(self._write)


class PipePool:
    """Hands out pipes and keeps a few of those that come back.

    Args:
        size_bytes: the capacity of each pipe.
        keep: how many are kept for the next who asks.
        limit: how many there may be at once, given out and kept.
    """

    def __init__(self, *, size_bytes: int = 1 << 20, keep: int = 16, limit: int = 128) -> None:
        self._size = size_bytes
        self._keep = keep
        self._limit = limit
        self._spare: list[Pipe] = []
        self._out = 0
        self._idle_since_sweep = 0

    def __len__(self) -> int:
        return len(self._spare)

    def take(self) -> Pipe | None:
        """An empty pipe, or None where the limit or the system's descriptors allow no more."""
        if self._spare:
            pipe = self._spare.pop()
            self._idle_since_sweep = min(self._idle_since_sweep, len(self._spare))
        elif self._out >= self._limit:
            return None
        else:
            try:
                pipe = Pipe(self._size)
            except OSError:
                return None
        self._out += 1
        return pipe

    def give_back(self, pipe: Pipe) -> None:
        """End the use of `pipe`. One that holds bytes, those of a broken connection, is never used again."""
        self._out -= 1
        if pipe.held or len(self._spare) >= self._keep:
            pipe.close()
        else:
            self._spare.append(pipe)

    def sweep(self) -> None:
        """Close the spare pipes that nobody needed since the sweep before; the second in a row closes all."""
        for _ in range(self._idle_since_sweep):
            self._spare.pop(0).close()
        self._idle_since_sweep = len(self._spare)

    def close(self) -> None:
        """Close the spare pipes now."""
        while self._spare:
            self._spare.pop().close()
        self._idle_since_sweep = 0
