"""`dualstack lab`: hosts of each family on this machine, broken on purpose (X5, U1); never decides what breaks."""

import click

from dualstack.cli.verbs import Verbs

__all__ = ["command"]


@click.group(
    cls=Verbs,
    package="dualstack.cli.lab",
    verbs={
        "run": "Make the lab of a file, run its programs, and take it down.",
        "matrix": "Measure Figure 12.5: four clients by four servers, by the kernel and with the gateway.",
        "up": "Make a lab that stays, until `down`.",
        "list": "Its hosts, their addresses, and what is broken.",
        "exec": "Run a program on one of its hosts.",
        "shell": "Open a shell on one of its hosts.",
        "fault": "Break something while it runs.",
        "heal": "Mend what was broken.",
        "down": "Take it down, and clean up after labs that were killed.",
    },
    epilog="""\b
Examples:
  dualstack lab matrix
  dualstack lab run slow-resolver.toml
  dualstack lab up && dualstack lab exec client6 -- curl http://server.test/ ; dualstack lab down

Needs no right of root where users may have namespaces. Nothing that runs in a lab reaches anything outside of it.
""",
)
def command() -> None:
    """Hosts that have IPv4 alone, IPv6 alone or both, on a network that can be broken."""
