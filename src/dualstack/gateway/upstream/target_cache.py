"""Where the flows of a UDP service go: a literal target at once, a name's addresses as of a lookup a moment ago.

A lookup for each flow would cost a thread for each question that a client asks; one serves all flows that begin within
ten seconds of it. The addresses are in the connector's order.
"""

from dualstack.core.address.endpoint import Endpoint
from dualstack.core.dial.lookup_shares import Asker
from dualstack.errors import DialError
from dualstack.gateway.relay.link import Hop
from dualstack.gateway.upstream.egress import hop_to
from dualstack.gateway.upstream.upstream import Upstream
from dualstack.net.dial.datagram_targets import destinations
from dualstack.net.names.thread_pool import asked_by

__all__ = ["TargetCache"]

_LOOKUP_HOLDS_S = 10.0


class TargetCache:
    """What is known of a target's addresses; another upstream is another target."""

    def __init__(self) -> None:
        self._upstream: Upstream | None = None
        self._hops: tuple[Hop, ...] = ()
        self._until = 0.0

    def known(self, upstream: Upstream, now: float) -> tuple[Hop, ...] | None:
        """The addresses to try, in order; none where there are none, None where they are to be looked up."""
        target = upstream.service.target
        if not (isinstance(target, Endpoint) and isinstance(target.host, str)):
            return upstream.target.hops if upstream.target is not None else ()
        return self._hops if upstream is self._upstream and now < self._until else None

    async def look_up(self, upstream: Upstream, now: float) -> tuple[Hop, ...]:
        """Find them out.

        Raises:
            DialError, LookupFailed: there are none, or none that may be dialled.
        """
        target = upstream.service.target
        if not isinstance(target, Endpoint):
            raise DialError(str(target), "datagrams go to host:port alone")
        dialer, limit_s = upstream.dialer, upstream.service.connect_timeout_s
        with asked_by(Asker(upstream.service.name)):
            found = await destinations(str(target.host), target.port, dialer, timeout=limit_s)
        sources = dialer.outlet.sources
        self._hops = tuple(hop_to(each.address, target.port, sources[each.family]) for each in found)
        self._upstream, self._until = upstream, now + _LOOKUP_HOLDS_S
        return self._hops
