"""Named ports while the gateway runs: each stops and starts by itself, and no other port notices (D3).

On Linux a stopped port keeps its port number: `shutdown` of the listening socket refuses clients, `listen` revives it,
and no right is needed again (net/ipv4/af_inet.c: inet_shutdown, inet_listen). Elsewhere, and when asked to release, the
socket is closed and opened anew.
"""

import socket
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING

from dualstack.core.address import Address
from dualstack.core.socketspec import SocketSpec
from dualstack.errors import ListenError
from dualstack.gateway.dataplane.plane import DataPlane
from dualstack.kernel.sockets import KEEPS_ITS_PORT, listen_again, open_sockets, stop_listening

if TYPE_CHECKING:
    from dualstack.gateway.service import Door

__all__ = ["Listening", "NamedPort", "PortState", "describe_socket", "stopped_addresses", "with_real_port"]


class PortState(Enum):
    """What a port does now."""

    LISTENING = "listening"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(eq=False, slots=True)
class Listening:
    """A listening socket: what was planned, the same with its real port number, and the door that admits clients."""

    planned: SocketSpec
    spec: SocketSpec
    sock: socket.socket
    door: "Door"

    def refuse(self, plane: DataPlane, *, release: bool) -> None:
        """Take who waits in the queue, then let nobody in."""
        plane.accept_pending(self.sock)
        plane.unlisten(self.sock)
        if KEEPS_ITS_PORT and not release:
            stop_listening(self.sock)
        else:
            self.sock.close()

    def revive(self, plane: DataPlane, held: Collection[int]) -> None:
        """Listen again; `held` are port numbers that other sockets of ours have.

        Raises:
            ListenError: the port number was released and is taken, or the right to it is gone.
        """
        if self.sock.fileno() < 0:
            self.sock = open_sockets([self.spec], held=held)[0]
        else:
            listen_again(self.sock, self.spec)
        plane.listen(self.sock, self.door)

    def step_aside(self, plane: DataPlane) -> None:
        """Make room for another socket of ours on the port number, so that `step_back` is still possible.

        A bound socket with SO_REUSEADDR that does not listen is in no other's way that has it too.
        """
        if self.sock.fileno() < 0:
            return
        if self.door.port.state is PortState.LISTENING:
            plane.accept_pending(self.sock)
            plane.unlisten(self.sock)
            if KEEPS_ITS_PORT:
                self.sock.shutdown(socket.SHUT_RDWR)
        if KEEPS_ITS_PORT:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        else:
            self.sock.close()

    def step_back(self, plane: DataPlane, held: Collection[int]) -> None:
        """Be again what it was before `step_aside`.

        Raises:
            ListenError: it cannot; its port is failed.
        """
        if self.door.port.state is PortState.LISTENING:
            self.revive(plane, held)
        elif self.sock.fileno() >= 0:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)

    def close(self, plane: DataPlane) -> None:
        """Listen no more and let go of the port number."""
        if self.sock.fileno() >= 0:
            plane.unlisten(self.sock)
            self.sock.close()


@dataclass(eq=False, slots=True)
class NamedPort:
    """A port by its name: all listening sockets of all services on it, and their connections."""

    name: str
    bind: str
    state: PortState = PortState.LISTENING
    listenings: list[Listening] = field(default_factory=list)
    connections: int = 0
    error: str | None = None

    @property
    def key(self) -> str:
        """The name as it is compared."""
        return self.name.casefold()

    @property
    def services(self) -> list[str]:
        """The services that listen on it."""
        return list(dict.fromkeys(listening.spec.service for listening in self.listenings))

    def stop(self, plane: DataPlane, *, release: bool = False) -> None:
        """Close its ears; its connections go on. Nothing happens where it is stopped."""
        for listening in self.listenings:
            if self.state is PortState.LISTENING:
                listening.refuse(plane, release=release)
            elif release:
                listening.close(plane)
        self.state = PortState.STOPPED

    def start(self, plane: DataPlane, held: Collection[int]) -> None:
        """Listen again on all of its sockets; `held` are port numbers that sockets of ours have.

        Raises:
            ListenError: one cannot; then none does, and the port is failed.
        """
        if self.state is PortState.LISTENING:
            return
        revived: list[Listening] = []
        try:
            for listening in self.listenings:
                listening.revive(plane, held)
                revived.append(listening)
        except ListenError as error:
            for listening in revived:
                listening.refuse(plane, release=False)
            self.state, self.error = PortState.FAILED, str(error)
            raise
        self.state, self.error = PortState.LISTENING, None

    def describe(self) -> dict[str, object]:
        """The port as `dualstack ports list --json` shows it."""
        return {
            "name": self.name,
            "bind": self.bind,
            "state": self.state.value,
            "services": self.services,
            "sockets": [describe_socket(listening.spec) for listening in self.listenings],
            "connections": self.connections,
            **({"error": self.error} if self.error else {}),
        }


def describe_socket(spec: SocketSpec) -> dict[str, object]:
    """A socket in the words of the JSON documents."""
    return {
        "service": spec.service,
        "port_name": spec.port_name,
        "family": spec.family,
        "address": str(spec.address),
        "port": spec.port,
        "v6only": spec.v6only,
    }


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
                yield _with_scope_number(other.address)


def _with_scope_number(address: Address) -> Address:
    if address.scope is None or address.scope.isdecimal():
        return address
    return Address.from_int(address.value, address.version, str(socket.if_nametoindex(address.scope)))
