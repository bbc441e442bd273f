"""What a user of aiohttp hands to the connector counts with ours too: a resolver, the race's words, TLS's options."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

import dualstack
from dualstack.aiohttp import Connector
from support.dialling import Servers
from support.greeter import HTTP, serving
from support.tls import client_context, server_context

LIMIT = aiohttp.ClientTimeout(total=20, sock_connect=0.2)


class Book(AbstractResolver):
    """A resolver that has these addresses for every name, each with a port or the one that is asked for."""

    def __init__(self, *hosts: str, ports: tuple[int, ...] = ()) -> None:
        self.hosts, self.ports = hosts, ports
        self.asked: list[str] = []

    async def resolve(self, host: str, port: int = 0, family: int = socket.AF_UNSPEC) -> list[ResolveResult]:
        """Raises where it has none."""
        self.asked.append(host)
        if not self.hosts:
            raise OSError(None, f"{host} is none of ours")
        ports = self.ports or (port,) * len(self.hosts)
        return [
            {"hostname": host, "host": each, "port": number, "family": family, "proto": 0, "flags": 0}
            for each, number in zip(self.hosts, ports, strict=True)
        ]

    async def close(self) -> None:
        """Nothing is open."""


async def got(url: str, *, dialer: dualstack.Dialer | None = None, **options: object) -> str:
    connector = Connector(**options)
    connector.dialer = dialer
    async with aiohttp.ClientSession(connector=connector, timeout=LIMIT) as session, session.get(url) as response:
        return await response.text()


@asynccontextmanager
async def https_server() -> AsyncIterator[int]:
    """The port of one at 127.0.0.1 whose answer is still to come when its head is there."""

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HTTP.removesuffix(b"hello"))
        await reader.read()
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0, ssl=server_context()) as server:
        yield server.sockets[0].getsockname()[1]


def test_a_resolver_that_is_handed_over_is_asked_and_its_addresses_are_raced() -> None:
    book = Book("127.0.0.9", "127.0.0.1")
    with serving("127.0.0.1") as port:
        assert asyncio.run(got(f"http://www.example:{port}/", resolver=book)) == "hello"
    assert book.asked == ["www.example"]


def test_a_resolver_that_refuses_a_name_keeps_it_out() -> None:
    with Servers() as servers:
        servers.accept("127.0.0.1", "::1")
        with pytest.raises(aiohttp.ClientConnectorDNSError, match="none of ours"):
            asyncio.run(got(f"http://localhost:{servers.port}/", resolver=Book()))
        for listener in servers.listening.values():
            listener.setblocking(False)
            with pytest.raises(BlockingIOError):
                listener.accept()


def test_all_addresses_of_a_resolver_are_tried_once_and_each_is_in_the_error() -> None:
    with Servers() as servers:
        servers.accept("127.0.0.1")
        with pytest.raises(aiohttp.ClientConnectorError) as caught:
            asyncio.run(got(f"http://www.example:{servers.port}/", resolver=Book("127.0.0.8", "127.0.0.9")))
    assert str(caught.value).endswith("[127.0.0.8: Connection refused; 127.0.0.9: Connection refused]")


def test_a_resolver_that_gives_several_ports_is_told_so() -> None:
    book = Book("127.0.0.8", "127.0.0.9", ports=(81, 80))
    with pytest.raises(aiohttp.ClientConnectorError, match=r"ports \[80, 81\]"):
        asyncio.run(got("http://www.example/", resolver=book))


def test_the_attempt_delay_is_aiohttps_where_its_user_says_one() -> None:
    with Servers() as servers:
        servers.silent("127.0.0.8")
        servers.accept("127.0.0.9")
        url, book = f"http://www.example:{servers.port}/", Book("127.0.0.8", "127.0.0.9")
        dialer = dualstack.Dialer(history=None, attempt_delay=0.01)
        with pytest.raises(aiohttp.ConnectionTimeoutError):
            asyncio.run(got(url, resolver=book, dialer=dialer, happy_eyeballs_delay=1000))


def test_an_attempt_delay_of_nothing_is_the_least_there_is() -> None:
    with serving("127.0.0.1") as port:
        assert asyncio.run(got(f"http://localhost:{port}/", happy_eyeballs_delay=0)) == "hello"


def test_the_count_of_the_first_family_is_aiohttps_where_its_user_says_one() -> None:
    async def count(**options: int) -> int:
        async with Connector(**options) as connector:
            return connector._policy().first_family_count

    assert asyncio.run(count()) == 1
    assert asyncio.run(count(interleave=3)) == 3


def test_a_wrong_fingerprint_of_a_host_by_name_is_aiohttps_own_error() -> None:
    async def get() -> None:
        async with https_server() as port:
            with pytest.raises(aiohttp.ServerFingerprintMismatch):
                await got(f"https://localhost:{port}/", ssl=aiohttp.Fingerprint(bytes(32)))

    asyncio.run(get())


@pytest.mark.filterwarnings("ignore:The ssl_shutdown_timeout parameter is deprecated:DeprecationWarning")
def test_tls_is_shut_down_within_the_time_that_the_connector_is_given() -> None:
    async def shutdown_s() -> float:
        connector = Connector(ssl_shutdown_timeout=0.125)
        async with (
            https_server() as port,
            aiohttp.ClientSession(connector=connector) as session,
            session.get(f"https://localhost:{port}/", ssl=client_context()) as response,
        ):
            return response.connection.transport._ssl_protocol._ssl_shutdown_timeout

    assert asyncio.run(shutdown_s()) == 0.125


def test_a_socket_factory_makes_the_sockets_and_no_dialler_stands_beside_it() -> None:
    made: list[socket.socket] = []

    def factory(info: tuple[int, int, int, str, tuple[object, ...]]) -> socket.socket:
        made.append(socket.socket(*info[:3]))
        return made[-1]

    with serving("127.0.0.1") as port:
        assert asyncio.run(got(f"http://127.0.0.1:{port}/", socket_factory=factory)) == "hello"
    assert len(made) == 1
    with pytest.raises(ValueError, match="give the connector either"):
        asyncio.run(got("http://127.0.0.1/", socket_factory=factory, dialer=dualstack.Dialer()))
