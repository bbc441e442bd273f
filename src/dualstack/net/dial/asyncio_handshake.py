"""A race that the first handshake of TLS wins, not the first connection: until then the other attempts go on.

A loop has no other way to make a handshake than a coroutine, so each has a task. What an attempt passes through once
it is connected:

    told `progressed`   its task is made         the race gives it its delay anew
    its streams are     told `connected`         it has won
    an OSError          told `failed`            the next attempt starts at once
    another error       the whole race ends      a context or an argument that cannot be, which the caller gets to see
    Stop, or the end    its task is cancelled    and waited for before the caller goes on

Who has a task begun leaves the socket to it; one whose task has not begun is closed here, since a task that is
cancelled before its first step never runs.
"""

import asyncio
import errno
import socket
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeAlias

from dualstack.core.dial.actions import Action
from dualstack.core.dial.egress import EgressPolicy
from dualstack.errors import DialError
from dualstack.net.dial.asyncio_driver import AsyncioDriver
from dualstack.net.dial.handshakes import of_handshakes
from dualstack.net.dial.prepare import PreparedRace

__all__ = ["HandshakeDriver", "MakeStreams", "Streams"]

Streams: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]
MakeStreams: TypeAlias = Callable[[socket.socket], Awaitable[Streams]]

# Not every system has the number.
_HANDSHAKE_FAILED = getattr(errno, "EPROTO", errno.EIO)


class HandshakeDriver(AsyncioDriver):
    """One race for streams over TLS.

    Args:
        prepared: the race and its questions.
        port: where to.
        outlet: what sockets are bound to.
        make_streams: shakes hands over a connected socket.
    """

    def __init__(self, prepared: PreparedRace, port: int, outlet: EgressPolicy, make_streams: MakeStreams) -> None:
        super().__init__(prepared, port, outlet)
        self._make_streams = make_streams
        self._handshakes: dict[int, _Handshake] = {}
        self._ending: list[asyncio.Task[None]] = []
        self._won: Streams | None = None

    async def streams(self) -> Streams:
        """What the winning handshake made.

        Raises:
            DialError, LookupFailed: there is none; also an `SSLError` where no handshake succeeded anywhere.
        """
        try:
            await self.run()
        finally:
            await self._others_end()
        assert self._won is not None  # noqa: S101 - a race without an error is won by a handshake
        return self._won

    async def _others_end(self) -> None:
        """Wait for the handshakes that were given up."""
        try:
            if self._ending:
                await asyncio.wait(self._ending)
        except BaseException:
            # Cancelled: what was won has nobody left to take it.
            if self._won is not None:
                self._won[1].transport.abort()
            raise

    def _connected(self, number: int, now: float) -> list[Action]:
        self._race.progressed(number, now)
        self._handshakes[number] = handshake = _Handshake()
        handshake.task = self._loop.create_task(self._shake(number, handshake))
        return []

    async def _shake(self, number: int, handshake: "_Handshake") -> None:
        handshake.has_begun = True
        sock = self._sockets[number]
        try:
            handshake.streams = await self._make_streams(sock)
        except OSError as error:
            self._forget(number)
            sock.close()
            # Its traceback leads to whoever is about to hold it.
            failed = partial(self._race.failed, cause=error.with_traceback(None))
            self._tell(failed, number, _HANDSHAKE_FAILED, f"TLS: {error}")
        except Exception as error:  # noqa: BLE001 - it ends the race, and its caller raises it
            self._forget(number)
            sock.close()
            self._break(error)
        except BaseException:
            sock.close()
            raise
        else:
            self._tell(self._race.connected, number)

    def _forget(self, number: int) -> None:
        self._sockets.pop(number, None)
        self._handshakes.pop(number, None)

    def _let_go(self, number: int) -> None:
        handshake = self._handshakes.get(number)
        if handshake is None or handshake.task is None:
            super()._let_go(number)
            return
        sock = self._sockets.pop(number, None)
        if sock is None:
            return
        if handshake.streams is not None:
            handshake.streams[1].transport.abort()
            sock.close()
        else:
            handshake.task.cancel()
            if not handshake.has_begun:
                sock.close()

    def _winner(self) -> socket.socket:
        try:
            sock = super()._winner()
        except DialError as error:
            told = of_handshakes(error)
            if told is error:
                raise
        else:
            assert self._race.winner is not None  # noqa: S101 - its socket is here
            self._won = self._handshakes.pop(self._race.winner.number).streams
            return sock
        try:
            raise told from told.__cause__
        finally:
            del told

    def _close(self) -> None:
        super()._close()
        self._ending = [each.task for each in self._handshakes.values() if each.task is not None]
        self._handshakes.clear()


class _Handshake:
    """One under way, or the streams that it made."""

    __slots__ = ("has_begun", "streams", "task")

    def __init__(self) -> None:
        self.task: asyncio.Task[None] | None = None
        self.has_begun = False
        self.streams: Streams | None = None
