"""What was counted, what went wrong, and which losses are a killed worker's own.

A connection lives in one worker. Where that worker is killed, be it by us or by the gateway because it hung, its
connections are gone with it: that is no fault of who relays, and they are counted apart, as `with their worker`. So is
every connection counted that broke and was open at the moment of such a kill; whichever else broke is lost.
"""

from collections import Counter
from dataclasses import dataclass, field
from time import monotonic

__all__ = ["Tally"]

_FAULTS_SHOWN = 20


@dataclass
class Tally:
    """Counts by their names, and faults as sentences."""

    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    more_faults: int = 0
    kills: list[tuple[float, float]] = field(default_factory=list)
    slowest_s: float = 0.0

    def fault(self, what: str) -> None:
        """Something that must not be."""
        self.counts["faults"] += 1
        if len(self.faults) < _FAULTS_SHOWN:
            self.faults.append(what)
        else:
            self.more_faults += 1

    def broke(self, what: str, began: float, why: str) -> None:
        """A connection that was open from `began` until now has ended as it should not."""
        now = monotonic()
        if any(since < now and began < until for since, until in self.kills):
            self.counts["with their worker"] += 1
        else:
            self.counts["lost"] += 1
            self.fault(f"lost: {what}: {why}")

    def wrong(self, what: str) -> None:
        """Bytes that are not those that were sent."""
        self.counts["wrong"] += 1
        self.fault(f"wrong: {what}")

    def answered(self, took_s: float) -> None:
        """How long something took from its beginning to its end."""
        self.slowest_s = max(self.slowest_s, took_s)
