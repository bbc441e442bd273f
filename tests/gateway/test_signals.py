"""Signals at odd moments: none is lost, and none undoes another."""

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.free_port import free_port
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


def test_a_second_reload_is_made_after_the_first(tmp_path: Path, behind: socket.socket) -> None:
    """The file is a pipe here, so that the test says when it is read."""
    path, first, second, third = tmp_path / "g.toml", free_port(), free_port(), free_port()
    path.write_text(config("a", first, behind))
    with Dualstack("gateway", "--config", path, "--control", tmp_path / "c.sock") as gateway:
        path.unlink()
        os.mkfifo(path)
        gateway.send_signal(signal.SIGHUP)
        with path.open("w") as pipe:  # opens once the gateway reads
            gateway.send_signal(signal.SIGHUP)
            pipe.write(config("a", second, behind))
        assert "opened=1" in gateway.err.until("reloaded")
        with path.open("w") as pipe:
            pipe.write(config("a", third, behind))
        assert "opened=1" in gateway.err.until("reloaded")
        with socket.create_connection(("127.0.0.1", third)):
            behind.accept()[0].close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", second))
