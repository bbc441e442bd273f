"""Worker processes as the process above them sees them: forked elsewhere, asked over a channel, gone at its end.

Nothing is waited for without a limit: a worker that does not answer in time is ended by force, and its end is heard as
that of any other; its listening sockets are not its own, so who waits in them is served by the next.
"""

import asyncio
from collections.abc import Callable, Sequence
from socket import socket
from typing import TypeVar

from msgspec.msgpack import decode

from dualstack.errors import ConfigError, ListenError
from dualstack.gateway.processes.channel import Channel
from dualstack.gateway.processes.fork_server_client import WorkerGone
from dualstack.gateway.processes.life import Life, answered
from dualstack.gateway.processes.messages import (
    Answered,
    Asked,
    NotListening,
    Order,
    Refused,
    Reply,
    encode,
    read_reply,
)
from dualstack.gateway.processes.worker_life import TRANSITIONS, Event, WorkerState

__all__ = ["ANSWER_S", "WorkerHandle"]

A = TypeVar("A")

ANSWER_S = 5.0
"""How long a worker may take for an answer that costs nothing, in seconds; one that is busy so long serves nobody."""

# To end, when that is all that is left to do.
_END_S = 2.0


class WorkerHandle:
    """One worker.

    Args:
        number: which one, from 0 on.
        pid: its process.
        sock: our end of its channel.
        gone: called once it has ended, however.
    """

    def __init__(self, number: int, pid: int, sock: socket, gone: "Callable[[WorkerHandle], None]") -> None:
        self.number = number
        self.pid = pid
        self.state = WorkerState.WORKING
        self.unanswered = ""
        """The question that it did not answer in time, where there was one."""
        self._loop = asyncio.get_running_loop()
        self.born = self._loop.time()
        self._channel = Channel(sock)
        self._life = Life(pid)
        self._gone = gone
        self._asked: dict[int, asyncio.Future[Reply]] = {}
        self._next = 0
        self._sending: set[asyncio.Task[None]] = set()
        self._ending: asyncio.Task[None] | None = None
        self._reading = self._loop.create_task(self._read())

    async def _read(self) -> None:
        try:
            while said := await self._channel.receive():
                for message, _ in said:
                    reply = read_reply(message)
                    waiting = self._asked.pop(reply.number, None)
                    if waiting is not None and not waiting.done():
                        waiting.set_result(reply)
        finally:
            self._channel.close()
            for sending in self._sending:
                sending.cancel()
            for waiting in self._asked.values():
                if not waiting.done():
                    waiting.set_exception(WorkerGone(f"worker {self.number} has ended"))
            self._asked.clear()
            self._gone(self)

    async def ask(self, order: Order, kind: type[A], *, handed: Sequence[socket] = (), within_s: float = ANSWER_S) -> A:
        """Have it do something, with the sockets that are handed to it; its answer, which is of this kind.

        Raises:
            WorkerGone: it ended before, or did not answer within `within_s` seconds and is ended.
            ConfigError, ListenError: as it says.
        """
        number, self._next = self._next, self._next + 1
        waiting = self._asked[number] = self._loop.create_future()
        self._send(encode(Asked(number, order)), handed, waiting)
        try:
            if not await answered(waiting, within_s):
                self.unanswered = str(order.__struct_config__.tag)
                self.happens(Event.UNANSWERED)
                self.kill()
                raise WorkerGone(f"worker {self.number} does not answer within {within_s:g} s")
            reply = waiting.result()
        finally:
            self._asked.pop(number, None)
            waiting.cancel()
        if isinstance(reply, Answered):
            return decode(reply.content, type=kind)
        raise _as_error(reply)

    def _send(self, message: bytes, handed: Sequence[socket], waiting: "asyncio.Future[Reply]") -> None:
        """Send it whole, even where who asks is gone meanwhile: half a message would spoil all that come after."""

        def sent(task: asyncio.Task[None]) -> None:
            self._sending.discard(task)
            if not waiting.done() and (task.cancelled() or task.exception() is not None):
                waiting.set_exception(WorkerGone(f"worker {self.number} has ended"))

        sending = self._loop.create_task(self._channel.send(message, handed))
        self._sending.add(sending)
        sending.add_done_callback(sent)

    async def ended(self) -> None:
        """Until it has ended, which is due now: by itself within a moment, or by force."""
        if self._ending is None:
            self._ending = self._loop.create_task(self._see_it_end())
        await asyncio.wait([self._ending])

    async def _see_it_end(self) -> None:
        await answered(self._reading, _END_S)
        if not await self._life.ended(_END_S):
            self.kill()
            await self._life.ended(_END_S)
        self._channel.end()
        await asyncio.wait([self._reading])
        self._life.close()

    def happens(self, event: Event) -> None:
        """Be in the state that follows."""
        self.state = TRANSITIONS[self.state][event]

    def kill(self) -> None:
        """End it, whatever it does; one that the kernel cannot end is not waited for."""
        self._life.kill()
        self._loop.call_later(_END_S, self._channel.end)


def _as_error(reply: NotListening | Refused) -> ListenError | ConfigError:
    """What the worker's order failed with, as it failed there."""
    if isinstance(reply, NotListening):
        return ListenError(reply.target, reply.why, errno=reply.errno)
    return ConfigError("", "", reply.why)
