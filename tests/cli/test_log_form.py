"""`log = "json"` from the first line to the last: whoever reads it by a program meets no other form."""

import json
import socket
from pathlib import Path

import pytest

from support.free_port import free_port
from support.program import Dualstack, dualstack

SERVICE = '[[services]]\nname = "a"\nlisten = "{listen}"\nto = "127.0.0.1:9"\n'
NOTES = "Ports=TCPIP,LAN0\nTCPIP=TCP,0,15,0\nLAN0=NETBIOS,0,15,0\nServerTasks=IMAP\nTCPIP_TcpIpAddress=0,127.0.0.1\n"


def events(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize(
    ("text", "options", "code", "why"),
    [
        ('log = "json"\n' + SERVICE.format(listen="127.0.0.1:{busy}"), (), 69, "in use"),
        ('log = "json"\n' + SERVICE.format(listen="127.0.0.1:0") + "idle_timeout = -1\n", (), 78, "idle_timeout"),
        ('log = "json"\nlgo = 1\n' + SERVICE.format(listen="127.0.0.1:0"), (), 78, "lgo"),
        (SERVICE.format(listen="127.0.0.1:0") + "x = 1\n", ("--log", "json"), 78, "unknown key"),
        ("[[", ("--log", "json"), 78, ""),
    ],
)
def test_what_ends_it_is_a_line_of_json_too(
    tmp_path: Path, text: str, options: tuple[str, ...], code: int, why: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        config = tmp_path / "gateway.toml"
        config.write_text(text.replace("{busy}", str(busy.getsockname()[1])))
        done = dualstack("gateway", "--config", config, "--control", tmp_path / "c", *options)
    (last,) = events(done.stderr)
    assert (done.returncode, last["event"], last["level"], last["exit_code"]) == (code, "ended", "error", code)
    assert why in str(last["why"])


@pytest.mark.parametrize("form", ["text", "json"])
def test_notes_of_dominos_file_are_lines_of_the_log(tmp_path: Path, form: str) -> None:
    notes = tmp_path / "notes.ini"
    notes.write_text(NOTES)
    chosen = ("--to", "imap=127.0.0.1:9", f"--number=imap={free_port()}", "--without", "nrpc")
    with Dualstack("gateway", "--config", notes, "--control", tmp_path / "c", "--log", form, *chosen) as gateway:
        assert gateway.end() == 0
        said = gateway.err.rest()
    if form == "json":
        assert all(event["event"] for event in events(said))
        assert "note" in {event["event"] for event in events(said)}
    else:
        assert "dualstack: " in said


def test_a_text_log_ends_as_it_did(tmp_path: Path) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text("[[")
    done = dualstack("gateway", "--config", config)
    assert done.returncode == 78
    assert done.stderr.startswith("dualstack: ")
