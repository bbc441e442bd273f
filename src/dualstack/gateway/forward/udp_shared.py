"""What the associations of one service share: a buffer, who tells that a socket can be read, and what they count."""

import asyncio
from typing import Protocol

from dualstack.core.spate import each_once
from dualstack.gateway.admission.admission import Admission
from dualstack.gateway.counters.log import Log
from dualstack.gateway.relay.datagram.counts import Counts
from dualstack.gateway.relay.datagram.poller import Poller, poller_on
from dualstack.gateway.upstream.upstream import Upstream
from dualstack.kernel.datagrams import DATAGRAM_BYTES

__all__ = ["Owner", "Shared"]


class Owner(Protocol):
    """The service whose associations they are; a reload gives it another upstream while they live."""

    admission: Admission
    upstream: Upstream


class Shared:
    """One for all associations of a service.

    Args:
        loop: whose callbacks relay.
        log: where refusals go.
        owner: the service.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, log: Log, owner: Owner) -> None:
        self.loop = loop
        self.log = log
        self.owner = owner
        self.counts = Counts()
        self.waiting_bytes = 0
        self.now = loop.time()
        self.said = each_once()
        self.buffer = memoryview(b"")
        self._poller: Poller | None = None

    @property
    def poller(self) -> Poller:
        """Who tells that a socket can be read; made for the first association."""
        if self._poller is None:
            self._poller = poller_on(self.loop, self.look_at_clock)
            self.buffer = memoryview(bytearray(DATAGRAM_BYTES))
        return self._poller

    def look_at_clock(self) -> None:
        """Have `now` be now."""
        self.now = self.loop.time()

    def close(self) -> None:
        """Keep no descriptor; after the last association."""
        if self._poller is not None:
            self._poller.close()
            self._poller = None
