"""Kamailio: `listen` (its cookbook, src/core/udp_server.c and tcp_main.c)."""

import re
from collections.abc import Sequence

from dualstack.doctor.formats.command_line import COMMAND
from dualstack.doctor.formats.entries import entries
from dualstack.doctor.formats.host_port import host_port
from dualstack.doctor.habits import SYSCTL
from dualstack.doctor.listening import Listen, NotUnderstood, Place, Target
from dualstack.doctor.settings import Daemon, Example, Settings

__all__ = ["KAMAILIO"]


def _read(settings: Settings) -> Sequence[Listen]:
    options = settings.options("-f", "-l", "-Y", "-m", "-M", "-n", "-N", "-u", "-g", "-P", "-w", "-t")
    settings.path = options.last("-f") or settings.path
    rows: list[Listen] = []
    for text in options.all("-l"):
        rows += _rows(text, COMMAND, settings)
    for entry in entries(settings.main()):
        if entry.key == "listen":
            rows += _rows(
                re.sub(r"\s+(advertise|name|virtual)\b.*$", "", entry.value).strip('"'), entry.place, settings
            )
    if not rows:
        raise NotUnderstood("without listen it opens every address", None)
    return rows


def _rows(text: str, place: Place, settings: Settings) -> list[Listen]:
    match = re.match(r"(?:(udp|tcp|tls|sctp):)?(.*)$", text)
    proto, rest = (match[1], match[2]) if match is not None else (None, text)
    if proto == "sctp":
        return []
    host, port = host_port(rest, 5061 if proto == "tls" else 5060, place)
    target = Target.INTERFACE if settings.host.is_interface(host) else Target.ADDRESS
    protos = ["udp", "tcp"] if proto is None else ["udp" if proto == "udp" else "tcp"]
    return [Listen(host, port, SYSCTL, proto=each, place=place, target=target) for each in protos]


KAMAILIO = Daemon(
    name="kamailio",
    read=_read,
    habits=SYSCTL,
    programs=("kamailio",),
    files=("/etc/kamailio/kamailio.cfg",),
    config_options=("-f",),
    source="measured 5.6.3; src/core/tcp_main.c tcp_init",
    examples=tuple(Example(f"#!KAMAILIO\n{each}\n") for each in ("listen=udp:0.0.0.0:5060", "listen=udp:[::]:5060")),
    both=Example("listen=udp:0.0.0.0:5060\nlisten=udp:[::]:5060"),
)
