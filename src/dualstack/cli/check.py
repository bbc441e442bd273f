"""`dualstack check`: what ties a program's source to one family (U7)."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from dualstack.cli.offers import CHECK, CHECKS, PATH
from dualstack.cli.output import json_option, print_document, print_json
from dualstack.errors import ExitCode

if TYPE_CHECKING:
    from dualstack.check.files.source import SourceFile
    from dualstack.check.findings.finding import Finding
    from dualstack.check.findings.kinds import Kind

__all__ = ["command"]


def _codes(_: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    """Codes divided at commas; each has to mean a kind."""
    from dualstack.check.files.silence import is_selected  # who asks for help does not pay for it
    from dualstack.check.findings.kinds import KINDS

    codes = tuple(code.strip() for each in given for code in each.split(",") if code.strip())
    for code in codes:
        if not any(is_selected(kind, (code,)) for kind in KINDS):
            raise click.BadParameter(f"no finding has the code {code!r}; --kinds lists them", param=parameter)
    return codes


def _kind(_: click.Context, parameter: click.Parameter, given: str | None) -> "Kind | None":
    """The kind that a code or a name means."""
    if given is None:
        return None
    from dualstack.check.findings.kinds import BY_CODE, BY_NAME  # as above

    found = BY_CODE.get(given.upper()) or BY_NAME.get(given)
    if found is None:
        raise click.BadParameter(f"no finding has the code {given!r}; --kinds lists them", param=parameter)
    return found


@click.command(
    epilog="""\b
Examples:
  dualstack check src
  dualstack check --select DS216,DS217 server.py client.c
  dualstack check --ignore DS207 --sarif . > check.sarif
  dualstack check --fix src | patch -p1
  dualstack check --explain DS216

\b
A code may be the beginning of others (DS21), or a kind's name (hostport-split). A comment silences
its line: # dualstack: ignore[DS206] with the reason after it, # noqa: DS206, and in C
/* dualstack: ignore[DS206] */; # dualstack: ignore-file the whole file.

\b
Exit status: 0 nothing found, 1 something.
"""
)
@click.argument("paths", nargs=-1, type=PATH, metavar="PATH...")
@click.option("--select", multiple=True, type=CHECKS, callback=_codes, help="These findings alone.")
@click.option("--ignore", multiple=True, type=CHECKS, callback=_codes, help="Not these findings.")
@click.option("--fix", is_flag=True, help="Print as a diff what can be replaced safely. Nothing is written.")
@json_option("Print one JSON document.")
@click.option("--sarif", "as_sarif", is_flag=True, help="Print SARIF 2.1.0.")
@click.option("--explain", type=CHECK, callback=_kind, help="Say what one finding means, and stop.")
@click.option("--kinds", is_flag=True, help="Print the page of all findings, and stop.")
def command(
    paths: tuple[str, ...],
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    *,
    fix: bool,
    as_json: bool,
    as_sarif: bool,
    explain: "Kind | None",
    kinds: bool,
) -> ExitCode:
    """Say what in the Python and C files at PATH is tied to one family: the line, why, and what to write instead."""
    if kinds or explain is not None:
        from dualstack.check.report.reference import checks_page, explained  # as above

        click.echo(explained(explain) if explain is not None else checks_page(), nl=False)
        return ExitCode.YES
    if not paths:
        raise click.UsageError("Name the files and directories to look at.")
    if as_json + as_sarif + fix > 1:
        raise click.UsageError("--json, --sarif and --fix go not together: give one of them.")
    from dualstack.check.files.source import check_paths  # as above

    files = list(check_paths(paths, select=select, ignore=ignore))
    findings = [finding for file in files for finding in file.findings]
    if as_json:
        print_document({"findings": [asdict(each) for each in findings]})
    elif as_sarif:
        from importlib.metadata import version

        from dualstack.check.report.sarif import sarif

        print_json(sarif(findings, version("dualstack")))
    elif fix:
        from dualstack.check.report.fix import diff

        click.echo("".join(map(diff, files)), nl=False)
    else:
        _print(files, findings)
    return ExitCode.NO if findings else ExitCode.YES


def _print(files: Sequence["SourceFile"], findings: Sequence["Finding"]) -> None:
    for file in files:
        for finding in file.findings:
            click.echo(_shown(finding, file.lines))
    places = sum(bool(file.findings) for file in files)
    many = f"{len(findings)} finding{'' if len(findings) == 1 else 's'} in {places} of "
    click.echo(f"{many if findings else 'Nothing found in '}{len(files)} file{'' if len(files) == 1 else 's'}")


def _shown(finding: "Finding", lines: Sequence[str]) -> str:
    """The finding, its line with a mark below, the law and the replacement."""
    where = f"{finding.path}:{finding.line}:{finding.column}: {finding.code} {finding.kind}: {finding.message}"
    shown = [where]
    if 0 < finding.line <= len(lines):
        line = lines[finding.line - 1].expandtabs(1)
        column = min(finding.column, len(line) + 1)
        shown += [f"    {line}", f"    {' ' * (column - 1)}^"]
    return "\n".join([*shown, f"  why: {finding.why}", f"  instead: {finding.replacement}"])
