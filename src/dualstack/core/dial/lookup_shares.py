"""Who is next, where many ask for what may never end: a share for each service, and in it for each client.

A job that has begun cannot be stopped, so a place that it has is gone until it ends by itself. What keeps one asker
from having all of them is decided when a job begins:

    a client     alone at its service has nearly half of the places: it may be a network behind one address. Beside
                 others it has 32 while few are taken (a browser's worth of names), then a 128th of the free ones, but
                 two: a name has two families. The more are asking, the fewer each has. What it has abandoned gives its
                 place up, but only so often: the stuck are no more than the places it may have.
    a service    has at most seven times as many as are left free, so all of its clients together leave an eighth; two
                 such services leave a fifteenth, and so on: there is always a place for one that asks little.
    the program  itself has 32, and what it has abandoned is bounded as a service's.

Those with a job waiting come in turn, a service after a service and in each a client after a client, so whoever asks
for one name never waits behind another's hundred. The rule of the shares is Choudhury and Hahne's for the memory of a
switch ("Dynamic Queue Length Thresholds", IEEE/ACM Transactions on Networking 6 (2), 1998). Counts alone: it starts
nothing and looks at no clock.
"""

from collections import OrderedDict
from typing import Generic, NamedTuple, TypeVar

__all__ = ["MYSELF", "PLACES", "Asker", "Turns"]

T = TypeVar("T")

PLACES = 1024
"""How many jobs may be under way, be they stuck."""

_FEW_TAKEN = 64
_WHILE_FEW = 32
_LEAST = 2
_CLIENTS_SHARE = 128
_SERVICES_TIMES = 7
_STUCK_TIMES = 2
_ALONE_16THS = 7


class Asker(NamedTuple):
    """For whom something is asked: a client of a service; the program itself has neither."""

    service: str = ""
    client: str = ""


MYSELF = Asker()


class _Client(Generic[T]):
    """What waits for its turn, how many are wanted of those that run, and how many are stuck and wanted by nobody."""

    __slots__ = ("stuck", "waiting", "wanted")

    def __init__(self) -> None:
        self.waiting: OrderedDict[T, None] = OrderedDict()
        self.wanted = 0
        self.stuck = 0


class _Service(Generic[T]):
    """All clients that have something waiting or running; those with something waiting in the order of their turns."""

    __slots__ = ("clients", "ring", "running")

    def __init__(self) -> None:
        self.clients: dict[str, _Client[T]] = {}
        self.ring: OrderedDict[str, _Client[T]] = OrderedDict()
        self.running = 0


class Turns(Generic[T]):
    """Jobs that wait, and how many run for whom.

    Args:
        places: how many may run.
    """

    def __init__(self, places: int = PLACES) -> None:
        self.places = places
        self.running = 0
        self.waiting = 0
        self._services: OrderedDict[str, _Service[T]] = OrderedDict()

    def add(self, job: T, asker: Asker) -> None:
        """Have it wait for its turn."""
        service = self._services.setdefault(asker.service, _Service())
        client = service.clients.setdefault(asker.client, _Client())
        client.waiting[job] = None
        service.ring.setdefault(asker.client, client)
        self.waiting += 1

    def drop(self, job: T, asker: Asker) -> None:
        """Nobody wants what waits any more."""
        service = self._services[asker.service]
        client = service.clients[asker.client]
        del client.waiting[job]
        self.waiting -= 1
        self._tidy(asker, service, client)

    def begin(self) -> tuple[T, Asker] | None:
        """Whose turn it is, which runs from now on; None where nobody may begin.

        Who has to wait has places already, so no more than half of all places are looked past.
        """
        free = self.places - self.running
        if not free:
            return None
        for name, service in self._services.items():
            if service.running >= _SERVICES_TIMES * free:
                continue
            for key, client in service.ring.items():
                asker = Asker(name, key)
                if self._has_room(asker, client, is_alone=len(service.clients) == 1):
                    self._services.move_to_end(name)
                    return self._begun(asker, service, client), asker
        return None

    def abandon(self, asker: Asker) -> None:
        """Nobody wants one that runs any more."""
        client = self._services[asker.service].clients[asker.client]
        client.wanted -= 1
        client.stuck += 1

    def end(self, asker: Asker, *, was_wanted: bool) -> None:
        """One that ran is over."""
        service = self._services[asker.service]
        client = service.clients[asker.client]
        self.running -= 1
        service.running -= 1
        client.wanted -= was_wanted
        client.stuck -= not was_wanted
        self._tidy(asker, service, client)

    def _has_room(self, asker: Asker, client: _Client[T], *, is_alone: bool) -> bool:
        if asker == MYSELF:
            return client.wanted < _WHILE_FEW
        if is_alone:
            return client.wanted + client.stuck < max(_WHILE_FEW, self.places * _ALONE_16THS // 16)
        is_few = self.running < _FEW_TAKEN
        share = _WHILE_FEW if is_few else max(_LEAST, (self.places - self.running) // _CLIENTS_SHARE)
        return client.wanted < share and client.wanted + client.stuck < _STUCK_TIMES * share

    def _begun(self, asker: Asker, service: _Service[T], client: _Client[T]) -> T:
        job, _ = client.waiting.popitem(last=False)
        self.waiting -= 1
        self.running += 1
        service.running += 1
        client.wanted += 1
        service.ring.move_to_end(asker.client)
        self._tidy(asker, service, client)
        return job

    def _tidy(self, asker: Asker, service: _Service[T], client: _Client[T]) -> None:
        if client.waiting:
            return
        service.ring.pop(asker.client, None)
        if not client.wanted and not client.stuck:
            del service.clients[asker.client]
        if not service.clients:
            del self._services[asker.service]
