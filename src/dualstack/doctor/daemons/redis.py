"""Redis and Valkey: `bind`, `port`, `tls-port` (redis.conf, src/server.c listenToPort)."""

from collections.abc import Sequence
from dataclasses import replace

from dualstack.doctor.formats.command_line import COMMAND
from dualstack.doctor.formats.entries import Entry, entries, last
from dualstack.doctor.habits import STRICT
from dualstack.doctor.listening import Ends, Habits, Listen, Names, NotUnderstood, Place, Refused
from dualstack.doctor.settings import Daemon, Example, Settings
from dualstack.doctor.tree import Document

__all__ = ["REDIS", "VALKEY"]

_HABITS = replace(STRICT, names=Names.IPV4, no_family=Ends.SKIPPED, none_left=Ends.SKIPPED)
_OPTIONAL = replace(_HABITS, no_address=Ends.SKIPPED)


def _read(settings: Settings) -> Sequence[Listen]:
    found = _entries(settings, settings.main()) + _of_command(settings)
    ports = [(last(found, "port"), 6379), (last(found, "tls-port"), 0)]
    bind = last(found, "bind")
    rows: list[Listen] = []
    for entry, default in ports:
        port = int(entry.value) if entry is not None and entry.value.isdigit() else default
        if port:
            rows += _default(port) if bind is None else [_row(word, port, bind, settings) for word in _words(bind)]
    if bind is not None and not _words(bind):
        raise Refused("Configured to not listen anywhere, exiting.", bind.place)
    return rows


def _entries(settings: Settings, document: Document) -> list[Entry]:
    found: list[Entry] = []
    for entry in entries(document, separator=r"\s+"):
        if entry.key.casefold() == "include":
            found += settings.included(entry.value, entry.place, lambda inner: _entries(settings, inner))
        else:
            found.append(entry)
    return found


def _of_command(settings: Settings) -> list[Entry]:
    """`--bind A B --port N` behind the file, as if they stood at its end."""
    found: list[Entry] = []
    for word in settings.argv[1:]:
        if word.startswith("--"):
            found.append(Entry(word[2:], "", COMMAND))
        elif found:
            found[-1] = replace(found[-1], value=f"{found[-1].value} {word}".strip())
    return found


def _words(bind: Entry) -> list[str]:
    return [word for word in bind.words if word]


def _default(port: int) -> list[Listen]:
    return [Listen(host, port, _OPTIONAL) for host in ("0.0.0.0", "::")]


def _row(word: str, port: int, bind: Entry, settings: Settings) -> Listen:
    """`*` and `::*` are the wildcards, a dash before an address lets it be missing; both since 6.2."""
    is_redis_6 = settings.before(6, 2)
    if is_redis_6 and (word.startswith("-") or word in {"*", "::*"}):
        raise Refused(
            f"Could not create server TCP listening socket {word}:{port}: Name or service not known", bind.place
        )
    bare = word.removeprefix("-")
    host = {"*": "0.0.0.0", "::*": "::"}.get(bare, bare)
    if "$" in host:
        raise NotUnderstood(f"bind {bind.value}", bind.place)
    return Listen(host, port, _habits(word, is_redis_6=is_redis_6), place=_place(bind))


def _place(bind: Entry) -> Place:
    return bind.place


def _habits(word: str, *, is_redis_6: bool) -> Habits:
    """Up to 6.0 each address that is not there was passed over."""
    return _OPTIONAL if word.startswith("-") or is_redis_6 else _HABITS


def _daemon(name: str) -> Daemon:
    return Daemon(
        name=name,
        read=_read,
        habits=_HABITS,
        programs=(f"{name}-server",),
        files=(f"/etc/{name}/{name}.conf", f"/etc/{name}.conf"),
        source="measured redis 6.0, 7.0, 8.0 and valkey 8.1; src/server.c listenToPort",
        examples=tuple(
            Example(f"{each}\n")
            for each in ("", "bind *", "bind ::", "bind * -::*", "bind 127.0.0.1 -::1", "bind localhost")
        ),
        both=Example("bind * -::*"),
    )


REDIS = _daemon("redis")
VALKEY = _daemon("valkey")
