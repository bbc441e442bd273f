"""Listening sockets and whoever takes what comes in by them: one data plane for streams, one for datagrams."""

from dataclasses import dataclass
from socket import SOCK_DGRAM, socket
from typing import Protocol, TypeAlias

from dualstack.gateway.relay.datagram.datagram_plane import DatagramPlane
from dualstack.gateway.relay.datagram.gate import DatagramGate
from dualstack.gateway.relay.link import Gate
from dualstack.gateway.relay.stream.data_plane import DataPlane
from dualstack.kernel.streams import keep_alive

__all__ = ["ListeningGate", "Planes"]


class _StreamGate(Gate, Protocol):
    """A gate for streams that says how often a silent client is asked whether it is there."""

    @property
    def keepalive_s(self) -> float:
        """As `keep_alive` has it."""
        ...


ListeningGate: TypeAlias = _StreamGate | DatagramGate
"""What stands behind a listening socket, by its kind."""


@dataclass(frozen=True, slots=True)
class Planes:
    """Both planes, each for its kind of socket."""

    streams: DataPlane
    datagrams: DatagramPlane

    def listen(self, sock: socket, gate: ListeningGate) -> None:
        """Let clients in by `sock`."""
        if isinstance(gate, DatagramGate):
            self.datagrams.listen(sock, gate)
        else:
            self.settle(sock, gate)
            self.streams.listen(sock, gate)

    def settle(self, sock: socket, gate: ListeningGate) -> None:
        """Have connections that come in by `sock` be as the service wants them; a reload may want them otherwise."""
        if not isinstance(gate, DatagramGate) and sock.fileno() >= 0:
            keep_alive(sock, gate.keepalive_s)

    def unlisten(self, sock: socket) -> None:
        """Let nobody in; nothing happens where it did not listen. Flows of UDP end: they answer by this socket."""
        self._plane(sock).unlisten(sock)

    def accept_pending(self, sock: socket) -> None:
        """Take who waits in the socket's queue."""
        self._plane(sock).accept_pending(sock)

    def hush(self, sock: socket) -> None:
        """Let nobody in by a socket of datagrams, whose flows go on."""
        self.datagrams.hush(sock)

    def leave(self, sock: socket) -> None:
        """Leave the socket, and who waits in it, to another process that has it too."""
        if sock.type == SOCK_DGRAM:
            self.datagrams.deafen(sock)
        elif sock.fileno() >= 0:
            self.streams.unlisten(sock)
            sock.close()

    def _plane(self, sock: socket) -> DataPlane | DatagramPlane:
        return self.datagrams if sock.type == SOCK_DGRAM else self.streams
