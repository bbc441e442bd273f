"""The systemd units say what the program understands."""

import os
import shlex
import subprocess
import sys
from pathlib import Path
from pwd import getpwuid

import pytest

from dualstack.cli.main import cli
from dualstack.errors import ConfigError
from dualstack.gateway.service_units import UNITS, installed_program, unit_text
from support.directory import open_directory

UNITS_DIRECTORY = Path(__file__).parents[2] / "packaging" / "systemd"


def commands(unit: Path) -> list[list[str]]:
    lines = (line.partition("=") for line in unit.read_text().splitlines() if line.startswith("ExecStart="))
    return [shlex.split(words) for _, _, words in lines]


@pytest.mark.parametrize("unit", sorted(UNITS_DIRECTORY.glob("*.service")), ids=lambda unit: unit.name)
def test_a_unit_starts_a_verb_with_options_that_it_has(unit: Path) -> None:
    (argv,) = commands(unit)
    assert argv[0] == "/usr/bin/dualstack"
    verb = cli.get_command(cli.make_context("dualstack", [], resilient_parsing=True), argv[1])
    assert verb is not None
    known = {option for parameter in verb.params for option in (*parameter.opts, *parameter.secondary_opts)}
    assert {word for word in argv[2:] if word.startswith("-")} <= known


@pytest.mark.parametrize("unit", sorted(UNITS_DIRECTORY.iterdir()), ids=lambda unit: unit.name)
def test_each_directive_stands_once_and_in_a_section(unit: Path) -> None:
    section, seen = "", set()
    for line in unit.read_text().splitlines():
        if line.startswith("["):
            section = line
        elif line and not line.startswith("#"):
            key = line.partition("=")[0]
            assert section
            assert (section, key) not in seen or key == "ListenStream", line
            seen.add((section, key))
    assert seen


@pytest.mark.parametrize("kind", UNITS)
def test_the_units_of_the_package_are_those_that_the_command_prints(kind: str) -> None:
    assert (UNITS_DIRECTORY / UNITS[kind]).read_text() == unit_text(kind, "/usr/bin/dualstack")
    assert len(UNITS) == len(list(UNITS_DIRECTORY.iterdir()))


def test_an_installation_in_a_home_runs_as_its_owner_and_in_roots_home_not_at_all(tmp_path: Path) -> None:
    with open_directory() as made:
        home = made / "home" / "alice"
        program = home / ".local/bin/dualstack"
        program.parent.mkdir(parents=True)
        program.touch()
        text = unit_text("service", str(program), homes=(made / "home",))
    assert f"ExecStart={program} gateway" in text
    assert f"User={getpwuid(os.geteuid()).pw_name}\n" in text
    assert "DynamicUser" not in text
    assert "ProtectHome=read-only\n" in text
    with pytest.raises(ConfigError, match=r"is in root's home, .*pipx install --global") as caught:
        unit_text("relay", "/root/.local/bin/dualstack")
    assert caught.value.exit_code == 69
    script = tmp_path / "dualstack"
    script.write_text("#!/root/.pyenv/bin/python3\n")
    with pytest.raises(ConfigError, match="or its Python is"):
        unit_text("service", str(script))
    assert unit_text("socket", "/root/.local/bin/dualstack") == unit_text("socket", "/usr/bin/dualstack")


def test_the_program_of_a_unit_is_the_one_that_prints_it() -> None:
    assert installed_program() == str(Path(sys.executable).parent / "dualstack")


@pytest.mark.daemon("systemd-analyze")
@pytest.mark.parametrize(
    "where", ["usr/local/bin", "opt/dualstack/bin", "home/alice/.local/share/pipx/venvs/dualstack/bin"]
)
def test_systemd_has_nothing_to_say_of_the_units_of_an_installation(where: str) -> None:
    """As `pip install`, an environment of its own, and pipx put the program."""
    with open_directory() as made:
        program = made / where / "dualstack"
        program.parent.mkdir(parents=True)
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
        for kind, name in UNITS.items():
            (made / name.replace("@", "@imap")).write_text(unit_text(kind, str(program), homes=(made / "home",)))
        verify = ["systemd-analyze", "verify", "--man=no", *made.glob("*.s[eo]*")]
        told = subprocess.run(verify, capture_output=True, text=True, check=False)
        assert "dualstack" not in told.stderr, told.stderr
        program.unlink()
        told = subprocess.run(verify, capture_output=True, text=True, check=False)
        assert f"Command {program} is not executable" in told.stderr


@pytest.mark.daemon("systemd-analyze")
def test_systemd_has_nothing_to_say_of_the_units(tmp_path: Path) -> None:
    """With the program in the place where it runs from here."""
    program = tmp_path / "dualstack"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    units = []
    for unit in UNITS_DIRECTORY.iterdir():
        units.append(tmp_path / unit.name.replace("@", "@imap"))
        units[-1].write_text(unit.read_text().replace("/usr/bin/dualstack", str(program)))
    verify = ["systemd-analyze", "verify", "--man=no", *units]
    told = subprocess.run(verify, capture_output=True, text=True, check=False)
    assert "dualstack" not in told.stderr, told.stderr
