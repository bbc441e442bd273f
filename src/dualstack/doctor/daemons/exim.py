"""Exim: `local_interfaces`, `daemon_smtp_ports`, `disable_ipv6` (specification, chapter 13; src/daemon.c, host.c)."""

import re
from collections.abc import Sequence
from dataclasses import replace

from dualstack.doctor.assumed_host import literal
from dualstack.doctor.formats.entries import Entry, entries, last
from dualstack.doctor.formats.host_port import port_number
from dualstack.doctor.habits import STRICT
from dualstack.doctor.listening import Ends, Listen, NotUnderstood, Place, Refused
from dualstack.doctor.settings import Daemon, Example, Settings

__all__ = ["EXIM"]

# An address that is not there is tried again for five minutes, while the others serve (daemon_startup_retries).
_HABITS = replace(STRICT, no_address=Ends.SKIPPED, none_left=Ends.SKIPPED, nothing=Ends.SKIPPED)
# `::` alone may fail for want of AF_INET6 where `0.0.0.0` is in the list too (daemon.c: "IPv6 not supported").
_WILD = replace(_HABITS, no_family=Ends.SKIPPED, in_use=Ends.SKIPPED)


def _read(settings: Settings) -> Sequence[Listen]:
    settings.path = settings.options("-C", "-oX", "-D", "-q").last("-C") or settings.path
    found = _main_section(settings)
    ports, place = _list(found, "daemon_smtp_ports", "daemon_smtp_port", default="25")
    is_off = last(found, "disable_ipv6")
    only_v4 = is_off is not None and is_off.value in {"", "true", "yes"}
    hosts, place = _list(found, "local_interfaces", default="<; ::0 ; 0.0.0.0")
    numbers = [port_number(each, place) for each in ports]
    pairs = [pair for each in hosts for pair in _pairs(each, numbers, place)]
    pairs = [(host, port) for host, port in pairs if not (only_v4 and ":" in host)]
    fours = {port for host, port in pairs if host == "0.0.0.0"}
    return [
        Listen(host, port, _WILD if host == "::" and port in fours else _HABITS, place=place)
        for host, port in sorted(pairs, key=lambda pair: pair[0] == "0.0.0.0")
    ]


def _main_section(settings: Settings) -> list[Entry]:
    found: list[Entry] = []
    macros: dict[str, str] = {}
    skipped: list[bool] = []
    for entry in entries(settings.main()):
        if entry.key.startswith("begin "):
            break
        if entry.key.startswith("."):
            _condition(entry.key, macros, skipped)
            continue
        if any(skipped):
            continue
        if entry.key[:1].isupper():
            macros[entry.key] = _expanded(entry.value, macros)
            continue
        entry = replace(entry, value=_expanded(entry.value, macros))  # noqa: PLW2901 - the same, macros in it expanded
        bare = re.match(r"(no_)?(disable_ipv6)$", entry.key)
        if bare is not None:
            entry = replace(entry, key=bare[2], value="false" if bare[1] else entry.value)  # noqa: PLW2901 - the same, said plainly
        found.append(entry)
    return found


def _condition(text: str, macros: dict[str, str], skipped: list[bool]) -> None:
    """`.ifdef`, `.ifndef`, `.else`, `.endif` (specification, chapter 6.6)."""
    word, _, name = text.partition(" ")
    if word in {".ifdef", ".ifndef"}:
        skipped.append((name.strip() in macros) is (word == ".ifndef"))
    elif word == ".else" and skipped:
        skipped[-1] = not skipped[-1]
    elif word == ".endif":
        del skipped[-1:]


def _expanded(text: str, macros: dict[str, str]) -> str:
    for name in sorted(macros, key=len, reverse=True):
        text = text.replace(name, macros[name])
    return text


def _list(found: Sequence[Entry], *keys: str, default: str) -> tuple[list[str], Place | None]:
    """The items of a list, whose separator `<;` changes (chapter 6.21)."""
    entry = last(found, *keys)
    text = default if entry is None else entry.value
    place = None if entry is None else entry.place
    if "$" in text:
        raise NotUnderstood(f"{keys[0]} = {text} is expanded", place)
    separator = ":"
    match = re.match(r"<(\S)\s*", text)
    if match is not None:
        separator, text = match[1], text[match.end() :]
    doubled = text.replace(separator * 2, "\0") if separator == ":" else text
    return [each.strip().replace("\0", ":") for each in doubled.split(separator) if each.strip()], place


def _pairs(text: str, ports: Sequence[int], place: Place | None) -> list[tuple[str, int]]:
    """`192.0.2.1`, `192.0.2.1.26`, `[::1]:26` and `::1.26` are an address with or without a port."""
    match = re.match(r"\[([^\]]+)\](?::(\d+))?$", text) or re.match(r"((?:\d+\.){3}\d+)(?:\.(\d+))?$", text)
    match = match or re.match(r"([0-9a-fA-F:]*:[0-9a-fA-F:]*)(?:\.(\d+))?$", text)
    address = None if match is None else literal(match[1].replace("::0", "::") if match[1] == "::0" else match[1])
    if match is None or address is None:
        raise Refused(f'invalid IP address "{text}" in local_interfaces', place)
    return [(str(address), int(match[2]))] if match[2] else [(str(address), port) for port in ports]


EXIM = Daemon(
    name="exim4",
    read=_read,
    habits=_HABITS,
    programs=("exim4", "exim"),
    files=("/etc/exim4/exim4.conf", "/var/lib/exim4/config.autogenerated", "/etc/exim/exim.conf"),
    config_options=("-C",),
    ports=("tcp/25",),
    source="measured 4.96; specification chapters 6.21 and 13, src/daemon.c",
    examples=tuple(
        Example(f"{each}\n")
        for each in ("", "local_interfaces = <; ::0", "disable_ipv6 = true", "local_interfaces = <; 127.0.0.1 ; ::1")
    ),
    both=Example("local_interfaces = <; ::0 ; 0.0.0.0"),
)
