"""Where the flows of a UDP service go: a literal target at once, a name's addresses as of a lookup a moment ago.

A lookup for each flow would cost a thread for each question that a client asks; one serves all flows that begin within
ten seconds of it. The addresses are in the connector's order.
"""

from dualstack.core.address.endpoint import Endpoint
from dualstack.core.dial.lookup_shares import Asker
from dualstack.errors import DialError
from dualstack.gateway.relay.link import Hop
from dualstack.gateway.upstream.egress import hop_to
from dualstack.gateway.upstream.upstream import Policy
from dualstack.net.dial.datagram_targets import destinations
from dualstack.net.names.thread_pool import asked_by

__all__ = ["Whereabouts"]

_LOOKUP_HOLDS_S = 10.0


class Whereabouts:
    """What is known of a target's addresses; another policy is another target."""

    def __init__(self) -> None:
        self._policy: Policy | None = None
        self._hops: tuple[Hop, ...] = ()
        self._until = 0.0

    def known(self, policy: Policy, now: float) -> tuple[Hop, ...] | None:
        """The addresses to try, in order; none where there are none, None where they are to be looked up."""
        target = policy.service.target
        if not (isinstance(target, Endpoint) and isinstance(target.host, str)):
            return policy.target.hops if policy.target is not None else ()
        return self._hops if policy is self._policy and now < self._until else None

    async def look_up(self, policy: Policy, now: float) -> tuple[Hop, ...]:
        """Find them out.

        Raises:
            DialError, LookupFailed: there are none, or none that may be dialled.
        """
        target = policy.service.target
        if not isinstance(target, Endpoint):
            raise DialError(str(target), "datagrams go to host:port alone")
        dialer, limit_s = policy.dialer, policy.service.connect_timeout_s
        with asked_by(Asker(policy.service.name)):
            found = await destinations(str(target.host), target.port, dialer, timeout=limit_s)
        sources = dialer.outlet.sources
        self._hops = tuple(hop_to(each.address, target.port, sources[each.family]) for each in found)
        self._policy, self._until = policy, now + _LOOKUP_HOLDS_S
        return self._hops
