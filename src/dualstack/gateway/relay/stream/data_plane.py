"""The stream plane as the gateway sees it: it accepts, connects and relays; gates decide who goes where.

What the two planes share is here: the live links, the end of each, and draining.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable
from contextlib import AbstractContextManager, nullcontext
from math import inf
from socket import SocketType, socket
from typing import TYPE_CHECKING

from dualstack.core.address.sockaddr import SockAddr
from dualstack.gateway.relay.link import Gate, Link, Reason, Target
from dualstack.gateway.relay.stream.deadlines import Deadlines
from dualstack.gateway.relay.stream.descriptor_reserve import DescriptorReserve
from dualstack.kernel.unsent import unsent

if TYPE_CHECKING:
    from dualstack.kernel.pipes import PipePool

__all__ = ["DataPlane"]


class DataPlane(ABC):
    """Accepts, connects and relays TCP and Unix stream connections on one asyncio loop.

    A listening socket stays its owner's; sockets of connections are the plane's once they are given to it. `now` is
    the loop's time when the plane last had something to do, `reserve` what is kept and known where descriptors are
    short, `pipes` what large amounts may go through, None where there are none.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.now = loop.time()
        self.reserve = DescriptorReserve(loop)
        self.pipes: PipePool | None = None
        self._links: set[Link] = set()
        self._deadlines: Deadlines[Link] = Deadlines()
        self._alarm: asyncio.TimerHandle | None = None
        self._drains: list[tuple[set[Link], asyncio.Event]] = []

    @property
    def links(self) -> Collection[Link]:
        """The live links. Make a list of it before anything else may run."""
        return self._links

    @abstractmethod
    def listen(self, sock: socket, gate: Gate) -> None:
        """Accept on `sock`, which listens and does not block, until `unlisten`."""

    @abstractmethod
    def unlisten(self, sock: socket) -> None:
        """Accept on `sock` no more; nothing happens where it was not watched."""

    @abstractmethod
    def accept_pending(self, sock: socket) -> None:
        """Accept now what waits in the queue of `sock`, so that stopping it loses nobody."""

    @abstractmethod
    def connect(self, client: SocketType, peer: SockAddr, target: Target, gate: Gate) -> Link:
        """Connect to the target and relay; a client whose target cannot be reached is reset."""

    @abstractmethod
    def relay(
        self,
        client: SocketType,
        server: SocketType,
        gate: Gate,
        *,
        peer: SockAddr = "",
        leftover: bytes = b"",
        idle_timeout_s: float = inf,
    ) -> Link:
        """Relay between two connected sockets; `leftover`, read from the client already, goes first."""

    @abstractmethod
    async def room(self) -> None:
        """Wait until there may be descriptors again, for one who found none; new clients wait longer."""

    def enter(self, link: Link) -> None:
        """Know of a link whose bytes another moves: it is seen, found silent, and cut with all others."""
        self._refresh()
        self._begin(link)
        self.remind(link, link.idle_timeout_s)

    def leave(self, link: Link, reason: Reason) -> None:
        """A link that was entered is over, and its sockets are dealt with."""
        self._refresh()
        self._end(link, reason, link.errno)

    def reset_watch(self, client: SocketType, action: Callable[[], object]) -> AbstractContextManager[object]:  # noqa: ARG002
        """Within this, `action` is called when `client` resets its connection, where the system tells.

        One who has sent its end may still wait for an answer: that is no leaving.
        """
        return nullcontext()

    async def beat(self) -> None:
        """Return once the plane has seen an event made for it: whoever waits for that knows that it lives."""
        await asyncio.sleep(0)

    async def drain(self, timeout_s: float, links: Iterable[Link] | None = None) -> int:
        """Wait for links to end by themselves, abort the rest.

        Args:
            timeout_s: for so long.
            links: which ones; all that live now by default.

        Returns:
            How many were aborted.
        """
        waiting = self._links.intersection(self._links if links is None else links)
        if waiting:
            drain = waiting, asyncio.Event()
            self._drains.append(drain)
            try:
                async with asyncio.timeout(None if timeout_s == inf else timeout_s):
                    await drain[1].wait()
            except TimeoutError:
                pass
            finally:
                self._drains.remove(drain)
        self._refresh()
        for link in (left := list(waiting)):
            link.abort()
        return len(left)

    def remind(self, link: Link, delay_s: float) -> None:
        """Look at the link again after `delay_s`, or before: what comes up too early is put off then."""
        if link.due is not None:
            if link.due <= self.now + delay_s:
                return
            self._deadlines.drop(link, link.due)
        link.due = self._deadlines.add(link, self.now, delay_s)
        if link.due is not None and (self._alarm is None or link.due < self._alarm.when()):
            self._set_alarm()

    @abstractmethod
    def close(self) -> None:
        """Stop accepting, abort every link, and keep no descriptor."""
        self.reserve.close()
        if self._alarm is not None:
            self._alarm.cancel()

    def _begin(self, link: Link) -> None:
        self._links.add(link)

    def _end(self, link: Link, reason: Reason, errno: int) -> None:
        """Enter the end of a link, whose sockets are dealt with, and tell who waits for it."""
        if link.due is not None:
            self._deadlines.drop(link, link.due)
        link.reason = reason
        link.errno = errno
        link.over_at = self.now
        self._links.discard(link)
        for waiting, over in self._drains:
            waiting.discard(link)
            if not waiting:
                over.set()
        try:
            link.gate.closed(link)
        except Exception as error:  # noqa: BLE001 - one gate's mistake must not take the other connections along
            self._report("a gate failed at the end of a link", error)

    def _admit(self, client: SocketType, peer: SockAddr, gate: Gate) -> None:
        """Ask the gate about an accepted client and do what it says."""
        try:
            target = gate.admit(client, peer)
        except Exception as error:  # noqa: BLE001 - as above
            client.close()
            self._report("a gate failed to admit a client", error)
            return
        if target is not None:
            self.connect(client, peer, target, gate)

    def _refresh(self) -> None:
        self.now = self._loop.time()

    def _set_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        at = self._deadlines.next()
        self._alarm = None if at == inf else self._loop.call_at(at, self._look_at_silent_links)

    def _look_at_silent_links(self) -> None:
        self._alarm = None
        self._refresh()
        due = self._deadlines.take_due(self.now)
        for link in due:
            link.due = None
        if due:
            self._catch_up()
        for link in due:
            if link.reason is None:
                self._look_at(link)
        self._set_alarm()

    def _catch_up(self) -> None:  # noqa: B027 - asyncio's transports are asked one by one
        """See to what waits already, before who was silent is judged.

        After a pause of the process (SIGSTOP, a suspended machine) every delay is over, and the loop may tell of that
        first: epoll_wait(2) fails with EINTR, and Python, whose time is up too, takes it for "nothing has happened".
        """

    def _look_at(self, link: Link) -> None:
        """Act on a link whose time is up: it was silent too long, or less long than it seemed."""
        silent_s = self.now - link.active
        if link.due is not None:
            return
        if silent_s >= link.idle_timeout_s and (link.is_unheard() or _is_taking(link)):
            self.remind(link, link.idle_timeout_s)
        elif silent_s >= link.idle_timeout_s:
            link.over(Reason.IDLE)
        else:
            self.remind(link, link.idle_timeout_s - silent_s)

    def _report(self, message: str, error: BaseException) -> None:
        self._loop.call_exception_handler({"message": message, "exception": error})


def _is_taking(link: Link) -> bool:
    """Whether an end takes what was written to it long ago: who reads megabytes slowly is not silent.

    The first look finds out where it stands, so who takes nothing at all has twice the time.
    """
    before, link.unsent = link.unsent, sum(map(unsent, link.descriptors()))
    return link.unsent not in {0, before}
