"""chrony: `allow`, `port`, `bindaddress`, `cmdport`, `-4`, `-6` (chrony.conf(5), ntp_io.c, cmdmon.c)."""

# dualstack: ignore-file - what stands here is what the daemon does

from collections.abc import Sequence
from dataclasses import replace

from dualstack.doctor.assumed_host import literal
from dualstack.doctor.formats.entries import Entry, entries, last
from dualstack.doctor.habits import STRICT
from dualstack.doctor.listening import Ends, Listen, NotUnderstood
from dualstack.doctor.settings import Daemon, Example, Settings
from dualstack.doctor.tree import Document

__all__ = ["CHRONY"]

_HABITS = replace(
    STRICT, freebind=True, no_family=Ends.SKIPPED, none_left=Ends.SKIPPED, in_use=Ends.SKIPPED, nothing=Ends.SKIPPED
)
_SEPARATOR = r"\s+"


def _read(settings: Settings) -> Sequence[Listen]:
    options = settings.options("-f", "-u", "-F", "-L", "-l", "-t", "-n")
    settings.path = options.last("-f") or settings.path
    found = _entries(settings, settings.main())
    families = [4] * (not options.has("-6")) + [6] * (not options.has("-4"))
    return [row for family in families for row in (*_ntp(found, family), *_command(found, family))]


def _entries(settings: Settings, document: Document) -> list[Entry]:
    found: list[Entry] = []
    for entry in entries(document, separator=_SEPARATOR, comments="#%;!"):
        if entry.key in {"include", "confdir", "sourcedir"}:
            suffix = {"include": "", "confdir": "/*.conf", "sourcedir": "/*.sources"}[entry.key]
            for path in entry.words:
                found += settings.included(path + suffix, entry.place, lambda inner: _entries(settings, inner))
        else:
            found.append(entry)
    return found


def _port(found: Sequence[Entry], key: str, default: int) -> int:
    entry = last(found, key)
    return int(entry.value) if entry is not None and entry.value.isdigit() else default


def _ntp(found: Sequence[Entry], family: int) -> list[Listen]:
    """The server's socket, of a family that `allow` lets in."""
    port = _port(found, "port", 123)
    if port == 0 or not any(_allows(entry, family) for entry in found):
        return []
    return [_row(found, "bindaddress", family, port)]


def _allows(entry: Entry, family: int) -> bool:
    """Without an address for both; a name for what it resolves to; `0/0` is IPv4."""
    if entry.key != "allow":
        return False
    text = [word for word in entry.words if word != "all"]
    if not text:
        return True
    address = text[0].partition("/")[0]
    if all(part.isdigit() for part in address.split(".")):
        return family == 4
    if literal(address) is None:
        raise NotUnderstood(f"allow {text[0]}", entry.place)
    return family == 6


def _command(found: Sequence[Entry], family: int) -> list[Listen]:
    """The socket of chronyc, on the loopback unless `bindcmdaddress` says otherwise."""
    port = _port(found, "cmdport", 323)
    if port == 0:
        return []
    default = "127.0.0.1" if family == 4 else "::1"
    row = _row(found, "bindcmdaddress", family, port)
    row = replace(row, is_aside=True)
    return [row if row.place is not None else replace(row, host=default)]


def _row(found: Sequence[Entry], key: str, family: int, port: int) -> Listen:
    """The last address of this family; any where there is none."""
    row = Listen("::" if family == 6 else "0.0.0.0", port, _HABITS, proto="udp")
    for entry in found:
        address = literal(entry.value) if entry.key == key else None
        if address is not None and address.version == family:
            row = replace(row, host=str(address), place=entry.place)
    return row


CHRONY = Daemon(
    name="chrony",
    read=_read,
    habits=_HABITS,
    programs=("chronyd",),
    files=("/etc/chrony/chrony.conf", "/etc/chrony.conf"),
    config_options=("-f",),
    source="measured 4.0, 4.3, 4.6; ntp_io.c, cmdmon.c",
    ports=("udp/123",),
    examples=tuple(
        Example(f"{each}\n") for each in ("", "allow", "allow 0.0.0.0/0", "allow ::/0", "allow\nbindaddress 0.0.0.0")
    ),
    both=Example("allow"),
)
