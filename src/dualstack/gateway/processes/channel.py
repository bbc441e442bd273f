"""Messages and sockets between two of our own processes, over a Unix stream socket.

A frame is its length, how many descriptors came with it, and the message, which is never empty; a message with many
descriptors has empty frames before it that bring them. What a message says is `messages`' and `upgrade`'s.
"""

import asyncio
import os
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from socket import SHUT_RDWR, SHUT_WR, socket

from dualstack.kernel.descriptor_passing import DESCRIPTORS_MAX, receive_with, send_with
from dualstack.kernel.inheritance import adopt_any

__all__ = ["Channel", "Frames", "frames"]

_HEAD = struct.Struct("!IH")


def frames(message: bytes, descriptors: Sequence[int] = ()) -> Iterator[tuple[bytes, Sequence[int]]]:
    """What is to be sent: bytes, and the descriptors that go with the first of them."""
    while len(descriptors) > DESCRIPTORS_MAX:
        yield _HEAD.pack(0, DESCRIPTORS_MAX), descriptors[:DESCRIPTORS_MAX]
        descriptors = descriptors[DESCRIPTORS_MAX:]
    yield _HEAD.pack(len(message), len(descriptors)) + message, descriptors


class Frames:
    """Bytes and descriptors as they come, messages and sockets as they are whole."""

    def __init__(self) -> None:
        self._bytes = b""
        self._descriptors: list[int] = []
        self._brought = 0

    def receive(self, content: bytes, descriptors: Sequence[int]) -> None:
        """More has come."""
        self._bytes += content
        self._descriptors += descriptors

    def whole(self) -> Iterator[tuple[bytes, list[int]]]:
        """Those messages that are complete, each with its descriptors."""
        while len(self._bytes) >= _HEAD.size:
            size, count = _HEAD.unpack_from(self._bytes)
            end = _HEAD.size + size
            if len(self._bytes) < end:
                return
            message, self._bytes = self._bytes[_HEAD.size : end], self._bytes[end:]
            self._brought += count
            if message:
                mine, self._descriptors = self._descriptors[: self._brought], self._descriptors[self._brought :]
                self._brought = 0
                yield message, mine

    def close(self) -> None:
        """Let go of descriptors whose message never came."""
        for descriptor in self._descriptors:
            os.close(descriptor)
        self._descriptors = []


class Channel:
    """One end, on the running asyncio loop.

    Args:
        sock: connected, non-blocking; the channel's from now on.
    """

    def __init__(self, sock: socket) -> None:
        self._sock = sock
        self._loop = asyncio.get_running_loop()
        self._frames = Frames()
        self._sending = asyncio.Lock()

    async def send(self, message: bytes, sockets: Sequence[socket] = ()) -> None:
        """Send a message, and sockets, which stay the caller's too; messages arrive in the order of the calls.

        Raises:
            OSError: the other end is gone.
        """
        async with self._sending:
            for content, descriptors in frames(message, [sock.fileno() for sock in sockets]):
                rest, with_them = content, descriptors
                while rest:
                    try:
                        sent = send_with(self._sock, rest, with_them)
                    except BlockingIOError:
                        await self._told(self._loop.add_writer, self._loop.remove_writer)
                        continue
                    rest, with_them = rest[sent:], ()

    async def receive(self) -> list[tuple[bytes, list[socket]]]:
        """The next messages with their sockets; none at the end."""
        while True:
            try:
                content, descriptors = receive_with(self._sock)
            except BlockingIOError:
                await self._told(self._loop.add_reader, self._loop.remove_reader)
                continue
            except OSError:
                return []
            if not content:
                return []
            self._frames.receive(content, descriptors)
            whole = [(message, [adopt_any(each) for each in mine]) for message, mine in self._frames.whole()]
            if whole:
                return whole

    async def _told(self, watch: Callable[..., None], forget: Callable[[socket], bool]) -> None:
        """Until the loop tells that the socket can be read, or written to."""
        told = asyncio.Event()
        watch(self._sock, told.set)
        try:
            await told.wait()
        finally:
            forget(self._sock)

    def say_no_more(self) -> None:
        """The other end sees the end of what is said; what it still says is heard."""
        with suppress(OSError):
            self._sock.shutdown(SHUT_WR)

    def end(self) -> None:
        """Both ends see the end; this one is still to be closed."""
        with suppress(OSError):
            self._sock.shutdown(SHUT_RDWR)

    def close(self) -> None:
        """The other end sees the end."""
        self._frames.close()
        self._sock.close()
