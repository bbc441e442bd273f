"""Named ports while the gateway runs: each stops and starts by itself, and no other port notices (D3).

What that means for a socket of it is `listening`'s.
"""

import socket
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace

from dualstack.core.address.address import Address
from dualstack.core.planning.socket_spec import SocketSpec
from dualstack.errors import ListenError
from dualstack.gateway.listeners.listening import ListeningSocket
from dualstack.gateway.listeners.planes import Planes
from dualstack.gateway.listeners.port_life import PortEvent, PortLife, PortState

__all__ = ["NamedPort", "stopped_addresses", "with_real_port", "with_scope_number"]


@dataclass(eq=False, slots=True)
class NamedPort(PortLife):
    """A port as this process serves it: all listening sockets of all services on it, and their connections."""

    listenings: list[ListeningSocket] = field(default_factory=list)
    connections: int = 0

    @property
    def key(self) -> str:
        """The name as it is compared."""
        return self.name.casefold()

    @property
    def specs(self) -> list[SocketSpec]:
        """All its sockets."""
        return [each.spec for each in self.listenings]

    @property
    def open_specs(self) -> list[SocketSpec]:
        """Those of them that are open, be it to refuse."""
        return [each.spec for each in self.listenings if each.sock.fileno() >= 0]

    def stop(self, planes: Planes, *, release: bool = False, at_once: bool = True) -> None:
        """Close its listening sockets; its connections go on, its flows of UDP until `let_go` where not `at_once`.

        Nothing happens where it is stopped.
        """
        for listening in self.listenings:
            if self.state is PortState.LISTENING:
                listening.refuse(planes, release=release, at_once=at_once)
            elif release:
                listening.close(planes)
        self.happens(PortEvent.STOP)

    def hand_over(self, planes: Planes) -> None:
        """Leave its sockets, as they are, to the process that takes our place."""
        for listening in self.listenings:
            if listening.spec.proto == "tcp":
                planes.accept_pending(listening.sock)
            planes.leave(listening.sock)
        self.happens(PortEvent.STOP)

    def let_go(self, planes: Planes) -> None:
        """End the flows that a stop has left; nothing happens where the port was started since."""
        for listening in self.listenings:
            if self.state is not PortState.LISTENING and listening.spec.proto == "udp":
                if listening.spec.inherited:
                    planes.unlisten(listening.sock)
                else:
                    listening.close(planes)

    def start(self, planes: Planes, held: Collection[int]) -> None:
        """Listen again on all of its sockets; `held` are port numbers that sockets of ours have.

        Raises:
            ListenError: one cannot; then none does.
        """
        if self.state is PortState.LISTENING:
            return
        revived: list[ListeningSocket] = []
        try:
            for listening in self.listenings:
                listening.revive(planes, held)
                revived.append(listening)
        except ListenError:
            for listening in revived:
                listening.refuse(planes, release=False)
            raise
        self.happens(PortEvent.START)


def with_real_port(spec: SocketSpec, sock: socket.socket) -> SocketSpec:
    """`spec` with the number that the kernel chose for port 0."""
    return spec if spec.port else replace(spec, port=sock.getsockname()[1])


def stopped_addresses(ports: Iterable[NamedPort], spec: SocketSpec) -> Iterator[Address]:
    """Specific addresses beside the wildcard `spec` whose own port is stopped.

    While it is, the kernel gives their clients to the wildcard; the plan does not: they are to be refused. A scope is
    its number, as in the local address of a connection.
    """
    for port in ports:
        if port.state is PortState.LISTENING or not spec.address.is_unspecified:
            continue
        for listening in port.listenings:
            other = listening.spec
            if other.port == spec.port and other.proto == spec.proto and not other.address.is_unspecified:
                numbered = _numbered(other.address)
                if numbered is not None:
                    yield numbered


def _numbered(address: Address) -> Address | None:
    """As `with_scope_number`; None where its interface is gone, and whoever came by it."""
    try:
        return with_scope_number(address)
    except OSError:
        return None


def with_scope_number(address: Address) -> Address:
    """The address with its interface's number for a zone, as the kernel gives them."""
    if address.scope is None or address.scope.isdecimal():
        return address
    return Address.from_int(address.value, address.version, str(socket.if_nametoindex(address.scope)))
