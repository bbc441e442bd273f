"""A race for who blocks: sockets that do not, one selector for them, and a queue for what the pool's threads find."""

from math import inf
from selectors import EVENT_WRITE, BaseSelector, SelectSelector
from time import monotonic

from dualstack.core.dial.egress import EgressPolicy
from dualstack.core.dial.resolution import Answer, Lookup
from dualstack.net.dial.driver import LONGEST_WAIT_S, RaceDriver
from dualstack.net.dial.prepare import PreparedRace

try:
    from selectors import PollSelector as _Selector
except ImportError:  # Windows
    _Selector = SelectSelector  # type: ignore[misc,assignment]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from socket import socket

    from dualstack.net.dial.blocking_answers import BlockingAnswers
    from dualstack.net.names.thread_pool import Outcome

__all__ = ["BlockingDriver"]


class BlockingDriver(RaceDriver):
    """One race, for who waits for it."""

    def __init__(self, prepared: PreparedRace, port: int, outlet: EgressPolicy) -> None:
        super().__init__(prepared, port, outlet)
        self._selector: BaseSelector | None = None
        self._answers: BlockingAnswers | None = None

    def run(self) -> "socket":
        """The connected socket, which does not block yet.

        Raises:
            DialError, LookupFailed: there is none.
        """
        race = self._race
        try:
            self._begin()
            while not race.is_over:
                self._wait(race.wake_at - monotonic())
            return self._winner()
        finally:
            self._close()

    def _wait(self, timeout_s: float) -> None:
        """Wait for the next thing to happen, and tell the race."""
        timeout = None if timeout_s == inf else min(max(timeout_s, 0.0), LONGEST_WAIT_S)
        if self._sockets:
            self._wait_for_sockets(timeout)
        elif self._take_answer(timeout):
            return
        self._tell(self._race.tick)

    def _wait_for_sockets(self, timeout: float | None) -> None:
        selector, answers = self._selector, self._answers
        assert selector is not None  # noqa: S101 - made for the first socket
        if answers is not None and answers.begin_to_wake(selector):
            timeout = 0.0  # one may have come before
        for key, _ in selector.select(timeout):
            if key.data is None:
                assert answers is not None  # noqa: S101 - they have woken it
                answers.has_woken()
            elif key.data in self._sockets:  # else let go of a moment ago
                self._ready(key.data)
        while answers is not None and self._take_answer(0.0):
            pass

    # Lookups.

    def _ask(self, lookup: Lookup) -> None:
        if self._answers is None:
            from dualstack.net.dial.blocking_answers import BlockingAnswers  # who has addresses does not pay for it

            self._answers = BlockingAnswers()
        self._answers.expected += 1
        super()._ask(lookup)

    def _deliver(self, lookup: Lookup, outcome: "Outcome[Answer]") -> None:
        assert self._answers is not None  # noqa: S101 - it has been asked for
        self._answers.put(lookup, outcome)

    def _take_answer(self, timeout: float | None) -> bool:
        """Tell the race of the next; False where none came in time."""
        assert self._answers is not None  # noqa: S101 - without sockets there are questions
        found = self._answers.get(timeout)
        if found is None:
            return False
        self._answered(*found)
        return True

    # Sockets: one selector, made for the first that is not connected at once.

    def _watch(self, number: int, sock: "socket") -> None:
        if self._selector is None:
            self._selector = _Selector()
        self._selector.register(sock.fileno(), EVENT_WRITE, number)

    def _unwatch(self, sock: "socket") -> None:
        if self._selector is not None:
            try:  # noqa: SIM105 - contextlib takes a millisecond
                self._selector.unregister(sock.fileno())
            except KeyError:
                pass

    def _close(self) -> None:
        self._drop_lookups()
        self._let_all_go()
        if self._selector is not None:
            self._selector.close()
        if self._answers is not None:
            self._answers.close()
