"""What the verbs print for people fits a terminal of 80 and of 60 columns, and every address and word is whole."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from dualstack.cli.ports import _print_ports
from dualstack.lab.network import why_no_network
from support.command import Run
from support.program import DUALSTACK

LONG = "2001:db8:1111:2222:3333:4444:5555:6666"
CONFIG = f"""
[ports.a-port-with-quite-a-long-name]
bind = "{LONG}"
[ports.tcpip]
bind = "192.0.2.201"
[[services]]
name = "a service of a long name"
ports = ["a-port-with-quite-a-long-name", "tcpip"]
port = 60143
to = "127.0.0.1:9"
[[services]]
name = "dns"
protocol = "udp"
listen = "*:60053"
to = "127.0.0.1:9"
"""
PORTS = {
    "ports": [
        {
            "name": "a-port-with-quite-a-long-name",
            "bind": LONG,
            "state": "listening",
            "services": ["imap", "a service of a long name"],
            "sockets": [
                {"family": 6, "address": f"{LONG}", "port": 60143},
                {"family": 4, "address": "192.0.2.201", "port": 65535},
            ],
            "connections": 123456,
        }
    ]
}


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "gateway.toml"
    path.write_text(CONFIG)
    return str(path)


def table_part(printed: str) -> list[str]:
    """The lines of tables: those that are indented, or have lines drawn."""
    return [line for line in printed.splitlines() if line.startswith(("  ", " ─", "│", "┌"))]


def check(printed: str, words: list[str], room: int) -> None:
    assert "…" not in printed
    for word in words:
        assert word in printed.replace("│", " ").split() or f"{word}," in printed.split(), f"{word} is not whole"
    for line in printed.splitlines():
        assert len(line) <= room or len(line.split()) <= 1, f"{len(line)}: {line}"


@pytest.mark.parametrize("room", [60, 80])
@pytest.mark.parametrize(
    ("words", "whole"),
    [
        (("access", "--rule", f"allow {LONG}/128", LONG, "::1"), [LONG, f"{LONG}/128", "verdict"]),
        (("address", LONG, f"{LONG}%a-long-zone", "x" * 50 + ".example"), [LONG, f"{LONG}%a-long-zone"]),
        (("demo", "--once"), ["IPv4-only", "dualstack", "refused"]),
        (("lab", "fault", "--kinds"), ["port-unreachable", "ECONNREFUSED,", "retransmissions,"]),
        (("gateway", "--help-config"), ["services.handshake_timeout", "services.max_connections"]),
        (("explain", "--figure", "12.5"), ["dual-stack", "IPv6-only"]),
        (("explain", "--figure", "12.2"), []),
    ],
    ids=lambda value: " ".join(value[:3]) if isinstance(value, tuple) else None,
)
def test_a_table_fits_and_breaks_no_word(
    run: Run, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], whole: list[str], room: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(room))
    _, out, _ = run(*words)
    check("\n".join(table_part(out)), [w for w in whole if w in out], room)
    assert all(w in out for w in whole)


@pytest.mark.parametrize("room", [60, 80])
def test_a_plan_fits(run: Run, monkeypatch: pytest.MonkeyPatch, config: str, room: int) -> None:
    monkeypatch.setenv("COLUMNS", str(room))
    code, out, err = run("gateway", "--check", "--config", config, "--os", "linux")
    assert code == 0, err
    check(out.partition("rule: which")[0].partition("\n")[2], [f"[{LONG}]:60143", "192.0.2.201:60143"], room)


@pytest.mark.parametrize("room", [60, 80])
def test_an_explanation_fits(run: Run, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    monkeypatch.setenv("COLUMNS", str(room))
    _, out, _ = run("explain", f"[{LONG}]:60143", "0.0.0.0:60143 reuseaddr", "[::]:60143 v6only=0")
    tables = out.partition("Elsewhere:")[0].partition("\n")[2]
    check(tables, [f"[{LONG}]:60143", "EADDRINUSE", "::ffff:198.51.100.7"][:2], room)


@pytest.mark.parametrize("room", [60, 80])
def test_the_list_of_ports_fits(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], room: int) -> None:
    monkeypatch.setenv("COLUMNS", str(room))
    _print_ports(json.loads(json.dumps(PORTS)), as_json=False)
    check(
        capsys.readouterr().out, [LONG, f"[{LONG}]:60143", "192.0.2.201:65535", "a-port-with-quite-a-long-name"], room
    )


@pytest.mark.skipif(bool(why_no_network()), reason=why_no_network() or "there are namespaces")
@pytest.mark.parametrize("room", [60, 80])
def test_the_figure_that_is_measured_fits(run: Run, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    monkeypatch.setenv("COLUMNS", str(room))
    code, out, err = run("lab", "matrix", "--variant", "kernel")
    assert code == 0, err
    check(out, ["dual-stack", "IPv4-only"], room)


def test_output_that_is_no_terminal_has_every_row_on_a_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, config: str
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    _, out, _ = run("gateway", "--check", "--config", config, "--os", "linux")
    (row,) = (line for line in out.splitlines() if f"[{LONG}]:60143" in line)
    assert row.split()[:5] == ["a", "service", "of", "a", "long"]
    assert row.endswith("bound to an address, so the socket is of the address's family")


def test_a_terminal_has_its_own_width() -> None:
    ours, its = os.openpty()
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    import fcntl
    import struct
    import termios

    fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
    words = [*DUALSTACK, "access", "--rule", f"allow {LONG}", LONG]
    with subprocess.Popen(words, stdin=its, stdout=its, stderr=its, env={**environment, "TERM": "dumb"}) as process:
        os.close(its)
        said = b""
        try:
            while part := os.read(ours, 4096):
                said += part
        except OSError:
            pass
        os.close(ours)
    assert process.returncode == 0
    check(said.decode(), [LONG], 60)
