"""Ping: an echo request is asked outside, and answered only if it is answered there, with what was answered there.

One socket for each address that is asked outside, for as long as somebody asks; the kernel gives it an identifier of
its own, and the client's comes back with the reply. Without a right to ICMP sockets no ping is answered, which is said.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from errno import EHOSTUNREACH
from socket import if_nametoindex
from typing import Protocol

from dualstack.core.address.address import Address
from dualstack.core.ping.echo import Echo
from dualstack.errors import DialError, LookupFailed
from dualstack.gateway.transparent.errors import answer_to, errno_of
from dualstack.gateway.transparent.outside import Outside
from dualstack.kernel.icmp_sockets import EchoSocket, Message, QueuedError, open_echo_socket
from dualstack.wire import icmp
from dualstack.wire.packet import Packet, echo_reply, error

__all__ = ["EchoPlace", "TransparentEcho"]

_ASKED_MAX = 256
_KEPT_S = 10.0
_WAITING_MAX = 64
# Ports mean nothing here; one that is none leads to no socket.
_NO_PORT = 9


class EchoPlace(Protocol):
    """What ping asks of the network where its clients are."""

    def send(self, packet: bytes, to: Address, /) -> None:
        """Send a packet as it is."""
        ...


class _Asked:
    """A client that asks an address, by one identifier."""

    def __init__(self) -> None:
        self.sock: EchoSocket | None = None
        self.timer: asyncio.TimerHandle | None = None
        self.task: asyncio.Task[None] | None = None
        # By sequence number, the oldest first: what was asked and not answered.
        self.requests: OrderedDict[int, Packet] = OrderedDict()


class TransparentEcho:
    """The pings of one place.

    Args:
        place: where the clients are.
        outside: who says whither.
        say: as of the gate.
    """

    def __init__(self, place: EchoPlace, outside: Outside, say: Callable[[str, str], None]) -> None:
        self._place = place
        self._outside = outside
        self._say = say
        self._loop = asyncio.get_running_loop()
        self._asked: OrderedDict[object, _Asked] = OrderedDict()

    def request(self, packet: Packet) -> None:
        """A client asks for an echo."""
        event = icmp.read(packet.source.version, packet.content)
        if not isinstance(event, icmp.EchoRequest) or packet.destination.is_multicast:
            return
        key = (packet.source, packet.destination, event.echo.identifier)
        asked = self._asked.get(key)
        if asked is None:
            if len(self._asked) >= _ASKED_MAX:
                self._say("echo", f"{_ASKED_MAX} addresses are pinged: the one that was silent longest is given up")
                self._let_go(*self._asked.popitem(last=False))
            asked = self._asked[key] = _Asked()
            asked.task = self._loop.create_task(self._begin(key, asked, packet))
        self._asked.move_to_end(key)
        self._keep(key, asked)
        asked.requests[event.echo.sequence] = packet
        if len(asked.requests) > _WAITING_MAX:
            asked.requests.popitem(last=False)
        if asked.sock is not None:
            self._send(asked, asked.sock, event.echo)

    def close(self) -> None:
        """Ask no more."""
        while self._asked:
            self._let_go(*self._asked.popitem())

    async def _begin(self, key: object, asked: _Asked, packet: Packet) -> None:
        try:
            found = await self._outside.destination(packet.destination, _NO_PORT)
            source, interface = self._outside.source(found.address.version)
            asked.sock = open_echo_socket(found.address, interface=_index(interface), source=source)
        except OSError as failed:
            if not isinstance(failed, DialError | LookupFailed):
                self._say("icmp", f"ping is not answered: {failed.strerror or failed}")
            self._refuse(packet, errno_of(failed, packet.destination))
            if self._asked.get(key) is asked:
                del self._asked[key]
                asked.task = None
                self._let_go(key, asked)
            return
        asked.task = None
        self._loop.add_reader(asked.sock.fileno(), self._take, asked, asked.sock)
        for request in list(asked.requests.values()):
            event = icmp.read(request.source.version, request.content)
            if isinstance(event, icmp.EchoRequest):
                self._send(asked, asked.sock, event.echo)

    def _send(self, asked: _Asked, sock: EchoSocket, echo: Echo) -> None:
        message = icmp.pack(sock.version, icmp.EchoRequest(Echo(sock.identifier, echo.sequence, echo.payload)))
        try:
            sock.send(message)
        except OSError as failed:
            packet = asked.requests.pop(echo.sequence, None)
            if packet is not None:
                self._refuse(packet, failed.errno or EHOSTUNREACH)

    def _take(self, asked: _Asked, sock: EchoSocket) -> None:
        for item in sock.receive():
            match item:
                case Message():
                    content = icmp.payload_of_ipv4(item.content) if item.has_ip_header else item.content
                    event = None if content is None else icmp.read(sock.version, content)
                    if isinstance(event, icmp.EchoReply):
                        self._answer(asked, event.echo)
                case QueuedError():
                    quoted = icmp.read_echo(sock.version, item.content)
                    packet = None if quoted is None else asked.requests.pop(quoted.sequence, None)
                    if packet is not None:
                        self._tell(packet, sock.version, item)
                case OSError():
                    continue

    def _answer(self, asked: _Asked, echo: Echo) -> None:
        packet = asked.requests.pop(echo.sequence, None)
        # What came back is what was sent, else it is no answer to this.
        if packet is not None and packet.content[8:] == echo.payload:
            self._place.send(echo_reply(packet), packet.source)

    def _tell(self, packet: Packet, version: int, item: QueuedError) -> None:
        """The error that came outside; between the families its numbers mean other things."""
        if version == packet.source.version:
            self._place.send(error(packet, item.type, item.code, item.number), packet.source)
        else:
            self._refuse(packet, EHOSTUNREACH)

    def _refuse(self, packet: Packet, number: int) -> None:
        answer = answer_to(packet, number)
        if answer is not None:
            self._place.send(answer, packet.source)

    def _keep(self, key: object, asked: _Asked) -> None:
        if asked.timer is not None:
            asked.timer.cancel()
        asked.timer = self._loop.call_later(_KEPT_S, self._is_over, key, asked)

    def _is_over(self, key: object, asked: _Asked) -> None:
        if self._asked.get(key) is asked:
            del self._asked[key]
            self._let_go(key, asked)

    def _let_go(self, _key: object, asked: _Asked) -> None:
        if asked.timer is not None:
            asked.timer.cancel()
        if asked.task is not None:
            asked.task.cancel()
        if asked.sock is not None:
            with suppress(OSError):
                self._loop.remove_reader(asked.sock.fileno())
            asked.sock.close()


def _index(interface: str | None) -> int:
    return 0 if interface is None else if_nametoindex(interface)
