"""`dualstack access`: verdicts, exit codes, and the rules of a gateway's services."""

import json
import socket
from pathlib import Path

import pytest

from support.command import Run

CONFIG = """
[[services]]
name   = "imap"
listen = "*:1143"
to     = "127.0.0.1:143"
access = ["deny 192.0.2.0/24", "allow any"]
reach  = ["deny 169.254.0.0/16", "allow any"]
nat64  = ["2001:db8:64::/96"]

[[services]]
name   = "open"
listen = "*:1025"
to     = "127.0.0.1:25"
"""


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "gateway.toml"
    path.write_text(CONFIG)
    return str(path)


def test_each_address_has_its_verdict_and_its_rule(run: Run) -> None:
    code, out, _ = run(
        "access", "--json", "--rule", "deny 10.0.0.0/8", "--rule", "allow any", "::ffff:10.1.2.3", "FE80::1%eth0"
    )
    assert code == 1
    assert json.loads(out) == [
        {"address": "::ffff:10.1.2.3", "verdict": "deny", "rule": "deny 10.0.0.0/8"},
        {"address": "fe80::1%eth0", "verdict": "allow", "rule": "allow any"},
    ]


def test_all_allowed_is_0_and_no_match_is_a_denial(run: Run) -> None:
    assert run("access", "--rule", "allow ::1", "::1", "::1%lo")[0] == 0
    code, out, _ = run("access", "--json", "--rule", "allow ::1", "::2")
    assert code == 1
    assert json.loads(out) == [{"address": "::2", "verdict": "deny", "rule": None}]


def test_people_read_a_table(run: Run) -> None:
    code, out, _ = run("access", "--rule", "allow public", "8.8.8.8", "::1")
    assert code == 1
    assert "8.8.8.8  allow    allow public" in out
    assert "::1      deny     none matched" in out


def test_without_addresses_the_rules_alone_are_checked(run: Run) -> None:
    assert run("access", "--rule", "allow any") == (0, "1 rule read\n", "")
    assert run("access", "--rule", "allow any", "--rule", "deny any", "--json") == (0, "[]\n", "")
    code, out, err = run("access", "--rule", "allow any", "--rule", "allow 10/8")
    assert (code, out) == (78, "")
    assert err.startswith("dualstack: access rule 'allow 10/8': ")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--rule", "allow any", "127.1"], "no IPv4 address"),
        (["--rule", "allow any", "localhost"], "no IPv4 address"),
        (["--rule", "allow any", "::1", "--nat64", "::/1"], "NAT64"),
        (["--config", "/nonexistent.toml", "--service", "x"], "/nonexistent.toml"),
    ],
)
def test_wrong_values_are_78(run: Run, arguments: list[str], reason: str) -> None:
    code, out, err = run("access", *arguments)
    assert (code, out) == (78, "")
    assert reason in err


@pytest.mark.parametrize(
    "arguments",
    [
        ["::1"],
        ["--config", "x"],
        ["--service", "x"],
        ["--reach", "--rule", "allow any"],
        ["--rule", "allow any", "--config", "x", "--service", "y"],
    ],
)
def test_rules_come_from_one_place(run: Run, arguments: list[str]) -> None:
    code, _, err = run("access", *arguments)
    assert code == 2
    assert "--rule RULE" in err


def test_the_rules_of_a_service_are_asked(run: Run, config: str) -> None:
    code, out, _ = run("access", "--config", config, "--service", "imap", "--json", "::ffff:192.0.2.9")
    assert code == 1
    assert json.loads(out)[0]["rule"] == "deny 192.0.2.0/24"
    reach = ("access", "--config", config, "--service", "imap", "--reach")
    assert run(*reach, "192.0.2.9")[0] == 0
    assert run(*reach, "2001:db8:64::169.254.169.254")[0] == 1


def test_a_service_without_rules_lets_everybody_in(run: Run, config: str) -> None:
    code, out, _ = run("access", "--config", config, "--service", "open", "--json", "192.0.2.9")
    assert code == 0
    assert json.loads(out) == [{"address": "192.0.2.9", "verdict": "allow", "rule": None}]
    assert "there are none" in run("access", "--config", config, "--service", "open", "192.0.2.9")[1]


def test_the_name_of_a_service_does_not_mind_case(run: Run, config: str) -> None:
    assert run("access", "--config", config, "--service", "IMAP", "192.0.2.9")[0] == 1


def test_a_zone_is_compared_as_the_kernel_gives_it(run: Run, tmp_path: Path) -> None:
    number = socket.if_nametoindex("lo")
    assert run("access", "--rule", "allow fe80::1%lo", f"fe80::1%{number}")[0] == 0
    path = tmp_path / "zones.toml"
    path.write_text("[[services]]\nname='a'\nlisten='*:1'\nto='h:1'\naccess=['allow fe80::1%lo']\n")
    assert run("access", "--config", str(path), "--service", "a", f"fe80::1%{number}")[0] == 0


def test_an_unknown_service_names_those_there_are(run: Run, config: str) -> None:
    code, _, err = run("access", "--config", config, "--service", "pop3", "::1")
    assert code == 78
    assert "no service is called 'pop3'; there are imap, open" in err
