"""`dualstack lab fault`: break something while it runs."""

import click

from dualstack.cli.lab.options import name_option, print_lab
from dualstack.cli.offers import FAULT
from dualstack.cli.output import json_option, print_table
from dualstack.lab.faults import FAULTS
from dualstack.lab.standing import named, request

__all__ = ["command"]


@click.command(
    epilog="""\b
Examples:
  dualstack lab fault 'dropped ipv6 server'
  dualstack lab fault 'delay 300ms server' 'lookup-late 1s aaaa'
  dualstack lab fault --kinds
  dualstack lab heal

Exit status: 0 broken as asked, 69 no such lab or no nft, 78 no such fault or host.
"""
)
@click.argument("faults", nargs=-1, type=FAULT, metavar="FAULT...")
@click.option("--kinds", is_flag=True, help="List what can be broken, and what a client sees of it.")
@name_option()
@json_option()
def command(faults: tuple[str, ...], name: str | None, *, kinds: bool, as_json: bool) -> None:
    """Break something in a standing lab: KIND [TIME or PERCENT] [ipv4, ipv6, a or aaaa] [HOST]."""
    if kinds:
        rows = [(f"{kind} {row.takes.value}".strip(), row.where.value, row.sees) for kind, row in FAULTS.items()]
        print_table(("kind", "is done to", "a plain client sees"), rows)
        return
    if not faults:
        raise click.UsageError("name a fault, or --kinds for a list of them")
    print_lab(request(named(name), "fault", faults=faults), as_json=as_json)
