"""Mosquitto: `listener`, `port`, `bind_address`, `bind_interface`, `socket_domain` (mosquitto.conf(5), src/net.c)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from dualstack.doctor.formats.command_line import COMMAND
from dualstack.doctor.formats.entries import Entry, entries
from dualstack.doctor.formats.host_port import port_number
from dualstack.doctor.habits import STRICT
from dualstack.doctor.listening import Ends, Listen, Place, Target
from dualstack.doctor.settings import Daemon, Example, Settings
from dualstack.doctor.tree import Document

__all__ = ["MOSQUITTO"]

_HABITS = replace(STRICT, no_family=Ends.SKIPPED)
_WILD = replace(_HABITS, none_left=Ends.SKIPPED)
_DOMAINS = {"ipv4": 4, "ipv6": 6}


@dataclass(slots=True)
class _Listener:
    port: int
    host: str
    place: Place | None
    interface: str = ""
    family: int | None = None


def _read(settings: Settings) -> Sequence[Listen]:
    options = settings.options("-c", "--config-file", "-p", "--port")
    settings.path = options.last("-c", "--config-file") or settings.path
    default = _Listener(0, "", None)
    listeners: list[_Listener] = []
    for entry in _entries(settings, settings.main()):
        _take(entry, default, listeners)
    if options.last("-p", "--port"):
        default.port, default.place = port_number(options.last("-p", "--port") or "", COMMAND), COMMAND
    if default.port or default.host:
        default.port = default.port or 1883
        listeners.insert(0, default)
    if not listeners:
        # Since 2.0 the loopback alone ("local only mode"); before, every address, by its release notes.
        if settings.before(2):
            return _rows(_Listener(1883, "", None))
        return [Listen(host, 1883, replace(_WILD, no_address=Ends.SKIPPED)) for host in ("127.0.0.1", "::1")]
    return [row for each in listeners for row in _rows(each)]


def _entries(settings: Settings, document: Document) -> list[Entry]:
    found: list[Entry] = []
    for entry in entries(document, separator=r"\s+"):
        if entry.key == "include_dir":
            pattern = f"{entry.value.rstrip('/')}/*.conf"
            found += settings.included(pattern, entry.place, lambda inner: _entries(settings, inner))
        else:
            found.append(entry)
    return found


def _take(entry: Entry, default: _Listener, listeners: list[_Listener]) -> None:
    words = entry.words
    here = listeners[-1] if listeners else default
    if entry.key == "listener" and words:
        listeners.append(_Listener(port_number(words[0], entry.place), words[1] if len(words) > 1 else "", entry.place))
    elif entry.key == "port" and words:
        default.port, default.place = port_number(words[0], entry.place), entry.place
    elif entry.key == "bind_address" and words:
        default.host, default.place = words[0], entry.place
    elif entry.key == "bind_interface" and words:
        here.interface = words[0]
    elif entry.key == "socket_domain" and words:
        here.family = _DOMAINS.get(words[0])


def _rows(listener: _Listener) -> list[Listen]:
    if listener.host.startswith("/") or (listener.port == 0 and listener.host):
        return []
    if listener.interface:
        row = Listen(listener.interface, listener.port, _HABITS, place=listener.place, target=Target.INTERFACE)
        return [replace(row, family=listener.family)]
    if listener.host:
        return [Listen(listener.host, listener.port, _HABITS, place=listener.place, family=listener.family)]
    hosts = [host for host in ("0.0.0.0", "::") if listener.family is None or (":" in host) == (listener.family == 6)]
    return [Listen(host, listener.port, _WILD, place=listener.place) for host in hosts]


MOSQUITTO = Daemon(
    name="mosquitto",
    read=_read,
    habits=_HABITS,
    programs=("mosquitto",),
    files=("/etc/mosquitto/mosquitto.conf",),
    config_options=("-c", "--config-file"),
    source="measured 2.0.11, 2.0.21; src/net.c net__socket_listen_tcp",
    examples=tuple(
        Example(f"{each}\n")
        for each in ("", "listener 1883", "listener 1883 ::", "listener 1883 0.0.0.0", "listener 1883 localhost")
    ),
    both=Example("listener 1883"),
)
