"""What the shell offers at a Tab."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import CompletionItem, ShellComplete

from dualstack.cli import completion
from dualstack.cli.main import VERBS, cli
from dualstack.errors import ControlError

CONFIGURATION = """
[ports.tcpip]
bind = "0.0.0.0"

[[services]]
name = "imap"
ports = ["tcpip"]
port = 143
to = "127.0.0.1:1143"

[[services]]
name = "irc"
ports = ["tcpip"]
port = 6667
to = "[::1]:6667"
"""


def offered(*words: str) -> list[CompletionItem]:
    *before, incomplete = words
    return ShellComplete(cli, {}, "dualstack", completion.VARIABLE).get_completions(before, incomplete)


def values(*words: str) -> list[str]:
    return [item.value for item in offered(*words)]


def test_verbs_come_from_the_table_with_what_they_do() -> None:
    assert values("") == list(VERBS)
    assert [(item.value, item.help) for item in offered("loo")] == [("lookup", VERBS["lookup"])]
    assert values("lab", "s") == ["shell"]
    assert "--version" in values("--")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("explain", "--os", "wi"), ["windows", "windows-2003"]),
        (("relay", "--sockets", ""), ["auto", "single", "pair"]),
        (("doctor", "--as", "dovec"), ["dovecot"]),
        (("doctor", "--explain", "DS10"), ["DS101", "DS102", "DS103", "DS104", "DS105", "DS106", "DS107", "DS108"]),
        (("lab", "fault", "drop"), ["dropped"]),
        (("run", "--interface", "l"), ["lo"]),
        (("run", "--user", "nobod"), ["nobody"]),
        (("completion", ""), ["bash", "zsh", "fish"]),
    ],
)
def test_words_that_are_known(words: tuple[str, ...], expected: list[str]) -> None:
    assert set(expected) <= set(values(*words))
    assert all(value.startswith(words[-1]) for value in values(*words))


def test_what_a_finding_is_stands_beside_its_code() -> None:
    for verb in ("doctor", "check"):
        items = offered(verb, "--explain", "")
        assert len(items) > 10
        assert all(item.help for item in items)


@pytest.mark.parametrize(
    ("words", "kind"),
    [(("gateway", "--config", "/etc/x"), "file"), (("doctor", "--root", "/mnt"), "dir"), (("doctor", "ngi"), "file")],
)
def test_paths_are_left_to_the_shell(words: tuple[str, ...], kind: str) -> None:
    assert [(item.type, item.value) for item in offered(*words)] == [(kind, words[-1])]


def test_services_are_those_of_the_file_that_is_named(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(CONFIGURATION)
    assert values("access", "--config", str(file), "--service", "i") == ["imap", "irc"]
    assert values("access", "--config", str(file), "--service", "im") == ["imap"]
    assert values("access", "--service", "") == []
    assert values("access", "--config", str(tmp_path / "none.toml"), "--service", "") == []


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The control sockets that are asked, of a gateway with two ports."""
    paths: list[str] = []

    def request(path: str, verb: str, *, within_s: float) -> dict[str, object]:
        assert verb == "list"
        assert within_s <= 5  # who waits at a Tab does not wait long
        if path == "/none":
            raise ControlError("no gateway at /none")
        paths.append(path)
        return {"ports": [{"name": "tcpip", "bind": "*:143"}, {"name": "tcpip6", "bind": "[::]:143"}]}

    monkeypatch.setattr("dualstack.gateway.control.client.request", request)
    return paths


def test_ports_are_those_of_the_gateway_that_runs(asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    items = offered("ports", "--control", "/srv/gw", "stop", "tcpip")
    assert [(item.value, item.help) for item in items] == [("tcpip", "*:143"), ("tcpip6", "[::]:143")]
    monkeypatch.setenv("DUALSTACK_CONTROL", "/run/other")
    assert values("ports", "stop", "tcpip6") == ["tcpip6"]
    assert asked == ["/srv/gw", "/run/other"]


def test_a_gateway_that_does_not_answer_offers_nothing_and_says_nothing(
    asked: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert values("ports", "--control", "/none", "stop", "") == []
    assert asked == []
    assert capfd.readouterr() == ("", "")


def test_hosts_of_a_lab_are_offered_where_one_stands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DUALSTACK_LABS", str(tmp_path / "labs"))
    assert values("lab", "exec", "") == []
    hosts = {"hosts": [{"name": "client6", "kind": "ipv6"}, {"name": "server", "kind": "dual"}]}
    monkeypatch.setattr("dualstack.lab.standing.living", lambda: ["lab"])
    monkeypatch.setattr("dualstack.lab.standing.request", lambda *_: hosts)
    assert values("lab", "exec", "c") == ["client6"]
    assert values("lab", "shell", "s") == ["server"]
    assert values("lab", "list", "--name", "") == ["lab"]


# As the packages install it: these files ask `dualstack completion`.
PLACE = Path(__file__).parents[2] / "packaging/completion"
BASH = f"""
. {PLACE}/bash-completion/completions/dualstack
COMP_WORDS=(dualstack explain --os wi) COMP_CWORD=3
_dualstack_completion dualstack
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
ZSH = f"""
fpath=({PLACE}/zsh/site-functions $fpath)
autoload -U compinit; compinit -D
compdef() {{ }}; compadd() {{ print -l ${{(P)@[-1]}} }}
words=(dualstack explain --os wi) CURRENT=4
_dualstack
"""
FISH = f"""
source {PLACE}/fish/vendor_completions.d/dualstack.fish
complete -C 'dualstack explain --os wi'
"""


@pytest.mark.parametrize(
    ("shell", "arguments", "program", "expected"),
    [
        ("bash", ("--norc", "-c"), BASH, ["windows", "windows-2003"]),
        ("zsh", ("-f", "-c"), ZSH, ["windows", "windows-2003"]),
        ("fish", ("--no-config", "-c"), FISH, ["windows", "windows-2003"]),
    ],
)
def test_a_shell_takes_it(
    shell: str, arguments: tuple[str, ...], program: str, expected: list[str], tmp_path: Path
) -> None:
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"there is no {shell}")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    done = subprocess.run([found, *arguments, program], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:-1] == expected
    assert done.stderr == ""
