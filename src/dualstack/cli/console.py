"""`dualstack console`: Domino's console commands for the ports of a running gateway."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime

import click

from dualstack.cli.offers import PATH
from dualstack.cli.output import json_option, print_document
from dualstack.errors import ControlError, ExitCode

__all__ = ["command"]


@click.command(
    epilog="""\b
Examples:
  dualstack console stop port tcpip
  dualstack console sh port TCPIP6
  echo 'restart port tcpip' | dualstack console
  dualstack console                           a prompt: help, quit
"""
)
@click.argument("words", nargs=-1, metavar="[COMMAND...]")
@click.option("--control", type=PATH, help="The gateway's control socket; found where none is named.")
@json_option()
def command(words: tuple[str, ...], control: str | None, as_json: bool) -> int:
    """Take Domino's commands: stop, start, restart and show port; without one, line by line from standard input.

    The exit code is that of the first command that failed.
    """
    from dualstack.gateway.control.places import control_path  # who asks for help does not pay for it

    path = control_path(control)
    if words:
        _print_answer(path, " ".join(words), as_json=as_json)
        return ExitCode.YES
    if sys.stdin.isatty():
        _each(path, _typed(), as_json=as_json)
        return ExitCode.YES
    return _each(path, sys.stdin, as_json=as_json)


def _each(path: str, lines: Iterable[str], *, as_json: bool) -> int:
    """Do each line until one says quit; the exit code of the first that failed."""
    code = ExitCode.YES
    for line in lines:
        word = line.strip().casefold()
        if word in {"quit", "exit"}:
            break
        if word in {"help", "?"}:
            _print_help()
        elif word:
            try:
                _print_answer(path, line, as_json=as_json)
            except ControlError as error:
                click.echo(f"dualstack: {error}", err=True)
                code = code or error.exit_code
    return code


def _typed() -> Iterator[str]:
    """What is typed at the prompt, with history and editing where the system has them."""
    with suppress(ImportError):
        import readline  # noqa: F401 - its import is what gives input() them
    while True:
        try:
            yield input("> ")
        except EOFError:
            click.echo()
            return


def _print_answer(path: str, line: str, *, as_json: bool) -> None:
    from dualstack.gateway.control.console import answer

    got = answer(path, line, datetime.now().astimezone())
    if as_json:
        print_document(got.document)
    else:
        click.echo("\n".join(got.lines))


def _print_help() -> None:
    from dualstack.gateway.control.console import COMMANDS

    for name, meaning in COMMANDS.items():
        click.echo(f"{name:<18} {meaning}")
    click.echo(f"{'Quit, Exit':<18} leave the console; the gateway goes on")
