"""One address pinged: when each probe goes out, whose a reply is, and what it all comes to.

Whoever drives it asks `due` for a probe to send and says how that went (`sent`, `refused`), tells what comes in
(`reply`, `trouble`), asks `expired` for what stays unanswered, and calls again at `wake_s`. What comes in is matched
by identifier, sequence and a token at the beginning of the payload, so that no reply of another ping is taken, though
both have one identifier (RFC 792 leaves it to the programs). An error quotes the probe, and sometimes not all of it:
there the token counts as far as it is quoted.

A probe is answered within `timeout_s` or lost; what comes later is late and changes nothing else. A multicast address
has many who answer, so its probes wait for their whole time.

Never opens a socket and reads no clock: `now` comes in, in seconds on a clock that does not jump.
"""

import errno
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from itertools import takewhile
from math import inf, sqrt
from typing import TypeAlias

from dualstack.core.address.address import Address
from dualstack.core.ping.echo import Echo
from dualstack.core.ping.report import AddressReport, Answerer, ErrorCount, Times

__all__ = ["Lost", "PingEvent", "Pinging", "Reply", "ReplyKind", "Schedule", "Trouble"]

_SEQUENCES = 1 << 16

# A send that failed with one of these may go well the next time; any other would fail again.
_PASSING = frozenset({errno.ENOBUFS, errno.EAGAIN, errno.ENOMEM})


@dataclass(frozen=True, slots=True)
class Schedule:
    """How many probes, one every so many seconds, how long each may take, and how much it carries."""

    count: int = 4
    interval_s: float = 1.0
    timeout_s: float = 2.0
    size_bytes: int = 56


class ReplyKind(Enum):
    """What a reply counts as."""

    ANSWER = "answer"
    DUPLICATE = "duplicate"
    LATE = "late"


@dataclass(frozen=True, slots=True)
class Reply:
    """Somebody answered.

    Args:
        address: who was asked.
        sequence: which probe, from 1 on.
        source: who answered; another than `address` where that is multicast.
        elapsed_s: how long it took, in seconds.
        hop_limit: what was left of the reply's hop limit or time to live; None where the system does not tell.
        size_bytes: of the payload.
        kind: whether it is the first of its source and in time.
    """

    address: Address
    sequence: int
    source: Address
    elapsed_s: float
    hop_limit: int | None
    size_bytes: int
    kind: ReplyKind = ReplyKind.ANSWER


@dataclass(frozen=True, slots=True)
class Trouble:
    """A probe went no further.

    Args:
        address: who was asked.
        sequence: which probe, or None where nobody knows.
        reporter: who says so; None is this host's kernel, without a message from anybody.
        why: what is said.
        mtu: what would have fitted, where that is said.
    """

    address: Address
    sequence: int | None
    reporter: Address | None
    why: str
    mtu: int | None = None


@dataclass(frozen=True, slots=True)
class Lost:
    """Nobody answered a probe in time."""

    address: Address
    sequence: int


PingEvent: TypeAlias = Reply | Trouble | Lost


@dataclass(slots=True)
class _Tally:
    """The sums behind `Times`, so that a long ping needs no more memory than a short one."""

    count: int = 0
    total_s: float = 0.0
    squares: float = 0.0
    min_s: float = inf
    max_s: float = 0.0

    def add(self, elapsed_s: float) -> None:
        self.count += 1
        self.total_s += elapsed_s
        self.squares += elapsed_s * elapsed_s
        self.min_s = min(self.min_s, elapsed_s)
        self.max_s = max(self.max_s, elapsed_s)

    @property
    def times(self) -> Times | None:
        if not self.count:
            return None
        average = self.total_s / self.count
        # Rounding may leave a difference a little below 0.
        deviation = sqrt(max(0.0, self.squares / self.count - average * average))
        return Times(self.min_s, average, self.max_s, deviation)


@dataclass(slots=True)
class _Source:
    duplicates: int = 0
    hop_limit: int | None = None
    tally: _Tally = field(default_factory=_Tally)


@dataclass(slots=True)
class _Probe:
    """A probe that went out: who answered it, and whether it counts as received or lost."""

    sequence: int
    sent_s: float
    sources: set[Address] = field(default_factory=set)
    is_received: bool = False
    is_lost: bool = False


class Pinging:
    """The probes to one address and what came of them.

    Args:
        address: who is asked.
        schedule: how many, how often, how long.
        identifier: that of our socket.
        token: what the payload of our probes begins with, and no other's; cut where it does not fit.
        now: when the first is due.
    """

    def __init__(self, address: Address, schedule: Schedule, *, identifier: int, token: bytes, now: float) -> None:
        self.address = address
        self._schedule = schedule
        self._identifier = identifier
        self._token = token[: schedule.size_bytes]
        self._payload = self._token + bytes(place & 0xFF for place in range(len(self._token), schedule.size_bytes))
        self._due_s = now
        self._tried = 0
        self._left = schedule.count
        self._sent = self._received = self._lost = self._late = 0
        # By their number on the wire, which begins anew after 65535; the oldest are forgotten then.
        self._probes: dict[int, _Probe] = {}
        # In the order sent, so that the first is the next to expire.
        self._waiting: dict[int, _Probe] = {}
        self._sources: dict[Address, _Source] = {}
        self._tally = _Tally()
        self._errors: dict[tuple[Address | None, str, int | None], int] = {}

    @property
    def wake_s(self) -> float:
        """When to call again if nothing comes in before."""
        due_s = self._due_s if self._left else inf
        first = next(iter(self._waiting.values()), None)
        return due_s if first is None else min(due_s, self._expiry_s(first))

    @property
    def is_over(self) -> bool:
        """Nothing is left to send and nothing waited for."""
        return not self._left and not self._waiting

    def due(self, now: float) -> int | None:
        """The number of the probe to send now, from 1 on; None where none is due."""
        if not self._left or now < self._due_s:
            return None
        self._left -= 1
        self._tried += 1
        # Who was asleep for long goes on from here and catches nothing up.
        self._due_s = max(self._due_s + self._schedule.interval_s, now)
        return self._tried

    def echo(self, number: int) -> Echo:
        """The probe of that number."""
        return Echo(self._identifier, number % _SEQUENCES, self._payload)

    def sent(self, number: int, now: float) -> None:
        """The probe went out at `now`."""
        probe = _Probe(number, now)
        self._sent += 1
        self._probes[number % _SEQUENCES] = self._waiting[number] = probe

    def refused(self, number: int, why: str, code: int | None) -> Trouble:
        """The kernel would not send it; where that is the first and no passing reason, nothing more is tried."""
        if number == 1 and code not in _PASSING:
            self._left = 0
        return self._count_error(Trouble(self.address, number, None, why))

    def reply(self, echo: Echo, source: Address, *, hop_limit: int | None, now: float) -> Reply | None:
        """What a reply that came at `now` counts as; None where it is none of ours."""
        probe = self._probes.get(echo.sequence)
        if probe is None or echo.identifier != self._identifier or not echo.payload.startswith(self._token):
            return None
        elapsed_s = max(0.0, now - probe.sent_s)
        kind = self._count_reply(probe, source, elapsed_s)
        self._sources[source].hop_limit = hop_limit
        return Reply(self.address, probe.sequence, source, elapsed_s, hop_limit, len(echo.payload), kind)

    def trouble(
        self,
        echo: Echo | None,
        *,
        destination: Address | None,
        reporter: Address | None,
        why: str,
        mtu: int | None = None,
    ) -> Trouble | None:
        """What an error says of our probe; None where it quotes another's.

        Args:
            echo: the quoted probe, its payload perhaps cut short; None where the kernel says nothing of a probe.
            destination: where it was going, if that is known.
            reporter: who says so; None is this host's kernel.
            why: what is said.
            mtu: what would have fitted.
        """
        if destination is not None and destination.without_scope != self.address.without_scope:
            return None
        if echo is None:
            return self._count_error(Trouble(self.address, None, reporter, why, mtu))
        probe = self._probes.get(echo.sequence)
        known = min(len(echo.payload), len(self._token))
        if probe is None or echo.identifier != self._identifier or echo.payload[:known] != self._token[:known]:
            return None
        self._settle(probe, is_lost=True)
        return self._count_error(Trouble(self.address, probe.sequence, reporter, why, mtu))

    def expired(self, now: float) -> list[Lost]:
        """The probes whose time is up at `now` and that nobody answered, in the order sent."""
        over = list(takewhile(lambda probe: self._expiry_s(probe) <= now, self._waiting.values()))
        lost = [Lost(self.address, probe.sequence) for probe in over if not probe.is_received]
        for probe in over:
            self._settle(probe, is_lost=True)
            self._waiting.pop(probe.sequence, None)
        return lost

    def report(self) -> AddressReport:
        """What it comes to so far."""
        return AddressReport(
            self.address,
            sent=self._sent,
            received=self._received,
            lost=self._lost,
            duplicates=sum(source.duplicates for source in self._sources.values()),
            late=self._late,
            times=self._tally.times,
            answerers=tuple(_answerers(self._sources.items())),
            errors=tuple(ErrorCount(who, why, count, mtu) for (who, why, mtu), count in self._errors.items()),
        )

    def _expiry_s(self, probe: _Probe) -> float:
        return probe.sent_s + self._schedule.timeout_s

    def _count_reply(self, probe: _Probe, source: Address, elapsed_s: float) -> ReplyKind:
        known = self._sources.setdefault(source, _Source())
        if source in probe.sources:
            known.duplicates += 1
            return ReplyKind.DUPLICATE
        probe.sources.add(source)
        if elapsed_s > self._schedule.timeout_s:
            self._late += 1
            return ReplyKind.LATE
        known.tally.add(elapsed_s)
        self._tally.add(elapsed_s)
        self._settle(probe, is_lost=False)
        return ReplyKind.ANSWER

    def _settle(self, probe: _Probe, *, is_lost: bool) -> None:
        """Count a probe once, as received or as lost; one that was lost is received by what came in time all the same.

        The kernel may hold a reply that came in time until after its time, and an error that came before.
        """
        if not is_lost and not probe.is_received:
            probe.is_received = True
            self._received += 1
            self._lost -= probe.is_lost
            probe.is_lost = False
        elif is_lost and not probe.is_received and not probe.is_lost:
            probe.is_lost = True
            self._lost += 1
        # The others of a group may answer yet.
        if not self.address.is_multicast:
            self._waiting.pop(probe.sequence, None)

    def _count_error(self, trouble: Trouble) -> Trouble:
        key = (trouble.reporter, trouble.why, trouble.mtu)
        self._errors[key] = self._errors.get(key, 0) + 1
        return trouble


def _answerers(sources: Iterable[tuple[Address, _Source]]) -> Iterable[Answerer]:
    for address, source in sources:
        yield Answerer(address, source.tally.count, source.duplicates, source.tally.times, source.hop_limit)
