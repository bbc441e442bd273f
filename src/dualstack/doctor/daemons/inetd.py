"""The inetds of OpenBSD and of GNU: the same file, and opposite meanings of `tcp6` (inetd.conf(5) of each)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from dualstack.doctor.formats.entries import Entry, entries
from dualstack.doctor.formats.host_port import port_number
from dualstack.doctor.habits import STRICT
from dualstack.doctor.listening import Ends, Habits, Listen
from dualstack.doctor.settings import Daemon, Example, Settings

__all__ = ["INETUTILS_INETD", "OPENBSD_INETD"]

_HABITS = replace(
    STRICT,
    no_family=Ends.SKIPPED,
    no_address=Ends.SKIPPED,
    in_use=Ends.SKIPPED,
    none_left=Ends.SKIPPED,
    nothing=Ends.SKIPPED,
)


@dataclass(frozen=True, slots=True)
class _Protocol:
    """What a word in the protocol's column opens: families in order, and their IPV6_V6ONLY."""

    families: tuple[int, ...]
    v6only: bool | None = True


# openbsd-inetd sets the option for streams alone: datagrams follow the sysctl, beside 0.0.0.0 by SO_REUSEADDR.
_OPENBSD = {
    "tcp": _Protocol((4, 6)),
    "tcp4": _Protocol((4,)),
    "tcp6": _Protocol((6,)),
    "tcp46": _Protocol((6,), v6only=False),
    "udp": _Protocol((4, 6), v6only=None),
    "udp4": _Protocol((4,)),
    "udp6": _Protocol((6,), v6only=None),
    "udp46": _Protocol((6,), v6only=False),
}
_INETUTILS = {
    **dict.fromkeys(("tcp", "tcp4", "tcp46", "udp", "udp4", "udp46"), _Protocol((4,))),
    **dict.fromkeys(("tcp6", "udp6"), _Protocol((6,), v6only=False)),
    **dict.fromkeys(("tcp6only", "udp6only"), _Protocol((6,))),
}


def _reader(table: Mapping[str, _Protocol]) -> Callable[[Settings], Sequence[Listen]]:
    def read(settings: Settings) -> Sequence[Listen]:
        words = settings.options("-d", "-a", "-R", "-q").words
        settings.path = words[0] if words else settings.path
        host = ""
        rows: list[Listen] = []
        for entry in entries(settings.main(), separator=r"\s+"):
            if entry.key.endswith(":") and not entry.value:
                host = entry.key[:-1]  # the default of the lines that follow
            else:
                rows += _rows(entry, host, table)
        return rows

    return read


def _rows(entry: Entry, default: str, table: Mapping[str, _Protocol]) -> list[Listen]:
    fields = entry.value.split()
    if len(fields) < 4 or fields[1].partition("/")[0] not in table:
        return []
    word = fields[1].partition("/")[0]
    host, _, service = entry.key.rpartition(":")
    host = host.strip("[]") or default
    protocol = table[word]
    habits: Habits = replace(_HABITS, v6only=protocol.v6only)
    row = Listen("", port_number(service, entry.place), habits, proto=word[:3], place=entry.place)
    if not host or host == "*":
        return [replace(row, host="::" if family == 6 else "0.0.0.0") for family in protocol.families]
    return [
        replace(row, host=name.strip("[]"), family=family, wanted=None)
        for name in host.split(",")
        for family in protocol.families
        if name == "localhost" or not name.replace(".", "").isdigit() or family == 4
        if ":" not in name or family == 6
    ]


OPENBSD_INETD = Daemon(
    name="openbsd-inetd",
    read=_reader(_OPENBSD),
    habits=_HABITS,
    programs=("inetd", "openbsd-inetd"),
    files=("/etc/inetd.conf",),
    source="measured 0.20221205; inetd.c",
    examples=tuple(Example(f"7 stream {each} nowait root internal\n") for each in ("tcp", "tcp4", "tcp6", "tcp46")),
    both=Example("7 stream tcp nowait root internal"),
)
INETUTILS_INETD = Daemon(
    name="inetutils-inetd",
    read=_reader(_INETUTILS),
    habits=_HABITS,
    programs=("inetutils-inetd",),
    files=("/etc/inetd.conf",),
    source="measured 2.4; src/inetd.c",
    examples=tuple(
        Example(f"7 stream {each} nowait root internal\n") for each in ("tcp", "tcp4", "tcp6", "tcp6only", "tcp46")
    ),
    both=Example("7 stream tcp6 nowait root internal"),
)
