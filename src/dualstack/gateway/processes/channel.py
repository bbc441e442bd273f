"""Documents and sockets between two of our own processes, over a Unix stream socket.

A frame is its length, how many descriptors came with it, and a JSON document; a document with many descriptors has
empty frames before it that bring them. What is no JSON (a configuration) is pickled within: both ends are one program,
and nobody else can open the socket.
"""

import asyncio
import base64
import json
import os
import pickle
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from socket import SHUT_RDWR, SHUT_WR, socket

from dualstack.kernel.descriptor_passing import DESCRIPTORS_MAX, receive_with, send_with
from dualstack.kernel.inheritance import adopt_any

__all__ = ["Channel", "Document", "Frames", "frames", "packed", "unpacked"]

Document = dict[str, object]

_HEAD = struct.Struct("!IH")


def packed(value: object) -> str:
    """A value of this program as text for a document."""
    return base64.b85encode(pickle.dumps(value)).decode()


def unpacked(text: object) -> object:
    """The value again."""
    return pickle.loads(base64.b85decode(str(text)))  # noqa: S301 - from a process of ours, over a socket of ours


def frames(document: Document, descriptors: Sequence[int] = ()) -> Iterator[tuple[bytes, Sequence[int]]]:
    """What is to be sent: bytes, and the descriptors that go with the first of them."""
    while len(descriptors) > DESCRIPTORS_MAX:
        yield _HEAD.pack(0, DESCRIPTORS_MAX), descriptors[:DESCRIPTORS_MAX]
        descriptors = descriptors[DESCRIPTORS_MAX:]
    content = json.dumps(document, default=str).encode()
    yield _HEAD.pack(len(content), len(descriptors)) + content, descriptors


class Frames:
    """Bytes and descriptors as they come, documents and sockets as they are whole."""

    def __init__(self) -> None:
        self._bytes = b""
        self._descriptors: list[int] = []
        self._brought = 0

    def receive(self, content: bytes, descriptors: Sequence[int]) -> None:
        """More has come."""
        self._bytes += content
        self._descriptors += descriptors

    def whole(self) -> Iterator[tuple[Document, list[int]]]:
        """Those documents that are complete, each with its descriptors."""
        while len(self._bytes) >= _HEAD.size:
            size, count = _HEAD.unpack_from(self._bytes)
            end = _HEAD.size + size
            if len(self._bytes) < end:
                return
            content, self._bytes = self._bytes[_HEAD.size : end], self._bytes[end:]
            self._brought += count
            if content:
                mine, self._descriptors = self._descriptors[: self._brought], self._descriptors[self._brought :]
                self._brought = 0
                yield json.loads(content), mine

    def close(self) -> None:
        """Let go of descriptors whose document never came."""
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

    async def send(self, document: Document, sockets: Sequence[socket] = ()) -> None:
        """Send a document, and sockets, which stay the caller's too; documents arrive in the order of the calls.

        Raises:
            OSError: the other end is gone.
        """
        async with self._sending:
            for content, descriptors in frames(document, [sock.fileno() for sock in sockets]):
                rest, with_them = content, descriptors
                while rest:
                    try:
                        sent = send_with(self._sock, rest, with_them)
                    except BlockingIOError:
                        await self._told(self._loop.add_writer, self._loop.remove_writer)
                        continue
                    rest, with_them = rest[sent:], ()

    async def receive(self) -> list[tuple[Document, list[socket]]]:
        """The next documents with their sockets; none at the end."""
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
            whole = [(document, [adopt_any(each) for each in mine]) for document, mine in self._frames.whole()]
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
