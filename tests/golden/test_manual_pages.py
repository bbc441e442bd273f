"""The manual pages are what the program says of itself, and roff reads them."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLACE = ROOT / "packaging" / "man"
sys.path.insert(0, str(ROOT / "scripts"))

import manual_pages  # noqa: E402


def test_the_pages_are_what_the_program_says() -> None:
    """Written anew by `python scripts/manual_pages.py`."""
    written = {str(path.relative_to(PLACE)): path.read_text(encoding="utf-8") for path in PLACE.glob("man?/*")}
    assert written == manual_pages.pages()


def test_each_verb_has_a_page_with_its_options_examples_and_exit_status() -> None:
    pages = manual_pages.pages()
    for head in ("NAME", "SYNOPSIS", "OPTIONS", "EXAMPLES", "EXIT STATUS", "SEE ALSO"):
        assert f".SH {head}\n" in pages["man1/dualstack-access.1"]
    assert r"\fB\-\-rule RULE\fR" in pages["man1/dualstack-access.1"]
    assert "man1/dualstack-lab-fault.1" in pages
    assert ".SH [PORTS.NAME]\n.TP\n\\fBbind\\fR\n" in pages["man5/dualstack.toml.5"]


@pytest.mark.parametrize(("said", "expected"), [(".x\n'y -z", "\\&.x\n\\&'y \\-z"), ("a\\b", r"a\eb")])
def test_what_roff_would_take_for_its_own_is_escaped(said: str, expected: str) -> None:
    assert manual_pages.text(said) == expected


@pytest.mark.skipif(shutil.which("man") is None, reason="there is no man")
def test_roff_has_nothing_to_say_of_them() -> None:
    pages = sorted(map(str, PLACE.glob("man?/*")))
    done = subprocess.run(
        ["man", "--warnings", "--local-file", "--pager=cat", *pages], capture_output=True, text=True, check=True
    )
    assert "DUALSTACK.TOML(5)" in done.stdout
    assert done.stderr == ""
