"""MPD: `bind_to_address`, `port` (mpd.conf(5), src/Listen.cxx, src/event/ServerSocket.cxx)."""

from collections.abc import Sequence
from dataclasses import replace

from dualstack.doctor.formats.blocks import statements
from dualstack.doctor.habits import SYSCTL
from dualstack.doctor.listening import Ends, Listen
from dualstack.doctor.settings import Daemon, Example, Settings

__all__ = ["MPD"]

# ServerSocket::AddAddress: of several addresses of one setting those that fail are passed over.
_HABITS = replace(SYSCTL, no_family=Ends.SKIPPED, no_address=Ends.SKIPPED)
_WILD = replace(_HABITS, in_use=Ends.SKIPPED, none_left=Ends.SKIPPED)


def _read(settings: Settings) -> Sequence[Listen]:
    words = settings.options().words
    settings.path = words[0] if words else settings.path
    found = [each for each in statements(settings.main(), by_line=True) if each.block is None and each.arguments]
    ports = [each.arguments[0] for each in found if each.name == "port"]
    port = int(ports[-1]) if ports else 6600
    rows: list[Listen] = []
    listed = [each for each in found if each.name == "bind_to_address"]
    for each in listed:
        host = each.arguments[0]
        if host.startswith(("/", "~", "@")):
            continue
        if host in {"any", "*"}:
            rows += [Listen(one, port, _WILD, place=each.place) for one in ("::", "0.0.0.0")]
        else:
            rows.append(Listen(host, port, _HABITS, place=each.place))
    return rows if listed else [Listen(one, port, _WILD) for one in ("::", "0.0.0.0")]


MPD = Daemon(
    name="mpd",
    read=_read,
    habits=_HABITS,
    programs=("mpd",),
    files=("/etc/mpd.conf",),
    source="measured 0.23.12; src/event/ServerSocket.cxx",
    examples=tuple(
        Example(f"{each}\n")
        for each in ("", 'bind_to_address "any"', 'bind_to_address "localhost"', 'bind_to_address "0.0.0.0"')
    ),
    both=Example('bind_to_address "any"'),
)
