"""Munin's node: `host`, `port` (munin-node.conf, Net::Server)."""

from collections.abc import Sequence
from dataclasses import replace

from dualstack.core.address.well_known import UNSPECIFIED
from dualstack.doctor.assumed_host import literal
from dualstack.doctor.formats.entries import entries, last
from dualstack.doctor.habits import SYSCTL
from dualstack.doctor.listening import Ends, Listen, Refused
from dualstack.doctor.settings import Daemon, Example, Settings

__all__ = ["MUNIN_NODE"]

# Net::Server::Proto: `*` is each wildcard, but IPv6's alone where that is dual.
_WILD = replace(SYSCTL, in_use=Ends.SKIPPED, none_left=Ends.SKIPPED)


def _read(settings: Settings) -> Sequence[Listen]:
    settings.path = settings.options("--config").last("--config") or settings.path
    found = list(entries(settings.main(), separator=r"\s+"))
    host, port = last(found, "host"), last(found, "port")
    number = int(port.value) if port is not None else 4949
    name = "*" if host is None else host.value.strip("[]")
    place = None if host is None else host.place
    if name in {"*", "::"} and not settings.host.has_ipv6:
        raise Refused(f"Can't connect to TCP port {number} on :: [Invalid argument]", place)
    if name == "*":
        return [Listen(each, number, _WILD, place=place) for each in ("::", "0.0.0.0")]
    return [Listen(name if literal(name) != UNSPECIFIED[6] else "::", number, SYSCTL, place=place)]


MUNIN_NODE = Daemon(
    name="munin-node",
    read=_read,
    habits=SYSCTL,
    programs=("munin-node",),
    files=("/etc/munin/munin-node.conf",),
    config_options=("--config",),
    source="measured 2.0.73; Net::Server::Proto",
    examples=tuple(Example(f"port 4949\n{each}\n") for each in ("", "host *", "host 0.0.0.0", "host ::")),
    both=Example("host *"),
)
