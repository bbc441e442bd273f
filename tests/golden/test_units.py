"""The systemd units say what the program understands."""

import shlex
import subprocess
from pathlib import Path

import pytest

from dualstack.cli.main import cli

UNITS = Path(__file__).parents[2] / "packaging" / "systemd"


def commands(unit: Path) -> list[list[str]]:
    lines = (line.partition("=") for line in unit.read_text().splitlines() if line.startswith("ExecStart="))
    return [shlex.split(words) for _, _, words in lines]


@pytest.mark.parametrize("unit", sorted(UNITS.glob("*.service")), ids=lambda unit: unit.name)
def test_a_unit_starts_a_verb_with_options_that_it_has(unit: Path) -> None:
    (argv,) = commands(unit)
    assert argv[0] == "/usr/bin/dualstack"
    verb = cli.get_command(cli.make_context("dualstack", [], resilient_parsing=True), argv[1])
    assert verb is not None
    known = {option for parameter in verb.params for option in (*parameter.opts, *parameter.secondary_opts)}
    assert {word for word in argv[2:] if word.startswith("-")} <= known


@pytest.mark.parametrize("unit", sorted(UNITS.iterdir()), ids=lambda unit: unit.name)
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


@pytest.mark.daemon("systemd-analyze")
def test_systemd_has_nothing_to_say_of_the_units(tmp_path: Path) -> None:
    """With the program in the place where it runs from here."""
    program = tmp_path / "dualstack"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    units = []
    for unit in UNITS.iterdir():
        units.append(tmp_path / unit.name.replace("@", "@imap"))
        units[-1].write_text(unit.read_text().replace("/usr/bin/dualstack", str(program)))
    verify = ["systemd-analyze", "verify", "--man=no", *units]
    told = subprocess.run(verify, capture_output=True, text=True, check=False)
    assert "dualstack" not in told.stderr, told.stderr
