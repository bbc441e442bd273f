"""`dualstack lab run`: a lab from a file, its programs, and what became of them."""

import click

from dualstack.cli.output import json_option, print_document, print_table
from dualstack.errors import ExitCode
from dualstack.lab.declaration import Program, load
from dualstack.lab.network import Network
from dualstack.lab.running import Outcome, run

__all__ = ["command"]


@click.command(
    epilog="""\b
Examples:
  dualstack lab run slow-resolver.toml
  dualstack lab run slow-resolver.toml --json

\b
A file, in five lines:
  hosts.me = "ipv6-only"
  hosts.server = "dual"
  faults = ["lookup-late 2s"]
  serve.server = "dualstack listen '*:7007' --serve echo"
  run.me = "python3 my_client.py server.test 7007"

Exit status: 0 all programs of `run` ended well, 1 one did not, 69 one cannot be run, 75 one was still
running when its time was up, 77 no right to namespaces, 78 a wrong value in the file.
"""
)
@click.argument("file", type=click.Path())
@json_option()
@click.option("--quiet", "-q", is_flag=True, help="Do not print what the programs say, only what became of them.")
def command(file: str, *, as_json: bool, quiet: bool) -> ExitCode:
    """Make the lab of FILE, run its programs on its hosts, and take it down.

    Those of `serve` start first, and each is waited for until it listens; those of `run` follow, one after the other.
    """

    def say(program: Program, line: str) -> None:
        click.echo(f"{program.host}| {line}", err=as_json)

    declaration = load(file)
    with Network(declaration) as network:
        outcomes = run(network, declaration, (lambda _program, _line: None) if quiet else say)
        hosts = {name: [a for texts in network.addresses(name).values() for a in texts] for name in network.hosts}
    if as_json:
        print_document(
            {"hosts": hosts, "faults": [str(f) for f in declaration.faults], "runs": list(map(_run, outcomes))}
        )
    else:
        print_table(("host", "program", "ended", "seconds"), map(_row, outcomes))
    return max(map(_verdict, outcomes), default=ExitCode.YES)


def _run(outcome: Outcome) -> dict[str, object]:
    return {
        "host": outcome.program.host,
        "command": str(outcome.program),
        "exit_code": outcome.exit_code,
        "timed_out": outcome.timed_out,
        "elapsed_s": round(outcome.elapsed_s, 6),
        "output": outcome.output,
        "error": outcome.error,
    }


def _row(outcome: Outcome) -> tuple[str, ...]:
    ended = outcome.error or ("well" if outcome.exit_code == 0 else f"with {outcome.exit_code}")
    return outcome.program.host, str(outcome.program), ended, f"{outcome.elapsed_s:.3f}"


def _verdict(outcome: Outcome) -> ExitCode:
    if outcome.timed_out:
        return ExitCode.TIMEOUT
    if outcome.exit_code is None:
        return ExitCode.UNAVAILABLE
    return ExitCode.NO if outcome.exit_code or outcome.error else ExitCode.YES
