"""Many clients of a gateway in a process of its own, an echo server behind it, and what the process costs meanwhile."""

import asyncio
import os
import re
import resource
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from time import perf_counter
from typing import Self

from dualstack.core.address.endpoint import parse_target
from dualstack.wire.socks5 import client_greeting, client_request
from support.program import Dualstack

__all__ = [
    "Answers",
    "Behind",
    "Limited",
    "Talker",
    "cpu_s",
    "descriptors_of",
    "resident",
    "run_crowd",
    "with_descriptors",
]

LIMIT_S = 60.0


class Limited(Dualstack):
    """`dualstack VERB ...` that may have so many descriptors and no more; it ends at once."""

    def __init__(self, descriptors: int, *argv: str | Path) -> None:
        super().__init__(*argv, "--drain", "0")
        self._argv = ["sh", "-c", 'ulimit -n "$0"; exec "$@"', str(descriptors), *self._argv]


class Behind:
    """An echo server on the loopback; `kinds` of it are those that a first line asks for."""

    def __init__(self, server: asyncio.Server) -> None:
        self.port = int(server.sockets[0].getsockname()[1])

    @classmethod
    @asynccontextmanager
    async def echo(cls) -> AsyncIterator[Self]:
        server = await asyncio.start_server(cls._answer, "127.0.0.1", 0, backlog=4096)
        async with server:
            yield cls(server)

    @staticmethod
    async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.CancelledError):  # the test's end cancels it
            while piece := await reader.read(1 << 16):
                writer.write(piece)
                await writer.drain()
        writer.close()


class Talker:
    """One client: says a line and hears it back."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(cls, port: int, *, by_proxy_to: str | None = None, host: str = "127.0.0.1") -> Self:
        talker = cls(*await asyncio.open_connection(host, port))
        if by_proxy_to is not None:
            talker.writer.write(client_greeting() + client_request(parse_target(by_proxy_to)))
            answer = await talker.reader.readexactly(2 + 4)
            if answer[2:4] != b"\x05\x00":
                talker.writer.close()
                raise ConnectionRefusedError(answer[3], "the proxy's reply")
            await talker.reader.readexactly((16 if answer[5] == 4 else 4) + 2)
        return talker

    async def ask(self, line: bytes = b"hello\n") -> float:
        """How long the answer took, in seconds."""
        began = perf_counter()
        self.writer.write(line)
        async with asyncio.timeout(LIMIT_S):
            assert await self.reader.readexactly(len(line)) == line
        return perf_counter() - began

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


class Answers:
    """Somebody who keeps asking, on new connections, while others misbehave: how long the answers took."""

    def __init__(self, port: int, by_proxy_to: str | None = None) -> None:
        self._port, self._by_proxy_to = port, by_proxy_to
        self.times_s: list[float] = []
        self._asking: asyncio.Task[None] | None = None
        self._answered = asyncio.Event()

    async def __aenter__(self) -> Self:
        await self._ask()
        self._asking = asyncio.get_running_loop().create_task(self._keep_asking())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._asking is not None
        self._asking.cancel()
        with suppress(asyncio.CancelledError):
            await self._asking
        await self._ask()

    async def at_least(self, count: int) -> None:
        """Until so many more were answered."""
        wanted = len(self.times_s) + count
        async with asyncio.timeout(LIMIT_S):
            while len(self.times_s) < wanted:
                self._answered.clear()
                await self._answered.wait()

    async def _keep_asking(self) -> None:
        while True:
            await self._ask()

    async def _ask(self) -> None:
        began = perf_counter()
        async with asyncio.timeout(LIMIT_S):
            talker = await Talker.open(self._port, by_proxy_to=self._by_proxy_to)
            try:
                await talker.ask()
            finally:
                await talker.close()
        self.times_s.append(perf_counter() - began)
        self._answered.set()

    def __str__(self) -> str:
        ordered = sorted(self.times_s)
        median, high = ordered[len(ordered) // 2], ordered[-1 - len(ordered) // 100]
        return f"{len(ordered)} others answered: {median * 1e3:.1f} ms in the median, 99 % within {high * 1e3:.1f} ms"


def run_crowd(scenario: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(LIMIT_S * 2):
            await scenario()

    asyncio.run(limited())


def cpu_s(pid: int) -> float:
    """What the process has used, in seconds (proc(5): utime and stime)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def descriptors_of(pid: int) -> int:
    """How many it has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def resident(pid: int) -> int:
    """Its resident memory in bytes."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    found = re.search(r"^Rss: +(\d+) kB", text, re.MULTILINE)
    assert found is not None
    return int(found[1]) << 10


@contextmanager
def with_descriptors(count: int) -> Iterator[bool]:
    """As many as are allowed, for this process; whether these are `count`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        yield hard >= count
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
