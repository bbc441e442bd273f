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

from dualstack.core.access.client_key import client_of, shown
from dualstack.core.address.address import SocketTuple
from dualstack.core.flow_table import News
from dualstack.errors import DualstackError
from dualstack.gateway.counters.log import Log
from dualstack.gateway.listeners.named_port import with_scope_number
from dualstack.gateway.relay.datagram.flow_state import Counts, FlowKey, Inlet, Relay, UdpFlow
from dualstack.gateway.relay.datagram.poller import Poller, poller_on
from dualstack.gateway.relay.link import Hop
from dualstack.gateway.services.running_service import RunningService
from dualstack.gateway.services.stream_gate import Door
from dualstack.gateway.upstream.upstream import Policy
from dualstack.kernel.datagrams import (
    DATAGRAM_BYTES,
    Ancillary,
    answer_from,
    asked_address,
    connected,
    send_from,
)
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
        log: where refusals and failures go.
        poller: makes who tells that a socket can be read.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        log: Log,
        poller: Callable[[asyncio.AbstractEventLoop, Callable[[], object]], Poller] = poller_on,
    ) -> None:
        self._loop = loop
        self._log = log
        self._made_poller: Poller | None = None
        self._make_poller = poller
        self._now = loop.time()
        self._inlets: dict[socket, Inlet] = {}
        self._relays: WeakKeyDictionary[RunningService, Relay] = WeakKeyDictionary()
        self._buffer = memoryview(bytearray(DATAGRAM_BYTES))
        self._news = News()
        self._drains = 0
        self._moved = asyncio.Event()

    def listen(self, sock: socket, door: Door) -> None:
        """Let clients in by `sock`; where it was hushed or had another door, from now on by this one."""
        known = self._inlets.get(sock)
        if known is not None and known.door is door:
            known.is_open = True
            return
        self.unlisten(sock)
        relay = self._relays.get(door.service)
        if relay is None:
            relay = self._relays[door.service] = Relay(door.service.policy)
        inlet = self._inlets[sock] = Inlet(sock, door, relay, self._buffer)
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
        for flow in inlet.relay.table:
            if flow.inlet is inlet:
                self._end(flow)
        self._forget(inlet.relay)

    def accept_pending(self, sock: socket) -> None:
        """Take now what waits in the socket."""
        inlet = self._inlets.get(sock)
        if inlet is not None:
            self._look_at_clock()
            while self._take(inlet):
                pass

    def counts(self, service: RunningService) -> Counts:
        """What was counted since the service listens."""
        relay = self._relays.get(service)
        return Counts() if relay is None else relay.counts

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
            for relay in self._relays.values()
            for flow in relay.table
            if flow.is_waiting and flow.active > since and is_meant(flow.inlet.door)
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
        buffer, receive, table, counts = self._buffer, inlet.receive, inlet.relay.table, inlet.relay.counts
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
                self._say("failed", inlet, error.strerror or str(error))
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
        """A flow for a client that has none; None where it is not let in."""
        inlet, peer, _ = key
        relay, door = inlet.relay, inlet.door
        if not inlet.is_open or _is_closed_to(door, ancillary):
            return None
        client, service = client_of(peer), door.service
        why = service.denial(peer) or service.haste(client)
        if why is None:
            relay.obey(service.policy)
            room = relay.table.make_room(client)
            if room.evicted is None and room.refusal is None and (full := service.total.no_room()) is not None:
                room = relay.table.give_way(full)
            why = room.refusal
            self._evict(relay, room.evicted)
        if why is not None:
            relay.counts.refused += 1
            if self._news.is_news((service.name, client, why), self._now):
                service.refused(peer, why)
            else:
                service.book.rules.refused(peer, why)
            return None
        flow = UdpFlow(key, client, answer_from(ancillary))
        if self._find_way(flow):
            relay.table.add(flow, self._now)
            relay.counts.flows += 1
            service.connections += 1
            service.total.connections += 1
            door.port.connections += 1
            door.tally.came[":" in client] += 1
            self._set_alarm(relay)
            return flow
        return None

    def _evict(self, relay: Relay, flow: UdpFlow | None) -> None:
        if flow is not None:
            relay.counts.evicted += 1
            self._leave(flow)

    def _find_way(self, flow: UdpFlow) -> bool:
        """Connect the flow, or have it wait for a lookup; whether there is hope."""
        relay, policy = flow.inlet.relay, flow.inlet.door.service.policy
        hops = relay.whereabouts.known(policy, self._now)
        if hops is not None:
            flow.hops = hops
            return self._go_on(flow, policy.trouble or "no address of it may be dialled")
        relay.waiting[flow] = None
        if relay.lookup is None:
            relay.lookup = self._loop.create_task(self._look_up(relay, policy))
        return True

    def _go_on(self, flow: UdpFlow, why: str) -> bool:
        """Connect to the next address that there is a way to; where there is none, say `why`."""
        while flow.hops:
            hop, flow.hops = flow.hops[0], flow.hops[1:]
            try:
                flow.sock = self._connected(flow.inlet.relay, hop)
            except OSError as error:
                why = f"{hop.address}: {error.strerror or error}"
                continue
            self._poller.add(flow.sock.fileno(), partial(self._answer, flow))
            return True
        self._say("unreached", flow.inlet, why, peer=flow.peer)
        return False

    def _connected(self, relay: Relay, hop: Hop) -> SocketType:
        """A socket to `hop`; where the process has no descriptor left, the longest silent flow gives way."""
        try:
            return connected(hop.family, hop.address, hop.source, hop.interface)
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise
            room = relay.table.give_way("no descriptors left")
            if room.evicted is None:
                raise
            self._evict(relay, room.evicted)
        return connected(hop.family, hop.address, hop.source, hop.interface)

    async def _look_up(self, relay: Relay, policy: Policy) -> None:
        """Find out where the waiting flows go, and send what they have."""
        why = ""
        hops: tuple[Hop, ...] = ()
        try:
            hops = await relay.whereabouts.look_up(policy, self._loop.time())
        except (DualstackError, OSError) as error:
            why = str(error)
        finally:
            relay.lookup = None
            waiting, relay.waiting, relay.waiting_bytes = relay.waiting, {}, 0
        self._look_at_clock()
        for flow in waiting:
            flow.hops, held, flow.held = hops, flow.held, b""
            if not self._go_on(flow, why):
                relay.counts.dropped += bool(held)
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
        relay = flow.inlet.relay
        if flow.held or relay.waiting_bytes + len(content) > _WAITING_BYTES_MAX:
            relay.counts.dropped += 1
            return
        flow.held = bytes(content)
        relay.waiting_bytes += len(content)

    # From the target.

    def _answer(self, flow: UdpFlow) -> None:
        """Relay one datagram to the client; where there are more the next round has them."""
        sock, relay = flow.sock, flow.inlet.relay
        if sock is None:
            return
        try:
            size = sock.recv_into(self._buffer)
        except BlockingIOError:
            return
        except OSError as error:
            self._failed(flow, error)
            return
        relay.table.answered(flow, self._now)
        if flow.held:
            flow.held = b""
        counts = relay.counts
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
        relay = flow.inlet.relay
        if error.errno in _OF_ONE_DATAGRAM:
            relay.counts.dropped += 1
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
        if flow.inlet.relay.table.remove(flow):
            self._leave(flow)

    def _leave(self, flow: UdpFlow) -> None:
        """Let go of a flow that is out of the table."""
        self._let_go(flow)
        relay = flow.inlet.relay
        if flow in relay.waiting:
            del relay.waiting[flow]
            relay.waiting_bytes -= len(flow.held)
        door = flow.inlet.door
        door.service.connections -= 1
        door.service.total.connections -= 1
        door.port.connections -= 1
        door.tally.left[":" in flow.client] += 1
        self._moved.set()

    def _let_go(self, flow: UdpFlow) -> None:
        if flow.sock is not None:
            self._poller.drop(flow.sock.fileno())
            flow.sock.close()
            flow.sock = flow.forward = None

    def _forget(self, relay: Relay) -> None:
        """The last inlet of a service is gone."""
        if any(inlet.relay is relay for inlet in self._inlets.values()):
            return
        if relay.lookup is not None:
            relay.lookup.cancel()
        if relay.alarm is not None:
            relay.alarm.cancel()
            relay.alarm = None

    def _set_alarm(self, relay: Relay) -> None:
        """Look at the silent flows when the first of them is due."""
        at = relay.table.next_expiry()
        if relay.alarm is not None:
            if relay.alarm.when() <= at:
                return
            relay.alarm.cancel()
            relay.alarm = None
        if at != inf:
            relay.alarm = self._loop.call_at(at, self._expire, relay)

    def _expire(self, relay: Relay) -> None:
        relay.alarm = None
        # What came in a pause of the process is no silence: as in `relay.stream.data_plane`.
        self._poller.look()
        self._look_at_clock()
        for flow in relay.table.expired(self._now):
            self._leave(flow)
        self._set_alarm(relay)

    def _say(self, event: str, inlet: Inlet, why: str, *, peer: SocketTuple | None = None) -> None:
        service = inlet.door.service
        if self._news.is_news((event, service.name, why), self._now):
            who = {} if peer is None else {"peer": shown(peer)}
            self._log.warning(event, service=service.name, **who, target=service.policy.service.target, why=why)


def _is_closed_to(door: Door, ancillary: Ancillary) -> bool:
    """Whether the address that was asked is a stopped port's."""
    if not door.closed_to:
        return False
    asked = asked_address(ancillary)
    return asked is not None and with_scope_number(asked) in door.closed_to
