"""xrdp: `port` of xrdp.ini (xrdp.ini(5), common/os_calls.c and trans.c)."""

import re
from collections.abc import Sequence
from dataclasses import replace

from dualstack.doctor.assumed_host import literal
from dualstack.doctor.formats.entries import entries
from dualstack.doctor.habits import DUAL
from dualstack.doctor.listening import Listen, Names, NotUnderstood
from dualstack.doctor.settings import Daemon, Example, Settings

__all__ = ["XRDP"]

_HABITS = replace(DUAL, names=Names.FIRST)
_WORD = re.compile(r"(?:(tcp6?|vsock)://)?(?:(.*):)?(\d+)$")


def _read(settings: Settings) -> Sequence[Listen]:
    options = settings.options("-c", "--config", "-p", "--port")
    settings.path = options.last("-c", "--config") or settings.path
    rows: list[Listen] = []
    for entry in entries(settings.main(), comments="#;", has_sections=True):
        if entry.section.casefold() != "globals" or entry.key != "port":
            continue
        for text in re.split(r"[,\s]+", entry.value):
            match = _WORD.match(text)
            if text.startswith("unix://"):
                continue
            if match is None:
                raise NotUnderstood(f"port={text}", entry.place)
            rows += _rows(match, Listen("", int(match[3]), _HABITS, place=entry.place))
    return rows


def _rows(match: re.Match[str], row: Listen) -> list[Listen]:
    """A port alone, and `tcp6://:PORT`, are `::` for both; `tcp://:PORT` and `tcp://.:PORT` are IPv4's."""
    kind, host = match[1] or "", (match[2] or "").strip("{}[]")
    if kind == "vsock":
        return []
    if not kind:
        return [replace(row, host="::", habits=replace(_HABITS, falls_back=True))]
    if kind == "tcp6":
        return [replace(row, host="::1" if host == "." else host or "::")]
    if host and literal(host) is None and host != ".":
        raise NotUnderstood(f"port={match[0]}", row.place)
    return [replace(row, host="127.0.0.1" if host == "." else host or "0.0.0.0")]


XRDP = Daemon(
    name="xrdp",
    read=_read,
    habits=_HABITS,
    programs=("xrdp",),
    files=("/etc/xrdp/xrdp.ini",),
    config_options=("-c", "--config"),
    source="measured 0.9.21; xrdp.ini(5)",
    examples=tuple(Example(f"[Globals]\nport={each}\n") for each in ("3389", "tcp://:3389", "tcp6://:3389")),
    both=Example("port=3389"),
)
