"""A gateway of several workers, run by this process, before a server that answers, for tests that talk to both."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from dualstack.core.planning.configuration import Configuration
from dualstack.gateway.config.toml import parse
from dualstack.gateway.processes.supervisor import Supervisor
from support.gateway import Events

SOON = 60.0


class Supervised:
    """A gateway of several workers, its log, and a server behind it that answers `you: <line>`."""

    def __init__(self, gateway: Supervisor, events: Events, behind: int) -> None:
        self.gateway, self.events, self.behind = gateway, events, behind

    async def ports(self) -> dict[str, dict[str, object]]:
        return {str(port["name"]): port for port in await self.gateway.list_ports()}

    def port(self, name: str = "a") -> int:
        return next(int(str(s["port"])) for s in self.gateway.describe_sockets() if s["service"] == name)

    async def ask(self, name: str = "a", host: str = "127.0.0.1") -> bytes:
        reader, writer = await asyncio.open_connection(host, self.port(name))
        try:
            writer.write(b"hello\n")
            return await asyncio.wait_for(reader.readline(), SOON)
        finally:
            writer.close()

    async def hold(self, count: int) -> "list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]":
        """So many connections that have been answered once."""
        held = [await asyncio.open_connection("127.0.0.1", self.port()) for _ in range(count)]
        for reader, writer in held:
            writer.write(b"x\n")
            assert await reader.readline() == b"you: x\n"
        return held

    def parse(self, text: str, workers: int = 2) -> Configuration:
        return parse(f"workers = {workers}\n" + text.replace("BEHIND", str(self.behind)), "test.toml")


@asynccontextmanager
async def supervised(text: str, workers: int = 2, *, settled_s: float = 2.0) -> AsyncIterator[Supervised]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(b"you: " + line)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    behind = server.sockets[0].getsockname()[1]
    events = Events()
    config = parse(f"workers = {workers}\n" + text.replace("BEHIND", str(behind)), "test.toml")
    gateway = Supervisor(config, events, settled_s=settled_s)
    try:
        await gateway.open()
        yield Supervised(gateway, events, behind)
    finally:
        await gateway.close()
        server.close()
        await server.wait_closed()


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(SOON):
        while not is_so():  # noqa: ASYNC110 - processes come and go and tell nobody
            await asyncio.sleep(0.01)


def everybody_is_back(r: Supervised, before: list[int]) -> Callable[[], bool]:
    return lambda: len(r.gateway.pids) == len(before) and 0 not in r.gateway.pids and r.gateway.pids != before


def is_stopped(pid: int) -> bool:
    return "T (stopped)" in Path(f"/proc/{pid}/status").read_text()
