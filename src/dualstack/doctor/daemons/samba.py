"""Samba's smbd: `interfaces`, `bind interfaces only`, `smb ports` (smb.conf(5), source3/smbd/server.c)."""

import re
from collections.abc import Sequence
from dataclasses import replace

from dualstack.core.address.address import Address
from dualstack.core.address.prefix import Prefix
from dualstack.doctor.assumed_host import literal
from dualstack.doctor.formats.entries import Entry, entries, last
from dualstack.doctor.habits import LENIENT
from dualstack.doctor.listening import Ends, Listen, NotUnderstood, Refused
from dualstack.doctor.settings import Daemon, Example, Settings
from dualstack.doctor.tree import Document

__all__ = ["SAMBA"]

_HABITS = replace(LENIENT, nothing=Ends.SKIPPED)


def _read(settings: Settings) -> Sequence[Listen]:
    settings.path = settings.options("-s", "-l", "-d", "-p", "--configfile").last("-s", "--configfile") or settings.path
    found = [
        each for each in _entries(settings, settings.main()) if each.section.casefold() in {"global", "globals", ""}
    ]
    ports = last(found, "smbports")
    numbers = [
        int(text) for text in re.split(r"[,\s]+", ports.value if ports is not None else "445 139") if text.isdigit()
    ]
    interfaces, only = last(found, "interfaces"), last(found, "bindinterfacesonly")
    if only is None or only.value.casefold() not in {"yes", "true", "1"} or interfaces is None:
        return [Listen(host, port, _HABITS) for port in numbers for host in ("0.0.0.0", "::")]
    chosen = [address for word in interfaces.words for address in _addresses(word, interfaces, settings)]
    if not chosen:
        raise Refused("no network interfaces found", interfaces.place)
    return [
        Listen(str(address), port, _HABITS, place=interfaces.place)
        for port in numbers
        for address in dict.fromkeys(chosen)
    ]


def _entries(settings: Settings, document: Document) -> list[Entry]:
    """Parameters by their names without blanks and in small letters, as Samba compares them."""
    found: list[Entry] = []
    for entry in entries(document, comments="#;", has_sections=True, continued=None):
        key = re.sub(r"\s+", "", entry.key).casefold()
        if key == "include":
            found += settings.included(entry.value, entry.place, lambda inner: _entries(settings, inner))
        else:
            found.append(replace(entry, key=key))
    return found


def _addresses(word: str, entry: Entry, settings: Settings) -> Sequence[Address]:
    """An interface by name or pattern, an address with or without a mask, or a network of the host's addresses."""
    host = settings.host
    if host.is_interface(word):
        return host.of_interface(word)
    bare = word.partition("/")[0].partition(";")[0]
    address = literal(bare)
    if address is None:
        raise NotUnderstood(f"the addresses of interface {word} are not known", entry.place)
    if address.version == 6 and not host.has(address) and not _is_network(word):
        raise Refused(f"open_sockets_smbd: bind failed on {address}", entry.place)
    if host.interfaces is None:
        return [address]
    if host.has(address) and not _is_network(word):
        return [address]
    return [each for each in host.addresses() if _is_in(each, word)]


def _is_network(word: str) -> bool:
    try:
        return "/" in word and bool(Prefix.parse(word).length)
    except ValueError:
        return False  # bits are set beyond the mask: an address of that network


def _is_in(address: Address, word: str) -> bool:
    return address in Prefix.parse(word) if _is_network(word) else False


SAMBA = Daemon(
    name="samba",
    read=_read,
    habits=_HABITS,
    programs=("smbd",),
    files=("/etc/samba/smb.conf",),
    source="measured 4.17; smbd/server.c open_sockets_smbd",
    ports=("tcp/445",),
    examples=tuple(Example(f"[global]\n{each}\n") for each in ("", "interfaces = lo\nbind interfaces only = yes")),
    both=Example("bind interfaces only = no"),
)
