"""What a change touches: the lines of src/dualstack that differ from where the branch began."""

import re
import subprocess
from collections.abc import Iterable

from mutate.sites import PACKAGES, Mutant, mutants_of
from mutate.tree import ROOT

__all__ = ["of_change", "of_files"]

HUNK = re.compile(r"^@@ -\S+ \+(\d+)(?:,(\d+))? @@")


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True).stdout


def of_change(base: str) -> list[Mutant]:
    """Mutants of changed lines, committed or not. On `base` itself: of the last commit."""
    point = _git("merge-base", base, "HEAD").strip()
    if point == _git("rev-parse", "HEAD").strip() and not _git("status", "--porcelain", "--", "src").strip():
        point = "HEAD~1"
    found: list[Mutant] = []
    lines: set[int] = set()
    source = ""
    for line in [
        *_git("diff", "--unified=0", "--no-color", point, "--", "src/dualstack").splitlines(),
        "+++ /dev/null",
    ]:
        if line.startswith("+++ "):
            found += [mutant for mutant in of_files([source]) if mutant.line in lines] if lines else []
            source, lines = line.removeprefix("+++ b/"), set()
        elif hunk := HUNK.match(line):
            first, number = int(hunk[1]), int(hunk[2] or 1)
            lines.update(range(first, first + number))
    new = _git("ls-files", "--others", "--exclude-standard", "--", "src/dualstack").splitlines()
    return found + of_files(name for name in new if name.endswith(".py"))


def of_files(names: Iterable[str]) -> list[Mutant]:
    """All mutants of these files, where they are of a package that is measured."""
    return [m for name in names if (ROOT / name).is_file() for m in mutants_of(name) if m.package in PACKAGES]
