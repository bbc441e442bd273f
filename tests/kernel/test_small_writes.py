"""Two small writes and an answer are not held up: TCP_NODELAY is on wherever asyncio's own sockets have it."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, closing

import hypercorn.config
import pytest

import dualstack
from dualstack.kernel.inheritance import adopt

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Iterator[Callable[[Awaitable[object]], object]]:
    import uvloop

    factory = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}[request.param]
    with asyncio.Runner(loop_factory=factory) as runner:
        yield runner.run


def has_no_delay(writer: asyncio.StreamWriter) -> bool:
    sock = writer.get_extra_info("socket")
    return bool(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))


async def both_ends(server: asyncio.Server | dualstack.Server, accepted: list[bool]) -> list[bool]:
    """Whether the client's end is without delay, and the server's, for each socket of the server."""
    found = []
    async with server:
        for sock in server.sockets:
            host, port = sock.getsockname()[:2]
            reader, writer = await dualstack.open_connection(host, port)
            await reader.read()
            found.append(has_no_delay(writer))
            writer.close()
            await writer.wait_closed()
    return found + accepted


def noting(accepted: list[bool]) -> Serve:
    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.append(has_no_delay(writer))
        writer.close()

    return serve


def test_our_own_server_and_client(run: Callable[[Awaitable[object]], object]) -> None:
    async def exchange() -> list[bool]:
        accepted: list[bool] = []
        server = await dualstack.start_server(noting(accepted), "localhost:0")
        return await both_ends(server, accepted)

    assert run(exchange()) == [True] * 4


@pytest.mark.parametrize("made", ["bind_sockets", "bind_socket", "inherited"])
def test_asyncios_server_on_our_sockets(run: Callable[[Awaitable[object]], object], made: str) -> None:
    async def exchange() -> list[bool]:
        accepted: list[bool] = []
        found: list[bool] = []
        for sock in opened(made):
            server = await asyncio.start_server(noting(accepted), sock=sock)
            found += await both_ends(server, [])
        return found + accepted

    found = run(exchange())
    assert found
    assert all(found)


def opened(made: str) -> list[socket.socket]:
    if made == "bind_sockets":
        return dualstack.bind_sockets("localhost:0")
    if made == "bind_socket":
        return [dualstack.bind_socket("127.0.0.1:0")]
    return [adopt(sock.detach()) for sock in dualstack.bind_sockets("localhost:0")]


def test_a_socket_that_asyncio_is_handed(run: Callable[[Awaitable[object]], object]) -> None:
    async def exchange() -> bool:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            sock = await dualstack.connect(*listener.getsockname())
            _, writer = await asyncio.open_connection(sock=sock)
            with closing(writer):
                return has_no_delay(writer)

    assert run(exchange())


def test_our_sockets_say_that_they_are_tcps_to_any_framework() -> None:
    config = hypercorn.config.Config()
    with ExitStack() as stack:
        listening = [stack.enter_context(sock) for sock in dualstack.bind_sockets("localhost:0")]
        config.bind = [f"fd://{sock.detach()}" for sock in dualstack.bind_sockets("localhost:0")]
        listening += [stack.enter_context(sock) for sock in config.create_sockets().insecure_sockets]
        for listener in listening:
            listener.setblocking(True)
            client = stack.enter_context(dualstack.create_connection(listener.getsockname()))
            accepted = stack.enter_context(listener.accept()[0])
            assert {client.proto, accepted.proto} == {socket.IPPROTO_TCP}
