"""A service while it runs: what becomes of clients that were let in and whose target is no literal address.

Who is let in is its admission's; where they go is its upstream's, which a reload swaps for another without touching a
connection.
"""

import asyncio
import os
from collections.abc import Callable, Coroutine
from functools import partial
from socket import SocketType, socket
from typing import Protocol

from dualstack.core.access.client_key import client_of, shown
from dualstack.core.access.wrong_passwords import Guesses
from dualstack.core.address.address import SocketTuple
from dualstack.core.address.endpoint import Endpoint
from dualstack.core.address.sockaddr import SockAddr
from dualstack.core.planning.targets import ExecTarget, ForwardTarget, label_of
from dualstack.core.spate import Spate
from dualstack.errors import DualstackError
from dualstack.gateway.admission.admission import Admission
from dualstack.gateway.admission.proxy_header import ends_of
from dualstack.gateway.admission.total_limit import ConnectionLimit
from dualstack.gateway.counters.access_log import ended, unlinked
from dualstack.gateway.counters.counters import Counters
from dualstack.gateway.counters.families import hop_of
from dualstack.gateway.counters.log import Log
from dualstack.gateway.counters.repeats import Repeats
from dualstack.gateway.forward.exchange import Exchange
from dualstack.gateway.forward.exchange_link import ExchangeLink
from dualstack.gateway.forward.negotiate import ByDatagram, Negotiated, Rejected, arrange, part
from dualstack.gateway.forward.udp_associations import Associations
from dualstack.gateway.forward.waiting import receive
from dualstack.gateway.listeners.named_port import NamedPort
from dualstack.gateway.listeners.port_life import PortState
from dualstack.gateway.relay.link import Gate, Link, Reason
from dualstack.gateway.relay.stream.data_plane import DataPlane
from dualstack.gateway.upstream.connect import reach
from dualstack.gateway.upstream.exec_target import Children
from dualstack.gateway.upstream.target_cache import TargetCache
from dualstack.gateway.upstream.upstream import Upstream
from dualstack.kernel.streams import NO_ROOM, as_socket, reset
from dualstack.wire.http1 import Plain
from dualstack.wire.proxy_protocol import Ends

__all__ = ["ClientGate", "RunningService"]

_LEAVING = "the gateway is leaving"
_EMPTY_LINES_MAX = 8


class ClientGate(Gate, Protocol):
    """The gate that a client came in by, and leaves by."""

    port: NamedPort

    def leave(self, peer: SockAddr) -> None:
        """The client's connection is over, and was no link when it was."""
        ...


class RunningService:
    """One service: its upstream now, and its clients that are still on their way to a target.

    Args:
        upstream: see `Upstream.of`.
        plane: what relays.
        children: what runs `exec:` targets.
        log: where refusals and failures go.
        total: the connections of all services.
        said: what was said of datagrams lately, in all services.
    """

    def __init__(
        self,
        upstream: Upstream,
        plane: DataPlane,
        children: Children,
        log: Log,
        *,
        total: ConnectionLimit,
        said: Spate,
    ) -> None:
        loop = asyncio.get_running_loop()
        self.upstream = upstream
        self.counters = Counters()
        self.plane = plane
        self.guesses = Guesses()
        self.targets = TargetCache()
        self._repeats = Repeats(loop, service=upstream.service.name)
        self.admission = Admission(upstream.service, self.counters.rules, self._repeats, log, total=total, said=said)
        self.associations = Associations(loop, log, self)
        self._children = children
        self._log = log
        self._said = said
        self._keeps_clients = True
        self._dialling: dict[asyncio.Task[None], ClientGate] = {}
        self._resting: dict[asyncio.Timeout, ClientGate] = {}
        self.obey(upstream)

    def obey(self, upstream: Upstream) -> None:
        """Let in and dial as this one has it from now on."""
        self.upstream = upstream
        self.admission.obey(upstream.service, upstream.access, upstream.senders)

    @property
    def name(self) -> str:
        """The service's name."""
        return self.upstream.service.name

    def send(self, client: SocketType, peer: SockAddr, gate: ClientGate, ends: Ends | None) -> None:
        """See to a client whose target is no literal address: a name to look up, a command, or the client's to say."""
        match self.upstream.service.target:
            case ExecTarget(argv):
                self._spawn(argv, client, peer, gate, ends)
            case ForwardTarget() as target:
                self.begin(self._forward(client, peer, gate, target), gate)
            case Endpoint(host=str()) as target:
                self.begin(self._dial(client, peer, gate, target, ends), gate)
            case target:
                self._lose(client, peer, gate, self.upstream.trouble or f"no way to {target}", self.plane.now)

    def begin(self, work: Coroutine[None, None, None], gate: ClientGate) -> None:
        """Do something for a client that is on its way; `finish_dialling` waits for it."""
        task = asyncio.get_running_loop().create_task(work)
        self._dialling[task] = gate
        task.add_done_callback(self._dialling.pop)

    async def _dial(
        self, client: SocketType, peer: SockAddr, gate: ClientGate, target: Endpoint, ends: Ends | None
    ) -> None:
        upstream, since = self.upstream, self.plane.now
        preface = upstream.preface(client, peer, ends)
        try:
            server = await reach(client, target, upstream, self.plane, self.counters, peer=peer)
        except asyncio.CancelledError:
            self._lose(client, peer, gate, _LEAVING, since)
            raise
        except (DualstackError, OSError) as error:
            self._lose(client, peer, gate, str(error), since)
        else:
            idle_s = upstream.service.idle_timeout_s
            hop = hop_of(server)
            link = self.plane.relay(client, server, gate, peer=peer, leftover=preface, idle_timeout_s=idle_s)
            link.started, link.hop = since, hop

    async def _forward(self, client: SocketType, peer: SockAddr, gate: ClientGate, target: ForwardTarget) -> None:
        sock = as_socket(client)
        sock.setblocking(False)
        admitted_by, said = self.upstream, b""
        while (behind := await self._forward_one(sock, peer, gate, target, said)) is not None:
            said = b""
            try:
                said = await self._next_request(sock, gate, behind)
            finally:
                # It has none, or nobody waits for it any more.
                if not said:
                    sock.close()
                    gate.leave(peer)
            if not said:
                return
            if self.upstream is not admitted_by:
                # A reload may have changed who is let in, and what is asked of whom.
                admitted_by = self.upstream
                why, wanted = self.admission.denial(peer), admitted_by.service.target
                if why is not None or not isinstance(wanted, ForwardTarget):
                    sock.close()
                    gate.leave(peer)
                    self.admission.refused(peer, why or "the service is no forward proxy any more")
                    return
                target = wanted

    async def _forward_one(
        self, sock: socket, peer: SockAddr, gate: ClientGate, target: ForwardTarget, said: bytes
    ) -> bytes | None:
        """Serve one request; what came behind it where the client may ask again, None where its connection is over."""
        upstream, since = self.upstream, self.plane.now
        try:
            arranged = await arrange(
                sock,
                target,
                lambda wanted: reach(sock, wanted, upstream, self.plane, self.counters, peer=peer),
                within_s=upstream.service.handshake_timeout_s,
                said=said,
                guesses=self.guesses,
                who=client_of(peer),
            )
        except asyncio.CancelledError:
            self._lose(sock, peer, gate, _LEAVING, since)
            raise
        except Rejected as turned:
            sock.close()
            self._rejected(peer, turned)
            self._over(gate, peer, since, str(turned), turned.target)
            return None
        if isinstance(arranged, ByDatagram):
            await self._associate(sock, peer, gate, arranged)
            return None
        if arranged.plain is not None:
            return await self._exchange(sock, peer, gate, arranged, arranged.plain, upstream)
        hop = hop_of(arranged.server)
        link = self.plane.relay(
            *(sock, arranged.server, gate),
            peer=peer,
            leftover=arranged.first,
            idle_timeout_s=upstream.service.idle_timeout_s,
        )
        link.started, link.hop, link.asked = since, hop, arranged.target
        return None

    async def _exchange(  # noqa: PLR0917 - it goes on where `_forward_one` is
        self, sock: socket, peer: SockAddr, gate: ClientGate, arranged: Negotiated, plain: Plain, upstream: Upstream
    ) -> bytes | None:
        task = asyncio.current_task()
        ends = (sock, arranged.server)
        link = ExchangeLink(gate, peer, upstream.service.idle_timeout_s, self.plane.now, task, ends)
        link.hop, link.asked = hop_of(arranged.server), arranged.target
        exchange = Exchange(
            sock, arranged.server, plain, link, may_ask_again=self._may_stay(gate), pipes=self.plane.pipes
        )
        self.plane.enter(link)
        may_ask_again = False
        try:
            may_ask_again = await exchange.run(arranged.first)
        except asyncio.CancelledError:
            exchange.reason = link.why or Reason.ABORTED
            reset(sock)
            reset(arranged.server)
            if task is None or link.why is None or task.uncancel():
                raise
        finally:
            arranged.server.close()
            self.plane.leave(link, exchange.reason)
            if not may_ask_again:
                await self._end_exchange(sock, peer, gate, exchange, plain)
        if exchange.trouble:
            self._rejected(peer, Rejected(arranged.target, exchange.trouble, is_refusal=exchange.status == 400))
        return exchange.behind if may_ask_again else None

    async def _end_exchange(
        self, sock: socket, peer: SockAddr, gate: ClientGate, exchange: Exchange, plain: Plain
    ) -> None:
        """Close the client's connection; one that may still be sending gets to read its response before."""
        try:
            if exchange.reason is Reason.ENDED and (plain.keeps or not plain.body.is_over):
                await part(sock, b"")
        finally:
            sock.close()
            gate.leave(peer)

    async def _next_request(self, sock: socket, gate: ClientGate, behind: bytes) -> bytes:
        """The first bytes of a client's next request; none where it has no more, or is not served any longer."""
        for _ in range(_EMPTY_LINES_MAX):
            # RFC 9112 section 2.2: an empty line before a request is read over.
            if said := behind.lstrip(b"\r\n"):
                return said
            if not self._may_stay(gate) or not (behind := await self._rest(sock, gate)):
                break
        return b""

    async def _rest(self, sock: socket, gate: ClientGate) -> bytes:
        """What a client says that has asked something before; nothing where it leaves, stays silent, or is let go."""
        try:
            async with asyncio.timeout(self.upstream.service.handshake_timeout_s) as patience:
                self._resting[patience] = gate
                try:
                    return await receive(sock)
                finally:
                    del self._resting[patience]
        except OSError:
            return b""  # TimeoutError is one

    def _may_stay(self, gate: ClientGate) -> bool:
        """Whether a client may ask again on its connection."""
        return self._keeps_clients and gate.port.state is PortState.LISTENING

    def retire(self) -> None:
        """Serve no more requests on connections that are there: the service is in no configuration any more."""
        self._keeps_clients = False
        self.let_go_of_resting()

    def let_go_of_resting(self, is_meant: Callable[[object], bool] = lambda _gate: True) -> None:
        """End the connections of clients that have asked something before and nothing now."""
        now = asyncio.get_running_loop().time()
        for patience, gate in self._resting.items():
            if is_meant(gate) and not patience.expired():
                patience.reschedule(now)

    async def _associate(self, client: socket, peer: SockAddr, gate: ClientGate, asked: ByDatagram) -> None:
        since, reason = self.plane.now, "the association is over"
        try:
            await self.associations.serve(client, peer, asked)
        except Rejected as turned:
            reason = str(turned)
            self._rejected(peer, turned)
        finally:
            client.close()
            self._over(gate, peer, since, reason)

    def _rejected(self, peer: SockAddr, turned: Rejected) -> None:
        why, where = str(turned), {} if turned.target is None else {"target": turned.target}
        if turned.is_refusal:
            self.admission.refused(peer, why, rule=turned.rule, **where)
            return
        self.counters.trouble(peer, turned.target, why)
        self._repeats.say(self._log.warning, "unreached", turned.rule or why, peer=shown(peer), **where, why=why)

    def _spawn(
        self, argv: tuple[str, ...], client: SocketType, peer: SockAddr, gate: ClientGate, ends: Ends | None
    ) -> None:
        since = self.plane.now
        try:
            on_exit = partial(self._over, gate, peer, since, "the command has ended")
            self._children.spawn(argv, client, ends or ends_of(client, peer), gate, on_exit)
        except OSError as error:
            if error.errno in NO_ROOM:
                self.begin(self._spawn_later(argv, client, peer, gate, ends), gate)
                return
            why = f"{argv[0]}: {error.strerror}"
            self.counters.trouble(peer, self.upstream.service.target, why)
            self._repeats.say(self._log.warning, "unreached", why, peer=shown(peer), why=why)
            self._over(gate, peer, since, why)

    async def _spawn_later(
        self, argv: tuple[str, ...], client: SocketType, peer: SockAddr, gate: ClientGate, ends: Ends | None
    ) -> None:
        since = self.plane.now
        try:
            await self.plane.room()
        except asyncio.CancelledError:
            self._lose(client, peer, gate, _LEAVING, since)
            raise
        self._spawn(argv, client, peer, gate, ends)

    def _lose(self, client: SocketType, peer: SockAddr, gate: ClientGate, why: str, since: float) -> None:
        reset(client)
        client.close()
        self._unreached(peer, why)
        self._over(gate, peer, since, why)

    def write_down(self, link: Link, port: str) -> None:
        """A line of the access log, where there is one, for a link that is over."""
        if self._log.access is not None:
            self._log.access.write(ended(link, self.name, port, link.asked or self.upstream.service.target))

    def _over(self, gate: ClientGate, peer: SockAddr, since: float, reason: str, asked: object = None) -> None:
        """A connection that was no link is over."""
        if self._log.access is not None:
            asked = asked or label_of(self.upstream.service.target)
            duration_s = asyncio.get_running_loop().time() - since
            self._log.access.write(unlinked(peer, self.name, gate.port.name, asked, duration_s, reason))
        gate.leave(peer)

    def unreached(self, link: Link) -> None:
        """Write down a target that did not answer."""
        self._unreached(
            link.peer, "; ".join(f"{shown(hop.address)}: {os.strerror(number)}" for hop, number in link.failures)
        )

    def _unreached(self, peer: SockAddr, why: str) -> None:
        target = self.upstream.service.target
        self.counters.trouble(peer, target, why)
        self._repeats.say(self._log.warning, "unreached", why, peer=shown(peer), target=target, why=why)

    def datagrams_failed(self, why: str, now: float, peer: SocketTuple | None) -> None:
        """Say that datagrams reach no target, or none could be read; not each time."""
        upstream, event = self.upstream, "failed" if peer is None else "unreached"
        why = why or upstream.trouble or "no address of it may be dialled"
        if self._said.is_said((event, self.name, why), now):
            who = {} if peer is None else {"peer": shown(peer)}
            self._log.warning(event, service=self.name, **who, target=upstream.service.target, why=why)

    def say_the_rest(self) -> None:
        """How many more there were of what was not said each time."""
        self._repeats.close()

    async def finish_dialling(self, timeout_s: float, is_meant: Callable[[object], bool]) -> int:
        """Wait for the lookups of the gates that are meant, give up on those left; how many these were."""
        self.let_go_of_resting(is_meant)
        tasks = [task for task, gate in self._dialling.items() if is_meant(gate)]
        if not tasks:
            return 0
        _, left = await asyncio.wait(tasks, timeout=timeout_s)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)
        return len(left)
