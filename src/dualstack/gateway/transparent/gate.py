"""TCP: a connection is made outside first, and accepted inside only then, so that a client sees what became of it.

    state        waits for                      then
    DIALLING     the connector                  its socket: the client's SYN is put in again, and accepted: EXPECTED;
                                                an error: the client is sent what makes the same errno: forgotten
    EXPECTED     the client, by the listener    relayed; who does not come within ten seconds has left

A client asks again (RFC 6298 section 5) until it is answered. So a SYN that comes again is no news; one that does not,
when it was due, says that its client has left, and the dial is given up. While the table is full a SYN is dropped, and
counts when it comes again.

Rejected: accepting first, as redirects do. What was refused outside would be a connection that ends at once, and
nobody's second address would be tried.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from socket import SocketType
from typing import Protocol, TypeAlias

from dualstack.core.address.address import Address
from dualstack.core.address.sockaddr import SockAddr
from dualstack.gateway.relay.link import Link, Target
from dualstack.gateway.relay.stream.data_plane import DataPlane
from dualstack.gateway.transparent.errors import answer_to, denial_in, errno_of
from dualstack.gateway.transparent.outside import Outside
from dualstack.kernel.streams import NO_ROOM
from dualstack.wire.packet import Packet, whole

__all__ = ["DNS_PORT", "StreamPlace", "TransparentGate"]

DNS_PORT = 53
_PENDING_MAX = 1024
_EXPECTED_S = 10.0
_LATE_S = 2.0

Key: TypeAlias = tuple[Address, int, Address, int]
"""Client and its port, the address that was asked and its port."""


class StreamPlace(Protocol):
    """What a gate asks of the network where its clients are."""

    is_loopback: bool

    def send(self, packet: bytes, to: Address, /) -> None:
        """Send a packet as it is."""
        ...


@dataclass(slots=True)
class _Pending:
    """A client that has not been accepted."""

    packet: Packet
    first_at: float
    seen_at: float
    task: "asyncio.Task[None] | None" = None
    server: SocketType | None = None
    is_expected: bool = False
    timers: list[asyncio.TimerHandle] = field(default_factory=list)

    @property
    def silent_at(self) -> float:
        """When it would have asked again: after as long as it has been asking, and a second (tcp_syn_retries)."""
        return self.seen_at + (self.seen_at - self.first_at) + 1.0 + _LATE_S


class TransparentGate:
    """The streams of one place.

    Args:
        place: where the clients are.
        outside: who dials.
        plane: who relays.
        serve_dns: takes a client of port 53, which is ours whatever address it asks.
        say: what there is to be logged: a kind, which is not repeated too often, and the text.
        pending: clients at a time that are not accepted yet.
    """

    def __init__(
        self,
        place: StreamPlace,
        outside: Outside,
        plane: DataPlane,
        serve_dns: Callable[[SocketType], object],
        say: Callable[[str, str], None],
        *,
        pending: int = _PENDING_MAX,
    ) -> None:
        self._place = place
        self._outside = outside
        self._plane = plane
        self._serve_dns = serve_dns
        self._say = say
        self._limit = pending
        self._loop = asyncio.get_running_loop()
        self._pending: dict[Key, _Pending] = {}

    def __len__(self) -> int:
        return len(self._pending)

    def first(self, packet: Packet) -> None:
        """A client's SYN, be it the first or one that comes again."""
        key = (packet.source, packet.ports[0], packet.destination, packet.ports[1])
        known, now = self._pending.get(key), self._loop.time()
        if known is not None:
            known.seen_at = now
            if known.is_expected:
                self._place.send(whole(known.packet), packet.destination)
            return
        if packet.destination.is_multicast:
            return
        if len(self._pending) >= self._limit:
            self._say("pending", f"{self._limit} connections are being made: more wait until one is")
            return
        pending = self._pending[key] = _Pending(packet, now, now)
        if packet.ports[1] == DNS_PORT:
            self._expect(key, pending)
            return
        pending.task = self._loop.create_task(self._dial(key, pending))
        self._look_later(key, pending)

    def admit(self, client: SocketType, peer: SockAddr) -> Target | None:
        """A client that the listener has accepted: its server is there already."""
        key = (*_end(peer), *_end(client.getsockname()))
        pending = self._pending.pop(key, None)
        if pending is None:
            client.close()
            return None
        server = pending.server
        self._forget(pending)
        if server is None:
            self._serve_dns(client)
        else:
            self._plane.relay(client, server, self, peer=peer)
        return None

    def closed(self, link: Link) -> None:
        """A connection is over."""

    def close(self) -> None:
        """Give up all that is under way."""
        for pending in list(self._pending.values()):
            if pending.server is not None:
                pending.server.close()
            self._forget(pending)
        self._pending.clear()

    async def _dial(self, key: Key, pending: _Pending) -> None:
        packet = pending.packet
        try:
            pending.server = await self._outside.connect(
                packet.destination, packet.ports[1], by_loopback=self._place.is_loopback
            )
        except OSError as error:
            self._drop(key, pending)
            self._tell(packet, error)
            return
        pending.task = None
        self._expect(key, pending)

    def _tell(self, packet: Packet, error: OSError) -> None:
        if (denial := denial_in(error)) is not None:
            self._say(f"denied {packet.destination}", denial)
        number = errno_of(error, packet.destination)
        if number in NO_ROOM:
            self._say("descriptors", "no descriptors are left: new connections wait")
            return  # it will ask again
        answer = answer_to(packet, number)
        if answer is not None:
            self._place.send(answer, packet.source)

    def _expect(self, key: Key, pending: _Pending) -> None:
        pending.is_expected = True
        pending.timers.append(self._loop.call_later(_EXPECTED_S, self._has_left, key, pending))
        self._place.send(whole(pending.packet), pending.packet.destination)

    def _look_later(self, key: Key, pending: _Pending) -> None:
        pending.timers[:] = [self._loop.call_at(pending.silent_at, self._look, key, pending)]

    def _look(self, key: Key, pending: _Pending) -> None:
        if pending.is_expected:
            return
        if pending.silent_at <= self._loop.time():
            self._has_left(key, pending)
        else:
            self._look_later(key, pending)

    def _has_left(self, key: Key, pending: _Pending) -> None:
        if pending.server is not None:
            pending.server.close()
        self._drop(key, pending)
        if pending.task is not None:
            pending.task.cancel()

    def _drop(self, key: Key, pending: _Pending) -> None:
        if self._pending.get(key) is pending:
            del self._pending[key]
        for timer in pending.timers:
            timer.cancel()

    def _forget(self, pending: _Pending) -> None:
        for timer in pending.timers:
            timer.cancel()
        if pending.task is not None:
            pending.task.cancel()


def _end(sockaddr: SockAddr) -> tuple[Address, int]:
    assert isinstance(sockaddr, tuple)  # noqa: S101 - the listener is of IP
    return Address(sockaddr[0]).canonical, sockaddr[1]
