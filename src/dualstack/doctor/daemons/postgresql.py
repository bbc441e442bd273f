"""PostgreSQL: `listen_addresses` and `port` (postgresql.conf, src/backend/libpq/pqcomm.c ListenServerPort)."""

import re
from collections.abc import Sequence
from dataclasses import replace

from dualstack.doctor.formats.command_line import COMMAND
from dualstack.doctor.formats.entries import Entry, entries, last
from dualstack.doctor.habits import STRICT
from dualstack.doctor.listening import Ends, Listen
from dualstack.doctor.settings import Daemon, Example, Settings
from dualstack.doctor.tree import Document

__all__ = ["POSTGRESQL"]

_HABITS = replace(STRICT, no_family=Ends.SKIPPED, no_address=Ends.SKIPPED, in_use=Ends.SKIPPED, none_left=Ends.SKIPPED)


def _read(settings: Settings) -> Sequence[Listen]:
    options = settings.options("-D", "-c", "-p", "-h", "-k", "-N", "-B", "--config-file")
    found = _entries(settings, settings.main())
    found += [Entry(key, value, COMMAND) for key, _, value in (text.partition("=") for text in options.all("-c"))]
    port = last(found, "port")
    number = int(options.last("-p") or (port.value if port is not None and port.value.isdigit() else "") or 5432)
    entry = last(found, "listen_addresses")
    text = options.last("-h") or ("localhost" if entry is None else entry.value)
    place = None if entry is None else entry.place
    hosts = [each for each in re.split(r"\s*,\s*", text.strip()) if each]
    if not hosts:
        return []
    return [row for host in hosts for row in _rows(host, Listen(host, number, _HABITS, place=place))]


def _rows(host: str, row: Listen) -> list[Listen]:
    if host == "*":
        return [replace(row, host=each) for each in ("0.0.0.0", "::")]
    return [row]


def _entries(settings: Settings, document: Document) -> list[Entry]:
    found: list[Entry] = []
    for entry in entries(document, separator=r"\s*=\s*|\s+", inline=True):
        if entry.key.casefold() in {"include", "include_if_exists", "include_dir"}:
            pattern = entry.value + "/*.conf" * (entry.key.casefold() == "include_dir")
            found += settings.included(pattern, entry.place, lambda inner: _entries(settings, inner))
        else:
            found.append(entry)
    return found


POSTGRESQL = Daemon(
    name="postgresql",
    read=_read,
    habits=_HABITS,
    programs=("postgres", "postmaster"),
    files=(
        *(f"/etc/postgresql/{version}/main/postgresql.conf" for version in range(18, 10, -1)),
        "/var/lib/pgsql/data/postgresql.conf",
        "/var/lib/postgresql/data/postgresql.conf",
    ),
    config_options=("--config-file",),
    source="measured 15, 17; pqcomm.c",
    examples=tuple(
        Example(f"listen_addresses = '{each}'\n") for each in ("localhost", "*", "0.0.0.0", "::", "127.0.0.1, ::1")
    ),
    both=Example("listen_addresses = '*'"),
)
