"""Listening sockets and whoever takes what comes in by them: one data plane for streams, one for datagrams."""

from dataclasses import dataclass
from socket import SOCK_DGRAM, socket

from dualstack.gateway.relay.datagram.datagram_plane import DatagramPlane
from dualstack.gateway.relay.stream.data_plane import DataPlane
from dualstack.gateway.services.stream_gate import Door
from dualstack.kernel.streams import keep_alive

__all__ = ["Ears"]


@dataclass(frozen=True, slots=True)
class Ears:
    """Both planes, each for its kind of socket."""

    streams: DataPlane
    datagrams: DatagramPlane

    def listen(self, sock: socket, door: Door) -> None:
        """Let clients in by `sock`."""
        self.settle(sock, door)
        self._plane(sock).listen(sock, door)

    def settle(self, sock: socket, door: Door) -> None:
        """Have connections that come in by `sock` be as the service wants them; a reload may want them otherwise."""
        if sock.type != SOCK_DGRAM and sock.fileno() >= 0:
            keep_alive(sock, door.service.policy.service.keepalive_s)

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
