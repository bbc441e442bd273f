"""Whoever the engine tells of events, and the first of them: a listening socket."""

from socket import socket
from typing import TYPE_CHECKING, Protocol

from dualstack.gateway.relay.link import Gate

if TYPE_CHECKING:
    from dualstack.gateway.relay.stream.epoll_engine import Engine

__all__ = ["ACCEPTS", "Listener", "Watcher"]

ACCEPTS = 32
"""How many clients are let in before the others have their turn."""


class Watcher(Protocol):
    """Whoever is told of a descriptor's events."""

    def ready(self, descriptor: int, mask: int, /) -> None:
        """Act on what epoll saw of it."""
        ...


class Listener:
    """A listening socket and the gate its clients go through."""

    __slots__ = ("_engine", "family", "gate", "sock")

    def __init__(self, engine: "Engine", sock: socket, gate: Gate) -> None:
        self._engine = engine
        self.sock = sock
        self.family = sock.family
        self.gate = gate

    def ready(self, _descriptor: int, _mask: int) -> None:
        """Accept a batch; the rest is told again."""
        self._engine.accept(self, ACCEPTS)
