"""What the lookups of a name have told so far, and the groups of addresses that they make.

Beside A and AAAA a name may have service records (RFC 9460): other names, other ports, priorities, hints of addresses.
Each service is a group; the groups come by priority, and last what no service speaks of (the Happy Eyeballs v3 draft,
section 5.2). A hint counts until the addresses that it hints at are known, and is replaced by them (section 4.2.1).

Looks nothing up: it says what is to be asked next, and is told.
"""

from __future__ import annotations

from dualstack.core.quick_values import NamedTuple, dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from dualstack.core.dial.egress import LeftOut
    from dualstack.core.dial.order import Candidate
    from dualstack.errors import LookupFailed

__all__ = ["SERVICES", "Answer", "Lookup", "Resolution", "Service"]

SERVICES = 65
"""Beside 4 and 6 in a lookup: the service records (the number of HTTPS among DNS record types)."""


class Lookup(NamedTuple):
    """One question.

    Args:
        family: 4 or 6; `SERVICES`; 0 for what needs no lookup and counts for all.
        name: whose; None is the target's own.
    """

    family: int
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Service:
    """A service of the target, as one record tells of it.

    Args:
        priority: the smaller the better.
        name: whose addresses it has; None is the target's own.
        port: where it listens; None is the target's own.
        hints: candidates from its address hints.
        alpn: the protocols that it speaks, for information.
        has_ech: it has a key for encrypted hellos, for information.
        why_not: why it is not used; empty where it is.
    """

    priority: int
    name: str | None = None
    port: int | None = None
    hints: Sequence[Candidate] = ()
    alpn: tuple[str, ...] = ()
    has_ech: bool = False
    why_not: str = ""


class Answer(NamedTuple):
    """What a lookup gave; a tuple because every connection makes one.

    Args:
        candidates: the addresses that may be dialled, in the resolver's order.
        left_out: those that may not, hints among them.
        error: why there are none.
        services: what a lookup of services gave instead of candidates; those alike in priority in any order.
    """

    candidates: Sequence[Candidate] = ()
    left_out: Sequence[LeftOut] = ()
    error: LookupFailed | None = None
    services: Sequence[Service] = ()


class Resolution:
    """The answers so far.

    Args:
        lookups: what is asked at the beginning.
    """

    __slots__ = ("_by_lookup", "_families", "_own", "_services", "pending")

    def __init__(self, lookups: Collection[Lookup]) -> None:
        self.pending: list[Lookup] = list(lookups)
        self._families = [lookup.family for lookup in lookups if lookup.family != SERVICES]
        self._own: list[Candidate] = []
        self._services: list[Service] = []
        self._by_lookup: dict[Lookup, Sequence[Candidate]] = {}

    @property
    def has_services(self) -> bool:
        """Whether there is more than the target's own addresses."""
        return bool(self._services)

    def enter(self, lookup: Lookup, candidates: Sequence[Candidate]) -> None:
        """The addresses that a lookup gave, be they none."""
        self._by_lookup[lookup] = candidates
        if lookup.name is None:
            known = {candidate.address for candidate in self._own} if self._own else ()
            self._own += [candidate for candidate in candidates if candidate.address not in known]

    def enter_services(self, services: Sequence[Service]) -> list[Lookup]:
        """The services that are used; what is to be asked for their sake."""
        self._services = sorted(services, key=lambda service: service.priority)
        names = dict.fromkeys(service.name for service in self._services if service.name is not None)
        more = [Lookup(family, name) for name in names for family in self._families]
        self.pending += more
        return more

    def groups(self) -> list[list[Candidate]]:
        """The candidates that there are: those of one group before those of the next, each where it comes first."""
        if not self._services:
            return [self._own]
        seen: set[tuple[object, int | None]] = set()
        groups = []
        for group in (*map(self._group, self._services), self._own):
            groups.append([found for found in group if (found.address, found.port) not in seen])
            seen.update((found.address, found.port) for found in group)
        return groups

    def _group(self, service: Service) -> list[Candidate]:
        return [found._replace(port=service.port) for found in self._found(service)]

    def _found(self, service: Service) -> Iterator[Candidate]:
        for family in self._families:
            known = self._by_lookup.get(Lookup(family, service.name))
            yield from [hint for hint in service.hints if hint.family == family] if known is None else known

    def may_be_bettered(self, best: Candidate, preferred: int) -> bool:
        """Whether an answer to come may bring something better than the best that there is.

        The service records may; the addresses of a better service may, where it has none yet; and those of the
        preferred family may, where the best group has none of them.
        """
        if len(self.pending) == 0:
            return False
        if not self._services:
            return Lookup(SERVICES) in self.pending or (
                best.address.version != preferred and Lookup(preferred) in self.pending
            )
        for service in self._services:
            if self._group(service):
                return best.address.version != preferred and Lookup(preferred, service.name) in self.pending
            if any(Lookup(family, service.name) in self.pending for family in self._families):
                return True
        return best.address.version != preferred and Lookup(preferred) in self.pending
