"""What asyncio adds to a connection: streams, TLS that decides the race, cancellation at any point (X2)."""

import asyncio
import errno
import gc
import os
import random
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from time import monotonic

import pytest

import dualstack
from dualstack import Dialer, DialError, DialRefused, DialTimedOut
from dualstack.net.dial.asyncio_handshake import HandshakeDriver
from dualstack.net.dial.prepare import prepare
from dualstack.net.dial.target import read_target
from support.dialling import Resolver, Servers, descriptors, nothing_left_open
from support.free_port import free_port
from support.tls import client_context, server_context

# By hand, with more of it: DUALSTACK_TEST_DIALS=10000 pytest tests/kernel/test_dial_async.py
DIALS = int(os.environ.get("DUALSTACK_TEST_DIALS", "300"))


@pytest.fixture
def servers() -> Iterator[Servers]:
    with Servers() as made:
        yield made


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Awaitable[object]], object]:
    """Runs a coroutine; at its end no task and no descriptor is left."""

    def ran(coroutine: Awaitable[object]) -> object:
        if request.param == "uvloop":
            import uvloop

            factory = uvloop.new_event_loop
        else:
            factory = asyncio.new_event_loop

        async def checked() -> object:
            await warm_up()
            before = descriptors()
            result = await coroutine
            # What a transport closes it closes on the loop's next turns.
            for _ in range(5):
                await asyncio.sleep(0)
            assert asyncio.all_tasks() == {asyncio.current_task()}
            assert descriptors() == before
            return result

        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(checked())

    return ran


async def warm_up() -> None:
    """Have the loop open what it needs itself: libuv keeps a descriptor in reserve from its first stream on."""
    ours, theirs = socket.socketpair()
    with theirs:
        _, writer = await asyncio.open_connection(sock=ours)
        writer.transport.abort()
        await asyncio.sleep(0)
    await asyncio.sleep(0)


def named(**options: object) -> Dialer:
    resolver = Resolver({"tls.example": {4: ["127.0.0.1"], 6: ["::1"]}, "mail.example": {4: None, 6: None}})
    return Dialer(resolver=resolver, attempt_delay=0.010, history=None, **options)


async def _greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say hello, and stay until the client leaves."""
    with suppress(OSError):
        writer.write(b"hello\n")
        await reader.read()
    writer.close()


@asynccontextmanager
async def greeter(*addresses: str, ssl: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Servers that say hello, on one port number."""
    port = free_port()
    async with AsyncExitStack() as stack:
        for address in addresses:
            server = await asyncio.start_server(_greet, address, port, ssl=ssl)
            stack.push_async_callback(server.wait_closed)
            stack.callback(server.close)
        yield port


async def hello(port: int, host: str = "tls.example", **options: object) -> tuple[bytes, str]:
    """What a greeter says, and over which address."""
    reader, writer = await dualstack.open_connection(host, port, timeout=20, **options)
    peer = writer.get_extra_info("peername")[0]
    line = await reader.readline()
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return line, peer


def test_streams(run: Callable[..., object]) -> None:
    async def main() -> tuple[bytes, str]:
        async with greeter("::1", "127.0.0.1") as port:
            return await hello(port, dialer=named())

    assert run(main()) == (b"hello\n", "::1")


def test_streams_by_a_dialler_of_ones_own(run: Callable[..., object]) -> None:
    async def main() -> bytes:
        async with greeter("127.0.0.1") as port:
            reader, writer = await named().open_connection("tls.example", port, timeout=20)
            line = await reader.readline()
            writer.close()
            return line

    assert run(main()) == b"hello\n"


def test_tls_over_a_name_shows_the_names_certificate(run: Callable[..., object]) -> None:
    async def main() -> tuple[bytes, str]:
        async with greeter("::1", "127.0.0.1", ssl=server_context()) as port:
            return await hello(port, ssl=client_context(), dialer=named())

    assert run(main()) == (b"hello\n", "::1")


def test_tls_over_a_name_with_the_roots_dot_shows_the_names_certificate(run: Callable[..., object]) -> None:
    async def main() -> tuple[bytes, str]:
        async with greeter("127.0.0.1", ssl=server_context()) as port:
            return await hello(port, "localhost.", ssl=client_context(), dialer=named())

    assert run(main()) == (b"hello\n", "127.0.0.1")


def test_tls_over_several_addresses_shows_the_certificate_of_the_first(run: Callable[..., object]) -> None:
    async def main() -> tuple[bytes, str]:
        async with greeter("127.0.0.1", ssl=server_context()) as port:
            return await hello(port, ["::1", "127.0.0.1"], ssl=client_context(), dialer=named())

    assert run(main()) == (b"hello\n", "127.0.0.1")


def test_tls_over_a_literal_shows_the_addresss_certificate(run: Callable[..., object]) -> None:
    async def main() -> tuple[bytes, str]:
        async with greeter("::1", ssl=server_context()) as port:
            return await hello(port, "::1", ssl=client_context(), dialer=named())

    assert run(main()) == (b"hello\n", "::1")


def test_a_server_that_never_shakes_hands_loses_to_one_that_does(run: Callable[..., object], servers: Servers) -> None:
    servers.accept("::1")  # the kernel accepts, and nobody answers

    async def main() -> tuple[bytes, str]:
        server = await asyncio.start_server(_greet, "127.0.0.1", servers.port, ssl=server_context())
        try:
            return await hello(servers.port, ssl=client_context(), dialer=named())
        finally:
            server.close()

    assert run(main()) == (b"hello\n", "127.0.0.1")


def test_a_server_that_talks_no_tls_is_left_behind_at_once(run: Callable[..., object]) -> None:
    async def main() -> tuple[bytes, str]:
        async with greeter("::1") as port:
            server = await asyncio.start_server(_greet, "127.0.0.1", port, ssl=server_context())
            try:
                dialer = Dialer(resolver=named().resolver, attempt_delay=60, history=None)
                return await hello(port, ssl=client_context(), dialer=dialer)
            finally:
                server.close()

    assert run(main()) == (b"hello\n", "127.0.0.1")


def test_a_certificate_of_another_name_is_an_error_of_every_address(run: Callable[..., object]) -> None:
    async def main() -> DialError:
        async with greeter("::1", "127.0.0.1", ssl=server_context()) as port:
            with pytest.raises(DialError) as caught:
                await hello(port, ssl=client_context(), server_hostname="other.example", dialer=named())
            return caught.value

    error = run(main())
    assert error.errno == errno.EPROTO
    assert [address for address, _ in error.attempts] == ["::1", "127.0.0.1"]
    assert "certificate verify failed" in str(error)


def test_handshakes_that_last_too_long_end_at_the_deadline(run: Callable[..., object], servers: Servers) -> None:
    servers.accept("::1", "127.0.0.1")

    async def main() -> None:
        with pytest.raises(DialTimedOut):
            await dualstack.open_connection(
                "tls.example", servers.port, ssl=client_context(), timeout=0.1, dialer=named()
            )

    run(main())


def test_a_refused_connection_by_streams(run: Callable[..., object], servers: Servers) -> None:
    servers.accept("127.0.0.9")

    async def main() -> None:
        for context in (None, client_context()):
            with pytest.raises(DialRefused):
                await dualstack.open_connection("::1", servers.port, ssl=context, timeout=20, dialer=named())

    run(main())


def test_cancelled_while_it_looks_up(run: Callable[..., object]) -> None:
    async def main() -> None:
        dialer = named()
        with dialer.resolver:
            task = asyncio.create_task(dualstack.connect("mail.example", 80, dialer=dialer))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    run(main())


def test_cancelled_while_it_connects(run: Callable[..., object], servers: Servers) -> None:
    servers.silent("::1", "127.0.0.1")
    begun = threading.Event()

    async def main() -> None:
        steps: list[dualstack.DialStep] = []

        def on_step(step: dualstack.DialStep) -> None:
            steps.append(step)
            if step.kind == "attempt":
                begun.set()

        dialer = named()
        task = asyncio.create_task(dualstack.connect("tls.example", servers.port, dialer=dialer, on_step=on_step))
        await asyncio.to_thread(begun.wait, 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert steps[-1].kind == "cancelled"

    run(main())


def test_cancelled_while_the_handshakes_that_lost_end(servers: Servers) -> None:
    """What was won has nobody left to take it, and is closed."""
    servers.accept("::1", "127.0.0.1")
    won: list[asyncio.StreamWriter] = []

    async def make(sock: socket.socket) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if sock.family == socket.AF_INET:
            reader, writer = await asyncio.open_connection(sock=sock)
            won.append(writer)
            return reader, writer
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(3600)  # a transport that takes long to close
        raise AssertionError

    async def main() -> None:
        policy = named()
        target = read_target(["::1", "127.0.0.1"], servers.port)
        prepared = prepare(target, policy.outlet, policy, monotonic())
        driver = HandshakeDriver(prepared, servers.port, policy.outlet, make)
        task = asyncio.create_task(driver.streams())
        async with asyncio.timeout(20):
            while not driver._ending:  # noqa: ASYNC110 - nobody tells of it
                await asyncio.sleep(0)
        assert not won[0].transport.is_closing()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert won[0].transport.is_closing()
        (left,) = driver._ending
        left.cancel()
        await asyncio.wait([left])

    asyncio.run(main())


class Proactor(asyncio.SelectorEventLoop):
    """A loop that watches no socket of others, as asyncio's on Windows."""

    def add_writer(self, *_arguments: object) -> None:
        raise NotImplementedError

    def remove_writer(self, *_arguments: object) -> bool:
        raise NotImplementedError


def test_a_loop_that_watches_no_sockets_does_too(servers: Servers) -> None:
    servers.silent("::1")
    servers.accept("127.0.0.1")

    async def main() -> None:
        with await dualstack.connect("tls.example", servers.port, dialer=named(), timeout=20) as sock:
            assert sock.getpeername()[0] == "127.0.0.1"
        with pytest.raises(DialTimedOut):
            await dualstack.connect("::1", servers.port, timeout=0.05)
        await asyncio.sleep(0)

    with nothing_left_open(), asyncio.Runner(loop_factory=Proactor) as runner:
        runner.run(main())


def test_a_literal_cancelled_while_it_connects(run: Callable[..., object], servers: Servers) -> None:
    servers.silent("::1")

    async def main() -> None:
        task = asyncio.create_task(dualstack.connect("::1", servers.port))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(main())


def test_cancelled_before_it_begins(run: Callable[..., object], servers: Servers) -> None:
    servers.accept("::1")

    async def main() -> None:
        task = asyncio.create_task(dualstack.connect("::1", servers.port))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(main())


def test_an_answer_after_the_loop_has_closed_is_dropped() -> None:
    dialer = named()
    with dialer.resolver, pytest.raises(DialTimedOut):
        asyncio.run(dualstack.connect("mail.example", 80, timeout=0.01, dialer=dialer))


@pytest.mark.timeout(120 + DIALS / 20)
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_cancelled_at_random_points_and_won_twice_no_descriptor_is_left(servers: Servers, loop: str) -> None:
    """Both addresses answer within microseconds of each other, and a third of the callers are gone by then."""
    servers.accept("::1", "127.0.0.1", backlog=4096)
    chance = random.Random(4)  # noqa: S311 - the same points each time
    tls = [client_context(), None, None]

    async def one(number: int) -> None:
        dialer = dialers[number % 2]
        if tls[number % 3] is None:
            call = dualstack.connect("tls.example", servers.port, dialer=dialer, timeout=20)
        else:
            call = dualstack.open_connection(
                "tls.example", servers.port, dialer=dialer, ssl=tls[number % 3], timeout=0.05
            )
        task = asyncio.create_task(call)
        for _ in range(chance.randrange(12)):
            await asyncio.sleep(0)
        if chance.random() < 0.5:
            task.cancel()
        with suppress(asyncio.CancelledError, DialError):
            made = await task
            if isinstance(made, socket.socket):
                made.close()
            else:
                made[1].transport.abort()

    async def main() -> None:
        await warm_up()
        before = descriptors()
        for start in range(0, DIALS, 20):
            await asyncio.gather(*(one(number) for number in range(start, min(start + 20, DIALS))))
            await _accept_all(servers)
        for _ in range(10):
            await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert descriptors() == before

    # A delay that is over before the first answer: both connections are under way, and both succeed.
    dialers = [named(), named(first_family_count=2)]
    factory = asyncio.new_event_loop
    if loop == "uvloop":
        import uvloop

        factory = uvloop.new_event_loop
    gc.collect()
    gc.disable()
    try:
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(main())
    finally:
        gc.enable()


async def _accept_all(servers: Servers) -> None:
    for listener in servers.listening.values():
        listener.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                listener.accept()[0].close()


def test_a_winner_whose_caller_is_gone_is_closed(servers: Servers) -> None:
    servers.accept("::1", "127.0.0.1")

    async def won_then_cancelled() -> None:
        connected: list[dualstack.DialStep] = []

        def on_step(step: dualstack.DialStep) -> None:
            if step.kind == "connected":
                connected.append(step)
                task.cancel()

        task = asyncio.create_task(dualstack.connect("tls.example", servers.port, dialer=named(), on_step=on_step))
        with pytest.raises(asyncio.CancelledError):
            await task
        assert connected

    with nothing_left_open():
        asyncio.run(won_then_cancelled())
