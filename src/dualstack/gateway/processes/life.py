"""A process that is no child of this one: whether it lives, its end by force, how long its answers are waited for.

A worker is the child of the process that it was forked from, so `wait` says nothing of it; its pidfd does
(pidfd_open(2), Linux 5.3), and means no other process however soon its number is used again.
"""

import asyncio
import os
import signal
from contextlib import suppress
from typing import TypeVar

__all__ = ["Life", "answered"]

_LOOKS = 5
_LOOK_AGAIN_S = 0.01


T = TypeVar("T")


async def answered(waiting: "asyncio.Future[T]", within_s: float) -> bool:
    """Wait for it so long, without cancelling it; whether it came.

    A pause of this very process (SIGSTOP, a suspended machine) is not the other's silence: time is up after several
    looks, and of these a pause makes one alone, after which what came meanwhile is read.
    """
    for _ in range(_LOOKS):
        await asyncio.wait([waiting], timeout=within_s / _LOOKS)
        if waiting.done():
            return True
    return False


def _tell(over: "asyncio.Future[None]") -> None:
    if not over.done():
        over.set_result(None)


class Life:
    """The process `pid`, until `close`."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._is_over = False
        self._fd: int | None = None
        with suppress(AttributeError, OSError):
            # OSError: it has ended already, or the kernel is older.
            self._fd = os.pidfd_open(pid)

    def kill(self) -> None:
        """End it, whatever it does."""
        if self._is_over:
            return
        with suppress(ProcessLookupError, PermissionError):
            if self._fd is not None:
                signal.pidfd_send_signal(self._fd, signal.SIGKILL)
            else:
                os.kill(self.pid, signal.SIGKILL)

    async def ended(self, within_s: float) -> bool:
        """Wait for its end so long; whether it came."""
        if self._fd is None:
            return await self._ended_by_looking(within_s)
        loop = asyncio.get_running_loop()
        over: asyncio.Future[None] = loop.create_future()
        loop.add_reader(self._fd, _tell, over)
        try:
            return await answered(over, within_s)
        finally:
            loop.remove_reader(self._fd)

    async def _ended_by_looking(self, within_s: float) -> bool:
        deadline = asyncio.get_running_loop().time() + within_s
        while asyncio.get_running_loop().time() < deadline:
            try:
                os.kill(self.pid, 0)
            except ProcessLookupError:
                return True
            await asyncio.sleep(_LOOK_AGAIN_S)
        return False

    def close(self) -> None:
        """Ask no more about it: its number may be another's."""
        self._is_over = True
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
