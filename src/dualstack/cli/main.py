"""Finds the verb, runs it, and turns what it raises into one line and an exit code."""

import importlib
import os
import sys

from dualstack.errors import DualstackError, ExitCode

try:
    import click
except ModuleNotFoundError:  # pragma: no cover - `.ci/run` shows it with the bare wheel
    sys.exit("dualstack: the command needs its extras: pip install 'dualstack[all]'")

__all__ = ["cli", "main"]

# What shells make of an end by SIGINT.
_INTERRUPTED = 130

VERBS = {
    "demo": "See it work: an IPv4-only and an IPv6-only server, and the gateway between them.",
    "relay": "Give one server the other family's face: accept on LISTEN, connect to TARGET.",
    "gateway": "Run, or --check, a configuration of ports, services and links.",
    "ports": "List, stop, start and restart the ports of a running gateway.",
    "listen": "Accept connections and show each peer as it is and as the kernel gave it.",
    "lookup": "Names to addresses and back, within a limit of time.",
    "address": "Say what an address is: its classes, what it embeds, whether it is public.",
    "explain": "Say what a system does with sockets: which bind fails, who receives; ask this kernel.",
    "access": "Ask allow and deny rules about addresses.",
}


class _Verbs(click.Group):
    """Commands that are imported when they are called, so that `--help` stays quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in VERBS:
            return None
        command = importlib.import_module(f"dualstack.cli.{cmd_name}").command
        assert isinstance(command, click.Command)  # noqa: S101 - a verb's file defines `command`
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="dualstack", prog_name="dualstack")
def cli() -> None:
    """Every client reaches every server: listen, connect and relay over IPv4 and IPv6."""


def main() -> None:
    """Run the command line of this process and exit with its code."""
    try:
        code = cli.main(prog_name="dualstack", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(_INTERRUPTED)
    except DualstackError as error:
        click.echo(f"dualstack: {error}", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader has gone: what is left in the buffer must not be written at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(ExitCode.NO)
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        click.echo(f"dualstack: {error.strerror or error}{where}", err=True)
        sys.exit(ExitCode.UNAVAILABLE)
    sys.exit(code if isinstance(code, int) else ExitCode.YES)
