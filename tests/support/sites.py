"""HTTP servers in this process that say what they were asked, and answer what a test has them answer."""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

__all__ = ["Answer", "Site"]

Answer = Callable[["Site", asyncio.StreamReader, asyncio.StreamWriter, bytes], Awaitable[None]]


async def counted(site: "Site", reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
    """Keep-alive, whatever the request says: the connection stays open, as many servers leave it."""
    del reader, head
    body = f"{site.name} {len(site.heads)}".encode()
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: keep-alive\r\n\r\n%b" % (len(body), body))


class Site:
    """One server on the loopback; `heads` are those of all requests, `raw` all bytes of each connection.

    Args:
        name: what it calls itself.
        answer: what it does with the head of a request.
    """

    def __init__(self, name: str = "site", answer: Answer = counted) -> None:
        self.name = name
        self.heads: list[bytes] = []
        self.raw: list[bytearray] = []
        self.open = 0
        self._answer = answer
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for writer in list(self._writers):
            writer.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard = Heard(reader)
        self.raw.append(heard.bytes)
        self._writers.add(writer)
        self.open += 1
        try:
            while head := await heard.head():
                self.heads.append(head)
                await self._answer(self, heard, writer, head)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.open -= 1
            self._writers.discard(writer)
            writer.close()


class Heard(asyncio.StreamReader):
    """A reader that keeps what was read."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._from = reader
        self.bytes = bytearray()

    async def head(self) -> bytes:
        """The next head; nothing at the end."""
        try:
            found = await self._from.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as error:
            self.bytes += error.partial
            return b""
        self.bytes += found
        return found

    async def readexactly(self, size: int) -> bytes:
        found = await self._from.readexactly(size)
        self.bytes += found
        return found

    async def read(self, size: int = -1) -> bytes:
        found = await self._from.read(size)
        self.bytes += found
        return found
