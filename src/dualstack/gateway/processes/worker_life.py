"""A worker's life, as the process above it sees it: what may happen to it, and what follows from its end.

The problem. A worker is another process: it dies whenever somebody kills it, and hangs whenever it likes. Whoever asks
it something must not wait for that, clients that wait in its sockets must not be lost, and one that ends because the
gateway leaves must not come back. Its end and a decision about it cross: it may be dead when it is told to leave.

So whatever happens, its end is heard in one place, that of its channel, and there alone it is replaced. Who is not
content with it kills it, and waits for nothing.

    state     it is                                        dismissed   unanswered   at its end
    WORKING   forked, told what to serve, asked for more   LEAVING     SILENT       replaced
    SILENT    killed, for it did not answer in time        OVERDUE     SILENT       said, and replaced
    LEAVING   dismissed: its connections may end           LEAVING     OVERDUE      nothing
    OVERDUE   killed, though it was dismissed              OVERDUE     OVERDUE      said

What was rejected:
- A state for a worker that is starting. Orders are carried out in the order in which they are given, so one that has
  not yet answered the first is told of a reload as all others are; one that cannot do what it is told is killed, and
  replaced for its end. How soon is `restarts`' to say.
- To ask again one that did not answer. It has served nobody meanwhile, and its successor is there within milliseconds
  with the same sockets: these are the supervisor's.
- SIGTERM before SIGKILL: who hangs hears neither.
- To start the successor when the kill is sent: two would have one number and one socket, and a kill is heard at once.
"""

from dataclasses import dataclass
from enum import Enum

__all__ = ["FATES", "TRANSITIONS", "Event", "Fate", "WorkerState"]


class WorkerState(Enum):
    """What a worker is now."""

    WORKING = "serves"
    SILENT = "killed, for it did not answer"
    LEAVING = "lets its connections end"
    OVERDUE = "killed, though it was dismissed"


class Event(Enum):
    """What may happen to it before its end."""

    DISMISSED = "it is not needed any more, be it told so or not yet"
    UNANSWERED = "something that it was asked it did not answer in time"


@dataclass(frozen=True, slots=True)
class Fate:
    """What follows from its end."""

    is_said: bool
    is_replaced: bool


TRANSITIONS = {
    WorkerState.WORKING: {Event.DISMISSED: WorkerState.LEAVING, Event.UNANSWERED: WorkerState.SILENT},
    WorkerState.SILENT: {Event.DISMISSED: WorkerState.OVERDUE, Event.UNANSWERED: WorkerState.SILENT},
    WorkerState.LEAVING: {Event.DISMISSED: WorkerState.LEAVING, Event.UNANSWERED: WorkerState.OVERDUE},
    WorkerState.OVERDUE: {Event.DISMISSED: WorkerState.OVERDUE, Event.UNANSWERED: WorkerState.OVERDUE},
}

FATES = {
    WorkerState.WORKING: Fate(is_said=False, is_replaced=True),
    WorkerState.SILENT: Fate(is_said=True, is_replaced=True),
    WorkerState.LEAVING: Fate(is_said=False, is_replaced=False),
    WorkerState.OVERDUE: Fate(is_said=True, is_replaced=False),
}
