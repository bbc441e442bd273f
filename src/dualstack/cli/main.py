"""Finds the verb, runs it, and turns what it raises into one line and an exit code."""

import sys
from io import StringIO

from dualstack.errors import DualstackError, ExitCode, NotInstalled
from dualstack.net.extras import need, need_of

try:
    need("the command", "cli")
except NotInstalled as error:
    sys.stderr.write(f"dualstack: {error}\n")
    sys.exit(error.exit_code)

import click

from dualstack.cli.streams import prepare_streams, say_on_stderr
from dualstack.cli.verbs import Verbs

__all__ = ["cli", "main"]

# What shells make of an end by SIGINT.
_INTERRUPTED = 130

VERBS = {
    "demo": "See it work: an IPv4-only and an IPv6-only server, and the gateway between them.",
    "relay": "Give one server the other family's face: accept on LISTEN, connect to TARGET.",
    "proxy": "Let clients say where to: SOCKS5, SOCKS4a and HTTP on one port, over whichever family answers.",
    "gateway": "Run, or --check, a configuration of ports, services and links.",
    "init": "Write a first configuration of the gateway: three questions, or options.",
    "activate": "Open the right sockets and hand them to a program that takes them: LISTEN_FDS, a number, nginx.",
    "ports": "List, stop, start and restart the ports of a running gateway.",
    "console": "Take Domino's console commands: stop, start, restart and show port.",
    "run": "Run a program that reaches every server, over whichever family answers, without a setting.",
    "connect": "Connect as a telnet client over whichever family answers, and tell each step.",
    "listen": "Accept connections and show each peer as it is and as the kernel gave it.",
    "lookup": "Names to addresses and back, within a limit of time.",
    "ping": "Ask both families of a name for an ICMP echo, side by side.",
    "address": "Say what an address is: its classes, what it embeds, whether it is public.",
    "lab": "Hosts of each family on this machine, broken on purpose, to run and measure programs in.",
    "explain": "Say what a system does with sockets: which bind fails, who receives; ask this kernel.",
    "doctor": "Say what daemons open with their settings, who reaches them, and the edit that serves both.",
    "access": "Ask allow and deny rules about addresses.",
    "check": "Find what in a program's source is tied to one family: the line, why, what to write instead.",
    "selftest": "Try in five seconds whether what is installed here works here.",
    "completion": "Print what a shell needs to complete verbs, options, ports, faults, daemons.",
}


NEEDS = {
    "demo": ("gateway",),
    "relay": ("gateway",),
    "proxy": ("gateway",),
    "gateway": ("gateway",),
    "init": ("gateway",),
    "lab": ("gateway", "dns", "lab"),
}


@click.group(
    cls=Verbs,
    package="dualstack.cli",
    verbs=VERBS,
    needs=NEEDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="dualstack", prog_name="dualstack")
def cli() -> None:
    """Every client reaches every server: listen, connect and relay over IPv4 and IPv6."""


def main() -> None:
    """Run the command line of this process and exit with its code."""
    prepare_streams()
    try:
        code = cli.main(prog_name="dualstack", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        say_on_stderr(_usage(error))
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(_INTERRUPTED)
    except ModuleNotFoundError as error:
        lacking = need_of(error.name or "")
        if lacking is None:
            raise
        say_on_stderr(f"dualstack: {lacking}")
        sys.exit(lacking.exit_code)
    except DualstackError as error:
        say_on_stderr(f"dualstack: {error}")
        sys.exit(error.exit_code)
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        say_on_stderr(f"dualstack: {error.strerror or error}{where}")
        sys.exit(ExitCode.UNAVAILABLE)
    sys.exit(code if isinstance(code, int) else ExitCode.YES)


def _usage(error: click.ClickException) -> str:
    """What click shows of an error: how the verb is used, and what was wrong."""
    told = StringIO()
    error.show(told)
    return told.getvalue().rstrip("\n")
