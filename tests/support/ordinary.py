"""An ordinary user, uid 65534 or another, without a right to anything, with a Python that this user can run."""

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.directory import open_directory

__all__ = ["NOBODY", "Ordinary", "ordinary_user"]

ROOT = Path(__file__).parents[2]
# env(1) is in between, since what setpriv starts itself is still looked up with root's rights.
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", "env")
NOBODYS_ID = 65534
_TRIAL = "import click, dns, msgspec, pyroute2, pytest, dualstack.lab.network, os; print(os.geteuid())"
_NOT_COPIED = shutil.ignore_patterns("__pycache__", ".venv*", ".git", ".*cache", "node_modules")


@dataclass(frozen=True)
class Ordinary:
    """Runs Python programs as that user.

    Args:
        words: what comes before a Python program's arguments.
        env: its environment.
        checkout: where this user finds the project.
    """

    words: tuple[str, ...]
    env: Mapping[str, str]
    checkout: Path

    def popen(self, *argv: str) -> "subprocess.Popen[str]":
        """Start a Python program; its streams are pipes."""
        return subprocess.Popen(
            [*self.words, *argv],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.env,
            cwd=self.checkout,
        )

    def run(self, *argv: str, timeout: float = 100) -> "subprocess.CompletedProcess[str]":
        """Run a Python program to its end, whatever its exit code is."""
        with self.popen(*argv) as process:
            try:
                out, err = process.communicate(timeout=timeout)
            except BaseException:
                process.kill()
                raise
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def tests(self, file: str, *options: str) -> "subprocess.CompletedProcess[str]":
        """Run the tests of a file; those that need root are skipped."""
        path = self.checkout / Path(file).relative_to(ROOT)
        return self.run("-m", "pytest", "-p", "no:cacheprovider", "-q", *options, str(path))


@contextmanager
def ordinary_user(number: int = NOBODYS_ID) -> Iterator[Ordinary]:
    """The user of that number, or this one where it is not root.

    Python and the project are used where they are, as far as the user can read them: else the system's Python, and
    copies.
    """
    packages = Path(sysconfig.get_path("purelib"))
    become = [word.replace(str(NOBODYS_ID), str(number)) for word in NOBODY] if os.geteuid() == 0 else []
    with open_directory() as directory:
        for root, where in ((ROOT, packages), (directory / "checkout", directory / "packages")):
            if root != ROOT:
                shutil.copytree(ROOT, root, ignore=_NOT_COPIED)
                shutil.copytree(packages, where, ignore=_NOT_COPIED)
            for python in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}", "/usr/bin/python3"):
                user = Ordinary((*become, python), _environment(root, where), root)
                if user.run("-c", _TRIAL).stdout == f"{os.geteuid() or number}\n":
                    yield user
                    return
        raise AssertionError(f"uid {number} can run neither {sys.executable} nor the system's Python with {packages}")


def _environment(root: Path, packages: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("COVERAGE", "COV_", "DUALSTACK"))}
    path = os.pathsep.join(str(each) for each in (root / "src", packages))
    return {**kept, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", "HOME": "/nonexistent"}
