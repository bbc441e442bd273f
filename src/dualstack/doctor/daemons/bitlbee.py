"""BitlBee: `DaemonInterface`, `DaemonPort`, `-i`, `-p` (bitlbee.conf, unix.c)."""

from collections.abc import Sequence
from dataclasses import replace

from dualstack.doctor.formats.entries import entries, last
from dualstack.doctor.habits import DUAL
from dualstack.doctor.listening import Listen, Names
from dualstack.doctor.settings import Daemon, Example, Settings

__all__ = ["BITLBEE"]

_HABITS = replace(DUAL, names=Names.FIRST)


def _read(settings: Settings) -> Sequence[Listen]:
    options = settings.options("-i", "-p", "-c", "-P", "-d", "-u")
    settings.path = options.last("-c") or settings.path
    found = list(entries(settings.main(), comments="#;", has_sections=True))
    mode = last(found, "RunMode")
    if not options.has("-D", "-F") and (mode is None or mode.value.casefold() == "inetd"):
        return []
    host, port = last(found, "DaemonInterface"), last(found, "DaemonPort")
    name = options.last("-i") or ("" if host is None else host.value)
    number = int(options.last("-p") or (port.value if port is not None else "6667"))
    habits = _HABITS if name else replace(_HABITS, falls_back=True)
    return [Listen(name or "::", number, habits, place=None if host is None else host.place)]


BITLBEE = Daemon(
    name="bitlbee",
    read=_read,
    habits=_HABITS,
    programs=("bitlbee",),
    files=("/etc/bitlbee/bitlbee.conf",),
    config_options=("-c",),
    source="measured 3.6; lib/misc.c, unix.c",
    examples=tuple(
        Example(f"[settings]\nRunMode = Daemon\n{each}\n")
        for each in ("", "DaemonInterface = 0.0.0.0", "DaemonInterface = ::")
    ),
    both=Example("DaemonInterface = ::"),
)
