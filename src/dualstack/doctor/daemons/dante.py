"""Dante's danted: `internal`, `internal.protocol` (danted.conf(5), lib/config_parse.y)."""

# dualstack: ignore-file - what stands here is what the daemon does

import re
from collections.abc import Sequence
from dataclasses import replace

from dualstack.doctor.assumed_host import literal
from dualstack.doctor.formats.entries import Entry, entries
from dualstack.doctor.habits import STRICT
from dualstack.doctor.listening import Listen, NotUnderstood, Refused, Target
from dualstack.doctor.settings import Daemon, Example, Settings

__all__ = ["DANTE"]


def _read(settings: Settings) -> Sequence[Listen]:
    settings.path = settings.options("-f", "-L", "-N", "-p", "-w").last("-f") or settings.path
    family: int | None = None
    rows: list[Listen] = []
    for entry in entries(settings.main(), separator=r"\s*:\s+", inline=True):
        if entry.key == "internal.protocol":
            words = set(entry.words)
            family = 4 if words == {"ipv4"} else 6 if words == {"ipv6"} else None
        elif entry.key == "internal":
            rows.append(_row(entry, settings))
    if not rows:
        raise Refused("no internal address given")
    return [replace(row, family=family) if row.family is None else row for row in rows]


def _row(entry: Entry, settings: Settings) -> Listen:
    match = re.match(r"(\S+?)(?:/\d+)?(?:\s+port\s*=\s*(\d+))?$", entry.value)
    if match is None:
        raise NotUnderstood(f"internal: {entry.value}", entry.place)
    host, port = match[1], int(match[2] or 1080)
    row = Listen(host, port, STRICT, place=entry.place)
    if literal(host) is not None:
        return row
    if settings.host.is_interface(host):
        return replace(row, target=Target.INTERFACE)
    if host in settings.host.names or host == "localhost":
        return row
    if settings.host.interfaces is None or "." in host or "host" in settings.host.interfaces:
        raise NotUnderstood(f"what {host} is, a name or an interface, is not known", entry.place)
    raise Refused(f"could not resolve hostname {host!r}", entry.place)


DANTE = Daemon(
    name="dante",
    read=_read,
    habits=STRICT,
    programs=("danted", "sockd"),
    files=("/etc/danted.conf", "/etc/sockd.conf"),
    config_options=("-f",),
    source="measured 1.4.2; sockd/",
    examples=tuple(
        Example(f"{each}\nexternal: eth0\n")
        for each in (
            "internal: 0.0.0.0 port = 1080",
            "internal: :: port = 1080",
            "internal: 0.0.0.0 port = 1080\ninternal: :: port = 1080",
        )
    ),
    both=Example("internal: 0.0.0.0 port = 1080\ninternal: :: port = 1080"),
)
