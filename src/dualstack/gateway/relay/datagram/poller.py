"""Who is told that a socket can be read: an epoll set of ours inside the asyncio loop, or the loop itself.

asyncio spends on each event what a datagram costs in all, and takes one datagram a turn (cpython#91487). A set of ours
is one descriptor to it: a turn of the loop takes a few rounds of many events. Level-triggered, so that whoever reads
less than there is is told again. Where there is no epoll, each socket is the loop's.
"""

import asyncio
import select
from collections.abc import Callable
from typing import Protocol

__all__ = ["EpollPoller", "LoopPoller", "Poller", "poller_on"]

_ROUNDS = 16
_EVENTS = 256


class Poller(Protocol):
    """Tells of sockets that can be read, or have failed."""

    def add(self, descriptor: int, action: Callable[[], object], /) -> None:
        """Call `action` whenever the descriptor can be read."""
        ...

    def drop(self, descriptor: int, /) -> None:
        """Call it no more; before the descriptor is closed."""
        ...

    def look(self) -> None:
        """Tell now of what waits already."""
        ...

    def close(self) -> None:
        """Watch nothing."""
        ...


class EpollPoller:
    """A set of descriptors in one of the loop's.

    Args:
        loop: whose callbacks it runs in.
        on_turn: called before each round, to look at the clock.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, on_turn: Callable[[], object]) -> None:
        self._loop = loop
        self._on_turn = on_turn
        self._epoll = select.epoll()
        self._actions: dict[int, Callable[[], object]] = {}
        loop.add_reader(self._epoll.fileno(), self.look)

    def add(self, descriptor: int, action: Callable[[], object]) -> None:
        """As `Poller.add`."""
        self._epoll.register(descriptor, select.EPOLLIN)
        self._actions[descriptor] = action

    def drop(self, descriptor: int) -> None:
        """As `Poller.drop`."""
        if self._actions.pop(descriptor, None) is not None:
            self._epoll.unregister(descriptor)

    def close(self) -> None:
        """As `Poller.close`."""
        if not self._epoll.closed:
            self._loop.remove_reader(self._epoll.fileno())
            self._epoll.close()
        self._actions.clear()

    def look(self) -> None:
        """As `Poller.look`."""
        actions = self._actions
        for _ in range(_ROUNDS):
            events = self._epoll.poll(0, _EVENTS)
            if not events:
                return
            self._on_turn()
            for descriptor, _mask in events:
                action = actions.get(descriptor)
                if action is not None:
                    action()
            if self._epoll.closed:
                return


class LoopPoller:
    """Each descriptor is the loop's.

    Args:
        loop: it.
        on_turn: called before each action, to look at the clock.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, on_turn: Callable[[], object]) -> None:
        self._loop = loop
        self._on_turn = on_turn
        self._watched: dict[int, Callable[[], object]] = {}

    def add(self, descriptor: int, action: Callable[[], object]) -> None:
        """As `Poller.add`."""
        self._watched[descriptor] = action
        self._loop.add_reader(descriptor, self._act, action)

    def drop(self, descriptor: int) -> None:
        """As `Poller.drop`."""
        if descriptor in self._watched:
            del self._watched[descriptor]
            self._loop.remove_reader(descriptor)

    def close(self) -> None:
        """As `Poller.close`."""
        for descriptor in list(self._watched):
            self.drop(descriptor)

    def look(self) -> None:
        """As `Poller.look`."""
        for action in list(self._watched.values()):
            self._act(action)

    def _act(self, action: Callable[[], object]) -> None:
        self._on_turn()
        action()


def poller_on(loop: asyncio.AbstractEventLoop, on_turn: Callable[[], object]) -> Poller:
    """The best poller of this system."""
    return EpollPoller(loop, on_turn) if hasattr(select, "epoll") else LoopPoller(loop, on_turn)
