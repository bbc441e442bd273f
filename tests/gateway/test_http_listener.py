"""What listens for people is bounded: silent, slow and many clients lock nobody out and take nothing of the relay's."""

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from dualstack.gateway.control.client import request as ask_control
from dualstack.gateway.listeners.http_listener import Application, Bounds, HttpListener, Receive, Scope, Send
from dualstack.kernel.kept_descriptors import KeptDescriptors
from dualstack.net.listen import bind_sockets
from support.crowd import Behind, Limited, Talker, cpu_s, descriptors_of, run_crowd
from support.gateway import Events, run, until

GET = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"
SILENT = 200


async def hello(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


class Served:
    """A listener, what it said, and its port on both loopbacks."""

    def __init__(self, listener: HttpListener, events: Events, port: int) -> None:
        self.listener, self.events, self.port = listener, events, port

    async def connect(self, host: str = "127.0.0.1") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(host, self.port)

    async def get(self, host: str = "127.0.0.1") -> bytes:
        """The answer's last bytes, on a connection of its own."""
        reader, writer = await self.connect(host)
        writer.write(GET)
        try:
            await reader.readuntil(b"\r\n\r\n")
            return await reader.readexactly(5)
        finally:
            writer.close()


@asynccontextmanager
async def serving(bounds: Bounds, application: Application = hello) -> AsyncIterator[Served]:
    sockets, events = bind_sockets("localhost:0"), Events()
    listener = HttpListener("page", application, sockets, bounds, events)
    listener.start()
    try:
        yield Served(listener, events, sockets[0].getsockname()[1])
    finally:
        await listener.close()
        assert listener.connections == 0
        for sock in sockets:
            sock.close()


def bounded(bounds: Bounds, questions: Callable[[Served], Awaitable[None]], application: Application = hello) -> None:
    async def scenario() -> None:
        async with serving(bounds, application) as served:
            await questions(served)

    run(scenario)


def test_silent_connections_make_room_for_who_asks_the_oldest_first() -> None:
    async def questions(served: Served) -> None:
        silent = [await served.connect() for _ in range(20)]
        assert await served.get() == b"hello"
        assert served.listener.connections <= 8
        for reader, _ in silent[:12]:
            assert await reader.read() == b""
        newest = silent[-1]
        newest[1].write(GET)
        assert (await newest[0].readline()).startswith(b"HTTP/1.1 200")
        assert served.events.of("crowded")
        for _, writer in silent:
            writer.close()

    bounded(Bounds(8, 8), questions)


def test_a_client_with_all_it_may_have_ends_its_own_and_nobody_elses() -> None:
    async def questions(served: Served) -> None:
        other, others = await served.connect("::1")
        silent = [await served.connect() for _ in range(30)]
        await until(lambda: len(served.events.of("crowded")) >= 10)
        others.write(GET)
        assert (await other.readline()).startswith(b"HTTP/1.1 200")
        assert "of one client" in str(served.events.of("crowded")[0]["why"])
        for _, writer in [*silent, (other, others)]:
            writer.close()

    bounded(Bounds(8, 4), questions)


def test_who_is_being_answered_is_not_ended_and_newcomers_wait_for_it() -> None:
    go_on = asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await go_on.wait()
        await hello(scope, receive, send)

    async def questions(served: Served) -> None:
        first = [asyncio.create_task(served.get()) for _ in range(4)]
        await until(lambda: served.listener.connections == 4)
        later = asyncio.create_task(served.get("::1"))
        await until(lambda: bool(served.events.of("crowded")))
        assert not any(task.done() for task in (*first, later))
        go_on.set()
        assert await asyncio.gather(*first, later) == [b"hello"] * 5

    bounded(Bounds(4, 4), questions, slow)


@pytest.mark.parametrize("said", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nhost: x\r\n"])
def test_a_head_that_is_not_whole_in_time_is_waited_for_no_more(said: bytes) -> None:
    async def questions(served: Served) -> None:
        reader, writer = await served.connect()
        writer.write(said)
        assert await reader.read() == b""
        writer.close()

    bounded(Bounds(head_s=0.05), questions)


def test_bytes_that_come_one_by_one_win_no_time() -> None:
    async def questions(served: Served) -> None:
        _, writer = await served.connect()
        await until(lambda: served.listener.connections == 1)
        while served.listener.connections:
            writer.write(b"G")
            await asyncio.sleep(0)
        writer.close()

    bounded(Bounds(head_s=0.1), questions)


def test_the_next_request_on_a_connection_has_its_time_too() -> None:
    async def questions(served: Served) -> None:
        reader, writer = await served.connect()
        for _ in range(2):
            writer.write(GET)
            await reader.readuntil(b"hello")
        writer.write(b"GET")
        assert await reader.read() == b""
        writer.close()

    bounded(Bounds(head_s=0.3), questions)


def test_requests_that_come_at_once_are_answered_one_after_the_other() -> None:
    async def questions(served: Served) -> None:
        reader, writer = await served.connect()
        writer.write(GET * 50)
        for _ in range(50):
            await reader.readuntil(b"hello")
        writer.close()

    bounded(Bounds(), questions)


def test_an_answer_that_nobody_takes_is_ended() -> None:
    ended = asyncio.Event()

    async def large(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(64):
            await send({"type": "http.response.body", "body": bytes(1 << 20), "more_body": True})
        ended.set()

    async def questions(served: Served) -> None:
        with socket.create_connection(("127.0.0.1", served.port)) as client:
            client.sendall(GET)
            await until(lambda: served.listener.connections == 1)
            await until(lambda: served.listener.connections == 0)
            await ended.wait()

    bounded(Bounds(answer_s=0.2), questions, large)


def test_more_requests_than_so_many_a_second_wait_their_turn() -> None:
    async def questions(served: Served) -> None:
        reader, writer = await served.connect()
        writer.write(GET * 5)
        for _ in range(4):
            await reader.readuntil(b"hello")
        # The fifth's turn is a second away, and it is ended when it has not been answered in time.
        assert await reader.read() == b""
        writer.close()

    bounded(Bounds(answer_s=0.5, requests_per_s=1.0), questions)


@pytest.mark.parametrize(
    ("descriptors", "connections", "per_client"), [(None, 64, 32), (1 << 20, 64, 32), (256, 16, 8), (64, 4, 4)]
)
def test_where_descriptors_are_few_so_are_connections(
    descriptors: int | None, connections: int, per_client: int
) -> None:
    bounds = Bounds(answer_s=7.0).within(descriptors)
    assert (bounds.connections, bounds.per_client, bounds.answer_s) == (connections, per_client, 7.0)


def test_a_reserve_lends_what_it_keeps_and_keeps_what_comes_back() -> None:
    before = descriptors_of(os.getpid())

    def kept() -> int:
        return descriptors_of(os.getpid()) - before

    reserve = KeptDescriptors(2)
    assert kept() == 2
    assert [reserve.lend(), reserve.lend(), reserve.lend()] == [True, True, False]
    assert kept() == 0
    reserve.returned()
    assert kept() == 1
    reserve.let_go()
    assert kept() == 0
    assert reserve.keep()
    assert kept() == 1
    reserve.let_go()


CONFIG = """
page = 0
[[services]]
name = "relay"
listen = "127.0.0.1:0"
to = "127.0.0.1:{behind}"
"""


@asynccontextmanager
async def limited(tmp_path: Path, descriptors: int) -> AsyncIterator[tuple[Limited, int, str]]:
    """A gateway with so many descriptors, the port of its page, and the path of its control socket."""
    config, control = tmp_path / "gateway.toml", str(tmp_path / "c")
    async with Behind.echo() as behind:
        config.write_text(CONFIG.format(behind=behind.port) + "drain = 0\n")
        program = Limited(descriptors, "gateway", "--config", config, "--control", control)
        program._argv = [word for word in program._argv if word not in {"--drain", "0"}]
        with program as gateway:
            (ready,) = [json.loads(line) for line in gateway.out.said if '"ready"' in line]
            address = next(each for each in ready["page"] if "127.0.0.1" in each)
            yield gateway, int(address.rstrip("/").rpartition(":")[2]), control


async def fetched(port: int, path: bytes = b"/metrics") -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET %s HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n" % path)
    try:
        return await asyncio.wait_for(reader.read(), 20)
    finally:
        writer.close()


def test_silent_viewers_take_no_descriptor_of_the_relays(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with limited(tmp_path, 256) as (gateway, page, _):
            before = descriptors_of(gateway.pid)
            silent = [await asyncio.open_connection("127.0.0.1", page) for _ in range(SILENT)]
            assert b" 200 OK" in await fetched(page)
            assert descriptors_of(gateway.pid) <= before
            talkers = [await Talker.open(gateway.port) for _ in range(60)]
            for talker in talkers:
                await talker.ask()
                await talker.close()
            for _, writer in silent:
                writer.close()
            assert not [line for line in gateway.err.said if "descriptors short" in line or "Traceback" in line]

    run_crowd(scenario)


def test_a_relay_without_a_descriptor_left_still_answers_who_looks_after_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with limited(tmp_path, 96) as (gateway, page, control):
            clients = [await asyncio.open_connection("127.0.0.1", gateway.port) for _ in range(120)]
            await asyncio.to_thread(gateway.err.until, "descriptors short")
            before_s = cpu_s(gateway.pid)
            for path in (b"/", b"/metrics", b"/snapshot.json", b"/style.css"):
                assert b" 200 OK" in await fetched(page, path)
            silent = [await asyncio.open_connection("127.0.0.1", page) for _ in range(40)]
            while b"dualstack_descriptors_short 1.0" not in await fetched(page):
                pass
            answer = await asyncio.to_thread(ask_control, control, "list")
            assert str(answer["ports"][0]["state"]) == "listening"  # type: ignore[index]
            await asyncio.to_thread(ask_control, control, "stop", "relay")
            await asyncio.to_thread(ask_control, control, "start", "relay")
            sys_share = cpu_s(gateway.pid) - before_s
            assert sys_share < 5.0
            for _, writer in [*clients, *silent]:
                writer.close()
            talker = await Talker.open(gateway.port)
            await talker.ask()
            await talker.close()
        lines = gateway.err.rest().splitlines()
        assert not [line for line in lines if "Traceback" in line or not line.startswith("20")]
        assert len(lines) < 60

    run_crowd(scenario)


def test_a_listener_that_ends_lets_an_answer_be_taken_and_silent_ones_go() -> None:
    begun = asyncio.Event()
    go_on = asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        begun.set()
        await go_on.wait()
        await hello(scope, receive, send)

    async def scenario() -> None:
        async with serving(Bounds(), slow) as served:
            silent, writer = await served.connect()
            answer = asyncio.create_task(served.get())
            await begun.wait()
            closing = asyncio.create_task(served.listener.close())
            assert await silent.read() == b""
            go_on.set()
            assert await answer == b"hello"
            await closing
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    run(scenario)
