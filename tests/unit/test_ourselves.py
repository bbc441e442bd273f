"""The Pythons that we start import from where this one does, and never from where the user stands."""

import subprocess
import sys
from pathlib import Path

import pytest

from dualstack.kernel import ourselves


def test_what_a_zipapp_unpacked_is_imported_by_those_that_we_start_and_by_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bundled.py").write_text("import sys\nif __name__ == '__main__':\n    print('ran', *sys.argv[1:])\n")
    monkeypatch.setattr(ourselves, "_bundle", None)
    ourselves.import_from(str(tmp_path))
    code = "\nfor each in [1]:\n    import bundled\n    print(bundled.__name__)"
    for command, said in (
        (ourselves.our_module("bundled", "a b", "-x"), "ran a b -x\n"),
        (ourselves.our_code(code), "bundled\n"),
    ):
        assert subprocess.run(command, capture_output=True, text=True, check=True, cwd="/").stdout == said
    theirs = subprocess.run([sys.executable, "-c", "import bundled"], capture_output=True, check=False, cwd="/")
    assert b"No module named 'bundled'" in theirs.stderr
