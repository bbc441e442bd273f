"""Unbound: `interface`, `interface-automatic`, `port`, `do-ip4`, `do-udp` (unbound.conf(5), listen_dnsport.c)."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from dualstack.doctor.access.access_list import OWN, AccessList, prefix_of
from dualstack.doctor.access.access_list import Entry as Rule
from dualstack.doctor.assumed_host import literal
from dualstack.doctor.formats.entries import Entry, entries, last
from dualstack.doctor.habits import STRICT
from dualstack.doctor.listening import Ends, Habits, Listen, NotUnderstood, Refused, Target
from dualstack.doctor.settings import Daemon, Example, Settings
from dualstack.doctor.tree import Document

__all__ = ["UNBOUND"]

# ports_create_if: a socket that fails for want of AF_INET6 is passed over, one whose address is not there is fatal.
_HABITS = replace(STRICT, no_family=Ends.SKIPPED, none_left=Ends.SKIPPED)


def _read(settings: Settings) -> Sequence[Listen]:
    settings.path = settings.options("-c").last("-c") or settings.path
    found = _entries(settings, settings.main())
    server = [each for each in found if each.section == "server"]
    port = last(server, "port")
    number = int(port.value) if port is not None and port.value.isdigit() else 53
    hosts = [each for each in server if each.key in {"interface", "ip-address"}]
    habits = replace(_HABITS, freebind=_says(server, "ip-freebind"))
    protos = [proto for proto in ("udp", "tcp") if not _says(server, f"do-{proto}", "no")]
    families = [family for family in (4, 6) if not _says(server, f"do-ip{family}", "no")]
    rows: list[Listen] = []
    if hosts:
        for each in hosts:
            rows += _rows(each, number, habits, settings)
    else:
        default = ("0.0.0.0", "::") if _says(server, "interface-automatic") else ("127.0.0.1", "::1")
        rows = [Listen(host, number, habits) for host in default]
    wanted = [row for row in rows if row.target is Target.INTERFACE or (6 if ":" in row.host else 4) in families]
    rows = [replace(row, proto=proto) for row in wanted for proto in protos]
    return rows + (_control(found, settings))


def _entries(settings: Settings, document: Document, *, section: str = "") -> list[Entry]:
    """`key: value` in clauses that a key without value begins."""
    found: list[Entry] = []
    for entry in entries(document, separator=r"\s*:\s*", inline=True):
        if entry.key.startswith("include"):
            found += settings.included(entry.value, entry.place, partial(_entries, settings, section=section))
        elif entry.is_head:
            section = entry.key
        else:
            found.append(replace(entry, section=section))
    return found


def _says(found: Sequence[Entry], key: str, value: str = "yes") -> bool:
    entry = last(found, key)
    return entry is not None and entry.value == value


def _rows(entry: Entry, port: int, habits: Habits, settings: Settings) -> list[Listen]:
    text, at, number = entry.value.partition("@")
    port = int(number) if at and number.isdigit() else port
    if text == "*":
        return [Listen("0.0.0.0", port, habits, place=entry.place)]
    text = "::" if text == "::0" else text
    if literal(text) is not None:
        return [Listen(text, port, habits, place=entry.place)]
    if settings.host.is_interface(text):
        return [Listen(text, port, habits, place=entry.place, target=Target.INTERFACE)]
    if settings.host.interfaces is None or "." in text or "host" in settings.host.interfaces:
        raise NotUnderstood(f"the addresses of interface {text} are not known", entry.place)
    raise Refused(f"could not open ports: no interface is called {text}", entry.place)


def _control(found: Sequence[Entry], settings: Settings) -> list[Listen]:
    """unbound-control's port, which Debian 11 has on by a file of its own (unbound.conf.d is not asked: measured)."""
    control = [each for each in found if each.section == "remote-control"]
    is_on = _says(control, "control-enable") or (last(control, "control-enable") is None and _debian_11(settings))
    if not is_on:
        return []
    habits = replace(_HABITS, no_address=Ends.SKIPPED)
    listed = [each for each in control if each.key == "control-interface"]
    if any(each.value.startswith("/") for each in listed):
        return []
    if listed:
        return [Listen(each.value.partition("@")[0], 8953, habits, place=each.place, is_aside=True) for each in listed]
    return [Listen(host, 8953, habits, is_aside=True) for host in ("127.0.0.1", "::1")]


def _debian_11(settings: Settings) -> bool:
    return bool(settings.version) and settings.version < (1, 14)


def _access(settings: Settings) -> Iterator[AccessList]:
    """`access-control`, the longest prefix that fits; else this host alone (unbound.conf(5))."""
    found: list[tuple[int, Rule]] = []
    for entry in _entries(settings, settings.main()):
        words = entry.value.split()
        if entry.key == "access-control" and len(words) > 1 and (who := prefix_of(words[0])) is not None:
            found.append((who.length, Rule(words[1].startswith("allow"), who, entry.place)))
    if found:
        rules = [rule for _, rule in sorted(found, key=lambda each: -each[0])]
        own = [Rule(True, prefix_of(each), rules[0].place) for each in OWN]
        yield AccessList("unbound", [*rules, *own], lets_in_others=False, place=rules[0].place)


UNBOUND = Daemon(
    name="unbound",
    read=_read,
    habits=_HABITS,
    programs=("unbound",),
    files=("/etc/unbound/unbound.conf",),
    config_options=("-c",),
    source="measured 1.13, 1.17, 1.26; services/listen_dnsport.c",
    ports=("udp/53", "tcp/53"),
    examples=tuple(
        Example(f"server:\n{each}")
        for each in (
            "  verbosity: 1\n",
            "  interface: 0.0.0.0\n  interface: ::0\n",
            "  interface: ::0\n",
            "  interface: 127.0.0.1\n",
            "  interface-automatic: yes\n",
        )
    ),
    both=Example("interface: 0.0.0.0\ninterface: ::0"),
    access=_access,
)
