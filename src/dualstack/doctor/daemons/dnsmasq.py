"""dnsmasq: `listen-address`, `interface`, `bind-interfaces`, `bind-dynamic`, `port` (dnsmasq(8), src/network.c)."""

from collections.abc import Sequence
from dataclasses import replace

from dualstack.doctor.formats.command_line import COMMAND
from dualstack.doctor.formats.entries import Entry, entries, last
from dualstack.doctor.habits import STRICT
from dualstack.doctor.listening import Ends, Listen, NotUnderstood, Target
from dualstack.doctor.settings import Daemon, Example, Settings
from dualstack.doctor.tree import Document

__all__ = ["DNSMASQ"]

_HABITS = replace(STRICT, no_family=Ends.SKIPPED, none_left=Ends.SKIPPED, nothing=Ends.SKIPPED)
_TAKES = ("-C", "--conf-file", "-a", "--listen-address", "-i", "--interface", "-p", "--port", "-I", "-u", "-r", "-S")
_LETTERS = {"-a": "listen-address", "-i": "interface", "-z": "bind-interfaces", "-p": "port", "-I": "except-interface"}


def _read(settings: Settings) -> Sequence[Listen]:
    options = settings.options(*_TAKES)
    settings.path = options.last("-C", "--conf-file") or settings.path
    found = _entries(settings, settings.main())
    found += [Entry(_LETTERS.get(name, name.lstrip("-")), value, COMMAND) for name, value in options.options]
    port = last(found, "port")
    number = int(port.value) if port is not None and port.value.isdigit() else 53
    if number == 0:
        return []
    hosts = [(host.strip(), each) for each in found if each.key == "listen-address" for host in each.value.split(",")]
    interfaces = [(name.strip(), each) for each in found if each.key == "interface" for name in each.value.split(",")]
    is_dynamic, binds = last(found, "bind-dynamic") is not None, last(found, "bind-interfaces") is not None
    if not binds and not is_dynamic:
        rows = [Listen(host, number, _HABITS) for host in ("0.0.0.0", "::")]
    else:
        if last(found, "except-interface") is not None:
            raise NotUnderstood("except-interface", None)
        habits = replace(_HABITS, no_address=Ends.SKIPPED) if is_dynamic else _HABITS
        rows = [Listen(host, number, habits, place=each.place) for host, each in hosts]
        rows += _of_interfaces(interfaces, number, settings)
        if not hosts and not interfaces:
            rows = [Listen("", number, habits, target=Target.EVERY)]
    return [replace(row, proto=proto) for row in rows for proto in ("udp", "tcp")]


def _of_interfaces(interfaces: Sequence[tuple[str, Entry]], port: int, settings: Settings) -> list[Listen]:
    """Each address of the interfaces; the loopback comes with any of them."""
    rows = []
    wanted = {**dict(interfaces), **({"lo": interfaces[0][1]} if interfaces else {})}
    for name, entry in wanted.items():
        if not settings.host.is_interface(name):
            raise NotUnderstood(f"the addresses of interface {name} are not known", entry.place)
        rows.append(Listen(name, port, _HABITS, place=entry.place, target=Target.INTERFACE))
    return rows


def _entries(settings: Settings, document: Document) -> list[Entry]:
    found: list[Entry] = []
    for entry in entries(document, inline=True):
        if entry.key in {"conf-file", "conf-dir"}:
            path = entry.value.split(",")[0]
            pattern = f"{path.rstrip('/')}/*" if entry.key == "conf-dir" else path
            found += settings.included(pattern, entry.place, lambda inner: _entries(settings, inner))
        else:
            found.append(entry)
    return found


DNSMASQ = Daemon(
    name="dnsmasq",
    read=_read,
    habits=_HABITS,
    programs=("dnsmasq",),
    files=("/etc/dnsmasq.conf",),
    config_options=("-C", "--conf-file"),
    ports=("udp/53", "tcp/53"),
    source="measured 2.85, 2.90, 2.91; src/network.c",
    examples=tuple(
        Example(f"{each}\n")
        for each in (
            "",
            "listen-address=127.0.0.1",
            "listen-address=127.0.0.1\nbind-interfaces",
            "listen-address=127.0.0.1,::1\nbind-interfaces",
        )
    ),
    both=Example("listen-address=127.0.0.1,::1\nbind-interfaces"),
)
