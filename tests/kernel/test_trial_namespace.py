"""Where the kernel cannot be asked, it is said why, in one line and with an exit code (X3)."""

import json
from pathlib import Path

import pytest

from dualstack.errors import TrialError
from dualstack.kernel.trial.namespace import NamespaceSpec, answers, open_namespace
from dualstack.lab.network import why_no_network
from support.command import Run


def programs(monkeypatch: pytest.MonkeyPatch, directory: Path, **scripts: str) -> None:
    """A PATH with these programs and no other."""
    for name, script in scripts.items():
        program = directory / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(directory))


def test_missing_programs_are_named(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    programs(monkeypatch, tmp_path, ip="exit 0")
    code, _, err = run("explain", "--verify", "--seconds", "1")
    assert code == 69
    assert "the kernel cannot be asked: needs unshare (Debian: util-linux, iproute2), on Linux" in err


def test_what_the_system_refuses_is_said(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    programs(monkeypatch, tmp_path, ip="exit 0", unshare="echo 'unshare: Operation not permitted' >&2; exit 1")
    code, _, err = run("explain", "[::]:80", "--live")
    assert code == 69
    assert "unshare: Operation not permitted" in err


def test_a_child_that_says_nothing_is_not_taken_for_one_that_agrees(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    programs(monkeypatch, tmp_path, ip="exit 0", unshare="exit 3")
    with open_namespace(NamespaceSpec(), {}) as child, pytest.raises(TrialError, match="the child ended with 3"):
        list(answers(child))


def test_a_child_that_does_not_read_its_task_is_heard_all_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    programs(monkeypatch, tmp_path, ip="exit 0", unshare="echo gone >&2; exit 3")
    task = {"case": "x" * (1 << 20)}  # more than a pipe holds
    with open_namespace(NamespaceSpec(), task) as child, pytest.raises(TrialError, match="gone"):
        list(answers(child))


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        (NamespaceSpec({"eth0\nnetns exec": 0}), "is no name for an interface"),
        (NamespaceSpec({"lo": 0}), "ip: "),
        (NamespaceSpec(addresses={"lo": ("ff02::1",)}), "ip: "),
        (NamespaceSpec(addresses={"eth9": ("10.0.0.1",)}), 'Cannot find device "eth9"'),
    ],
)
def test_a_namespace_that_cannot_be_made_says_why(spec: NamespaceSpec, why: str) -> None:
    if no := why_no_network():
        pytest.skip(no)
    with open_namespace(spec, {"case": {}}) as child, pytest.raises(TrialError, match=why):
        list(answers(child))


def test_a_disagreement_is_printed_as_a_line_to_ask_again(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The child is played by a script, since this kernel does not disagree."""
    found = [{"case": {"proto": "udp", "uid": n}, "differences": [f"bind of socket {n}: predicted"]} for n in range(4)]
    said = "\n".join(json.dumps(each) for each in ({"cases": 7, "probes": 9}, *found))
    (tmp_path / "said").write_text(f"{said}\n")
    programs(monkeypatch, tmp_path, ip="exit 0", unshare=f'while read -r line; do echo "$line"; done < {tmp_path}/said')
    code, out, _ = run("explain", "--verify", "--seconds", "1")
    assert code == 1
    assert 'bind of socket 3: predicted\n  {"proto": "udp", "uid": 3}' in out
    assert "and 2 more; --json has them all" in out
    assert "dualstack explain --batch --live" in out
    assert "bindv6only=0: 7 cases, 9 probes" in out
    assert ": 12 disagreements" in out
