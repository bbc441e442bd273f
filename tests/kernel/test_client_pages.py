"""What `docs/how-to/in-your-client.md` tells a user to write, with the real libraries, to hosts of each family (X2)."""

import ast
import asyncio
import inspect
import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import FunctionType

import pytest
import urllib3.util.connection

from support.dialling import Servers
from support.greeter import greet
from support.pages import blocks

BLOCKS = blocks("how-to/in-your-client.md")


@pytest.fixture(autouse=True)
def as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the pages change for the whole of a program is put back, and no proxy stands between."""
    for module in (urllib3.util.connection, socket):
        monkeypatch.setattr(module, "create_connection", module.create_connection)
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


@pytest.fixture(params=[("127.0.0.1", "::1"), ("::1", "127.0.0.1")], ids=["IPv4 server", "IPv6 server"])
def port(request: pytest.FixtureRequest) -> Iterator[int]:
    """A server on one of the loopback's addresses, while the other says nothing."""
    address, silent = request.param

    def serve() -> str:
        with servers.peer(address) as peer:
            greet(peer)
            return peer.getsockname()[0]

    with Servers() as servers, ThreadPoolExecutor(1) as pool:
        servers.silent(silent)
        servers.accept(address)
        served = pool.submit(serve)
        yield servers.port
        assert served.result(20) == address


def run_block(code: str, port: int) -> None:
    for there, here in (
        ("://www.example", f"://localhost:{port}"),
        ('"www.example", 80', f'"localhost", {port}'),
        ('"www.example", port=6379', f'"localhost", port={port}'),
    ):
        code = code.replace(there, here)
    assert "www.example" not in code
    compiled = compile(code, "in-your-client.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    ran = FunctionType(compiled, {"__name__": "__main__"})()
    if inspect.iscoroutine(ran):
        asyncio.run(ran)


@pytest.mark.parametrize("name", BLOCKS)
def test_what_the_page_tells_reaches_a_server_of_either_family(
    name: str, port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    run_block(BLOCKS[name], port)
    assert capsys.readouterr().out == "hello\n"


def test_the_page_has_a_block_for_each_library() -> None:
    assert len(BLOCKS) == 13
