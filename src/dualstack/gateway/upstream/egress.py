"""Which way out: the addresses of a target that may be dialled, by which port, from which source (D4, D5).

A link names the ports for its targets; a stopped port does not dial. Without a link every family is dialled from no
address in particular. A literal target becomes hops for the data plane, a name an egress policy for the connector.
Looks nothing up.
"""

import os
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from socket import AF_INET, AF_INET6
from types import MappingProxyType

from dualstack.core.access.access_list import Verdict
from dualstack.core.access.judge import Judge
from dualstack.core.address.address import Address
from dualstack.core.address.embedded import nat64_prefix
from dualstack.core.address.endpoint import Endpoint, is_localhost
from dualstack.core.address.sockaddr import SocketAddress
from dualstack.core.address.well_known import LOOPBACK
from dualstack.core.dial.egress import FAMILY_NAMES, EgressPolicy, Source
from dualstack.core.planning.configuration import BOTH, Configuration, Port
from dualstack.core.planning.links import dialable_families, link_matches
from dualstack.gateway.relay.link import Hop

__all__ = ["Route", "hop_to", "hops", "route_to"]


@dataclass(frozen=True, slots=True)
class Route:
    """The ports that may dial a target, each with its source by family; None where no link speaks of it."""

    link: str | None = None
    ports: tuple[tuple[Port, Mapping[int, Source]], ...] | None = None
    families: frozenset[int] = BOTH

    def by(self, family: int) -> Source | None:
        """The source of the first port that dials this family; None where none does."""
        if family not in self.families:
            return None
        if self.ports is None:
            return Source()
        return next((sources[family] for _, sources in self.ports if family in sources), None)

    def explain(self, families: AbstractSet[int]) -> str:
        """Why nothing of `families` can be dialled."""
        if not families & self.families:
            return f"has no {FAMILY_NAMES[next(iter(self.families))]} address"
        wanted = " and ".join(FAMILY_NAMES[family] for family in sorted(families)) or "no address"
        return f"resolves to {wanted}, and {self._why_no_port}"

    def outlet(self, reach: Judge | None, nat64: Iterable[str]) -> EgressPolicy:
        """What the connector may use for a target of this route."""
        sources = {family: source for family in sorted(BOTH) if (source := self.by(family)) is not None}
        why = "" if self.ports is None else self._why_no_port
        return EgressPolicy(MappingProxyType(sources), reach, tuple(map(nat64_prefix, nat64)), why)

    @property
    def _why_no_port(self) -> str:
        names = ", ".join(port.name for port, _ in self.ports or ()) or "none, all are stopped"
        return f"no port of link {self.link} can dial it (up: {names})"


def route_to(
    target: Endpoint,
    families: frozenset[int],
    config: Configuration,
    is_up: Callable[[Port], bool],
    names: Mapping[str, tuple[Address, ...]],
) -> Route:
    """The first link that matches `target`, with those of its ports that are up, for `families` alone.

    `is_up` says whether a port dials, `names` are the addresses of names that ports are bound to.
    """
    for link in config.links:
        if not link_matches(link, target):
            continue
        named = [config.ports_by_key[name.casefold()] for name in link.ports]
        up = [port for port in named if is_up(port)]
        return Route(link.to, tuple((port, _sources(port, config, names)) for port in up), families)
    return Route(families=families)


def _sources(port: Port, config: Configuration, names: Mapping[str, tuple[Address, ...]]) -> dict[int, Source]:
    """What a port dials from, by family (D4)."""
    if isinstance(port.bind, Address) and not port.bind.canonical.is_unspecified:
        bound: tuple[Address, ...] = (port.bind.canonical,)
    elif isinstance(port.bind, str):
        bound = tuple(LOOPBACK.values()) if is_localhost(port.bind) else names.get(port.bind, ())
    else:
        return dict.fromkeys(dialable_families(port, config), Source(interface=port.interface))
    return {address.version: Source(address, interface=port.interface) for address in reversed(bound)}


def hops(addresses: Sequence[Address], port: int, route: Route, reach: Judge | None) -> tuple[tuple[Hop, ...], str]:
    """Where to connect, in the order given, and what to say where that is nowhere."""
    if not addresses:
        return (), "has no address"
    whole = [
        address for address in addresses if address.kame_scope is None and (address.scope or not address.needs_scope)
    ]
    if not whole:
        return (), f"resolves to {addresses[0]}, which says nothing without its interface"
    allowed = [address for address in whole if reach is None or reach.check(address).verdict is Verdict.ALLOW]
    if not allowed:
        return (), "has no address that the reach rules allow"
    found: list[Hop] = []
    for address in allowed:
        source = route.by(address.version)
        if source is not None:
            found.append(hop_to(address, port, source))
    return tuple(found), "" if found else route.explain({address.version for address in allowed})


def hop_to(address: Address, port: int, source: Source) -> Hop:
    """Where and from where to connect, as the kernel takes it; an interface that is not there is an `OSError`."""
    return Hop(
        AF_INET6 if address.version == 6 else AF_INET,
        SocketAddress(address, port).to_tuple(_interface_index),
        None if source.address is None else SocketAddress(source.address, 0).to_tuple(_interface_index),
        source.interface,
    )


def _interface_index(name: str) -> int:
    try:
        return socket.if_nametoindex(name)
    except OSError as error:
        raise OSError(error.errno, f"there is no interface {name}: {os.strerror(error.errno or 0)}") from error
