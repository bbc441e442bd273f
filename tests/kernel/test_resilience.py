"""Clients and targets that misbehave, at a gateway in a process of its own: others are answered all along (X1, X4).

Figures: pytest -rP tests/kernel/test_resilience.py. By hand, the full size:
DUALSTACK_TEST_SILENT=10000 DUALSTACK_TEST_DEAF=200 pytest -rP tests/kernel/test_resilience.py
"""

import asyncio
import os
import re
import socket
import struct
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest

from dualstack.core.address.endpoint import Endpoint
from dualstack.wire.socks5 import client_greeting, client_request
from support.crowd import Answers, Behind, Talker, descriptors_of, resident, run_crowd, with_descriptors
from support.dialling import Servers
from support.program import Dualstack, until

SILENT = int(os.environ.get("DUALSTACK_TEST_SILENT", "1500"))
DEAF = int(os.environ.get("DUALSTACK_TEST_DEAF", "30"))

# An answer is a matter of a millisecond; a machine that has others to serve may take its time.
ANSWERED_WITHIN_S = 5.0
BYTES_AN_IDLE_CONNECTION = 1500
BYTES_A_SILENT_CLIENT = 12_000
# What one side of a connection that is held up may keep, of the engine's buffer.
BYTES_A_DEAF_CLIENT = 80 << 10
FLOOD = b"x" * (1 << 16)
RESET = struct.pack("ii", 1, 0)


class Targets:
    """Servers on the loopback.

    One echoes, one never stops sending, one says nothing, one resets who comes, and one never takes anybody in: the
    kernel does, and keeps what is sent.
    """

    def __init__(self, echo: int, flooding: int, hanging: int, resetting: int, deaf: int) -> None:
        self.echo, self.flooding, self.hanging, self.resetting, self.deaf = echo, flooding, hanging, resetting, deaf

    def gateway(self, path: Path) -> Dualstack:
        """A gateway with a service for each, and a proxy, by a file at `path`."""
        services = "".join(
            f"[[services]]\nname = '{name}'\nlisten = '127.0.0.1:0'\nto = '127.0.0.1:{port}'\ndrain = 0\n{more}"
            for name, port, more in (
                ("echo", self.echo, ""),
                ("flooding", self.flooding, ""),
                ("hanging", self.hanging, "idle_timeout = 1\n"),
                ("quiet", self.hanging, ""),
                ("deaf", self.deaf, ""),
                ("resetting", self.resetting, ""),
            )
        )
        proxy = "[[services]]\nname = 'proxy'\nlisten = '127.0.0.1:0'\nforward = ['socks5']\ndrain = 0\n"
        path.write_text(services + proxy + "handshake_timeout = 3\n", encoding="utf-8")
        return Dualstack("gateway", "--config", path, "--control", path.with_suffix(".sock"))


@asynccontextmanager
async def targets() -> AsyncIterator[Targets]:
    async def flood(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.CancelledError):
            while True:
                writer.write(FLOOD)
                await writer.drain()
        writer.transport.abort()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.CancelledError):
            while await reader.read(1 << 16):
                pass
        writer.close()

    async def reset(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        writer.transport.abort()

    async with Behind.echo() as echo:
        servers = [await asyncio.start_server(answer, "127.0.0.1", 0, backlog=4096) for answer in (flood, hang, reset)]
        ports = [server.sockets[0].getsockname()[1] for server in servers]
        try:
            with socket.create_server(("127.0.0.1", 0), backlog=4096) as never_accepts:
                yield Targets(echo.port, *ports, never_accepts.getsockname()[1])
        finally:
            for server in servers:
                server.close()


def port_of(gateway: Dualstack, service: str) -> int:
    return next(int(str(sock["port"])) for sock in gateway.sockets if sock["service"] == service)


def told(others: Answers, *facts: str) -> None:
    """Print the figures; the others were answered in time."""
    sys.stdout.write("; ".join([*facts, str(others)]) + "\n")
    assert max(others.times_s) < ANSWERED_WITHIN_S


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "gateway.toml"


def test_a_slow_client_gets_all_of_it_and_slows_nobody_down(config: Path) -> None:
    async def scenario() -> None:
        async with targets() as behind:
            with behind.gateway(config) as gateway:
                before = resident(gateway.pid)
                async with Answers(port_of(gateway, "echo")) as others:
                    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(gateway, "echo"), limit=1024)
                    content = os.urandom(1 << 20)
                    writer.write(content)
                    heard = b""
                    while len(heard) < len(content):
                        heard += await reader.read(1024)
                        if len(heard) % (64 << 10) < 1024:
                            await others.at_least(1)  # it waits for others between
                    assert heard == content
                    writer.close()
                grown = resident(gateway.pid) - before
                told(others, f"{len(content) >> 10} kB in pieces of 1 kB, {grown >> 10} kB more resident")
                assert grown < 2 << 20

    run_crowd(scenario)


@pytest.mark.parametrize("service", ["flooding", "deaf"])
def test_clients_that_never_read_or_are_never_read_cost_a_bounded_memory(config: Path, service: str) -> None:
    """`flooding`: the target sends without end to clients that read nothing; `deaf`: the other way round."""

    async def scenario() -> None:
        async with targets() as behind:
            with (
                behind.gateway(config) as gateway,
                ExitStack() as stack,
            ):
                async with Answers(port_of(gateway, "echo")) as others:
                    await others.at_least(50)
                    before = resident(gateway.pid)
                    clients = await asyncio.to_thread(opened, port_of(gateway, service), DEAF, stack)
                    if service == "deaf":
                        await asyncio.to_thread(fill, clients)
                    await others.at_least(300)
                    each = (resident(gateway.pid) - before) / DEAF
                told(others, f"{DEAF} of them, {each / 1024:.1f} kB resident each")
                assert each < BYTES_A_DEAF_CLIENT

    run_crowd(scenario)


def fill(clients: list[socket.socket]) -> None:
    """Have each say as much as is taken."""
    for client in clients:
        client.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                client.send(FLOOD)


def has_open(pid: int, count: int) -> None:
    """Wait until it has so many descriptors."""
    until(lambda: descriptors_of(pid) >= count, lambda: f"{descriptors_of(pid)} of {count} descriptors")


def opened(port: int, count: int, stack: ExitStack) -> list[socket.socket]:
    return [stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60)) for _ in range(count)]


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    with with_descriptors(SILENT * 2 + 100) as are_enough:
        if not are_enough:
            pytest.skip(f"{SILENT * 2 + 100} descriptors are needed, and no so many are allowed here")
        yield


@pytest.mark.usefixtures("many_descriptors")
def test_thousands_that_open_and_say_nothing_to_a_relay_cost_next_to_nothing(config: Path) -> None:
    async def scenario() -> None:
        async with targets() as behind:
            with behind.gateway(config) as gateway, ExitStack() as stack:
                port = port_of(gateway, "quiet")
                async with Answers(port_of(gateway, "echo")) as others:
                    await others.at_least(50)
                    before = resident(gateway.pid)
                    all_in = descriptors_of(gateway.pid) - 8 + 2 * SILENT
                    await asyncio.to_thread(opened, port, SILENT, stack)
                    await asyncio.to_thread(has_open, gateway.pid, all_in)
                    each = (resident(gateway.pid) - before) / SILENT
                told(others, f"{SILENT} silent clients, {each:.0f} bytes resident each")
                assert each < BYTES_AN_IDLE_CONNECTION

    run_crowd(scenario)


@pytest.mark.usefixtures("many_descriptors")
def test_thousands_that_open_and_say_nothing_to_a_proxy_are_ended_by_the_deadline(config: Path) -> None:
    async def scenario() -> None:
        async with targets() as behind:
            with behind.gateway(config) as gateway, ExitStack() as stack:
                port, target = port_of(gateway, "proxy"), f"127.0.0.1:{behind.echo}"
                async with Answers(port, target) as others:
                    await others.at_least(50)
                    before = resident(gateway.pid)
                    all_in = descriptors_of(gateway.pid) - 8 + SILENT
                    silent = await asyncio.to_thread(opened, port, SILENT, stack)
                    await asyncio.to_thread(has_open, gateway.pid, all_in)
                    each = (resident(gateway.pid) - before) / SILENT
                    await asyncio.to_thread(all_ended, silent)
                    await others.at_least(20)
                told(others, f"{SILENT} silent clients, {each:.0f} bytes resident each, all ended by the deadline")
                assert each < BYTES_A_SILENT_CLIENT
            # One of the others may have been in the middle of its request at the end.
            assert sum(map(refusals, gateway.err.said)) in {SILENT, SILENT + 1}

    run_crowd(scenario)


def refusals(line: str) -> int:
    """How many clients a line of the log says to have been silent: it tells of the first, then how many more."""
    more = re.search(r'more=(\d+) why="no whole request"', line)
    return int(more[1]) if more else "no request within 3 s" in line


def all_ended(clients: list[socket.socket]) -> None:
    for client in clients:
        assert client.recv(1) == b""


def test_a_target_that_accepts_and_hangs_is_ended_by_the_idle_timeout(config: Path) -> None:
    async def scenario() -> None:
        async with targets() as behind:
            with behind.gateway(config) as gateway:
                async with Answers(port_of(gateway, "echo")) as others:
                    hung = [await asyncio.open_connection("127.0.0.1", port_of(gateway, "hanging")) for _ in range(50)]
                    for _, writer in hung:
                        writer.write(b"anybody?")
                    outcomes = await asyncio.gather(*(outcome(*each) for each in hung))
                assert set(outcomes) == {"reset"}
                told(others, f"{len(hung)} clients of a target that hangs, all reset after a second")

    run_crowd(scenario)


@pytest.mark.parametrize("by_proxy", [False, True], ids=["relay", "proxy"])
def test_a_target_that_resets_costs_its_own_clients_alone(config: Path, by_proxy: bool) -> None:  # noqa: FBT001 - a row
    async def scenario() -> None:
        async with targets() as behind:
            with behind.gateway(config) as gateway:
                port = port_of(gateway, "proxy" if by_proxy else "resetting")
                before = descriptors_of(gateway.pid)
                async with Answers(port_of(gateway, "echo")) as others:
                    for _ in range(200):
                        assert await came_to(port, behind.resetting if by_proxy else None) == "reset"
                    await others.at_least(1)
                until(lambda: descriptors_of(gateway.pid) <= before + 2, lambda: "descriptors")
                told(others, "200 clients of a target that resets")
                assert not [line for line in gateway.err.said if "Traceback" in line]

    run_crowd(scenario)


async def came_to(port: int, target: int | None) -> str:
    """What became of a client of a target that resets who comes; it may have done so before the proxy's answer."""
    try:
        talker = await Talker.open(port, by_proxy_to=None if target is None else f"127.0.0.1:{target}")
    except (ConnectionError, asyncio.IncompleteReadError):
        return "reset"
    return await outcome(talker.reader, talker.writer)


async def outcome(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
    try:
        async with asyncio.timeout(30):
            return f"heard {await reader.read()!r}"
    except ConnectionResetError:
        return "reset"
    finally:
        writer.close()


def test_clients_that_reset_while_their_target_is_dialled_leave_nothing_behind(config: Path) -> None:
    """Their target takes nobody in any more: its queue is full."""

    async def scenario() -> None:
        async with targets() as behind:
            with Servers() as silent:
                silent.silent("127.0.0.1")
                with behind.gateway(config) as gateway:
                    port = port_of(gateway, "proxy")
                    before = descriptors_of(gateway.pid)
                    async with Answers(port, f"127.0.0.1:{behind.echo}") as others:
                        for _ in range(100):
                            with socket.create_connection(("127.0.0.1", port)) as client:
                                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                                client.sendall(client_greeting() + client_request(Endpoint("127.0.0.1", silent.port)))
                                await asyncio.get_running_loop().run_in_executor(None, client.recv, 2)
                        await others.at_least(1)
                    until(
                        lambda: descriptors_of(gateway.pid) <= before + 2,
                        lambda: "descriptors",
                    )
                    told(others, "100 clients left while their target was dialled")

    run_crowd(scenario)
