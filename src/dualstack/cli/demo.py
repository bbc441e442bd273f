"""`dualstack demo`: the main job, seen in a minute."""

import click

from dualstack.cli.output import json_option

__all__ = ["command"]


@click.command(
    epilog="""\b
Examples:
  dualstack demo           show it, then keep serving until Ctrl-C
  dualstack demo --once    show it and end
  dualstack demo --once --json
"""
)
@click.option("--once", is_flag=True, help="End once the table is printed.")
@json_option("Print JSON: the ready line, then the boxes of before and after.")
def command(once: bool, as_json: bool) -> int:
    """See it work: an IPv4-only and an IPv6-only server on loopback, and the gateway between them.

    Each is fetched by an IPv4 and by an IPv6 client, directly and through the gateway. Nothing leaves this machine.
    """
    import asyncio  # who asks for help does not pay for it

    from dualstack.cli.demonstration import demonstrate

    with asyncio.Runner() as runner:
        return runner.run(demonstrate(once=once, as_json=as_json))
