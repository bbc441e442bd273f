"""Transmission: `rpc-bind-address`, `bind-address-ipv4` and `-ipv6` of settings.json (its wiki)."""

# dualstack: ignore-file - what stands here is what the daemon does

import json
from collections.abc import Sequence
from dataclasses import replace

from dualstack.doctor.habits import LENIENT
from dualstack.doctor.listening import Ends, Listen, NotUnderstood, Place, Refused
from dualstack.doctor.settings import Daemon, Example, Settings

__all__ = ["TRANSMISSION"]

_HABITS = replace(LENIENT, nothing=Ends.SKIPPED)


def _read(settings: Settings) -> Sequence[Listen]:
    directory = settings.options("-g", "--config-dir", "-p", "-P", "-r", "-u", "-v").last("-g", "--config-dir")
    settings.path = f"{directory}/settings.json" if directory else settings.path
    document = settings.main()
    place = Place(document.path, 1)
    try:
        found = json.loads(document.text or "{}")
    except (ValueError, RecursionError) as error:
        raise Refused(f"json: {error}", place) from None
    if not isinstance(found, dict):
        raise NotUnderstood("it is no object", place)
    peer = int(found.get("peer-port", 51413))
    four, six = str(found.get("bind-address-ipv4", "0.0.0.0")), str(found.get("bind-address-ipv6", "::"))
    rows = [Listen(host, peer, _HABITS, place=place) for host in (four, six)]
    rows.append(Listen("0.0.0.0", peer, _HABITS, proto="udp", place=place, is_aside=True))
    if found.get("rpc-enabled", True):
        rows += _rpc(found, place, settings)
    return rows


def _rpc(found: dict[str, object], place: Place, settings: Settings) -> list[Listen]:
    """The HTTP server of libevent, which finds no `::` where the host has no address of IPv6 (AI_ADDRCONFIG)."""
    host, port = str(found.get("rpc-bind-address", "0.0.0.0")), int(str(found.get("rpc-port", 9091)))
    if ":" in host and not settings.host.has_ipv6:
        return []
    return [Listen(host, port, replace(_HABITS, v6only=None), place=place)]


TRANSMISSION = Daemon(
    name="transmission-daemon",
    read=_read,
    habits=_HABITS,
    programs=("transmission-daemon",),
    files=("/etc/transmission-daemon/settings.json", "/var/lib/transmission-daemon/info/settings.json"),
    source="measured 3.00; libtransmission/net.c, rpc-server.c",
    ports=("tcp/9091", "tcp/51413"),
    examples=tuple(Example(f'{{"rpc-bind-address": "{each}"}}\n') for each in ("0.0.0.0", "::")),
    both=Example('"rpc-bind-address": "::"'),
)
