"""`dualstack completion`: what a shell needs to complete verbs, options and names."""

import click
from click.shell_completion import get_completion_class

from dualstack.cli.choices import OneOf

__all__ = ["SHELLS", "VARIABLE", "command", "script"]

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_DUALSTACK_COMPLETE"
"""By this variable the shell asks, and click answers, in `cli.main`."""


def script(shell: str) -> str:
    """What the shell reads at its start."""
    known = get_completion_class(shell)
    assert known is not None  # noqa: S101 - click has a class for each of SHELLS
    return known(click.Command("dualstack"), {}, "dualstack", VARIABLE).source()


@click.command(
    epilog="""\b
Examples:
  dualstack completion bash > ~/.local/share/bash-completion/completions/dualstack
  dualstack completion zsh  > ~/.zfunc/_dualstack          with ~/.zfunc in fpath, before compinit
  dualstack completion fish > ~/.config/fish/completions/dualstack.fish
  eval "$(dualstack completion bash)"                      for this shell alone

\b
Completed are verbs, options and their words, and what is known at that moment: ports of the
running gateway, services of a file, hosts and faults of a lab, daemons, findings, interfaces.
"""
)
@click.argument("shell", type=OneOf(SHELLS))
def command(shell: str) -> None:
    """Print the script with which a shell completes `dualstack`: bash from 4.4 on, zsh or fish."""
    click.echo(script(shell))
