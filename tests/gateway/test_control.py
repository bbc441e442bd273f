"""The control socket: whose it is, what it answers, what the command says when it does not."""

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from dualstack.errors import AddressError, ControlError, ExitCode
from dualstack.gateway.config.toml import parse
from dualstack.gateway.control.client import request
from dualstack.gateway.control.server import Control
from dualstack.gateway.counters.log import open_log
from dualstack.gateway.processes.gateway import Gateway
from dualstack.gateway.relay.stream.choose import data_plane
from support.command import Run

CONFIG = """
[[services]]
name = "a"
listen = "127.0.0.1:0"
to = "127.0.0.1:9"
[[services]]
name = "B"
listen = "localhost:0"
to = "127.0.0.1:9"
"""


def asked(path: Path, questions: Callable[[], None], config: str = CONFIG) -> None:
    """Run `questions`, which block, against a gateway with its control socket at `path`."""

    async def scenario() -> None:
        gateway = Gateway(parse(config, "test.toml"), data_plane(asyncio.get_running_loop()), open_log(quiet=True))
        try:
            await gateway.open()
            control = Control(gateway, str(path))
            control.start()
            try:
                await asyncio.to_thread(questions)
            finally:
                await control.close()
        finally:
            await gateway.close()

    asyncio.run(scenario())


def states(path: Path) -> dict[str, str]:
    return {port["name"]: port["state"] for port in request(str(path), "list")["ports"]}


def test_ports_are_listed_stopped_and_started(tmp_path: Path) -> None:
    path = tmp_path / "c.sock"

    def questions() -> None:
        assert path.stat().st_mode & 0o777 == 0o600
        assert states(path) == {"a": "listening", "B": "listening"}
        assert request(str(path), "stop", "A")["port"]["state"] == "stopped"
        assert states(path) == {"a": "stopped", "B": "listening"}
        assert request(str(path), "start", "a")["port"]["state"] == "listening"
        assert request(str(path), "restart", "b", drain="0", release="1")["cut"] == 0
        assert states(path) == {"a": "listening", "B": "listening"}

    asked(path, questions)
    assert not path.exists()


def test_what_cannot_be_is_refused_with_its_code(tmp_path: Path) -> None:
    path = tmp_path / "c.sock"

    def questions() -> None:
        for verb, name, query, why in (
            ("stop", "c", {}, "no port 'c'; there are: a, B"),
            ("explode", "a", {}, "no verb 'explode'"),
            ("stop", "a", {"drain": "soon"}, "soon"),
            ("stop", "a", {"drain": "nan"}, "drain is a number of seconds, not nan"),
            ("stop", "a/b", {}, "no port 'a/b'; there are: a, B"),
            ("stop", "", {}, "no port ''; there are: a, B"),
        ):
            with pytest.raises(ControlError, match=why) as caught:
                request(str(path), verb, name, **query)
            assert caught.value.exit_code == ExitCode.WRONG_VALUE

    asked(path, questions)


def test_a_port_whose_number_was_taken_is_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "c.sock"

    def questions() -> None:
        (ports,) = request(str(path), "list").values()
        number = ports[0]["sockets"][0]["port"]
        request(str(path), "stop", "a", release="1")
        with socket.create_server(("127.0.0.1", number)):
            with pytest.raises(ControlError, match="address in use") as caught:
                request(str(path), "start", "a")
            assert caught.value.exit_code == ExitCode.UNAVAILABLE
            assert states(path)["a"] == "failed"

    asked(path, questions)


def test_a_stale_socket_is_replaced_and_a_live_one_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.sock"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))

    def questions() -> None:
        with pytest.raises(ControlError, match="another gateway answers there"):
            asked(path, lambda: None)
        assert states(path)["a"] == "listening"

    asked(path, questions)


def test_a_live_one_that_does_not_answer_is_refused_and_not_replaced(tmp_path: Path) -> None:
    """Its queue is full, as that of a gateway which is stopped: that says nothing of whose it is."""
    path = tmp_path / "c.sock"
    with socket.socket(socket.AF_UNIX) as hangs, contextlib.ExitStack() as clients:
        hangs.bind(str(path))
        hangs.listen(0)
        with contextlib.suppress(BlockingIOError):
            while True:
                client = clients.enter_context(socket.socket(socket.AF_UNIX))
                client.setblocking(False)
                client.connect(str(path))
        inode = path.stat().st_ino
        with pytest.raises(ControlError, match="another gateway answers there; stop it or name another path"):
            asked(path, lambda: None)
        assert path.stat().st_ino == inode


def test_a_gateway_that_does_not_answer_is_not_waited_for_without_end(tmp_path: Path) -> None:
    path = tmp_path / "c.sock"
    with socket.socket(socket.AF_UNIX) as hangs:
        hangs.bind(str(path))
        hangs.listen(4)
        for verb, query in (("list", {}), ("stop", {"drain": "nonsense"}), ("stop", {"drain": "nan"})):
            with pytest.raises(ControlError, match="it does not answer: it hangs, or is stopped") as raised:
                request(str(path), verb, "a", within_s=0.05, **query)
            assert raised.value.exit_code == ExitCode.TIMEOUT


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("x")
    with pytest.raises(ControlError, match="a file is there that is no socket"):
        asked(path, lambda: None)
    assert path.read_text() == "x"


def test_a_path_that_is_too_long_for_a_socket_says_so(tmp_path: Path, run: Run) -> None:
    path = tmp_path / ("x" * 120)
    with pytest.raises(AddressError, match="the path of a Unix socket has at most 10"):
        asked(path, lambda: None)
    code, _, err = run("relay", "127.0.0.1:0", "127.0.0.1:9", "--control", str(path))
    assert code == ExitCode.WRONG_VALUE
    assert "the path of a Unix socket has at most 10" in err


def test_a_place_that_cannot_have_a_socket_is_named(tmp_path: Path) -> None:
    with pytest.raises(ControlError, match="No such file or directory; name another"):
        asked(tmp_path / "none" / "c.sock", lambda: None)


def test_the_command_speaks_to_the_gateway(tmp_path: Path, run: Run) -> None:
    path = tmp_path / "c.sock"

    def questions() -> None:
        control = ("--control", str(path))
        assert run("ports", "stop", "A", *control) == (0, "a: stopped, 0 connections\n", "")
        assert run("ports", "stop", "A", *control)[0] == 0
        document = json.loads(run("ports", "list", "--json", *control)[1])
        assert document["version"] == 1
        assert [set(port) for port in document["ports"]] == [
            {"name", "bind", "state", "services", "sockets", "connections"}
        ] * 2
        assert [(p["state"], p["services"]) for p in document["ports"]] == [("stopped", ["a"]), ("listening", ["B"])]
        code, out, _ = run("ports", "list", *control)
        assert code == 0
        assert "stopped" in out
        assert "127.0.0.1:" in out
        assert json.loads(run("ports", "start", "a", "--drain", "1", "--release", "--json", *control)[1])["cut"] == 0
        assert run("ports", "start", "nope", *control)[0] == ExitCode.WRONG_VALUE

    asked(path, questions)


def test_who_speaks_no_http_is_no_gateway(tmp_path: Path) -> None:
    path = tmp_path / "c.sock"
    with socket.socket(socket.AF_UNIX) as dumb:
        dumb.bind(str(path))
        with pytest.raises(ControlError, match="Connection refused"):
            request(str(path), "list")


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.0 200 OK\r\n\r\nhello", b"HTTP/1.0 200 OK\r\n\r\n[]", b"220 mail ESMTP\r\n"]
)
def test_whoever_else_answers_is_no_gateway_of_this_kind(tmp_path: Path, answer: bytes) -> None:
    path = tmp_path / "c.sock"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()

        def reply() -> None:
            connection, _ = other.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        thread = threading.Thread(target=reply)
        thread.start()
        with pytest.raises(ControlError, match="what answers there is none of this kind") as caught:
            request(str(path), "list")
        thread.join()
    assert caught.value.exit_code == ExitCode.UNAVAILABLE


def test_names_with_brackets_are_shown_as_they_are(tmp_path: Path, run: Run) -> None:
    path = tmp_path / "c.sock"

    def questions() -> None:
        code, out, _ = run("ports", "list", "--control", str(path))
        assert code == 0
        assert "x[red]" in out

    asked(path, questions, CONFIG.replace('"a"', '"x[red]"'))
