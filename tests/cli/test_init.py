"""A first file: what the options say, or who sits there; it passes `--check`, and nothing is written over."""

import os
import pty
import subprocess
import sys
from contextlib import ExitStack
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest

from dualstack.core.address.endpoint import Endpoint
from dualstack.gateway.config.toml import load
from support.command import Run

WORDS = ("--to", "127.0.0.1:1143", "--listen", "127.0.0.1:0, [::1]:0")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO()))
    return tmp_path


def test_options_alone_make_a_file_that_passes_the_check(run: Run) -> None:
    code, out, err = run("init", *WORDS, "--name", 'the "first"', "--access", "allow public")
    assert (code, out) == (0, "")
    assert err == "Wrote gateway.toml. What it opens: dualstack gateway --config gateway.toml --check\n"
    (service,) = load("gateway.toml").services
    assert (service.name, service.access, str(service.target)) == ('the "first"', ("allow public",), "127.0.0.1:1143")
    assert all(isinstance(each, Endpoint) for each in service.listen)
    code, out, _ = run("gateway", "--config", "gateway.toml", "--check")
    assert code == 0
    assert "none foreseen" in out


def test_a_file_that_is_there_stays(run: Run, here: Path) -> None:
    there = here / "gateway.toml"
    there.write_text("mine")
    code, _, err = run("init", *WORDS)
    assert (code, err) == (
        78,
        "dualstack: gateway.toml: is there already; --force writes over it, -o names another\n",
    )
    assert there.read_text() == "mine"
    assert run("init", *WORDS, "--force")[0] == 0
    assert there.read_text() != "mine"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--to", "x"), 2, "nobody is there to be asked"),
        (("--to", "x", "--listen", "*:1"), 78, "services[0] (first).to: 'x': no port: write x:PORT"),
        (("--to", "h:1", "--listen", "*"), 78, "services[0] (first).listen"),
        (("--to", "h:1", "--listen", "*:1", "--access", "allow 10/8"), 78, "services[0] (first).access"),
        (("--to", "h:1", "--listen", "*:1", "--name", ""), 78, "services[0].name: is empty; give it a name"),
        (("--to", "h:1", "--listen", "*:1", "-o", "none/f"), 78, "none/f: cannot be written: No such file"),
    ],
)
def test_what_is_wrong_is_one_line_and_no_file(
    run: Run, here: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    found, out, err = run("init", *arguments)
    assert (found, out) == (code, "")
    assert said in err
    assert not list(here.iterdir())


def test_who_sits_there_is_asked_three_questions(here: Path) -> None:
    theirs, ours = pty.openpty()
    with ExitStack() as undo:
        undo.callback(os.close, theirs)
        asked = subprocess.Popen(
            [sys.executable, "-m", "dualstack", "init", "-o", "-"],
            cwd=here, stdin=ours, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        os.close(ours)
        os.write(theirs, b"127.0.0.1:1143\n\n192.0.2.0/24, 2001:db8::/32\n")
        out, err = asked.communicate(timeout=60)
    assert asked.returncode == 0
    assert err.count("? ") == 3
    assert "? [*:1143]: " in err
    assert 'listen = "*:1143"\nto = "127.0.0.1:1143"\naccess = ["allow 192.0.2.0/24", "allow 2001:db8::/32"]\n' in out


def test_standard_input_is_checked_and_never_run(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "[[services]]\nname = 'a'\nlisten = '127.0.0.1:0'\nto = '127.0.0.1:9'\n"
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(text.encode())))
    code, out, _ = run("gateway", "--config", "-", "--check")
    assert (code, "127.0.0.1" in out) == (0, True)
    code, _, err = run("gateway", "--config", "-")
    assert (code, "--config - goes with --check" in err) == (2, True)
