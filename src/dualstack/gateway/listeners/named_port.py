"""Named ports while the gateway runs: each stops and starts by itself, and no other port notices (D3).

On Linux a stopped port keeps its port number: `shutdown` of the listening socket refuses clients, `listen` revives it,
and no right is needed again (net/ipv4/af_inet.c: inet_shutdown, inet_listen). Elsewhere, and when asked to release, the
socket is closed and opened anew. A UDP port has no such pause: it is closed, which refuses (ICMP port unreachable),
after what was asked is answered where that is waited for. A socket that a service manager holds too is never released.
"""

import socket
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING

from dualstack.core.address.address import Address
from dualstack.core.planning.socket_spec import SocketSpec
from dualstack.errors import ListenError
from dualstack.kernel.bound_device import Hearing, hearing
from dualstack.kernel.sockets import KEEPS_ITS_PORT, listen_again, open_sockets, stop_listening

if TYPE_CHECKING:
    from dualstack.gateway.listeners.planes import Ears
    from dualstack.gateway.services.stream_gate import Door

__all__ = [
    "Listening",
    "NamedPort",
    "PortState",
    "describe_socket",
    "stopped_addresses",
    "with_real_port",
    "with_scope_number",
]


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

    @property
    def is_bound_to_one_before(self) -> bool:
        """Whether its interface was deleted and made anew, so that it hears nothing."""
        return hearing(self.sock, self.spec) is Hearing.ANEW

    def is_lost_by_a_stop(self, *, release: bool) -> bool:
        """Whether a stop closes it, so that a start has to open it again."""
        is_closed = self.sock.fileno() >= 0 and not self.spec.inherited
        return is_closed and (release or not self.keeps_its_port)

    @property
    def keeps_its_port(self) -> bool:
        """Whether it can refuse clients and keep the port number."""
        return KEEPS_ITS_PORT and self.spec.proto == "tcp"

    def refuse(self, ears: "Ears", *, release: bool, at_once: bool = True) -> None:
        """Take who waits in the queue, then let nobody in; flows of UDP end at once, or with `close`."""
        if self.spec.proto == "udp" and not at_once:
            ears.hush(self.sock)
            return
        ears.accept_pending(self.sock)
        ears.unlisten(self.sock)
        if self.keeps_its_port and not release:
            stop_listening(self.sock)
        elif not (self.spec.inherited and self.spec.proto == "udp"):
            self.sock.close()

    def revive(self, ears: "Ears", held: Collection[int]) -> None:
        """Listen again; `held` are port numbers that other sockets of ours have.

        Raises:
            ListenError: the port number was released and is taken, or the right to it is gone.
        """
        if self.sock.fileno() < 0:
            self.sock = open_sockets([self.spec], held=held)[0]
        elif self.spec.proto == "tcp":
            listen_again(self.sock, self.spec)
        ears.listen(self.sock, self.door)

    def step_aside(self, ears: "Ears") -> None:
        """Make room for another socket of ours on the port number, so that `step_back` is still possible.

        A bound socket with SO_REUSEADDR that does not listen is in no other's way that has it too.
        """
        if self.sock.fileno() < 0:
            return
        if self.spec.proto == "udp":
            self.close(ears)
            return
        if self.door.port.state is PortState.LISTENING:
            ears.accept_pending(self.sock)
            ears.unlisten(self.sock)
            if self.keeps_its_port:
                self.sock.shutdown(socket.SHUT_RDWR)
        if self.keeps_its_port:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        else:
            self.sock.close()

    def step_back(self, ears: "Ears", held: Collection[int]) -> None:
        """Be again what it was before `step_aside`.

        Raises:
            ListenError: it cannot; its port is failed.
        """
        if self.door.port.state is PortState.LISTENING:
            self.revive(ears, held)
        elif self.sock.fileno() >= 0:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)

    def close(self, ears: "Ears") -> None:
        """Listen no more and let go of the port number; what is the service manager's is left as it came."""
        if self.sock.fileno() >= 0:
            ears.unlisten(self.sock)
            if self.spec.inherited and self.door.port.state is not PortState.LISTENING and self.spec.proto == "tcp":
                with suppress(ListenError):
                    listen_again(self.sock, self.spec)
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
    def is_inherited(self) -> bool:
        """Whether a service manager holds a socket of it, so that its number cannot be released."""
        return any(listening.spec.inherited for listening in self.listenings)

    @property
    def services(self) -> list[str]:
        """The services that listen on it."""
        return list(dict.fromkeys(listening.spec.service for listening in self.listenings))

    def lost_by_a_stop(self, *, release: bool) -> list[SocketSpec]:
        """What a stop closes, so that a start has to open it again."""
        release = release and not self.is_inherited
        return [each.spec for each in self.listenings if each.is_lost_by_a_stop(release=release)]

    def stop(self, ears: "Ears", *, release: bool = False, at_once: bool = True) -> None:
        """Close its ears; its connections go on, its flows of UDP until `let_go` where not `at_once`.

        Nothing happens where it is stopped.
        """
        for listening in self.listenings:
            if self.state is PortState.LISTENING:
                listening.refuse(ears, release=release, at_once=at_once)
            elif release:
                listening.close(ears)
        self.state = PortState.STOPPED

    def hand_over(self, ears: "Ears") -> None:
        """Leave its sockets, as they are, to the process that takes our place."""
        for listening in self.listenings:
            if listening.spec.proto == "tcp":
                ears.accept_pending(listening.sock)
            ears.leave(listening.sock)
        self.state = PortState.STOPPED

    def let_go(self, ears: "Ears") -> None:
        """End the flows that a stop has left; nothing happens where the port was started since."""
        for listening in self.listenings:
            if self.state is not PortState.LISTENING and listening.spec.proto == "udp":
                if listening.spec.inherited:
                    ears.unlisten(listening.sock)
                else:
                    listening.close(ears)

    def start(self, ears: "Ears", held: Collection[int]) -> None:
        """Listen again on all of its sockets; `held` are port numbers that sockets of ours have.

        Raises:
            ListenError: one cannot; then none does, and the port is failed.
        """
        if self.state is PortState.LISTENING:
            return
        revived: list[Listening] = []
        try:
            for listening in self.listenings:
                listening.revive(ears, held)
                revived.append(listening)
        except ListenError as error:
            for listening in revived:
                listening.refuse(ears, release=False)
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
    """A socket in the words of the JSON documents, which had no UDP at first: where nothing is said it is TCP."""
    return {
        "service": spec.service,
        "port_name": spec.port_name,
        "family": spec.family,
        "address": str(spec.address),
        "port": spec.port,
        "v6only": spec.v6only,
        **({"proto": spec.proto} if spec.proto != "tcp" else {}),
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
