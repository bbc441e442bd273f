"""InspIRCd: the `<bind>` tags (its documentation, src/listensocket.cpp)."""

import re
from collections.abc import Sequence
from dataclasses import replace

from dualstack.doctor.formats.host_port import port_number
from dualstack.doctor.habits import STRICT
from dualstack.doctor.listening import Ends, Listen, NotUnderstood, Place
from dualstack.doctor.settings import Daemon, Example, Settings
from dualstack.doctor.tree import Document

__all__ = ["INSPIRCD"]

_HABITS = replace(
    STRICT,
    no_family=Ends.SKIPPED,
    no_address=Ends.SKIPPED,
    in_use=Ends.SKIPPED,
    none_left=Ends.SKIPPED,
    nothing=Ends.SKIPPED,
)
_TAG = re.compile(r'<(\w+)((?:\s+[\w-]+\s*=\s*"[^"]*")*)\s*>')
_PAIR = re.compile(r'([\w-]+)\s*=\s*"([^"]*)"')


def _read(settings: Settings) -> Sequence[Listen]:
    settings.path = settings.options("--config").last("--config") or settings.path
    return _rows(settings, settings.main())


def _rows(settings: Settings, document: Document) -> list[Listen]:
    rows: list[Listen] = []
    text = re.sub(r"(?m)^\s*#.*$", "", document.text)
    for tag in _TAG.finditer(text):
        place = Place(document.path, text.count("\n", 0, tag.start()) + 1)
        values = dict(_PAIR.findall(tag[2]))
        if tag[1] == "bind":
            rows += _bind(values, place)
        elif tag[1] == "include" and "file" in values:
            rows += settings.included(values["file"], place, lambda inner: _rows(settings, inner))
    return rows


def _bind(values: dict[str, str], place: Place) -> list[Listen]:
    """`""` and `*` are `::` for both families, where IPv6 can be had; an address is bound as it is."""
    host = values.get("address", "")
    if "&" in host or "path" in values:
        if "path" in values:
            return []
        raise NotUnderstood(f"an entity in address {host!r}", place)
    habits = replace(_HABITS, freebind=values.get("free") == "yes")
    if host in {"", "*"}:
        habits, host = replace(habits, v6only=False, falls_back=True), "::"
    rows = []
    for text in values.get("port", "").split(","):
        first, dash, end = text.partition("-")
        numbers = range(port_number(first, place), (port_number(end, place) if dash else port_number(first, place)) + 1)
        rows += [Listen(host, number, habits, place=place) for number in numbers]
    return rows


INSPIRCD = Daemon(
    name="inspircd",
    read=_read,
    habits=_HABITS,
    programs=("inspircd",),
    files=("/etc/inspircd/inspircd.conf",),
    config_options=("--config",),
    source="measured 3.15, 4.7; src/listensocket.cpp",
    examples=tuple(
        Example(f'<bind address="{each}" port="6667" type="clients">\n') for each in ("", "*", "0.0.0.0", "::")
    ),
    both=Example('<bind address="*" port="6667" type="clients">'),
)
