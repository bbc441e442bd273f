"""Small exchanges: two short writes and an answer, by streams of ours and by asyncio's own, both ends of each.

Where a socket waits for more to send before it sends the second write (Nagle's algorithm, RFC 896) and the other end
waits before it acknowledges the first, an exchange takes 40 ms or more instead of a fraction of one.
"""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from statistics import median

import dualstack

__all__ = ["WAYS", "exchanges", "exchanges_report"]

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Open = Callable[[str, int], Awaitable[Streams]]
Serve = Callable[..., Awaitable[asyncio.Server | dualstack.Server]]

_ANSWER = b"b" * 10


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.read(2) and await reader.readexactly(8):
        writer.write(_ANSWER[:2])
        await asyncio.sleep(0)
        writer.write(_ANSWER[2:])
    writer.close()


async def _own_server(callback: Callable[..., Awaitable[None]]) -> asyncio.Server:
    return await asyncio.start_server(callback, "127.0.0.1", 0)


async def _our_server(callback: Callable[..., Awaitable[None]]) -> dualstack.Server:
    return await dualstack.start_server(callback, "127.0.0.1:0")


async def _on_our_socket(callback: Callable[..., Awaitable[None]]) -> asyncio.Server:
    return await asyncio.start_server(callback, sock=dualstack.bind_sockets("127.0.0.1:0")[0])


async def _on_a_bare_socket(callback: Callable[..., Awaitable[None]]) -> asyncio.Server:
    """As a program has it that opens its socket by hand: what is measured here is what Nagle's algorithm costs."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.bind(("127.0.0.1", 0))
    return await asyncio.start_server(callback, sock=sock)


WAYS: dict[str, tuple[Open, Serve]] = {
    "asyncio.open_connection, asyncio.start_server": (asyncio.open_connection, _own_server),
    "dualstack.open_connection, asyncio.start_server": (dualstack.open_connection, _own_server),
    "asyncio.open_connection, dualstack.start_server": (asyncio.open_connection, _our_server),
    "asyncio.open_connection, dualstack.bind_sockets": (asyncio.open_connection, _on_our_socket),
    "dualstack.open_connection, dualstack.start_server": (dualstack.open_connection, _our_server),
    "asyncio.open_connection, a socket made by hand": (asyncio.open_connection, _on_a_bare_socket),
}


async def _exchange(open_connection: Open, serve: Serve, times: int) -> float:
    """The median of the milliseconds that an exchange takes."""
    taken = []
    async with AsyncExitStack() as stack:
        server = await serve(_answer)
        stack.callback(server.close)
        reader, writer = await open_connection("127.0.0.1", server.sockets[0].getsockname()[1])
        stack.callback(writer.close)
        for _ in range(times):
            began = time.perf_counter()
            writer.write(b"aa")
            await asyncio.sleep(0)
            writer.write(b"aaaaaaaa")
            await reader.readexactly(len(_ANSWER))
            taken.append((time.perf_counter() - began) * 1e3)
        writer.write_eof()
        await reader.read()  # the server has ended too
    return median(taken)


def exchanges(rounds: int, times: int = 20) -> dict[str, list[float]]:
    """Each way, in turn, so many rounds."""
    found: dict[str, list[float]] = {name: [] for name in WAYS}
    for _ in range(rounds):
        for name, (open_connection, serve) in WAYS.items():
            found[name].append(asyncio.run(_exchange(open_connection, serve, times)))
    return found


def exchanges_report(found: dict[str, list[float]]) -> str:
    """The table."""
    lines = ["| two small writes each way, who connects and who serves | ms an exchange |", "|---|---|"]
    lines += [f"| {name} | {median(taken):.2f} |" for name, taken in found.items()]
    return "\n".join(lines)
