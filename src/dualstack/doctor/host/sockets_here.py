"""The listening sockets of a host: who reaches each by the oracle, and which serve one family alone. Values only."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from dualstack.core.address.address import Address
from dualstack.core.address.endpoint import bracketed
from dualstack.core.address.well_known import UNSPECIFIED
from dualstack.core.host.facts import Listener
from dualstack.core.host.network import AddressState, Reach, reach_of
from dualstack.doctor.assumed_host import AssumedHost, Ipv6
from dualstack.doctor.host.seen import Seen, seen
from dualstack.doctor.host.state import HostState
from dualstack.doctor.opening import Socket
from dualstack.doctor.reach import reach

__all__ = ["PortHere", "assumed_here", "one_sided_sockets", "ports_here", "shown_listener"]


@dataclass(frozen=True, slots=True)
class PortHere:
    """A port number and the sockets on it; who reaches it, by family: yes, partly, no."""

    proto: str
    port: int
    listeners: tuple[Listener, ...]
    reach: Mapping[str, str]


def assumed_here(state: HostState) -> AssumedHost:
    """This host in the words in which a daemon is imagined on one."""
    interfaces: dict[str, tuple[Address, ...]] = {}
    for each in state.addresses:
        if each.is_usable:
            interfaces[each.interface] = (*interfaces.get(each.interface, ()), each.address)
    has_ipv6 = state.has_socket and any(each.address.version == 6 for each in state.addresses)
    ipv6 = Ipv6.ON if has_ipv6 else Ipv6.OFF if state.has_socket else Ipv6.ABSENT
    return AssumedHost(state.bindv6only, ipv6, interfaces or None, state.hosts)


def ports_here(state: HostState, host: AssumedHost) -> list[PortHere]:
    """Every port on which somebody listens (TCP) or is bound (UDP), with who reaches it."""
    by_port: dict[tuple[str, int], list[Listener]] = {}
    for each in state.listeners or ():
        by_port.setdefault((each.proto, each.port), []).append(each)
    known: dict[tuple[object, ...], Mapping[str, str]] = {}
    found = []
    for (proto, port), listeners in by_port.items():
        sockets = tuple(dict.fromkeys((each.family, each.address, each.v6only) for each in listeners))
        key = (proto, sockets)
        if key not in known:  # the number counts for nothing: hundreds of ports are alike
            known[key] = reach([_socket(proto, 1, *each) for each in sockets], host)
        found.append(PortHere(proto, port, tuple(listeners), known[key]))
    return found


def _socket(proto: str, port: int, family: int, address: Address, v6only: bool | None) -> Socket:  # noqa: FBT001
    is_only = None if family == 4 else v6only is not False
    return Socket(proto, address, port, is_only, "reuseport", None)


def one_sided_sockets(
    state: HostState, ports: Sequence[PortHere], explained: Collection[tuple[str, int]]
) -> Iterator[Seen]:
    """TCP ports that are for everybody of one family and nobody of the other.

    Args:
        state: the host.
        ports: all of them.
        explained: those of which a finding about their daemon tells more.
    """
    has = {version: any(_is_beyond(each) for each in state.of_family(version)) for version in (4, 6)}
    for each in ports:
        if each.proto != "tcp" or (each.proto, each.port) in explained:
            continue
        wildcards = [one for one in each.listeners if one.address.canonical in UNSPECIFIED.values()]
        if not wildcards:
            continue
        who = wildcards[0].process or "a program"
        evidence = ", ".join(map(shown_listener, each.listeners))
        if each.reach["ipv6"] == "no" and has[6]:
            yield seen("DS151", who, evidence, 6, remedy=_remedy(who, wildcards[0]))
        elif each.reach["ipv4"] == "no" and has[4]:
            remedy = "sysctl -w net.ipv6.bindv6only=0, and restart it" if state.bindv6only else ""
            yield seen("DS152", who, evidence, 4 if not state.bindv6only else 6, remedy=remedy)


def _is_beyond(each: AddressState) -> bool:
    return each.is_usable and reach_of(each.address) is not Reach.LOOPBACK


def _remedy(who: str, listener: Listener) -> str:
    program = f" (pid {listener.pid})" if listener.pid else ""
    return f"let {who}{program} listen on [::]:{listener.port} too"


def shown_listener(listener: Listener) -> str:
    """`tcp [::]:80 v6only=1 (nginx, pid 812)`."""
    only = "" if listener.v6only is None or listener.family == 4 else f" v6only={listener.v6only:d}"
    who = f" ({listener.process}, pid {listener.pid})" if listener.process else ""
    return f"{listener.proto} {bracketed(listener.address)}:{listener.port}{only}{who}"
