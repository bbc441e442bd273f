"""Squid: `http_port`, `https_port` (squid.conf.documented, src/ip/Address.cc, src/comm.cc)."""

from collections.abc import Sequence
from dataclasses import replace

from dualstack.doctor.assumed_host import literal
from dualstack.doctor.formats.entries import Entry, entries
from dualstack.doctor.formats.host_port import host_port
from dualstack.doctor.habits import DUAL
from dualstack.doctor.listening import Ends, Listen, Names, NotUnderstood, Refused
from dualstack.doctor.settings import Daemon, Example, Settings
from dualstack.doctor.tree import Document

__all__ = ["SQUID"]

# A port that is taken leaves a line in the log; only none at all is fatal.
_HABITS = replace(
    DUAL, names=Names.FIRST, no_address=Ends.SKIPPED, in_use=Ends.SKIPPED, none_left=Ends.SKIPPED, falls_back=True
)


def _read(settings: Settings) -> Sequence[Listen]:
    settings.path = settings.options("-f", "-d", "-k", "-n", "-s", "-a", "-u").last("-f") or settings.path
    return [_row(entry, settings) for entry in _entries(settings, settings.main())]


def _entries(settings: Settings, document: Document) -> list[Entry]:
    found: list[Entry] = []
    for entry in entries(document, separator=r"\s+", inline=True):
        if entry.key == "include":
            for pattern in entry.words:
                found += settings.included(pattern, entry.place, lambda inner: _entries(settings, inner))
        elif entry.key in {"http_port", "https_port"}:
            found.append(entry)
    return found


def _row(entry: Entry, settings: Settings) -> Listen:
    """No address is any, IPv4 alone where ::1 cannot be bound (Ip::ProbeTransport); then no IPv6 address is taken."""
    text = entry.words[0] if entry.words else ""
    if "${" in text:
        raise NotUnderstood(f"{entry.key} {text}", entry.place)
    if text.startswith("[") is False and text.count(":") > 1:
        raise Refused(f"Bungled {entry.key} {text}", entry.place)
    host, port = host_port(text, 3128, entry.place)
    has_ipv6 = settings.host.has_ipv6
    if not host:
        return Listen("::" if has_ipv6 else "0.0.0.0", port, _HABITS, place=entry.place)
    address = literal(host)
    if address is not None and address.version == 6 and not has_ipv6:
        raise Refused(f"Bungled {entry.key} {text}", entry.place)
    return Listen(host, port, _HABITS, place=entry.place, family=None if has_ipv6 else 4)


SQUID = Daemon(
    name="squid",
    read=_read,
    habits=_HABITS,
    programs=("squid", "squid3"),
    files=("/etc/squid/squid.conf",),
    config_options=("-f",),
    source="measured 5.7, 6.13; src/ip/tools.cc, src/client_side.cc",
    examples=tuple(
        Example(f"http_port {each}\n")
        for each in ("3128", "0.0.0.0:3128", "[::]:3128", "0.0.0.0:3128\nhttp_port [::]:3128")
    ),
    both=Example("http_port 3128"),
)
