"""PowerDNS: `local-address`, `local-port` of the authoritative server and of the recursor (settings.rst of each)."""

import re
from collections.abc import Sequence
from dataclasses import replace

from dualstack.doctor.formats.command_line import COMMAND
from dualstack.doctor.formats.entries import Entry, entries, last
from dualstack.doctor.formats.host_port import host_port
from dualstack.doctor.habits import STRICT
from dualstack.doctor.listening import Ends, Listen
from dualstack.doctor.settings import Daemon, Example, Settings
from dualstack.doctor.tree import Document

__all__ = ["RECURSOR", "SERVER"]


def _server(settings: Settings) -> Sequence[Listen]:
    return _read(settings, "0.0.0.0, ::")


def _recursor(settings: Settings) -> Sequence[Listen]:
    return _read(settings, "127.0.0.1")


def _read(settings: Settings, default: str) -> Sequence[Listen]:
    found = _entries(settings, settings.main())
    found += [Entry(name.lstrip("-"), value, COMMAND) for name, value in settings.options().options]
    port = last(found, "local-port")
    number = int(port.value) if port is not None and port.value.isdigit() else 53
    entry = last(found, "local-address")
    missing = last(found, "local-address-nonexist-fail")
    skips = missing is not None and missing.value == "no"
    habits = replace(STRICT, no_address=Ends.SKIPPED, none_left=Ends.SKIPPED) if skips else STRICT
    rows = []
    for text in re.split(r"[,\s]+", (default if entry is None else entry.value).strip()):
        host, own = host_port(text, number, None if entry is None else entry.place)
        rows.append(Listen(host, own, habits, place=None if entry is None else entry.place))
    return [replace(row, proto=proto) for row in rows for proto in ("udp", "tcp")]


def _entries(settings: Settings, document: Document) -> list[Entry]:
    found = list(entries(document, inline=True))
    directory = last(found, "include-dir")
    if directory is not None:
        found += settings.included(f"{directory.value}/*.conf", directory.place, lambda inner: list(entries(inner)))
    return found


SERVER = Daemon(
    name="pdns-server",
    read=_server,
    habits=STRICT,
    programs=("pdns_server",),
    files=("/etc/powerdns/pdns.conf", "/etc/pdns/pdns.conf"),
    ports=("udp/53", "tcp/53"),
    source="measured 4.7; pdns/nameserver.cc",
    examples=tuple(
        Example(f"{each}\n") for each in ("", "local-address=0.0.0.0", "local-address=::", "local-address=0.0.0.0, ::")
    ),
    both=Example("local-address=0.0.0.0, ::"),
)
RECURSOR = Daemon(
    name="pdns-recursor",
    read=_recursor,
    habits=STRICT,
    programs=("pdns_recursor",),
    files=("/etc/powerdns/recursor.conf", "/etc/pdns-recursor/recursor.conf"),
    ports=("udp/53", "tcp/53"),
    source="measured 4.8; pdns_recursor.cc makeUDPServerSockets",
    examples=tuple(Example(f"{each}\n") for each in ("", "local-address=0.0.0.0", "local-address=0.0.0.0, ::")),
    both=Example("local-address=0.0.0.0, ::"),
)
