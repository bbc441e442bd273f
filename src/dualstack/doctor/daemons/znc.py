"""ZNC: the `<Listener>` blocks of znc.conf (its wiki, src/znc.cpp AddListener, Csocket)."""

import re
from collections.abc import Sequence
from dataclasses import replace

from dualstack.doctor.formats.entries import Entry, entries
from dualstack.doctor.habits import DUAL
from dualstack.doctor.listening import Listen, Names, Refused
from dualstack.doctor.settings import Daemon, Example, Settings

__all__ = ["ZNC"]

_HABITS = replace(DUAL, names=Names.FIRST, addrconfig=True)


def _read(settings: Settings) -> Sequence[Listen]:
    directory = settings.options("-d", "--datadir").last("-d", "--datadir")
    settings.path = f"{directory}/configs/znc.conf" if directory else settings.path
    rows: list[Listen] = []
    block: dict[str, Entry] | None = None
    for entry in entries(settings.main()):
        if re.match(r"<Listener\b", entry.key):
            block = {}
        elif entry.key.startswith("</Listener") and block is not None:
            rows += _row(block, settings)
            block = None
        elif block is not None:
            block[entry.key.casefold()] = entry
    return rows


def _row(block: dict[str, Entry], settings: Settings) -> list[Listen]:
    def is_on(key: str) -> bool:
        return key not in block or block[key].value.casefold() not in {"false", "no", "0"}

    port = block.get("port")
    number = int(port.value.lstrip("+")) if port is not None and port.value.lstrip("+").isdigit() else 6667
    place = None if port is None else port.place
    has_four, has_six = is_on("ipv4"), is_on("ipv6")
    if not has_four and not has_six:
        raise Refused("No IPv4 or IPv6 support, a listener needs one", place)
    host = block["host"].value if "host" in block and block["host"].value not in {"", "*"} else ""
    habits = _HABITS if has_four else replace(_HABITS, v6only=True)
    if host and ":" in host and not settings.host.has_ipv6:
        # Its lookup has AI_ADDRCONFIG, which knows no `::` where the host has no address of IPv6.
        raise Refused(f"Unable to bind: {host}", block["host"].place)
    family = None if has_four and has_six else 4 if has_four else 6
    return [Listen(host or ("::" if has_six else "0.0.0.0"), number, habits, place=place, family=family)]


ZNC = Daemon(
    name="znc",
    read=_read,
    habits=_HABITS,
    programs=("znc",),
    files=("/var/lib/znc/configs/znc.conf", "/root/.znc/configs/znc.conf"),
    source="measured 1.8.2, 1.9.1; Csocket.cc",
    examples=tuple(
        Example(f"<Listener l>\n Port = 6697\n IPv4 = {four}\n IPv6 = {six}\n</Listener>\n")
        for four, six in (("true", "true"), ("false", "true"), ("true", "false"))
    ),
    both=Example("IPv4 = true\nIPv6 = true"),
)
