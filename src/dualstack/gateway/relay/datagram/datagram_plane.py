"""The UDP data plane: datagrams between clients of either family and a target of either.

A flow is a client and the address it asked, with a connected socket to the target of its own: the kernel gives it the
target's answers alone, and the ICMP errors. An answer leaves from the address that was asked. Which flow there is room
for, and when it is over, `core.flow_table` decides. A datagram is relayed whole or dropped, never split and never kept
longer than a lookup takes; what is dropped is counted.

A target without a handshake tells little: an address that says by ICMP that nobody is there, before it has answered
anything, is left for the next one, which gets the datagram; where there is none the flow is closed, and the client's
next datagram begins another. One that is silent is not left: servers exist that have nothing to say.
"""

import asyncio
import errno
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from math import inf
from socket import SocketType, socket
from weakref import WeakKeyDictionary

from dualstack.errors import DualstackError
from dualstack.gateway.relay.datagram.counts import Counts
from dualstack.gateway.relay.datagram.flow_state import FlowKey, Inlet, SharedFlows, UdpFlow
from dualstack.gateway.relay.datagram.gate import DatagramGate, Refusal
from dualstack.gateway.relay.datagram.poller import Poller, poller_on
from dualstack.gateway.relay.link import Hop
from dualstack.kernel.datagrams import DATAGRAM_BYTES, Ancillary, answer_from, connected, send_from
from dualstack.kernel.streams import NO_ROOM

__all__ = ["DatagramPlane"]

_BATCH = 64
# What waits for a lookup, and what may be sent again to another address.
_WAITING_BYTES_MAX = 1 << 20
_HELD_BYTES_MAX = 1 << 12
# How long an answer is waited for when the gateway leaves: a resolver asks again after five seconds (resolv.conf(5)).
_PATIENCE_S = 5.0
# What a socket says of one datagram; the flow is well.
_OF_ONE_DATAGRAM = frozenset({errno.EMSGSIZE, errno.EAGAIN, errno.EPERM, errno.EINTR}) | NO_ROOM


class DatagramPlane:
    """Relays UDP on one asyncio loop; a listening socket stays its owner's, those of flows are the plane's.

    Args:
        loop: it.
        poller: makes who tells that a socket can be read.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        poller: Callable[[asyncio.AbstractEventLoop, Callable[[], object]], Poller] = poller_on,
    ) -> None:
        self._loop = loop
        self._made_poller: Poller | None = None
        self._make_poller = poller
        self._now = loop.time()
        self._inlets: dict[socket, Inlet] = {}
        self._flows: WeakKeyDictionary[object, SharedFlows] = WeakKeyDictionary()
        self._buffer = memoryview(bytearray(DATAGRAM_BYTES))
        self._drains = 0
        self._moved = asyncio.Event()

    def listen(self, sock: socket, gate: DatagramGate) -> None:
        """Let clients in by `sock`; where it was hushed or had another gate, from now on by this one."""
        known = self._inlets.get(sock)
        if known is not None and known.gate is gate:
            known.is_open = True
            return
        self.unlisten(sock)
        flows = self._flows.get(gate.owner)
        if flows is None:
            flows = self._flows[gate.owner] = SharedFlows()
        inlet = self._inlets[sock] = Inlet(sock, gate, flows, self._buffer)
        self._poller.add(sock.fileno(), partial(self._take, inlet))

    def hush(self, sock: socket) -> None:
        """Let nobody new in; the flows go on."""
        inlet = self._inlets.get(sock)
        if inlet is not None:
            self.accept_pending(sock)
            inlet.is_open = False

    def deafen(self, sock: socket) -> None:
        """Leave what clients send to another process that has the socket too; the flows get their answers by it."""
        inlet = self._inlets.get(sock)
        if inlet is not None:
            self._poller.drop(sock.fileno())
            inlet.is_open = False

    def unlisten(self, sock: socket) -> None:
        """Take nothing from `sock` any more, and end its flows: they have no other way to answer."""
        inlet = self._inlets.pop(sock, None)
        if inlet is None:
            return
        self._poller.drop(sock.fileno())
        for flow in inlet.flows.table:
            if flow.inlet is inlet:
                self._end(flow)
        self._forget(inlet.flows)

    def accept_pending(self, sock: socket) -> None:
        """Take now what waits in the socket."""
        inlet = self._inlets.get(sock)
        if inlet is not None:
            self._look_at_clock()
            while self._take(inlet):
                pass

    def counts(self, owner: object) -> Counts:
        """What was counted since this owner's gates listen."""
        flows = self._flows.get(owner)
        return Counts() if flows is None else flows.counts

    async def drain(self, timeout_s: float, is_meant: Callable[[object], bool]) -> int:
        """Wait until what was asked is answered, but for no answer longer than five seconds.

        Returns:
            How many questions were left without one.
        """
        deadline = self._loop.time() + timeout_s
        self._drains += 1
        try:
            return await self._drain(deadline, is_meant)
        finally:
            self._drains -= 1

    async def _drain(self, deadline: float, is_meant: Callable[[object], bool]) -> int:
        while (waiting := self._waiting(is_meant)) and self._loop.time() < deadline:
            self._moved.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout_at(min(deadline, min(flow.active for flow in waiting) + _PATIENCE_S)):
                    await self._moved.wait()
        return len(waiting)

    def _waiting(self, is_meant: Callable[[object], bool]) -> list[UdpFlow]:
        since = self._loop.time() - _PATIENCE_S
        return [
            flow
            for flows in self._flows.values()
            for flow in flows.table
            if flow.is_waiting and flow.active > since and is_meant(flow.inlet.gate)
        ]

    def close(self) -> None:
        """End every flow, and keep no descriptor."""
        for sock in list(self._inlets):
            self.unlisten(sock)
        if self._made_poller is not None:
            self._made_poller.close()

    @property
    def _poller(self) -> Poller:
        """Made when the first socket comes: a gateway without UDP has none."""
        if self._made_poller is None:
            self._made_poller = self._make_poller(self._loop, self._look_at_clock)
        return self._made_poller

    def _look_at_clock(self) -> None:
        self._now = self._loop.time()

    # From clients.

    def _take(self, inlet: Inlet) -> bool:
        """Relay a batch of what clients sent; whether there may be more."""
        buffer, receive, table, counts = self._buffer, inlet.receive, inlet.flows.table, inlet.flows.counts
        find, asked, now = table.find, table.asked, self._now
        number = total = 0
        is_empty = False
        while number < inlet.batch:
            try:
                size, ancillary, _, peer = receive()
            except BlockingIOError:
                is_empty = True
                break
            except OSError as error:
                inlet.gate.failed(error.strerror or str(error), now)
                is_empty = True
                break
            number += 1
            total += size
            key = (inlet, peer, ancillary[0][2] if ancillary else b"")
            flow = find(key) or self._begin(key, ancillary)
            if flow is None:
                counts.dropped += 1
                continue
            asked(flow, now)
            if flow.forward is None:
                self._send(flow, buffer[:size])
                continue
            try:
                flow.forward(buffer[:size])
            except OSError as error:
                self._failed(flow, error)
        counts.datagrams_up += number
        counts.bytes_up += total
        # The socket tells of the rest again.
        inlet.batch = max(number, 1) if is_empty else min(2 * inlet.batch, _BATCH)
        return not is_empty

    def _begin(self, key: FlowKey, ancillary: Ancillary) -> UdpFlow | None:
        """A flow for a client that has none; None where it is not let in, or there is no way for it."""
        inlet, peer, _ = key
        if not inlet.is_open:
            return None
        flows, gate = inlet.flows, inlet.gate
        admitted = gate.admit(peer, ancillary, flows.table, self._now)
        if isinstance(admitted, Refusal):
            flows.counts.refused += admitted is Refusal.TOLD
            return None
        self._evict(flows, admitted.evicted)
        flow = UdpFlow(key, admitted.client, answer_from(ancillary))
        if not self._find_way(flow, admitted.hops):
            return None
        flows.table.add(flow, self._now)
        flows.counts.flows += 1
        gate.enter(flow.client)
        self._set_alarm(flows)
        return flow

    def _evict(self, flows: SharedFlows, flow: UdpFlow | None) -> None:
        if flow is not None:
            flows.counts.evicted += 1
            self._leave(flow)

    def _find_way(self, flow: UdpFlow, hops: tuple[Hop, ...] | None) -> bool:
        """Connect the flow, or have it wait for a lookup; whether there is hope."""
        if hops is not None:
            flow.hops = hops
            return self._go_on(flow, "")
        flows = flow.inlet.flows
        flows.waiting[flow] = None
        if flows.lookup is None:
            flows.lookup = self._loop.create_task(self._look_up(flows, flow.inlet.gate))
        return True

    def _go_on(self, flow: UdpFlow, why: str) -> bool:
        """Connect to the next address that there is a way to; where there is none, say `why`."""
        while flow.hops:
            hop, flow.hops = flow.hops[0], flow.hops[1:]
            try:
                flow.sock = self._connected(flow.inlet.flows, hop)
            except OSError as error:
                why = f"{hop.address}: {error.strerror or error}"
                continue
            self._poller.add(flow.sock.fileno(), partial(self._answer, flow))
            return True
        flow.inlet.gate.failed(why, self._now, flow.peer)
        return False

    def _connected(self, flows: SharedFlows, hop: Hop) -> SocketType:
        """A socket to `hop`; where the process has no descriptor left, the longest silent flow gives way."""
        try:
            return connected(hop.family, hop.address, hop.source, hop.interface)
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise
            room = flows.table.give_way("no descriptors left")
            if room.evicted is None:
                raise
            self._evict(flows, room.evicted)
        return connected(hop.family, hop.address, hop.source, hop.interface)

    async def _look_up(self, flows: SharedFlows, gate: DatagramGate) -> None:
        """Find out where the waiting flows go, and send what they have."""
        why = ""
        hops: tuple[Hop, ...] = ()
        try:
            hops = await gate.look_up(self._loop.time())
        except (DualstackError, OSError) as error:
            why = str(error)
        finally:
            flows.lookup = None
            waiting, flows.waiting, flows.waiting_bytes = flows.waiting, {}, 0
        self._look_at_clock()
        for flow in waiting:
            flow.hops, held, flow.held = hops, flow.held, b""
            if not self._go_on(flow, why):
                flows.counts.dropped += bool(held)
                self._end(flow)
            elif held:
                self._send(flow, memoryview(held))

    def _send(self, flow: UdpFlow, content: memoryview) -> None:
        """One datagram to the target."""
        if flow.sock is None:
            self._keep_for_later(flow, content)
            return
        if flow.was_answered or not flow.hops:
            flow.forward = flow.sock.send
        elif len(content) <= _HELD_BYTES_MAX:
            flow.held = bytes(content)
        try:
            flow.sock.send(content)
        except OSError as error:
            self._failed(flow, error)

    def _keep_for_later(self, flow: UdpFlow, content: memoryview) -> None:
        flows = flow.inlet.flows
        if flow.held or flows.waiting_bytes + len(content) > _WAITING_BYTES_MAX:
            flows.counts.dropped += 1
            return
        flow.held = bytes(content)
        flows.waiting_bytes += len(content)

    # From the target.

    def _answer(self, flow: UdpFlow) -> None:
        """Relay one datagram to the client; where there are more the next round has them."""
        sock, flows = flow.sock, flow.inlet.flows
        if sock is None:
            return
        try:
            size = sock.recv_into(self._buffer)
        except BlockingIOError:
            return
        except OSError as error:
            self._failed(flow, error)
            return
        flows.table.answered(flow, self._now)
        if flow.held:
            flow.held = b""
        counts = flows.counts
        try:
            send_from(flow.inlet.sock, self._buffer[:size], flow.peer, flow.ancillary)
        except OSError:
            counts.dropped += 1
        else:
            counts.datagrams_down += 1
            counts.bytes_down += size
        if self._drains:
            self._moved.set()

    def _failed(self, flow: UdpFlow, error: OSError) -> None:
        """The target's socket has failed: the flow goes on by another address, or ends."""
        flows = flow.inlet.flows
        if error.errno in _OF_ONE_DATAGRAM:
            flows.counts.dropped += 1
            return
        held, flow.held = flow.held, b""
        hops = () if flow.was_answered else flow.hops
        self._let_go(flow)
        flow.hops = hops
        if not self._go_on(flow, error.strerror or str(error)):
            self._end(flow)
        elif held:
            self._send(flow, memoryview(held))

    # Ends.

    def _end(self, flow: UdpFlow) -> None:
        """The flow is over."""
        if flow.inlet.flows.table.remove(flow):
            self._leave(flow)

    def _leave(self, flow: UdpFlow) -> None:
        """Let go of a flow that is out of the table."""
        self._let_go(flow)
        flows = flow.inlet.flows
        if flow in flows.waiting:
            del flows.waiting[flow]
            flows.waiting_bytes -= len(flow.held)
        flow.inlet.gate.exit(flow.client)
        self._moved.set()

    def _let_go(self, flow: UdpFlow) -> None:
        if flow.sock is not None:
            self._poller.drop(flow.sock.fileno())
            flow.sock.close()
            flow.sock = flow.forward = None

    def _forget(self, flows: SharedFlows) -> None:
        """The last inlet of a service is gone."""
        if any(inlet.flows is flows for inlet in self._inlets.values()):
            return
        if flows.lookup is not None:
            flows.lookup.cancel()
        if flows.alarm is not None:
            flows.alarm.cancel()
            flows.alarm = None

    def _set_alarm(self, flows: SharedFlows) -> None:
        """Look at the silent flows when the first of them is due."""
        at = flows.table.next_expiry()
        if flows.alarm is not None:
            if flows.alarm.when() <= at:
                return
            flows.alarm.cancel()
            flows.alarm = None
        if at != inf:
            flows.alarm = self._loop.call_at(at, self._expire, flows)

    def _expire(self, flows: SharedFlows) -> None:
        flows.alarm = None
        # What came in a pause of the process is no silence: as in `relay.stream.data_plane`.
        self._poller.look()
        self._look_at_clock()
        for flow in flows.table.expired(self._now):
            self._leave(flow)
        self._set_alarm(flows)
