"""`dualstack doctor` without arguments: this host as it runs, the worst first, short, with the edit."""

import textwrap
from collections.abc import Mapping, Sequence

import click

from dualstack.cli.output import print_table
from dualstack.core.address.endpoint import Wildcard, parse_host_port
from dualstack.doctor.findings import Finding, Severity
from dualstack.doctor.host.checkup import Wishes, check_up
from dualstack.doctor.report import Report
from dualstack.errors import ConfigError

__all__ = ["live_report", "print_checkup"]


def live_report(assumptions: Sequence[str], reach: Sequence[str], *, probes: bool) -> Report:
    """The report about this host.

    Raises:
        ConfigError: something was assumed of it, or a text is no host.
    """
    if assumptions:
        raise ConfigError("--assume", assumptions[0], "this host is as it is; name files, --command, --as or --root")
    return check_up(Wishes(probes, [_named(text) for text in reach]))


def _named(text: str) -> tuple[str, int]:
    host, port = parse_host_port(text)
    if isinstance(host, Wildcard) or not host:
        raise ConfigError("--reach", text, "give a host, with a port or without: mail.example, mail.example:25")
    return str(host), port or 0


def print_checkup(report: Report, *, verbose: bool) -> None:
    """What is wrong with its edit, the worst first; where all is well that alone.

    Args:
        report: about this host.
        verbose: tell what a cause explains, notes, sockets and daemons too.
    """
    shown = [each for each in report.findings if verbose or _is_told(each)]
    folded: dict[str, list[Finding]] = {}
    for each in report.findings:
        if each.caused_by is not None:
            folded.setdefault(each.caused_by, []).append(each)
    for each in shown:
        _print_finding(each, folded.pop(each.kind.code, ()))
    ports = {(each["proto"], each["port"]) for each in report.listeners}
    looked = f"{len(ports)} ports and {len(report.daemons)} daemons' settings looked at"
    severities = {each.kind.severity for each in report.findings}
    if severities <= {Severity.NOTE}:
        click.echo(f"All is well: {looked}.")
    elif max(severities) < Severity.WARNING:
        click.echo(f"Nothing wrong was seen: {looked}.")
    elif not verbose:
        click.echo(f"{looked}; -v tells of each.")
    if verbose:
        _print_sockets(report)


def _is_told(finding: Finding) -> bool:
    return finding.caused_by is None and finding.kind.severity is not Severity.NOTE


def _print_finding(finding: Finding, explained: Sequence[Finding]) -> None:
    place = "" if finding.place is None or not finding.place.file else f" ({finding.place.file}:{finding.place.line})"
    kind = finding.kind
    click.echo(f"{kind.code} {kind.severity.name.casefold()}: {finding.subject}: {kind.title}{place}")
    lines = textwrap.wrap(finding.evidence, _WIDTH, max_lines=_MOST_LINES, placeholder=" ...")
    if kind.severity >= Severity.WARNING:
        for line in (finding.remedy or kind.remedy).split("\n"):
            lines += [line] if line[:1] in {"+", "-"} else textwrap.wrap(line, _WIDTH)
    if explained:
        codes = ", ".join(dict.fromkeys(f"{each.kind.code} {each.kind.title}" for each in explained))
        lines += textwrap.wrap(f"explains: {codes}", _WIDTH, max_lines=_MOST_LINES, placeholder=" ...")
    click.echo("".join(f"    {line}\n" for line in lines), nl=False)


_WIDTH, _MOST_LINES = 76, 2


def _print_sockets(report: Report) -> None:
    click.echo()
    print_table(("socket", "V6ONLY", "process", "IPv4", "IPv6"), [_socket_row(each) for each in report.listeners])


def _socket_row(listener: Mapping[str, object]) -> tuple[str, str, str, str, str]:
    address, v6only = str(listener["address"]), listener["v6only"]
    host = f"[{address}]" if ":" in address else address
    who = f"{listener['process']} {listener['pid']}" if listener["pid"] else f"not shown (user {listener['uid']})"
    reached, probed = listener["reach"], listener["probed"]
    words = []
    for family in ("ipv4", "ipv6"):
        word = str(reached[family]) if isinstance(reached, dict) else ""
        really = probed.get(family) if isinstance(probed, dict) else None
        words.append(f"{word}, and did" if really == "yes" else f"{word}, but {really}" if really else word)
    return (
        f"{listener['proto']} {host}:{listener['port']}",
        "" if v6only is None else str(int(bool(v6only))),
        who,
        words[0],
        words[1],
    )
