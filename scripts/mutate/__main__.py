"""`make mutate`: break what a change touches, or a sample of all, one place at a time, and see that a test fails."""

import argparse
import contextlib
import datetime as dt
import difflib
import json
import os
import queue
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from mutate import contexts, touched
from mutate.equivalents import Change, reason_for
from mutate.outcome import Outcome, as_json, as_markdown, score
from mutate.sites import PACKAGES, Mutant, sample
from mutate.tree import ROOT, copied, python_of

AT_A_TIME = 12


def arguments() -> argparse.Namespace:
    """What the user asks for."""
    parser = argparse.ArgumentParser(prog="make mutate", description=__doc__)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--sample", type=int, metavar="N", help="N places by lot, an equal share of each package")
    what.add_argument("--files", nargs="+", metavar="FILE", help="everything in these files")
    what.add_argument("--again", metavar="JSON", help="the survivors of an earlier result")
    parser.add_argument("--base", default="main", help="what the change is measured against (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the lot (%(default)s)")
    parser.add_argument("--packages", default=",".join(PACKAGES), help="of the sample (%(default)s)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="copies at work at a time (%(default)s)")
    parser.add_argument("--budget", type=float, default=60, metavar="S", help="of tests for one mutant (%(default)s s)")
    parser.add_argument("--output", type=Path, default=ROOT / ".mutate/result", help="for .json and .md")
    parser.add_argument("--at-least", type=float, metavar="PERCENT", help="exit with 1 below this, in any package")
    parser.add_argument(
        "--no-measure", action="store_true", help="choose tests by what is known, though some have changed"
    )
    return parser.parse_args()


def main() -> int:
    """Choose, measure, break, tell."""
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    mutants = chosen(options)
    if not mutants:
        print("nothing to break: no line of", ", ".join(PACKAGES), "differs")
        return 0
    if not options.no_measure and (files := contexts.stale()):
        print(f"measuring what {len(files)} files of tests execute, once until they change", flush=True)
        measured(files, options.jobs)
    outcomes = tried(mutants, contexts.Contexts.kept(), options)
    return told(outcomes, options)


def chosen(options: argparse.Namespace) -> list[Mutant]:
    """The mutants that the options name."""
    if options.sample:
        return sample(options.sample, options.seed, options.packages.split(","))
    if options.files:
        return touched.of_files(options.files)
    if options.again:
        earlier = json.loads(Path(options.again).read_text())["mutants"]
        return [Mutant(**of["mutant"]) for of in earlier if of["result"] == "survived"]
    return touched.of_change(options.base)


def measured(files: list[str], jobs: int) -> None:
    """Measure in as many copies as there are jobs, a few files at a time: what is measured is kept at once."""
    waiting: queue.SimpleQueue[list[str]] = queue.SimpleQueue()
    for n in range(0, len(files), AT_A_TIME):
        waiting.put(files[n : n + AT_A_TIME])

    def work() -> None:
        with copied() as copy, contextlib.suppress(queue.Empty):
            while True:
                contexts.measure(copy, waiting.get_nowait())

    threads = [threading.Thread(target=work) for _ in range(min(jobs, waiting.qsize()))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if left := contexts.stale():
        raise SystemExit(f"whoever measured has ended early: {len(left)} files of tests are not measured")


def tried(mutants: list[Mutant], known: contexts.Contexts, options: argparse.Namespace) -> list[Outcome]:
    """Each mutant's outcome, in the order of the file."""
    waiting: queue.SimpleQueue[Mutant] = queue.SimpleQueue()
    for mutant in mutants:
        waiting.put(mutant)
    outcomes: list[Outcome] = []
    with contextlib.ExitStack() as stack:
        benches = [stack.enter_context(Bench.opened()) for _ in range(min(options.jobs, len(mutants)))]

        def work(bench: "Bench") -> None:
            with contextlib.suppress(queue.Empty, EndedError):
                while True:
                    outcomes.append(bench.outcome(waiting.get_nowait(), known, options.budget))
                    _progress(outcomes[-1], len(outcomes), len(mutants))

        threads = [threading.Thread(target=work, args=(bench,), daemon=True) for bench in benches]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if len(outcomes) != len(mutants):
        raise SystemExit("a process that tries mutants has ended early")
    return sorted(outcomes, key=lambda outcome: (outcome.mutant.source, outcome.mutant.line, outcome.mutant.column))


def _progress(outcome: Outcome, done: int, of: int) -> None:
    where = f"{outcome.mutant.source}:{outcome.mutant.line}"
    print(
        f"{done}/{of} {outcome.result} {where} {outcome.mutant.operator} [{outcome.seconds:.1f} s] {outcome.by}",
        flush=True,
    )


class EndedError(Exception):
    """The process that tries mutants is gone."""


class Bench:
    """One copy of the tree with the process that tries mutants in it."""

    def __init__(self, copy: Path, process: "subprocess.Popen[str]") -> None:
        self._copy = copy
        self._process = process
        self._stamp = 1_000_000_000

    @classmethod
    @contextlib.contextmanager
    def opened(cls) -> Iterator["Bench"]:
        """EndedError, and its copy removed, whatever happens."""
        with copied() as copy:
            process = subprocess.Popen(
                [python_of(copy), "-m", "mutate.trial"],
                cwd=copy,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            with process:
                try:
                    bench = cls(copy, process)
                    bench.check()
                    yield bench
                finally:
                    process.terminate()

    def check(self) -> None:
        """With nothing broken a test passes here; where it does not, every mutant would seem to be killed."""
        answer = self._asked(["tests/unit/test_errors.py"], 120, 60)
        if answer["outcome"] != "survived":
            log = (self._copy.parent / "log").read_text()
            raise SystemExit(f"the tests fail in a copy of the tree with nothing broken:\n{log}")

    def outcome(self, mutant: Mutant, known: contexts.Contexts, budget_s: float) -> Outcome:
        """Break the copy, ask its tests, mend it."""
        began = time.monotonic()
        original = (self._copy / mutant.source).read_text()
        broken = mutant.broken(original)
        change, diff = _compared(original, broken, mutant)
        if reason := reason_for(mutant, change):
            return Outcome(mutant, "equivalent", reason, diff, 0.0)
        able = known.tests_of(mutant.source, mutant.line, mutant.last)
        tests = known.in_order(able, mutant.source, budget_s)
        if not tests:
            return Outcome(mutant, "survived", "no test executes this line", diff, 0.0)
        # Busy machines are slow; a mutant that waits for what never comes shall not keep everybody waiting.
        limit_s = 30 + 5 * sum(known.seconds[test] for test in tests)
        each_s = 15 + 5 * max(known.seconds[test] for test in tests)
        self._write(mutant.source, broken)
        answer = self._asked(tests, limit_s, each_s)
        self._write(mutant.source, original)
        by = answer["by"] or f"{len(tests)} of {len(able)} tests pass"
        return Outcome(mutant, answer["outcome"], by, diff, time.monotonic() - began)

    def _asked(self, tests: list[str], limit_s: float, each_s: float) -> dict[str, str]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"tests": tests, "limit_s": limit_s, "each_s": each_s}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise EndedError
        answer: dict[str, str] = json.loads(line)
        return answer

    def _write(self, source: str, text: str) -> None:
        """With a time of its own: Python knows compiled files by the second and the size of their source."""
        self._stamp += 1
        (self._copy / source).write_text(text)
        os.utime(self._copy / source, (self._stamp, self._stamp))


def _compared(original: str, broken: str, mutant: Mutant) -> tuple[Change, str]:
    before, after = original.splitlines(), broken.splitlines()
    first = next(n for n, (old, new) in enumerate(zip(before, after, strict=False)) if old != new)
    lines = difflib.unified_diff(before, after, mutant.source, mutant.source, lineterm="", n=2)
    return Change(before[first].strip(), after[first].strip()), "\n".join(lines)


def told(outcomes: list[Outcome], options: argparse.Namespace) -> int:
    """Print the result, keep it, and judge it."""
    command = "make mutate" + (f" ARGS='{shlex.join(sys.argv[1:])}'" if sys.argv[1:] else "")
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    ).stdout.strip()
    date = dt.datetime.now(tz=dt.UTC).date().isoformat()
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.with_suffix(".json").write_text(as_json(outcomes, command, commit, date))
    written = as_markdown(outcomes, command, commit, date)
    options.output.with_suffix(".md").write_text(written)
    print(written)
    scores = [score(o for o in outcomes if o.mutant.package == package) for package in PACKAGES]
    low = options.at_least is not None and any(s is not None and s * 100 < options.at_least for s in scores)
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main())
