"""What diallers have learnt, for many threads at once, and whole in a child after fork(2)."""

import os
import threading
import weakref
from collections.abc import Mapping, Sequence

from dualstack.core.dial.history import History
from dualstack.core.dial.order import Candidate, PathStats

__all__ = ["SharedHistory"]


class _Fork:
    """Around a fork(2) nobody is in the midst of a change, so that the child's copy is a whole one."""

    def __init__(self) -> None:
        self.shared: weakref.WeakSet[SharedHistory] = weakref.WeakSet()
        self._one_at_a_time = threading.Lock()
        self._held: list[SharedHistory] = []
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(before=self._before, after_in_parent=self._after, after_in_child=self._after)

    def _before(self) -> None:
        self._one_at_a_time.acquire()
        self._held = list(self.shared)
        for history in self._held:
            history.hold()

    def _after(self) -> None:
        for history in self._held:
            history.let_go()
        self._held = []
        self._one_at_a_time.release()


_FORK = _Fork()


class SharedHistory:
    """A `History` for many threads; a child process goes on with what was known at the fork.

    Args:
        history: what is shared; an empty one by default.
    """

    def __init__(self, history: History | None = None) -> None:
        self._history = History() if history is None else history
        self._lock = threading.Lock()
        _FORK.shared.add(self)

    def recall(self, candidate: Candidate, now: float) -> PathStats:
        """As `History.recall`."""
        with self._lock:
            return self._history.recall(candidate, now)

    def recalled(self, candidates: Sequence[Candidate], now: float) -> list[Candidate]:
        """As `History.recalled`."""
        with self._lock:
            return self._history.recalled(candidates, now)

    def claim_probe(self, candidate: Candidate, now: float) -> bool:
        """As `History.claim_probe`."""
        with self._lock:
            return self._history.claim_probe(candidate, now)

    def learn(self, candidate: Candidate, rtt_s: float | None, now: float) -> None:
        """As `History.learn`."""
        with self._lock:
            self._history.learn(candidate, rtt_s, now)

    def save(self, now: float, *, most: int | None = None) -> dict[str, object]:
        """As `History.save`."""
        with self._lock:
            return self._history.save(now, most=most)

    def load(self, document: Mapping[str, object], now: float) -> None:
        """As `History.load`."""
        with self._lock:
            self._history.load(document, now)

    def __len__(self) -> int:
        with self._lock:
            return len(self._history)

    def hold(self) -> None:
        """Let no other thread in until `let_go`."""
        self._lock.acquire()

    def let_go(self) -> None:
        """Undo `hold`."""
        self._lock.release()
