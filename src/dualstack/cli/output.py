"""What the verbs share of printing: JSON that scripts read, and a console that obeys `NO_COLOR`."""

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["console", "family_options", "json_option", "print_document", "print_json", "print_table"]

_WIDTH = 120

F = TypeVar("F", bound=Callable[..., object])


def json_option(help_text: str = "Print JSON for scripts.") -> Callable[[F], F]:
    """The `--json` option, as `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help=help_text)


def family_options(help_text: str) -> Callable[[F], F]:
    """The options `-4` and `-6`, as `family`: 4, 6, or 0 for neither; `help_text` has a `{}` for the family."""

    def decorate(function: F) -> F:
        for family in (6, 4):
            told = help_text.format(f"IPv{family}")
            function = click.option(f"-{family}", "family", flag_value=family, type=int, help=told)(function)
        return click.option("--any-family", "family", flag_value=0, type=int, default=0, hidden=True)(function)

    return decorate


def print_json(value: object) -> None:
    """Print one line of JSON on standard output, at once."""
    click.echo(json.dumps(value, ensure_ascii=False))
    sys.stdout.flush()


def print_document(document: Mapping[str, object]) -> None:
    """Print a versioned JSON document."""
    print_json({"version": 1, **document})


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, title: str | None = None) -> None:
    """Print a table whose cells say what they say: brackets in a name are no markup."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    console().print(table)


def console(*, stderr: bool = False) -> "Console":
    """A rich console: colour on a terminal alone, and never where `NO_COLOR` is set; elsewhere wide enough to read."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, highlight=False, width=None if stream.isatty() else _WIDTH)
