"""`dualstack lab down`: a standing lab's end."""

import click

from dualstack.cli.lab.options import name_option
from dualstack.lab.standing import living, named, request, sweep

__all__ = ["command"]


@click.command(
    epilog="""\b
Examples:
  dualstack lab down                the lab that is up
  dualstack lab down --name office  this one, no other
  dualstack lab down --all

Exit status: 0 it is gone, or there was none; 69 there are several and none is named.
"""
)
@name_option()
@click.option("--all", "all_of_them", is_flag=True, help="All labs of this user.")
def command(name: str | None, *, all_of_them: bool) -> None:
    """Take a lab down with all that runs in it, and clean up after labs that were killed; others live on."""
    for swept in sweep():
        click.echo(f"lab {swept}: it was killed; what it left is removed")
    names = living()
    if not all_of_them and (names or name):
        names = [named(name)]
    for each in names:
        request(each, "down")
        click.echo(f"lab {each}: down")
    sweep()
    if not names:
        click.echo("no lab is up")
