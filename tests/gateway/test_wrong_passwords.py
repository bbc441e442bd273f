"""Wrong passwords at the proxy wait for their answers, the longer the more there were; nobody else does."""

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager

import pytest

from dualstack.core.access.wrong_passwords import WAITING_MAX, Guesses
from support.gateway import SOON, Running, ended, run, running, until

PROXY = "[[services]]\nname = 'p'\nlisten = '127.0.0.1:0'\nforward = ['socks5', 'socks4a', 'http', 'http-connect']\n"
PROXY += 'users = {ann = "secret"}\n'


class Told(Guesses):
    """Keeps how long each wrong password would wait, and lets it wait until it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.delays: list[tuple[str, float]] = []
        self.waiting = 0
        self.delay_s = 0.0

    @contextmanager
    def wrong(self, who: str, now: float) -> Iterator[float]:
        with super().wrong(who, now) as delay_s:
            self.delays.append((who, delay_s))
            self.waiting += 1
            yield self.delay_s


def socks5(password: bytes, port: int) -> bytes:
    login = b"\x01\x03ann" + bytes((len(password),)) + password
    return b"\x05\x01\x02" + login + b"\x05\x01\x00\x01\x7f\0\0\1" + port.to_bytes(2, "big")


def connect(password: bytes, port: int) -> bytes:
    said = base64.b64encode(b"ann:" + password).decode()
    return f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\nHost: a\r\nProxy-Authorization: Basic {said}\r\n\r\n".encode()


@asynccontextmanager
async def asking(r: Running, request: bytes) -> AsyncIterator[asyncio.StreamReader]:
    reader, writer = await asyncio.open_connection("127.0.0.1", r.port("p"))
    try:
        writer.write(request)
        yield reader
    finally:
        writer.close()


async def answer(r: Running, request: bytes, size: int) -> bytes:
    async with asking(r, request) as reader, asyncio.timeout(SOON):
        return await reader.readexactly(size)


WRONG, RIGHT = b"\x05\x02\x01\x01", b"\x05\x02\x01\x00\x05\x00"


def guessed(scenario) -> None:  # noqa: ANN001
    async def whole() -> None:
        async with running(PROXY) as r:
            guesses = r.gateway.services["p"].guesses = Told()
            await scenario(r, guesses)
            await ended(r, "p", 0)

    run(whole)


def test_each_wrong_password_of_either_protocol_waits_longer_and_a_right_one_not_at_all() -> None:
    async def scenario(r: Running, guesses: Told) -> None:
        for _ in range(2):
            assert await answer(r, socks5(b"wrong", r.behind), 4) == WRONG
            assert await answer(r, connect(b"wrong", r.behind), 12) == b"HTTP/1.1 407"
        assert [(who, round(delay_s, 1)) for who, delay_s in guesses.delays] == [
            ("127.0.0.1", 0.0),
            ("127.0.0.1", 0.1),
            ("127.0.0.1", 0.2),
            ("127.0.0.1", 0.4),
        ]
        assert await answer(r, socks5(b"secret", r.behind), 6) == RIGHT
        assert len(guesses.delays) == 4

    guessed(scenario)


@pytest.mark.parametrize(
    "request_", [b"\x05\x01\x00", b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", b"\x04\x01\0\x50\1\1\1\1\0"]
)
def test_who_shows_no_password_has_guessed_none(request_: bytes) -> None:
    async def scenario(r: Running, guesses: Told) -> None:
        async with asking(r, request_) as reader, asyncio.timeout(SOON):
            assert await reader.read(9)
        await until(lambda: bool(r.events.of("refused")))
        assert guesses.delays == []

    guessed(scenario)


def test_who_has_the_password_is_served_while_wrong_ones_wait() -> None:
    async def scenario(r: Running, guesses: Told) -> None:
        guesses.delay_s = 3600
        async with asking(r, socks5(b"wrong", r.behind)):
            await until(lambda: guesses.waiting == 1)
            assert await answer(r, socks5(b"secret", r.behind), 6) == RIGHT
            assert await r.gateway.stop_port("p", drain_s=0) == 1

    guessed(scenario)


def test_a_client_with_many_wrong_ones_waiting_guesses_no_more_at_the_same_time() -> None:
    async def scenario(r: Running, guesses: Told) -> None:
        guesses.delay_s = 3600
        async with AsyncExitStack() as stack:
            for _ in range(WAITING_MAX):
                await stack.enter_async_context(asking(r, socks5(b"wrong", r.behind)))
            await until(lambda: guesses.waiting == WAITING_MAX)
            guesses.delay_s = 0
            assert await answer(r, socks5(b"secret", r.behind), 4) == WRONG
            assert await r.gateway.stop_port("p", drain_s=0) == WAITING_MAX

    guessed(scenario)
