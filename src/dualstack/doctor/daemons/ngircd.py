"""ngIRCd: `Listen` and `Ports` of [Global] (ngircd.conf(5), src/ngircd/conn.c)."""

import re
from collections.abc import Sequence
from dataclasses import replace

from dualstack.doctor.assumed_host import literal
from dualstack.doctor.formats.entries import Entry, entries, last
from dualstack.doctor.habits import LENIENT
from dualstack.doctor.listening import Listen, Names, Refused
from dualstack.doctor.settings import Daemon, Example, Settings

__all__ = ["NGIRCD"]

_HABITS = replace(LENIENT, names=Names.FIRST)


def _read(settings: Settings) -> Sequence[Listen]:
    settings.path = settings.options("-f", "--config").last("-f", "--config") or settings.path
    found: list[Entry] = [
        each
        for each in entries(settings.main(), comments="#;", has_sections=True)
        if each.section.casefold() in {"global", "ssl"}
    ]
    ports = [entry for entry in found if entry.key.casefold() == "ports"]
    numbers = [int(text) for each in ports for text in re.split(r"[,\s]+", each.value) if text.isdigit()]
    entry = last(found, "Listen")
    hosts = ["::", "0.0.0.0"] if entry is None else [text for text in re.split(r"[,\s]+", entry.value) if text]
    place = None if entry is None else entry.place
    # glibc takes `*` as no name at all, which without AI_PASSIVE is the loopback's first address.
    names = ["localhost" if host == "*" else host for host in hosts if host == "*" or literal(host) is not None]
    rows = [Listen(host, port, _HABITS, place=place) for port in numbers or [6667] for host in names]
    if not rows:
        raise Refused(f"Can't listen on {entry.value if entry else ''}: an address is wanted", place)
    return rows


NGIRCD = Daemon(
    name="ngircd",
    read=_read,
    habits=LENIENT,
    programs=("ngircd",),
    files=("/etc/ngircd/ngircd.conf", "/etc/ngircd.conf"),
    config_options=("-f", "--config"),
    source="measured 26.1, 27; src/ngircd/conn.c Init_Listeners (names are not looked up)",
    examples=tuple(
        Example(f"[Global]\n{each}\n") for each in ("", "Listen = ::", "Listen = 0.0.0.0", "Listen = ::,0.0.0.0")
    ),
    both=Example("Listen = ::,0.0.0.0"),
)
