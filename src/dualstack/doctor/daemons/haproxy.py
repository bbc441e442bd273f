"""HAProxy: `bind` of frontends and listeners (configuration manual, section 4.2 and 5.1; sock_inet.c)."""

import re
from collections.abc import Sequence
from dataclasses import replace

from dualstack.doctor.formats.entries import entries
from dualstack.doctor.formats.host_port import host_port, port_number
from dualstack.doctor.habits import SYSCTL
from dualstack.doctor.listening import Habits, Listen, Names, NotUnderstood, Place, Refused
from dualstack.doctor.settings import Daemon, Example, Settings

__all__ = ["HAPROXY"]

_HABITS = replace(SYSCTL, names=Names.FIRST, shares="reuseport")
_FAMILIES = {
    "ipv4": 4,
    "ipv6": 6,
    "tcp4": 4,
    "tcp6": 6,
    "udp4": 4,
    "udp6": 6,
    "quic4": 4,
    "quic6": 6,
    "tcp": 0,
    "udp": 0,
}
_SECTIONS = (
    "frontend",
    "listen",
    "defaults",
    "global",
    "backend",
    "peers",
    "program",
    "resolvers",
    "userlist",
    "cache",
)


def _read(settings: Settings) -> Sequence[Listen]:
    settings.path = settings.options("-f", "-C", "-n", "-p", "-L", "-x", "-S", "-m", "-N").last("-f") or settings.path
    rows: list[Listen] = []
    section = ""
    for entry in entries(settings.main(), separator=r"\s+", inline=True):
        if entry.key in _SECTIONS:
            section = entry.key
        elif entry.key == "bind" and section in {"frontend", "listen", "peers"}:
            addresses, *options = entry.words
            for text in addresses.split(","):
                rows += _rows(text, options, entry.place)
    return rows


def _rows(text: str, options: Sequence[str], place: Place) -> list[Listen]:
    if text.startswith(("unix@", "/", "abns@", "fd@", "sockpair@", "rhttp@", "abnsz@")):
        return []
    if "$" in text:
        raise NotUnderstood(f"a variable in bind {text}", place)
    prefix, at, rest = text.rpartition("@")
    if at and prefix not in _FAMILIES:
        raise Refused(f"'bind {text}': unknown address family", place)
    family = _FAMILIES.get(prefix, 0)
    host, ports = _split(rest, place)
    host = host if host not in {"", "*"} else "::" if family == 6 else "0.0.0.0"
    proto = "udp" if prefix.startswith(("udp", "quic")) else "tcp"
    return [
        Listen(host, port, _habits(options), proto=proto, place=place, family=family or None)
        for port in range(ports[0], ports[1] + 1)
    ]


def _split(text: str, place: Place) -> tuple[str, tuple[int, int]]:
    """The host and its range of ports, which is behind the last colon."""
    match = re.match(r"(.*):(\d+)-(\d+)$", text)
    if match is not None:
        return match[1].strip("[]"), (port_number(match[2], place), port_number(match[3], place))
    if ":" not in text:
        raise Refused(f"'bind {text}': missing port number", place)
    host, port = host_port(text, 0, place, last_colon=True)
    if not port:
        raise Refused(f"'bind {text}': missing port number", place)
    return host, (port, port_number(str(port), place))


def _habits(options: Sequence[str]) -> Habits:
    v6only = True if "v6only" in options else False if "v4v6" in options else None
    return replace(_HABITS, v6only=v6only, freebind="transparent" in options)


HAPROXY = Daemon(
    name="haproxy",
    read=_read,
    habits=_HABITS,
    programs=("haproxy",),
    files=("/etc/haproxy/haproxy.cfg", "/usr/local/etc/haproxy/haproxy.cfg"),
    config_options=("-f",),
    source="measured 2.2, 2.6, 3.0; configuration manual 5.1 (v4v6, v6only, transparent)",
    examples=tuple(
        Example(f"frontend f\n  bind {each}\n") for each in ("*:80", ":80", ":::80", ":::80 v4v6", ":80,:::80 v6only")
    ),
    both=Example("bind :::80 v4v6"),
)
