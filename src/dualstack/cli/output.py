"""What the verbs share of printing: JSON that scripts read, and a console that obeys `NO_COLOR`."""

import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from itertools import zip_longest
from math import inf, isnan, nan
from typing import TYPE_CHECKING, TypeVar, cast

import click

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

__all__ = [
    "Seconds",
    "console",
    "family_options",
    "json_option",
    "print_boxes",
    "print_document",
    "print_json",
    "print_table",
    "room",
]

# For what is no table.
_WIDTH = 1000
# A figure is looked at, and its boxes hold few words.
_FIGURE = 120

F = TypeVar("F", bound=Callable[..., object])


def json_option(help_text: str = "Print JSON for scripts.") -> Callable[[F], F]:
    """The `--json` option, as `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help=help_text)


def family_options(help_text: str) -> Callable[[F], F]:
    """The options `-4` and `-6`, as `family`: 4, 6, or 0 for neither; `help_text` has a `{}` for the family."""

    def decorate(function: F) -> F:
        @wraps(function)
        def with_family(*arguments: object, only_ipv4: bool, only_ipv6: bool, **options: object) -> object:
            if only_ipv4 and only_ipv6:
                raise click.UsageError("-4 and -6 go not together: give one of them, or neither for both families")
            return function(*arguments, family=4 if only_ipv4 else 6 if only_ipv6 else 0, **options)

        for family in (6, 4):
            told = help_text.format(f"IPv{family}")
            click.option(f"-{family}", f"only_ipv{family}", is_flag=True, help=told)(with_family)
        return cast("F", with_family)

    return decorate


class Seconds(click.FloatRange):
    """A number of seconds; one that is no number, which compares with nothing, is refused."""

    name = "seconds"

    def convert(self, value: float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """`value` as a number.

        Raises:
            click.BadParameter: it is none, or out of range.
        """
        try:
            number = float(value)
        except ValueError:
            number = nan
        if isnan(number):
            self.fail(f"{value!r} is not a number of seconds.", param, ctx)
        return float(super().convert(number, param, ctx))


def print_json(value: object) -> None:
    """Print one line of JSON on standard output, at once; in ASCII where the output's encoding may lack characters."""
    import json  # who prints none does not pay for it

    click.echo(json.dumps(value, ensure_ascii=not sys.stdout.encoding.lower().startswith("utf")))
    sys.stdout.flush()


def print_document(document: Mapping[str, object]) -> None:
    """Print a versioned JSON document."""
    print_json({"version": 1, **document})


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    title: str | None = None,
    colours: Mapping[str, str] | None = None,
    is_plain: bool = False,
) -> None:
    """Print a table whose heads and cells say what they say: brackets in a name are no markup.

    Args:
        columns: the heads.
        rows: the cells.
        title: a line above it.
        colours: of words that stand alone in a cell, on a terminal.
        is_plain: without lines and margins, for who cuts it by columns.
    """
    from rich.text import Text

    from dualstack.cli.tables import table_lines

    out = console()
    if title is not None:
        out.print(Text(title, style="italic"), soft_wrap=True)
    for line in table_lines(columns, list(rows), room(), is_plain=is_plain):
        shown = Text(line)
        for word, colour in (colours or {}).items():
            shown.highlight_regex(rf"(?<=  ){re.escape(word)}(?=  |$)", colour)
        out.print(shown, soft_wrap=True)
    if not is_plain:
        out.print()


def print_boxes(
    columns: Sequence[str], rows: Sequence[Sequence["Text"]], *, title: str | None = None, sections: int = 1
) -> None:
    """Print a figure of boxes, in colour; where it is wider than the terminal, as a table without lines.

    Args:
        columns: the heads; those without one are at the left.
        rows: the boxes.
        title: a line above it.
        sections: how many rows stand between two lines.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from dualstack.cli.tables import fitted

    lines = [line for row in rows for line in zip_longest(*(cell.plain.split("\n") for cell in row), fillvalue="")]
    widths = fitted([columns, *lines], min(room(), _FIGURE) - 3 * len(columns) - 1)
    if widths is None:
        print_table(columns, [[cell.plain.replace("\n", ", ") for cell in row] for row in rows], title=title)
        return
    if title is not None:
        console().print(Text(title, style="italic"), soft_wrap=True)
    table = Table(box=box.SQUARE)
    for head, width in zip(columns, widths, strict=True):
        table.add_column(Text(head), justify="center" if head else "left", width=width)
    for number, row in enumerate(rows, 1):
        table.add_row(*row, end_section=number % sections == 0)
    console().print(table)


def room() -> float:
    """How wide the output may be: the terminal's width, or COLUMNS; without end where it goes into a file or a pipe."""
    written = os.environ.get("COLUMNS", "")
    if written.isdecimal() and int(written) > 0:
        return int(written)
    import shutil  # as above

    return shutil.get_terminal_size().columns if sys.stdout.isatty() else inf


def console(*, stderr: bool = False) -> "Console":
    """A rich console: colour on a terminal alone, and never where `NO_COLOR` is set; elsewhere wide enough to read."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, highlight=False, width=None if stream.isatty() else int(min(room(), _WIDTH)))
