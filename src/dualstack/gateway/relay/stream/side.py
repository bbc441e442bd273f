"""One side of a link in the engine: its socket, and the bytes on their way from it to the other side.

The problem: tens of thousands of directions in one thread, most of them silent, some of them bulk. A message must cost
two system calls, a megabyte hardly more, and nobody may starve the others, lose an edge or fill memory.

Both sockets are registered once, edge-triggered, so an event says that something has changed and never comes again
for what was left lying: a side reads until nothing is left, or the other side takes no more, or its budget is spent. A
short read means nothing is left, except where the event came with an end, an error or urgent data (RFC 6093: a read
stops at the mark): then it reads until told. So it is always known what a direction waits for:

    state     waits for                                what is unread meanwhile
    READING   an edge of its own socket                nothing
    HOLDING   the OUT edge of the other's              stays in the kernel, and TCP's window tells the sender
    QUEUED    its turn in the engine's run queue       its own edges are ignored until then
    ENDED     nothing: the other was told of its end   nothing; when both have ended, so has the link

What leads from one to the other is `TRANSITIONS`. Small data is copied through a buffer that all links share; what
fills the buffer twice in a row is spliced. Which of the two is the transfer mode, with a table of its own, `MODES`.

Rejected were:

- Level-triggered events: each stall would cost two calls of epoll_ctl(2), to look away and to look again.
- Always splicing: a small message would take four calls instead of two, and each direction two descriptors. So a
  pipe is borrowed while there is bulk, and goes back when nothing is held.
- A buffer for each side, to read on while the other stalls: memory for each client that reads slowly, and the sender
  would not hear of it.
- A table of what to do for each state and event: a call and a lookup for each message. What to do is written out below;
  the tables are asked where a state is left, which no message does that passes at once.
"""

from collections import deque
from enum import Enum
from errno import EINVAL, ENOSYS, EPERM
from socket import SHUT_WR, SocketType
from typing import Protocol

from dualstack.gateway.relay.link import Flow, Reason
from dualstack.gateway.relay.stream.edges import ERR, HUP, IN, OUT, PRI, RDHUP
from dualstack.kernel.pipes import Pipe, PipePool
from dualstack.kernel.socket_options import error_of

__all__ = [
    "BUFFER_BYTES",
    "MODES",
    "TRANSITIONS",
    "TURN",
    "ModeEvent",
    "Side",
    "SideEngine",
    "SideEvent",
    "SideLink",
    "SideState",
    "TransferMode",
]

_UNUSUAL = PRI | ERR | HUP | RDHUP

BUFFER_BYTES = 64 << 10
# How much one side may move before the others have their turn.
_COPIES = 4
_SPLICES = 2
_FULL_BEFORE_SPLICE = 2
_CANNOT_SPLICE = frozenset({EINVAL, ENOSYS, EPERM})


class SideState(Enum):
    """What a direction waits for."""

    READING = "its own edge"
    HOLDING = "the other side's OUT edge"
    QUEUED = "its turn"
    ENDED = "nothing"

    __hash__ = object.__hash__  # Enum's own is a function in Python


class SideEvent(Enum):
    """What changes that."""

    STALLED = "the other side takes no more"
    TAKEN = "the other side has taken all that was held"
    SPENT = "the budget is spent"
    TURN = "the run queue has come to it"
    END = "all was read, and its end"

    __hash__ = object.__hash__


class TransferMode(Enum):
    """How a side moves its bytes."""

    COPY = 1
    SPLICE = 2
    COPY_ALWAYS = 3

    __hash__ = object.__hash__


class ModeEvent(Enum):
    """What changes that."""

    BULK = "the buffer was filled twice in a row"
    SMALL = "less than a buffer went through the pipe"
    NO_PIPE = "the pool gives none"
    FORBIDDEN = "the kernel splices no such sockets"
    MARK = "urgent data has come, whose mark splice does not get over"

    __hash__ = object.__hash__


# A member of an enum costs 50 ns to name in Python 3.11, at each message.
READING, HOLDING, QUEUED, ENDED = SideState
STALLED, TAKEN, SPENT, TURN, END = SideEvent
COPY, SPLICE, COPY_ALWAYS = TransferMode
BULK, SMALL, NO_PIPE, FORBIDDEN, MARK = ModeEvent

TRANSITIONS: dict[SideState, dict[SideEvent, SideState]] = {
    READING: {STALLED: HOLDING, SPENT: QUEUED, END: ENDED},
    HOLDING: {STALLED: HOLDING, TAKEN: READING},
    QUEUED: {TURN: READING},
    ENDED: {},
}
MODES: dict[TransferMode, dict[ModeEvent, TransferMode]] = {
    COPY: {BULK: SPLICE, MARK: COPY_ALWAYS},
    SPLICE: {SMALL: COPY, NO_PIPE: COPY, FORBIDDEN: COPY_ALWAYS, MARK: COPY_ALWAYS},
    COPY_ALWAYS: {MARK: COPY_ALWAYS},
}
# Where nothing is read, so that no read tells of an error.
_UNREAD = frozenset({HOLDING, ENDED})
# Where an end, an error or urgent data at its own socket has it go on, as IN does: `ready` writes that out.
_GOES_ON = frozenset({READING, HOLDING})


class SideEngine(Protocol):
    """What a side asks of its engine: what all sides share, and `now`, the time of the round."""

    now: float
    buffer: memoryview
    pipes: PipePool
    again: deque["Side"]


class SideLink(Protocol):
    """What a side asks of its link, and tells it: when a byte moved last."""

    reason: Reason | None
    active: float

    @property
    def engine(self) -> SideEngine:
        """Whose it is."""
        ...

    def ended(self) -> None:
        """Both sides have sent their end."""
        ...

    def broken(self, side: "Side", errno: int | None, /) -> None:
        """A side is gone; the other is reset."""
        ...


class Side(Flow):
    """A socket of a link as the source of its direction; `held` is what was read and could not be written yet."""

    __slots__ = ("fd", "held", "link", "mode", "other", "sock", "state")

    other: "Side"

    def __init__(self, sock: SocketType, link: SideLink) -> None:
        self.count = 0
        self.sock = sock
        self.fd = sock.fileno()
        self.link = link
        self.held: bytes | Pipe | None = None
        self.state = READING
        self.mode = COPY

    def hold(self, first: bytes) -> None:
        """Have `first` go before all that is read."""
        self.held = first
        self.count = len(first)
        self.state = TRANSITIONS[self.state][STALLED]

    def ready(self, _descriptor: int, mask: int) -> None:
        """Act on what epoll saw of this socket."""
        if mask & OUT and self.other.state is HOLDING:
            self.other.pump(until_told=True)
            if self.link.reason is not None:
                return
        if mask & _UNUSUAL:
            self._ready_and_more(mask)
        elif mask & IN and (self.state is READING or self.state is HOLDING):
            self.pump(until_told=False)

    def _ready_and_more(self, mask: int) -> None:
        """Act on an end, an error or urgent data, which may have come with bytes before it."""
        if mask & ERR and self.state in _UNREAD and (errno := error_of(self.sock)):
            self.link.broken(self, errno)
            return
        if mask & PRI:
            self.mode = MODES[self.mode][MARK]
        if self.state in _GOES_ON:
            self.pump(until_told=True)

    def pump(self, *, until_told: bool) -> None:
        """Move bytes to the other side until none are left, it takes no more, or the budget is spent."""
        if self.state is HOLDING and not self._flush():
            return
        if self.mode is SPLICE:
            self._splice()
        else:
            self._copy(until_told=until_told)

    def _copy(self, *, until_told: bool) -> None:
        link = self.link
        buffer = link.engine.buffer
        full = 0
        for _ in range(_COPIES):
            try:
                size = self.sock.recv_into(buffer)
            except BlockingIOError:
                return
            except OSError as error:
                link.broken(self, error.errno)
                return
            if not size:
                self._end()
                return
            self.count += size
            link.active = link.engine.now
            if not self._write(buffer[:size]):
                return
            if size == BUFFER_BYTES:
                full += 1
            elif not until_told:
                return
            if full == _FULL_BEFORE_SPLICE and self.mode is COPY:
                self.mode = MODES[self.mode][BULK]
                self._splice()
                return
        self._go_on_later()

    def _splice(self) -> None:
        """As `_copy`, through a pipe; the bytes are never seen here."""
        link = self.link
        pipe = link.engine.pipes.take()
        if pipe is None:
            self.mode = MODES[self.mode][NO_PIPE]
            self._go_on_later()
            return
        self.held = pipe
        before = self.count
        try:
            for _ in range(_SPLICES):
                size = pipe.fill(self.fd)
                if not size:
                    self._release(pipe)
                    self._end()
                    return
                self.count += size
                link.active = link.engine.now
                if not self._drain(pipe):
                    break
            else:
                self._release(pipe)
                self._go_on_later()
        except BlockingIOError:
            self._release(pipe)
            if self.count - before < BUFFER_BYTES:
                self.mode = MODES[self.mode][SMALL]
        except OSError as error:
            if error.errno in _CANNOT_SPLICE:
                self._release(pipe)
                self.mode = MODES[self.mode][FORBIDDEN]
                self._go_on_later()
            else:
                link.broken(self, error.errno)

    def _flush(self) -> bool:
        """Write what is held; whether all of it went."""
        self.link.active = self.link.engine.now
        held = self.held
        if isinstance(held, Pipe):
            if not self._drain(held):
                return False
            self._release(held)
        elif self._write(memoryview(held or b"")):
            self.held = None
        else:
            return False
        self.state = TRANSITIONS[self.state][TAKEN]
        return True

    def _write(self, piece: memoryview) -> bool:
        """Give the other side a piece; whether it took all of it. The rest is held."""
        try:
            sent = self.other.sock.send(piece)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self.link.broken(self.other, error.errno)
            return False
        if sent == len(piece):
            return True
        self.held = bytes(piece[sent:])
        self.state = TRANSITIONS[self.state][STALLED]
        return False

    def _drain(self, pipe: Pipe) -> bool:
        """Give the other side what the pipe holds; whether it took all of it."""
        try:
            while pipe.held:
                pipe.drain(self.other.fd)
        except BlockingIOError:
            self.state = TRANSITIONS[self.state][STALLED]
            return False
        except OSError as error:
            self.link.broken(self.other, error.errno)
            return False
        return True

    def _go_on_later(self) -> None:
        self.state = TRANSITIONS[self.state][SPENT]
        self.link.engine.again.append(self)

    def _release(self, pipe: Pipe) -> None:
        self.held = None
        self.link.engine.pipes.give_back(pipe)

    def _end(self) -> None:
        """Pass this side's end on; the second end is the link's."""
        self.state = TRANSITIONS[self.state][END]
        if self.other.state is ENDED:
            self.link.ended()
            return
        try:
            self.other.sock.shutdown(SHUT_WR)
        except OSError as error:
            self.link.broken(self.other, error.errno)
