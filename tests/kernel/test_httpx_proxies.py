"""httpx made to connect by us goes by the proxies of its environment, or says that it does not."""

import asyncio
from collections.abc import Iterator

import httpx
import pytest

from dualstack.httpx import raced
from support.greeter import serving


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The port of a proxy that answers for everybody, which the environment names."""
    with serving("127.0.0.1") as number:
        for name in ("NO_PROXY", "no_proxy", "http_proxy"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("HTTP_PROXY", f"http://localhost:{number}")
        yield number


def test_a_raced_client_of_httpx_goes_by_the_proxy_of_its_environment(proxy: int) -> None:
    assert proxy
    with raced(httpx.Client()) as client:
        assert client.get("http://www.example/").text == "hello"


def test_a_raced_asynchronous_client_of_httpx_does_so_too(proxy: int) -> None:
    assert proxy

    async def fetch() -> str:
        async with raced(httpx.AsyncClient()) as client:
            return (await client.get("http://www.example/")).text

    assert asyncio.run(fetch()) == "hello"


def test_a_raced_transport_takes_a_proxy(proxy: int) -> None:
    transport = raced(httpx.HTTPTransport(proxy=f"http://localhost:{proxy}"))
    with httpx.Client(transport=transport) as client:
        assert client.get("http://www.example/").text == "hello"


def test_a_raced_transport_never_goes_silently_direct(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://localhost:9")
    with pytest.warns(RuntimeWarning, match=r"HTTPS_PROXY is set, and a transport goes direct"):
        raced(httpx.HTTPTransport()).close()
    raced(httpx.HTTPTransport(), direct=True).close()
    monkeypatch.setenv("no_proxy", "*")
    raced(httpx.HTTPTransport()).close()


def test_what_makes_no_connections_is_not_raced() -> None:
    with pytest.raises(TypeError, match="no transport of httpx that makes connections"):
        raced(httpx.MockTransport(lambda _: httpx.Response(200)))
    with raced(httpx.Client(mounts={"all://b.example": httpx.MockTransport(lambda _: httpx.Response(204))})) as client:
        assert client.get("http://b.example/").status_code == 204
