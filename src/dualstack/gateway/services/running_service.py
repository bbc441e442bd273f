"""A service while it runs: who is let in, where they go, and how many there are.

What it asks of a client is its policy, which a reload swaps for another without touching a connection.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Coroutine
from functools import partial
from socket import SocketType, socket
from typing import TYPE_CHECKING

from dualstack.core.access.access_list import Verdict
from dualstack.core.access.client_key import client_of, shown
from dualstack.core.access.connection_rate import Rates
from dualstack.core.access.wrong_passwords import Guesses
from dualstack.core.address.address import Address
from dualstack.core.address.endpoint import Endpoint
from dualstack.core.address.sockaddr import SockAddr
from dualstack.core.flow_table import News
from dualstack.core.planning.configuration import ExecTarget, ForwardTarget
from dualstack.errors import DualstackError, WireError
from dualstack.gateway.admission.proxy_header import ends_of, read_header, sockaddr_of
from dualstack.gateway.admission.total_limit import Total
from dualstack.gateway.counters.access_log import ended, target_text, unlinked
from dualstack.gateway.counters.families import hop_of
from dualstack.gateway.counters.log import Log
from dualstack.gateway.counters.repeats import Repeats
from dualstack.gateway.counters.tally import Book
from dualstack.gateway.forward.exchange import Exchange, ExchangeLink, receive
from dualstack.gateway.forward.negotiate import Arranged, ByDatagram, Turned, arrange, part
from dualstack.gateway.forward.udp_associations import Associations
from dualstack.gateway.listeners.named_port import PortState
from dualstack.gateway.relay.link import Link, Reason
from dualstack.gateway.relay.stream.data_plane import DataPlane
from dualstack.gateway.upstream.connect import reach
from dualstack.gateway.upstream.exec_target import Children
from dualstack.gateway.upstream.upstream import Policy
from dualstack.kernel.streams import NO_ROOM, as_socket, reset
from dualstack.wire.http1 import Plain
from dualstack.wire.proxy_protocol import Ends

if TYPE_CHECKING:
    from dualstack.gateway.services.stream_gate import Door

__all__ = ["RunningService"]

_LEAVING = "the gateway is leaving"
_CHILDREN = "max_children"
_EMPTY_LINES_MAX = 8
_PROXY_HEADER = "no whole PROXY header"


class RunningService:
    """One service: its policy now, its connections, and those that are still on their way to a target.

    Args:
        policy: see `Policy.of`.
        plane: what relays.
        children: what runs `exec:` targets.
        log: where refusals and failures go.
        total: the connections of all services.
    """

    def __init__(self, policy: Policy, plane: DataPlane, children: Children, log: Log, total: Total) -> None:
        self.policy = policy
        self.total = total
        self.connections = 0
        self.by_client: Counter[str] = Counter()
        self.book = Book()
        self._plane = plane
        self._children = children
        self._log = log
        self._repeats = Repeats(asyncio.get_running_loop(), service=policy.service.name)
        self.associations = Associations(asyncio.get_running_loop(), log)
        self._rates = Rates()
        self._news = News()
        self.guesses = Guesses()
        self._keeps_clients = True
        self._dialling: dict[asyncio.Task[None], Door] = {}
        self._resting: dict[asyncio.Timeout, Door] = {}

    @property
    def name(self) -> str:
        """The service's name."""
        return self.policy.service.name

    def refusal(self, peer: SockAddr, client: str) -> str | None:
        """Why this client is not let in; None where it is."""
        if (why := self.denial(peer) or self.no_room()) is not None:
            return why
        service = self.policy.service
        if service.max_per_client is not None and self.by_client[client] >= service.max_per_client:
            return f"max_per_client: {service.max_per_client}"
        return self.haste(client)

    def haste(self, client: str) -> str | None:
        """Why a client that makes connections too fast is not let in; None where it does not. Each question counts."""
        rate = self.policy.service.max_rate_per_client
        if rate is None or self._rates.allow(client, rate, asyncio.get_running_loop().time()):
            return None
        return f"max_rate_per_client: {rate:g}"

    def denial(self, peer: SockAddr) -> str | None:
        """Why the rules do not let this client in; None where they do."""
        access = self.policy.access
        if access is not None and isinstance(peer, tuple):
            decision = access.check(Address(peer).canonical)
            if decision.verdict is not Verdict.ALLOW:
                return f"rule: {decision.rule}" if decision.rule else "no rule allows it"
        return None

    def no_room(self) -> str | None:
        """Why nobody at all is let in now; None where there is room."""
        limit = self.policy.service.max_connections
        if limit is not None and self.connections >= limit:
            return f"max_connections: {limit}"
        if isinstance(self.policy.service.target, ExecTarget) and self.connections >= self.policy.service.max_children:
            return f"{_CHILDREN}: {self.policy.service.max_children}"
        return self.total.no_room()

    def hear(self, client: SocketType, sender: SockAddr, door: "Door") -> None:
        """Read the PROXY header of a client that a named sender brings, then see whether it is let in."""
        self._begin(self._hear(client, sender, door), door)

    async def _hear(self, client: SocketType, sender: SockAddr, door: "Door") -> None:
        door.count(1)
        try:
            sock, ends = await read_header(client, sender, within_s=self.policy.service.handshake_timeout_s)
        except WireError as error:
            self.refused(sender, str(error), rule=_PROXY_HEADER)
            return
        finally:
            door.count(-1)
        peer = sockaddr_of(ends.peer)
        target = door.let_in(sock, peer, ends)
        if target is not None:
            self._plane.connect(sock, peer, target, door)

    def send(self, client: SocketType, peer: SockAddr, door: "Door", ends: Ends | None) -> None:
        """See to a client whose target is no literal address: a name to look up, a command, or the client's to say."""
        match self.policy.service.target:
            case ExecTarget(argv):
                self._spawn(argv, client, peer, door, ends)
            case ForwardTarget() as target:
                self._begin(self._forward(client, peer, door, target), door)
            case Endpoint(host=str()) as target:
                self._begin(self._dial(client, peer, door, target, ends), door)
            case target:
                self._lose(client, peer, door, self.policy.trouble or f"no way to {target}", self._plane.now)

    def _begin(self, work: Coroutine[None, None, None], door: "Door") -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._dialling[task] = door
        task.add_done_callback(self._dialling.pop)

    async def _dial(
        self, client: SocketType, peer: SockAddr, door: "Door", target: Endpoint, ends: Ends | None
    ) -> None:
        policy, since = self.policy, self._plane.now
        preface = policy.preface(client, peer, ends)
        try:
            server = await reach(client, target, policy, self._plane, self.book, peer=peer)
        except asyncio.CancelledError:
            self._lose(client, peer, door, _LEAVING, since)
            raise
        except (DualstackError, OSError) as error:
            self._lose(client, peer, door, str(error), since)
        else:
            idle_s = policy.service.idle_timeout_s
            hop = hop_of(server)
            link = self._plane.relay(client, server, door, peer=peer, leftover=preface, idle_timeout_s=idle_s)
            link.started, link.hop = since, hop

    async def _forward(self, client: SocketType, peer: SockAddr, door: "Door", target: ForwardTarget) -> None:
        sock = as_socket(client)
        sock.setblocking(False)
        admitted_by, said = self.policy, b""
        while (behind := await self._forward_one(sock, peer, door, target, said)) is not None:
            said = b""
            try:
                said = await self._next_request(sock, door, behind)
            finally:
                # It has none, or nobody waits for it any more.
                if not said:
                    sock.close()
                    door.leave(peer)
            if not said:
                return
            if self.policy is not admitted_by:
                # A reload may have changed who is let in, and what is asked of whom.
                admitted_by = self.policy
                if (why := self.denial(peer)) is not None or not isinstance(admitted_by.service.target, ForwardTarget):
                    sock.close()
                    door.leave(peer)
                    self.refused(peer, why or "the service is no forward proxy any more")
                    return
                target = admitted_by.service.target

    async def _forward_one(
        self, sock: socket, peer: SockAddr, door: "Door", target: ForwardTarget, said: bytes
    ) -> bytes | None:
        """Serve one request; what came behind it where the client may ask again, None where its connection is over."""
        policy, since = self.policy, self._plane.now
        try:
            arranged = await arrange(
                sock,
                target,
                lambda wanted: reach(sock, wanted, policy, self._plane, self.book, peer=peer),
                within_s=policy.service.handshake_timeout_s,
                said=said,
                guesses=self.guesses,
                who=client_of(peer),
            )
        except asyncio.CancelledError:
            self._lose(sock, peer, door, _LEAVING, since)
            raise
        except Turned as turned:
            sock.close()
            self._turned(peer, turned)
            self._over(door, peer, since, str(turned), turned.target)
            return None
        if isinstance(arranged, ByDatagram):
            await self._associate(sock, peer, door, arranged)
            return None
        if arranged.plain is not None:
            return await self._exchange(sock, peer, door, arranged, arranged.plain, policy)
        hop = hop_of(arranged.server)
        link = self._plane.relay(
            *(sock, arranged.server, door),
            peer=peer,
            leftover=arranged.first,
            idle_timeout_s=policy.service.idle_timeout_s,
        )
        link.started, link.hop, link.asked = since, hop, arranged.target
        return None

    async def _exchange(  # noqa: PLR0917 - it goes on where `_forward_one` is
        self, sock: socket, peer: SockAddr, door: "Door", arranged: Arranged, plain: Plain, policy: Policy
    ) -> bytes | None:
        task = asyncio.current_task()
        ends = (sock, arranged.server)
        link = ExchangeLink(door, peer, policy.service.idle_timeout_s, self._plane.now, task, ends)
        link.hop, link.asked = hop_of(arranged.server), arranged.target
        exchange = Exchange(
            sock, arranged.server, plain, link, may_ask_again=self._may_stay(door), pipes=self._plane.pipes
        )
        self._plane.enter(link)
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
            self._plane.leave(link, exchange.reason)
            if not may_ask_again:
                await self._end_exchange(sock, peer, door, exchange, plain)
        if exchange.trouble:
            self._turned(peer, Turned(arranged.target, exchange.trouble, is_refusal=exchange.status == 400))
        return exchange.behind if may_ask_again else None

    async def _end_exchange(self, sock: socket, peer: SockAddr, door: "Door", exchange: Exchange, plain: Plain) -> None:
        """Close the client's connection; one that may still be sending gets to read its response before."""
        try:
            if exchange.reason is Reason.ENDED and (plain.keeps or not plain.body.is_over):
                await part(sock, b"")
        finally:
            sock.close()
            door.leave(peer)

    async def _next_request(self, sock: socket, door: "Door", behind: bytes) -> bytes:
        """The first bytes of a client's next request; none where it has no more, or is not served any longer."""
        for _ in range(_EMPTY_LINES_MAX):
            # RFC 9112 section 2.2: an empty line before a request is read over.
            if said := behind.lstrip(b"\r\n"):
                return said
            if not self._may_stay(door) or not (behind := await self._rest(sock, door)):
                break
        return b""

    async def _rest(self, sock: socket, door: "Door") -> bytes:
        """What a client says that has asked something before; nothing where it leaves, stays silent, or is let go."""
        try:
            async with asyncio.timeout(self.policy.service.handshake_timeout_s) as patience:
                self._resting[patience] = door
                try:
                    return await receive(sock)
                finally:
                    del self._resting[patience]
        except OSError:
            return b""  # TimeoutError is one

    def _may_stay(self, door: "Door") -> bool:
        """Whether a client may ask again on its connection."""
        return self._keeps_clients and door.port.state is PortState.LISTENING

    def retire(self) -> None:
        """Serve no more requests on connections that are there: the service is in no configuration any more."""
        self._keeps_clients = False
        self.let_go_of_resting()

    def let_go_of_resting(self, is_meant: Callable[[object], bool] = lambda _door: True) -> None:
        """End the connections of clients that have asked something before and nothing now."""
        now = asyncio.get_running_loop().time()
        for patience, door in self._resting.items():
            if is_meant(door):
                patience.reschedule(now)

    async def _associate(self, client: socket, peer: SockAddr, door: "Door", asked: ByDatagram) -> None:
        since, reason = self._plane.now, "the association is over"
        try:
            await self.associations.serve(client, peer, asked, self)
        except Turned as turned:
            reason = str(turned)
            self._turned(peer, turned)
        finally:
            client.close()
            self._over(door, peer, since, reason)

    def _turned(self, peer: SockAddr, turned: Turned) -> None:
        if turned.is_refusal:
            self.book.rules.refused(peer, turned.rule, str(turned))
        else:
            self.book.trouble(peer, turned.target, str(turned))
        event, write = ("refused", self._log.info) if turned.is_refusal else ("unreached", self._log.warning)
        where = {} if turned.target is None else {"target": turned.target}
        self._repeats.say(write, event, turned.rule or str(turned), peer=shown(peer), **where, why=str(turned))

    def _spawn(
        self, argv: tuple[str, ...], client: SocketType, peer: SockAddr, door: "Door", ends: Ends | None
    ) -> None:
        since = self._plane.now
        try:
            on_exit = partial(self._over, door, peer, since, "the command has ended")
            self._children.spawn(argv, client, ends or ends_of(client, peer), door, on_exit)
        except OSError as error:
            if error.errno in NO_ROOM:
                self._begin(self._spawn_later(argv, client, peer, door, ends), door)
                return
            why = f"{argv[0]}: {error.strerror}"
            self.book.trouble(peer, self.policy.service.target, why)
            self._repeats.say(self._log.warning, "unreached", why, peer=shown(peer), why=why)
            self._over(door, peer, since, why)

    async def _spawn_later(
        self, argv: tuple[str, ...], client: SocketType, peer: SockAddr, door: "Door", ends: Ends | None
    ) -> None:
        since = self._plane.now
        try:
            await self._plane.room()
        except asyncio.CancelledError:
            self._lose(client, peer, door, _LEAVING, since)
            raise
        self._spawn(argv, client, peer, door, ends)

    def _lose(self, client: SocketType, peer: SockAddr, door: "Door", why: str, since: float) -> None:
        reset(client)
        client.close()
        self._unreached(peer, why)
        self._over(door, peer, since, why)

    def refused(self, peer: SockAddr, why: str, *, rule: str = "") -> None:
        """Write down who was not let in, and why; `rule` is what it is counted by, where `why` says more."""
        self.book.rules.refused(peer, rule or why, why if rule else "")
        if why.startswith(_CHILDREN) and self._news.is_news(why, asyncio.get_running_loop().time()):
            limit = self.policy.service.max_children
            self._log.warning("children at their limit", service=self.name, limit=limit, key="max_children")
        self._repeats.say(self._log.info, "refused", rule or why, peer=shown(peer), why=why)

    def write_down(self, link: Link, port: str) -> None:
        """A line of the access log, where there is one, for a link that is over."""
        if self._log.access is not None:
            self._log.access.write(ended(link, self.name, port, link.asked or self.policy.service.target))

    def _over(self, door: "Door", peer: SockAddr, since: float, reason: str, asked: object = None) -> None:
        """A connection that was no link is over."""
        if self._log.access is not None:
            asked = asked or target_text(self.policy.service.target)
            duration_s = asyncio.get_running_loop().time() - since
            self._log.access.write(unlinked(peer, self.name, door.port.name, asked, duration_s, reason))
        door.leave(peer)

    def unreached(self, link: Link) -> None:
        """Write down a target that did not answer."""
        self._unreached(
            link.peer, "; ".join(f"{shown(hop.address)}: {os.strerror(number)}" for hop, number in link.failures)
        )

    def _unreached(self, peer: SockAddr, why: str) -> None:
        target = self.policy.service.target
        self.book.trouble(peer, target, why)
        self._repeats.say(self._log.warning, "unreached", why, peer=shown(peer), target=target, why=why)

    def say_the_rest(self) -> None:
        """How many more there were of what was not said each time."""
        self._repeats.close()

    async def finish_dialling(self, timeout_s: float, is_meant: Callable[[object], bool]) -> int:
        """Wait for the lookups of the doors that are meant, give up on those left; how many these were."""
        self.let_go_of_resting(is_meant)
        tasks = [task for task, door in self._dialling.items() if is_meant(door)]
        if not tasks:
            return 0
        _, left = await asyncio.wait(tasks, timeout=timeout_s)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)
        return len(left)
