"""rsyslog: `input(type="imudp"|"imtcp")`, `$UDPServerRun` (rsyslog.conf(5); runtime/net.c, tcpsrv.c)."""

import re
from collections.abc import Sequence
from dataclasses import replace

from dualstack.doctor.formats.entries import entries
from dualstack.doctor.habits import LENIENT
from dualstack.doctor.listening import Ends, Habits, Listen, Place
from dualstack.doctor.settings import Daemon, Example, Settings
from dualstack.doctor.tree import Document

__all__ = ["RSYSLOG"]

_TCP = replace(LENIENT, nothing=Ends.SKIPPED)
_UDP = replace(_TCP, freebind=True)
_INPUT = re.compile(r"input\s*\(([^)]*)\)", re.DOTALL)
_PAIR = re.compile(r'(\w+)\s*=\s*"([^"]*)"')


def _read(settings: Settings) -> Sequence[Listen]:
    settings.path = settings.options("-f", "-i", "-u", "-N", "-M").last("-f") or settings.path
    return _rows(settings, settings.main())


def _rows(settings: Settings, document: Document) -> list[Listen]:
    rows: list[Listen] = []
    text = re.sub(r"(?m)^\s*#.*$", "", document.text)
    for match in _INPUT.finditer(text):
        values = {key.casefold(): value for key, value in _PAIR.findall(match[1])}
        place = Place(document.path, text.count("\n", 0, match.start()) + 1)
        if values.get("type") in {"imudp", "imtcp", "imptcp"} and "port" in values:
            proto = "udp" if values["type"] == "imudp" else "tcp"
            rows += _pair(values.get("address", "*"), int(values["port"]), proto, place)
    rows += _legacy(document)
    for match in re.finditer(r'(?m)^\s*(?:\$IncludeConfig\s+(\S+)|include\s*\(\s*file\s*=\s*"([^"]*)")', text):
        place = Place(document.path, text.count("\n", 0, match.start()) + 1)
        rows += settings.included(match[1] or match[2], place, lambda inner: _rows(settings, inner))
    return rows


def _legacy(document: Document) -> list[Listen]:
    """`$UDPServerAddress` before `$UDPServerRun`, `$InputTCPServerRun`."""
    rows: list[Listen] = []
    host = "*"
    for entry in entries(document, separator=r"\s+"):
        if entry.key.casefold() == "$udpserveraddress":
            host = entry.value
        elif entry.key.casefold() in {"$udpserverrun", "$inputtcpserverrun"}:
            is_udp = entry.key.casefold() == "$udpserverrun"
            rows += _pair(host if is_udp else "*", int(entry.value), "udp" if is_udp else "tcp", entry.place)
    return rows


def _pair(host: str, port: int, proto: str, place: Place) -> list[Listen]:
    habits: Habits = _UDP if proto == "udp" else _TCP
    hosts = ["0.0.0.0", "::"] if host == "*" else [host]
    return [Listen(each, port, habits, proto=proto, place=place) for each in hosts]


RSYSLOG = Daemon(
    name="rsyslog",
    read=_read,
    habits=_TCP,
    programs=("rsyslogd",),
    files=("/etc/rsyslog.conf",),
    config_options=("-f",),
    source="measured 8.2302; runtime/net.c create_udp_socket",
    examples=tuple(
        Example(f'module(load="imudp")\ninput(type="imudp" port="514"{each})\n')
        for each in ("", ' address="0.0.0.0"', ' address="::"')
    ),
    both=Example('input(type="imudp" port="514")'),
)
