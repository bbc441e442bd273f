"""One port number on a system that is known by its rows in `core.oracle.systems`: who is bound, and what nobody can
tell.

Whether two sockets may stand side by side is the business of `core.oracle.reuse` and `core.oracle.reuse_windows`; here
is the bookkeeping, and the rule that what depends on an unknown is unknown.
"""

from collections.abc import Sequence
from typing import Protocol

from dualstack.core.oracle.bound_socket import Bound, overlap
from dualstack.core.oracle.case import Outcome
from dualstack.core.oracle.unknown import UNKNOWN

__all__ = ["Beside", "OtherPort"]


class Beside(Protocol):
    """What binding `new` gives where `old` is bound, or listens, and both want an address in common."""

    def __call__(self, new: Bound, old: Bound, *, listens: bool) -> Outcome:
        """The judgement; `listens` tells whether `old` does."""
        ...


class OtherPort:
    """`bind` and `listen` in the order of the calls; `unsure` are sockets that may have failed.

    `receiving` is in the order of the binds, whenever a socket began to listen: so the kernels keep them.

    Args:
        proto: `tcp` or `udp`.
        beside: judges two sockets whose addresses overlap.
        judges_listeners: whether a listen is judged anew beside those that listen.
    """

    def __init__(self, proto: str, beside: Beside, *, judges_listeners: bool = False) -> None:
        self.receiving: list[Bound] = []
        self.unsure: list[Bound] = []
        self._is_udp = proto == "udp"
        self._beside = beside
        self._judges_listeners = judges_listeners
        self._bound: list[Bound] = []
        self._listening: set[int] = set()

    def bind(self, new: Bound) -> Outcome:
        """Take the port for `new`, or say which socket is in the way, or that nobody knows."""
        outcome = self._among(new, self._bound)
        if outcome.errno is UNKNOWN:
            self.unsure.append(new)
        elif outcome.errno is None and self._is_udp:
            self.receiving.append(new)
        if outcome.errno in {None, UNKNOWN}:
            self._bound.append(new)
        return outcome

    def bind_unsure(self, new: Bound) -> None:
        """Take note of a socket that may be bound, for a reason of its own."""
        self.unsure.append(new)
        self._bound.append(new)

    def listen(self, new: Bound) -> Outcome:
        """Listen on `new`, which is bound or may be."""
        if self._is_udp:
            return Outcome("EOPNOTSUPP", "UDP has no listen", source="POSIX: listen")
        if new in self.unsure:
            return Outcome(UNKNOWN, "no source tells whether it is bound")
        if self._judges_listeners:
            outcome = self._among(new, self.receiving)
            if outcome.errno is not None:
                return outcome
        self._listening.add(new.index)
        self.receiving = [each for each in self._bound if each.index in self._listening]
        return Outcome(None)

    def _among(self, new: Bound, others: Sequence[Bound]) -> Outcome:
        """The first refusal that is sure; else what nobody knows; else success, with what allows it."""
        outcome = Outcome(None)
        for old in others:
            if not overlap(new, old):
                continue
            beside = self._beside(new, old, listens=old.index in self._listening)
            if old in self.unsure:
                beside = Outcome(UNKNOWN, "no source tells whether the other is bound", old.index)
            if beside.errno not in {None, UNKNOWN}:
                return beside
            if outcome.errno is None:
                outcome = beside
        return outcome
