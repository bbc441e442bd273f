"""Signals at odd moments: none is lost, and none undoes another."""

import asyncio
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from dualstack.core.planning.configuration import Configuration
from dualstack.gateway.config.toml import parse
from dualstack.gateway.processes.notify import Notifier
from dualstack.gateway.runner import _Signals, _Surroundings
from support.free_port import free_port
from support.gateway import run, running, service, until
from support.program import Dualstack

SERVICE = "[[services]]\nname = 'NAME'\nlisten = '127.0.0.1:PORT'\nto = '127.0.0.1:BEHIND'\n"


@pytest.fixture
def behind() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def config(name: str, port: int, behind: socket.socket) -> str:
    text = SERVICE.replace("NAME", name).replace("PORT", str(port))
    return text.replace("BEHIND", str(behind.getsockname()[1]))


def test_a_reload_while_leaving_opens_nothing(tmp_path: Path, behind: socket.socket) -> None:
    path, first, second = tmp_path / "g.toml", free_port(), free_port()
    path.write_text(config("a", first, behind))
    with (
        Dualstack("gateway", "--config", path, "--control", tmp_path / "c.sock") as gateway,
        socket.create_connection(("127.0.0.1", first)) as client,
    ):
        server, _ = behind.accept()
        gateway.send_signal(signal.SIGINT)
        gateway.err.until("leaving")
        path.write_text(config("a", first, behind) + config("b", second, behind))
        gateway.send_signal(signal.SIGHUP)
        gateway.err.until("the gateway is leaving")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", second))
        server.sendall(b"still here")
        assert client.recv(10) == b"still here"
        server.close()
        client.close()
        assert gateway.wait() == 0


def test_a_second_reload_is_made_after_the_first() -> None:
    """The file is read when the test says so, and is another each time."""
    reading, go_on = threading.Event(), threading.Event()
    files: list[str] = []

    def load() -> Configuration:
        reading.set()
        assert go_on.wait(20)
        return parse(files.pop(0), "test.toml")

    async def scenario() -> None:
        async with running(service("a", "127.0.0.1:0")) as r:
            files.extend(r.toml(service(name, "127.0.0.1:0")) for name in ("b", "c"))
            signals = _Signals(r.gateway, _Surroundings(r.events, load, None, Notifier("", None, r.events), None))
            signals.is_ready = True
            signals.handlers["SIGHUP"]()
            await asyncio.to_thread(reading.wait, 20)
            signals.handlers["SIGHUP"]()
            signals.handlers["SIGHUP"]()
            assert [*r.gateway.ports] == ["a"]
            go_on.set()
            await until(lambda: len(r.events.of("reloaded")) == 2)
            assert [*r.gateway.ports] == ["c"]
            assert await r.ask("c") == b"you: hello\n"
            assert files == []

    run(scenario)
