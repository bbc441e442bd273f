"""Sockets that do not block, read and written by coroutines without tasks of their own; cancelling loses no byte."""

import asyncio
from socket import SocketType

__all__ = ["READ_BYTES", "readable", "receive", "send", "writable"]

READ_BYTES = 1 << 16


async def receive(sock: SocketType, most: int = READ_BYTES) -> bytes:
    """The next bytes; none at the end. Who is cancelled has lost none."""
    while True:
        try:
            return sock.recv(most)
        except BlockingIOError:
            await readable(sock)


async def send(sock: SocketType, content: bytes) -> None:
    """All of it."""
    view = memoryview(content)
    while view:
        try:
            view = view[sock.send(view) :]
        except BlockingIOError:
            await writable(sock)


async def readable(sock: SocketType) -> None:
    """Wait until there is something to read, be it the end."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_reader(sock.fileno(), _wake, ready)
    try:
        await ready
    finally:
        loop.remove_reader(sock.fileno())


async def writable(sock: SocketType) -> None:
    """Wait until it takes some more."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_writer(sock.fileno(), _wake, ready)
    try:
        await ready
    finally:
        loop.remove_writer(sock.fileno())


def _wake(ready: "asyncio.Future[None]") -> None:
    if not ready.done():
        ready.set_result(None)
