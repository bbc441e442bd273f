"""`dualstack selftest`: whether what is installed here works here, in five seconds."""

import click

from dualstack.cli.output import json_option

__all__ = ["command"]


@click.command(
    epilog="""\b
Examples:
  dualstack selftest           after an install or an upgrade
  dualstack selftest --json    {version, checks: [{check, passed, said, elapsed_s}]}; passed: null is left out

\b
Exit status: 0 all that can be tried here works, 1 something does not.
"""
)
@json_option()
def command(*, as_json: bool) -> int:
    """Try the main parts on loopback: addresses, a plan and its sockets, a race, the oracle, the gateway."""
    from dualstack.cli.self_checks import run_checks  # who asks for help does not pay for it

    return run_checks(as_json=as_json)
