"""A connection that fails leaves nothing that only the garbage collector finds, as the standard library's does."""

import asyncio
import gc
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
import trio

import dualstack
from dualstack.dns import DnsResolver
from dualstack.net.names.resolver import Resolver
from dualstack.trio import open_tcp_stream
from support.dialling import Servers, pool_rests
from support.tls import server_context

Fail = Callable[..., int]


class KnowsNoName:
    """A resolver that keeps nothing of what it raises."""

    def getaddrinfo(self, *_question: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    def getnameinfo(self, *_question: object) -> tuple[str, str]:
        raise NotImplementedError


@pytest.fixture(scope="module", autouse=True)
def what_is_there_already() -> Iterator[None]:
    """All that pytest holds is not walked again and again."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@contextmanager
def counting(found: list[int]) -> Iterator[None]:
    """Adds how many objects the block has left for the collector."""
    gc.collect()
    gc.disable()
    try:
        with suppress(OSError, ExceptionGroup):
            yield
        pool_rests()
        found.append(gc.collect())
    finally:
        gc.enable()


def blocking(host: object, port: int, **options: object) -> int:
    found: list[int] = []
    for _ in range(2):
        with counting(found):
            dualstack.create_connection((host, port), **options)
    return found[-1]


def on_asyncio(host: object, port: int, **options: object) -> int:
    async def fail() -> int:
        found: list[int] = []
        for _ in range(2):
            with counting(found):
                await dualstack.open_connection(host, port, **options)
        return found[-1]

    return asyncio.run(fail())


def on_trio(host: object, port: int, **options: object) -> int:
    async def fail() -> int:
        found: list[int] = []
        for _ in range(2):
            with counting(found):
                await open_tcp_stream(host, port, **options)
        return found[-1]

    return trio.run(fail)


@pytest.fixture(params=[blocking, on_asyncio, on_trio], ids=["blocking", "asyncio", "trio"])
def fail(request: pytest.FixtureRequest) -> Fail:
    return request.param


@pytest.fixture
def servers() -> Iterator[Servers]:
    with Servers() as made:
        yield made


@pytest.mark.parametrize("host", ["::1", "localhost", ["::1", "127.0.0.1"]], ids=["literal", "name", "addresses"])
def test_after_a_refusal(fail: Fail, servers: Servers, host: object) -> None:
    servers.accept("127.0.0.9")
    assert fail(host, servers.port) == 0


def test_after_a_refusal_of_all_where_all_are_raised(servers: Servers) -> None:
    servers.accept("127.0.0.9")
    assert blocking("localhost", servers.port, all_errors=True) == 0
    assert on_asyncio("localhost", servers.port, all_errors=True) == 0


@pytest.mark.parametrize("host", ["::1", "localhost"])
def test_after_a_limit(fail: Fail, servers: Servers, host: str) -> None:
    servers.silent("::1", "127.0.0.1")
    assert fail(host, servers.port, timeout=0.02) == 0


def test_after_a_name_that_is_not(fail: Fail) -> None:
    dialer = dualstack.Dialer(resolver=KnowsNoName(), history=None, nat64=())
    assert fail("www.example", 80, dialer=dialer) == 0


def nobody() -> str:
    """Where no name server is."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{sock.getsockname()[1]}"


def test_after_name_servers_that_are_not_there(fail: Fail) -> None:
    dialer = dualstack.Dialer(resolver=DnsResolver([nobody()]), history=None, nat64=())
    assert fail("www.example", 80, dialer=dialer) == 0


@pytest.mark.parametrize("resolver", [KnowsNoName(), DnsResolver([nobody()])], ids=["without", "dns"])
def test_after_a_lookup_with_a_limit(resolver: Resolver) -> None:
    async def look_up() -> int:
        found: list[int] = []
        for _ in range(2):
            with counting(found):
                await dualstack.getaddrinfo_async("www.example", 80, timeout=20, resolver=resolver)
        return found[-1]

    found: list[int] = []
    for _ in range(2):
        with counting(found):
            dualstack.getaddrinfo("www.example", 80, timeout=20, resolver=resolver)
    assert found[-1] == 0
    assert asyncio.run(look_up()) == 0


@pytest.mark.parametrize("host", ["127.0.0.256", "*", "a..b"])
def test_after_a_host_that_is_none(fail: Fail, host: str) -> None:
    assert fail(host, 80) == 0


def test_after_a_connection_to_a_name_of_one_family(servers: Servers) -> None:
    servers.accept("127.0.0.1")

    class KnowsIpv4(KnowsNoName):
        def getaddrinfo(self, _host: object, _port: object, family: int, *_hints: object) -> list[object]:
            if family == socket.AF_INET:
                return [(family, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0))]
            return super().getaddrinfo()

    dialer = dualstack.Dialer(resolver=KnowsIpv4(), history=None, nat64=())
    found: list[int] = []
    for _ in range(2):
        with counting(found):
            dualstack.create_connection(("www.example", servers.port), 20, dialer=dialer).close()
    assert found[-1] == 0


def test_after_a_handshake_there_is_no_more_than_asyncio_leaves() -> None:
    context = ssl.create_default_context()  # which believes in no certificate of ours

    async def left(open_connection: Callable[..., Awaitable[object]], port: int) -> int:
        found: list[int] = []
        for _ in range(2):
            with counting(found):
                await open_connection("127.0.0.1", port, ssl=context)
        return found[-1]

    async def compared() -> tuple[int, int]:
        async with await asyncio.start_server(lambda *_: None, "127.0.0.1", 0, ssl=server_context()) as server:
            port = server.sockets[0].getsockname()[1]
            return await left(dualstack.open_connection, port), await left(asyncio.open_connection, port)

    ours, asyncios = asyncio.run(compared())
    assert ours <= asyncios
