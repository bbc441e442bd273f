"""`dualstack lab up`: a lab that stays."""

import click

from dualstack.cli.lab.options import print_lab
from dualstack.cli.output import json_option
from dualstack.lab.standing import DEFAULT_NAME, start

__all__ = ["command"]


@click.command(
    epilog="""\b
Examples:
  dualstack lab up                          clients and servers of each family, a gateway, a resolver
  dualstack lab up office.toml --name office
  dualstack lab exec client6 -- curl http://server.test/
  dualstack lab down

Exit status: 0 it stands, 69 a lab of that name does already, 77 no right to namespaces, 78 a wrong value.
"""
)
@click.argument("file", required=False, type=click.Path())
@click.option("--name", default=DEFAULT_NAME, show_default=True, metavar="NAME", help="What it is to be called.")
@json_option()
def command(file: str | None, name: str, *, as_json: bool) -> None:
    """Make the lab of FILE, or one with hosts of every kind, and leave it standing until `lab down`.

    The programs of the file are not run; `lab run` does that.
    """
    print_lab(start(name, file), as_json=as_json)
