"""What a service does with a client, worked out once from its configuration: rules, routes, a target made ready."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from socket import AF_UNIX, SocketType, if_nametoindex

from dualstack.core.access import AccessList
from dualstack.core.address import Address
from dualstack.core.configuration import Service, UnixTarget
from dualstack.core.endpoint import Endpoint
from dualstack.gateway.dataplane.link import Hop, Target
from dualstack.gateway.proxied import Senders, ends_of
from dualstack.gateway.routes import Route, hops
from dualstack.kernel.streams import SockAddr
from dualstack.net.dialer import Dialer, SharedHistory
from dualstack.net.names import Resolver
from dualstack.wire.proxy_protocol import Ends, header

__all__ = ["Policy", "rules_of"]


@dataclass(frozen=True, slots=True)
class Policy:
    """What a service does with a client, worked out once."""

    service: Service
    access: AccessList | None
    reach: AccessList | None
    senders: Senders | None
    route_of: Callable[[Endpoint], Route]
    dialer: Dialer
    target: Target | None
    trouble: str

    @classmethod
    def of(
        cls,
        service: Service,
        route_of: Callable[[Endpoint], Route],
        history: SharedHistory,
        resolver: Resolver | None = None,
    ) -> "Policy":
        """The policy of `service`; a literal target is made ready here and never leaves the data plane."""
        access = rules_of(service.access, service.nat64)
        reach = rules_of(service.reach, service.nat64)
        anywhere = Route(families=service.families)
        route = route_of(service.target) if isinstance(service.target, Endpoint) else anywhere
        target, trouble = _literal_target(service, route, reach)
        dialer = Dialer(outlet=route.outlet(reach, service.nat64), history=history, resolver=resolver)
        return cls(service, access, reach, Senders.of(service.proxy_in), route_of, dialer, target, trouble)

    def dialer_to(self, target: Endpoint) -> Dialer:
        """Who dials `target`: by the ports of its link, where one speaks of it."""
        if target is self.service.target:
            return self.dialer
        route = self.route_of(target)
        if route.link is None:
            return self.dialer
        return replace(self.dialer, outlet=route.outlet(self.reach, self.service.nat64))

    def preface(self, client: SocketType, peer: SockAddr, ends: Ends | None) -> bytes:
        """What the target gets before the client's first byte."""
        version = self.service.proxy_out
        return b"" if version is None else header(version, ends or ends_of(client, peer))


def rules_of(rules: tuple[str, ...], nat64: tuple[str, ...]) -> AccessList | None:
    """Rules that know this host's interfaces: the kernel gives a peer's zone as a number, people write its name."""
    return AccessList(rules, nat64=nat64, zone_id=if_nametoindex) if rules else None


def _literal_target(service: Service, route: Route, reach: AccessList | None) -> tuple[Target | None, str]:
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
