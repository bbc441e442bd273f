"""shadowsocks-libev's ss-server: `server`, `server_port`, `-s`, `-p`, `-u` (ss-server(1), src/server.c)."""

import json
from collections.abc import Sequence
from dataclasses import replace

from dualstack.doctor.formats.command_line import COMMAND
from dualstack.doctor.habits import LENIENT
from dualstack.doctor.listening import Listen, Names, NotUnderstood, Place, Refused
from dualstack.doctor.settings import Daemon, Example, Settings

__all__ = ["SHADOWSOCKS"]

_HABITS = replace(LENIENT, names=Names.FIRST)


def _read(settings: Settings) -> Sequence[Listen]:
    options = settings.options("-c", "-s", "-p", "-k", "-m", "-a", "-f", "-t", "-n", "-i", "-b", "-l")
    settings.path = options.last("-c") or settings.path
    document = settings.main()
    place = Place(document.path, 1)
    try:
        found = json.loads(document.text or "{}")
    except (ValueError, RecursionError) as error:
        raise Refused(f"json: {error}", place) from None
    if not isinstance(found, dict):
        raise NotUnderstood("it is no object", place)
    said = options.all("-s")
    servers = said or found.get("server", [])
    hosts = [servers] if isinstance(servers, str) else servers
    port = int(options.last("-p") or found.get("server_port", 8388))
    mode = (
        "tcp_and_udp" if options.has("-u") else "udp_only" if options.has("-U") else str(found.get("mode", "tcp_only"))
    )
    protos = {"tcp_only": ["tcp"], "udp_only": ["udp"]}.get(mode, ["tcp", "udp"])
    return [
        Listen(str(host).strip("[]"), port, _HABITS, proto=proto, place=COMMAND if said else place)
        for host in hosts or ["0.0.0.0"]
        for proto in protos
        if settings.host.has_ipv6 or str(host) != "::"
    ]


SHADOWSOCKS = Daemon(
    name="shadowsocks-libev",
    read=_read,
    habits=_HABITS,
    programs=("ss-server",),
    files=("/etc/shadowsocks-libev/config.json",),
    config_options=("-c",),
    source="measured 3.3.5; src/server.c",
    examples=tuple(
        Example(f'{{"server": {each}, "server_port": 8388}}\n') for each in ('"0.0.0.0"', '"::"', '["::", "0.0.0.0"]')
    ),
    both=Example('"server": ["::", "0.0.0.0"]'),
)
