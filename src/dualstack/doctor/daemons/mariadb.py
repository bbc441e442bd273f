"""MariaDB and MySQL: `bind-address`, `port`, `skip-networking` (sql/mysqld.cc network_init)."""

from collections.abc import Sequence
from dataclasses import replace

from dualstack.doctor.formats.command_line import COMMAND
from dualstack.doctor.formats.entries import Entry, entries, last
from dualstack.doctor.habits import STRICT
from dualstack.doctor.listening import Ends, Listen, Names, Refused
from dualstack.doctor.settings import Daemon, Example, Settings
from dualstack.doctor.tree import Document

__all__ = ["MARIADB"]

_HABITS = replace(STRICT, no_family=Ends.SKIPPED, none_left=Ends.SKIPPED, freebind=True)
_OLD = replace(_HABITS, v6only=False, names=Names.FIRST)
_SECTIONS = ("mysqld", "mariadbd", "server", "mariadb")


def _read(settings: Settings) -> Sequence[Listen]:
    options = settings.options()
    settings.path = options.last("--defaults-file") or settings.path
    found = _entries(settings, settings.main())
    found += [Entry(name.removeprefix("--"), value, COMMAND) for name, value in options.options]
    found = [replace(each, key=each.key.replace("_", "-")) for each in found]
    skipped = last(found, "skip-networking")
    if skipped is not None and skipped.value.casefold() not in {"0", "off", "false"}:
        return []
    port = last(found, "port")
    number = int(port.value) if port is not None and port.value.isdigit() else 3306
    bind = last(found, "bind-address")
    text = "*" if bind is None or not bind.value else bind.value
    is_old = settings.before(10, 11)
    if is_old and "," in text:
        raise Refused(f"Can't start server: cannot resolve hostname! {text}", None if bind is None else bind.place)
    habits = _OLD if is_old else _HABITS
    return [
        replace(row, place=None if bind is None else bind.place)
        for host in text.split(",")
        for row in _rows(Listen(host.strip(), number, habits), is_old=is_old)
    ]


def _rows(row: Listen, *, is_old: bool) -> list[Listen]:
    if row.host != "*":
        return [row]
    if is_old:
        return [replace(row, host="::", habits=replace(row.habits, falls_back=True))]
    return [replace(row, host=host) for host in ("0.0.0.0", "::")]


def _entries(settings: Settings, document: Document) -> list[Entry]:
    """The settings of the server's groups, with those of `!include` and `!includedir`, where they stand."""
    found: list[Entry] = []
    for entry in entries(document, comments="#;", has_sections=True):
        word, _, path = entry.key.partition(" ")
        if word in {"!include", "!includedir"}:
            pattern = f"{path.strip().rstrip('/')}/*.cnf" if word == "!includedir" else path.strip()
            found += settings.included(pattern, entry.place, lambda inner: _entries(settings, inner))
        elif entry.section in _SECTIONS or entry.section.startswith(("mariadb-", "mysqld-")):
            found.append(entry)
    return found


MARIADB = Daemon(
    name="mariadb",
    read=_read,
    habits=_HABITS,
    programs=("mariadbd", "mysqld"),
    files=("/etc/mysql/my.cnf", "/etc/my.cnf", "/etc/mysql/mariadb.cnf"),
    config_options=("--defaults-file",),
    source="measured 10.5, 10.11, 11.8; sql/mysqld.cc activate_tcp_port",
    examples=tuple(
        Example(f"[mysqld]\nbind-address = {each}\n")
        for each in ("*", "0.0.0.0", "::", "127.0.0.1", "localhost", "0.0.0.0,::")
    ),
    both=Example("bind-address = *"),
)
