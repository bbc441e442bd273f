"""What the process above the workers holds: every listening socket, one a worker, and the state of every port.

A worker that dies leaves its sockets open here, with the clients that wait in them; the next one gets the same.
"""

from dataclasses import dataclass, field
from socket import socket

from dualstack.core.planning.socket_spec import SocketSpec
from dualstack.gateway.listeners.listening import PortState
from dualstack.gateway.listeners.named_port import describe_socket
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
class SharedPort:
    """A named port, as all workers have it."""

    name: str
    bind: str
    state: PortState = PortState.LISTENING
    error: str | None = None
    listeners: list[SharedListener] = field(default_factory=list)

    @property
    def is_inherited(self) -> bool:
        """Whether a service manager holds a socket of it."""
        return any(each.spec.inherited for each in self.listeners)

    def lost_by_a_stop(self, *, release: bool) -> list[SocketSpec]:
        """As `NamedPort.lost_by_a_stop`."""
        release = release and not self.is_inherited
        own = [each.spec for each in self.listeners if each.sockets and not each.spec.inherited]
        return [spec for spec in own if release or spec.proto == "udp"]

    def describe(self, connections: int) -> dict[str, object]:
        """As `NamedPort.describe`."""
        return {
            "name": self.name,
            "bind": self.bind,
            "state": self.state.value,
            "services": list(dict.fromkeys(each.spec.service for each in self.listeners)),
            "sockets": [describe_socket(each.spec) for each in self.listeners],
            "connections": connections,
            **({"error": self.error} if self.error else {}),
        }
