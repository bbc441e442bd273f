"""Worker processes as the process above them sees them: started by a nursery, asked over a channel, gone at its end."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from socket import socket

from dualstack.errors import ConfigError, ControlError, DualstackError, ListenError
from dualstack.gateway.processes.channel import Channel, Document
from dualstack.kernel.ourselves import our_module
from dualstack.kernel.unix_sockets import socket_pair

__all__ = ["Hand", "Nursery", "WorkerGone"]


_NURSERY_ENDS_S = 5.0


class WorkerGone(ControlError):  # noqa: N818 - what happened is said, not that it is an error
    """A worker ended before it answered."""


class Nursery:
    """Starts workers, and tells how they ended.

    Args:
        ended: called with a worker's pid and exit code, negative for a signal.
    """

    def __init__(self, ended: Callable[[int, int], None]) -> None:
        self._ended = ended
        self._channel: Channel | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._reading: asyncio.Task[None] | None = None
        self._became: asyncio.Future[Document] | None = None

    def start(self) -> None:
        """Start it; it reads what it needs while we go on.

        Raises:
            OSError: this user may not run Python.
        """
        ours, its = socket_pair()
        with its:
            argv = our_module("dualstack.gateway.processes.nursery", str(its.fileno()))
            try:
                # Its own session: what is typed on our terminal is for us.
                self._process = subprocess.Popen(  # noqa: S603 - this very program
                    argv, pass_fds=[its.fileno()], stdin=subprocess.DEVNULL, start_new_session=True
                )
            except OSError:
                ours.close()
                raise
        self._channel = Channel(ours)
        self._reading = asyncio.get_running_loop().create_task(self._read(self._channel))

    async def _read(self, channel: Channel) -> None:
        while said := await channel.receive():
            for document, _ in said:
                if "ended" in document:
                    self._ended(int(str(document["ended"])), int(str(document["status"])))
                elif self._became is not None and not self._became.done():
                    self._became.set_result(document)
        channel.close()
        if self._channel is channel:
            self._channel = None
        if self._became is not None and not self._became.done():
            self._became.set_exception(WorkerGone("the process that workers come from has ended"))

    async def become(self, user: str, where: str) -> None:
        """Have it, and all workers that it starts from now on, be another user's.

        Raises:
            ConfigError: it may not.
        """
        assert self._channel is not None  # noqa: S101 - it was started just now
        self._became = asyncio.get_running_loop().create_future()
        await self._channel.send({"user": user, "where": where})
        answer = await self._became
        if not answer["became"]:
            raise ConfigError("", "", str(answer["why"]))

    async def fork(self) -> socket:
        """Start a worker; our end of its channel.

        Raises:
            OSError: it cannot be.
        """
        if self._channel is None:
            self.close()
            self.start()
        ours, its = socket_pair()
        with its:
            try:
                assert self._channel is not None  # noqa: S101 - as above
                await self._channel.send({}, [its])
            except BaseException:
                ours.close()
                raise
        return ours

    def close(self) -> None:
        """It ends when it sees that we are gone."""
        if self._reading is not None:
            self._reading.cancel()
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        if self._process is not None:
            try:
                self._process.wait(_NURSERY_ENDS_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None


class Hand:
    """One worker.

    Args:
        number: which one, from 0 on.
        sock: our end of its channel.
        gone: called once it has ended, however.
    """

    def __init__(self, number: int, sock: socket, gone: "Callable[[Hand], None]") -> None:
        self.number = number
        self.pid = 0
        self.is_leaving = False
        self.born = asyncio.get_running_loop().time()
        self._channel = Channel(sock)
        self._gone = gone
        self._asked: dict[int, asyncio.Future[Document]] = {}
        self._next = 0
        self._reading = asyncio.get_running_loop().create_task(self._read())

    async def _read(self) -> None:
        try:
            while said := await self._channel.receive():
                for document, _ in said:
                    waiting = self._asked.pop(int(str(document["id"])), None)
                    if waiting is not None and not waiting.done():
                        waiting.set_result(document)
        finally:
            self._channel.close()
            for waiting in self._asked.values():
                if not waiting.done():
                    waiting.set_exception(WorkerGone(f"worker {self.number} has ended"))
            self._asked.clear()
            self._gone(self)

    async def ask(self, do: str, handed: Sequence[socket] = (), **more: object) -> object:
        """Have it do something, with the sockets that are handed to it; its answer.

        Raises:
            WorkerGone: it ended before.
            ConfigError, ListenError: as it says.
        """
        number, self._next = self._next, self._next + 1
        waiting = self._asked[number] = asyncio.get_running_loop().create_future()
        try:
            await self._channel.send({"id": number, "do": do, **more}, handed)
            answer = await waiting
        except OSError as error:
            if isinstance(error, DualstackError):
                raise
            raise WorkerGone(f"worker {self.number} has ended") from error
        finally:
            self._asked.pop(number, None)
        if "why" not in answer:
            return answer["answer"]
        if "target" in answer:
            errno = answer["errno"]
            raise ListenError(
                str(answer["target"]), str(answer["why"]), errno=errno if isinstance(errno, int) else None
            )
        raise ConfigError("", "", str(answer["why"]))

    async def ended(self) -> None:
        """Until it has ended."""
        await asyncio.wait([self._reading])

    def kill(self) -> None:
        """End it, whatever it does; one that has not said who it is yet sees that nobody wants it."""
        if self.pid:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(self.pid, signal.SIGKILL)
        else:
            self._channel.end()
