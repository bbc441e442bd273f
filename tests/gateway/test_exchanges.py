"""Plain HTTP through the proxy: each request where it belongs, and no byte of it anywhere else."""

import asyncio
import base64
import random
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from math import inf

import pytest

from dualstack.gateway.config.toml import parse
from dualstack.gateway.forward.exchange import Exchange
from dualstack.gateway.forward.exchange_link import ExchangeLink
from dualstack.gateway.processes.gateway import Gateway
from dualstack.gateway.relay.stream.asyncio_relay import ProtocolRelay
from dualstack.wire.http1 import Plain, Sized
from support.gateway import SOON, Events, Running, ended, run, running, until
from support.sites import Answer, Site


def proxy(**more: str) -> str:
    lines = "".join(f"{key} = {value}\n" for key, value in more.items())
    return "[[services]]\nname = 'p'\nlisten = '127.0.0.1:0'\nforward = ['http', 'http-connect', 'socks5']\n" + lines


def get(site: Site, *fields: str, path: str = "/", method: str = "GET", version: str = "1.1") -> bytes:
    lines = (
        f"{method} http://127.0.0.1:{site.port}{path} HTTP/{version}",
        f"Host: 127.0.0.1:{site.port}",
        *fields,
    )
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


class Client:
    """One connection to the proxy, with a reader of responses."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def say(self, content: bytes) -> None:
        self.writer.write(content)

    async def head(self) -> bytes:
        async with asyncio.timeout(SOON):
            return await self.reader.readuntil(b"\r\n\r\n")

    async def response(self) -> tuple[bytes, bytes]:
        head = await self.head()
        size = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
        async with asyncio.timeout(SOON):
            return head, await self.reader.readexactly(size)

    async def rest(self) -> bytes:
        async with asyncio.timeout(SOON):
            return await self.reader.read()


@asynccontextmanager
async def client(r: Running) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", r.port("p"))
    try:
        yield Client(reader, writer)
    finally:
        writer.close()


def exchanged(scenario, *answers: Answer, **more: str) -> None:  # noqa: ANN001
    """Run it with a proxy and a site for each answer; with no answers one that counts."""

    async def whole() -> None:
        async with AsyncExitStack() as stack:
            sites = [await stack.enter_async_context(Site(f"s{n}", each)) for n, each in enumerate(answers)]
            sites = sites or [await stack.enter_async_context(Site())]
            r = await stack.enter_async_context(running(proxy(**more)))
            await scenario(r, *sites)
            await ended(r, "p", 0)
            await until(lambda: not any(site.open for site in sites))

    run(whole)


def says(response: bytes) -> Answer:
    """Answers this and stays open."""

    async def answer(_site: Site, _reader: object, writer: asyncio.StreamWriter, _head: bytes) -> None:
        writer.write(response)

    return answer


def test_a_thousand_keep_alive_exchanges_with_three_servers_each_go_where_they_belong() -> None:
    order = random.Random(10)  # noqa: S311 - any order will do

    async def scenario() -> None:
        async with Site("a") as a, Site("b") as b, Site("c") as c, running(proxy()) as r, client(r) as asking:
            asked: dict[Site, int] = {a: 0, b: 0, c: 0}
            for number in range(1000):
                site = order.choice([a, b, c])
                asked[site] += 1
                asking.say(get(site, f"Cookie: of={site.name}", path=f"/{number}"))
                head, body = await asking.response()
                assert head.startswith(b"HTTP/1.1 200 OK\r\n")
                assert b"connection" not in head.lower()
                assert body == f"{site.name} {asked[site]}".encode()
            for site, count in asked.items():
                assert len(site.heads) == len(site.raw) == count, "each request had a connection of its own"
                assert all(f"Cookie: of={site.name}\r\n".encode() in head for head in site.heads)
            asking.writer.close()
            await ended(r, "p", 0)

    run(scenario)


def test_the_next_request_on_a_connection_goes_to_its_own_server_with_its_secrets() -> None:
    async def scenario(r: Running, a: Site, b: Site) -> None:
        async with client(r) as asking:
            asking.say(get(a))
            assert await asking.response()
            asking.say(get(b, "Cookie: secret=b", f"Proxy-Authorization: {login('ann:secret')}"))
            assert (await asking.response())[1] == b"b"
            assert b"secret" not in b"".join(a.raw)
            assert b"Proxy-Authorization" not in b"".join(b.raw)

    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n"
    exchanged(scenario, says(answer + b"a"), says(answer + b"b"))


def login(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


def test_each_request_on_a_connection_shows_its_password() -> None:
    async def scenario(r: Running, site: Site) -> None:
        async with client(r) as asking:
            asking.say(get(site, f"Proxy-Authorization: {login('ann:secret')}"))
            assert b" 200 " in (await asking.response())[0]
            asking.say(get(site))
            assert (await asking.head()).startswith(b"HTTP/1.1 407 ")
            assert len(site.heads) == 1

    exchanged(scenario, users='{ann = "secret"}')


def test_each_request_on_a_connection_is_judged() -> None:
    async def scenario(r: Running, site: Site) -> None:
        async with client(r) as asking:
            asking.say(get(site))
            assert b" 200 " in (await asking.response())[0]
            asking.say(b"GET http://127.0.0.2/ HTTP/1.1\r\nHost: a\r\n\r\n")
            assert (await asking.head()).startswith(b"HTTP/1.1 403 ")
        await until(lambda: bool(r.events.of("refused")))
        assert "rule `deny 127.0.0.2` denies it" in str(r.events.of("refused")[0]["why"])

    exchanged(scenario, reach='["deny 127.0.0.2", "allow any"]')


def test_two_requests_that_come_at_once_go_to_two_servers() -> None:
    async def scenario(r: Running, a: Site, b: Site) -> None:
        async with client(r) as asking:
            posted = get(a, "Content-Length: 5", method="POST")
            asking.say(posted + b"12345" + get(b) + b"\r\n" + get(a))
            assert [(await asking.response())[1] for _ in range(3)] == [b"a", b"b", b"a"]
            assert [bytes(raw)[-5:] for raw in a.raw] == [b"12345", b"e\r\n\r\n"]
            assert len(b.heads) == 1

    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n"

    async def reads(site: Site, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
        if head.startswith(b"POST"):
            await reader.readexactly(5)
        writer.write(answer + site.name.replace("s0", "a").encode())

    exchanged(scenario, reads, says(answer + b"b"))


CHUNKED = b"5;a=b\r\nhello\r\n0\r\nX-Trailer: 1\r\n\r\n"


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        (("Content-Length: 5",), b"hello"),
        (("Content-Length: 5, 5",), b"hello"),
        (("Content-Length: 5", "Content-Length: 5"), b"hello"),
        (("Content-Length: 0",), b""),
        ((), b""),
        (("Transfer-Encoding: chunked",), CHUNKED),
        (("Transfer-Encoding: chunked",), b"0\r\n\r\n"),
    ],
)
@pytest.mark.parametrize("size", [1, 7, 1 << 16])
def test_a_body_goes_up_by_its_own_framing_and_not_a_byte_more(fields: tuple[str, ...], body: bytes, size: int) -> None:
    async def scenario(r: Running, a: Site, b: Site) -> None:
        async with client(r) as asking:
            request = get(a, *fields, method="POST")
            said = request + body + get(b)
            for at in range(0, len(said), size):
                asking.say(said[at : at + size])
                await asking.writer.drain()
                await asyncio.sleep(0)
            assert (await asking.response())[1] == b"a"
            assert (await asking.response())[1] == b"b"
            assert bytes(a.raw[0]).endswith(b"\r\n\r\n" + body)
            assert len(a.raw) == len(b.raw) == 1

    async def reads(_site: Site, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _head: bytes) -> None:
        await reader.readexactly(len(body))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na")

    exchanged(scenario, reads, says(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb"))


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        (("Content-Length: 5", "Content-Length: 6"), b"hello!"),
        (("Content-Length: 5, 6",), b"hello!"),
        (("Content-Length: +5",), b"hello"),
        (("Content-Length: 5", "Transfer-Encoding: chunked"), CHUNKED),
        (("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), CHUNKED),
        (("Transfer-Encoding: gzip, chunked",), CHUNKED),
        (("Transfer-Encoding: chunked",), b"5\nhello\r\n0\r\n\r\n"),
        (("Transfer-Encoding: chunked",), b"5;\nhello\r\n0\r\n\r\n"),
        (("Transfer-Encoding: chunked",), b"0x5\r\nhello\r\n0\r\n\r\n"),
        (("Transfer-Encoding: chunked",), b"5\r\nhelloGET / HTTP/1.1\r\n"),
        (("Transfer-Encoding: chunked",), b"0\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        (("Transfer-Encoding: chunked",), b"5;" + b"a" * 2000),
    ],
)
def test_a_body_that_could_end_in_two_places_is_refused(fields: tuple[str, ...], body: bytes) -> None:
    async def scenario(r: Running, site: Site) -> None:
        async with client(r) as asking:
            asking.say(get(site, *fields, method="POST"))
            await asyncio.sleep(0)
            asking.say(body + get(site, path="/smuggled"))
            assert (await asking.rest()).startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 501 "))
            assert b"smuggled" not in b"".join(site.raw)
        await until(lambda: len(r.events.of("refused")) == 1)

    async def waits(_site: Site, reader: asyncio.StreamReader, _writer: object, _head: bytes) -> None:
        await reader.read()

    exchanged(scenario, waits)


@pytest.mark.parametrize(
    ("asked", "response", "got", "stays"),
    [
        ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", b"ab", True),
        ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabHTTP/1.1 200 smuggled\r\n\r\n", b"ab", True),
        ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nab", b"ab", True),
        ("GET", b"HTTP/1.1 200 OK\nContent-Length: 2\n\nab", b"ab", True),
        ("GET", b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nab", b"ab", True),
        ("GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", None, True),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n", b"", True),
        ("GET", b"HTTP/1.1 204 No Content\r\nContent-Length: 9\r\n\r\n", b"", True),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", b"", True),
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", b"", True),
        ("HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"", True),
    ],
)
def test_a_response_ends_by_its_own_framing_though_its_server_stays(
    asked: str,
    response: bytes,
    got: bytes | None,
    stays: bool,  # noqa: FBT001
) -> None:
    async def scenario(r: Running, site: Site, other: Site) -> None:
        async with client(r) as asking:
            asking.say(get(site, method=asked))
            head = await asking.head()
            body = b"2\r\nab\r\n0\r\n\r\n" if got is None else got
            async with asyncio.timeout(SOON):
                assert await asking.reader.readexactly(len(body)) == body
            assert (b"Connection: close" not in head) is stays
            asking.say(get(other))
            assert (await asking.response())[1] == b"b"
            await until(lambda: site.open == 0)

    exchanged(scenario, says(response), says(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb"))


@pytest.mark.parametrize(
    "response",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2, 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA : b\r\n folded\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
    ],
)
def test_a_response_that_could_end_in_two_places_is_none(response: bytes) -> None:
    async def scenario(r: Running, _site: Site) -> None:
        async with client(r) as asking:
            asking.say(get(_site))
            got = await asking.rest()
            assert got.startswith(b"HTTP/1.1 502 Bad Gateway\r\n")
            assert b"Connection: close" in got
        await until(lambda: len(r.events.of("unreached")) == 1)

    exchanged(scenario, says(response))


def test_a_response_that_ends_with_its_connection_ends_the_clients() -> None:
    async def answer(_site: Site, _reader: object, writer: asyncio.StreamWriter, _head: bytes) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 100_000)
        writer.close()

    async def scenario(r: Running, site: Site) -> None:
        async with client(r) as asking:
            asking.say(get(site))
            head, _, body = (await asking.rest()).partition(b"\r\n\r\n")
            assert head.endswith(b"\r\nConnection: close")
            assert body == b"x" * 100_000

    exchanged(scenario, answer)


def test_what_is_no_http_goes_through_and_is_the_last() -> None:
    async def answer(_site: Site, _reader: object, writer: asyncio.StreamWriter, _head: bytes) -> None:
        writer.write(b"ICY 200 OK\r\nicy-name: a\r\n\r\nmusic")
        writer.close()

    async def scenario(r: Running, site: Site) -> None:
        async with client(r) as asking:
            asking.say(get(site))
            assert await asking.rest() == b"ICY 200 OK\r\nicy-name: a\r\n\r\nmusic"

    exchanged(scenario, answer)


def test_a_server_that_leaves_without_an_answer_is_a_bad_gateway() -> None:
    async def scenario(r: Running, site: Site) -> None:
        async with client(r) as asking:
            asking.say(get(site))
            assert (await asking.rest()).startswith(b"HTTP/1.1 502 ")
        await until(lambda: bool(r.events.of("unreached")))
        assert "without a whole answer" in str(r.events.of("unreached")[0]["why"])

    async def leaves(_site: Site, _reader: object, writer: asyncio.StreamWriter, _head: bytes) -> None:
        writer.close()

    exchanged(scenario, leaves)


def test_a_client_that_waits_to_be_told_to_go_on_is_told() -> None:
    async def answer(_site: Site, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _head: bytes) -> None:
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        await reader.readexactly(5)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na")

    async def scenario(r: Running, site: Site) -> None:
        async with client(r) as asking:
            for _ in range(2):
                asking.say(get(site, "Content-Length: 5", "Expect: 100-continue", method="PUT"))
                assert (await asking.head()).startswith(b"HTTP/1.1 100 ")
                asking.say(b"hello")
                assert (await asking.response())[1] == b"a"

    exchanged(scenario, answer)


def test_a_server_that_answers_before_the_body_is_there_ends_the_exchange() -> None:
    async def scenario(r: Running, site: Site) -> None:
        async with client(r) as asking:
            asking.say(get(site, "Content-Length: 1000000", method="PUT") + b"x" * 5000)
            head, _, body = (await asking.rest()).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 413 ")
            assert head.endswith(b"\r\nConnection: close")
            assert body == b"big"

    exchanged(scenario, says(b"HTTP/1.1 413 Too Big\r\nContent-Length: 3\r\n\r\nbig"))


def test_a_body_that_never_ends_goes_up_until_its_client_leaves() -> None:
    async def scenario(r: Running, site: Site) -> None:
        async with client(r) as asking:
            asking.say(get(site, "Transfer-Encoding: chunked", method="POST"))
            for _ in range(50):
                asking.say(b"3e8\r\n" + b"x" * 1000 + b"\r\n")
                await asking.writer.drain()
            await until(lambda: bool(site.raw) and len(site.raw[0]) > 50_000)
        await until(lambda: site.open == 0)

    async def reads(_site: Site, reader: asyncio.StreamReader, _writer: object, _head: bytes) -> None:
        while await reader.read(1000):
            pass

    exchanged(scenario, reads)


def test_an_upgrade_goes_to_no_server_which_answers_as_if_it_had_not_been_asked_for() -> None:
    async def scenario(r: Running, site: Site) -> None:
        async with client(r) as asking:
            asking.say(get(site, "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"))
            assert (await asking.response())[1] == b"site 1"
            assert b"upgrade" not in site.heads[0].lower()
            assert b"Connection: close\r\n" in site.heads[0]

    exchanged(scenario)


@pytest.mark.parametrize("fields", [("Connection: close",), ("Proxy-Connection: close",)])
def test_a_client_that_means_to_close_is_closed(fields: tuple[str, ...]) -> None:
    async def scenario(r: Running, site: Site) -> None:
        async with client(r) as asking:
            asking.say(get(site, *fields))
            head, _, body = (await asking.rest()).partition(b"\r\n\r\n")
            assert head.endswith(b"\r\nConnection: close")
            assert body == b"site 1"

    exchanged(scenario)


def test_a_client_of_the_old_version_gets_one_answer_and_no_interim_one() -> None:
    async def scenario(r: Running, site: Site) -> None:
        async with client(r) as asking:
            asking.say(get(site, version="1.0") + get(site, version="1.0"))
            got = await asking.rest()
            assert got.startswith(b"HTTP/1.1 200 OK\r\n")
            assert got.endswith(b"Connection: close\r\n\r\nab")
            assert len(site.heads) == 1

    exchanged(scenario, says(b"HTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab"))


def test_what_connection_names_stays_between_the_server_and_the_proxy() -> None:
    response = b"HTTP/1.1 200 OK\r\nConnection: X-Own, Content-Length, close\r\nX-Own: 1\r\nKeep-Alive: timeout=9\r\n"
    response += b"Proxy-Authenticate: Basic\r\nX-Kept: 2\r\nContent-Length: 1\r\n\r\na"

    async def scenario(r: Running, site: Site) -> None:
        async with client(r) as asking:
            asking.say(get(site))
            assert await asking.response() == (
                b"HTTP/1.1 200 OK\r\nX-Kept: 2\r\nContent-Length: 1\r\nVia: 1.1 dualstack\r\n\r\n",
                b"a",
            )

    exchanged(scenario, says(response))


@pytest.mark.parametrize("field", ["Content-Length: 5", "Transfer-Encoding: chunked"])
def test_a_response_that_has_no_body_goes_down_without_a_length_that_could_be_believed(field: str) -> None:
    interim = f"HTTP/1.1 103 Early\r\n{field}\r\n\r\n".encode()
    final = f"HTTP/1.1 204 None\r\n{field}\r\nX-Kept: 2\r\n\r\n".encode()

    async def scenario(r: Running, site: Site) -> None:
        async with client(r) as asking:
            asking.say(get(site))
            assert [await asking.head() for _ in range(2)] == [
                b"HTTP/1.1 103 Early\r\nVia: 1.1 dualstack\r\n\r\n",
                b"HTTP/1.1 204 None\r\nX-Kept: 2\r\nVia: 1.1 dualstack\r\n\r\n",
            ]

    exchanged(scenario, says(interim + final))


def test_a_large_response_is_whole_and_the_next_request_is_served() -> None:
    size = 40 << 20

    async def answer(_site: Site, _reader: object, writer: asyncio.StreamWriter, _head: bytes) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        piece = bytes(range(256)) * 4096
        for _ in range(size // len(piece)):
            writer.write(piece)
            await writer.drain()
        writer.write(b"not of the response")

    async def scenario(r: Running, site: Site) -> None:
        async with client(r) as asking:
            for _ in range(2):
                asking.say(get(site))
                assert b"Connection: close" not in await asking.head()
                got = 0
                while got < size:
                    piece = await asking.reader.read(min(1 << 20, size - got))
                    assert piece == (bytes(range(256)) * (len(piece) // 256 + 2))[got % 256 :][: len(piece)]
                    got += len(piece)

    exchanged(scenario, answer)


def test_a_large_response_that_pauses_keeps_no_pipe_meanwhile() -> None:
    size, first = 1 << 20, 300_000
    go_on = asyncio.Event()

    async def answer(_site: Site, _reader: object, writer: asyncio.StreamWriter, _head: bytes) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + bytes(first))
        await go_on.wait()
        writer.write(bytes(size - first))

    async def scenario(r: Running, site: Site) -> None:
        pipes = r.gateway.services["p"].plane.pipes
        if pipes is None:
            pytest.skip("this system has no splice")
        async with client(r) as asking:
            asking.say(get(site))
            await asking.head()
            await asking.reader.readexactly(first)
            await until(lambda: len(pipes) == 1)
            go_on.set()
            await asking.reader.readexactly(size - first)

    exchanged(scenario, answer)


def test_a_client_that_rests_is_let_go_of_when_its_port_is_drained() -> None:
    async def scenario(r: Running, site: Site) -> None:
        async with client(r) as resting:
            resting.say(get(site))
            assert await resting.response()
            assert await r.gateway.stop_port("p", drain_s=SOON) == 0
            assert await resting.rest() == b""

    exchanged(scenario)


def test_a_client_that_rests_is_cut_where_nothing_is_waited_for() -> None:
    async def scenario(r: Running, site: Site) -> None:
        async with client(r) as resting:
            resting.say(get(site))
            assert await resting.response()
            await r.gateway.services["p"].finish_dialling(0, lambda _door: True)
            assert await resting.rest() == b""
            assert r.gateway.port_named("p").connections == 0

    exchanged(scenario)


def test_a_client_is_cut_with_its_exchange() -> None:
    async def waits(_site: Site, reader: asyncio.StreamReader, _writer: object, _head: bytes) -> None:
        await reader.read()

    async def scenario(r: Running, site: Site) -> None:
        async with client(r) as asking:
            asking.say(get(site))
            await until(lambda: bool(site.heads))
            assert await r.gateway.stop_port("p", drain_s=0) == 1
            with pytest.raises(ConnectionResetError):
                await asking.rest()

    exchanged(scenario, waits)


def test_an_exchange_that_is_silent_too_long_is_over() -> None:
    async def waits(_site: Site, reader: asyncio.StreamReader, _writer: object, _head: bytes) -> None:
        await reader.read()

    async def scenario(r: Running, site: Site) -> None:
        async with client(r) as asking:
            asking.say(get(site))
            with pytest.raises(ConnectionResetError):
                await asking.rest()

    exchanged(scenario, waits, idle_timeout="0.05")


def test_a_client_whose_rules_changed_is_judged_again_at_its_next_request() -> None:
    async def scenario(r: Running, site: Site) -> None:
        async with client(r) as asking:
            asking.say(get(site))
            assert await asking.response()
            port = r.port("p")
            text = proxy(access='["deny any"]').replace("127.0.0.1:0", f"127.0.0.1:{port}")
            config = parse(text, "test.toml")
            r.gateway.services["p"].obey(r.gateway._upstream(config.services[0], config))
            asking.say(get(site))
            assert await asking.rest() == b""
            assert len(site.heads) == 1
            assert "rule: deny any" in str(r.events.of("refused")[0]["why"])

    exchanged(scenario)


def test_a_client_that_has_rested_too_long_this_very_moment_is_let_go_of_once() -> None:
    async def scenario(r: Running, _site: Site) -> None:
        service = r.gateway.services["p"]
        gate = r.gateway.port_named("p").listenings[0].gate

        async def rest() -> None:
            async with asyncio.timeout(0) as patience:
                service._resting[patience] = gate  # type: ignore[assignment]
                try:
                    await asyncio.get_running_loop().create_future()
                finally:
                    service.let_go_of_resting()
                    del service._resting[patience]

        with pytest.raises(TimeoutError):
            await rest()

    exchanged(scenario)


def test_each_exchange_is_counted_by_itself() -> None:
    async def scenario(r: Running, site: Site) -> None:
        async with client(r) as asking:
            for _ in range(3):
                asking.say(get(site))
                await asking.response()
            ways = r.gateway.services["p"].counters.on("p").ways
            await until(lambda: sum(way.connections for way in ways.values()) == 3)
            (way,) = ways.values()
            assert way.bytes_up == sum(map(len, site.raw))
            assert way.bytes_down > 3 * len(b"site 1")
            assert r.gateway.port_named("p").connections == 1

    exchanged(scenario)


def test_exchanges_are_the_same_where_there_is_no_epoll() -> None:
    size = 4 << 20

    async def answer(_site: Site, _reader: object, writer: asyncio.StreamWriter, _head: bytes) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + bytes(size) + b"not of the response")

    async def scenario() -> None:
        events = Events()
        gateway = Gateway(parse(proxy(), "test.toml"), ProtocolRelay(asyncio.get_running_loop()), events)
        async with Site("a", answer) as site:
            try:
                await gateway.open()
                async with client(Running(gateway, events, 0)) as asking:
                    for _ in range(3):
                        asking.say(get(site))
                        assert await asking.response() == (
                            b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nVia: 1.1 dualstack\r\n\r\n" % size,
                            bytes(size),
                        )
                assert len(site.heads) == 3
            finally:
                await gateway.close()

    run(scenario)


def test_what_a_client_sends_ahead_is_kept_to_a_bound() -> None:
    """Else one that sends requests without end, to a server that is slow, would have the proxy keep them all."""

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        (client_end, client_sock), (server_end, server_sock) = socket.socketpair(), socket.socketpair()
        with client_end, client_sock, server_end, server_sock:
            for sock in (client_sock, server_sock):
                sock.setblocking(False)
            behind = b"x" * (1 << 16)
            for _ in range(3):
                client_end.send(b"y" * 1000)
                plain = Plain(b"GET", Sized(0), behind)
                link = ExchangeLink(Unwatched(), "", inf, loop.time(), None)
                exchange = Exchange(client_sock, server_sock, plain, link)
                loop.call_later(0.05, server_end.send, b"HTTP/1.1 204 No Content\r\n\r\n")
                assert await exchange.run(b"GET / HTTP/1.1\r\n\r\n")
                assert exchange.behind == behind
            assert client_end.recv(100).startswith(b"HTTP/1.1 204 ")

    run(scenario)


class Unwatched:
    """A gate that nobody stands at."""

    def admit(self, _client: object, _peer: object) -> None:
        raise AssertionError("nobody comes in")

    def closed(self, _link: object) -> None:
        raise AssertionError("no link ends")


class Ready:
    """An end that is always ready: it says this, and takes everything."""

    def __init__(self, silent: socket.socket, *said: bytes) -> None:
        self._silent = silent
        self._said = list(said)
        self.got = 0

    def recv(self, _most: int) -> bytes:
        return self._said.pop(0) if self._said else b""

    def send(self, content: bytes) -> int:
        self.got += len(content)
        return len(content)

    def shutdown(self, _how: int) -> None:
        pass

    def fileno(self) -> int:
        return self._silent.fileno()


CHUNKS = b"".join(b"1\r\na\r\n" for _ in range(1000))


@pytest.mark.parametrize(
    ("plain", "up", "down"),
    [
        (Plain(b"GET", Sized(0)), (), (b"HTTP/1.1 200 OK\r\nContent-Length: 6500000\r\n\r\n", *[bytes(65000)] * 100)),
        (Plain(b"GET", Sized(0)), (), (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", *[CHUNKS] * 100)),
        (Plain(b"GET", Sized(0)), (), (b"HTTP/1.1 103 Hints\r\n\r\n",) * 100),
        (Plain(b"POST", Sized(6500000)), (bytes(65000),) * 100, (b"HTTP/1.1 200 OK\r\n",) + (b"a: b\r\n",) * 100),
    ],
    ids=["sized", "chunked", "interim", "up"],
)
def test_two_ends_that_are_always_ready_leave_the_loop_to_others_too(
    plain: Plain, up: tuple[bytes, ...], down: tuple[bytes, ...]
) -> None:
    async def scenario() -> None:
        loop, turns = asyncio.get_running_loop(), 0

        def count() -> None:
            nonlocal turns
            turns += 1
            loop.call_soon(count)

        loop.call_soon(count)
        one, other = socket.socketpair()
        with one, other:
            link = ExchangeLink(Unwatched(), "", inf, loop.time(), None)
            exchange = Exchange(Ready(one, *up), Ready(other, *down), plain, link)  # type: ignore[arg-type]
            await exchange.run(b"head")
        assert turns >= 20, exchange.trouble

    run(scenario)
