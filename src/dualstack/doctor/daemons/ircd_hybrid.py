"""ircd-hybrid: `listen { host = ...; port = ...; };` (its reference.conf, src/listener.c)."""

import re
from collections.abc import Sequence
from dataclasses import replace

from dualstack.doctor.assumed_host import literal
from dualstack.doctor.formats.blocks import Statement, statements
from dualstack.doctor.formats.host_port import port_number
from dualstack.doctor.habits import STRICT
from dualstack.doctor.listening import Ends, Listen, NotUnderstood
from dualstack.doctor.settings import Daemon, Example, Settings

__all__ = ["IRCD_HYBRID"]

_HABITS = replace(
    STRICT,
    no_family=Ends.SKIPPED,
    no_address=Ends.SKIPPED,
    in_use=Ends.SKIPPED,
    none_left=Ends.SKIPPED,
    nothing=Ends.SKIPPED,
)


def _read(settings: Settings) -> Sequence[Listen]:
    settings.path = settings.options("-configfile", is_go=True).last("-configfile") or settings.path
    found = statements(settings.main(), slashes=True)
    return [row for each in found if each.name == "listen" and each.block is not None for row in _rows(each)]


def _rows(listen: Statement) -> list[Listen]:
    """A port belongs to the host before it; without one to both families. `*` is IPv4."""
    host = ""
    rows: list[Listen] = []
    for each in listen.block or []:
        value = " ".join(each.words).partition("=")[2].strip()
        if each.name.startswith("host"):
            host = "0.0.0.0" if value == "*" else value
            if literal(host) is None:
                raise NotUnderstood(f"host = {value}", each.place)
        elif each.name.startswith("port"):
            for text in re.split(r"\s*,\s*", value):
                first, _, end = text.replace("..", "-").partition("-")
                numbers = range(
                    port_number(first.strip(), each.place), port_number(end.strip() or first.strip(), each.place) + 1
                )
                hosts = [host] if host else ["0.0.0.0", "::"]
                rows += [Listen(one, number, _HABITS, place=each.place) for number in numbers for one in hosts]
    return rows


IRCD_HYBRID = Daemon(
    name="ircd-hybrid",
    read=_read,
    habits=_HABITS,
    programs=("ircd-hybrid",),
    files=("/etc/ircd-hybrid/ircd.conf",),
    config_options=("-configfile",),
    source="measured 8.2.43; src/listener.c",
    examples=tuple(
        Example(f"listen {{ {each}port = 6667; }};\n")
        for each in ("", 'host = "0.0.0.0"; ', 'host = "::"; ', 'host = "*"; ')
    ),
    both=Example("listen { port = 6667; };"),
)
