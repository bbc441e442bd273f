"""One side of a link in the engine: its socket, and the bytes on their way from it to the other side.

Both sockets are registered once, edge-triggered, so an event says that something has changed and never comes again
for what was left lying: a side reads until nothing is left, or the other side takes no more (its OUT edge resumes), or
its budget is spent (the engine's run queue resumes). A short read means nothing is left, except where the event
came with an end, an error or urgent data (RFC 6093: a read stops at the mark): then it reads until told.

Small data is copied through a buffer that all links share; what fills the buffer twice in a row is spliced.
"""

from enum import Enum
from errno import EINVAL, ENOSYS, EPERM
from socket import SHUT_WR, SocketType
from typing import TYPE_CHECKING

from dualstack.gateway.relay.link import Flow
from dualstack.kernel.pipes import Pipe
from dualstack.kernel.streams import error_of

if TYPE_CHECKING:
    from dualstack.gateway.relay.stream.epoll_engine import EngineLink

__all__ = ["BUFFER_BYTES", "ERR", "HUP", "IN", "OUT", "PRI", "RDHUP", "Side"]

# <sys/epoll.h>; select has them on Linux alone, and this module is imported everywhere.
IN, PRI, OUT, ERR, HUP, RDHUP = 0x001, 0x002, 0x004, 0x008, 0x010, 0x2000
_UNUSUAL = PRI | ERR | HUP | RDHUP

BUFFER_BYTES = 64 << 10
# How much one side may move before the others have their turn.
_COPIES = 4
_SPLICES = 2
_FULL_BEFORE_SPLICE = 2
_CANNOT_SPLICE = frozenset({EINVAL, ENOSYS, EPERM})


class Means(Enum):
    """How a side moves its bytes."""

    COPY = 1
    SPLICE = 2
    COPY_ALWAYS = 3


# A member of an enum costs 50 ns to name in Python 3.11, at each message.
COPY, SPLICE, COPY_ALWAYS = Means


class Side(Flow):
    """A socket of a link as the source of its direction.

    `held` is what was read and could not be written yet: while there is any, nothing is read, and TCP's window tells
    the sender. `ended` is set when this side has sent its end and the other side was told, `queued` while
    it waits in the engine's run queue.
    """

    __slots__ = ("ended", "fd", "held", "link", "means", "other", "queued", "sock")

    other: "Side"

    def __init__(self, sock: SocketType, link: "EngineLink") -> None:
        self.count = 0
        self.sock = sock
        self.fd = sock.fileno()
        self.link = link
        self.held: bytes | Pipe | None = None
        self.ended = False
        self.queued = False
        self.means = COPY

    def ready(self, _descriptor: int, mask: int) -> None:
        """Act on what epoll saw of this socket."""
        if mask & OUT and self.other.held is not None:
            self.other.pump(until_told=True)
            if self.link.reason is not None:
                return
        if mask & _UNUSUAL:
            self._ready_and_more(mask)
        elif mask & IN and not self.queued:
            self.pump(until_told=False)

    def _ready_and_more(self, mask: int) -> None:
        """Act on an end, an error or urgent data, which may have come with bytes before it."""
        if mask & ERR and (self.ended or self.held is not None) and (errno := error_of(self.sock)):
            self.link.broken(self, errno)
            return
        if mask & PRI:
            self.means = COPY_ALWAYS
        if not self.ended and not self.queued:
            self.pump(until_told=True)

    def pump(self, *, until_told: bool) -> None:
        """Move bytes to the other side until none are left, it takes no more, or the budget is spent."""
        if self.held is not None and not self._flush():
            return
        if self.means is SPLICE:
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
            if full == _FULL_BEFORE_SPLICE and self.means is COPY:
                self.means = SPLICE
                self._splice()
                return
        self._go_on_later()

    def _splice(self) -> None:
        """As `_copy`, through a pipe; the bytes are never seen here."""
        link = self.link
        pipe = link.engine.pipes.take()
        if pipe is None:
            self.means = COPY
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
                self.means = COPY
        except OSError as error:
            if error.errno in _CANNOT_SPLICE:
                self._release(pipe)
                self.means = COPY_ALWAYS
                self._go_on_later()
            else:
                link.broken(self, error.errno)

    def _flush(self) -> bool:
        """Write what is held; whether all of it went."""
        self.link.active = self.link.engine.now
        held = self.held
        if not isinstance(held, Pipe):
            return self._write(memoryview(held or b""))
        if self._drain(held):
            self._release(held)
            return True
        return False

    def _write(self, piece: memoryview) -> bool:
        """Give the other side a piece; whether it took all of it. The rest is held."""
        try:
            sent = self.other.sock.send(piece)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self.link.broken(self.other, error.errno)
            return False
        self.held = None if sent == len(piece) else bytes(piece[sent:])
        return self.held is None

    def _drain(self, pipe: Pipe) -> bool:
        """Give the other side what the pipe holds; whether it took all of it."""
        try:
            while pipe.held:
                pipe.drain(self.other.fd)
        except BlockingIOError:
            return False
        except OSError as error:
            self.link.broken(self.other, error.errno)
            return False
        return True

    def _go_on_later(self) -> None:
        if not self.queued:
            self.queued = True
            self.link.engine.again.append(self)

    def _release(self, pipe: Pipe) -> None:
        self.held = None
        self.link.engine.pipes.give_back(pipe)

    def _end(self) -> None:
        """Pass this side's end on; the second end is the link's."""
        self.ended = True
        if self.other.ended:
            self.link.ended()
            return
        try:
            self.other.sock.shutdown(SHUT_WR)
        except OSError as error:
            self.link.broken(self.other, error.errno)
