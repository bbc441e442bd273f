"""NATS: `listen`, `host`, `port`, `-a`, `-p` (docs.nats.io, server/opts.go; Go's net.Listen)."""

import re
from collections.abc import Sequence
from dataclasses import replace

from dualstack.doctor.formats.command_line import COMMAND
from dualstack.doctor.formats.entries import entries
from dualstack.doctor.formats.host_port import host_port
from dualstack.doctor.habits import GO
from dualstack.doctor.listening import Listen, Place
from dualstack.doctor.settings import Daemon, Example, Settings

__all__ = ["NATS"]


def _read(settings: Settings) -> Sequence[Listen]:
    options = settings.options("-c", "--config", "-a", "--addr", "--net", "-p", "--port", "-m", is_go=True)
    settings.path = options.last("-c", "--config") or settings.path
    depth, host, port = 0, "", 4222
    place: Place | None = None
    for entry in entries(settings.main(), separator=r"\s*[:=]\s*|\s+", inline=True):
        if depth == 0 and entry.key == "listen":
            host, port = host_port(entry.value, port, entry.place)
            place = entry.place
        elif depth == 0 and entry.key in {"host", "net"}:
            host, place = entry.value, entry.place
        elif depth == 0 and entry.key == "port":
            port = int(entry.value)
        depth += len(re.findall(r"[{\[]", entry.key + entry.value.replace("[::", ""))) - entry.key.count("}")
    host = options.last("-a", "--addr", "--net") or host
    port = int(options.last("-p", "--port") or port)
    place = COMMAND if options.has("-a", "--addr", "--net") else place
    return [_row(host, port, place)]


def _row(host: str, port: int, place: Place | None) -> Listen:
    bare = host.strip("[]")
    return replace(Listen("::" if bare in {"", "0.0.0.0", "::"} else bare, port, GO), place=place)


NATS = Daemon(
    name="nats-server",
    read=_read,
    habits=GO,
    programs=("nats-server",),
    files=("/etc/nats-server.conf", "/etc/nats/nats-server.conf"),
    config_options=("-c", "--config"),
    source="measured 2.9.10; net/ipsock_posix.go",
    examples=tuple(Example(f"{each}\n") for each in ("", 'host: "0.0.0.0"', 'host: "::"', "listen: 127.0.0.1:4222")),
    both=Example('listen: "[::]:4222"'),
)
