"""What became of each mutant, as JSON, as Markdown and as lines."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from mutate.sites import PACKAGES, Mutant

__all__ = ["Outcome", "as_json", "as_markdown", "score"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """`result` is killed, survived or equivalent; `by` the test that failed, or the reason."""

    mutant: Mutant
    result: str
    by: str
    diff: str
    seconds: float


def score(outcomes: Iterable[Outcome]) -> float | None:
    """Killed of all that could be; None where there was nothing to kill."""
    counts = Counter(outcome.result for outcome in outcomes)
    asked = counts["killed"] + counts["survived"]
    return counts["killed"] / asked if asked else None


def as_json(outcomes: list[Outcome], command: str, commit: str, date: str) -> str:
    """Everything, for programs."""
    return json.dumps(
        {
            "command": command,
            "commit": commit,
            "date": date,
            "scores": {package: score(_of(outcomes, package)) for package in PACKAGES},
            "mutants": [asdict(outcome) for outcome in outcomes],
        },
        indent=1,
    )


def as_markdown(outcomes: list[Outcome], command: str, commit: str, date: str) -> str:
    """The table of packages, then the survivors with their change, then the equivalents with their reasons."""
    lines = [
        f"`{command}`, {date}, {commit}",
        "",
        "| package | mutants | killed | survived | equivalent | score |",
        "|---|---|---|---|---|---|",
    ]
    for package in PACKAGES:
        of = _of(outcomes, package)
        counts = Counter(outcome.result for outcome in of)
        reached = score(of)
        if of:
            shown = "" if reached is None else f"{reached:.1%}"
            row = (package, len(of), counts["killed"], counts["survived"], counts["equivalent"], shown)
            lines.append("| " + " | ".join(map(str, row)) + " |")
    for title, result in (("Survivors", "survived"), ("Equivalents", "equivalent")):
        listed = [outcome for outcome in outcomes if outcome.result == result]
        if listed:
            lines += ["", f"## {title}"]
        for outcome in listed:
            where = f"{outcome.mutant.source}:{outcome.mutant.line}"
            lines += ["", f"{where} ({outcome.mutant.operator}): {outcome.by}", "", "```diff", outcome.diff, "```"]
    return "\n".join(lines) + "\n"


def _of(outcomes: list[Outcome], package: str) -> list[Outcome]:
    return [outcome for outcome in outcomes if outcome.mutant.package == package]
