"""What a race that was won teaches later ones: of the addresses that failed meanwhile, and of the winner.

Keeps nothing: that is the memory's. Where nobody has won nothing is learnt, for then the fault may be on this side.
"""

from collections.abc import Iterable
from errno import EACCES, EADDRINUSE, EADDRNOTAVAIL, ECONNREFUSED, EMFILE, ENFILE, ENOBUFS, ENOMEM, EPERM

from dualstack.core.dial.actions import Attempt, Memory

__all__ = ["teach"]

# What says something of this host, or of one port of another, and nothing of the way there: who refuses was reached.
_NO_LESSON = frozenset({EACCES, EADDRINUSE, EADDRNOTAVAIL, ECONNREFUSED, EMFILE, ENFILE, ENOBUFS, ENOMEM, EPERM})


def teach(memory: Memory, winner: Attempt, failed: Iterable[Attempt], running: Iterable[Attempt], now: float) -> None:
    """Tell what failed, or had its head start and did not use it, while another worked; then what worked.

    Args:
        memory: who is told.
        winner: the attempt that has connected.
        failed: those that have failed before.
        running: those that are under way still.
        now: when it has connected.
    """
    for attempt in failed:
        if attempt.errno not in _NO_LESSON:
            memory.learn(attempt.candidate, None, now)
    for attempt in running:
        if attempt.number < winner.number and now - attempt.started >= attempt.patience_s:
            memory.learn(attempt.candidate, None, now)
    memory.learn(winner.candidate, now - winner.started, now)
