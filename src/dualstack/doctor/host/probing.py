"""Really connects to this host's listening TCP sockets from an address of each family, for `--probe`.

The connections leave from this host's own addresses and are closed once they are made: servers see them come and go.
"""

import os
from collections.abc import Iterator, Mapping, Sequence

from dualstack.core.address.address import Address
from dualstack.core.address.well_known import LOOPBACK
from dualstack.core.host.network import Reach, reach_of
from dualstack.doctor.host.seen import Seen, seen
from dualstack.doctor.host.sockets_here import PortHere, shown_listener
from dualstack.doctor.host.state import HostState
from dualstack.kernel.probes import Heard, Probe, Way, probe_all

__all__ = ["Probed", "not_reached", "probe_ports"]

_LIMIT_S = 1.0
_AT_ONCE = 200

Probed = Mapping[tuple[int, int], str]
"""By TCP port and family: `yes`, or why not."""


def probe_ports(state: HostState, ports: Sequence[PortHere]) -> Probed:
    """What came of a connection to each port over each family that should reach it."""
    asked = [(each.port, address.version, address) for each in ports for address in _addresses(state, each)]
    heard: list[Heard | None] = []
    for start in range(0, len(asked), _AT_ONCE):
        some = asked[start : start + _AT_ONCE]
        heard += probe_all([Probe(Way.TCP, address, port, limit_s=_LIMIT_S) for port, _, address in some])
    return {(port, version): _word(found) for (port, version, _), found in zip(asked, heard, strict=True)}


def _addresses(state: HostState, port: PortHere) -> Iterator[Address]:
    """Of each family that is served, an address that a client would use."""
    if port.proto != "tcp":
        return
    for version in (6, 4):
        if port.reach[f"ipv{version}"] == "no":
            continue
        own = [(each.address.canonical, each.v6only) for each in port.listeners]
        mine = [address for address, _ in own if address.version == version and not address.is_unspecified]
        is_wild = any(
            address.is_unspecified and (address.version == version or (version == 4 and v6only is False))
            for address, v6only in own
        )
        beyond = [
            each.address
            for each in state.of_family(version)
            if each.is_usable and reach_of(each.address) is not Reach.LINK
        ]
        found = (*(beyond if is_wild else ()), *mine, LOOPBACK[version])
        yield found[0]


def _word(heard: Heard | None) -> str:
    if heard is None:
        return "nothing comes back"
    return os.strerror(heard.errno) if heard.errno else "yes"


def not_reached(ports: Sequence[PortHere], probed: Probed) -> Iterator[Seen]:
    """The sockets that should have been reached and were not."""
    by_number = {each.port: each for each in ports if each.proto == "tcp"}
    for (port, version), word in probed.items():
        if word != "yes":
            listeners = by_number[port].listeners
            who = listeners[0].process or "a program"
            evidence = f"{', '.join(map(shown_listener, listeners))}: over IPv{version}: {word}"
            yield seen("DS153", who, evidence, version)
