"""A listening socket in the engine: clients are let in by batches, so that those who are in have their turn too."""

from socket import socket
from typing import Protocol

from dualstack.gateway.relay.link import Gate

__all__ = ["ACCEPTS", "Acceptor", "Listener"]

ACCEPTS = 32
"""How many clients are let in before the others have their turn."""


class Acceptor(Protocol):
    """What a listener asks of its engine."""

    def accept(self, listener: "Listener", limit: int, /) -> bool:
        """Accept up to `limit` clients; whether there may be more."""
        ...


class Listener:
    """A listening socket and the gate its clients go through."""

    __slots__ = ("_engine", "family", "gate", "sock")

    def __init__(self, engine: Acceptor, sock: socket, gate: Gate) -> None:
        self._engine = engine
        self.sock = sock
        self.family = sock.family
        self.gate = gate

    def ready(self, _descriptor: int, _mask: int) -> None:
        """Accept a batch; the rest is told again."""
        self._engine.accept(self, ACCEPTS)
