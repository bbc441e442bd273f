"""The process that workers are forked from, as the process above it sees it: started, asked for workers, ended.

Nothing is waited for without a limit: one that does not answer is ended, and the next worker that is asked for brings
another.
"""

import asyncio
import subprocess
from collections import deque
from collections.abc import Callable
from socket import socket
from typing import TypeVar

from dualstack.errors import ConfigError, ControlError
from dualstack.gateway.processes.channel import Channel
from dualstack.gateway.processes.life import Life, answered
from dualstack.gateway.processes.messages import (
    Became,
    Become,
    Born,
    Ended,
    Fork,
    ForkReply,
    NotBecome,
    NotBorn,
    encode,
    read_fork_reply,
)
from dualstack.kernel.ourselves import our_module
from dualstack.kernel.unix_sockets import socket_pair

__all__ = ["ForkServer", "WorkerGone"]

# To have read the whole program, on a machine that is busy; to fork once it has; to end when that is all that is left.
_COLD_S = 60.0
_WARM_S = 10.0
_END_S = 2.0

T = TypeVar("T")


class WorkerGone(ControlError):  # noqa: N818 - what happened is said, not that it is an error
    """A worker ended before it answered, be it that it was ended because it did not."""


class ForkServer:
    """Starts workers, and tells how they ended.

    Args:
        ended: called with a worker's pid and exit code, negative for a signal.
    """

    def __init__(self, ended: Callable[[int, int], None]) -> None:
        self._ended = ended
        self._channel: Channel | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._reading: asyncio.Task[None] | None = None
        self._became: asyncio.Future[Became | NotBecome] | None = None
        self._births: deque[asyncio.Future[int]] = deque()
        self._unwanted: list[int] = []
        self._is_warm = False

    def start(self) -> None:
        """Start it; it reads what it needs while we go on.

        Raises:
            OSError: this user may not run Python.
        """
        ours, its = socket_pair()
        with its:
            argv = our_module("dualstack.gateway.processes.fork_server", str(its.fileno()))
            try:
                # Its own session: what is typed on our terminal is for us.
                self._process = subprocess.Popen(  # noqa: S603 - this very program
                    argv, pass_fds=[its.fileno()], stdin=subprocess.DEVNULL, start_new_session=True
                )
            except OSError:
                ours.close()
                raise
        self._is_warm = False
        self._channel = Channel(ours)
        self._reading = asyncio.get_running_loop().create_task(self._read(self._channel))

    async def _read(self, channel: Channel) -> None:
        while said := await channel.receive():
            for message, _ in said:
                self._heard(read_fork_reply(message))
        channel.close()
        if self._channel is channel:
            self._channel = None
        gone = WorkerGone("the process that workers come from has ended")
        for birth in self._births:
            if not birth.done():
                birth.set_exception(gone)
        self._births.clear()
        if self._became is not None and not self._became.done():
            self._became.set_exception(gone)

    def _heard(self, reply: ForkReply) -> None:
        match reply:
            case Ended(pid, status):
                self._ended(pid, status)
            case Born() | NotBorn():
                self._is_warm = True
                self._settle(self._births.popleft(), reply)
            case Became() | NotBecome():
                if self._became is not None and not self._became.done():
                    self._became.set_result(reply)

    def _settle(self, birth: "asyncio.Future[int]", reply: Born | NotBorn) -> None:
        """Tell who asked for a worker; one that nobody waits for any longer ends with us."""
        match reply:
            case Born(pid) if birth.done():
                self._unwanted.append(pid)
            case Born(pid):
                birth.set_result(pid)
            case NotBorn(why) if not birth.done():
                birth.set_exception(WorkerGone(f"a worker cannot be started: {why}"))
            case NotBorn():
                pass  # and nobody waits for it

    async def become(self, user: str, where: str) -> None:
        """Have it, and all workers that it starts from now on, be another user's.

        Raises:
            ConfigError: it may not.
            WorkerGone: it does not answer.
        """
        assert self._channel is not None  # noqa: S101 - it was started just now
        self._became = asyncio.get_running_loop().create_future()
        await self._channel.send(encode(Become(user, where)))
        answer = await self._told(self._became)
        if isinstance(answer, NotBecome):
            raise ConfigError("", "", answer.why)

    async def fork(self) -> tuple[socket, int]:
        """Start a worker; our end of its channel, and its process id.

        Raises:
            WorkerGone, OSError: it cannot be.
        """
        if self._channel is None:
            await self.close()
        if self._channel is None:
            self.start()
        assert self._channel is not None  # noqa: S101 - as above
        ours, its = socket_pair()
        birth: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        try:
            with its:
                # In the order of the births: what is sent is sent in the order of the calls.
                self._births.append(birth)
                await self._channel.send(encode(Fork()), [its])
            return ours, await self._told(birth)
        except BaseException:
            birth.cancel()
            ours.close()
            raise

    async def _told(self, waiting: "asyncio.Future[T]") -> T:
        """What it tells; one that tells nothing is ended."""
        within_s = _WARM_S if self._is_warm else _COLD_S
        if not await answered(waiting, within_s):
            waiting.cancel()
            if self._process is not None:
                self._process.kill()
            raise WorkerGone(f"the process that workers come from does not answer within {within_s:g} s")
        return waiting.result()

    async def close(self) -> None:
        """It ends when it sees that we say no more; workers that nobody waits for any longer end with it."""
        if self._channel is not None and self._reading is not None:
            self._channel.say_no_more()
            if not await answered(self._reading, _END_S) and self._process is not None:
                self._process.kill()
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        if self._process is not None:
            try:
                self._process.wait(_END_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        for pid in self._unwanted:
            life = Life(pid)
            life.kill()
            await life.ended(_END_S)
            life.close()
        self._unwanted.clear()
