"""Who is let in to a service, how many there are, and what is said of those who are not.

The gates of streams, those of datagrams and the associations of a proxy's clients all ask here, and nowhere else. The
answer is None, which lets in, or a text: the rule or the limit as the file has it, for the log and the page. Ask once
for each client that comes: the rate counts every question that gets as far as it.
"""

import asyncio
from collections import Counter
from typing import TypeVar

from dualstack.core.access.access_list import AccessList, Verdict
from dualstack.core.access.client_key import shown
from dualstack.core.access.connection_rate import Rates
from dualstack.core.address.address import Address
from dualstack.core.address.sockaddr import SockAddr
from dualstack.core.flow_table import Flow, FlowTable, Room
from dualstack.core.planning.configuration import Service
from dualstack.core.planning.targets import kind_of
from dualstack.core.spate import Spate, each_once
from dualstack.gateway.admission import limits
from dualstack.gateway.admission.proxy_header import Senders
from dualstack.gateway.admission.total_limit import ConnectionLimit
from dualstack.gateway.counters.counters import Rules
from dualstack.gateway.counters.log import Log
from dualstack.gateway.counters.repeats import Repeats
from dualstack.kernel.descriptor_limit import descriptor_limit

__all__ = ["Admission", "Associated"]

F = TypeVar("F", bound=Flow)

_CHILDREN = "max_children"


class Associated:
    """The clients that have associations, and how many."""

    __slots__ = ("by_client", "live")

    def __init__(self) -> None:
        self.live = 0
        self.by_client: Counter[str] = Counter()

    def begin(self, client: str) -> None:
        """One more."""
        self.live += 1
        self.by_client[client] += 1

    def end(self, client: str) -> None:
        """One less."""
        self.live -= 1
        self.by_client[client] -= 1
        if not self.by_client[client]:
            del self.by_client[client]


class Admission:
    """The one place that a service's clients are let in by; `obey` says by which rules, before anybody is.

    `connections` are all of them, flows of UDP and clients whose PROXY header is read as well; `by_client` has those
    who were let in. `Entrance` counts both.

    Args:
        service: as configured.
        rules: where refusals are counted.
        repeats: what is said of the service, not each time.
        log: where refusals go.
        total: the connections of all services.
        said: what was said of datagrams lately, in all services.
    """

    def __init__(
        self, service: Service, rules: Rules, repeats: Repeats, log: Log, *, total: ConnectionLimit, said: Spate
    ) -> None:
        self.total = total
        self.connections = 0
        self.by_client: Counter[str] = Counter()
        self.associated = Associated()
        self.senders: Senders | None = None
        self._access: AccessList | None = None
        self._service = service
        self._flow_limits = limits.flow_limits(service)
        self._rates = Rates()
        self._rules = rules
        self._repeats = repeats
        self._said = said
        self._children_said = each_once()
        self._log = log
        self._loop = asyncio.get_running_loop()

    def obey(self, service: Service, access: AccessList | None, senders: Senders | None) -> None:
        """Go by these rules and limits from now on; who is in stays."""
        self._service, self._access, self.senders = service, access, senders
        self._flow_limits = limits.flow_limits(service)

    def refusal(self, peer: SockAddr, client: str) -> str | None:
        """Why this client may make no connection."""
        if (why := self.denial(peer) or self.no_room()) is not None:
            return why
        service = self._service
        if service.max_per_client is not None and self.by_client[client] >= service.max_per_client:
            return f"max_per_client: {service.max_per_client}"
        return self._haste(client)

    def room_for_flow(self, peer: SockAddr, client: str, table: FlowTable[F]) -> Room[F]:
        """As `refusal`, for a flow of datagrams, to which another gives way where `table` is full."""
        if (why := self.denial(peer) or self._haste(client)) is not None:
            return Room(refusal=why)
        table.limits = self._flow_limits
        room = table.make_room(client)
        if room.evicted is None and room.refusal is None and (full := self.total.no_room()) is not None:
            return table.give_way(full)
        return room

    def association_refusal(self, client: str) -> str | None:
        """Why a client whose connection was let in may have no association."""
        associated, most = self.associated, limits.associations_max(descriptor_limit())
        if associated.by_client[client] >= limits.ASSOCIATIONS_PER_CLIENT:
            return f"{limits.ASSOCIATIONS_PER_CLIENT} associations of this client"
        return f"{most} associations" if associated.live >= most else None

    def denial(self, peer: SockAddr) -> str | None:
        """Why the rules do not let this client in."""
        access = self._access
        if access is not None and isinstance(peer, tuple):
            decision = access.check(Address(peer).canonical)
            if decision.verdict is not Verdict.ALLOW:
                return f"rule: {decision.rule}" if decision.rule else "no rule allows it"
        return None

    def no_room(self) -> str | None:
        """Why nobody at all may make a connection now."""
        service = self._service
        limit = service.max_connections
        if limit is not None and self.connections >= limit:
            return f"max_connections: {limit}"
        if self.connections >= service.max_children and kind_of(service.target).has_children:
            return f"{_CHILDREN}: {service.max_children}"
        return self.total.no_room()

    def _haste(self, client: str) -> str | None:
        """Why a client that comes too fast is not let in."""
        rate = self._service.max_rate_per_client
        if rate is None or self._rates.allow(client, rate, self._loop.time()):
            return None
        return f"max_rate_per_client: {rate:g}"

    def refused(self, peer: SockAddr, why: str, *, rule: str = "", **where: object) -> None:
        """Write down who was not let in, and why; `rule` is what it is counted by, where `why` says more."""
        self._rules.refused(peer, rule or why, why if rule else "")
        if not rule and why.startswith(_CHILDREN) and self._children_said.is_said(why, self._loop.time()):
            limit = self._service.max_children
            self._log.warning("children at their limit", service=self._service.name, limit=limit, key="max_children")
        self._repeats.say(self._log.info, "refused", rule or why, peer=shown(peer), **where, why=why)

    def refused_flow(self, peer: SockAddr, client: str, why: str, now: float) -> None:
        """As `refused`, of a datagram: the next one of the client may be refused as well, and is no news."""
        if self._said.is_said((self._service.name, client, why), now):
            self.refused(peer, why)
        else:
            self._rules.refused(peer, why)
