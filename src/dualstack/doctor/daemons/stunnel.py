"""stunnel: `accept` of its services (stunnel(8), src/resolver.c)."""

from collections.abc import Sequence
from dataclasses import replace

from dualstack.doctor.formats.entries import entries
from dualstack.doctor.formats.host_port import host_port
from dualstack.doctor.habits import SYSCTL
from dualstack.doctor.listening import Ends, Listen
from dualstack.doctor.settings import Daemon, Example, Settings

__all__ = ["STUNNEL"]

# Each address of a name is tried, and a service with one is content; one that has none ends the program.
_HABITS = replace(SYSCTL, no_family=Ends.SKIPPED, no_address=Ends.SKIPPED, in_use=Ends.SKIPPED, addrconfig=False)

# A port alone is getaddrinfo(NULL) with AI_PASSIVE: `0.0.0.0`, and `::` where that lets it.
_WILD = replace(_HABITS, none_left=Ends.SKIPPED)


def _read(settings: Settings) -> Sequence[Listen]:
    words = settings.options("-fd", is_go=True).words
    settings.path = words[0] if words else settings.path
    rows = []
    for entry in entries(settings.main(), comments="#;", has_sections=True):
        if entry.key.casefold() != "accept" or entry.value.startswith("/"):
            continue
        host, port = host_port(entry.value, 0, entry.place, last_colon=True)
        if host:
            rows.append(Listen(host.strip("[]"), port, _HABITS, place=entry.place))
        else:
            rows += [Listen(each, port, _WILD, place=entry.place) for each in ("0.0.0.0", "::")]
    return rows


STUNNEL = Daemon(
    name="stunnel4",
    read=_read,
    habits=_HABITS,
    programs=("stunnel4", "stunnel", "stunnel5"),
    files=("/etc/stunnel/stunnel.conf", "/etc/stunnel/*.conf"),
    source="measured 5.56, 5.68, 5.74; src/stunnel.c bind_ports",
    examples=tuple(
        Example(f"[x]\naccept = {each}\nconnect = 127.0.0.1:1\n") for each in ("8443", ":::8443", "0.0.0.0:8443")
    ),
    both=Example("accept = :::8443"),
)
