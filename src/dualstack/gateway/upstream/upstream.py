"""What a service does with a client, worked out once from its configuration: rules, routes, a target made ready."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from socket import AF_UNIX, SocketType

from dualstack.core.access.access_list import AccessList
from dualstack.core.access.forward_rules import NotItself
from dualstack.core.access.judge import Judge
from dualstack.core.access.service_rules import ServiceRules
from dualstack.core.address.address import Address
from dualstack.core.address.endpoint import Endpoint
from dualstack.core.address.sockaddr import SockAddr
from dualstack.core.planning.configuration import Service
from dualstack.core.planning.targets import UnixTarget
from dualstack.gateway.admission.proxy_header import Senders, ends_of
from dualstack.gateway.relay.link import Hop, Target
from dualstack.gateway.upstream.egress import Route, hops
from dualstack.kernel.nearness import why_near
from dualstack.net.dial.dialer import Dialer
from dualstack.net.dial.shared_history import SharedHistory
from dualstack.net.names.resolver import Resolver
from dualstack.wire.proxy_protocol import Ends, header

__all__ = ["Upstream"]


@dataclass(frozen=True, slots=True)
class Upstream:
    """What a service does with a client, worked out once."""

    service: Service
    access: AccessList | None
    reach: Judge | None
    senders: Senders | None
    route_of: Callable[[Endpoint], Route]
    dialer: Dialer
    target: Target | None
    trouble: str
    listeners: frozenset[tuple[Address, int]] = frozenset()

    @classmethod
    def of(
        cls,
        service: Service,
        rules: ServiceRules,
        route_of: Callable[[Endpoint], Route],
        history: SharedHistory,
        *,
        resolver: Resolver | None = None,
        listeners: frozenset[tuple[Address, int]] = frozenset(),
    ) -> "Upstream":
        """The upstream of `service`; a literal target is made ready here and never leaves the data plane.

        Args:
            service: as configured.
            rules: its own, compiled.
            route_of: the way to a target.
            history: what connections teach.
            resolver: whoever is asked for names; None is the system.
            listeners: where the forward proxies of this gateway listen.
        """
        reach = rules.reach
        senders = None if rules.senders is None else Senders(rules.senders)
        anywhere = Route(families=service.families)
        route = route_of(service.target) if isinstance(service.target, Endpoint) else anywhere
        target, trouble = _literal_target(service, route, reach)
        dialer = Dialer(outlet=route.outlet(reach, service.nat64), history=history, resolver=resolver)
        return cls(service, rules.access, reach, senders, route_of, dialer, target, trouble, listeners)

    def dialer_to(self, target: Endpoint, *, by_datagram: bool = False) -> Dialer:
        """Who dials `target`: by the ports of its link, where one speaks of it, and never to a proxy of ours."""
        if target is self.service.target:
            return self.dialer
        route = self.route_of(target)
        ours = () if by_datagram else [address for address, port in self.listeners if port == target.port]
        if route.link is None and not ours:
            return self.dialer
        outlet = self.dialer.outlet if route.link is None else route.outlet(self.reach, self.service.nat64)
        if ours:
            outlet = replace(outlet, access=NotItself(self.reach, ours, self.service.reach, why_near=why_near))
        return replace(self.dialer, outlet=outlet)

    def preface(self, client: SocketType, peer: SockAddr, ends: Ends | None) -> bytes:
        """What the target gets before the client's first byte."""
        version = self.service.proxy_out
        return b"" if version is None else header(version, ends or ends_of(client, peer))


def _literal_target(service: Service, route: Route, reach: Judge | None) -> tuple[Target | None, str]:
    match service.target:
        case UnixTarget(path):
            return _target(service, (Hop(AF_UNIX, path),)), ""
        case Endpoint(host=Address() as host, port=port):
            found, trouble = hops([host.canonical], port, route, reach)
            return (_target(service, found), "") if found else (None, f"{host} {trouble}")
        case _:
            return None, ""


def _target(service: Service, found: tuple[Hop, ...]) -> Target:
    return Target(
        found,
        idle_timeout_s=service.idle_timeout_s,
        connect_timeout_s=service.connect_timeout_s,
        keepalive_s=service.keepalive_s,
    )
