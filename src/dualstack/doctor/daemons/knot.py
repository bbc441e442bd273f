"""Knot DNS: `server.listen` (knot.conf(5), src/knot/server/server.c)."""

import re
from collections.abc import Sequence
from dataclasses import replace

from dualstack.doctor.assumed_host import literal
from dualstack.doctor.formats.entries import Entry, entries, unquoted
from dualstack.doctor.habits import STRICT
from dualstack.doctor.listening import Ends, Listen, NotUnderstood
from dualstack.doctor.settings import Daemon, Example, Settings
from dualstack.doctor.tree import Document

__all__ = ["KNOT"]

_HABITS = replace(STRICT, freebind=True, nothing=Ends.SKIPPED)


def _read(settings: Settings) -> Sequence[Listen]:
    settings.path = settings.options("-c", "-C", "-s").last("-c") or settings.path
    rows: list[Listen] = []
    for entry in _entries(settings, settings.main()):
        for text in re.split(r"[,\s]+", entry.value.strip("[] ")):
            if text and not text.startswith("/"):
                rows += _rows(unquoted(text), entry)
    return rows


def _entries(settings: Settings, document: Document) -> list[Entry]:
    """The `listen` of the section `server`, on one line, as `[ a, b ]`, or as a list of `- a` below."""
    found: list[Entry] = []
    section, key = "", ""
    for entry in entries(document, separator=r":\s+|:$", inline=True):
        indented = document.text.split("\n")[entry.place.line - 1][:1].isspace()
        if entry.key.startswith("include"):
            found += settings.included(entry.value, entry.place, lambda inner: _entries(settings, inner))
        elif not indented and not entry.key.startswith("-"):
            section = entry.key
        elif entry.key.startswith("- ") and key == "listen" and section == "server":
            found.append(replace(entry, value=entry.key.removeprefix("- ")))
        else:
            key = entry.key
            found += [entry] if section == "server" and key == "listen" else []
    return found


def _rows(text: str, entry: Entry) -> list[Listen]:
    host, at, port = text.partition("@")
    if literal(host) is None:
        raise NotUnderstood(f"listen: {text}", entry.place)
    number = int(port) if at and port.isdigit() else 53
    return [Listen(host, number, _HABITS, proto=proto, place=entry.place) for proto in ("udp", "tcp")]


KNOT = Daemon(
    name="knot",
    read=_read,
    habits=_HABITS,
    programs=("knotd",),
    files=("/etc/knot/knot.conf",),
    config_options=("-c",),
    ports=("udp/53", "tcp/53"),
    source="measured 3.2; server.c",
    examples=tuple(
        Example(f"server:\n    {each}\n")
        for each in ("rundir: /run/knot", "listen: 0.0.0.0@53", "listen: [ 0.0.0.0@53, ::@53 ]")
    ),
    both=Example("listen: [ 0.0.0.0@53, ::@53 ]"),
)
