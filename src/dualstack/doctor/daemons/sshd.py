"""OpenSSH's sshd: `ListenAddress`, `AddressFamily`, `Port`, `-4`, `-6`, `-p`, `-o` (sshd_config(5), servconf.c)."""

from collections.abc import Sequence
from dataclasses import replace

from dualstack.doctor.assumed_host import literal
from dualstack.doctor.formats.command_line import COMMAND
from dualstack.doctor.formats.entries import Entry, entries
from dualstack.doctor.formats.host_port import host_port, port_number
from dualstack.doctor.habits import LENIENT
from dualstack.doctor.listening import Listen, NotUnderstood, Refused
from dualstack.doctor.settings import Daemon, Example, Settings
from dualstack.doctor.tree import Document

__all__ = ["SSHD"]

_FAMILIES = {"any": None, "inet": 4, "inet6": 6}
_SEPARATOR = r"\s*=\s*|\s+"


def _read(settings: Settings) -> Sequence[Listen]:
    options = settings.options("-f", "-p", "-o", "-b", "-C", "-c", "-E", "-g", "-h", "-k", "-u")
    settings.path = options.last("-f") or settings.path
    # The command line is read first, and the first value of a keyword counts.
    said = [Entry(*_pair(text), COMMAND) for text in options.all("-o")]
    found = said + _entries(settings, settings.main())
    family = _family(found)
    if options.has("-4", "-6"):
        family = 4 if options.has("-4") else 6
    ports = [port_number(text, COMMAND) for text in options.all("-p")]
    ports = ports or [port_number(each.value, each.place) for each in found if each.key.casefold() == "port"] or [22]
    listed = [each for each in found if each.key.casefold() == "listenaddress"]
    if not listed:
        return [
            Listen(host, port, LENIENT)
            for port in ports
            for host in ("0.0.0.0", "::")
            if family is None or (":" in host) == (family == 6)
        ]
    return [row for each in listed for row in _rows(each, ports, family)]


def _pair(text: str) -> tuple[str, str]:
    key, _, value = text.replace("=", " ", 1).partition(" ")
    return key, value.strip()


def _entries(settings: Settings, document: Document) -> list[Entry]:
    """Keywords before the first Match, which holds none of ours."""
    found: list[Entry] = []
    for entry in entries(document, separator=_SEPARATOR, inline=True):
        if entry.key.casefold() == "match":
            break
        if entry.key.casefold() == "include":
            for pattern in entry.words:
                found += settings.included(
                    pattern, entry.place, lambda inner: _entries(settings, inner), base="/etc/ssh"
                )
        else:
            found.append(entry)
    return found


def _family(found: Sequence[Entry]) -> int | None:
    for each in found:
        if each.key.casefold() == "addressfamily":
            if each.value not in _FAMILIES:
                raise Refused(f"unsupported address family: {each.value}", each.place)
            return _FAMILIES[each.value]
    return None


def _rows(entry: Entry, ports: Sequence[int], family: int | None) -> list[Listen]:
    text = entry.words[0] if entry.words else ""
    if "rdomain" in entry.words:
        raise NotUnderstood(f"ListenAddress {entry.value}: a routing domain", entry.place)
    host, port = host_port(text, 0, entry.place)
    host = "localhost" if host == "*" else host
    address = literal(host)
    if address is not None and family not in {None, address.version}:
        raise Refused(f"bad addr or host: {host} (Address family for hostname not supported)", entry.place)
    return [Listen(host, each, LENIENT, place=entry.place, family=family) for each in ([port] if port else ports)]


SSHD = Daemon(
    name="sshd",
    read=_read,
    habits=replace(LENIENT),
    programs=("sshd",),
    files=("/etc/ssh/sshd_config", "/usr/local/etc/sshd_config"),
    config_options=("-f",),
    source="measured 8.4, 9.2, 10.0; sshd_config(5), sshd.c listen_on_addrs",
    examples=tuple(
        Example(f"{each}\n")
        for each in (
            "Port 22",
            "AddressFamily inet",
            "ListenAddress 0.0.0.0",
            "ListenAddress ::",
            "ListenAddress localhost",
        )
    ),
    both=Example("AddressFamily any"),
)
