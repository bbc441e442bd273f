"""Wrong passwords, by the client that sent them: the more there were, the longer the next one waits for its answer.

A first slip costs nothing; from the second on the wait doubles, up to `LONGEST_S`, and with every `FORGET_S` of quiet
half of what was counted is forgotten. A right password never waits, save where the same client has so many wrong ones
waiting that no more are heard: else a thousand connections would be a thousand guesses at a time. Other clients wait
for nothing. A fixed number of clients is remembered, and those of long ago give way.
"""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["CLIENTS_MAX", "FORGET_S", "LONGEST_S", "WAITING_MAX", "Guesses"]

FIRST_S = 0.1
LONGEST_S = 8.0
FORGET_S = 60.0
CLIENTS_MAX = 4096
WAITING_MAX = 16


class _Client:
    """One client's: how many wrong ones there were, when the last, and how many wait now."""

    __slots__ = ("count", "last", "waiting")

    def __init__(self, now: float) -> None:
        self.count = 0.0
        self.last = now
        self.waiting = 0


class Guesses:
    """The wrong passwords of all clients."""

    def __init__(self) -> None:
        self._clients: OrderedDict[str, _Client] = OrderedDict()

    def __len__(self) -> int:
        return len(self._clients)

    def is_full(self, who: str) -> bool:
        """Whether so many of this client's wait that no more are heard."""
        client = self._clients.get(who)
        return client is not None and client.waiting >= WAITING_MAX

    @contextmanager
    def wrong(self, who: str, now: float) -> Iterator[float]:
        """Count one more; how many seconds its answer waits, within this."""
        client = self._remembered(who, now)
        client.count = client.count * 0.5 ** ((now - client.last) // FORGET_S) + 1
        client.last = now
        client.waiting += 1
        try:
            yield _delay_s(client.count)
        finally:
            client.waiting -= 1

    def _remembered(self, who: str, now: float) -> _Client:
        client = self._clients.get(who)
        if client is None:
            client = self._clients[who] = _Client(now)
            if len(self._clients) > CLIENTS_MAX:
                self._clients.popitem(last=False)
        self._clients.move_to_end(who)
        return client


def _delay_s(count: float) -> float:
    if count < 2:
        return 0.0
    return float(min(FIRST_S * 2 ** min(count - 2, 64), LONGEST_S))
