"""All associations of a service: how many there may be, whose they are, and what they count.

What one of them does is `association`'s.
"""

import asyncio
from collections import Counter
from math import inf
from socket import SO_KEEPALIVE, SOL_SOCKET, socket
from typing import TYPE_CHECKING

from dualstack.core.access.client_key import client_of
from dualstack.core.address.sockaddr import SockAddr
from dualstack.core.flow_table import News
from dualstack.errors import DualstackError
from dualstack.gateway.forward.negotiate import ByDatagram
from dualstack.gateway.forward.udp_association import Association
from dualstack.gateway.processes.preload import descriptor_limit
from dualstack.gateway.relay.datagram.counts import Counts
from dualstack.gateway.relay.datagram.poller import Poller, poller_on
from dualstack.kernel.datagrams import DATAGRAM_BYTES
from dualstack.wire.handshake import Outcome

if TYPE_CHECKING:
    from dualstack.gateway.counters.log import Log
    from dualstack.gateway.services.running_service import RunningService

__all__ = ["ASSOCIATIONS_MAX", "ASSOCIATIONS_PER_CLIENT", "Associations"]

ASSOCIATIONS_MAX = 4096
"""A service's associations at a time; fewer where the process may not have so many descriptors."""

ASSOCIATIONS_PER_CLIENT = 256
"""A client's: some tunnels make one for each conversation."""

# An association has its connection, its inner socket and two outer ones; this leaves half of all to connections.
_DESCRIPTORS_EACH = 8
_READ_BYTES = 4096


class Associations:
    """All associations of one service, their limits and their counts.

    Args:
        loop: whose callbacks relay.
        log: where refusals go.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, log: "Log") -> None:
        self.loop = loop
        self.log = log
        self.counts = Counts()
        self.live = 0
        self.waiting_bytes = 0
        self.now = loop.time()
        self.news = News()
        self.by_client: Counter[str] = Counter()
        self.buffer = memoryview(b"")
        self._poller: Poller | None = None

    @property
    def poller(self) -> Poller:
        """Who tells that a socket can be read; made for the first association, closed after the last."""
        if self._poller is None:
            self._poller = poller_on(self.loop, self.look_at_clock)
            self.buffer = memoryview(bytearray(DATAGRAM_BYTES))
        return self._poller

    def look_at_clock(self) -> None:
        """Have `now` be now."""
        self.now = self.loop.time()

    async def serve(self, control: socket, peer: SockAddr, asked: ByDatagram, service: "RunningService") -> None:
        """Relay the datagrams of a client for as long as `control` is open, or until it was idle too long.

        Raises:
            Turned: there is no association, and the client knows.
        """
        who = client_of(peer)
        if (why := self._refusal(who)) is not None:
            raise await asked.turned(control, Outcome.FAILED, why)
        self.by_client[who] += 1
        self.live += 1
        try:
            await self._serve(control, peer, asked, service)
        finally:
            self.live -= 1
            self.by_client[who] -= 1
            if not self.by_client[who]:
                del self.by_client[who]
            if not self.live and self._poller is not None:
                self._poller.close()
                self._poller = None

    def _refusal(self, who: str) -> str | None:
        descriptors = descriptor_limit()
        most = ASSOCIATIONS_MAX if descriptors is None else min(ASSOCIATIONS_MAX, descriptors // _DESCRIPTORS_EACH)
        if self.by_client[who] >= ASSOCIATIONS_PER_CLIENT:
            return f"{ASSOCIATIONS_PER_CLIENT} associations of this client"
        return f"{most} associations" if self.live >= most else None

    async def _serve(self, control: socket, peer: SockAddr, asked: ByDatagram, service: "RunningService") -> None:
        try:
            association = Association(self, control, peer, asked, service)
        except (OSError, DualstackError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise await asked.turned(control, Outcome.FAILED, f"no socket for datagrams: {why}") from None
        self.counts.flows += 1
        try:
            control.setsockopt(SOL_SOCKET, SO_KEEPALIVE, 1)
            await self.loop.sock_sendall(control, asked.granted(association.bound))
            await self._until_it_leaves(control, association)
        except OSError:
            return
        finally:
            association.close()

    async def _until_it_leaves(self, control: socket, association: Association) -> None:
        """Read the connection over: what a client says on it has no meaning any more."""
        while True:
            idle_until = association.active + association.service.policy.service.idle_timeout_s
            if self.loop.time() >= idle_until:
                return
            try:
                async with asyncio.timeout_at(None if idle_until == inf else idle_until):
                    if not await self.loop.sock_recv(control, _READ_BYTES):
                        return
            except TimeoutError:
                continue
