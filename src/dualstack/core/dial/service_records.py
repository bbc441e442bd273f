"""Which services a target's HTTPS or SVCB records tell of (RFC 9460), and which of them a connection can use.

Asks by the function that it is given, opens nothing. Encrypted hellos and protocols are reported, not chosen by: who
connects gets TCP, so a service that is reached over QUIC alone is left out.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from dualstack.core.address.address import Address

__all__ = ["ALIAS_STEPS", "SERVICES_MAX", "Query", "ServiceRecord", "followed", "judged", "query_of"]

ALIAS_STEPS = 8
"""RFC 9460 section 2.4.2: chains of aliases are to be bounded."""

SERVICES_MAX = 8
"""So many services are used, those of the best priority; a record set is somebody else's to write."""

# RFC 9460 section 14.3.2: mandatory, alpn, no-default-alpn, port, ipv4hint, ipv6hint. Not ech (5): no hello of ours is
# encrypted, so a service that asks for it is one that we do not understand.
_KNOWN_KEYS = frozenset({0, 1, 2, 3, 4, 6})

# What is spoken over QUIC (IANA's ALPN protocol IDs).
_OVER_QUIC = ("h3", "doq")


class ServiceRecord(NamedTuple):
    """One HTTPS or SVCB record.

    Args:
        owner: the name that has it, behind CNAMEs too; without the root's dot.
        priority: 0 is an alias.
        target: the name that it leads to, without the root's dot; empty is the owner, or, of an alias, nothing.
        port: where the service listens.
        alpn: the protocols that it speaks.
        no_default_alpn: it does not speak the scheme's own.
        hints: addresses of the target.
        mandatory: the keys that a client has to understand.
        has_ech: it has a key for encrypted hellos.
    """

    owner: str
    priority: int
    target: str = ""
    port: int | None = None
    alpn: tuple[str, ...] = ()
    no_default_alpn: bool = False
    hints: tuple[Address, ...] = ()
    mandatory: tuple[int, ...] = ()
    has_ech: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked.

    Args:
        name: the name to ask for.
        kind: HTTPS or SVCB.
    """

    name: str
    kind: str


def query_of(host: str, port: int, service: str, default_port: int | None) -> Query:
    """The name whose records speak of `service` on `host` and `port` (RFC 9460 sections 2.3 and 9.1).

    >>> query_of("www.example", 443, "https", 443), query_of("www.example", 8443, "https", 443).name
    (Query(name='www.example', kind='HTTPS'), '_8443._https.www.example')
    >>> query_of("dns.example", 853, "dns", 53)
    Query(name='_853._dns.dns.example', kind='SVCB')
    """
    is_https = service == "https"
    kind = "HTTPS" if is_https else "SVCB"
    if port != default_port:
        return Query(f"_{port}._{service}.{host}", kind)
    return Query(host if is_https else f"_{service}.{host}", kind)


def followed(query: Query, host: str, ask: Callable[[str], Sequence[ServiceRecord]]) -> list[ServiceRecord]:
    """The service-mode records at the end of a bounded chain of aliases (RFC 9460 sections 2.4.2 and 3).

    Where a chain ends at a name without such records, that name is the service. Records beside an alias are ignored.

    Args:
        query: what is asked first.
        host: the target's own name.
        ask: gives the records of a name, those alike in any order.
    """
    name = query.name
    for step in range(ALIAS_STEPS + 1):
        records = ask(name)
        alias = next((record for record in records if record.priority == 0), None)
        if alias is None:
            if records or not step:
                return sorted(records, key=lambda record: record.priority)
            return [ServiceRecord(name, 0, name)] if name != host else []
        if not alias.target:
            return []  # section 2.5.1: there is no such service; the target is connected to without it
        name = alias.target
    return []


def judged(records: Iterable[ServiceRecord]) -> Iterator[tuple[ServiceRecord, str]]:
    """Each record, best first, with why a connection does not go by it; empty where it does."""
    used = 0
    for record in records:
        why_not = _why_not(record)
        used += not why_not
        yield record, why_not or (f"there are {SERVICES_MAX} before it" if used > SERVICES_MAX else "")


def _why_not(record: ServiceRecord) -> str:
    unknown = [key for key in record.mandatory if key not in _KNOWN_KEYS]
    if unknown:
        return f"it must not be used without understanding {', '.join(f'key{key}' for key in unknown)}"
    if record.no_default_alpn and record.alpn and all(name.startswith(_OVER_QUIC) for name in record.alpn):
        return f"it speaks {', '.join(record.alpn)} alone, which goes over QUIC"
    return ""
