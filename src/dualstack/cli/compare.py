"""`dualstack explain --record` and `--compare`: the program that records a system, and a record beside the tables."""

import json
import sys
from importlib.resources import files
from pathlib import Path

import click

from dualstack.cli.output import print_document, print_table
from dualstack.core.oracle.record import Comparison, Record, Tally, compare, read_record
from dualstack.core.oracle.systems import STACKS
from dualstack.errors import CaseError, ExitCode

__all__ = ["compare_record", "print_recorder"]

_SHOWN = 10


def print_recorder() -> ExitCode:
    """Print the program, whole."""
    click.echo(files("dualstack.kernel").joinpath("recorder.py").read_text(encoding="utf-8"), nl=False)
    return ExitCode.YES


def compare_record(path: str, *, as_json: bool) -> ExitCode:
    """Hold the record in `path`, or on standard input, against the tables; 1 where they are wrong.

    Raises:
        CaseError: it is no record, or not whole; the message names the line.
    """
    try:
        lines = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
        record = read_record(lines.splitlines())
        comparison = compare(record)
    except CaseError as error:
        raise CaseError(path, str(error)) from None
    if as_json:
        print_document(_document(record, comparison))
    else:
        _print(record, comparison)
    return ExitCode.NO if comparison.wrong else ExitCode.YES


def _total(comparison: Comparison) -> Tally:
    each = comparison.tallies.values()
    return Tally(sum(t.right for t in each), sum(t.wrong for t in each), sum(t.unknown for t in each))


def _document(record: Record, comparison: Comparison) -> dict[str, object]:
    total = _total(comparison)
    return {
        "os": record.system,
        "release": record.release,
        "python": record.python,
        "tables": STACKS[record.system].version or None,
        "cases": len(record.cases),
        **_counts(total),
        "kinds": {kind: _counts(tally) for kind, tally in sorted(comparison.tallies.items())},
        "disagreements": [
            {"line": line, "case": case, "differences": list(found)} for line, case, found in comparison.wrong
        ],
    }


def _counts(tally: Tally) -> dict[str, int]:
    return {"right": tally.right, "wrong": tally.wrong, "unknown": tally.unknown}


def _print(record: Record, comparison: Comparison) -> None:
    for line, case, found in comparison.wrong[:_SHOWN]:
        for difference in found:
            click.echo(f"line {line}: {difference}")
        click.echo(f"  {json.dumps(case)}")
    if len(comparison.wrong) > _SHOWN:
        click.echo(f"and {len(comparison.wrong) - _SHOWN} more; --json has them all")
    total = _total(comparison)
    tallies = [*sorted(comparison.tallies.items()), ("all", total)]
    rows = [(kind, f"{t.right:,}", f"{t.wrong:,}", f"{t.unknown:,}") for kind, t in tallies]
    print_table(("cases", "right", "wrong", "unknown"), rows, title=record.release)
    stack = STACKS[record.system]
    known = f"measured on {stack.version}" if stack.version else "read, not measured"
    what = "no disagreement" if not total.wrong else f"{total.wrong} disagreements"
    click.echo(f"{len(record.cases):,} cases on {stack.title}, whose table was {known}: {what}")
