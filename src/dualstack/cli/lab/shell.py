"""`dualstack lab shell`: a shell on a host of a standing lab."""

import os
import sys

import click

from dualstack.cli.lab.exec import entry
from dualstack.cli.lab.options import name_option
from dualstack.cli.offers import LAB_HOST

__all__ = ["command"]


@click.command(
    epilog="""\b
Examples:
  dualstack lab shell client6

Exit status: the shell's own; 69 no such lab, 78 no such host.
"""
)
@click.argument("host", type=LAB_HOST)
@name_option()
def command(host: str, name: str | None) -> int:
    """Open your shell ($SHELL) on HOST of a standing lab; its name is the host's, `exit` leaves it."""
    shell = os.environ.get("SHELL", "/bin/sh")
    words = entry(name, host)
    if not sys.stdin.isatty():
        os.execvp(words[0], [*words, shell])  # noqa: S606 - what the user asked for
    from dualstack.cli.terminal import run_on_terminal

    return run_on_terminal([*words, "setsid", "--ctty", shell])
