"""Every verb, where one extra alone is installed: it works, or one line names the command that installs the rest."""

import os
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest

from dualstack.net.extras import PACKAGES, install_command
from support.program import DUALSTACK

ABSENT = Path(__file__).parents[1] / "support" / "absent"

# What each kind of question needs beside the command itself.
VERBS: dict[str, tuple[str, ...]] = {
    "demo --once": ("gateway",),
    "relay --help": ("gateway",),
    "relay localhost:0 127.0.0.1:127.1": ("gateway",),
    "proxy localhost:0 --sockets x": ("gateway",),
    "gateway --help-config": ("gateway",),
    "gateway --check --config /nonexistent.toml": ("gateway",),
    "gateway --config /nonexistent.toml --to-toml": ("gateway",),
    "explain --config /nonexistent.toml": ("gateway",),
    "access --config /nonexistent.toml --service a ::1": ("gateway",),
    "lab list": ("gateway", "dns", "lab"),
    "lab exec host -- true": ("gateway", "dns", "lab"),
    "connect localhost 1 --resolver dns": ("dns",),
    "connect localhost 1 --service https --json": ("dns",),
    "activate 127.0.0.1:0 -- true": (),
    "ports list --control /nonexistent": (),
    "console --control /nonexistent show port a": (),
    "connect 127.0.0.1 1 --json": (),
    "listen --help": (),
    "listen 127.1:0": (),
    "lookup localhost": (),
    "ping ::1 --count 0": (),
    "address ::1": (),
    "explain [::]:80": (),
    "explain --figure 12.5": (),
    "explain --systems": (),
    "access --rule 'allow any' ::1": (),
    "check --kinds": (),
}
# What an installation of one extra brings, as pyproject.toml has it.
INSTALLED = {
    "cli": ("cli",),
    "gateway": ("cli", "gateway"),
    "dns": ("cli", "dns"),
    "lab": ("cli", "gateway", "dns", "lab"),
    "none": (),
}


def start(words: str, extras: Iterable[str]) -> "subprocess.Popen[str]":
    absent = " ".join(module for extra, modules in PACKAGES.items() if extra not in extras for module in modules)
    path = os.pathsep.join(filter(None, (str(ABSENT), os.environ.get("PYTHONPATH"))))
    return subprocess.Popen(
        [*DUALSTACK, *shlex.split(words)],
        env={**os.environ, "PYTHONPATH": path, "DUALSTACK_TEST_ABSENT": absent},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("installed", INSTALLED)
def test_every_verb_works_or_says_in_one_line_how_to_install_what_it_lacks(installed: str) -> None:
    extras = INSTALLED[installed]
    asked = [(words, start(words, extras)) for words in (VERBS if installed == "cli" else sample(extras))]
    for words, process in asked:
        _, said = process.communicate(timeout=120)
        assert "Traceback" not in said, words
        lacking = [extra for extra in ("cli", *VERBS.get(words, ())) if extra not in extras]
        if not lacking:
            assert "not installed" not in said, words
            continue
        if "cli" in lacking:
            lacking = ["cli"]
        if lacking == ["dns"]:
            # A value of --resolver, or of a file, that cannot be had: as a wrong one.
            assert said.endswith(f"the extra dualstack[dns]: {install_command(['dnspython'])}\n"), words
            assert (process.returncode, said.count("\n")) == (78, 1)
            continue
        packages = [package for extra in lacking for package in PACKAGES[extra].values()]
        assert (process.returncode, said.count("\n")) == (69, 1), (words, said)
        assert f"needs {', '.join(packages)}, not installed here: " in said, words
        assert said.endswith(f"{install_command(packages)}\n"), words


def sample(extras: Iterable[str]) -> list[str]:
    """One question of each kind: all of them are asked where the command alone is installed."""
    return list({needs: words for words, needs in VERBS.items()}.values()) if extras else ["--help", *list(VERBS)[:1]]


def test_the_command_that_is_named_installs_into_this_python_from_wherever_dualstack_is() -> None:
    words = shlex.split(install_command(["rich", "h11", "unknown"]))
    assert words[:4] == [sys.executable, "-m", "pip", "install"]
    assert words[4].startswith("rich>=")
    assert words[5].startswith("h11>=")
    assert words[6] == "unknown"


def test_an_environment_of_pipx_is_named_to_pipx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dualstack").mkdir()
    (tmp_path / "dualstack" / "pipx_metadata.json").touch()
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "dualstack"))
    assert install_command(["unknown"]) == "pipx inject dualstack unknown"


def test_an_environment_without_pip_is_named_to_uv() -> None:
    code = "from dualstack.net.extras import install_command; print(install_command(['unknown']))"
    environment = {**os.environ, "PYTHONPATH": str(ABSENT), "DUALSTACK_TEST_ABSENT": "pip"}
    told = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert told.stdout == f"uv pip install --python {sys.executable} unknown\n"


def test_the_table_has_every_package_of_every_extra() -> None:
    root = Path(__file__).parents[2]
    extras = tomllib.loads((root / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for extra, modules in PACKAGES.items():
        own = [each.partition(">=")[0] for each in extras[extra] if not each.startswith("dualstack[")]
        assert sorted(own) == sorted(modules.values())
