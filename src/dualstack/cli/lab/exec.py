"""`dualstack lab exec`: a program on a host of a standing lab, on this terminal."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import cast

import click

from dualstack.cli.lab.options import name_option
from dualstack.cli.offers import LAB_HOST
from dualstack.cli.output import Seconds
from dualstack.core.suggestion import those_known
from dualstack.errors import ConfigError, ExitCode
from dualstack.lab.orders import NetworkError
from dualstack.lab.packages import not_installed
from dualstack.lab.standing import named, request

__all__ = ["command", "entry"]


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    epilog="""\b
Examples:
  dualstack lab exec client6 -- curl -s http://server.test/
  dualstack lab exec client6 curl -s http://server.test/      the same
  dualstack lab exec --timeout 5 client -- ping server.test   options of exec stand before HOST

Exit status: the program's own, 128 + N where signal N ended it; 69 no such lab or program, 75 it was ended by
--timeout, 78 no such host.
""",
)
@name_option()
@click.option("--timeout", type=Seconds(min=0, min_open=True), metavar="SECONDS", help="End it after so long.")
@click.argument("host", type=LAB_HOST)
@click.argument("argv", nargs=-1, required=True, type=click.UNPROCESSED, metavar="COMMAND [ARGUMENT]...")
def command(host: str, argv: tuple[str, ...], name: str | None, timeout: float | None) -> int:
    """Run COMMAND on HOST of a standing lab, with this terminal and these files."""
    argv = _command_in(argv)
    words = [*entry(name, host), *argv]
    if shutil.which(argv[0]) is None:
        raise NetworkError(_why_not(argv[0]))
    if timeout is None:
        os.execvp(words[0], words)  # noqa: S606 - what the user asked for
    try:
        code = subprocess.run(words, check=False, timeout=timeout).returncode  # noqa: S603 - as above
    except subprocess.TimeoutExpired:
        click.echo(f"dualstack: {argv[0]} was ended after {timeout:g} s", err=True)
        return ExitCode.TIMEOUT
    return code if code >= 0 else 128 - code


def _command_in(argv: tuple[str, ...]) -> tuple[str, ...]:
    """The command and its arguments, after a `--` or without one."""
    if argv[0] == "--":
        if len(argv) == 1:
            raise click.UsageError("what to run is missing: dualstack lab exec HOST -- COMMAND [ARGUMENT]...")
        return argv[1:]
    if argv[0].startswith("-"):
        raise click.UsageError(
            f"{argv[0]} stands where the command does; options of exec come before HOST, and a command follows --: "
            "dualstack lab exec --timeout 5 HOST -- COMMAND"
        )
    return argv


def _why_not(program: str) -> str:
    """Why a program cannot be run."""
    if "/" not in program:
        return not_installed(program)
    return f"{program} cannot be run: {'it is not executable' if Path(program).exists() else 'there is no such file'}"


def entry(name: str | None, host: str) -> list[str]:
    """The words that lead onto the host; the program behind them dies with the first of them.

    Raises:
        ConfigError: no such host.
        NetworkError: no such lab, or a program that it takes is missing.
    """
    for program in ("nsenter", "setpriv"):
        if shutil.which(program) is None:
            raise NetworkError(not_installed(program))
    lab = request(named(name), "list")
    hosts = {str(each["name"]): each for each in cast("list[dict[str, object]]", lab["hosts"])}
    if host not in hosts:
        raise ConfigError("", "", f"lab {lab['name']} has no host {host}; there are {those_known(host, hosts)}")
    return [*cast("list[str]", hosts[host]["entry"]), f"--wd={Path.cwd()}", "--", "setpriv", "--pdeathsig=KILL", "--"]
