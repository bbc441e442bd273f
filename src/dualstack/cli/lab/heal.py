"""`dualstack lab heal`: mend what was broken."""

import click

from dualstack.cli.lab.options import name_option, print_lab
from dualstack.cli.output import json_option
from dualstack.lab.standing import named, request

__all__ = ["command"]


@click.command(
    epilog="""\b
Examples:
  dualstack lab heal                         everything
  dualstack lab heal 'dropped ipv6 server'   that alone

Exit status: 0 mended, 69 no such lab, 78 it is not broken so.
"""
)
@click.argument("faults", nargs=-1, metavar="[FAULT]...")
@name_option()
@json_option()
def command(faults: tuple[str, ...], name: str | None, *, as_json: bool) -> None:
    """Mend the faults that are named, or all of a standing lab."""
    print_lab(request(named(name), "heal", faults=faults), as_json=as_json)
