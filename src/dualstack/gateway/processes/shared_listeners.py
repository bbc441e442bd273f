"""What the process above the workers holds: every listening socket, one a worker, and the state of every port.

A worker that dies leaves its sockets open here, with the clients that wait in them; the next one gets the same.
"""

from dataclasses import dataclass, field
from socket import socket

from dualstack.core.planning.socket_spec import SocketSpec
from dualstack.gateway.listeners.port_life import PortLife
from dualstack.kernel.bound_device import Hearing, hearing

__all__ = ["SharedListener", "SharedPort"]


@dataclass(eq=False, slots=True)
class SharedListener:
    """The sockets of one spec; `planned` is it, `spec` has the real number. Without sockets it is to be opened."""

    planned: SocketSpec
    spec: SocketSpec
    sockets: list[socket]

    @property
    def is_bound_to_one_before(self) -> bool:
        """As `ListeningSocket.is_bound_to_one_before`."""
        return any(hearing(sock, self.spec) is Hearing.ANEW for sock in self.sockets)

    def is_for(self, worker: int) -> bool:
        """Whether the worker serves it: flows of UDP stick to one process, so an inherited socket has one."""
        return worker == 0 or not (self.spec.inherited and self.spec.proto == "udp")

    def socket_of(self, worker: int) -> socket | None:
        """The worker's own; what was inherited they share."""
        if not self.sockets:
            return None
        return self.sockets[0] if self.spec.inherited else self.sockets[worker]

    def close(self) -> None:
        """Let go; workers may still have it."""
        for sock in self.sockets:
            sock.close()
        self.sockets = []


@dataclass(eq=False, slots=True)
class SharedPort(PortLife):
    """A named port, as all workers have it."""

    listeners: list[SharedListener] = field(default_factory=list)

    @property
    def specs(self) -> list[SocketSpec]:
        """All its sockets, one for all workers."""
        return [each.spec for each in self.listeners]

    @property
    def open_specs(self) -> list[SocketSpec]:
        """Those of them that are open, be it to refuse."""
        return [each.spec for each in self.listeners if each.sockets]
