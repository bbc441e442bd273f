"""This host as it runs, from what the kernel says to a report: read, asked, judged, the cause first (X6)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dualstack.core.host.facts import Listener
from dualstack.core.host.network import AddressState, reach_of
from dualstack.doctor.access.host_files import access_files, findings_in
from dualstack.doctor.host.beyond_findings import beyond_findings
from dualstack.doctor.host.daemons_here import DaemonHere, daemons_here
from dualstack.doctor.host.network_findings import network_findings
from dualstack.doctor.host.probing import Probed, not_reached, probe_ports
from dualstack.doctor.host.reading import NamedTarget, heard_state, read_state
from dualstack.doctor.host.seen import Seen, in_order
from dualstack.doctor.host.sockets_here import PortHere, assumed_here, one_sided_sockets, ports_here
from dualstack.doctor.host.state import HostState
from dualstack.doctor.report import Report
from dualstack.doctor.tree import Tree

__all__ = ["Wishes", "check_up"]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the command was told of this host: to connect to its sockets, and whom to ask besides."""

    probes: bool = False
    reach: Sequence[NamedTarget] = ()


def check_up(wishes: Wishes) -> Report:
    """The report about this host; nothing is changed, and nobody but its resolvers and routers is asked unasked.

    Args:
        wishes: what was asked for.
    """
    tree = Tree("/")
    state = heard_state(read_state(tree), wishes.reach)
    host = assumed_here(state)
    ports = ports_here(state, host)
    daemons = daemons_here(state, host, tree)
    probed = probe_ports(state, ports) if wishes.probes else {}
    explained = {
        (listener.proto, listener.port)
        for each in daemons
        if any(one.finding.kind.code in _ONE_SIDED for one in each.findings)
        for listener in each.listeners
    }
    found: list[Seen] = [
        *network_findings(state),
        *beyond_findings(state),
        *one_sided_sockets(state, ports, explained),
        *not_reached(ports, probed),
        *(one for each in daemons for one in each.findings),
        # What may not be read here is no finding: an ordinary user may read few of them.
        *(Seen(one) for path in access_files(tree) for one in findings_in(path, tree) if one.kind.code != "DS120"),
    ]
    running = sorted(daemons, key=lambda each: not each.is_running)
    return Report(
        host,
        [each.examined for each in running],
        in_order(found),
        _network(state),
        [_listener(each, port, daemons, probed) for port in ports for each in port.listeners],
    )


_ONE_SIDED = frozenset({"DS102", "DS103", "DS150"})


def _network(state: HostState) -> dict[str, object]:
    """What JSON has of the host beside what every report has."""
    return {
        "why_no_ipv6": state.why_no_ipv6 or None,
        "interfaces": [
            {"name": each.name, "is_up": each.is_up, "mtu": each.mtu, "addresses": _addresses(state, each.name)}
            for each in state.links
        ],
        "default_routes": {
            f"ipv{version}": None
            if route is None
            else {"interface": route.interface, "gateway": None if route.gateway is None else str(route.gateway)}
            for version, route in state.ways_out.items()
        },
        "resolvers": [
            {
                "address": str(each.server),
                "answers": {
                    f"ipv{version}": {
                        name: said.value for (name, family), said in each.said.items() if family == version
                    }
                    for version in (4, 6)
                },
            }
            for each in state.resolvers
        ],
        "targets": [
            {
                "address": str(each.address),
                "name": each.name,
                "answers": each.is_heard,
                "largest": each.largest,
                "mtu": each.mtu,
                "why": each.why or None,
            }
            for each in state.targets
        ],
        "nat64": [
            {"prefix": each.prefix, "resolver": str(each.server), "translates": each.is_translated}
            for each in state.nat64
        ],
    }


def _addresses(state: HostState, interface: str) -> list[dict[str, object]]:
    return [_address(each) for each in state.addresses if each.interface == interface]


def _address(each: AddressState) -> dict[str, object]:
    return {
        "address": str(each.address.without_scope),
        "length": each.length,
        "scope": reach_of(each.address).value,
        "state": _state(each),
        "temporary": each.is_temporary,
        "preferred_s": each.preferred_s,
        "valid_s": each.valid_s,
    }


def _state(each: AddressState) -> str:
    if each.is_duplicate:
        return "duplicate"
    if each.is_tentative:
        return "tentative"
    return "deprecated" if each.is_deprecated else "preferred"


def _listener(
    listener: Listener, port: PortHere, daemons: Sequence[DaemonHere], probed: Probed
) -> Mapping[str, object]:
    owner = next((each for each in daemons if listener in each.listeners), None)
    return {
        "proto": listener.proto,
        "address": str(listener.address),
        "port": listener.port,
        "v6only": None if listener.family == 4 else listener.v6only,
        "process": listener.process,
        "pid": listener.pid,
        "uid": listener.uid,
        "daemon": None if owner is None else owner.examined.answer.question.daemon.name,
        "reach": dict(port.reach),
        "probed": {f"ipv{version}": word for (number, version), word in probed.items() if number == listener.port}
        if listener.proto == "tcp" and probed
        else None,
    }
