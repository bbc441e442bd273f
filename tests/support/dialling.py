"""Servers on the loopback that accept, refuse or say nothing, a scripted resolver, a way to dial by each driver."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self

import dualstack
from dualstack.net.names.thread_pool import POOL
from support.free_port import free_port
from support.program import until

__all__ = ["WAYS", "Resolver", "Servers", "descriptors", "dial_async", "dial_blocking", "pool_rests"]

FAMILIES = {socket.AF_INET: 4, socket.AF_INET6: 6}


def dial_blocking(host: object, port: int, **options: object) -> socket.socket:
    """By `create_connection`."""
    dialer = options.pop("dialer", None) or dualstack.Dialer(history=None)
    return dualstack.create_connection((host, port), dialer=dialer, **options)


def dial_async(host: object, port: int, **options: object) -> socket.socket:
    """By `connect`, on a loop of its own."""
    dialer = options.pop("dialer", None) or dualstack.Dialer(history=None)

    async def dial() -> socket.socket:
        sock = await dualstack.connect(host, port, dialer=dialer, **options)
        assert len(asyncio.all_tasks()) == 1
        return sock

    return asyncio.run(dial())


def dial_uvloop(host: object, port: int, **options: object) -> socket.socket:
    """The same on uvloop."""
    import uvloop

    dialer = options.pop("dialer", None) or dualstack.Dialer(history=None)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(dualstack.connect(host, port, dialer=dialer, **options))


def dial_trio(host: object, port: int, **options: object) -> socket.socket:
    """By trio; its stream's socket goes on without it."""
    import trio

    from dualstack.trio import open_tcp_stream

    dialer = options.pop("dialer", None) or dualstack.Dialer(history=None)

    async def dial() -> socket.socket:
        stream = await open_tcp_stream(host, port, dialer=dialer, **options)
        sock = socket.socket(fileno=stream.socket.detach())
        sock.setblocking(False)
        return sock

    return trio.run(dial)


WAYS = [dial_blocking, dial_async, dial_uvloop, dial_trio]


def descriptors() -> int:
    """How many descriptors this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


class Resolver:
    """Answers by name and family; a name without an entry does not exist, and `None` never answers.

    Args:
        names: by name, the addresses of each family; an exception is raised instead.
    """

    def __init__(self, names: Mapping[str, Mapping[int, Sequence[str] | Exception | None]]) -> None:
        self._names = names
        self._never = threading.Event()
        self.asked: list[tuple[str, int]] = []

    def getaddrinfo(self, host: bytes, _port: object, family: int, *_hints: int) -> list[object]:
        """As `socket.getaddrinfo`."""
        name, version = host.decode(), FAMILIES[socket.AddressFamily(family)]
        self.asked.append((name, version))
        answer = self._names.get(name, {}).get(version, socket.gaierror(socket.EAI_NONAME, "no such name"))
        if answer is None:
            self._never.wait()
            raise socket.gaierror(socket.EAI_AGAIN, "too late")
        if isinstance(answer, Exception):
            raise answer
        size = (0,) if version == 4 else (0, 0, 0)
        return [(socket.AddressFamily(family), socket.SOCK_STREAM, 6, "", (address, *size)) for address in answer]

    def getnameinfo(self, *_arguments: object) -> tuple[str, str]:
        """Nobody asks for it here."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._never.set()


class Servers:
    """Listening sockets on one port number of the loopback's addresses."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self.listening: dict[str, socket.socket] = {}
        self.port = free_port()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def accept(self, *addresses: str, backlog: int = 128) -> None:
        """Listen on them; the kernel accepts."""
        for address in addresses:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            listener = self._stack.enter_context(socket.socket(family))
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind((address, self.port))
            listener.listen(backlog)
            self.listening[address] = listener

    def silent(self, *addresses: str) -> None:
        """Listen with a queue that is full: what else comes is dropped, as behind a filter (Linux)."""
        for address in addresses:
            self.accept(address, backlog=0)
            for _ in range(4):
                filler = self._stack.enter_context(socket.socket(self.listening[address].family))
                filler.setblocking(False)
                with suppress(BlockingIOError):
                    filler.connect((address, self.port))

    def peer(self, address: str) -> socket.socket:
        """The next connection that came to `address`."""
        listener = self.listening[address]
        listener.settimeout(20)
        connection, _ = listener.accept()
        return self._stack.enter_context(connection)


@cache
def _first_loop_of_libuv() -> None:
    """It opens a pipe for signals that stays for the next ones."""
    import uvloop

    uvloop.new_event_loop().close()


@contextmanager
def nothing_left_open() -> Iterator[None]:
    """The block leaves as many descriptors open as it found."""
    _first_loop_of_libuv()
    before = descriptors()
    yield
    assert descriptors() == before


def pool_rests() -> None:
    """Wait until no lookup is under way: what nobody wants any more goes on to its end, with its descriptors."""
    until(lambda: POOL.is_at_rest, lambda: f"{POOL.threads} threads")


Dial = Callable[..., socket.socket]
