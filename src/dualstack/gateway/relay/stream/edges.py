"""What epoll tells, in bits, and who is told."""

from typing import Protocol

__all__ = ["EDGES", "ERR", "ERRORS_ALONE", "HUP", "IN", "OUT", "PRI", "RDHUP", "Watcher"]

# <sys/epoll.h>; select has them on Linux alone, and the engine is imported everywhere.
IN, PRI, OUT, ERR, HUP, RDHUP = 0x001, 0x002, 0x004, 0x008, 0x010, 0x2000
_ET = 1 << 31

EDGES = IN | OUT | PRI | RDHUP | _ET
"""Whatever changes is told, once."""

ERRORS_ALONE = _ET
"""ERR and HUP are told without being asked for."""


class Watcher(Protocol):
    """Whoever is told of a descriptor's events."""

    def ready(self, descriptor: int, mask: int, /) -> None:
        """Act on what epoll saw of it."""
        ...
