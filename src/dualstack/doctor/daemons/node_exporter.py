"""Prometheus' exporters: `--web.listen-address` (exporter-toolkit; Go's net.Listen)."""

from collections.abc import Sequence
from dataclasses import replace

from dualstack.doctor.formats.command_line import COMMAND
from dualstack.doctor.formats.host_port import host_port
from dualstack.doctor.habits import GO
from dualstack.doctor.listening import Listen
from dualstack.doctor.settings import Daemon, Example, Settings

__all__ = ["NODE_EXPORTER"]


def _read(settings: Settings) -> Sequence[Listen]:
    said = settings.options("--web.listen-address").all("--web.listen-address")
    rows = []
    for text in said or [":9100"]:
        host, port = host_port(text, 9100, COMMAND)
        row = Listen("::" if host in {"", "0.0.0.0", "::"} else host, port, GO)
        rows.append(replace(row, place=COMMAND if said else None))
    return rows


NODE_EXPORTER = Daemon(
    name="node-exporter",
    read=_read,
    habits=GO,
    programs=("prometheus-node-exporter", "node_exporter"),
    source="measured 1.5, 1.9; net/ipsock_posix.go",
    examples=tuple(
        Example(command=f"node_exporter{each}")
        for each in ("", *(f" --web.listen-address={host}:9100" for host in ("0.0.0.0", "[::]", "127.0.0.1")))
    ),
    both=Example(command="node_exporter --web.listen-address=:9100"),
)
