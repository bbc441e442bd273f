"""All associations of a service: each from its grant to its end.

What one of them does is `udp_association`'s; how many there may be, and whose they are, `gateway.admission` knows.
"""

import asyncio
from math import inf
from socket import SO_KEEPALIVE, SOL_SOCKET, socket

from dualstack.core.access.client_key import client_of
from dualstack.core.address.sockaddr import SockAddr
from dualstack.errors import DualstackError
from dualstack.gateway.counters.log import Log
from dualstack.gateway.forward.negotiate import ByDatagram
from dualstack.gateway.forward.udp_association import Association
from dualstack.gateway.forward.udp_shared import Owner, Shared
from dualstack.gateway.relay.datagram.counts import Counts
from dualstack.wire.handshake import Outcome

__all__ = ["Associations"]

_READ_BYTES = 4096


class Associations:
    """Those of one service.

    Args:
        loop: whose callbacks relay.
        log: where refusals go.
        owner: the service.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, log: Log, owner: Owner) -> None:
        self._loop = loop
        self._owner = owner
        self._shared = Shared(loop, log, owner)

    @property
    def live(self) -> int:
        """How many there are."""
        return self._owner.admission.associated.live

    @property
    def counts(self) -> Counts:
        """What they have relayed."""
        return self._shared.counts

    async def serve(self, control: socket, peer: SockAddr, asked: ByDatagram) -> None:
        """Relay the datagrams of a client for as long as `control` is open, or until it was idle too long.

        Raises:
            Rejected: there is no association, and the client knows.
        """
        who, admission = client_of(peer), self._owner.admission
        if (why := admission.association_refusal(who)) is not None:
            raise await asked.turned(control, Outcome.FAILED, why)
        admission.associated.begin(who)
        try:
            await self._serve(control, peer, asked)
        finally:
            admission.associated.end(who)
            if not admission.associated.live:
                self._shared.close()

    async def _serve(self, control: socket, peer: SockAddr, asked: ByDatagram) -> None:
        try:
            association = Association(self._shared, control, peer, asked)
        except (OSError, DualstackError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise await asked.turned(control, Outcome.FAILED, f"no socket for datagrams: {why}") from None
        self.counts.flows += 1
        try:
            control.setsockopt(SOL_SOCKET, SO_KEEPALIVE, 1)
            await self._loop.sock_sendall(control, asked.granted(association.bound))
            await self._until_it_leaves(control, association)
        except OSError:
            return
        finally:
            association.close()

    async def _until_it_leaves(self, control: socket, association: Association) -> None:
        """Read the connection over: what a client says on it has no meaning any more."""
        while True:
            idle_until = association.active + self._owner.upstream.service.idle_timeout_s
            if self._loop.time() >= idle_until:
                return
            try:
                async with asyncio.timeout_at(None if idle_until == inf else idle_until):
                    if not await self._loop.sock_recv(control, _READ_BYTES):
                        return
            except TimeoutError:
                continue
