"""The options of what serves until a signal ends it: `relay`, `proxy`, `gateway`."""

from collections.abc import Callable
from typing import TypeVar

import click

from dualstack.cli.choices import OneOf
from dualstack.cli.offers import FILE

__all__ = ["serving_options"]

F = TypeVar("F", bound=Callable[..., object])


def serving_options(function: F) -> F:
    """The options of a program that serves until a signal ends it: how it is watched, and by how many it is done."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print one line of JSON once all sockets listen."),
        click.option("--log", type=OneOf(["text", "json"]), help="The form of the log on standard error."),
        click.option(
            "--workers",
            type=click.IntRange(1, 256),
            help="Processes that relay; 1, where nothing else is said, relays in this one.",
        ),
        click.option("--quiet", "-q", is_flag=True, help="Log warnings and errors only."),
        click.option("--access-log", type=FILE, help="Write a line for each connection; - is standard error."),
        click.option(
            "--page", metavar="WHERE", help="Open the status page: a port number of both loopbacks, or LISTEN."
        ),
    ):
        function = option(function)
    return function
