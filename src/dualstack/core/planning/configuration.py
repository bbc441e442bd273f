"""What a user asks for, as values: named ports, services on them, links out of them (D2, D5).

Texts are parsed before they come here. `core.planning.planner` turns it into sockets, the gateway runs it.
"""

from dataclasses import dataclass, field, replace
from math import inf

from dualstack.core.access.forward_defaults import implied_rules
from dualstack.core.access.service_rules import CompiledRules
from dualstack.core.address.address import Address
from dualstack.core.address.endpoint import Endpoint, Wildcard
from dualstack.core.planning.choices import Sockets
from dualstack.core.planning.targets import Target, kind_of
from dualstack.core.suggestion import those_known
from dualstack.errors import ConfigError

__all__ = [
    "BOTH",
    "Configuration",
    "Link",
    "Port",
    "Service",
    "Sockets",
]


BOTH = frozenset({4, 6})
"""Both families."""


@dataclass(frozen=True, slots=True)
class Port:
    """A named port: where services listen and what links dial from.

    Args:
        name: as written; names do not mind case.
        bind: an address, or `Wildcard.ANY` where it is bound to none.
        v6only: with `::`, IPv6 alone.
        interface: the one interface that it uses, or any.
        freebind: bound to its address though no interface has it yet.
    """

    name: str
    bind: Address | str | Wildcard = Wildcard.ANY
    v6only: bool = False
    interface: str | None = None
    freebind: bool = False

    @property
    def key(self) -> str:
        """The name as it is compared."""
        return self.name.casefold()


@dataclass(frozen=True, slots=True)
class Service:
    """One service: where it listens, for whom, and where its connections go.

    Args:
        name: unique among the services.
        target: where to; None for a listener without one (`dualstack listen`).
        ports: names of ports, with `port` their number; or
        families: over which the target may be dialled.
        listen: endpoints of its own, which make a port named after the service.
        v6only: with `listen`, IPv6 alone on `[::]`.
        handshake_timeout_s: for what a client has to say first, to a forward proxy or in a PROXY header.
        idle_timeout_s: a connection without a byte for so long is ended.
        is_unbounded: nobody has said that a silent connection may stay for ever, and it may.
        keepalive_s: after so long without a byte each side is asked whether it is still there; off is `inf`.
        max_children: how many children of an `exec:` target may live at a time.
        max_rate_per_client: new connections a second from one client.
        drain_s: how long connections may go on after the end was asked for.
        proxy_in: prefixes of the senders whose connections begin with a PROXY header.
        proxy_out: the version of the PROXY header that the target gets; None sends none.

    A forward proxy has rules in any case: see `core.access.forward_defaults`.
    """

    name: str
    target: Target | None = None
    ports: tuple[str, ...] = ()
    listen: tuple[Endpoint, ...] = ()
    port: int | None = None
    protocol: str = "tcp"
    v6only: bool = False
    sockets: Sockets = Sockets.AUTO
    families: frozenset[int] = BOTH
    access: tuple[str, ...] = ()
    reach: tuple[str, ...] = ()
    nat64: tuple[str, ...] = ()
    idle_timeout_s: float = inf
    is_unbounded: bool = False
    keepalive_s: float = 60.0
    connect_timeout_s: float = 30.0
    handshake_timeout_s: float = 10.0
    max_connections: int | None = None
    max_per_client: int | None = None
    max_rate_per_client: float | None = None
    max_children: int = 64
    drain_s: float = 30.0
    proxy_in: tuple[str, ...] = ()
    proxy_out: int | None = None

    def __post_init__(self) -> None:
        if kind_of(self.target).is_proxy:
            access, reach = implied_rules(self.access, self.reach)
            object.__setattr__(self, "access", access)
            object.__setattr__(self, "reach", reach)


@dataclass(frozen=True, slots=True)
class Link:
    """Outgoing: destinations that match `to` are dialled from these ports alone (D5)."""

    to: str
    ports: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Configuration:
    """All that one gateway is asked to do.

    Args:
        where: names the file for messages.
        ipv6: where false, sockets are IPv4 alone, to listen and to connect, whatever the host has (D6.1).
        workers: how many processes relay.
        compiled: the rules of services that were asked for; a copy (`replace`) has none, and they are compiled anew.
    """

    services: tuple[Service, ...]
    ports: tuple[Port, ...] = ()
    links: tuple[Link, ...] = ()
    where: str = ""
    user: str | None = None
    control: str | None = None
    log: str = "text"
    resolver: tuple[str, ...] = ("system",)
    max_connections: int | None = None
    ipv6: bool = True
    workers: int = 1
    access_log: str | None = None
    page: tuple[Endpoint, ...] = ()
    page_hosts: tuple[str, ...] = ()
    ports_by_key: dict[str, Port] = field(init=False, repr=False, compare=False)
    compiled: CompiledRules = field(init=False, repr=False, compare=False, default_factory=CompiledRules)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ports_by_key", {port.key: port for port in self.ports})
        if not self.ipv6:
            services = tuple(replace(service, families=service.families & {4}) for service in self.services)
            object.__setattr__(self, "services", services)

    def port_named(self, name: str, key: str) -> Port:
        """The port of this name, in whatever case; `key` is where the name stands.

        Raises:
            ConfigError: there is none.
        """
        port = self.ports_by_key.get(name.casefold())
        if port is None:
            known = those_known(name, [port.name for port in self.ports])
            raise ConfigError(self.where, key, f"no [ports.{name}]; there are: {known}")
        return port
