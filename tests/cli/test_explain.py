"""`dualstack explain`: for people, for scripts, in batches, beside this kernel (X3, D7, D8)."""

import inspect
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from dualstack.cli.explain import _MODES, _Shown, command
from dualstack.core.explain.explain import Settings, explain
from dualstack.core.explain.socket_text import Labelled, sockets_on
from dualstack.core.oracle.systems import STACKS, Stack
from dualstack.lab.network import why_no_network
from support.command import Run


class Lines(io.StringIO):
    """Standard input with these bytes."""

    def __init__(self, *lines: bytes) -> None:
        super().__init__()
        self.buffer = io.BytesIO(b"\n".join(lines) + b"\n")


@pytest.fixture
def needs_namespaces() -> None:
    if why := why_no_network():
        pytest.skip(why)


def document(run: Run, *arguments: str) -> tuple[int, dict]:
    code, out, _ = run("explain", "--json", *arguments)
    return code, json.loads(out)


def test_what_this_project_opens_opens(run: Run) -> None:
    code, out, _ = run("explain", "*:80", "--os", "linux")
    assert code == 0
    assert "[::]:80" in out
    assert "as ::ffff:198.51.100.7" in out
    assert "OpenBSD: 0.0.0.0:80 opens" in out


def test_a_conflict_is_no_with_its_reason_and_remedy(run: Run) -> None:
    code, out, _ = run("explain", "[::]:80", "0.0.0.0:80", "--os", "linux")
    assert code == 1
    assert "EADDRINUSE beside [::]:80" in out
    assert "inet_bind_conflict" in out
    assert "dualstack explain '[::]:80 v6only=1' '0.0.0.0:80' --os linux" in out


def test_a_scope_in_a_heading_is_shown(run: Run) -> None:
    _, out, _ = run("explain", "[fe80::1%eth0]:53", "--os", "linux")
    heading = next(line for line in out.splitlines() if line.strip().startswith("client"))
    assert "[fe80::1%eth0]:53" in heading


def test_the_json_has_the_case_to_ask_again(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    code, said = document(run, "[::]:80", "0.0.0.0:80", "--os", "freebsd")
    (port,) = said["ports"]
    assert (code, said["version"], said["os"], port["port"], port["proto"]) == (0, 1, "freebsd", 80, "tcp")
    assert [each["errno"] for each in port["sockets"]] == [None, None]
    assert port["to"]["192.0.2.1"] == [{"socket": 1, "peer": "198.51.100.7", "local": "192.0.2.1"}]
    assert {each["os"] for each in port["elsewhere"]} >= {"Linux", "NetBSD", "AIX"}
    monkeypatch.setattr(sys, "stdin", Lines(json.dumps(port["case"]).encode()))
    _, out, _ = run("explain", "--batch")
    assert json.loads(out)["to"] == port["to"]


def test_several_sockets_may_receive(run: Run) -> None:
    code, out, _ = run("explain", "0.0.0.0:80 reuseport", "0.0.0.0:80 reuseport", "--os", "linux")
    assert code == 0
    assert "one of them" in out


def test_unknown_is_said(run: Run) -> None:
    code, out, _ = run("explain", "[::]:80", "0.0.0.0:80", "--os", "aix")
    assert code == 1
    assert "unknown: no source tells" in out


def test_a_configuration_is_explained_for_a_system(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text('[[services]]\nname = "web"\nlisten = "*:8080"\nto = "127.0.0.1:80"\n')
    code, said = document(run, "--config", str(file), "--os", "openbsd")
    assert code == 0
    assert [each["written"] for each in said["ports"][0]["sockets"]] == [
        "[::]:8080 v6only=1 reuseaddr",
        "0.0.0.0:8080 reuseaddr",
    ]


READS = """
import collections, json, sys
from dualstack.cli import main
import asyncio, dualstack.cli.explain, dualstack.cli.explanation, dualstack.gateway.config.notes_ini

reads = collections.Counter()

def count(event, arguments):
    if event == "open" and str(arguments[0]).startswith(("/proc/", "/sys/")):
        reads[arguments[0]] += 1
    elif event == "socket.__new__":
        reads["socket"] += 1

sys.addaudithook(count)
sys.argv[0] = "dualstack"
try:
    main()
finally:
    print(json.dumps(reads), file=sys.stderr)
"""


def reads(file: Path, ports: int, *more: str) -> dict[str, int]:
    """What was asked of this host to explain a configuration of so many ports: files of its kernel, sockets made."""
    services = (
        f'[[services]]\nname = "{port}"\nlisten = "*:{port}"\nto = "127.0.0.1:80"\n' for port in range(1, ports + 1)
    )
    file.write_text("".join(services))
    command = [sys.executable, "-c", READS, "explain", "--json", "--config", str(file), *more]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert len(json.loads(done.stdout)["ports"]) == ports
    return json.loads(done.stderr)


def test_the_host_is_read_once_however_many_ports_there_are(tmp_path: Path) -> None:
    one, twenty = (reads(tmp_path / "gateway.toml", ports) for ports in (1, 20))
    assert twenty == one
    assert [times for what, times in one.items() if what != "socket"] in ([1], []), (
        "whether IPv6 is on, where /proc tells"
    )
    # Of any host of another system it is known what it is; two sockets are asyncio's own.
    assert reads(tmp_path / "gateway.toml", 20, "--os", "openbsd") == {"socket": 2}
    assert one["socket"] == 3


def test_each_system_is_asked_once_for_its_sockets() -> None:
    asked: list[str] = []

    def sockets(stack: Stack) -> tuple[Labelled, ...]:
        asked.append(stack.name)
        return sockets_on(stack, [f"*:{port}" for port in range(80, 100)])

    assert len(explain(sockets, Settings(STACKS["linux"]))) == 20
    assert sorted(asked) == sorted(STACKS)


def test_a_mode_takes_what_the_table_says() -> None:
    options = {parameter.name for parameter in command.params}
    for mode in _MODES:
        told = {*inspect.signature(mode.answer).parameters} - {"shown"}
        assert told | (mode.takes & {*_Shown.__annotations__}) == mode.takes
        assert {mode.option} | mode.takes <= options


def test_a_figure_is_drawn_for_a_system(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "figure.svg"
    code, out, _ = run("explain", "--figure", "12.2", "--os", "linux", "--svg", str(file))
    assert code == 0
    assert "6. dual-host IN6_IS_ADDR_V4MAPPED says that the client is IPv4" in out
    assert "::ffff:192.0.2.4" in file.read_text()
    code, said = document(run, "--figure", "12.5", "--os", "openbsd")
    assert (code, said["figure"], said["os"]) == (0, "12.5", "openbsd")
    assert [row[4] for row in said["rows"]] == ["(no)", "IPv6", "(no)", "IPv6"]


def test_who_reaches_whom_is_a_picture(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "sockets.svg"
    run("explain", "[::]:80", "0.0.0.0:80", "--os", "linux", "--svg", str(file))
    assert "as ::ffff:198.51.100.7" in file.read_text()
    assert "0.0.0.0:80: EADDRINUSE beside [::]:80" in file.read_text()


def test_what_is_known_of_each_system_is_printed(run: Run) -> None:
    code, out, _ = run("explain", "--systems")
    assert code == 0
    assert out.startswith("# What each system does")


def test_the_settings_of_a_host_count(run: Run) -> None:
    assert document(run, "[::]:80", "0.0.0.0:80", "--os", "linux", "--bindv6only")[0] == 0
    code, said = document(run, "[fd00::1]:80", "--os", "linux", "--no-ipv6")
    assert (code, said["ports"][0]["sockets"][0]["errno"]) == (1, "EADDRNOTAVAIL")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((), 2, "give one of: SOCKET..., --config FILE, --batch, --verify, --figure, --systems"),
        (("*:80", "--batch"), 2, "give one of"),
        (("*:80", "--seconds", "3"), 2, "--seconds and --all go with --verify"),
        (("--batch", "--svg", "x.svg"), 2, "--svg goes with"),
        (("*:80", "*:81", "--svg", "x.svg"), 2, "--svg draws one port"),
        (("--figure", "12.9"), 2, "12.9"),
        (("--verify", "--seconds", "3", "--all"), 2, "go not together"),
        (("*:80", "--os", "plan9"), 2, "plan9"),
        (("*:80", "--live", "--os", "freebsd"), 2, "--live asks this kernel, which is no FreeBSD"),
        (("[::]:80 nodelay",), 78, "is no option; there are: "),
        (("[::]",), 78, "write [::]:PORT"),
        (("--config", "/nonexistent.toml"), 78, "/nonexistent.toml"),
    ],
)
def test_a_wrong_question_says_what_is_wrong(run: Run, arguments: tuple[str, ...], code: int, said: str) -> None:
    got, _, err = run("explain", *arguments)
    assert got == code
    assert said in err


def test_a_batch_answers_each_line_whatever_it_is(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    good = b'{"sockets":[{"family":4,"address":"0.0.0.0"}],"steps":[["bind",0]],"to":[["::1","::1"]]}'
    deep = b"[" * 100_000
    lines = (good, b"nonsense", b"", b'{"os":"plan9"}', b"\xff", deep, good)
    monkeypatch.setattr(sys, "stdin", Lines(*lines))
    code, out, _ = run("explain", "--batch")
    said = [json.loads(line) for line in out.splitlines()]
    assert code == 1
    assert said[0] == said[6] == {"steps": [None], "to": {"::1": "ECONNREFUSED"}, "calls": []}
    assert [each["line"] for each in said[1:6]] == [2, 3, 4, 5, 6]
    assert "no JSON" in said[1]["error"]
    assert said[3]["error"].startswith("os: no system 'plan9'")


def test_a_batch_without_a_wrong_line_is_yes(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Lines(b"{}"))
    assert run("explain", "--batch")[:2] == (0, '{"steps": [], "to": {}, "calls": []}\n')


@pytest.mark.usefixtures("needs_namespaces")
def test_live_shows_the_kernel_beside_the_prediction(run: Run) -> None:
    code, out, _ = run("explain", "[::]:80", "0.0.0.0:80", "udp [fe80::1%eth0]:53", "--live")
    assert code == 1, "one of them fails"
    rows = [" ".join(line.split()) for line in out.splitlines()]
    assert "bind 0.0.0.0:80 EADDRINUSE EADDRINUSE" in rows
    assert "listen 0.0.0.0:80 skipped skipped" in rows
    assert "IPv6 to any other address [::]:80 as 2001:db8::7 [::]:80 as 2001:db8::7" in rows
    assert "IPv4 to any other address (no) ECONNREFUSED (no) ECONNREFUSED" in rows
    assert out.count("The kernel does as predicted.") == 2


@pytest.mark.usefixtures("needs_namespaces")
def test_live_in_json(run: Run) -> None:
    code, said = document(run, "[::1]:80", "--live")
    assert (code, said["ports"][0]["kernel"]["steps"], said["ports"][0]["differences"]) == (0, [None, None], [])


@pytest.mark.usefixtures("needs_namespaces")
def test_a_batch_beside_the_kernel(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """How a disagreement of --verify is made again."""
    case = b'{"sockets":[{"family":6,"address":"::1"}],"steps":[["bind",0]],"calls":[{"socket":0,"to":"::1"}]}'
    monkeypatch.setattr(sys, "stdin", Lines(case, b'{"os":"freebsd"}', b'{"interfaces":{"a/b":2}}'))
    code, out, _ = run("explain", "--batch", "--live")
    first, second, third = map(json.loads, out.splitlines())
    assert code == 1
    assert (first["predicted"], first["differences"]) == (first["kernel"], [])
    assert "this is Linux, and the case is of FreeBSD" in second["error"]
    assert third["line"] == 3


def test_where_there_is_no_source_none_is_cited(run: Run) -> None:
    _, said, _ = run("explain", "--os", "aix", "[::]:80 v6only=0", "0.0.0.0:80")
    assert "no source tells what happens on AIX" in said
    assert "(none" not in said
