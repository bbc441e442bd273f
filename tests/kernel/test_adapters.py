"""Our connections in the hands of other libraries: the real ones (X2)."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
import urllib3
import urllib3.util.connection

from dualstack.net.adapters import urllib3_connection
from support.dialling import Servers, nothing_left_open

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """An HTTP server that only 127.0.0.1 has, and urllib3 with the line that its user adds."""
    monkeypatch.setattr(urllib3.util.connection, "create_connection", urllib3_connection)

    def serve() -> None:
        with servers.peer("127.0.0.1") as peer:
            while not peer.recv(65536).endswith(b"\r\n\r\n"):
                pass
            peer.sendall(ANSWER)

    with Servers() as servers, ThreadPoolExecutor(1) as pool:
        servers.silent("::1")
        servers.accept("127.0.0.1")
        served = pool.submit(serve)
        yield servers.port
        served.result()


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
        with nothing_left_open(), pytest.raises(OSError, match=r"\w"):
            urllib3_connection(("::1", servers.port), 20, None, [(socket.SOL_SOCKET, 9999, 1)])
