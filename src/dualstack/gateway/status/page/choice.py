"""Which services somebody wants to see, and in which order: `?q=TEXT&sort=COLUMN`, as the page's form asks it.

A text that no service has gives none, an order that is none gives the configuration's.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl

from dualstack.gateway.status.snapshot import Port, Service

__all__ = ["ORDERS", "Choice"]

_TEXT_MAX = 100

ORDERS: Mapping[str, tuple[str, Callable[[Service], object]]] = {
    "name": ("name", lambda service: service.name.casefold()),
    "ipv4": ("IPv4 now", lambda service: -service.of("ipv4").now),
    "ipv6": ("IPv6 now", lambda service: -service.of("ipv6").now),
    "all": ("connections in all", lambda service: -(service.of("ipv4").total + service.of("ipv6").total)),
    "bytes": ("bytes", lambda service: -(service.bytes_up + service.bytes_down)),
    "refused": ("refused", lambda service: -service.refused),
    "unreached": ("unreached", lambda service: -service.unreached),
}
"""What services can be sorted by: for people, and the key; of numbers the greatest first."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What was asked for.

    Args:
        text: in a service's name, protocol, target or port; empty for all.
        order: one of `ORDERS`; empty for the configuration's.
    """

    text: str = ""
    order: str = ""

    @property
    def is_made(self) -> bool:
        """Whether anything was asked for."""
        return bool(self.text or self.order)

    @classmethod
    def of(cls, query: str) -> "Choice":
        """What a query string asks for."""
        asked = dict(parse_qsl(query, errors="replace", max_num_fields=16))
        order = asked.get("sort", "")
        return cls(asked.get("q", "")[:_TEXT_MAX].strip(), order if order in ORDERS else "")

    def services(self, services: Sequence[Service]) -> list[Service]:
        """Those of them that are meant, in order; equal ones as the configuration has them."""
        wanted = self.text.casefold()
        found = [service for service in services if any(wanted in text.casefold() for text in _texts(service))]
        return sorted(found, key=ORDERS[self.order][1]) if self.order else found  # type: ignore[arg-type]

    def ports(self, ports: Sequence[Port], services: Sequence[Service]) -> list[Port]:
        """The ports of these services; all where no text was asked for."""
        if not self.text:
            return list(ports)
        names = {service.name for service in services}
        return [port for port in ports if names & {*port.services} or self.text.casefold() in port.name.casefold()]


def _texts(service: Service) -> tuple[str, ...]:
    return service.name, service.protocol, service.target, *(on.port for on in service.on)
