"""systemd's socket units and systemd-socket-activate (systemd.socket(5), src/core/socket.c)."""

import re
from collections.abc import Sequence
from dataclasses import replace

from dualstack.core.address.address import Address
from dualstack.core.address.well_known import UNSPECIFIED
from dualstack.doctor.assumed_host import literal
from dualstack.doctor.formats.command_line import COMMAND
from dualstack.doctor.formats.entries import Entry, entries
from dualstack.doctor.formats.host_port import host_port
from dualstack.doctor.habits import SYSCTL
from dualstack.doctor.listening import Ends, Habits, Listen, Place, Refused
from dualstack.doctor.settings import Daemon, Example, Settings

__all__ = ["SOCKET_ACTIVATE", "SOCKET_UNIT"]

_V6ONLY = {"default": None, "both": False, "ipv6-only": True}


def _read(settings: Settings) -> Sequence[Listen]:
    found = [each for each in entries(settings.main(), comments="#;", has_sections=True) if each.section == "Socket"]
    for path in settings.tree.matches(f"{settings.path}.d/*.conf") if settings.path else []:
        inner = entries(settings.document(path), comments="#;", has_sections=True)
        found += [each for each in inner if each.section == "Socket"]
    habits = _habits({each.key: each.value for each in found})
    listed: list[Entry] = []
    for entry in found:
        if entry.key not in {"ListenStream", "ListenDatagram"}:
            continue
        if not entry.value:
            listed = []
        elif not entry.value.startswith(("/", "@", "vsock:", "%t")):
            listed.append(entry)
    try:
        rows = [_row(each, habits) for each in listed]
        _fail_together(rows, settings)
    except Refused:
        return []
    return rows


def _habits(values: dict[str, str]) -> Habits:
    """A unit's sockets open together or not at all; but for AF_INET6 that is not there, which is passed over."""
    return replace(
        SYSCTL,
        v6only=_V6ONLY.get(values.get("BindIPv6Only", "default")),
        freebind=values.get("FreeBind", "") in {"yes", "true", "1", "on"},
        no_family=Ends.SKIPPED,
        none_left=Ends.SKIPPED,
        nothing=Ends.SKIPPED,
        shares="reuseport" if values.get("ReusePort", "") in {"yes", "true", "1", "on"} else "reuseaddr",
    )


def _row(entry: Entry, habits: Habits) -> Listen:
    proto = "tcp" if entry.key == "ListenStream" else "udp"
    host, port = _address(entry.value, entry.place)
    if not host:
        # socket_address_parse: a port alone is `::` where there is AF_INET6 (socket_ipv6_is_supported), else 0.0.0.0.
        return Listen("::", port, replace(habits, falls_back=True), proto=proto, place=entry.place)
    return Listen(host, port, habits, proto=proto, place=entry.place)


def _address(text: str, place: Place | None) -> tuple[str, int]:
    """No name and no `*` is an address here; a unit with one is not loaded."""
    host, port = host_port(text, 0, place)
    if not port or (host and literal(host) is None) or re.search(r"[*%$]", text):
        raise Refused(f"Failed to parse address value {text!r}", place)
    return host, port


def _fail_together(rows: Sequence[Listen], settings: Settings) -> None:
    """Raise where one of the unit's sockets cannot be opened, for the others are then closed again."""
    from dualstack.doctor.opening import open_all

    opened = open_all(rows, settings.host)
    if not opened.starts:
        raise Refused(opened.why, opened.place)


def _activate(settings: Settings) -> Sequence[Listen]:
    options = settings.options("-l", "--listen", "-E", "--setenv", "--fdname", "-d", "--datagram")
    rows = []
    for text in options.all("-l", "--listen"):
        if text.startswith(("/", "@")):
            continue
        host, port = _address(text, COMMAND)
        rows.append(Listen(host or str(_ANY), port, SYSCTL, proto="udp" if options.has("-d") else "tcp", place=COMMAND))
    return rows


_ANY: Address = UNSPECIFIED[6]

SOCKET_UNIT = Daemon(
    name="systemd-socket",
    read=_read,
    habits=SYSCTL,
    files=("/etc/systemd/system/*.socket",),
    source="measured 252; systemd.socket(5)",
    examples=tuple(
        Example(f"[Socket]\n{each}\n")
        for each in (
            "ListenStream=8000",
            "ListenStream=0.0.0.0:8000",
            "ListenStream=[::]:8000",
            "ListenStream=8000\nBindIPv6Only=both",
            "ListenStream=0.0.0.0:8000\nListenStream=[::]:8000\nBindIPv6Only=ipv6-only",
        )
    ),
    both=Example("ListenStream=8000\nBindIPv6Only=both"),
)
SOCKET_ACTIVATE = Daemon(
    name="systemd-socket-activate",
    read=_activate,
    habits=SYSCTL,
    programs=("systemd-socket-activate",),
    source="measured 252, 257",
    examples=tuple(
        Example(command=f"systemd-socket-activate -l {each} prog") for each in ("8000", "0.0.0.0:8000", "[::]:8000")
    ),
    both=Example(command="systemd-socket-activate -l 8000 prog"),
)
