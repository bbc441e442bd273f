"""One listening socket of a named port while the gateway runs: how it refuses, revives, steps aside and closes.

On Linux a stopped port keeps its port number: `shutdown` of the listening socket refuses clients, `listen` revives it,
and no right is needed again (net/ipv4/af_inet.c: inet_shutdown, inet_listen). Elsewhere, and when asked to release, the
socket is closed and opened anew. A UDP port has no such pause: it is closed, which refuses (ICMP port unreachable),
after what was asked is answered where that is waited for. A socket that a service manager holds too is never released.
"""

import socket
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass

from dualstack.core.planning.socket_spec import SocketSpec
from dualstack.errors import ListenError
from dualstack.gateway.listeners.planes import ListeningGate, Planes
from dualstack.gateway.listeners.port_life import PortLife, PortState, keeps_its_port
from dualstack.kernel.bound_device import Hearing, hearing
from dualstack.kernel.sockets import listen_again, open_sockets, stop_listening

__all__ = ["ListeningSocket"]


@dataclass(eq=False, slots=True)
class ListeningSocket:
    """A listening socket: what was planned, the same with its real port number, the gate that clients come in by.

    It does as `port` does, whose state it shares with all others of it.
    """

    planned: SocketSpec
    spec: SocketSpec
    sock: socket.socket
    gate: ListeningGate
    port: PortLife

    @property
    def is_bound_to_one_before(self) -> bool:
        """Whether its interface was deleted and made anew, so that it hears nothing."""
        return hearing(self.sock, self.spec) is Hearing.ANEW

    def refuse(self, planes: Planes, *, release: bool, at_once: bool = True) -> None:
        """Take who waits in the queue, then let nobody in; flows of UDP end at once, or with `close`."""
        if self.spec.proto == "udp" and not at_once:
            planes.hush(self.sock)
            return
        planes.accept_pending(self.sock)
        planes.unlisten(self.sock)
        if keeps_its_port(self.spec) and not release:
            stop_listening(self.sock)
        elif not (self.spec.inherited and self.spec.proto == "udp"):
            self.sock.close()

    def revive(self, planes: Planes, held: Collection[int]) -> None:
        """Listen again; `held` are port numbers that other sockets of ours have.

        Raises:
            ListenError: the port number was released and is taken, or the right to it is gone.
        """
        if self.sock.fileno() < 0:
            self.sock = open_sockets([self.spec], held=held)[0]
        elif self.spec.proto == "tcp":
            listen_again(self.sock, self.spec)
        planes.listen(self.sock, self.gate)

    def step_aside(self, planes: Planes) -> None:
        """Make room for another socket of ours on the port number, so that `step_back` is still possible.

        A bound socket with SO_REUSEADDR that does not listen is in no other's way that has it too.
        """
        if self.sock.fileno() < 0:
            return
        if self.spec.proto == "udp":
            self.close(planes)
            return
        if self.port.state is PortState.LISTENING:
            planes.accept_pending(self.sock)
            planes.unlisten(self.sock)
            if keeps_its_port(self.spec):
                self.sock.shutdown(socket.SHUT_RDWR)
        if keeps_its_port(self.spec):
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        else:
            self.sock.close()

    def step_back(self, planes: Planes, held: Collection[int]) -> None:
        """Be again what it was before `step_aside`.

        Raises:
            ListenError: it cannot; its port is failed.
        """
        if self.port.state is PortState.LISTENING:
            self.revive(planes, held)
        elif self.sock.fileno() >= 0:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)

    def close(self, planes: Planes) -> None:
        """Listen no more and let go of the port number; what is the service manager's is left as it came."""
        if self.sock.fileno() >= 0:
            planes.unlisten(self.sock)
            if self.spec.inherited and self.port.state is not PortState.LISTENING and self.spec.proto == "tcp":
                with suppress(ListenError):
                    listen_again(self.sock, self.spec)
            self.sock.close()
