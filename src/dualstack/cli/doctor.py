"""`dualstack doctor`: what this host, or daemons' settings before they run, make of both families (X6, B5, D9)."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from dualstack.cli.checkup import live_report, print_checkup
from dualstack.cli.output import json_option, print_document, print_json, print_table
from dualstack.core.suggestion import those_known
from dualstack.doctor.assumed_host import assumed_host
from dualstack.doctor.diagnose import Asked, diagnose
from dualstack.doctor.findings import KINDS, Finding, Severity, findings_page
from dualstack.doctor.judging import shown_sockets
from dualstack.doctor.report import Examined, Report
from dualstack.doctor.settings_page import settings_page
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
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option("--root", metavar="DIR", default="", help="What stands for /: an image, a container's files.")
@click.option("--as", "named", metavar="DAEMON[@VERSION]", default="", help="Whose settings they are.")
@click.option("--command", "command_line", metavar="TEXT", default="", help="The command line that starts it.")
@click.option("--assume", "assumptions", multiple=True, metavar="KEY=VALUE", help="What the host is like.")
@click.option("--probe", "probes", is_flag=True, help="Connect to this host's listening sockets over each family.")
@click.option("--reach", multiple=True, metavar="HOST[:PORT]", help="Ask this host too whether it is reached.")
@click.option("--fix", "only_fix", is_flag=True, help="Print the edits as a diff; nothing is written.")
@click.option("--baseline", metavar="FILE", help="Leave out what this JSON of before has found too.")
@click.option("--explain", "code", metavar="CODE", help="Say what a finding means.")
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
    if code is not None:
        return _explain(code)
    if listing is not None:
        click.echo(settings_page() if listing == "daemons" else findings_page(), nl=False)
        return ExitCode.YES
    is_live = not (files or root or named or command_line)
    if not is_live and (probes or reach):
        raise ConfigError(
            "doctor", "--probe, --reach", "are for this host; leave out files, --command, --as and --root"
        )
    if is_live:
        report = live_report(assumptions, reach, probes=probes)
    else:
        report = diagnose(Asked(files, root, named, command_line, assumed_host(assumptions)))
    if baseline is not None:
        report = replace(report, findings=_new(report.findings, baseline))
    if only_fix:
        click.echo("".join(each.fix for each in report.daemons if each.fix), nl=False)
    elif sarif:
        print_json(report.as_sarif())
    elif as_json:
        print_document(report.as_json())
    elif is_live:
        print_checkup(report, verbose=verbose)
    else:
        _print(report, Severity.UNKNOWN if verbose else Severity.WARNING)
    return ExitCode.NO if report.worst >= Severity.WARNING else ExitCode.YES


def _explain(code: str) -> ExitCode:
    if code.upper() not in KINDS:
        raise ConfigError("--explain", code, f"there are {those_known(code.upper(), KINDS)}")
    kind = KINDS[code.upper()]
    click.echo(f"{kind.code} ({kind.severity.name.casefold()}): {kind.title}\n\n{kind.meaning}\n{kind.remedy}")
    return ExitCode.YES


def _new(findings: Sequence[Finding], baseline: str) -> list[Finding]:
    """Those that the report of before has not; a line may have moved."""
    try:
        before = json.loads(Path(baseline).read_text(encoding="utf-8"))
        known = {(each["code"], each["title"], each["file"]) for each in before["findings"]}
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError("--baseline", baseline, f"it is no report of the doctor: {error}") from None
    return [each for each in findings if (each.kind.code, each.as_json()["title"], each.as_json()["file"]) not in known]


def _print(report: Report, least: Severity) -> None:
    """The worst first, what could not be told always; then each daemon with its sockets."""
    shown = [each for each in report.findings if each.kind.severity >= least or not each.kind.severity]
    for each in shown:
        where = "" if each.place is None else f" ({each.place.file}:{each.place.line})"
        click.echo(f"{each.kind.code} {each.kind.severity.name.casefold()}: {each.subject} {each.kind.title}{where}")
        click.echo(f"    {each.evidence}")
        if each.kind.severity >= Severity.WARNING:
            click.echo("".join(f"    {line}\n" for line in (each.remedy or each.kind.remedy).split("\n")), nl=False)
    if shown:
        click.echo()
    if report.daemons:
        print_table(("daemon", "sockets", "IPv4", "IPv6"), [_row(each) for each in report.daemons])


def _row(examined: Examined) -> tuple[str, str, str, str]:
    answer = examined.answer
    name = "@".join(filter(None, (answer.question.daemon.name, answer.question.version)))
    if answer.opened is None:
        return name, "unknown", "unknown", "unknown"
    sockets = shown_sockets(answer.opened) if answer.opened.starts else "does not start"
    return name, sockets or "none", answer.reach["ipv4"], answer.reach["ipv6"]
