"""Mumble's server: `host`, `port` of mumble-server.ini (src/murmur/Meta.cpp)."""

# dualstack: ignore-file - what stands here is what the daemon does

from collections.abc import Sequence
from dataclasses import replace

from dualstack.doctor.formats.entries import entries, last
from dualstack.doctor.habits import STRICT
from dualstack.doctor.listening import Ends, Listen
from dualstack.doctor.settings import Daemon, Example, Settings

__all__ = ["MUMBLE"]

# A virtual server that cannot bind one of its addresses is not started, and the program goes on without it.
_HABITS = replace(STRICT, no_family=Ends.FATAL, nothing=Ends.SKIPPED)


def _read(settings: Settings) -> Sequence[Listen]:
    from dualstack.doctor.opening import open_all

    settings.path = settings.options("-ini", is_go=True).last("-ini") or settings.path
    found = [each for each in entries(settings.main(), comments="#;", has_sections=True) if not each.section]
    host, port = last(found, "host"), last(found, "port")
    number = int(port.value) if port is not None and port.value.isdigit() else 64738
    place = None if host is None else host.place
    if host is not None and host.value:
        hosts, habits = host.value.split(), _HABITS
    else:
        # Qt probes for an IPv6 address before it takes `::` for both.
        hosts, habits = (["::"] if settings.host.has_ipv6 else ["0.0.0.0"]), replace(_HABITS, v6only=False)
    rows = [Listen(each, number, habits, proto=proto, place=place) for each in hosts for proto in ("tcp", "udp")]
    return rows if open_all(rows, settings.host).starts else []


MUMBLE = Daemon(
    name="mumble-server",
    read=_read,
    habits=_HABITS,
    programs=("murmurd", "mumble-server"),
    files=("/etc/mumble-server.ini", "/etc/mumble/mumble-server.ini"),
    config_options=("-ini",),
    source="measured 1.3.4; src/murmur/Meta.cpp, Server.cpp",
    examples=tuple(Example(f"{each}\n") for each in ("", "host=::", "host=0.0.0.0")),
    both=Example("host="),
)
