"""`dualstack doctor`: what this host, or daemons' settings before they run, make of both families (X6, B5, D9)."""

from dataclasses import replace

import click

from dualstack.cli.offers import DAEMON, DIRECTORY, FILE, FINDING
from dualstack.cli.output import json_option, print_document, print_json
from dualstack.errors import ConfigError, ExitCode

__all__ = ["command"]


@click.command(
    epilog="""\b
Examples:
  dualstack doctor                                        this host as it runs
  dualstack doctor --probe --reach mail.example:25        connects, and asks whether that is reached
  dualstack doctor /etc/nginx/nginx.conf                  its sockets, who reaches them, the edit
  dualstack doctor --as mariadb@10.5 my.cnf               as that version reads it
  dualstack doctor --command 'uvicorn app:app --host ::'
  dualstack doctor --root /mnt/image                      every daemon that has its settings there
  dualstack doctor nginx.conf --assume ipv6=off           in a container without IPv6
  dualstack doctor nginx.conf --fix                       only the edit, as a diff
  dualstack doctor --explain DS104

\b
--assume: bindv6only=0|1, ipv6=on|off|absent, addresses=A,B (A%eth0 for an interface's),
names=NAME:A+B,NAME:A. Nothing is run; with files, --as, --command or --root of this host only
those files are read. Without them its resolvers and routers are asked, and whom --reach names.

\b
Exit status: 0 nothing of severity warning or worse, 1 something, 78 a wrong option.
"""
)
@click.argument("files", nargs=-1, type=FILE, metavar="[FILE]...")
@click.option("--root", type=DIRECTORY, default="", help="What stands for /: an image, a container's files.")
@click.option("--as", "named", type=DAEMON, default="", help="Whose settings they are.")
@click.option("--command", "command_line", metavar="TEXT", default="", help="The command line that starts it.")
@click.option("--assume", "assumptions", multiple=True, metavar="KEY=VALUE", help="What the host is like.")
@click.option("--probe", "probes", is_flag=True, help="Connect to this host's listening sockets over each family.")
@click.option("--reach", multiple=True, metavar="HOST[:PORT]", help="Ask this host too whether it is reached.")
@click.option("--fix", "only_fix", is_flag=True, help="Print the edits as a diff; nothing is written.")
@click.option("--baseline", type=FILE, help="Leave out what this JSON of before has found too.")
@click.option("--explain", "code", type=FINDING, help="Say what a finding means.")
@click.option("--list", "listing", type=click.Choice(["daemons", "findings"]), help="Print a reference page.")
@click.option("--sarif", is_flag=True, help="Print SARIF for code scanning.")
@click.option("-v", "--verbose", is_flag=True, help="Tell notes too, which are no reason to change anything.")
@json_option()
def command(
    files: tuple[str, ...],
    root: str,
    named: str,
    command_line: str,
    assumptions: tuple[str, ...],
    reach: tuple[str, ...],
    *,
    probes: bool,
    only_fix: bool,
    baseline: str | None,
    code: str | None,
    listing: str | None,
    sarif: bool,
    verbose: bool,
    as_json: bool,
) -> ExitCode:
    """Say what daemons would open with their settings, who would reach them, and the edit that serves both."""
    from dualstack.cli import diagnosis  # who asks for help does not pay for it

    if code is not None:
        return diagnosis.explain(code)
    if listing is not None:
        click.echo(diagnosis.page(listing), nl=False)
        return ExitCode.YES
    is_live = not (files or root or named or command_line)
    if not is_live and (probes or reach):
        raise ConfigError(
            "doctor", "--probe, --reach", "are for this host; leave out files, --command, --as and --root"
        )
    if is_live:
        report = diagnosis.of_this_host(assumptions, reach, probes=probes)
    else:
        report = diagnosis.of_settings(files, root, named, command_line, assumptions)
    if baseline is not None:
        report = replace(report, findings=diagnosis.new(report.findings, baseline))
    if only_fix:
        click.echo("".join(each.fix for each in report.daemons if each.fix), nl=False)
    elif sarif:
        print_json(report.as_sarif())
    elif as_json:
        print_document(report.as_json())
    elif is_live:
        diagnosis.print_checkup(report, verbose=verbose)
    else:
        diagnosis.print_report(report, verbose=verbose)
    return ExitCode.NO if diagnosis.is_bad(report) else ExitCode.YES
