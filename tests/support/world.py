"""A world in virtual time for `core.dial.race`: scripted answers and hosts, exact times, every socket counted."""

import errno
import heapq
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from math import inf

from dualstack.core.address.address import Address
from dualstack.core.dial.actions import Action, Ask, Memory, Start
from dualstack.core.dial.egress import LeftOut
from dualstack.core.dial.order import Candidate
from dualstack.core.dial.policy_table import DEFAULT_TABLE, PolicyTable
from dualstack.core.dial.race import Race
from dualstack.core.dial.resolution import SERVICES, Answer, Service
from dualstack.core.dial.resolution import Lookup as Question
from dualstack.core.dial.steps import DialStep
from dualstack.core.dial.timing import Timing
from dualstack.errors import LookupFailed

SOURCES = {4: Address("192.0.2.200"), 6: Address("2001:db8:ffff::1")}


@dataclass(frozen=True)
class Accepts:
    """A host that answers."""

    after_s: float = 0.002


@dataclass(frozen=True)
class Refuses:
    """A host that says no."""

    after_s: float = 0.002
    errno: int = errno.ECONNREFUSED


@dataclass(frozen=True)
class Silent:
    """A host that says nothing, as one behind a filter that drops."""


Host = Accepts | Refuses | Silent


@dataclass(frozen=True)
class Lookup:
    """What the resolver says of one family, and when."""

    addresses: Sequence[str | Candidate] = ()
    after_s: float = 0.0
    error: LookupFailed | None = None
    left_out: Sequence[LeftOut] = ()
    services: Sequence[Service] = ()


NEVER = Lookup(after_s=inf)


@dataclass(frozen=True)
class Connected:
    """How it ended well."""

    address: str
    at_s: float


@dataclass(frozen=True)
class Failed:
    """How it ended badly."""

    error: Exception
    at_s: float


def candidate(address: str | Candidate) -> Candidate:
    """An address from the world's own network."""
    if isinstance(address, Candidate):
        return address
    read = Address(address)
    return Candidate(read, SOURCES[read.version])


@dataclass
class World:
    """Hosts by address, and a clock that only events move.

    Args:
        hosts: what each address does; one that is not named is silent.
        now: the time on the clock.
    """

    hosts: Mapping[str, Host] = field(default_factory=dict)
    now: float = 1000.0
    timing: Timing = field(default_factory=Timing)
    memory: Memory | None = None
    table: PolicyTable = DEFAULT_TABLE
    handshakes: Mapping[str, Host] = field(default_factory=dict)
    started: list[tuple[str, float]] = field(default_factory=list)
    open: set[int] = field(default_factory=set)
    steps: list[DialStep] = field(default_factory=list)
    most_open: int = 0
    asked: list[tuple[str, int]] = field(default_factory=list)

    def connect(
        self,
        *addresses: str | Candidate,
        aaaa: Lookup | None = None,
        a: Lookup | None = None,
        https: Lookup | None = None,
        later: Mapping[tuple[str, int], Lookup] | None = None,
        timeout_s: float = inf,
        cancel_at_s: float = inf,
    ) -> Connected | Failed | None:
        """Race to addresses that are known, or to what two lookups give; None where it was cancelled.

        Args:
            addresses: known at once.
            aaaa: what the lookup of IPv6 addresses gives.
            a: what that of IPv4 addresses gives.
            https: what that of services gives.
            later: what is found for the names of services, by name and family.
            timeout_s: for all of it.
            cancel_at_s: when nobody wants it any more.
        """
        lookups = {SERVICES: https, 6: aaaa, 4: a} if aaaa or a else {0: Lookup(addresses)}
        asked = {Question(family): lookup for family, lookup in lookups.items() if lookup is not None}
        self._later = later or {}
        began = self.now
        self.started, self.steps, self.asked, self._events, self._order = [], [], [], [], count()
        self._race = Race(
            "host:80",
            tuple(asked),
            began,
            timing=self.timing,
            deadline=began + timeout_s,
            table=self.table,
            memory=self.memory,
            name=None if Question(0) in asked else "host",
            on_step=self.steps.append,
        )
        for question, lookup in asked.items():
            self._look_up(question, lookup)
        self._at(cancel_at_s, "cancel")
        self._run()
        ended_s = round(self.now - began, 6)
        assert self.open == ({self._race.winner.number} if self._race.winner else set())
        self.open.clear()
        if self._race.winner is not None:
            return Connected(str(self._race.winner.candidate.address), ended_s)
        return None if self._race.error is None else Failed(self._race.error, ended_s)

    def _look_up(self, question: Question, lookup: Lookup) -> None:
        answer = Answer(tuple(map(candidate, lookup.addresses)), lookup.left_out, lookup.error, lookup.services)
        self._at(lookup.after_s, "answered", question, answer)

    def _run(self) -> None:
        race = self._race
        while not race.is_over:
            at, _, event, arguments = self._events[0] if self._events else (inf, 0, "", ())
            if race.wake_at < at:
                self.now = race.wake_at
                self._do(race.tick(self.now))
                continue
            assert at < inf, "nothing is ever going to happen"
            heapq.heappop(self._events)
            self.now = at
            if event == "failed":
                self.open.discard(arguments[0])
            if event != "connected" or not self._shakes(*arguments):
                self._do(getattr(race, event)(*arguments, now=self.now))

    def _do(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Ask):
                name, family = action.lookup.name, action.lookup.family
                self.asked.append((name, family))
                self._look_up(action.lookup, self._later.get((name, family), NEVER))
                continue
            if not isinstance(action, Start):
                self.open.discard(action.number)
                continue
            attempt = action.attempt
            address = str(attempt.candidate.address)
            port = attempt.candidate.port
            where = address if port is None else f"{address}:{port}"
            self.started.append((where, round(self.now - self._race._started_at, 6)))
            host = self.hosts.get(address, Silent())
            self._happens(attempt.number, host)
            self.open.add(attempt.number)
            self.most_open = max(self.most_open, len(self.open))

    def _happens(self, number: int, host: Host) -> None:
        match host:
            case Accepts(after_s):
                self._at(after_s, "connected", number)
            case Refuses(after_s, number_of_error):
                self._at(after_s, "_failed", number, number_of_error)

    def _at(self, after_s: float, event: str, *arguments: object) -> None:
        if event == "_failed":
            number, error = arguments
            event, arguments = "failed", (number, error, os.strerror(int(str(error))))
        heapq.heappush(self._events, (self.now + after_s, next(self._order), event, arguments))

    def _shakes(self, number: int) -> bool:
        """Where a handshake follows the connection, begin it; whether one was begun."""
        attempt = next((attempt for attempt in self._race.running if attempt.number == number), None)
        if attempt is None:
            return False
        host = self.handshakes.get(str(attempt.candidate.address))
        if host is None or number in self._shaken:
            return False
        self._shaken.add(number)
        self._race.progressed(number, self.now)
        self._happens(number, host)
        return True

    def __post_init__(self) -> None:
        self._shaken: set[int] = set()

    def kinds(self) -> list[str]:
        """The kinds of the last race's steps."""
        return [step.kind.value for step in self.steps]
