"""What `dualstack doctor` asks of the doctor, and prints of settings; `cli.checkup` prints of this host."""

import json
from collections.abc import Sequence
from pathlib import Path

import click

from dualstack.cli.checkup import live_report as of_this_host
from dualstack.cli.checkup import print_checkup
from dualstack.cli.output import print_table
from dualstack.core.suggestion import those_known
from dualstack.doctor.assumed_host import assumed_host
from dualstack.doctor.diagnose import Asked, diagnose
from dualstack.doctor.findings import KINDS, Finding, Severity, findings_page
from dualstack.doctor.judging import shown_sockets
from dualstack.doctor.report import Examined, Report
from dualstack.doctor.settings_page import settings_page
from dualstack.errors import ConfigError, ExitCode

__all__ = ["explain", "is_bad", "new", "of_settings", "of_this_host", "page", "print_checkup", "print_report"]


def of_settings(files: Sequence[str], root: str, named: str, command_line: str, assumptions: Sequence[str]) -> Report:
    """The report about settings."""
    return diagnose(Asked(tuple(files), root, named, command_line, assumed_host(assumptions)))


def page(listing: str) -> str:
    """A reference page, of `daemons` or of `findings`."""
    return settings_page() if listing == "daemons" else findings_page()


def is_bad(report: Report) -> bool:
    """Whether something is of severity warning or worse."""
    return report.worst >= Severity.WARNING


def explain(code: str) -> ExitCode:
    """Say what a finding means."""
    if code.upper() not in KINDS:
        raise ConfigError("--explain", code, f"there are {those_known(code.upper(), KINDS)}")
    kind = KINDS[code.upper()]
    click.echo(f"{kind.code} ({kind.severity.name.casefold()}): {kind.title}\n\n{kind.meaning}\n{kind.remedy}")
    return ExitCode.YES


def new(findings: Sequence[Finding], baseline: str) -> list[Finding]:
    """Those that the report of before has not; a line may have moved."""
    try:
        before = json.loads(Path(baseline).read_text(encoding="utf-8"))
        known = {(each["code"], each["title"], each["file"]) for each in before["findings"]}
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError("--baseline", baseline, f"it is no report of the doctor: {error}") from None
    return [each for each in findings if (each.kind.code, each.as_json()["title"], each.as_json()["file"]) not in known]


def print_report(report: Report, *, verbose: bool) -> None:
    """The worst first, what could not be told always; then each daemon with its sockets."""
    least = Severity.UNKNOWN if verbose else Severity.WARNING
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
