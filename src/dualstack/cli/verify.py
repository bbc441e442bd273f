"""`dualstack explain --verify`: the oracle held against this kernel, with progress, and every disagreement as a case.

Three namespaces work side by side, one for each setting of the ground: bindv6only off and on, and IPv6 off.
"""

import json
import os
import selectors
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import IO, cast

import click

from dualstack.cli.output import console, print_document
from dualstack.errors import ExitCode
from dualstack.kernel.trial.namespace import answers, open_namespace
from dualstack.kernel.trial.namespace_specs import GROUNDS

__all__ = ["verify"]

# Without a limit of time: about as many random cases as there are pairs.
_RANDOMS = 50_000
_SHOWN = 10


@dataclass(slots=True)
class _Tally:
    """What one namespace has done so far."""

    cases: int = 0
    probes: int = 0
    disagreements: list[dict[str, object]] = field(default_factory=list)

    def count(self, answer: Mapping[str, object]) -> None:
        if "case" in answer:
            self.disagreements.append(dict(answer))
        else:
            self.cases, self.probes = cast("int", answer["cases"]), cast("int", answer["probes"])


def verify(*, seconds: float | None, seed: int, as_json: bool) -> ExitCode:
    """Sweep, show progress, and print what was found; 1 where the kernel said something else.

    Raises:
        TrialError: there are no namespaces here.
    """
    begun = time.monotonic()
    tallies = {name: _Tally() for name in GROUNDS}
    with console(stderr=True).status("") as status:
        for name, answer in _answers(seconds, seed):
            tallies[name].count(answer)
            status.update(_progress(tallies, time.monotonic() - begun, seconds))
    took = time.monotonic() - begun
    if as_json:
        print_document(_document(tallies, took))
    else:
        _print(tallies, took)
    return ExitCode.NO if any(tally.disagreements for tally in tallies.values()) else ExitCode.YES


def _answers(seconds: float | None, seed: int) -> Iterator[tuple[str, dict[str, object]]]:
    """What the children say, whoever speaks first."""
    with ExitStack() as stack, selectors.DefaultSelector() as selector:
        for number, (name, spec) in enumerate(GROUNDS.items()):
            task = {"seed": seed * len(GROUNDS) + number, "seconds": seconds, "randoms": _RANDOMS}
            child = stack.enter_context(open_namespace(spec, task))
            selector.register(cast("IO[str]", child.stdout), selectors.EVENT_READ, (name, answers(child)))
        while selector.get_map():
            for key, _ in selector.select():
                name, lines = key.data
                answer = next(lines, None)
                if answer is None:
                    selector.unregister(key.fileobj)
                else:
                    yield name, answer


def _progress(tallies: Mapping[str, _Tally], took_s: float, seconds: float | None) -> str:
    cases = sum(tally.cases for tally in tallies.values())
    found = sum(len(tally.disagreements) for tally in tallies.values())
    limit = "" if seconds is None else f" of {seconds:g}"
    return f"{took_s:.0f}{limit} s: {cases:,} cases, {found} disagreements"


def _document(tallies: Mapping[str, _Tally], took_s: float) -> dict[str, object]:
    return {
        "kernel": os.uname().release,
        "elapsed_s": round(took_s, 3),
        "cases": sum(tally.cases for tally in tallies.values()),
        "probes": sum(tally.probes for tally in tallies.values()),
        "settings": {name: {"cases": tally.cases, "probes": tally.probes} for name, tally in tallies.items()},
        "disagreements": [found for tally in tallies.values() for found in tally.disagreements],
    }


def _print(tallies: Mapping[str, _Tally], took_s: float) -> None:
    found = [each for tally in tallies.values() for each in tally.disagreements]
    for each in found[:_SHOWN]:
        for difference in cast("list[str]", each["differences"]):
            click.echo(difference)
        click.echo(f"  {json.dumps(each['case'])}")
    if len(found) > _SHOWN:
        click.echo(f"and {len(found) - _SHOWN} more; --json has them all")
    if found:
        click.echo("Again: dualstack explain --batch --live, with such a line on standard input.")
    for name, tally in tallies.items():
        click.echo(f"{name}: {tally.cases:,} cases, {tally.probes:,} probes")
    cases = sum(tally.cases for tally in tallies.values())
    what = "no disagreement" if not found else f"{len(found)} disagreements"
    click.echo(f"{cases:,} cases in {took_s:.0f} s on Linux {os.uname().release}: {what}")
