"""The access log of a gateway that runs: a line for every connection, whatever became of it."""

import json
import signal
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from dualstack.gateway.counters.access_log import AccessLog
from support.free_port import free_port
from support.gateway import Running, run, running, service, until
from support.program import Dualstack


class Kept(AccessLog):
    """Keeps what it is to write."""

    def __init__(self) -> None:
        self.lines: list[dict[str, object]] = []

    def write(self, facts: dict[str, object]) -> None:  # type: ignore[override]
        self.lines.append(facts)


def kept(r: Running) -> list[dict[str, object]]:
    r.events.access = log = Kept()
    return log.lines


def test_every_end_has_its_line() -> None:
    async def scenario() -> None:
        text = service("relayed", to="localhost:BEHIND") + service("closed", to=f"127.0.0.1:{free_port()}")
        text += service("nameless", to="nobody.invalid:9") + service("child", to="exec:/bin/echo secret-word")
        async with running(text) as r:
            lines = kept(r)
            await r.ask("relayed", "::1")
            for name in ("closed", "nameless"):
                with pytest.raises(ConnectionResetError):
                    await r.ask(name)
            await r.ask("child")
            await until(lambda: len(lines) == 4)
            by_service = {str(line["service"]): line for line in lines}
            relayed = by_service["relayed"]
            assert (relayed["client_family"], relayed["target_family"]) == ("ipv6", "ipv4")
            assert (relayed["asked"], relayed["target"]) == (f"localhost:{r.behind}", f"127.0.0.1:{r.behind}")
            assert (relayed["bytes_up"], relayed["bytes_down"]) == (6, 11)
            assert by_service["closed"]["reason"] == "no address of the target answered"
            assert "nobody.invalid" in str(by_service["nameless"]["reason"])
            assert by_service["nameless"]["target"] is None
            assert by_service["child"]["asked"] == "exec:/bin/echo"
            assert by_service["child"]["bytes_up"] is None

    run(scenario)


def test_of_a_proxys_client_both_what_it_asked_for_and_what_it_got_are_told() -> None:
    async def scenario() -> None:
        import asyncio

        text = "[[services]]\nname = 'p'\nlisten = 'localhost:0'\nforward = ['socks5']\n"
        async with running(text) as r:
            lines = kept(r)
            reader, writer = await asyncio.open_connection("::1", r.port("p"))
            writer.write(b"\5\1\0\5\1\0\3\x09localhost" + r.behind.to_bytes(2, "big"))
            await reader.readexactly(4)
            writer.close()
            await until(lambda: len(lines) == 1)
            assert lines[0]["asked"] == f"localhost:{r.behind}"
            assert lines[0]["target"] == f"127.0.0.1:{r.behind}"

    run(scenario)


@pytest.fixture
def behind() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def through(port: int, behind: socket.socket) -> None:
    """One connection, from its beginning to its end."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        server, _ = behind.accept()
        server.sendall(b"hello")
        server.close()
        client.shutdown(socket.SHUT_WR)
        assert client.recv(100) + client.recv(100) == b"hello"


def test_a_relay_writes_it_on_standard_error_in_the_form_of_its_log(behind: socket.socket) -> None:
    target = f"127.0.0.1:{behind.getsockname()[1]}"
    with Dualstack("relay", "*:0", target, "--access-log", "-", "--log", "json") as relay:
        through(relay.port, behind)
        line = json.loads(relay.err.until('"connection"'))
    assert line["client"].startswith("127.0.0.1:")
    assert (line["target"], line["bytes_down"]) == (target, 5)


def test_a_hang_up_begins_a_new_file_and_the_page_is_where_the_ready_line_says(
    tmp_path: Path, behind: socket.socket
) -> None:
    config, log = tmp_path / "g.toml", tmp_path / "access.log"
    target = f"127.0.0.1:{behind.getsockname()[1]}"
    config.write_text(f"access_log = '{log}'\npage = 0\n{service('a', '127.0.0.1:0', target)}")
    with Dualstack("gateway", "--config", config, "--control", tmp_path / "c") as gateway:
        through(gateway.port, behind)
        log.rename(tmp_path / "access.log.1")
        gateway.send_signal(signal.SIGHUP)
        gateway.err.until("reloaded")
        assert log.read_text() == ""
        through(gateway.port, behind)
        assert '"page": ["http://' in "".join(gateway.out.said)
    assert (tmp_path / "access.log.1").read_text().count("\n") == 1
    assert log.read_text().count("service=a") == 1


def test_workers_share_one_file_and_one_page(tmp_path: Path, behind: socket.socket) -> None:
    config, log = tmp_path / "g.toml", tmp_path / "access.log"
    target = f"127.0.0.1:{behind.getsockname()[1]}"
    config.write_text(f"workers = 2\naccess_log = '{log}'\npage = 0\n{service('a', '127.0.0.1:0', target)}")
    with Dualstack("gateway", "--config", config, "--control", tmp_path / "c") as gateway:
        for _ in range(8):
            through(gateway.port, behind)
        (ready,) = [json.loads(line) for line in gateway.out.said if '"ready"' in line]
        with urllib.request.urlopen(f"{ready['page'][0]}snapshot.json", timeout=20) as answer:  # noqa: S310 - it is our page
            shot = json.load(answer)
        assert shot["workers"] == 2
    assert log.read_text().count("service=a") == 8


def test_a_file_that_cannot_be_opened_again_is_said_and_the_gateway_runs_on(
    tmp_path: Path, behind: socket.socket
) -> None:
    config, log = tmp_path / "g.toml", tmp_path / "access.log"
    target = f"127.0.0.1:{behind.getsockname()[1]}"
    config.write_text(f"access_log = '{log}'\n{service('a', '127.0.0.1:0', target)}")
    with Dualstack("gateway", "--config", config, "--control", tmp_path / "c") as gateway:
        log.rename(tmp_path / "moved")
        log.mkdir()
        gateway.send_signal(signal.SIGHUP)
        assert "Is a directory" in gateway.err.until("access log")
        through(gateway.port, behind)
    assert (tmp_path / "moved").read_text().count("service=a") == 1


def test_a_file_that_cannot_be_opened_is_an_error_at_the_start(tmp_path: Path) -> None:
    from support.program import dualstack

    ended = dualstack("relay", "127.0.0.1:0", "127.0.0.1:9", "--access-log", tmp_path / "none" / "a")
    assert ended.returncode == 78
    assert "access_log" in ended.stderr
