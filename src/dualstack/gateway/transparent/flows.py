"""UDP: a flow is two sockets, one outside that is connected to the target, one inside in the name of what was asked.

Which flow a datagram belongs to, when it is over and who makes room is `core.flow_table`'s, as for every UDP service.
After a flow's first datagram the kernel finds its inner socket by itself. What ICMP says outside is said inside.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from errno import ECONNREFUSED, EHOSTUNREACH
from socket import SocketType
from typing import TYPE_CHECKING, Protocol

from dualstack.core.address.address import SOCKET_FAMILIES, Address
from dualstack.core.address.sockaddr import SocketAddress
from dualstack.core.dial.order import Candidate
from dualstack.core.flow_table import Flow, FlowLimits, FlowTable
from dualstack.gateway.transparent.errors import answer_to, denial_in, errno_of
from dualstack.gateway.transparent.outside import Outside
from dualstack.kernel.datagrams import DATAGRAM_BYTES, connected
from dualstack.wire.packet import Packet

if TYPE_CHECKING:
    from concurrent.futures import Future

__all__ = ["FlowPlace", "TransparentFlows"]

_FLOWS_MAX = 4096
_WAITING_MAX = 32
_BATCH = 32


class FlowPlace(Protocol):
    """What flows ask of the network where their clients are."""

    is_loopback: bool

    def send(self, packet: bytes, to: Address, /) -> None:
        """Send a packet as it is."""
        ...

    def open_flow(self, asked: tuple[Address, int], client: tuple[Address, int], /) -> "Future[SocketType]":
        """A UDP socket in the name of the address that was asked."""
        ...


class _Flow(Flow):
    __slots__ = ("inner", "outer", "packet", "task", "waiting")

    def __init__(self, key: object, packet: Packet) -> None:
        super().__init__(key, str(packet.source))
        # Of the first packet the ends are kept, for errors; what it carried is sent once.
        self.packet = packet
        self.waiting: list[bytes] = []
        self.inner: SocketType | None = None
        self.outer: SocketType | None = None
        self.task: asyncio.Task[None] | None = None


class TransparentFlows:
    """The flows of one place.

    Args:
        place: where the clients are.
        outside: who says whither.
        say: as of the gate.
        limits: of the table.
    """

    def __init__(
        self,
        place: FlowPlace,
        outside: Outside,
        say: Callable[[str, str], None],
        *,
        limits: FlowLimits | None = None,
    ) -> None:
        self._place = place
        self._outside = outside
        self._say = say
        self._loop = asyncio.get_running_loop()
        self._table: FlowTable[_Flow] = FlowTable(limits or FlowLimits(_FLOWS_MAX))
        self._alarm: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._table)

    def first(self, packet: Packet) -> None:
        """A datagram that no socket inside takes yet."""
        if packet.destination.is_multicast or packet.destination == _BROADCAST or not packet.ports[1]:
            return
        key = (packet.source, packet.ports[0], packet.destination, packet.ports[1])
        flow = self._table.find(key) or self._new(key, packet)
        if flow is None:
            return
        self._table.asked(flow, self._loop.time())
        if flow.outer is not None:
            # The inner socket is not found yet by what was on its way.
            self._send(flow, flow.outer, packet.payload)
        elif len(flow.waiting) < _WAITING_MAX:
            flow.waiting.append(packet.payload)

    def close(self) -> None:
        """End all flows."""
        if self._alarm is not None:
            self._alarm.cancel()
        for flow in list(self._table):
            self._end(flow)

    def _new(self, key: object, packet: Packet) -> _Flow | None:
        room = self._table.make_room(str(packet.source))
        if room.evicted is not None:
            self._say("flows", f"{self._table.limits.flows} UDP flows: the one that was silent longest makes room")
            self._let_go(room.evicted)
        if room.refusal is not None:
            self._say("flows", f"no room for another UDP flow ({room.refusal}): dropped")
            return None
        flow = _Flow(key, packet)
        self._table.add(flow, self._loop.time())
        flow.task = self._loop.create_task(self._begin(flow))
        self._set_alarm()
        return flow

    async def _begin(self, flow: _Flow) -> None:
        packet = flow.packet
        asked, client = (packet.destination, packet.ports[1]), (packet.source, packet.ports[0])
        try:
            found = await self._outside.destination(*asked, by_loopback=self._place.is_loopback)
            flow.outer = self._outer(found, asked[1])
            flow.inner = await asyncio.wrap_future(self._place.open_flow(asked, client))
        except OSError as error:
            self._end(flow)
            if (denial := denial_in(error)) is not None:
                self._say(f"denied {packet.destination}", denial)
            self._refuse(packet, errno_of(error, packet.destination))
            return
        finally:
            flow.task = None
        self._loop.add_reader(flow.outer.fileno(), self._answers, flow, flow.inner, flow.outer)
        self._loop.add_reader(flow.inner.fileno(), self._questions, flow, flow.inner, flow.outer)
        for payload in flow.waiting:
            self._send(flow, flow.outer, payload)
        flow.waiting.clear()

    def _outer(self, found: Candidate, port: int) -> SocketType:
        address = found.address
        source, interface = self._outside.source(address.version, by_loopback=self._place.is_loopback)
        own = None if source is None else SocketAddress(source, 0).to_tuple()
        return connected(SOCKET_FAMILIES[address.version], SocketAddress(address, port).to_tuple(), own, interface)

    def _questions(self, flow: _Flow, inner: SocketType, outer: SocketType) -> None:
        for _ in range(_BATCH):
            try:
                payload = inner.recv(DATAGRAM_BYTES)
            except BlockingIOError:
                return
            except OSError:
                continue  # the client has closed its socket, and what we sent came back
            self._table.asked(flow, self._loop.time())
            self._send(flow, outer, payload)

    def _answers(self, flow: _Flow, inner: SocketType, outer: SocketType) -> None:
        for _ in range(_BATCH):
            try:
                payload = outer.recv(DATAGRAM_BYTES)
            except BlockingIOError:
                return
            except OSError as error:
                self._refuse(flow.packet, error.errno or EHOSTUNREACH)
                continue
            self._table.answered(flow, self._loop.time())
            with suppress(OSError):
                inner.send(payload)

    def _send(self, flow: _Flow, outer: SocketType, payload: bytes) -> None:
        try:
            outer.send(payload)
        except BlockingIOError:
            return  # lost, as any datagram may be
        except OSError as error:
            self._refuse(flow.packet, error.errno or EHOSTUNREACH)
            if error.errno == ECONNREFUSED:
                # It was the answer to an earlier one; this one has not been sent.
                with suppress(OSError):
                    outer.send(payload)

    def _refuse(self, packet: Packet, number: int) -> None:
        answer = answer_to(packet, number)
        if answer is not None:
            self._place.send(answer, packet.source)

    def _end(self, flow: _Flow) -> None:
        if self._table.remove(flow):
            self._let_go(flow)

    def _let_go(self, flow: _Flow) -> None:
        if flow.task is not None and flow.task is not asyncio.current_task(self._loop):
            flow.task.cancel()
        for sock in (flow.inner, flow.outer):
            if sock is not None:
                self._loop.remove_reader(sock.fileno())
                sock.close()

    def _set_alarm(self) -> None:
        if self._alarm is None:
            self._alarm = self._loop.call_at(self._table.next_expiry(), self._expire)

    def _expire(self) -> None:
        self._alarm = None
        for flow in self._table.expired(self._loop.time()):
            self._let_go(flow)
        if len(self._table):
            self._set_alarm()


_BROADCAST = Address("255.255.255.255")
