"""What the verbs share of printing: JSON that scripts read, and a console that obeys `NO_COLOR`."""

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from math import isnan
from typing import TYPE_CHECKING, TypeVar, cast

import click

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Seconds", "console", "family_options", "json_option", "print_document", "print_json", "print_table"]

_WIDTH = 120

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

    def convert(self, value: float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """`value` as a number.

        Raises:
            click.BadParameter: it is none, or out of range.
        """
        number = float(super().convert(value, param, ctx))
        if isnan(number):
            self.fail(f"{value!r} is not a number of seconds.", param, ctx)
        return number


def print_json(value: object) -> None:
    """Print one line of JSON on standard output, at once."""
    click.echo(json.dumps(value, ensure_ascii=False))
    sys.stdout.flush()


def print_document(document: Mapping[str, object]) -> None:
    """Print a versioned JSON document."""
    print_json({"version": 1, **document})


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, title: str | None = None) -> None:
    """Print a table whose heads and cells say what they say: brackets in a name are no markup."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left")
    for column in columns:
        table.add_column(Text(column), overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    console().print(table)


def console(*, stderr: bool = False) -> "Console":
    """A rich console: colour on a terminal alone, and never where `NO_COLOR` is set; elsewhere wide enough to read."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, highlight=False, width=None if stream.isatty() else _WIDTH)
