"""What the page looks at: the gateway now, and a sample of it every five seconds of the last quarter of an hour.

However many look, a snapshot is made once a second at most.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from time import monotonic

from msgspec import Struct

from dualstack.gateway.status.aggregate import read_snapshot
from dualstack.gateway.status.snapshot import Snapshot

__all__ = ["EVERY_S", "Sample", "SnapshotFeed", "Source"]

Source = Callable[[], Awaitable[Snapshot | Mapping[str, object]]]
"""Gives a snapshot, or the document of one: of this process, or of all workers."""

EVERY_S = 5.0
_SAMPLES = 180
_HOLDS_S = 0.9
_LEAST_S = 2.0


class Sample(Struct):
    """The sums of one moment."""

    time: float
    ipv4: int
    ipv6: int
    ipv4_total: int
    ipv6_total: int
    bytes_up: int
    bytes_down: int
    refused: int
    unreached: int

    @classmethod
    def of(cls, shot: Snapshot) -> "Sample":
        """The sums of a snapshot."""
        services = shot.services
        return cls(
            shot.time,
            shot.now("ipv4"),
            shot.now("ipv6"),
            shot.total("ipv4"),
            shot.total("ipv6"),
            sum(service.bytes_up for service in services),
            sum(service.bytes_down for service in services),
            sum(service.refused for service in services),
            sum(service.unreached for service in services),
        )


class SnapshotFeed:
    """Looks at a source of snapshots.

    Args:
        source: it.
        clock: tells how long a snapshot holds; the monotonic one by default.
    """

    def __init__(self, source: Source, clock: Callable[[], float] = monotonic) -> None:
        self.samples: deque[Sample] = deque(maxlen=_SAMPLES)
        self._source = source
        self._clock = clock
        self._shot: Snapshot | None = None
        self._made_at = 0.0
        self._looking = asyncio.Lock()

    async def now(self) -> Snapshot:
        """The gateway, at most a second ago.

        Raises:
            ValueError: nobody tells: no worker is there at this moment.
        """
        async with self._looking:
            if self._shot is None or self._clock() - self._made_at > _HOLDS_S:
                made = await self._source()
                self._shot = made if isinstance(made, Snapshot) else read_snapshot(made)
                self._made_at = self._clock()
            return self._shot

    async def sample(self) -> None:
        """Take one sample."""
        self.samples.append(Sample.of(await self.now()))

    async def go_on(self) -> None:
        """Take samples for ever."""
        while True:
            with suppress(ValueError):
                await self.sample()
            await asyncio.sleep(EVERY_S)

    def lately(self, shot: Snapshot) -> list[Sample]:
        """The samples, with this moment at the end; one that is hardly over gives way, for rates need some time."""
        return [*(sample for sample in self.samples if shot.time - sample.time >= _LEAST_S), Sample.of(shot)]
