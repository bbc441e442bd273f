"""ProFTPD: `DefaultAddress`, `SocketBindTight`, `Port`, `UseIPv6` (its reference, src/inet.c, src/main.c)."""

from collections.abc import Sequence
from dataclasses import replace

from dualstack.core.address.address import Address
from dualstack.doctor.assumed_host import literal
from dualstack.doctor.formats.entries import Entry, entries, last
from dualstack.doctor.habits import DUAL
from dualstack.doctor.listening import Listen, NotUnderstood
from dualstack.doctor.settings import Daemon, Example, Settings
from dualstack.doctor.tree import Document

__all__ = ["PROFTPD"]

_DEBIANS_OWN = Address("127.0.1.1")
_HABITS = replace(DUAL, falls_back=True, freebind=True)


def _read(settings: Settings) -> Sequence[Listen]:
    options = settings.options("-c", "--config", "-d", "-D", "-p", "-S")
    settings.path = options.last("-c", "--config") or settings.path
    found = _entries(settings, settings.main())
    kind = last(found, "ServerType")
    if kind is not None and kind.value.casefold() == "inetd":
        return []
    port = last(found, "Port")
    number = int(port.value) if port is not None and port.value.isdigit() else 21
    if number == 0:
        return []
    ipv6 = last(found, "UseIPv6")
    has_ipv6 = not options.has("-4", "--ipv4") and (ipv6 is None or ipv6.value.casefold() not in {"off", "false", "no"})
    tight, address = last(found, "SocketBindTight"), last(found, "DefaultAddress")
    if tight is None or tight.value.casefold() not in {"on", "true", "yes"}:
        return [
            Listen("::" if has_ipv6 else "0.0.0.0", number, _HABITS, place=None if address is None else address.place)
        ]
    if address is None:
        return [_host_name(settings, number, tight)]
    return [row for name in address.words for row in _named(name, number, address, settings)]


def _entries(settings: Settings, document: Document) -> list[Entry]:
    """The directives outside of virtual hosts."""
    found: list[Entry] = []
    depth = 0
    for entry in entries(document, separator=r"\s+"):
        if entry.key.startswith("</"):
            depth -= 1
        elif entry.key.startswith("<"):
            depth += not entry.key.casefold().startswith(("<ifmodule", "<global"))
            depth += 0 if not entry.key.casefold().startswith(("<ifmodule", "<global")) else 1
        elif depth == 0 and entry.key.casefold() == "include":
            found += settings.included(entry.value, entry.place, lambda inner: _entries(settings, inner))
        elif depth == 0:
            found.append(entry)
    return found


def _host_name(settings: Settings, port: int, tight: Entry) -> Listen:
    """The address of the host's own name, which is in /etc/hostname."""
    hostname = settings.optional("/etc/hostname")
    # Debian's installer gives the host's own name 127.0.1.1 (Debian Reference, 5.1.1).
    own = [name for name, addresses in settings.host.names.items() if _DEBIANS_OWN in addresses]
    name = hostname.text.strip() if hostname is not None else next(iter(own), "")
    if not name:
        raise NotUnderstood("SocketBindTight binds the address of the host's name, which is not known", tight.place)
    return Listen(name, port, _HABITS, place=tight.place, family=4)


def _named(name: str, port: int, entry: Entry, settings: Settings) -> list[Listen]:
    """IPv4 and IPv6 of a name; IPv6 is left out where there is no AF_INET6."""
    found = settings.host.lookup(name)
    return [
        Listen(str(each), port, _HABITS, place=entry.place)
        for each in found
        if each.version == 4 or settings.host.has_socket or (literal(name) is not None and len(entry.words) == 1)
    ]


PROFTPD = Daemon(
    name="proftpd",
    read=_read,
    habits=_HABITS,
    programs=("proftpd",),
    files=("/etc/proftpd/proftpd.conf", "/etc/proftpd.conf"),
    config_options=("-c", "--config"),
    source="measured 1.3.8; src/inet.c pr_inet_create_conn",
    examples=tuple(
        Example(f"{each}\n")
        for each in ("", "DefaultAddress 0.0.0.0", "UseIPv6 off", "DefaultAddress 192.0.2.1\nSocketBindTight on")
    ),
    both=Example("UseIPv6 on"),
)
