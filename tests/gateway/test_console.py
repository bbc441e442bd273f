"""`dualstack console`: Domino's commands by arguments and line by line, its answers, its exit codes (D3)."""

import asyncio
import io
import json
import re
import socket
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from dualstack.errors import ControlError
from dualstack.gateway.control.client import request
from dualstack.gateway.control.console import answer
from dualstack.gateway.control.server import Control
from support.command import Run
from support.gateway import run as run_scenario
from support.gateway import running

CONFIG = """
[ports.TCPIP]
bind = "127.0.0.1"
[ports.TCPIP6]
bind = "::1"
[ports."Second Net"]
bind = "127.0.0.2"
[[services]]
name = "smtp"
ports = ["TCPIP", "TCPIP6"]
port = 0
to = "127.0.0.1:BEHIND"
[[services]]
name = "imap"
ports = ["TCPIP", "Second Net"]
port = 0
to = "127.0.0.1:BEHIND"
"""
AT = datetime(2026, 11, 25, 0, 34, 8)  # noqa: DTZ001 - as the console of a host tells it
STAMP = r"\d\d/\d\d/\d{4} \d\d:\d\d:\d\d [AP]M  "


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "control.sock")


def asked(path: str, questions: Callable[[], None]) -> None:
    """Run `questions`, which block, against a gateway with its control socket at `path`."""

    async def scenario() -> None:
        async with running(CONFIG) as r:
            control = Control(r.gateway, path)
            control.start()
            try:
                await asyncio.to_thread(questions)
            finally:
                await control.close()

    run_scenario(scenario)


def test_the_answers_are_true_of_the_port_and_of_every_server_on_it(path: str) -> None:
    def questions() -> None:
        assert answer(path, "stop port tcpip", AT).lines == (
            "11/25/2026 12:34:08 AM  Port TCPIP: stopped, 0 connections go on",
            "11/25/2026 12:34:08 AM  SMTP Server: Listening on TCPIP6",
            "11/25/2026 12:34:08 AM  IMAP Server: Listening on Second Net",
        )
        assert answer(path, 'Stop  PORT  "second net"', AT).lines[1:] == (
            "11/25/2026 12:34:08 AM  IMAP Server: Listening on no port",
        )
        assert answer(path, "sh port TCPIP", AT).lines[0] == "Port TCPIP: stopped, bound to 127.0.0.1, 0 connections"
        assert answer(path, "START port tcpip", AT).lines[1:] == (
            "11/25/2026 12:34:08 AM  SMTP Server: Listening on TCPIP, TCPIP6",
            "11/25/2026 12:34:08 AM  IMAP Server: Listening on TCPIP",
        )
        assert answer(path, "restart port TCPIP6", AT).document["port"]["state"] == "listening"
        shown = answer(path, "show port tcpip6", AT)
        (sock,) = shown.document["port"]["sockets"]
        assert shown.lines == (
            "Port TCPIP6: listening, bound to ::1, 0 connections",
            f"  SMTP Server: [::1]:{sock['port']}",
        )
        everything = answer(path, "show allports", AT).lines
        assert [line.split(":")[0] for line in everything if line.startswith("Port")] == [
            "Port TCPIP",
            "Port TCPIP6",
            "Port Second Net",
        ]

    asked(path, questions)


def test_a_port_whose_number_was_taken_is_shown_with_the_reason(path: str) -> None:
    def questions() -> None:
        number = answer(path, "show port second net", AT).document["port"]["sockets"][0]["port"]
        request(path, "stop", "Second Net", release="1")
        with socket.create_server(("127.0.0.2", number)):
            with pytest.raises(ControlError, match="address in use") as caught:
                answer(path, "start port second net", AT)
            assert caught.value.exit_code == 69
        first, reason, _ = answer(path, "show port second net", AT).lines
        assert first == "Port Second Net: failed, bound to 127.0.0.2, 0 connections"
        assert f"address in use by 127.0.0.2:{number}" in reason

    asked(path, questions)


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("stop port decnet", 78, "no port 'decnet'; there are: TCPIP, TCPIP6, Second Net"),
        ("show port decnet", 78, "no port 'decnet'; there are: TCPIP, TCPIP6, Second Net"),
        ("stop port", 2, "stop port needs the name of a port"),
        ("sh port ''", 78, "no port \"''\""),
        ('show port ""', 2, "show port needs the name of a port"),
        ("stop tcpip", 78, "no command 'stop tcpip' here; there are: Stop Port NAME, Start Port NAME"),
        ("st port tcpip", 78, "no command 'st port tcpip' here"),
        ("show allports now", 78, "no command"),
        ("load smtp", 78, "no command"),
    ],
)
def test_what_is_no_command_is_told_with_those_that_are(path: str, line: str, code: int, said: str) -> None:
    def questions() -> None:
        with pytest.raises(ControlError) as caught:
            answer(path, line, AT)
        assert caught.value.exit_code == code
        assert said in str(caught.value)

    asked(path, questions)


def test_a_command_by_its_words(run: Run, path: str) -> None:
    def questions() -> None:
        code, out, err = run("console", "--control", path, "stop", "port", "second", "net")
        assert (code, err) == (0, "")
        assert re.fullmatch(f"{STAMP}Port Second Net: stopped, 0 connections go on\n{STAMP}IMAP .*TCPIP\n", out)
        code, out, _ = run("console", "--control", path, "--json", "stop", "port", "TCPIP6")
        document = json.loads(out)
        assert (code, document["version"], document["port"]["state"]) == (0, 1, "stopped")
        assert run("console", "--control", path, "stop", "port")[0] == 2

    asked(path, questions)


def test_without_a_gateway_it_is_unavailable(run: Run, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    code, out, err = run("console", "--control", path, "show", "port", "tcpip")
    assert (code, out) == (69, "")
    assert "no gateway at" in err
    monkeypatch.setenv("DUALSTACK_RUN", str(Path(path).parent))
    code, _, err = run("console", "show", "port", "tcpip")
    assert (code, "name its socket with --control PATH or DUALSTACK_CONTROL" in err) == (69, True)


class Terminal(io.StringIO):
    """Lines that are typed."""

    def isatty(self) -> bool:
        return True


def test_lines_of_standard_input_are_done_until_quit_and_the_first_failure_is_the_exit_code(
    run: Run, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def questions() -> None:
        lines = "\nstop port tcpip\nstop port decnet\nload smtp\nhelp\nQUIT\nstop port tcpip6\n"
        monkeypatch.setattr("sys.stdin", io.StringIO(lines))
        code, out, err = run("console", "--control", path)
        assert code == 78
        assert "Port TCPIP: stopped" in out
        assert "Stop Port NAME" in out
        assert "TCPIP6: stopped" not in out
        assert ["no port" in err.splitlines()[0], "no command" in err.splitlines()[1]] == [True, True]

    asked(path, questions)


def test_on_a_terminal_there_is_a_prompt_and_its_end_is_the_end(
    run: Run, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def questions() -> None:
        for typed in ("show port tcpip6\nstop port decnet\n", "show port tcpip6\nexit\n"):
            monkeypatch.setattr("sys.stdin", Terminal(typed))
            code, out, _ = run("console", "--control", path)
            assert code == 0
            assert out.startswith("> Port TCPIP6: listening")

    asked(path, questions)
