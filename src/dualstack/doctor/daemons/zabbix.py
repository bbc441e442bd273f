"""Zabbix' agent: `ListenIP`, `ListenPort` (zabbix_agentd.conf, libs/zbxcomms/comms.c zbx_tcp_listen)."""

from collections.abc import Sequence
from dataclasses import replace

from dualstack.doctor.formats.entries import entries, last
from dualstack.doctor.habits import LENIENT
from dualstack.doctor.listening import Ends, Listen
from dualstack.doctor.settings import Daemon, Example, Settings

__all__ = ["ZABBIX"]

# zbx_tcp_listen passes over a family that is not there, and over nothing else.
_HABITS = replace(LENIENT, no_address=Ends.FATAL, in_use=Ends.FATAL)


def _read(settings: Settings) -> Sequence[Listen]:
    settings.path = settings.options("-c", "--config", "-t", "-R").last("-c", "--config") or settings.path
    found = list(entries(settings.main()))
    for each in [entry for entry in found if entry.key == "Include"]:
        found += settings.included(each.value, each.place, lambda inner: list(entries(inner)))
    port, host = last(found, "ListenPort"), last(found, "ListenIP")
    number = int(port.value) if port is not None else 10050
    hosts = ["0.0.0.0", "::"] if host is None else [each.strip() for each in host.value.split(",")]
    return [Listen(each, number, _HABITS, place=None if host is None else host.place) for each in hosts]


ZABBIX = Daemon(
    name="zabbix-agent",
    read=_read,
    habits=_HABITS,
    programs=("zabbix_agentd",),
    files=("/etc/zabbix/zabbix_agentd.conf",),
    config_options=("-c", "--config"),
    source="measured 6.0; zbx_tcp_listen",
    examples=tuple(
        Example(f"Server=127.0.0.1\n{each}\n")
        for each in ("", "ListenIP=0.0.0.0", "ListenIP=::", "ListenIP=0.0.0.0,::")
    ),
    both=Example("ListenIP=0.0.0.0,::"),
)
