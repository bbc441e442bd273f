"""What the sections of the page are about, out of a snapshot: sums, the greatest, the latest, the course of time."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TypeAlias

from msgspec import Struct

from dualstack.gateway.status.page.samples import Sample
from dualstack.gateway.status.snapshot import Connection, Dial, Port, Refusal, Rule, Service, Trouble, Way

__all__ = ["Course", "course_of", "latest_of", "names_rules", "rates", "rules_of", "ways_of"]

_RULES_MAX = 100

Happened: TypeAlias = Connection | Dial | Refusal | Trouble


class Course(Struct, frozen=True):
    """How samples went on: the moments, and of each moment what was open, what came a second, and what was moved.

    Args:
        times: seconds since 1970.
        open: connections, by the clients' family.
        came: new ones a second, likewise.
        up: bytes a second to targets.
        down: bytes a second to clients.
    """

    times: list[float]
    open: dict[str, list[int]]
    came: dict[str, list[float]]
    up: list[float]
    down: list[float]

    @property
    def most_open(self) -> int:
        """The most of one family at any of the moments."""
        return max(map(max, self.open.values()))


def course_of(samples: Sequence[Sample]) -> Course:
    """The course of these samples, which are not none."""
    times = [each.time for each in samples]
    came = {"ipv4": [each.ipv4_total for each in samples], "ipv6": [each.ipv6_total for each in samples]}
    return Course(
        times,
        {"ipv4": [each.ipv4 for each in samples], "ipv6": [each.ipv6 for each in samples]},
        {family: rates(times, totals) for family, totals in came.items()},
        rates(times, [each.bytes_up for each in samples]),
        rates(times, [each.bytes_down for each in samples]),
    )


def rates(times: Sequence[float], values: Sequence[int]) -> list[float]:
    """How much more a second, for each moment since the one before; a new worker makes no negative rate."""
    steps = pairwise(zip(times, values, strict=True))
    found = [max(b - a, 0) / ((t2 - t1) or 1.0) for (t1, a), (t2, b) in steps]
    return [*(found[:1] or [0.0]), *found][: len(times)]


def ways_of(services: Iterable[Service]) -> list[Way]:
    """Connections by the families of client and target, of all services together."""
    sums: dict[tuple[str, str], Way] = {}
    for way in (way for service in services for on in service.on for way in on.ways):
        found = sums.setdefault((way.client, way.target), Way(way.client, way.target))
        found.now += way.now
        found.total += way.total
        found.bytes_up += way.bytes_up
        found.bytes_down += way.bytes_down
    return [way for _, way in sorted(sums.items())]


def rules_of(services: Iterable[Service]) -> list[tuple[Rule, Service]]:
    """The rules that have refused, those that did it most first."""
    found = [(rule, service) for service in services for rule in service.rules]
    return sorted(found, key=lambda pair: -pair[0].count)[:_RULES_MAX]


def latest_of(services: Iterable[Service], what: str, most: int = 12) -> list[tuple[Happened, Service]]:
    """What happened last, of all services, the latest first; `what` is a field of a service."""
    found: list[tuple[Happened, Service]] = [(each, service) for service in services for each in getattr(service, what)]
    return sorted(found, key=lambda pair: -pair[0].time)[:most]


def names_rules(ports: Iterable[Port]) -> bool:
    """Whether a socket of theirs is as it is by a rule that has a name."""
    return any(socket.rule for port in ports for socket in port.sockets)
