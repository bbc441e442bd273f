"""Which tests execute which line: measured once for each file of tests, kept in `.mutate/`, followed as lines move."""

import ast
import difflib
import functools
import hashlib
import json
import os
import re
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from coverage import CoverageData

from mutate.tree import ROOT, python_of

__all__ = ["Contexts", "measure", "stale"]

KEPT = ROOT / ".mutate"
# Daemons of the system and browsers are slow, and what they reach is reached by the others.
FOLDERS = ("unit", "property", "golden", "cli", "kernel", "gateway", "netns")
# A test without its parameters.
NAME = re.compile(r"tests/[\w/]+\.py::\w+(::\w+)?")
# They import every module and look at what it defines, be it after others have imported it.
OF_ALL = tuple(
    f"tests/{name}.py::"
    for name in ("golden/test_values", "golden/test_settled", "unit/test_numbers_of_the_law", "kernel/test_abi_numbers")
)
CONFIGURATION = """[run]
branch = true
source_pkgs = dualstack
parallel = true
sigterm = true
patch = execv
data_file = {data}
context = ${{PYTEST_CURRENT_TEST-}}
"""


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def _entry(test_file: str) -> Path:
    return KEPT / "tests" / (test_file.replace("/", "+") + ".json")


def stale(folders: Iterable[str] = FOLDERS) -> list[str]:
    """Files of tests that were never measured, or have changed since."""
    found = []
    for folder in folders:
        for path in sorted((ROOT / "tests" / folder).rglob("test_*.py")):
            name = str(path.relative_to(ROOT))
            entry = _entry(name)
            if not entry.exists() or json.loads(entry.read_text())["digest"] != _digest(path):
                found.append(name)
    return found


def measure(copy: Path, test_files: list[str]) -> None:
    """Run these under coverage in the copy, and keep what each of their tests executed."""
    work = copy.parent / f"measured-{time.monotonic_ns()}"
    work.mkdir()
    work.chmod(0o777)  # daemons that have given up their rights write their part too
    (work / "rc").write_text(CONFIGURATION.format(data=work / "data"))
    environment = os.environ | {
        "COVERAGE_PROCESS_START": str(work / "rc"),
        "MUTATE_COVERAGE": str(work / "rc"),
        "MUTATE_SECONDS": str(work / "seconds.json"),
    }
    subprocess.run(
        [python_of(copy), "-m", "pytest", "-q", "-p", "mutate.measuring", "-p", "no:cacheprovider", *test_files],
        cwd=copy,
        env=environment,
        stdout=(work / "log").open("w"),
        stderr=subprocess.STDOUT,
        check=False,
    )
    lines = _executed(copy, work.glob("data.*"))
    told = json.loads((work / "seconds.json").read_text())
    sources = _keep_sources(copy)
    for name in test_files:
        tests = {
            test: {"seconds": seconds, "lines": lines.get(test, {})}
            for test, seconds in told["seconds"].items()
            if test.partition("::")[0] == name and test not in told["failed"]
        }
        _entry(name).parent.mkdir(parents=True, exist_ok=True)
        _entry(name).write_text(json.dumps({"digest": _digest(copy / name), "sources": sources, "tests": tests}))
    if told["failed"]:
        print("not asked, since they fail or skip with nothing broken:", *told["failed"], sep="\n  ")


def _executed(copy: Path, files: Iterable[Path]) -> dict[str, dict[str, list[int]]]:
    found: defaultdict[str, defaultdict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    for path in files:
        data = CoverageData(str(path))
        try:
            data.read()
        except Exception as failure:  # noqa: BLE001 -- a program that was killed leaves half a file
            print(f"{path.name}: {failure}")
            continue
        for measured in data.measured_files():
            source = str(Path(measured).relative_to(copy)) if Path(measured).is_relative_to(copy) else None
            for line, names in data.contexts_by_lineno(measured).items() if source else ():
                for name in names:
                    test = NAME.search(name)
                    if test and line > 0:
                        found[test[0]][source].add(line)
    return {test: {source: sorted(lines) for source, lines in of.items()} for test, of in found.items()}


def _keep_sources(copy: Path) -> dict[str, str]:
    """The text that the line numbers are of, by its digest."""
    kept = {}
    for path in sorted((copy / "src").rglob("*.py")):
        digest = kept[str(path.relative_to(copy))] = _digest(path)
        target = KEPT / "sources" / digest
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    return kept


@functools.cache
def _moved(digest: str, source: str) -> dict[int, int]:
    """Where the lines of a kept text are in the file today."""
    now = (ROOT / source).read_text().splitlines()
    before = (KEPT / "sources" / digest).read_text().splitlines()
    # Most of a file stays: only what differs in its midst is compared line by line.
    head = _alike(before, now)
    tail = _alike(before[head:][::-1], now[head:][::-1])
    moved = {n: n for n in range(1, head + 1)}
    moved |= {len(before) - n: len(now) - n for n in range(tail)}
    middle = before[head : len(before) - tail], now[head : len(now) - tail]
    for block in difflib.SequenceMatcher(None, *middle, autojunk=False).get_matching_blocks():
        moved |= {head + block.a + n + 1: head + block.b + n + 1 for n in range(block.size)}
    return moved


def _alike(one: list[str], other: list[str]) -> int:
    """How many lines from the first on are the same."""
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


@functools.cache
def _inside(source: str) -> dict[int, tuple[int, int]]:
    """For each line in the body of a function: the first and last line of the innermost such body."""
    found: dict[int, tuple[int, int]] = {}
    for node in ast.walk(ast.parse((ROOT / source).read_text())):  # outer before inner
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first, last = node.body[0].lineno, node.end_lineno or 0
            found.update(dict.fromkeys(range(first, last + 1), (first, last)))
    return found


@dataclass(frozen=True, slots=True)
class Contexts:
    """Tests and lines.

    Args:
        by_line: of each line of each file, the tests that execute it.
        seconds: what each test takes.
        lines: how many lines of each file a test executes.
    """

    by_line: dict[str, dict[int, set[str]]]
    seconds: dict[str, float]
    lines: dict[str, dict[str, int]]

    @classmethod
    def kept(cls) -> "Contexts":
        """What was measured so far, its lines where they are now."""
        by_line: dict[str, dict[int, set[str]]] = {}
        seconds: dict[str, float] = {}
        counts: dict[str, dict[str, int]] = {}
        for entry in sorted((KEPT / "tests").glob("*.json")):
            told = json.loads(entry.read_text())
            for test, of in told["tests"].items():
                if not (ROOT / test.partition("::")[0]).exists():
                    continue
                seconds[test] = of["seconds"]
                counts[test] = {source: len(lines) for source, lines in of["lines"].items()}
                for source, lines in of["lines"].items():
                    if (ROOT / source).exists():
                        moved = _moved(told["sources"][source], source)
                        for line in lines:
                            if line in moved:
                                by_line.setdefault(source, {}).setdefault(moved[line], set()).add(test)
        return cls(by_line, seconds, counts)

    def tests_of(self, source: str, line: int, last: int) -> set[str]:
        """Those that execute the line; for what runs at import, and for new lines, those of its function or module."""
        lines = self.by_line.get(source, {})
        inside = _inside(source)
        if line in inside:
            exact = set[str]().union(*(lines.get(n, ()) for n in range(line, last + 1)))
            if tests := exact or set[str]().union(*(lines.get(n, ()) for n in range(*inside[line]))):
                return tests  # a function that makes a table runs at import alone, and is asked of the module's
        within = set[str]().union(*(tests for n, tests in lines.items() if n in inside))
        of_all = {test for test in self.seconds if test.startswith(OF_ALL)}
        return of_all | (within or self._of_importers(source))

    def _of_importers(self, source: str) -> set[str]:
        """A module without a function that runs: the tests of the modules that import it."""
        module = source.removeprefix("src/").removesuffix(".py").replace("/", ".")
        found: set[str] = set()
        for other, lines in self.by_line.items():
            if other != source and module in (ROOT / other).read_text():
                inside = _inside(other)
                found = found.union(*(tests for n, tests in lines.items() if n in inside))
        return found

    def in_order(self, tests: Iterable[str], source: str, budget_s: float) -> list[str]:
        """Those that are about this file before those that pass by it, until the budget is spent.

        The tests of one file stay together: what it sets up is set up once.
        """
        chosen, spent = [], 0.0
        for test in sorted(tests, key=lambda test: (-self._share(test, source), self.seconds[test])):
            if chosen and spent + self.seconds[test] > budget_s:
                continue
            spent += self.seconds[test]
            chosen.append(test)
        first = {test.partition("::")[0]: -n for n, test in enumerate(reversed(chosen))}
        return sorted(chosen, key=lambda test: (first[test.partition("::")[0]], self.seconds[test]))

    def _share(self, test: str, source: str) -> float:
        """How much of what a test executes is of this file, in tenths: within one, the quicker goes first."""
        if test.startswith(OF_ALL):
            return 10
        lines = self.lines[test]
        return round(10 * lines.get(source, 0) / sum(lines.values()))
