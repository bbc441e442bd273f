"""The TCP data plane where there is no epoll (macOS, the BSDs, Windows): asyncio's transports and protocols.

Half as fast as the engine on short connections, and without splice; what clients and servers see is the same, which
the engine's own contract tests hold it to. One thing differs, because asyncio does not watch a transport that it
does not read from: the reset of a side that has sent its end, or is held up by the other, shows at the next write.
"""

import asyncio
from collections.abc import Coroutine, Iterable
from errno import ETIMEDOUT
from math import inf
from socket import SocketType, socket

from dualstack.core.address.sockaddr import SockAddr
from dualstack.gateway.relay.link import Flow, Gate, Hop, Link, Reason, Target
from dualstack.gateway.relay.stream.data_plane import DataPlane
from dualstack.kernel.streams import (
    CONNECTION_LOST_IN_QUEUE,
    NO_ROOM,
    as_socket,
    is_ready,
    keep_alive,
    new_socket,
    reset,
    without_delay,
)

__all__ = ["ProtocolRelay"]

_ROOM_RETRY_S = 0.1
# The loop tells of it in its next turn.
_NEWS_S = 0.1
_EARLY_BYTES = 64 << 10


class Half(Flow, asyncio.Protocol):
    """One side of a link. What it gets before there is another side waits in `early`."""

    __slots__ = ("early", "ended", "link", "other", "transport")

    transport: asyncio.Transport

    def __init__(self, link: "TransportLink") -> None:
        super().__init__()
        self.link = link
        self.early = b""
        self.other: Half | None = None
        self.ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - asyncio's types are less precise than its promise
        self.transport = transport
        self.link.halves.add(self)

    def join(self, other: "Half", *, first: bytes = b"") -> None:
        """Give the other side `first` and what came early, and from now on all that comes."""
        self.other = other
        other.transport.write(first + self.early)
        self.count += len(first)
        self.early = b""
        if not self.ended:
            self.transport.resume_reading()
        elif other.ended:
            self.link.both_ended()
        else:
            other.transport.write_eof()

    def data_received(self, data: bytes) -> None:
        """Pass it on."""
        self.count += len(data)
        self.link.active = self.link.plane.time()
        if self.other is not None:
            self.other.transport.write(data)
        else:
            self.early += data
            if len(self.early) > _EARLY_BYTES:
                self.transport.pause_reading()

    def eof_received(self) -> bool:
        """Pass the end on."""
        self.ended = True
        if self.other is not None and self.other.ended:
            self.link.both_ended()
        elif self.other is not None:
            self.other.transport.write_eof()
        return True

    def has_news(self) -> bool:
        """Whether bytes wait to be read, or can be written, of which the loop has not told yet."""
        transport = self.transport
        return is_ready(
            transport.get_extra_info("socket").fileno(),
            to_read=transport.is_reading(),
            to_write=transport.get_write_buffer_size() > 0,
        )

    def pause_writing(self) -> None:
        """Stop reading from the other side: this one is full."""
        if self.other is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        """Go on reading from the other side."""
        self.link.active = self.link.plane.time()
        if self.other is not None:
            self.other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """This side is closed or broken."""
        self.link.lost(self, exc)


class TransportLink(Link):
    """A link over two transports: over when both are closed. `bare` are its sockets that have no transport yet."""

    __slots__ = ("bare", "ending", "halves", "opening", "plane")

    def __init__(self, plane: "ProtocolRelay", gate: Gate, peer: SockAddr, idle_timeout_s: float) -> None:
        super().__init__(gate, peer, idle_timeout_s, plane.time())
        self.plane = plane
        self.bare: set[socket] = set()
        self.halves: set[Half] = set()
        self.opening: asyncio.Task[None] | None = None
        self.ending: tuple[Reason, int] | None = None

    def over(self, reason: Reason, errno: int = 0) -> None:
        """End it for this reason, with a reset to whoever is still there."""
        if self.ending is None or self.ending[0] is Reason.ENDED:
            self.ending = reason, errno
        for half in self.halves:
            reset(half.transport.get_extra_info("socket"))
            half.transport.abort()
        for sock in self.bare:
            reset(sock)
        if self.opening is not None:
            self.opening.cancel()

    def descriptors(self) -> Iterable[int]:
        """Those of its transports."""
        return [half.transport.get_extra_info("socket").fileno() for half in self.halves]

    def both_ended(self) -> None:
        """Both sides have sent their end; each transport closes when it has written all."""
        self.ending = Reason.ENDED, 0
        for half in self.halves:
            half.transport.close()

    def opened(self, task: asyncio.Task[None]) -> None:
        """The opening is over, well or not."""
        self.opening = None
        for sock in self.bare:
            sock.close()
        if not task.cancelled() and (error := task.exception()) is not None:
            self.over(Reason.UNREACHED, getattr(error, "errno", None) or 0)
        self._finish_if_closed()

    def lost(self, half: Half, exc: Exception | None) -> None:
        """One transport is closed."""
        self.halves.discard(half)
        half.other = None
        if self.ending is None:
            reason = Reason.CLIENT_RESET if half is self.client else Reason.SERVER_RESET
            self.over(Reason.CLIENT_LEFT if self.opening is not None else reason, getattr(exc, "errno", None) or 0)
        self._finish_if_closed()

    def _finish_if_closed(self) -> None:
        if not self.halves and self.opening is None and self.reason is None and self.ending is not None:
            self.plane.finish(self, *self.ending)


class ProtocolRelay(DataPlane):
    """The data plane over asyncio's transports."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._accepting: dict[socket, tuple[asyncio.Task[None], Gate]] = {}

    def time(self) -> float:
        """The loop's time."""
        return self._loop.time()

    def listen(self, sock: socket, gate: Gate) -> None:
        """Accept on `sock`, which listens and does not block, until `unlisten`."""
        without_delay(sock)
        self._accepting[sock] = self._loop.create_task(self._accept(sock, gate)), gate

    def unlisten(self, sock: socket) -> None:
        """Accept on `sock` no more; nothing happens where it was not watched."""
        if sock in self._accepting:
            self._accepting.pop(sock)[0].cancel()

    def accept_pending(self, sock: socket) -> None:
        """Accept now what waits in the queue of `sock`, so that stopping it loses nobody."""
        while sock in self._accepting:
            try:
                client, peer = sock.accept()
            except OSError as error:
                if error.errno not in CONNECTION_LOST_IN_QUEUE:
                    return
            else:
                self._admit(client, peer, self._accepting[sock][1])

    def connect(self, client: SocketType, peer: SockAddr, target: Target, gate: Gate) -> Link:
        """Connect to the target and relay; a client whose target cannot be reached is reset."""
        link = TransportLink(self, gate, peer, target.idle_timeout_s)
        sock = as_socket(client)
        self._start(link, self._open(link, sock, target), {sock})
        return link

    def relay(
        self,
        client: SocketType,
        server: SocketType,
        gate: Gate,
        *,
        peer: SockAddr = "",
        leftover: bytes = b"",
        idle_timeout_s: float = inf,
    ) -> Link:
        """Relay between two connected sockets; `leftover`, read from the client already, goes first."""
        link = TransportLink(self, gate, peer, idle_timeout_s)
        ends = as_socket(client), as_socket(server)
        self._start(link, self._join(link, *ends, leftover), set(ends))
        return link

    def close(self) -> None:
        """Stop accepting and abort every link; the descriptors are closed in the loop's next turns."""
        for sock in list(self._accepting):
            self.unlisten(sock)
        for link in list(self._links):
            link.abort()
        super().close()

    def finish(self, link: TransportLink, reason: Reason, errno: int) -> None:
        """Enter the end of a link whose sockets are closed."""
        self._refresh()
        link.client = Flow(link.client.count)
        link.server = Flow(link.server.count)
        self._end(link, reason, errno)

    async def room(self) -> None:
        """Wait until there may be descriptors again, for one who found none."""
        self.reserve.met_shortage()
        self.reserve.let_go()
        await asyncio.sleep(_ROOM_RETRY_S)

    def _look_at(self, link: Link) -> None:
        if isinstance(link, TransportLink) and any(half.has_news() for half in link.halves):
            self.remind(link, _NEWS_S)
        else:
            super()._look_at(link)

    async def _until_all_is_kept(self) -> None:
        """Rest from accepting, until those who were accepted have what they need."""
        await asyncio.sleep(_ROOM_RETRY_S)
        while not self.reserve.keep():  # noqa: ASYNC110 - nobody tells when there is room
            await asyncio.sleep(_ROOM_RETRY_S)

    def _start(self, link: TransportLink, opening: Coroutine[None, None, None], bare: set[socket]) -> None:
        self._refresh()
        self._begin(link)
        link.bare = bare
        link.opening = self._loop.create_task(opening)
        link.opening.add_done_callback(link.opened)

    async def _accept(self, sock: socket, gate: Gate) -> None:
        while True:
            try:
                client, peer = await self._loop.sock_accept(sock)
            except OSError as error:
                if error.errno in NO_ROOM:
                    self.reserve.met_shortage()
                    await self._until_all_is_kept()
                elif error.errno not in CONNECTION_LOST_IN_QUEUE:
                    self._accepting.pop(sock)
                    self._report("a socket does not accept any more", error)
                    return
                continue
            client.setblocking(True)
            self._admit(client, peer, gate)

    async def _open(self, link: TransportLink, client: socket, target: Target) -> None:
        up = await self._half(link, client)
        link.client = up
        server = await self._reach(link, target)
        link.server = down = await self._half(link, server)
        down.join(up)
        up.join(down, first=target.preface)
        self.remind(link, link.idle_timeout_s)

    async def _join(self, link: TransportLink, client: socket, server: socket, leftover: bytes) -> None:
        link.client = up = await self._half(link, client)
        link.server = down = await self._half(link, server)
        down.join(up)
        up.join(down, first=leftover)
        self.remind(link, link.idle_timeout_s)

    async def _half(self, link: TransportLink, sock: socket) -> Half:
        """Give the socket a transport."""
        sock.setblocking(False)
        without_delay(sock)
        half = Half(link)
        await self._loop.connect_accepted_socket(lambda: half, sock)
        link.bare.discard(sock)
        return half

    async def _reach(self, link: TransportLink, target: Target) -> socket:
        """A socket connected to the first address of the target that answers in its share of the time."""
        deadline = self.time() + target.connect_timeout_s
        for number, hop in enumerate(target.hops):
            share_s = max(0.0, deadline - self.time()) / (len(target.hops) - number)
            try:
                async with asyncio.timeout(share_s):
                    server = await self._reach_hop(link, hop)
                    link.hop = hop
                    if target.keepalive_s != inf:
                        keep_alive(server, target.keepalive_s)
                    return server
            except OSError as error:  # TimeoutError is one, without a number
                link.failures += ((hop, error.errno or ETIMEDOUT),)
        number = link.failures[-1][1] if link.failures else 0
        raise OSError(number, "no address of the target answered")

    async def _reach_hop(self, link: TransportLink, hop: Hop) -> socket:
        while True:
            try:
                server = as_socket(new_socket(hop.family, hop.source, hop.interface))
                break
            except OSError as error:
                if error.errno not in NO_ROOM:
                    raise
                await self.room()
        link.bare.add(server)
        try:
            await self._loop.sock_connect(server, hop.address)
        except BaseException:
            link.bare.discard(server)
            server.close()
            raise
        return server
