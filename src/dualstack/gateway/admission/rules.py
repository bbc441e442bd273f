"""The rules of a configuration's services, compiled once each, by what this host says of interfaces and addresses."""

from socket import if_nametoindex

from dualstack.core.access.service_rules import ServiceRules
from dualstack.core.planning.configuration import Configuration, Service
from dualstack.core.planning.targets import kind_of
from dualstack.kernel.nearness import why_near

__all__ = ["rules_of"]


def rules_of(config: Configuration, service: Service) -> ServiceRules:
    """Those of one of its services.

    The kernel gives a peer's zone as a number, people write its name: names are looked up as the rules are compiled.
    """
    known = config.compiled.get(service.name)
    if known is None:
        known = config.compiled[service.name] = ServiceRules.compiled(
            service.access,
            service.reach,
            service.proxy_in,
            nat64=service.nat64,
            is_proxy=kind_of(service.target).is_proxy,
            zone_id=if_nametoindex,
            why_near=why_near,
        )
    return known
