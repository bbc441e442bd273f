"""SOCKS5's UDP ASSOCIATE (RFC 1928 section 7): a client's datagrams to whomever it names, and the answers.

An association lives as long as the connection that asked for it. Its inner socket, at the address that the connection
came in at, takes datagrams from that client's address alone, and from one port: the one that the client announced, or
the first that it uses. Its outer sockets, one a family, speak to all targets from one port, as RFC 4787 (REQ-1) wants
of whoever stands between. What is dialled is judged as for a connection: names are looked up here, each address goes
through `reach` after the lookup, and the address judged is the one that is sent to. Broadcast and multicast are reached
by no rule, for they are no one target.

An answer is let in from an address that was asked and is not forgotten yet, whatever its port (RFC 4787, REQ-8:
address-dependent filtering); `reach` knows no ports either. Which target is forgotten, and when, `core.flow_table`
decides. A datagram is relayed whole or dropped, and kept no longer than a lookup takes. What ICMP tells is not passed
on, for the protocol has no words for it; an address that has answered nothing yet, and that it says nobody is at, is
left for the next one of the name, which gets the datagram.
"""

import errno
from collections import Counter
from functools import partial
from socket import AF_INET, AF_INET6, SocketType, inet_pton, socket

from dualstack.core.access.client_key import client_of, shown
from dualstack.core.address.address import Address, SocketTuple
from dualstack.core.address.endpoint import Endpoint
from dualstack.core.address.sockaddr import SockAddr, SocketAddress
from dualstack.core.dial.lookup_shares import Asker
from dualstack.core.flow_table import FlowLimits, FlowTable
from dualstack.errors import DialError, DualstackError, WireError
from dualstack.gateway.forward.negotiate import ByDatagram
from dualstack.gateway.forward.udp_destination import (
    NO_WAY,
    UdpDestination,
    failure,
    hops_to,
    may_still_be_sent_to,
    spec_of,
)
from dualstack.gateway.forward.udp_shared import Shared
from dualstack.gateway.relay.link import Hop
from dualstack.kernel.datagrams import make_room, send_behind, tell_of_undelivered, unconnected, undelivered
from dualstack.kernel.streams import NO_ROOM
from dualstack.net.names.thread_pool import asked_by
from dualstack.wire.socks5_udp import header, header_size, read_header

__all__ = ["TARGETS_MAX", "Association"]

TARGETS_MAX = 256
"""How many targets one association has at a time; one that has not conversed gives way."""

_LOOKUPS_MAX = 16
_BATCH = 32
# What waits for lookups, in all associations of a service, and of one target.
_WAITING_BYTES_MAX = 1 << 20
_WAITING_MAX = 4
# What may be sent again to another address.
_HELD_BYTES_MAX = 1 << 12
# How long a target that cannot be sent to is not asked about again.
_BLOCKED_S = 1.0
# How long an address that was let pass is sent to before it is judged again.
_JUDGED_S = 1.0


class Association:
    """One client's sockets, and where it sends to.

    Args:
        shared: by all of its service, under whose upstream it is.
        control: the connection that asked.
        peer: the client, as the kernel or a PROXY header gives it.
        asked: what it announced.

    Raises:
        OSError: there is no socket for it.
        DualstackError: the client's datagrams could not come in here.
    """

    def __init__(self, shared: Shared, control: socket, peer: SockAddr, asked: ByDatagram) -> None:
        self._shared = shared
        self._owner = shared.owner
        self._upstream = shared.owner.upstream
        self._peer = peer
        client, own = SocketAddress.from_tuple(_internet(peer)).canonical, _own_end(control)
        if client.address.version != own.address.version:
            raise DialError(str(client), f"{own.address} is of the other family")
        self._client, self._port = client.address, asked.port_of(client.address)
        self._known: SocketTuple | None = None
        self._ways: FlowTable[UdpDestination] = FlowTable(FlowLimits(TARGETS_MAX))
        self._due = 0.0
        self._lookups = 0
        self._by_end: dict[tuple[object, ...], UdpDestination] = {}
        self._asked: Counter[tuple[object, ...]] = Counter()
        self._outer: dict[tuple[object, ...], SocketType] = {}
        self.active = shared.loop.time()
        self._inner = unconnected(AF_INET6 if own.address.version == 6 else AF_INET, own.to_tuple())
        make_room(self._inner)
        self.bound = SocketAddress.from_tuple(self._inner.getsockname())
        shared.poller.add(self._inner.fileno(), self._take)

    def close(self) -> None:
        """Keep no descriptor."""
        self._forget_all()
        self._shared.poller.drop(self._inner.fileno())
        self._inner.close()

    # From the client.

    def _take(self) -> None:
        """Relay a batch of what the client sent."""
        shared = self._shared
        if self._upstream is not self._owner.upstream:
            self._upstream = self._owner.upstream
            self._forget_all()
        if shared.now >= self._due:
            self._expire()
        for _ in range(_BATCH):
            try:
                size, peer = self._inner.recvfrom_into(shared.buffer)
            except BlockingIOError:
                return
            except OSError:
                continue  # the client's own port refuses (ICMP); the next datagram may be well
            if peer == self._known or self._is_the_client(peer):
                self.active = shared.now
                self._relay(shared.buffer[:size])
            else:
                shared.counts.refused += 1

    def _is_the_client(self, peer: SocketTuple) -> bool:
        """Whether an unknown sender is the client; from then on the kernel lets nobody else in."""
        if self._known is not None or Address(peer) != self._client or self._port not in {0, peer[1]}:
            return False
        self._known = peer
        self._inner.connect(peer)
        return True

    def _relay(self, datagram: memoryview) -> None:
        counts = self._shared.counts
        counts.datagrams_up += 1
        counts.bytes_up += len(datagram)
        try:
            cut = header_size(datagram)
            way = self._ways.find(bytes(datagram[3:cut])) or self._begin(bytes(datagram[:cut]))
        except WireError:
            counts.dropped += 1
            return
        if way is None:
            counts.dropped += 1
        elif way.sock is not None and self._is_allowed_still(way):
            self._ways.asked(way, self._shared.now)
            self._send(way, datagram[cut:])
        else:
            self._keep_for_later(way, datagram[cut:])

    def _is_allowed_still(self, way: UdpDestination) -> bool:
        """Judge a conversation again now and then; one that may not go on is begun anew, and so denied and told."""
        now = self._shared.now
        if now >= way.judged_until:
            if not may_still_be_sent_to(way.sockaddr, self._upstream):
                self._leave_place(way)
                return False
            way.judged_until = now + _JUDGED_S
        return True

    def _begin(self, written: bytes) -> UdpDestination | None:
        """A way to a target that was not asked yet; None where there is no room for one.

        Raises:
            WireError: the header names nothing that can be reached.
        """
        read_header(written)
        room = self._ways.make_room("")
        if room.refusal is not None:
            return None
        if room.evicted is not None:
            self._shared.counts.evicted += 1
            self._leave(room.evicted)
        way = UdpDestination(written[3:])
        self._ways.add(way, self._shared.now)
        self._due = min(self._due, self._ways.next_expiry())
        return way

    def _keep_for_later(self, way: UdpDestination, content: memoryview) -> None:
        """Hold it until the lookup is done, which begins now where it has not."""
        shared = self._shared
        if way.lookup is None and shared.now >= way.blocked_until and self._lookups < _LOOKUPS_MAX:
            self._lookups += 1
            way.lookup = shared.loop.create_task(self._look_up(way))
            way.lookup.add_done_callback(self._looked_up)
        no_room = len(way.held) >= _WAITING_MAX or shared.waiting_bytes + len(content) > _WAITING_BYTES_MAX
        if way.lookup is None or no_room:
            shared.counts.dropped += 1
            return
        way.held.append(bytes(content))
        shared.waiting_bytes += len(content)

    async def _look_up(self, way: UdpDestination) -> None:
        """Find out where the way goes, and send what it holds."""
        assert isinstance(way.key, bytes)  # noqa: S101 - `UdpDestination` says so
        target = read_header(bytes(3) + way.key)
        try:
            with asked_by(Asker(self._upstream.service.name, client_of(self._peer))):
                way.hops = await hops_to(target, self._upstream)
        except (DualstackError, OSError) as error:
            self._block(way, target, error)
        finally:
            way.lookup = None
        self._shared.look_at_clock()
        if not self._go_on(way):
            way.blocked_until = self._shared.now + _BLOCKED_S
        held = self._let_go_of_held(way)
        for content in held:
            if way.sock is None:
                self._shared.counts.dropped += 1
            else:
                self._ways.asked(way, self._shared.now)
                self._send(way, memoryview(content))

    def _looked_up(self, _: object) -> None:
        self._lookups -= 1

    def _block(self, way: UdpDestination, target: Endpoint, error: DualstackError | OSError) -> None:
        shared = self._shared
        is_refusal = isinstance(error, DialError) and error.errno == errno.EACCES
        shared.counts.refused += is_refusal
        way.hops = ()
        if shared.said.is_said((client_of(self._peer), target, is_refusal), shared.loop.time()):
            write = shared.log.info if is_refusal else shared.log.warning
            event = "refused" if is_refusal else "unreached"
            write(event, service=self._upstream.service.name, peer=shown(self._peer), target=target, why=str(error))

    # To the target.

    def _go_on(self, way: UdpDestination) -> bool:
        """Have the way go to its next address; whether there is one."""
        self._leave_place(way)
        while way.hops:
            (hop, said), way.hops = way.hops[0], way.hops[1:]
            try:
                way.sock = self._outer_socket(hop)
            except OSError as error:
                if error.errno in NO_ROOM:
                    return False
                continue
            way.sockaddr, way.said = hop.address, said
            way.judged_until = self._shared.now + _JUDGED_S
            way.place = spec_of(hop.address)
            self._by_end[(*way.place, hop.address[1])] = way
            self._asked[way.place] += 1
            return True
        return False

    def _outer_socket(self, hop: Hop) -> SocketType:
        """The socket for all targets that are sent to from one source."""
        key = (hop.family, hop.source, hop.interface)
        sock = self._outer.get(key)
        if sock is None:
            sock = self._outer[key] = unconnected(hop.family, hop.source or _ANY[hop.family], hop.interface)
            make_room(sock)
            tell_of_undelivered(sock)
            self._shared.poller.add(sock.fileno(), partial(self._answer, sock))
        return sock

    def _send(self, way: UdpDestination, content: memoryview) -> None:
        if way.hops and not way.was_answered:
            self._hold(way, content)
        while way.sock is not None and (number := failure(way.sock, content, way.sockaddr)):
            if number not in NO_WAY or way.was_answered or not self._go_on(way):
                self._shared.counts.dropped += 1
                return

    def _hold(self, way: UdpDestination, content: memoryview) -> None:
        """Keep it for the next address, in place of what was kept before."""
        self._let_go_of_held(way)
        shared = self._shared
        if len(content) <= _HELD_BYTES_MAX and shared.waiting_bytes + len(content) <= _WAITING_BYTES_MAX:
            way.held = [bytes(content)]
            shared.waiting_bytes += len(content)

    # From the target.

    def _answer(self, sock: SocketType) -> None:
        """Relay a batch of answers."""
        shared = self._shared
        counts, family = shared.counts, sock.family
        if shared.now >= self._due:
            self._expire()
        for number in range(_BATCH):
            try:
                size, peer = sock.recvfrom_into(shared.buffer)
            except BlockingIOError:
                if not number:
                    self._look_at_undelivered(sock)
                return
            except OSError:
                self._look_at_undelivered(sock)
                continue
            packed = inet_pton(family, peer[0])
            place = (packed, *peer[3:])
            way = self._by_end.get((*place, peer[1]))
            if way is None and place not in self._asked:
                counts.refused += 1
                continue
            if way is not None:
                self._ways.answered(way, shared.now)
                if way.held:
                    self._let_go_of_held(way)
            said = None if way is None else way.said
            try:
                send_behind(self._inner, said or header(Endpoint(Address(packed), peer[1])), shared.buffer[:size])
            except OSError:
                counts.dropped += 1
                continue
            self.active = shared.now
            counts.datagrams_down += 1
            counts.bytes_down += size

    def _look_at_undelivered(self, sock: SocketType) -> None:
        """Leave addresses that nobody is at; an error that stays in its queue is told again and again."""
        for _ in range(_BATCH):
            there = undelivered(sock)
            if there is None:
                return
            way = self._by_end.get((*spec_of(there), there[1]))
            if way is not None and way.hops and not way.was_answered:
                held = self._let_go_of_held(way)
                if self._go_on(way):
                    for content in held:
                        self._send(way, memoryview(content))

    # Ends.

    def _expire(self) -> None:
        for way in self._ways.expired(self._shared.now):
            self._leave(way)
        self._due = self._ways.next_expiry()

    def _forget_all(self) -> None:
        """Forget all targets; each is looked up and judged again when it is asked."""
        for way in self._ways:
            self._ways.remove(way)
            self._leave(way)
        for sock in self._outer.values():
            self._shared.poller.drop(sock.fileno())
            sock.close()
        self._outer.clear()

    def _leave(self, way: UdpDestination) -> None:
        """Let go of a way that is out of the table."""
        if way.lookup is not None:
            way.lookup.cancel()
        self._let_go_of_held(way)
        self._leave_place(way)

    def _let_go_of_held(self, way: UdpDestination) -> list[bytes]:
        held, way.held = way.held, []
        self._shared.waiting_bytes -= sum(map(len, held))
        return held

    def _leave_place(self, way: UdpDestination) -> None:
        if way.sock is None:
            return
        way.sock = None
        end = (*way.place, way.sockaddr[1])
        if self._by_end.get(end) is way:
            del self._by_end[end]
        self._asked[way.place] -= 1
        if not self._asked[way.place]:
            del self._asked[way.place]


_ANY: dict[int, SockAddr] = {AF_INET: ("0.0.0.0", 0), AF_INET6: ("::", 0, 0, 0)}


def _own_end(control: socket) -> SocketAddress:
    end = SocketAddress.from_tuple(control.getsockname()).canonical
    return SocketAddress(end.address, 0)


def _internet(peer: SockAddr) -> SocketTuple:
    assert isinstance(peer, tuple)  # noqa: S101 - services listen on internet sockets alone
    return peer
