"""A copy of the project to break: its own source first on the path of every Python that runs from it.

The working tree is never written to. The copy goes away with the `with` block, interrupted or not.
"""

import contextlib
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

__all__ = ["ROOT", "copied", "python_of"]

ROOT = Path(__file__).resolve().parent.parent.parent


@contextlib.contextmanager
def copied() -> Iterator[Path]:
    """A copy of all that Git knows or would take, with an environment of its own."""
    with tempfile.TemporaryDirectory(prefix="dualstack-mutate-", ignore_cleanup_errors=True) as made:
        copy = Path(made).resolve() / "tree"
        for name in _files():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name, follow_symlinks=False)
        Path(made).chmod(0o755)  # tests that become another user read it too
        _environment(copy)
        # What tests start compiles nothing again, also where the environment lets no program keep what it has compiled.
        subprocess.run([python_of(copy), "-m", "compileall", "-q", copy / "src"], check=True)
        yield copy


def python_of(copy: Path) -> str:
    """The Python that runs from the copy."""
    return str(copy / ".venv/bin/python")


def _files() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
    ).stdout.decode()
    return [name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def _environment(copy: Path) -> None:
    """An environment that has all of ours after the copy's source.

    A path file, not PYTHONPATH: it holds for `-I` too, and where a test gives its programs another environment.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", copy / ".venv"], check=True)
    ours = Path(sysconfig.get_path("purelib"))
    theirs = Path(sysconfig.get_path("purelib", vars={"base": str(copy / ".venv")}))
    (theirs / "aaa_copy.pth").write_text(
        f"{copy / 'src'}\n{copy / 'scripts'}\n"
        f"import site; site.addsitedir({str(ours)!r})\n"
        "import os; os.environ.get('COVERAGE_PROCESS_START') and __import__('coverage').process_startup()\n"
    )
    old, new = f"#!{Path(sys.prefix) / 'bin'}/", f"#!{copy / '.venv/bin'}/"
    for script in (Path(sys.prefix) / "bin").iterdir():
        if script.is_file() and not script.is_symlink() and script.read_bytes().startswith(old.encode()):
            (copy / ".venv/bin" / script.name).write_text(script.read_text().replace(old, new, 1))
            (copy / ".venv/bin" / script.name).chmod(0o755)
