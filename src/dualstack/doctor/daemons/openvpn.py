"""OpenVPN: `proto`, `port`, `lport`, `local`, `bind ipv6only` (openvpn(8), src/openvpn/socket.c)."""

from collections.abc import Sequence
from dataclasses import replace

from dualstack.doctor.formats.command_line import COMMAND
from dualstack.doctor.formats.entries import Entry, entries, last
from dualstack.doctor.habits import DUAL
from dualstack.doctor.listening import Listen, Names, NotUnderstood
from dualstack.doctor.settings import Daemon, Example, Settings

__all__ = ["OPENVPN"]

_HABITS = replace(DUAL, names=Names.FIRST)
# Words of `proto` and the family of their socket; without a number it is IPv4's (measured 2.6, resolve_bind_local).
_PROTOCOLS = {
    "udp": 4,
    "udp4": 4,
    "udp6": 6,
    "tcp-server": 4,
    "tcp4-server": 4,
    "tcp6-server": 6,
    "tcp": 4,
    "tcp4": 4,
    "tcp6": 6,
}


def _read(settings: Settings) -> Sequence[Listen]:
    options = settings.options("--config", "--proto", "--port", "--lport", "--local", "--dev", "--cd")
    settings.path = options.last("--config") or (options.words[0] if options.words else settings.path)
    found: list[Entry] = list(entries(settings.main(), separator=r"\s+", comments="#;", inline=True))
    found += [Entry(name.removeprefix("--"), value, COMMAND) for name, value in options.options]
    if last(found, "client") is not None or last(found, "nobind") is not None:
        return []
    proto = last(found, "proto")
    word = "udp" if proto is None else proto.value
    if word not in _PROTOCOLS:
        raise NotUnderstood(f"proto {word}", None if proto is None else proto.place)
    port = last(found, "lport") or last(found, "port")
    number = int(port.value) if port is not None and port.value.isdigit() else 1194
    bind, local = last(found, "bind"), last(found, "local")
    family = _PROTOCOLS[word]
    v6only = bind is not None and bind.value == "ipv6only"
    host = ("::" if family == 6 else "0.0.0.0") if local is None else local.value
    place = local.place if local is not None else proto.place if proto is not None else None
    return [
        Listen(host, number, replace(_HABITS, v6only=v6only), proto=word[:3], place=place, family=_family(word, local))
    ]


def _family(word: str, local: Entry | None) -> int | None:
    """An address of either family is taken where the protocol has no number."""
    return None if local is not None and not {"4", "6"} & set(word) else _PROTOCOLS[word]


OPENVPN = Daemon(
    name="openvpn",
    read=_read,
    habits=_HABITS,
    programs=("openvpn",),
    files=("/etc/openvpn/server.conf", "/etc/openvpn/server/*.conf"),
    config_options=("--config",),
    source="measured 2.6.14; socket.c socket_bind",
    examples=tuple(
        Example(f"proto {each}\n")
        for each in ("udp", "udp4", "udp6", "udp6\nbind ipv6only", "tcp-server", "tcp6-server")
    ),
    both=Example("proto udp6"),
)
