"""A small world around a data plane: real sockets on loopback, a clock that can be moved, descriptors counted."""

import asyncio
import contextlib
import inspect
import os
import select
import socket
from collections.abc import Callable, Iterator

import pytest

from dualstack.core.address.sockaddr import SockAddr
from dualstack.gateway.relay.link import Hop, Link, Target
from dualstack.gateway.relay.stream.asyncio_relay import ProtocolRelay
from dualstack.gateway.relay.stream.data_plane import DataPlane
from dualstack.gateway.relay.stream.epoll_engine import Engine
from dualstack.kernel.streams import reset
from dualstack.kernel.unsent import unsent


class MovableLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock runs ahead as far as it is told to: timeouts are tested without waiting for them."""

    ahead_s = 0.0

    def time(self) -> float:
        return super().time() + self.ahead_s


class Gate:
    """Admits everyone to its target and keeps what ended."""

    def __init__(self, target: Target | None) -> None:
        self.target = target
        self.admitted: list[tuple[socket.SocketType, SockAddr]] = []
        self.over: asyncio.Queue[Link] = asyncio.Queue()

    def admit(self, client: socket.SocketType, peer: SockAddr) -> Target | None:
        self.admitted.append((client, peer))
        return self.target

    def closed(self, link: Link) -> None:
        self.over.put_nowait(link)


class World:
    """A plane between a front (IPv6) and a back (IPv4), with the sockets of both ends in our hands."""

    def __init__(self, kind: type[DataPlane], loop: MovableLoop, stack: contextlib.ExitStack) -> None:
        self.loop = loop
        self.kind = kind
        self.plane = kind(loop)
        self.stack = stack
        self.unhandled: list[dict[str, object]] = []
        loop.set_exception_handler(lambda _, context: self.unhandled.append(context))
        self.back = self.listening(socket.AF_INET)
        self.front = self.listening(socket.AF_INET6)

    def keep(self, sock: socket.socket) -> socket.socket:
        """Have the world close it, at the latest at the end."""
        sock.setblocking(False)
        return self.stack.enter_context(sock)

    def listening(self, family: int, backlog: int = 128) -> socket.socket:
        sock = self.keep(socket.socket(family, socket.SOCK_STREAM))
        sock.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
        sock.listen(backlog)
        return sock

    def target(self, *backs: socket.socket, **options: object) -> Target:
        return Target(tuple(hop(back) for back in backs or (self.back,)), **options)

    def deaf(self) -> socket.socket:
        """A listening socket whose queue is full: Linux drops the SYN of who comes next."""
        sock = self.listening(socket.AF_INET, backlog=0)
        self.keep(socket.create_connection(sock.getsockname()))
        return sock

    def deaf_end(self) -> socket.socket:
        """A socket that takes nothing: its peer does not read."""
        ours, theirs = socket.socketpair()
        self.keep(theirs)
        self.keep(ours)
        with contextlib.suppress(BlockingIOError):
            while ours.send(bytes(1 << 16)):
                pass
        return ours

    def open_descriptors(self) -> int:
        return open_descriptors()

    def is_called(self, back: socket.socket) -> bool:
        return bool(select.select([back], [], [], 0)[0])

    def gate(self, target: Target | None) -> Gate:
        return Gate(target)

    def break_off(self, sock: socket.socket) -> None:
        """Close with a reset."""
        reset(sock)
        sock.close()

    def open(self, *backs: socket.socket, **options: object) -> Gate:
        """Let the plane accept on the front."""
        gate = Gate(self.target(*backs, **options))
        self.plane.listen(self.front, gate)
        return gate

    async def client(self, *, receive_buffer: int = 0) -> socket.socket:
        """Connected as the kernel has it; the plane has had no turn yet."""
        sock = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.connect(self.front.getsockname())
        return self.keep(sock)

    async def server(self, back: socket.socket | None = None) -> socket.socket:
        sock, _ = await self.loop.sock_accept(back or self.back)
        return self.keep(sock)

    async def pair(self) -> tuple[socket.socket, socket.socket]:
        client = await self.client()
        return client, await self.server()

    async def move(self, ahead_s: float) -> None:
        """Let time pass, with a few turns of the loop before and after."""
        for _ in range(5):
            await asyncio.sleep(0)
        self.loop.ahead_s += ahead_s
        for _ in range(5):
            await asyncio.sleep(0)

    def unsent(self) -> int:
        """What the kernel still has of what the plane wrote."""
        return sum(unsent(descriptor) for link in self.plane.links for descriptor in link.descriptors())

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Let the loop turn until something is so."""
        while not is_so():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0)

    async def read(self, sock: socket.socket, size: int = -1) -> bytes:
        """Exactly `size` bytes, or all to the end."""
        pieces = bytearray()
        while size < 0 or len(pieces) < size:
            piece = await self.loop.sock_recv(sock, min(1 << 20, size - len(pieces)) if size >= 0 else 1 << 20)
            if not piece:
                break
            pieces += piece
        return bytes(pieces)

    async def send(self, sock: socket.socket, piece: bytes) -> None:
        await self.loop.sock_sendall(sock, piece)

    async def outcome(self, sock: socket.socket) -> str:
        """How a connection ended for its peer."""
        try:
            while await self.loop.sock_recv(sock, 1 << 16):
                pass
        except ConnectionResetError:
            return "reset"
        return "end"

    async def is_stuck(self, sock: socket.socket) -> bool:
        """Whether the socket takes nothing more, for a quarter of a second."""
        room = asyncio.Event()
        self.loop.add_writer(sock, room.set)
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(room.wait(), 0.25)
        finally:
            self.loop.remove_writer(sock)
        return not room.is_set()

    async def fill(self, sock: socket.socket) -> int:
        """Write until nobody reads any more; how much that was."""
        sent = 0
        while True:
            try:
                sent += sock.send(bytes(1 << 16))
            except BlockingIOError:
                if await self.is_stuck(sock):
                    return sent

    async def close(self) -> None:
        self.plane.close()
        await self.until(lambda: not self.plane.links)
        self.stack.close()
        # Where asyncio's transports are closed: in the turns after.
        for _ in range(3):
            await asyncio.sleep(0)


def hop(sock: socket.socket) -> Hop:
    return Hop(sock.family, sock.getsockname())


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - as cheap as it gets


@pytest.fixture(params=[Engine, ProtocolRelay], ids=["engine", "protocols"])
def kind(request: pytest.FixtureRequest) -> type[DataPlane]:
    """Each plane in turn; a test of one alone says so with `parametrize`."""
    return request.param


@pytest.fixture
def world(kind: type[DataPlane]) -> Iterator[World]:
    """A new world; at its end no descriptor may be left, and nothing may have failed unseen."""
    with asyncio.Runner(loop_factory=MovableLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, MovableLoop)
        before = open_descriptors()
        with contextlib.ExitStack() as stack:
            world = World(kind, loop, stack)
            try:
                yield world
            finally:
                runner.run(world.close())
        assert open_descriptors() == before
        assert not world.unhandled


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test that is a coroutine in the loop of its world."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in inspect.signature(pyfuncitem.obj).parameters}
    pyfuncitem.funcargs["world"].loop.run_until_complete(pyfuncitem.obj(**arguments))
    return True
