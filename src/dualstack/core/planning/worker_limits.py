"""Limits of a configuration among several processes that serve it side by side.

Each gets its part, rounded up: together they admit no more than what is written and one less than there are processes,
and a client may be refused by one while another has room, since the kernel, not the room, chooses the process.
"""

from dataclasses import replace

from dualstack.core.planning.configuration import Configuration, Service
from dualstack.core.planning.targets import kind_of

__all__ = ["part_of"]


def part_of(config: Configuration, workers: int) -> Configuration:
    """What one of so many workers is to serve."""
    services = tuple(_service(service, workers) for service in config.services)
    return replace(config, services=services, max_connections=_part(config.max_connections, workers))


def _service(service: Service, workers: int) -> Service:
    rate, has_children = service.max_rate_per_client, kind_of(service.target).has_children
    return replace(
        service,
        max_connections=_part(service.max_connections, workers),
        max_per_client=_part(service.max_per_client, workers),
        max_rate_per_client=None if rate is None else rate / workers,
        max_children=-(-service.max_children // workers) if has_children else service.max_children,
    )


def _part(limit: int | None, workers: int) -> int | None:
    return None if limit is None else -(-limit // workers)
