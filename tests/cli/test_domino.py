"""`dualstack gateway --config notes.ini`: the plan, the TOML, what is missing or wrong (D9)."""

import json
from pathlib import Path

import pytest

from support.command import Run

NOTES = """\
[Notes]
KitType=2
TCP_EnableIPv6=1
Ports=TCPIP,TCPIP6
TCPIP=TCP, 0, 15, 0,,12288
TCPIP6=TCP, 0, 15, 0
TCPIP_TcpIpAddress=0,192.0.2.1:1352
TCPIP6_TcpIpAddress=0,[2001:db8::1]:1352
SMTPNotesPort=TCPIP,TCPIP6
"""


@pytest.fixture
def notes(tmp_path: Path) -> str:
    path = tmp_path / "notes.ini"
    path.write_text(NOTES)
    return str(path)


def test_the_plan_has_nrpc_and_smtp_on_both_ports_with_their_rules(run: Run, notes: str) -> None:
    code, out, _ = run("gateway", "--config", notes, "--check", "--json", "--os", "linux")
    document = json.loads(out)
    assert code == 0
    assert document["version"] == 1
    assert [
        (s["service"], s["port_name"], s["family"], s["address"], s["port"], s["v6only"], s["rule"])
        for s in document["sockets"]
    ] == [
        ("nrpc", "TCPIP", 4, "192.0.2.1", 1352, None, "D6.2"),
        ("nrpc", "TCPIP6", 6, "2001:db8::1", 1352, True, "D6.2"),
        ("smtp", "TCPIP", 4, "192.0.2.1", 25, None, "D6.2"),
        ("smtp", "TCPIP6", 6, "2001:db8::1", 25, True, "D6.2"),
    ]
    assert document["conflicts"] == []
    assert document["notes"] == [
        "nrpc: no target; to run it, add --to nrpc=HOST:PORT",
        "smtp: no target; to run it, add --to smtp=HOST:PORT",
        "not read: KitType (line 2)",
    ]


def test_the_oracle_explains_the_sockets_of_the_file(run: Run, notes: str) -> None:
    code, out, _ = run("explain", "--config", notes, "--os", "netbsd")
    assert code == 0
    for socket in ("192.0.2.1:1352", "[2001:db8::1]:1352", "192.0.2.1:25", "[2001:db8::1]:25"):
        assert socket in out


def test_a_target_that_is_our_own_listener_is_a_conflict(run: Run, notes: str) -> None:
    Path(notes).write_text(NOTES.replace("192.0.2.1", "127.0.0.1"))
    given = ("--to", "SMTP=127.0.0.1:1025", "--number", "smtp=1025")
    code, out, _ = run("gateway", "--config", notes, "--check", "--json", *given)
    assert code == 1
    (loop,) = (conflict for conflict in json.loads(out)["conflicts"] if conflict["step"] == "connect")
    assert (loop["errno"], loop["a"], loop["b"]) == (
        "ELOOP",
        "127.0.0.1:1025 (target of smtp)",
        "127.0.0.1:1025 (smtp)",
    )


def test_without_a_target_it_does_not_run_and_every_service_is_named(run: Run, notes: str) -> None:
    code, out, err = run("gateway", "--config", notes)
    assert (code, out) == (78, "")
    (line,) = err.splitlines()
    assert "no target for nrpc, smtp" in line
    assert "--to nrpc=HOST:PORT --to smtp=HOST:PORT, or leave some out by --without NAME" in line


def test_the_toml_is_a_file_of_the_gateways_own(run: Run, notes: str, tmp_path: Path) -> None:
    given = (
        "--to",
        "nrpc=127.0.0.1:2352",
        "--to",
        "smtp=[::1]:2525",
        "--to",
        "imap=unix:/run/imap",
        "--number",
        "imap=1143",
    )
    code, out, _ = run("gateway", "--config", notes, *given, "--to-toml")
    assert code == 0
    toml = tmp_path / "gateway.toml"
    toml.write_text(out)
    ours, dominos = (
        json.loads(run("gateway", "--config", path, *more, "--check", "--json", "--os", "freebsd")[1])
        for path, more in ((str(toml), ()), (notes, given))
    )
    assert ours["sockets"] == dominos["sockets"]
    assert [s["port"] for s in ours["sockets"]] == [1352, 1352, 25, 25, 1143]


def test_a_file_of_ours_has_its_own_targets(run: Run, tmp_path: Path) -> None:
    toml = tmp_path / "gateway.toml"
    toml.write_text("[[services]]\nname='a'\nlisten='*:1'\nto='127.0.0.1:2'\n")
    code, _, err = run("gateway", "--config", str(toml), "--to", "a=127.0.0.1:3", "--check")
    assert code == 78
    assert "--to, --number and --without go with Domino's notes.ini" in err
    code, _, err = run("gateway", "--config", str(toml), "--to-toml")
    assert code == 78
    assert "is TOML already" in err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--to", "smtp"), "--to: 'smtp': expected SERVICE=VALUE"),
        (("--to", "=127.0.0.1:1"), "expected SERVICE=VALUE"),
        (("--to", "smtp=127.0.0.1"), "--to: '127.0.0.1': no port"),
        (("--to", "ftp=127.0.0.1:21"), "no service 'ftp'"),
        (("--number", "smtp=x-y"), "--number: "),
        (("--without", "ftp"), "no service 'ftp'"),
    ],
)
def test_what_is_given_wrong_is_one_line_and_exit_78(run: Run, notes: str, options: tuple[str, ...], said: str) -> None:
    code, out, err = run("gateway", "--config", notes, *options, "--check")
    assert (code, out, len(err.splitlines())) == (78, "", 1)
    assert said in err


def test_a_file_in_the_systems_own_character_set_is_read(run: Run, notes: str) -> None:
    Path(notes).write_bytes(NOTES.replace("KitType=2", "MailServer=CN=Zoë").encode("latin-1"))
    assert run("gateway", "--config", notes, "--check", "--os", "linux")[0] == 0


def test_a_file_that_is_not_there_is_a_wrong_value(run: Run, tmp_path: Path) -> None:
    code, _, err = run("gateway", "--config", str(tmp_path / "notes.ini"), "--check")
    assert code == 78
    assert "notes.ini: cannot be read" in err
