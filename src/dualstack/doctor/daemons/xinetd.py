"""xinetd: `bind`, `interface`, `flags = IPv4|IPv6` of its services (xinetd.conf(5), service.c)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from dualstack.core.address.well_known import UNSPECIFIED
from dualstack.doctor.assumed_host import literal
from dualstack.doctor.formats.entries import Entry, entries
from dualstack.doctor.formats.host_port import port_number
from dualstack.doctor.habits import DUAL
from dualstack.doctor.listening import Ends, Listen, Names, Place
from dualstack.doctor.settings import Daemon, Example, Settings
from dualstack.doctor.tree import Document

__all__ = ["XINETD"]

_HABITS = replace(
    DUAL,
    names=Names.FIRST,
    no_family=Ends.SKIPPED,
    no_address=Ends.SKIPPED,
    in_use=Ends.SKIPPED,
    none_left=Ends.SKIPPED,
    nothing=Ends.SKIPPED,
)


@dataclass(slots=True)
class _Service:
    name: str
    place: Place
    values: dict[str, Entry] = field(default_factory=dict)

    def value(self, key: str) -> str:
        return self.values[key].value if key in self.values else ""


def _read(settings: Settings) -> Sequence[Listen]:
    settings.path = (
        settings.options("-f", "-limit", "-filelog", "-syslog", "-pidfile", is_go=True).last("-f") or settings.path
    )
    services = _services(settings, settings.main())
    defaults = next((each for each in services if not each.name), None)
    rows = []
    for each in services:
        if each.name and each.value("disable") != "yes":
            rows += _rows(each, defaults, settings)
    return rows


def _services(settings: Settings, document: Document) -> list[_Service]:
    found: list[_Service] = []
    here: _Service | None = None
    for entry in entries(document, separator=r"\s*[-+]?=\s*"):
        words = entry.key.split()
        if words[0] in {"service", "defaults"}:
            here = _Service(words[1] if len(words) > 1 else "", entry.place)
            found.append(here)
        elif words[0] in {"include", "includedir"} and len(words) > 1:
            pattern = f"{words[1].rstrip('/')}/*" if words[0] == "includedir" else words[1]
            found += settings.included(pattern, entry.place, lambda inner: _services(settings, inner))
        elif here is not None:
            here.values[words[0]] = entry
    return found


def _rows(service: _Service, defaults: _Service | None, settings: Settings) -> list[Listen]:
    flags = set(service.value("flags").upper().split())
    family = 4 if "IPV4" in flags else 6 if "IPV6" in flags else None
    bind = service.values.get("bind") or service.values.get("interface")
    if bind is None and defaults is not None:
        bind = defaults.values.get("bind") or defaults.values.get("interface")
    proto = "udp" if service.value("protocol").startswith("udp") or service.value("socket_type") == "dgram" else "tcp"
    port = port_number(service.value("port") or re.sub(r"-(stream|dgram)$", "", service.name), service.place)
    row = Listen("::", port, _HABITS, proto=proto, place=service.place)
    if bind is None:
        if family == 4:
            return [replace(row, host="0.0.0.0")]
        return [replace(row, habits=replace(_HABITS, falls_back=True))]
    address = literal(bind.value)
    if address is None and family is None and not settings.host.has_ipv6:
        # A name is looked up for both families, and what is then bound has no address on such a host (measured).
        return [replace(row, host=bind.value, place=bind.place, family=None, wanted=lambda _: False)]
    host = "::" if address == UNSPECIFIED[4] and family == 6 else bind.value
    return [replace(row, host=host, place=bind.place)]


XINETD = Daemon(
    name="xinetd",
    read=_read,
    habits=_HABITS,
    programs=("xinetd",),
    files=("/etc/xinetd.conf",),
    config_options=("-f",),
    source="measured 2.3.15; service.c, addr.c",
    examples=tuple(
        Example(f"service echo\n{{\n port = 7\n socket_type = stream\n protocol = tcp\n{each}}}\n")
        for each in ("", " flags = IPv4\n", " flags = IPv6\n", " bind = 0.0.0.0\n", " bind = ::\n")
    ),
    both=Example("flags = IPv6"),
)
