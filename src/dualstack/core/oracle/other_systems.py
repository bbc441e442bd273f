"""One port number on a system that is known by its rows in `core.oracle.systems`: who is bound, and what nobody can
tell.

Whether two sockets may stand side by side is the business of `core.oracle.reuse` and `core.oracle.reuse_windows`; here
is the bookkeeping, and the rule that what depends on an unknown is unknown.
"""

from collections.abc import Callable

from dualstack.core.oracle.bound_socket import Bound, overlap
from dualstack.core.oracle.case import Outcome
from dualstack.core.oracle.unknown import UNKNOWN

__all__ = ["Beside", "OtherPort"]

Beside = Callable[[Bound, Bound], Outcome]
"""What binding the first gives where the second is bound and both want an address in common."""


class OtherPort:
    """`bind` and `listen` in the order of the calls; `unsure` are sockets that may have failed."""

    def __init__(self, proto: str, beside: Beside) -> None:
        self.receiving: list[Bound] = []
        self.unsure: list[Bound] = []
        self._is_udp = proto == "udp"
        self._beside = beside
        self._bound: list[Bound] = []

    def bind(self, new: Bound) -> Outcome:
        """Take the port for `new`, or say which socket is in the way, or that nobody knows."""
        outcome = self._among(new)
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
        self.receiving.append(new)
        return Outcome(None)

    def _among(self, new: Bound) -> Outcome:
        """The first refusal that is sure; else what nobody knows; else success, with what allows it."""
        outcome = Outcome(None)
        for old in self._bound:
            if not overlap(new, old):
                continue
            beside = self._beside(new, old)
            if old in self.unsure:
                beside = Outcome(UNKNOWN, "no source tells whether the other is bound", old.index)
            if beside.errno not in {None, UNKNOWN}:
                return beside
            if outcome.errno is None:
                outcome = beside
        return outcome
