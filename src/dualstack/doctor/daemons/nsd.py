"""NSD: `ip-address`, `port`, `do-ip4`, `do-ip6`, `ip-freebind`, `-4`, `-6`, `-a`, `-p` (nsd.conf(5), nsd.c)."""

from collections.abc import Sequence
from dataclasses import replace

from dualstack.doctor.assumed_host import literal
from dualstack.doctor.formats.command_line import COMMAND
from dualstack.doctor.formats.entries import Entry, entries, last
from dualstack.doctor.habits import STRICT
from dualstack.doctor.listening import Ends, Listen, NotUnderstood, Refused, Target
from dualstack.doctor.settings import Daemon, Example, Settings
from dualstack.doctor.tree import Document

__all__ = ["NSD"]

_DEFAULT = replace(STRICT, no_family=Ends.SKIPPED, none_left=Ends.SKIPPED)


def _read(settings: Settings) -> Sequence[Listen]:
    options = settings.options("-c", "-a", "-p", "-f", "-u", "-t", "-N", "-P", "-I", "-i", "-s", "-V", "-l", "-z")
    settings.path = options.last("-c") or settings.path
    found = _entries(settings, settings.main())
    found += [Entry("ip-address", value, COMMAND) for value in options.all("-a")]
    port = last(found, "port")
    number = int(options.last("-p") or (port.value if port is not None and port.value.isdigit() else "53"))
    families = [family for family in (6, 4) if not _is_off(found, family)]
    if options.has("-4", "-6"):
        families = [4] if options.has("-4") else [6]
    hosts = [each for each in found if each.key in {"ip-address", "interface"}]
    freebind = last(found, "ip-freebind")
    habits = replace(STRICT, freebind=freebind is not None and freebind.value == "yes")
    if not hosts:
        # A host without AF_INET6 is known only where IPv4 is asked for too.
        habits = _DEFAULT if 4 in families else habits
        rows = [Listen("::" if family == 6 else "0.0.0.0", number, habits) for family in families]
    else:
        rows = [_row(each, number, replace(Listen("", 0, habits), place=each.place), settings) for each in hosts]
    return [replace(row, proto=proto) for row in rows for proto in ("udp", "tcp")]


def _entries(settings: Settings, document: Document) -> list[Entry]:
    found: list[Entry] = []
    section = ""
    for entry in entries(document, separator=r"\s*:\s*", inline=True):
        if entry.key == "include":
            found += settings.included(entry.value, entry.place, lambda inner: _entries(settings, inner))
        elif entry.is_head:
            section = entry.key
        elif section in {"server", ""}:
            found.append(entry)
    return found


def _is_off(found: Sequence[Entry], family: int) -> bool:
    entry = last(found, f"do-ip{family}")
    return entry is not None and entry.value == "no"


def _row(entry: Entry, port: int, row: Listen, settings: Settings) -> Listen:
    text, at, number = entry.value.split()[0].partition("@")
    text = "::" if text == "::0" else text
    row = replace(row, host=text, port=int(number) if at and number.isdigit() else port)
    if literal(text) is not None:
        return row
    if settings.host.is_interface(text):
        return replace(row, target=Target.INTERFACE)
    if settings.host.interfaces is not None and text in settings.host.names:
        raise Refused(f"cannot parse address {text!r}", entry.place)
    raise NotUnderstood(f"the addresses of interface {text} are not known", entry.place)


NSD = Daemon(
    name="nsd",
    read=_read,
    habits=STRICT,
    programs=("nsd",),
    files=("/etc/nsd/nsd.conf",),
    config_options=("-c",),
    ports=("udp/53", "tcp/53"),
    source="measured 4.6; nsd.c, options.c",
    examples=tuple(
        Example(f"server:\n{each}")
        for each in (
            "  verbosity: 1\n",
            "  ip-address: 0.0.0.0\n",
            "  ip-address: ::0\n",
            "  ip-address: 0.0.0.0\n  ip-address: ::0\n",
        )
    ),
    both=Example("ip-address: 0.0.0.0\nip-address: ::0"),
)
