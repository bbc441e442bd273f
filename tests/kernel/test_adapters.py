"""Our connections in the hands of other libraries: the real ones (X2)."""

import asyncio
import errno
import http.server
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import aiohttp
import httpcore
import httpx
import pytest
import redis
import requests
import trio
import urllib3
import urllib3.util.connection

import dualstack
from dualstack import redis_asyncio
from dualstack.aiohttp import Connector
from dualstack.gunicorn import gunicorn_bind
from dualstack.httpcore import Backend
from dualstack.httpx import raced
from dualstack.redis import Connection, SSLConnection
from dualstack.socketserver import BothFamilies
from dualstack.urllib3 import urllib3_connection
from support.dialling import Resolver, Servers, nothing_left_open
from support.greeter import serving


class Server(BothFamilies, http.server.ThreadingHTTPServer): ...


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """An HTTP server that only 127.0.0.1 has, and urllib3 with the line that its user adds."""
    monkeypatch.setattr(urllib3.util.connection, "create_connection", urllib3_connection)
    with serving("127.0.0.1") as number:
        yield number


def test_urllib3(port: int) -> None:
    with urllib3.PoolManager() as manager:
        assert manager.request("GET", f"http://localhost:{port}/", retries=False).data == b"hello"


def test_urllib3_with_a_timeout(port: int) -> None:
    with urllib3.PoolManager(timeout=20.0) as manager:
        assert manager.request("GET", f"http://localhost:{port}/", retries=False).data == b"hello"


def test_requests(port: int) -> None:
    with requests.Session() as session:
        session.trust_env = False
        assert session.get(f"http://localhost:{port}/", timeout=20).text == "hello"


def test_what_cannot_be_reached_is_the_librarys_own_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(urllib3.util.connection, "create_connection", urllib3_connection)
    with Servers() as servers:
        servers.accept("127.0.0.9")
        with urllib3.PoolManager() as manager, pytest.raises(urllib3.exceptions.NewConnectionError, match="refused"):
            manager.request("GET", f"http://localhost:{servers.port}/", retries=False)


def test_socket_options_are_set() -> None:
    with Servers() as servers:
        servers.accept("::1")
        options = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
        with urllib3_connection(("::1", servers.port), 20, None, options) as sock:
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
        with nothing_left_open(), pytest.raises(OSError, match="not available"):
            urllib3_connection(("::1", servers.port), 20, None, [(socket.SOL_SOCKET, 9999, 1)])


def unknown() -> dualstack.Dialer:
    """A dialler whose resolver knows no name."""
    return dualstack.Dialer(resolver=Resolver({}), history=None, nat64=())


def test_urllib3_by_a_policy_of_ones_own() -> None:
    with pytest.raises(dualstack.LookupFailed):
        urllib3_connection(("www.example", 80), 20, dialer=unknown())


def test_a_failure_in_httpcore_is_httpcores_own_error() -> None:
    with Servers() as servers:
        servers.accept("127.0.0.9")
        refused = f"http://localhost:{servers.port}/"
        with httpcore.ConnectionPool(network_backend=Backend()) as pool:
            with pytest.raises(httpcore.ConnectError, match="refused") as caught:
                pool.request("GET", refused)
            assert isinstance(caught.value.__context__, dualstack.DialRefused)
            with pytest.raises(httpcore.ConnectError, match="0x7f"):
                pool.request("GET", "http://0x7f.1/")
        with (
            httpcore.ConnectionPool(network_backend=Backend(unknown())) as pool,
            pytest.raises(httpcore.ConnectError, match=r"www\.example"),
        ):
            pool.request("GET", "http://www.example/")


def test_a_limit_in_httpx_is_httpxs_own_error() -> None:
    with Servers() as servers:
        servers.silent("127.0.0.1", "::1")
        transport = raced(httpx.HTTPTransport(trust_env=False), dualstack.Dialer(history=None))
        with httpx.Client(transport=transport, timeout=0.1) as client, pytest.raises(httpx.ConnectTimeout):
            client.get(f"http://localhost:{servers.port}/")


def test_socket_options_that_cannot_be_set_leave_nothing_open() -> None:
    options = [(socket.SOL_SOCKET, 9999, 1)]
    with Servers() as servers:
        servers.accept("::1")
        with nothing_left_open(), pytest.raises(httpcore.ConnectError):
            Backend().connect_tcp("::1", servers.port, socket_options=options)


def test_httpx_on_trio() -> None:
    async def fetch(port: int) -> str:
        transport = raced(httpx.AsyncHTTPTransport(trust_env=False))
        async with httpx.AsyncClient(transport=transport, trust_env=False) as client:
            return (await client.get(f"http://localhost:{port}/")).text

    with serving("127.0.0.1") as number:
        assert trio.run(fetch, number) == "hello"


def fetched(port: int, host: str = "localhost", **options: object) -> str:
    """What aiohttp gets from there."""

    async def fetch() -> str:
        connector = Connector(**options)
        connector.dialer = unknown() if host == "www.example" else None
        limit = aiohttp.ClientTimeout(sock_connect=0.2)
        async with (
            aiohttp.ClientSession(connector=connector, timeout=limit) as session,
            session.get(f"http://{host}:{port}/") as response,
        ):
            return await response.text()

    return asyncio.run(fetch())


@pytest.mark.parametrize(
    ("address", "options"),
    [
        ("127.0.0.1", {"family": socket.AF_INET}),
        ("::1", {"family": socket.AF_INET6}),
        ("127.0.0.1", {"local_addr": ("127.0.0.7", 0)}),
    ],
)
def test_aiohttp_goes_by_the_family_and_the_source_that_it_is_given(address: str, options: dict[str, object]) -> None:
    with serving(address) as number:
        assert fetched(number, **options) == "hello"


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", aiohttp.ClientConnectorError),
        ("0x7f.1", aiohttp.ClientConnectorError),
        ("www.example", aiohttp.ClientConnectorDNSError),
    ],
)
def test_a_failure_in_aiohttp_is_aiohttps_own_error(host: str, expected: type[Exception]) -> None:
    with Servers() as servers:
        servers.accept("127.0.0.9")
        with pytest.raises(expected):
            fetched(servers.port, host)


def test_a_limit_in_aiohttp_is_aiohttps_own_error() -> None:
    with Servers() as servers:
        servers.silent("127.0.0.1", "::1")
        with pytest.raises(aiohttp.ConnectionTimeoutError):
            fetched(servers.port)


def test_redis_py_has_its_options_and_its_errors() -> None:
    with Servers() as servers:
        servers.accept("::1")
        sock = Connection(host="localhost", port=servers.port, socket_keepalive=True, socket_timeout=7)._connect()
        with sock:
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            assert sock.gettimeout() == 7
        with Connection(host="::1", port=servers.port, socket_keepalive=False)._connect() as sock:
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 0
        wrong = Connection(host="::1", port=servers.port, socket_keepalive=True, socket_keepalive_options={9999: 1})
        with nothing_left_open(), pytest.raises(OSError, match="not available"):
            wrong._connect()
        servers.listening["::1"].close()
        with pytest.raises(redis.exceptions.ConnectionError, match="refused"):
            Connection(host="localhost", port=servers.port, retry=None).connect()


def test_redis_pys_asyncio_client_has_its_options_and_its_errors() -> None:
    async def options(**wanted: object) -> list[int]:
        connection = redis_asyncio.Connection(port=servers.port, socket_timeout=7, **wanted)
        await connection._connect()
        try:
            sock = connection._writer.get_extra_info("socket")
            return [
                sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY),
                sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE),
            ]
        finally:
            await connection.disconnect(nowait=True)

    async def refused() -> None:
        connection = redis_asyncio.Connection(host="localhost", port=servers.port, retry=None)
        with pytest.raises(redis.exceptions.ConnectionError, match="refused"):
            await connection.connect()

    async def timed_out() -> None:
        connection = redis_asyncio.Connection(host="::1", port=silent.port, retry=None, socket_connect_timeout=0.1)
        with pytest.raises(redis.exceptions.TimeoutError):
            await connection.connect()

    with Servers() as servers, Servers() as silent:
        servers.accept("::1")
        silent.silent("::1")
        assert asyncio.run(options(host="localhost", socket_keepalive=True)) == [1, 1]
        assert asyncio.run(options(host="::1", socket_keepalive=False)) == [1, 0]
        with nothing_left_open(), pytest.raises(OSError, match="not available"):
            asyncio.run(options(host="::1", socket_keepalive=True, socket_keepalive_options={9999: 1}))
        servers.listening["::1"].close()
        asyncio.run(refused())
        asyncio.run(timed_out())


def test_redis_pys_asyncio_client_with_tls_shakes_hands_over_the_family_that_answers() -> None:
    with Servers() as servers, ThreadPoolExecutor(1) as pool:
        servers.accept("127.0.0.1")

        def hang_up() -> bytes:
            with servers.peer("127.0.0.1") as peer:
                return peer.recv(1)

        async def connect() -> None:
            connection = redis_asyncio.SSLConnection(
                host="localhost", port=servers.port, retry=None, socket_connect_timeout=20
            )
            with pytest.raises(redis.exceptions.ConnectionError):
                await connection.connect()

        hello = pool.submit(hang_up)
        asyncio.run(connect())
        assert hello.result(20) == b"\x16", "a handshake record of TLS"


def test_redis_py_with_tls_wraps_what_we_have_connected() -> None:
    with Servers() as servers, ThreadPoolExecutor(1) as pool:
        servers.silent("::1")
        servers.accept("127.0.0.1")

        def hang_up() -> bytes:
            with servers.peer("127.0.0.1") as peer:
                return peer.recv(1)

        hello = pool.submit(hang_up)
        with pytest.raises(redis.exceptions.ConnectionError):
            SSLConnection(host="localhost", port=servers.port, retry=None).connect()
        assert hello.result(20) == b"\x16", "a handshake record of TLS"


def test_a_server_of_the_standard_library_that_cannot_be_made_leaves_nothing_open() -> None:
    with nothing_left_open(), pytest.raises(dualstack.ListenError, match="needs 2 sockets here"):
        Server(("localhost", 0), http.server.BaseHTTPRequestHandler)


@pytest.mark.parametrize(
    ("where", "address"), [("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("", "127.0.0.1"), ("*", "::1")]
)
def test_a_server_of_the_standard_library_sees_its_peers_as_they_are(where: str, address: str) -> None:
    with Server((where, 0), http.server.BaseHTTPRequestHandler) as server:
        assert server.server_port == server.server_address[1] == server.socket.getsockname()[1]
        with socket.create_connection((address, server.server_port)) as client:
            accepted, peer = server.get_request()
            accepted.close()
            assert peer == client.getsockname()


def test_gunicorns_sockets_are_made_once_for_each_family() -> None:
    bind = gunicorn_bind("*:0")
    assert gunicorn_bind("*:0") is bind
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket(fileno=int(text.removeprefix("fd://")))) for text in bind]
        assert {sock.family for sock in sockets} == {socket.AF_INET, socket.AF_INET6}
        assert len({sock.getsockname()[1] for sock in sockets}) == 1


def test_gunicorns_successor_has_nothing_to_bind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUNICORN_FD", "5,6")
    assert gunicorn_bind("*:0", port=1) == []


NO_HOSTS = ["127.0.0.256", "0x7f.1"]


@contextmanager
def redirecting(location: str) -> Iterator[str]:
    """The URL of a server that answers with a redirect there."""

    class Redirect(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(302)
            self.send_header("Location", location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    with Server(("127.0.0.1", 0), Redirect) as server, ThreadPoolExecutor(1) as pool:
        served = pool.submit(server.serve_forever, 0.01)
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        served.result(20)


@pytest.mark.parametrize("host", NO_HOSTS)
def test_a_host_that_is_none_is_each_librarys_own_error(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(urllib3.util.connection, "create_connection", urllib3_connection)
    with urllib3.PoolManager() as manager, pytest.raises(urllib3.exceptions.NewConnectionError, match=host):
        manager.request("GET", f"http://{host}/", retries=False)
    with requests.Session() as session:
        session.trust_env = False
        with pytest.raises(requests.exceptions.ConnectionError, match=host):
            session.get(f"http://{host}/")
    with pytest.raises(aiohttp.ClientConnectorError, match=host):
        fetched(80, host)
    with (
        httpcore.ConnectionPool(network_backend=Backend()) as pool,
        pytest.raises(httpcore.ConnectError, match=host),
    ):
        pool.request("GET", f"http://{host}/")
    with pytest.raises(redis.exceptions.ConnectionError, match=host):
        Connection(host=host, port=80, retry=None).connect()
    with pytest.raises(redis.exceptions.ConnectionError, match=host):
        asyncio.run(redis_asyncio.Connection(host=host, port=80, retry=None).connect())


def test_a_redirect_to_a_host_that_is_none_is_each_librarys_own_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(urllib3.util.connection, "create_connection", urllib3_connection)

    async def fetch(url: str) -> None:
        async with aiohttp.ClientSession(connector=Connector()) as session, session.get(url):
            pass

    with redirecting(f"http://{NO_HOSTS[0]}/") as url:
        with requests.Session() as session:
            session.trust_env = False
            with pytest.raises(requests.exceptions.ConnectionError, match=NO_HOSTS[0]):
                session.get(url)
        with pytest.raises(aiohttp.ClientConnectorError, match=NO_HOSTS[0]) as caught:
            asyncio.run(fetch(url))
        assert "[None]" not in str(caught.value)


def test_what_was_tried_stands_in_the_librarys_message() -> None:
    tried = r"(::1|127\.0\.0\.1): Connection refused; (::1|127\.0\.0\.1): Connection refused"
    with Servers() as servers:
        servers.accept("127.0.0.9")
        with pytest.raises(aiohttp.ClientConnectorError, match=rf" ssl:default \[{tried}\]$"):
            fetched(servers.port)
        number = rf"^Error {errno.ECONNREFUSED} connecting to localhost:{servers.port}\. {tried}\.$"
        with pytest.raises(redis.exceptions.ConnectionError, match=number):
            Connection(host="localhost", port=servers.port, retry=None).connect()
