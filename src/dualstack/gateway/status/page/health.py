"""Whether all is well, in words: what somebody who was woken wants to read first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from dualstack.gateway.status.page.figures import counted, duration
from dualstack.gateway.status.page.samples import Sample
from dualstack.gateway.status.snapshot import Snapshot

__all__ = ["Health", "Level", "health_of"]

LATELY_S = 300.0
"""Trouble older than that is told below, and is no alarm."""


class Level(Enum):
    """How well."""

    GOOD = "good"
    LOOK = "look"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Health:
    """The title, what is behind it, and how bad it is."""

    title: str
    lines: tuple[str, ...]
    level: Level


def health_of(shot: Snapshot, samples: Sequence[Sample]) -> Health:
    """What to say of the gateway at this moment."""
    found = [*_of_descriptors(shot), *_of_ports(shot), *_of_targets(shot, samples), *_of_refusals(samples)]
    level = max((level for level, _, _ in found), key=list(Level).index, default=Level.GOOD)
    titles = [title for each, title, _ in found if each is level]
    title = titles[0] if level is not Level.GOOD else "All is well"
    return Health(title, (_listening(shot), *(line for _, _, line in found)), level)


def _listening(shot: Snapshot) -> str:
    up = sum(port.state == "listening" for port in shot.ports)
    number = len(shot.ports)
    ports = "the one port listens" if number == up == 1 else f"{up} of {number} ports listen"
    now = shot.now("ipv4") + shot.now("ipv6")
    return f"{ports}; {counted(now, 'connection')} {'is' if now == 1 else 'are'} open"


Finding = tuple[Level, str, str]


def _of_descriptors(shot: Snapshot) -> Iterator[Finding]:
    if shot.short_now:
        why = "no descriptors left: clients wait until there are some; raise the limit (LimitNOFILE, ulimit -n)"
        yield Level.BAD, "No descriptors left", why
    elif shot.shortages:
        yield Level.GOOD, "", f"descriptors were short {counted(shot.shortages, 'time')}; nobody was lost"


def _of_ports(shot: Snapshot) -> Iterator[Finding]:
    for port in shot.ports:
        if port.state == "failed":
            yield Level.BAD, f"Port {port.name} has failed", f"{port.name}: {port.error or 'failed'}"
        elif port.state == "stopped":
            yield Level.LOOK, f"Port {port.name} is stopped", f"{port.name} is stopped: its clients are refused"


def _of_targets(shot: Snapshot, samples: Sequence[Sample]) -> Iterator[Finding]:
    number, span = _lately(samples, [sample.unreached for sample in samples])
    if not number:
        return
    last = max((each for service in shot.services for each in service.troubles), key=lambda each: each.time)
    yield (
        Level.BAD,
        f"{counted(number, 'client')} did not reach the target",
        f"{counted(number, 'client')} in the last {span} did not; the last one went to {last.target}: {last.why}",
    )


def _of_refusals(samples: Sequence[Sample]) -> Iterator[Finding]:
    number, span = _lately(samples, [sample.refused for sample in samples])
    if number:
        yield Level.GOOD, "", f"{counted(number, 'client')} refused in the last {span}"


def _lately(samples: Sequence[Sample], values: Sequence[int]) -> tuple[int, str]:
    """How many more there are than five minutes ago, or than at the first sample; and over how long."""
    end = samples[-1].time
    since = next(place for place, sample in enumerate(samples) if end - sample.time <= LATELY_S)
    return max(values[-1] - values[since], 0), duration(max(end - samples[since].time, 1))
