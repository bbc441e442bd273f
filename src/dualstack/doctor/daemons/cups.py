"""CUPS' cupsd: `Listen`, `Port` (cupsd.conf(5), scheduler/conf.c and listen.c)."""

from collections.abc import Sequence
from dataclasses import replace

from dualstack.doctor.assumed_host import literal
from dualstack.doctor.formats.entries import Entry, entries
from dualstack.doctor.formats.host_port import host_port
from dualstack.doctor.habits import LENIENT
from dualstack.doctor.listening import Ends, Listen, NotUnderstood, Place, Refused
from dualstack.doctor.settings import Daemon, Example, Settings

__all__ = ["CUPS"]

_HABITS = replace(LENIENT, nothing=Ends.SKIPPED)


def _read(settings: Settings) -> Sequence[Listen]:
    settings.path = settings.options("-c", "-s", "-t").last("-c") or settings.path
    rows: list[Listen] = []
    is_local = False
    place: Place | None = None
    for entry in entries(settings.main(), separator=r"\s+", inline=True):
        if entry.key.casefold() not in {"listen", "port", "ssllisten", "sslport"}:
            continue
        place = entry.place
        if entry.value.startswith("/"):
            is_local = True
        else:
            rows += _rows(entry, settings)
    if place is None:
        raise Refused("No Listen or Port lines were found to allow access via localhost: no listener sockets present.")
    return rows if is_local else _needs_local(rows, place, settings)


def _rows(entry: Entry, settings: Settings) -> list[Listen]:
    host, port = host_port(entry.value, 631, entry.place)
    if host in {"", "*"}:
        return [Listen(each, port, _HABITS, place=entry.place) for each in ("0.0.0.0", "::")]
    try:
        found = settings.host.lookup(host)
    except NotUnderstood as error:
        error.place = entry.place
        raise
    return [Listen(str(each), port, _HABITS, place=entry.place) for each in found]


def _needs_local(rows: list[Listen], place: Place, settings: Settings) -> list[Listen]:
    """Without a listener for the loopback, or any address, it does not start (cupsdReadConfiguration)."""
    for row in rows:
        address = literal(row.host)
        if address is None or (address.version == 6 and not settings.host.has_socket):
            continue
        if address.is_unspecified or address.is_loopback:
            return rows
    raise Refused("No Listen or Port lines were found to allow access via localhost.", place)


CUPS = Daemon(
    name="cups",
    read=_read,
    habits=_HABITS,
    programs=("cupsd",),
    files=("/etc/cups/cupsd.conf",),
    config_options=("-c",),
    source="measured 2.4.2; scheduler/conf.c",
    examples=tuple(Example(f"Listen {each}\n") for each in ("localhost:631", "*:631", "0.0.0.0:631", "[::]:631")),
    both=Example("Port 631"),
)
