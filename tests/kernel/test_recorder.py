"""The program that records a system: one file for any Python, and on this kernel what `--verify` finds (X3)."""

import ast
import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from dualstack.core.oracle.record import Comparison, compare, read_record
from dualstack.kernel import recorder
from dualstack.lab.network import why_no_network
from support.command import Run
from support.ordinary import NOBODY

TEXT = Path(recorder.__file__).read_text()


def compared(lines: bytes) -> Comparison:
    read = read_record(lines.splitlines())
    assert read.system == "linux"
    return compare(read)


def test_it_is_of_the_standard_library_alone_and_of_python_3_8() -> None:
    tree = ast.parse(TEXT, feature_version=(3, 8))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported <= sys.stdlib_module_names


def test_what_it_records_here_is_what_is_predicted() -> None:
    out = io.StringIO()
    with redirect_stdout(out):
        assert recorder.main(["2"]) == 0
    made = compared(out.getvalue().encode())
    assert made.wrong == ()
    assert set(made.tallies) >= {f"{proto}: {what}" for proto in ("tcp", "udp") for what in ("one socket", "calls out")}
    assert sum(tally.right for tally in made.tallies.values()) > 200
    assert sum(tally.unknown for tally in made.tallies.values()) == 0


@pytest.mark.parametrize("python", ["this one", "the system's, as an ordinary user"])
def test_it_runs_without_this_project_and_without_rights(python: str) -> None:
    words = (sys.executable,) if python == "this one" else (*(NOBODY if os.geteuid() == 0 else ()), "/usr/bin/python3")
    if python != "this one" and not Path(words[-1]).exists():
        pytest.skip("the system has no Python")
    command = [*words, "-I", "-S", "-", "0.5"]
    ended = subprocess.run(command, input=TEXT.encode(), capture_output=True, check=True, cwd="/")
    assert compared(ended.stdout).wrong == ()
    assert b" cases on linux in " in ended.stderr


@pytest.mark.parametrize(
    ("setting", "code", "said"),
    [
        ("true", 1, b"127.0.0.1 is not up here"),
        ("ip link set lo up; echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6", 0, b" cases on linux in "),
        ("ip link set lo up; echo 1 > /proc/sys/net/ipv6/bindv6only", 0, b" cases on linux in "),
    ],
)
def test_it_measures_what_is_there(setting: str, code: int, said: bytes) -> None:
    """In network namespaces without a loopback, without IPv6, and with IPV6_V6ONLY on by default."""
    if why := why_no_network():
        pytest.skip(why)
    script = f"{setting}; exec {sys.executable} -I -S - 0.5"
    ended = subprocess.run(
        ("unshare", "-rn", "sh", "-c", script), input=TEXT.encode(), capture_output=True, check=False
    )
    assert (ended.returncode, said in ended.stderr) == (code, True), ended.stderr
    if code == 0:
        assert compared(ended.stdout).wrong == ()


def test_the_command_prints_it_as_it_is(run: Run) -> None:
    assert run("explain", "--record") == (0, TEXT, "")


@pytest.mark.parametrize(
    ("number", "name"), [(13, "EACCES"), (10048, "EADDRINUSE"), (99999, "99999"), (None, "None"), (0, "0")]
)
def test_an_error_has_one_name_on_all_systems(number: int | None, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    known = {13: "EACCES", 10048: "WSAEADDRINUSE"}
    monkeypatch.setattr(recorder.errno, "errorcode", known)
    assert recorder.name_of(OSError() if number is None else OSError(number, "so")) == name


def test_a_line_has_its_keys_in_order() -> None:
    with redirect_stdout(io.StringIO()) as written:
        recorder.Lines().write({"zone": 1, "a": 2})
    assert list(json.loads(written.getvalue())) == ["a", "sum", "zone"]
