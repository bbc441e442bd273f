"""What `dualstack ping` does and prints: who answers, as it happens, and the summary."""

import sys
import time
from collections.abc import Iterable
from dataclasses import asdict

import click

from dualstack.cli.output import print_document, print_table
from dualstack.core.address.address import Address
from dualstack.core.ping.plan import PingWishes
from dualstack.core.ping.probes import Lost, PingEvent, Reply, ReplyKind, Schedule, Trouble
from dualstack.core.ping.report import AddressReport, Answerer, ErrorCount, PingReport, Times
from dualstack.errors import DualstackError, ExitCode
from dualstack.net.names.getaddrinfo import resolve
from dualstack.net.ping import PingSession
from dualstack.net.ping_ways import PingWays, ping_ways

__all__ = ["ping"]

_LOOKUP_TIMEOUT_S = 5.0


def ping(
    host: str,
    schedule: Schedule,
    *,
    family: int,
    interface: str | None,
    source: str | None,
    ttl: int | None,
    quiet: bool,
    as_json: bool,
) -> ExitCode:
    """Ask all of them; the exit code says whether each has answered."""
    started = time.monotonic()
    speaker = _Speaker(timeout_s=schedule.timeout_s, is_quiet=quiet or as_json)
    try:
        own = None if source is None else Address(source).canonical
        wishes = PingWishes(schedule, family, interface, own, ttl)
        addresses = resolve(host, timeout=_LOOKUP_TIMEOUT_S, family=family)
        ways = ping_ways(addresses, wishes, timeout_s=_LOOKUP_TIMEOUT_S)
        report = _ping(host, ways, wishes, speaker)
    except DualstackError as error:
        if not as_json:
            raise
        print_document(_as_json(PingReport(host, (), time.monotonic() - started), PingWays(()), str(error)))
        return error.exit_code
    if as_json:
        print_document(_as_json(report, ways, None))
    else:
        _print_summary(report)
        _say_who_did_not(report)
    return ExitCode.YES if report.is_answered else ExitCode.NO if report.is_sent else ExitCode.UNAVAILABLE


def _ping(host: str, ways: PingWays, wishes: PingWishes, speaker: "_Speaker") -> PingReport:
    with PingSession(host, ways.addresses, wishes, on_event=speaker.heard) as session:
        targets = [_with_meant(address, ways) for address in session.plan.targets]
        speaker.starts(host, targets, wishes.schedule)
        try:
            session.run()
        except KeyboardInterrupt:
            speaker.interrupted()
        return session.report()


def _with_meant(address: Address, ways: PingWays) -> str:
    """The address, and whom a translator makes of it."""
    meant = ways.meant.get(address)
    return str(address) if meant is None else f"{address} for {meant}"


class _Speaker:
    """Prints what happens as it happens, a line each."""

    def __init__(self, *, timeout_s: float, is_quiet: bool) -> None:
        self._timeout_s = timeout_s
        self._is_quiet = is_quiet

    def starts(self, host: str, targets: Iterable[str], schedule: Schedule) -> None:
        """Say what is asked of whom."""
        asked = ", ".join(targets)
        times = "once" if schedule.count == 1 else f"{schedule.count} times"
        self._say(f"asking {host}{'' if asked == host else f' ({asked})'} {times}, {schedule.size_bytes} bytes each")

    def heard(self, event: PingEvent) -> None:
        """Say what has come of a probe."""
        match event:
            case Reply():
                self._say(_line(event.source, event.sequence, *_told(event)))
            case Trouble():
                says = f"says {event.reporter}" if event.reporter else "says this host"
                self._say(_line(event.address, event.sequence, event.why, says))
            case Lost():
                self._say(_line(event.address, event.sequence, f"no answer within {self._timeout_s:g} s"))

    def interrupted(self) -> None:
        """Leave the line that the terminal has put ^C on."""
        self._say("")

    def _say(self, line: str) -> None:
        if not self._is_quiet:
            click.echo(line)
            sys.stdout.flush()


def _told(reply: Reply) -> Iterable[str]:
    yield _milliseconds(reply.elapsed_s)
    if reply.hop_limit is not None:
        yield f"{'hop limit' if reply.source.version == 6 else 'ttl'} {reply.hop_limit}"
    if reply.kind is not ReplyKind.ANSWER:
        yield reply.kind.value


def _line(who: Address, sequence: int | None, *told: str) -> str:
    probe = () if sequence is None else (f"probe {sequence}",)
    return f"{who}: {', '.join((f'IPv{who.version}', *probe, *told))}"


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.3f} ms"


_COLUMNS = ("address", "family", "sent", "received", "lost", "min", "avg", "max", "mdev")


def _print_summary(report: PingReport) -> None:
    rows: list[tuple[str, ...]] = []
    for each in report.addresses:
        counts = (str(each.sent), str(each.received), _loss(each))
        rows.append((str(each.address), f"IPv{each.address.version}", *counts, *_times(each.times)))
        if any(one.address.without_scope != each.address.without_scope for one in each.answerers):
            rows += [(f"  {one.address}", "", "", str(one.received), "", *_times(one.times)) for one in each.answerers]
    print_table(_COLUMNS, rows)
    for each in report.addresses:
        for line in _notes(each):
            click.echo(f"{each.address}: {line}")


def _loss(report: AddressReport) -> str:
    settled = report.received + report.lost
    return f"{report.lost} ({100 * report.lost / settled:.0f} %)" if settled else "-"


def _times(times: Times | None) -> tuple[str, ...]:
    if times is None:
        return ("-",) * 4
    return tuple(map(_milliseconds, (times.min_s, times.avg_s, times.max_s, times.mdev_s)))


def _notes(report: AddressReport) -> Iterable[str]:
    for error in report.errors:
        says = f"says {error.reporter}" if error.reporter else "says this host"
        yield f"{error.why}, {says}{f' ({error.count} times)' if error.count > 1 else ''}"
    for count, what in ((report.duplicates, "duplicate"), (report.late, "late")):
        if count:
            yield f"{count} {what}"


def _say_who_did_not(report: PingReport) -> None:
    silent = [f"{each.address} (IPv{each.address.version})" for each in report.addresses if not each.is_answered]
    if silent:
        click.echo(f"dualstack: no answer from {', '.join(silent)}", err=True)


def _as_json(report: PingReport, ways: PingWays, error: str | None) -> dict[str, object]:
    return {
        "host": report.host,
        "addresses": [_address_as_json(each, ways.meant.get(each.address)) for each in report.addresses],
        "elapsed_s": round(report.elapsed_s, 6),
        "error": error,
    }


def _address_as_json(report: AddressReport, meant: Address | None) -> dict[str, object]:
    return {
        "address": str(report.address),
        "synthesised_from": None if meant is None else str(meant),
        "family": report.address.version,
        "sent": report.sent,
        "received": report.received,
        "lost": report.lost,
        "duplicates": report.duplicates,
        "late": report.late,
        **_times_as_json(report.times),
        "answerers": [_answerer_as_json(each) for each in report.answerers],
        "errors": [_error_as_json(each) for each in report.errors],
    }


def _answerer_as_json(answerer: Answerer) -> dict[str, object]:
    return {
        "address": str(answerer.address),
        "received": answerer.received,
        "duplicates": answerer.duplicates,
        "hop_limit": answerer.hop_limit,
        **_times_as_json(answerer.times),
    }


def _error_as_json(error: ErrorCount) -> dict[str, object]:
    return {
        "from": str(error.reporter) if error.reporter else None,
        "why": error.why,
        "count": error.count,
        "mtu": error.mtu,
    }


def _times_as_json(times: Times | None) -> dict[str, float | None]:
    if times is None:
        return dict.fromkeys(("min_s", "avg_s", "max_s", "mdev_s"))
    return {name: round(value, 9) for name, value in asdict(times).items()}
