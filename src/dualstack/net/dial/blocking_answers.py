"""What the pool's daemon threads have found for who blocks: a queue, and a pair of sockets to wake his selector."""

from contextlib import suppress
from queue import Empty, SimpleQueue
from selectors import EVENT_READ, BaseSelector

from dualstack.core.dial.resolution import Answer, Lookup
from dualstack.kernel.attempts import socket_pair
from dualstack.net.names.thread_pool import Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    from socket import socket

__all__ = ["BlockingAnswers"]


class BlockingAnswers:
    """The answers of one race; `expected` is how many are to come."""

    def __init__(self) -> None:
        self.expected = 0
        self._queue: SimpleQueue[tuple[Lookup, Outcome[Answer]]] = SimpleQueue()
        self._waker: tuple[socket, socket] | None = None

    def put(self, lookup: Lookup, outcome: Outcome[Answer]) -> None:
        """In a thread of the pool: enter one, and wake who waits for sockets."""
        self._queue.put((lookup, outcome))
        waker = self._waker
        if waker is not None:
            with suppress(OSError):  # nobody waits any more
                waker[1].send(b"!")

    def get(self, timeout: float | None) -> tuple[Lookup, Outcome[Answer]] | None:
        """The next; None where none came in time, or none is to come."""
        if not self.expected and timeout == 0.0:
            return None
        with suppress(Empty):
            found = self._queue.get(timeout=timeout)
            self.expected -= 1
            return found
        return None

    def begin_to_wake(self, selector: BaseSelector) -> bool:
        """From now on wake `selector` by an event without data; False where it is so already, or none is to come."""
        if not self.expected or self._waker is not None:
            return False
        self._waker = socket_pair()
        selector.register(self._waker[0].fileno(), EVENT_READ)
        return True

    def has_woken(self) -> None:
        """The selector has heard."""
        assert self._waker is not None  # noqa: S101 - it has just been heard
        with suppress(BlockingIOError):
            self._waker[0].recv(64)

    def close(self) -> None:
        """Nobody waits any more."""
        waker, self._waker = self._waker, None
        for end in waker or ():
            end.close()
