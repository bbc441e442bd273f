"""`dualstack gateway --check`: the plan for people and for scripts."""

import json
from pathlib import Path
from typing import Protocol

import pytest

from support.command import Run

CONFIG = """
[ports.tcpip]
bind = "0.0.0.0"
[ports.tcpip6]
bind = "::"
v6only = true
[[services]]
name = "imap"
ports = ["TCPIP", "tcpip6"]
port = 1143
to = "localhost:2143"
[[services]]
name = "any"
listen = "*:1144"
to = "192.0.2.1:2144"
[[services]]
name = "one"
listen = "127.0.0.9:1144"
to = "192.0.2.1:2145"
[[links]]
to = "localhost"
ports = ["tcpip"]
"""


class Check(Protocol):
    def __call__(self, text: str, *options: str) -> tuple[int, str, str]: ...


@pytest.fixture
def check(run: Run, tmp_path: Path) -> Check:
    def checked(text: str, *options: str) -> tuple[int, str, str]:
        config = tmp_path / "gateway.toml"
        config.write_text(text)
        return run("gateway", "--config", str(config), "--check", *options)

    return checked


def test_every_socket_has_the_rule_behind_it(check: Check) -> None:
    code, out, _err = check(CONFIG, "--json")
    document = json.loads(out)
    assert code == 0
    assert document["version"] == 1
    assert [
        (s["service"], s["port_name"], s["family"], s["address"], s["port"], s["v6only"], s["rule"])
        for s in document["sockets"]
    ] == [
        ("imap", "tcpip", 4, "0.0.0.0", 1143, None, "D6.6"),
        ("imap", "tcpip6", 6, "::", 1143, True, "D6.5"),
        ("any", "any", 6, "::", 1144, False, "D6.3"),
        ("one", "one", 4, "127.0.0.9", 1144, None, "D6.2"),
    ]
    assert all(s["why"] for s in document["sockets"])
    assert document["conflicts"] == []
    assert document["links"] == [{"to": "localhost", "target": "localhost:2143", "ports": ["tcpip"], "missing": [6]}]


@pytest.mark.parametrize("system", ["windows-2003", "openbsd"])
def test_the_same_file_means_the_same_on_a_system_without_dual_sockets(check: Check, system: str) -> None:
    document = json.loads(check(CONFIG, "--json", "--os", system)[1])
    assert [(s["family"], s["v6only"]) for s in document["sockets"] if s["service"] == "any"] == [(6, True), (4, None)]
    assert document["conflicts"] == []


def test_a_conflict_is_exit_1_with_its_remedy(check: Check) -> None:
    twice = CONFIG.replace("127.0.0.9:1144", "*:1144")
    code, out, _err = check(twice, "--json")
    (conflict, *_) = json.loads(out)["conflicts"]
    assert code == 1
    assert (conflict["errno"], conflict["step"]) == ("EADDRINUSE", "bind")
    assert "another address or port" in conflict["remedy"]


def test_people_get_a_table(check: Check) -> None:
    code, out, _err = check(CONFIG.replace("127.0.0.9:1144", "*:1144"))
    assert code == 1
    assert "Sockets, in the order they are opened" in out
    assert "Conflicts:\n  bind of *:1144 (one) beside *:1144 (any): EADDRINUSE" in out
    assert "Links:\n  localhost: localhost:2143 by tcpip: cannot dial IPv6" in out


def test_names_with_brackets_are_shown_as_they_are(check: Check) -> None:
    code, out, _err = check(CONFIG.replace('"any"', '"x[red]"'))
    assert code == 0
    assert "x[red]" in out


def test_a_target_that_does_not_resolve_is_exit_69_unless_nothing_is_looked_up(check: Check) -> None:
    text = CONFIG.replace("192.0.2.1:2144", "nothing.invalid:1").replace("192.0.2.1:2145", "exec:/no/such/program")
    code, out, err = check(text, "--json")
    assert code == 69
    assert [u["target"] for u in json.loads(out)["unresolved"]] == [
        "nothing.invalid:1",
        "exec:/no/such/program",
    ]
    assert "nothing.invalid has no address" in err
    assert check(text, "--json", "--no-lookup")[0] == 0


def test_a_literal_target_that_reach_denies_is_exit_69_with_the_rule(check: Check) -> None:
    text = CONFIG.replace('to = "192.0.2.1:2144"', 'to = "192.0.2.1:2144"\nreach = ["deny 192.0.2.0/24", "allow any"]')
    text = text.replace('to = "192.0.2.1:2145"', 'to = "192.0.2.1:2145"\nreach = ["allow 192.0.2.1"]')
    code, out, err = check(text, "--json")
    assert code == 69
    assert [u["target"] for u in json.loads(out)["unresolved"]] == ["192.0.2.1:2144"]
    assert "any: 192.0.2.1:2144: `reach` denies it (deny 192.0.2.0/24), so nobody is served" in err
    assert "none of its rules matches" in check(text.replace("allow 192.0.2.1", "allow ::1"), "--json")[2]


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ('user = "no-such-user"\n', "user: there is no user 'no-such-user'"),
        ('[ports.p]\ninterface = "nope0"\n', "ports.p.interface: there is no interface 'nope0'; there are: "),
    ],
)
def test_what_this_host_has_not_is_a_wrong_value_here_and_not_elsewhere(
    check: Check, wrong: str, expected: str
) -> None:
    code, _, err = check(wrong + CONFIG)
    assert code == 78
    assert expected in err
    assert check(wrong + CONFIG, "--os", "freebsd")[0] == 0


def test_the_keys_of_a_file_are_listed(run: Run) -> None:
    code, out, _ = run("gateway", "--help-config")
    assert code == 0
    assert "services.access" in out
    keys = json.loads(run("gateway", "--help-config", "--json")[1])["keys"]
    assert {"key", "type", "default", "meaning"} == set(keys[0])


UDP = """
[[services]]
name = "dns"
protocol = "udp"
listen = "*:1153, 127.0.0.9:1153"
to = "192.0.2.1:53"
[[services]]
name = "dns over TCP"
listen = "*:1153"
to = "192.0.2.1:53"
"""


@pytest.mark.parametrize("system", ["linux", "freebsd", "openbsd", "windows"])
def test_udp_has_no_listen_to_fail_and_shares_no_number_with_tcp(check: Check, system: str) -> None:
    code, out, _err = check(UDP.replace(", 127.0.0.9:1153", ""), "--json", "--os", system)
    document = json.loads(out)
    assert (code, document["conflicts"]) == (0, [])
    assert {each.get("proto") for each in document["sockets"]} == {None, "udp"}


def test_the_sockets_of_udp_are_shown_as_such(check: Check) -> None:
    code, out, _err = check(UDP)
    assert code == 0
    assert "udp [::]:1153" in out


def test_a_target_of_udp_that_takes_connections_names_the_key(check: Check) -> None:
    code, _out, err = check(UDP.replace("192.0.2.1:53", "exec:/bin/cat"))
    assert code == 78
    assert "services.dns.to: exec:/bin/cat takes connections, and UDP has none; write HOST:PORT, or use TCP" in err


def test_a_protocol_that_is_none_names_those_there_are(check: Check) -> None:
    code, _out, err = check(UDP.replace('"udp"', '"sctp"'))
    assert code == 78
    assert 'services[0] (dns).protocol: \'sctp\': expected "tcp" | "udp"' in err
