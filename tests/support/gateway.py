"""A gateway in this process, before a server that answers, for tests that talk to both."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from dualstack.gateway.config import parse
from dualstack.gateway.daemon import Gateway
from dualstack.gateway.dataplane.plane import data_plane
from dualstack.gateway.log import Log

SOON = 10.0


class Events(Log):
    """Keeps what is logged."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, object]]] = []

    def info(self, event: str, **facts: object) -> None:
        self.lines.append((event, facts))

    warning = error = info

    def of(self, event: str) -> list[dict[str, object]]:
        return [facts for name, facts in self.lines if name == event]


class Running:
    """A gateway, its log, and a server behind it that answers `you: <line>`."""

    def __init__(self, gateway: Gateway, events: Events, behind: int) -> None:
        self.gateway, self.events, self.behind = gateway, events, behind

    def port(self, name: str) -> int:
        return self.gateway.port_named(name).listenings[0].spec.port

    async def ask(self, name: str, host: str = "127.0.0.1", text: bytes = b"hello\n") -> bytes:
        reader, writer = await asyncio.open_connection(host, self.port(name))
        try:
            writer.write(text)
            return await asyncio.wait_for(reader.readline(), SOON)
        finally:
            writer.close()

    def toml(self, text: str) -> str:
        return text.replace("BEHIND", str(self.behind))


@asynccontextmanager
async def running(text: str) -> AsyncIterator[Running]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(b"you: " + line)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    behind = server.sockets[0].getsockname()[1]
    events = Events()
    config = parse(text.replace("BEHIND", str(behind)), "test.toml")
    gateway = Gateway(config, data_plane(asyncio.get_running_loop()), events)
    try:
        await gateway.open()
        yield Running(gateway, events, behind)
    finally:
        await gateway.close()
        server.close()
        await server.wait_closed()


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(60):
            await scenario()

    asyncio.run(limited())


def service(name: str, listen: str = "localhost:0", to: str = "127.0.0.1:BEHIND", **more: str) -> str:
    lines = "".join(f"{key} = {value}\n" for key, value in more.items())
    return f"[[services]]\nname = '{name}'\nlisten = '{listen}'\nto = '{to}'\n{lines}"


async def ended(r: Running, name: str, connections: int) -> None:
    """Until the port has no more than so many connections."""
    while r.gateway.port_named(name).connections > connections:  # noqa: ASYNC110 - the gateway has no event for it
        await asyncio.sleep(0)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
