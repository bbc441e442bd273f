"""A ping on a virtual clock over a network that is a script: nothing is sent, and all times are exact."""

import heapq
from collections.abc import Callable, Sequence
from itertools import count
from math import inf

from dualstack.core.address.address import Address
from dualstack.core.ping.echo import Echo
from dualstack.core.ping.probes import PingEvent, Pinging, Schedule
from dualstack.core.ping.report import AddressReport

__all__ = [
    "GROUP",
    "HOST",
    "ONE",
    "OTHER",
    "ROUTER",
    "TOKEN",
    "TWO",
    "Happening",
    "World",
    "answer",
    "failure",
    "nothing_of",
]

HOST, OTHER, ROUTER = Address("2001:db8::2"), Address("2001:db8::3"), Address("2001:db8::1")
GROUP, ONE, TWO = Address("ff02::1%eth0"), Address("fe80::1%eth0"), Address("fe80::2%eth0")
TOKEN = b"ourtoken"
Happening = Callable[["World", Echo], PingEvent | None]


class World:
    """Drives a `Pinging` on a virtual clock over a network that is a script.

    Args:
        address: who is asked.
        schedule: how.
        script: for each probe, what comes of it: (delay in seconds, what happens). An `OSError` is the send's failure.
    """

    def __init__(
        self, address: Address, schedule: Schedule, script: Sequence[Sequence[tuple[float, Happening]] | OSError]
    ) -> None:
        self.now = 0.0
        self.pinging = Pinging(address, schedule, identifier=77, token=TOKEN, now=0.0)
        self._script = script
        self._coming: list[tuple[float, int, Happening, Echo]] = []
        self._order = count()
        self.told: list[tuple[float, PingEvent]] = []

    def run(self, *, until: float = inf) -> AddressReport:
        """Run to the end, or until a time; what came of it."""
        while not self.pinging.is_over:
            for lost in self.pinging.expired(self.now):
                self._tell(lost)
            self._send(self.pinging.due(self.now))
            wake_s = min(self.pinging.wake_s, self._coming[0][0] if self._coming else inf)
            if self.pinging.is_over or wake_s >= until:
                break
            self.now = wake_s
            while self._coming and self._coming[0][0] <= self.now:
                _, _, happen, echo = heapq.heappop(self._coming)
                self._tell(happen(self, echo))
        return self.pinging.report()

    def _send(self, number: int | None) -> None:
        if number is None:
            return
        what = self._script[number - 1]
        if isinstance(what, OSError):
            self._tell(self.pinging.refused(number, what.strerror, what.errno))
            return
        self.pinging.sent(number, self.now)
        for delay_s, happen in what:
            heapq.heappush(self._coming, (self.now + delay_s, next(self._order), happen, self.pinging.echo(number)))

    def _tell(self, event: PingEvent | None) -> None:
        if event is not None:
            self.told.append((self.now, event))


def answer(source: Address = HOST, *, stamped_s: float | None = None) -> Happening:
    """A reply; `stamped_s` is when the kernel had it, where that is earlier than it is read."""
    return lambda world, echo: world.pinging.reply(
        echo, source, hop_limit=63, now=world.now if stamped_s is None else stamped_s
    )


def failure(reporter: Address = ROUTER, why: str = "no route to destination", mtu: int | None = None) -> Happening:
    return lambda world, echo: world.pinging.trouble(echo, destination=HOST, reporter=reporter, why=why, mtu=mtu)


def nothing_of(change: Callable[[Echo], Echo]) -> Happening:
    """Somebody else's reply and error, which differ from ours by `change`."""

    def happen(world: World, echo: Echo) -> PingEvent | None:
        others = change(echo)
        return world.pinging.reply(others, HOST, hop_limit=64, now=world.now) or world.pinging.trouble(
            others, destination=HOST, reporter=ROUTER, why="x"
        )

    return happen
