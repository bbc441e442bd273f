"""`dualstack explain --figure`: Stevens' figures, drawn from hosts in memory (U1, U2, U3)."""

from pathlib import Path

import click

from dualstack.cli.output import print_document, print_table
from dualstack.core.explain.table_svg import table_svg
from dualstack.core.oracle.systems import Stack
from dualstack.core.simulation.figures import Figure, figure
from dualstack.errors import ExitCode

__all__ = ["draw"]


def draw(number: str, stack: Stack, *, svg: str | None, as_json: bool) -> ExitCode:
    """Print a figure for a system, and write it as a picture where one is asked for."""
    drawn = figure(number, stack.name)
    title = f"Figure {number} on {stack.title}: {drawn.title}"
    if svg is not None:
        Path(svg).write_text(table_svg(title, drawn.columns, drawn.rows, _below(drawn)), encoding="utf-8")
    if as_json:
        print_document(
            {
                "figure": number,
                "os": stack.name,
                "title": drawn.title,
                "columns": list(drawn.columns),
                "rows": [list(row) for row in drawn.rows],
                "steps": list(drawn.steps),
                "notes": list(drawn.notes),
            }
        )
        return ExitCode.YES
    print_table(drawn.columns, drawn.rows, title=title)
    for line in _below(drawn):
        click.echo(line)
    return ExitCode.YES


def _below(drawn: Figure) -> list[str]:
    steps = [f"{number}. {step}" for number, step in enumerate(drawn.steps, 1)]
    return [*drawn.notes, *steps]
