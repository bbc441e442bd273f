"""`dualstack lab list`: what a standing lab is made of."""

import click

from dualstack.cli.lab.options import lab_document, name_option, print_lab
from dualstack.cli.output import json_option, print_document
from dualstack.lab.standing import living, named, request

__all__ = ["command"]


@click.command(
    epilog="""\b
Examples:
  dualstack lab list
  dualstack lab list --name office --json

Exit status: 0 it is up, 69 it is not.
"""
)
@name_option("Which lab; all of them where none is named.")
@json_option()
def command(name: str | None, *, as_json: bool) -> None:
    """Print the hosts of the labs that are up, their addresses, and what is broken."""
    labs = [request(each, "list") for each in ([named(name)] if name or not living() else living())]
    if as_json:
        print_document({"labs": [lab_document(lab) for lab in labs]})
        return
    for lab in labs:
        print_lab(lab, as_json=False)
