"""`dualstack explain`: what a system does with sockets, asked of the oracle or of the kernel (X3, N6, U3, U11)."""

import sys

import click

from dualstack.cli.batch import answer_lines
from dualstack.cli.output import Seconds, json_option
from dualstack.errors import ExitCode

__all__ = ["command"]


@click.command()
@click.option("--batch", is_flag=True, help="Read cases as lines of JSON, and answer each with one.")
@click.option("--verify", "verifying", is_flag=True, help="Hold the oracle against this kernel.")
@click.option(
    "--seconds", type=Seconds(min=0, min_open=True), default=30.0, show_default=True, help="With --verify: how long."
)
@click.option("--all", "everything", is_flag=True, help="With --verify: every pair of sockets, however long it takes.")
@click.option(
    "--seed", type=click.IntRange(min=0), default=1, show_default=True, help="With --verify: other random cases."
)
@json_option()
def command(batch: bool, verifying: bool, seconds: float, everything: bool, seed: int, as_json: bool) -> ExitCode:
    """Say what a system does with sockets: which bind fails, who receives, as whom a peer appears."""
    if batch:
        return answer_lines(sys.stdin.buffer)
    if verifying:
        from dualstack.cli.verify import verify

        return verify(seconds=None if everything else seconds, seed=seed, as_json=as_json)
    raise click.UsageError("nothing to explain")
