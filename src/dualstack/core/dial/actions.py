"""What a race asks of its driver: attempts to start and stop, questions to ask; and who remembers what it taught."""

from __future__ import annotations

from dualstack.core.quick_values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    from dualstack.core.dial.order import Candidate
    from dualstack.core.dial.resolution import Lookup
else:
    Protocol = object

__all__ = ["Action", "Ask", "Attempt", "Memory", "Start", "Stop"]


class Memory(Protocol):
    """What earlier races taught; `core.dial.history.History` is one."""

    def recalled(self, candidates: Sequence[Candidate], now: float) -> list[Candidate]:
        """The candidates, each with what is known of it."""

    def claim_probe(self, candidate: Candidate, now: float) -> bool:
        """Whether this race may start with a destination that is penalised."""

    def learn(self, candidate: Candidate, rtt_s: float | None, now: float) -> None:
        """A connection was made in so long, or, with None, not made."""


class Attempt:
    """A connection under way, or one that was."""

    __slots__ = ("candidate", "cause", "elapsed_s", "errno", "number", "patience_s", "started", "why")

    def __init__(self, number: int, candidate: Candidate, started: float, patience_s: float) -> None:
        self.number = number
        self.candidate = candidate
        self.started = started
        self.patience_s = patience_s
        self.errno = 0
        self.why = ""
        self.cause: BaseException | None = None
        self.elapsed_s = 0.0


class Start(NamedTuple):
    """Connect to `attempt.candidate`, and tell what becomes of it by `attempt.number`."""

    attempt: Attempt


class Stop(NamedTuple):
    """Let go of this attempt's socket."""

    number: int


class Ask(NamedTuple):
    """Look this up, and tell of the answer by the same lookup."""

    lookup: Lookup


Action = Start | Stop | Ask
