"""The lookup of a target's services, blocking, for a thread of the pool: records, and the sources of their hints."""

import random
from collections.abc import Sequence
from functools import partial
from socket import EAI_AGAIN, gaierror

from dualstack.core.dial.egress import EgressPolicy, LeftOut
from dualstack.core.dial.resolution import Answer, Service
from dualstack.core.dial.service_records import Query, ServiceRecord, followed, judged, query_of
from dualstack.errors import LookupFailed
from dualstack.net.dial.candidates import answer_of
from dualstack.net.names.resolver import ServiceResolver
from dualstack.net.names.search import Search
from dualstack.net.names.services import service_port

__all__ = ["look_up_services"]

# RFC 9460 section 9.1; not every host has a services(5).
_HTTPS_PORT = 443


def look_up_services(
    search: Search, port: int, service: str, outlet: EgressPolicy, resolver: ServiceResolver, *, discover: bool
) -> Answer:
    """Ask for the services of a target, following aliases, as long as the resolver takes.

    Args:
        search: for the target's name: the records are those of the full name that has the addresses.
        port: the target's.
        service: such as https.
        outlet: what may be dialled, and from where.
        resolver: whoever is asked.
        discover: where IPv4 has no way, look for a translator's prefix.
    """
    for name in map(_without_dot, search.places()):
        query = query_of(name, port, service, _default_port(service))
        try:
            records = followed(query, name, partial(_records, search, query.kind, resolver))
        except gaierror as error:
            why = error.strerror or str(error)
            failed = LookupFailed(query.name, why, errno=error.errno or EAI_AGAIN, timed_out=error.errno == EAI_AGAIN)
            return Answer(error=failed)
        if records:
            break
    return _answer(name, query, records, outlet, resolver, discover=discover)


def _answer(
    name: str,
    query: Query,
    records: Sequence[ServiceRecord],
    outlet: EgressPolicy,
    resolver: ServiceResolver,
    *,
    discover: bool,
) -> Answer:
    """What the records of a name mean for a connection."""
    left_out: list[LeftOut] = []
    services: list[Service] = []
    for record, why_not in judged(records):
        hints = answer_of(() if why_not else record.hints, outlet, resolver, discover=discover)
        left_out += hints.left_out
        services.append(
            Service(
                priority=record.priority,
                name=_whose(record, query, name),
                port=record.port,
                hints=hints.candidates,
                alpn=record.alpn,
                has_ech=record.has_ech,
                why_not=why_not,
            )
        )
    return Answer(services=services, left_out=left_out)


def _whose(record: ServiceRecord, query: Query, host: str) -> str | None:
    """The name that has the service's addresses; None where it is the target's own, which is asked for already."""
    name = record.target or record.owner
    is_own = name.lower() == host.lower() or (not record.target and query.name == host)
    return None if is_own else name


def _records(search: Search, kind: str, resolver: ServiceResolver, name: str) -> list[ServiceRecord]:
    """RFC 9460 section 2.4.1: those alike in priority are taken at random."""
    records = resolver.records(search.full(name), kind)
    return random.sample(records, len(records))


def _without_dot(name: str) -> str:
    return name.removesuffix(".")


def _default_port(service: str) -> int | None:
    return _HTTPS_PORT if service == "https" else service_port(service)
