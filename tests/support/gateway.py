"""A gateway in this process, before a server that answers, for tests that talk to both."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Self

from dualstack.gateway.config.toml import parse
from dualstack.gateway.counters.log import Log
from dualstack.gateway.processes.gateway import Gateway
from dualstack.gateway.relay.stream.choose import data_plane

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

    async def is_refused(self, name: str) -> bool:
        """Whether a client is closed without an answer; with what it has said unread, that is a reset."""
        try:
            return await self.ask(name) == b""
        except ConnectionResetError:
            return True

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


class Echo:
    """A UDP server of one family on its loopback that answers each datagram with `you: ` before it."""

    def __init__(self, family: int = 4, port: int = 0) -> None:
        self.sock = socket.socket(socket.AF_INET6 if family == 6 else socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("::1" if family == 6 else "127.0.0.1", port))
        self.sock.setblocking(False)
        self.port = int(self.sock.getsockname()[1])
        self.heard: list[tuple[bytes, object]] = []
        asyncio.get_running_loop().add_reader(self.sock, self._answer)

    def _answer(self) -> None:
        question, peer = self.sock.recvfrom(1 << 16)
        self.heard.append((question, peer))
        self.sock.sendto(b"you: " + question, peer)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.get_running_loop().remove_reader(self.sock)
        self.sock.close()


class UdpClient:
    """A connected UDP socket, so that an answer from any other address than the one asked is not heard."""

    def __init__(self, port: int, host: str = "127.0.0.1", source: str | None = None) -> None:
        self.sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setblocking(False)
        if source is not None:
            self.sock.bind((source, 0))
        self.sock.connect((host, port))

    def say(self, text: bytes) -> None:
        self.sock.send(text)

    async def hear(self, within_s: float = SOON) -> bytes:
        return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self.sock, 1 << 16), within_s)

    async def ask(self, text: bytes = b"hello") -> bytes:
        self.say(text)
        return await self.hear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()


def udp_service(name: str, to: object, listen: str = "*:0", **more: str) -> str:
    """A service of datagrams; `to` is a target or the `Echo` behind."""
    target = f"127.0.0.1:{to.port}" if isinstance(to, Echo) else str(to)
    return service(name, listen, target, protocol="'udp'", **more)


async def until(is_so: Callable[[], bool]) -> None:
    """Until it is so; the test's own limit ends what never is."""
    while not is_so():  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0)
