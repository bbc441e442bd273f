"""UDP servers for programs of one's own, for blocking callers and asyncio (N8).

A server with plain sockets answers from the address that the route back prefers, which on a host with several is not
always the one that was asked, and clients drop what comes from a stranger. Here each datagram knows who was asked, and
its answer leaves from there. Peers are unmapped at once, so both families may come in by one socket.
"""

import selectors
import socket
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING

from dualstack.core.address.address import Address, SocketTuple
from dualstack.kernel.datagrams import Ancillary, answer_from, asked_address, receive, send_from
from dualstack.kernel.zones import address_in
from dualstack.net.listen import plan_listen

if TYPE_CHECKING:
    from asyncio import Future
    from types import TracebackType
    from typing import Self

__all__ = ["Datagram", "DatagramServer", "open_datagram"]

# How many datagrams that wait already a task may take before others have their turn.
_IN_A_ROW = 64


@dataclass(frozen=True, slots=True)
class Datagram:
    """A datagram that came in.

    Args:
        content: its bytes.
        peer: who sent it, never mapped, a link-local address with its interface.
        port: the sender's.
        asked: the address of this host that it was sent to; None where the system does not say.
    """

    content: bytes
    peer: Address
    port: int
    asked: Address | None
    _sock: socket.socket = field(repr=False, compare=False)
    _sockaddr: SocketTuple = field(repr=False, compare=False)
    _ancillary: Ancillary = field(repr=False, compare=False)

    def answer(self, content: bytes) -> None:
        """Send `content` back, from the address that was asked.

        Raises:
            BlockingIOError: the socket's buffer is full; nothing was sent.
            OSError: as the system says, such as EMSGSIZE for what no datagram holds.
        """
        send_from(self._sock, content, self._sockaddr, answer_from(self._ancillary))


class DatagramServer:
    """UDP sockets as one; the end of a `with` closes them.

    Args:
        sockets: bound, non-blocking ones, as `open_datagram` makes them.
    """

    def __init__(self, sockets: "list[socket.socket]") -> None:
        self.sockets = tuple(sockets)
        # A socket that is bound to an address is asked at no other.
        self._bound = {
            sock: None if (own := address_in(sock.getsockname())).is_unspecified else own for sock in sockets
        }
        self._next = 0
        self._in_a_row = 0
        self._waiter: Future[None] | None = None

    def receive(self, timeout: float | None = None) -> Datagram:
        """The next datagram, waited for.

        Args:
            timeout: seconds to wait at most; None for as long as it takes.

        Raises:
            TimeoutError: none came in time.
        """
        deadline = None if timeout is None else monotonic() + timeout
        while (found := self._take()) is None:
            left_s = None if deadline is None else deadline - monotonic()
            if left_s is not None and left_s <= 0:
                raise TimeoutError(f"no datagram within {timeout:g} s")
            self._wait(left_s)
        return found

    def _wait(self, limit_s: float | None) -> None:
        with selectors.DefaultSelector() as selector:
            for sock in self.sockets:
                selector.register(sock, selectors.EVENT_READ)
            selector.select(limit_s)

    async def receive_async(self) -> Datagram:
        """`receive` for asyncio, for one task at a time; its limit is `asyncio.timeout`.

        Raises:
            RuntimeError: another task waits already.
        """
        import asyncio

        loop = asyncio.get_running_loop()
        if self._waiter is not None:
            raise RuntimeError("another task waits for datagrams of this server already")
        self._in_a_row += 1
        if self._in_a_row >= _IN_A_ROW:
            self._in_a_row = 0
            await asyncio.sleep(0)
        while (found := self._take()) is None:
            self._in_a_row = 0
            self._waiter = loop.create_future()
            for sock in self.sockets:
                loop.add_reader(sock, _wake, self._waiter)
            try:
                await self._waiter
            finally:
                self._waiter = None
                for sock in self.sockets:
                    loop.remove_reader(sock)
        return found

    def __aiter__(self) -> "Self":
        return self

    async def __anext__(self) -> Datagram:
        return await self.receive_async()

    def close(self) -> None:
        """Close the sockets; again is no error."""
        for sock in self.sockets:
            sock.close()

    def __enter__(self) -> "Self":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: "TracebackType | None"
    ) -> None:
        self.close()

    def _take(self) -> Datagram | None:
        """A datagram that waits, each socket's by turns."""
        for _ in self.sockets:
            sock = self.sockets[self._next]
            self._next = (self._next + 1) % len(self.sockets)
            try:
                got = receive(sock)
            except (BlockingIOError, ConnectionResetError):
                # Windows tells so that an answer found nobody (WSAECONNRESET); no datagram is meant.
                continue
            asked = self._bound[sock] or asked_address(got.ancillary)
            peer = address_in(got.peer).canonical
            return Datagram(got.content, peer, got.peer[1], asked, sock, got.peer, got.ancillary)
        return None


def _wake(waiter: "Future[None]") -> None:
    if not waiter.done():
        waiter.set_result(None)


def open_datagram(
    where: str | int,
    *,
    port: int | None = None,
    v6only: bool = False,
    family: int = 0,
    sockets: str = "single",
) -> DatagramServer:
    """UDP sockets for a listen text, such as `*:53`, which answer from the address that was asked.

    Args:
        where: the text, or a port number for both families.
        port: the number of items that have none.
        v6only: `[::]` and `*` take IPv6 alone.
        family: 4 or 6 for that family alone, 0 for what the text says.
        sockets: `single` makes one socket for both families where the system can, `pair` two.

    Raises:
        AddressError: the text cannot be read.
        ConfigError: it cannot mean anything on this host, such as an IPv6 address with IPv6 off.
        ListenError: a socket cannot be opened; none is left open.

    >>> from dualstack import open_datagram
    >>> with open_datagram("127.0.0.1:0") as server:
    ...     try: server.receive(timeout=0)
    ...     except TimeoutError: print("nobody yet")
    nobody yet
    """
    from dualstack.kernel.sockets import open_sockets

    made = plan_listen(where, port=port, v6only=v6only, family=family, sockets=sockets, protocol="udp")
    return DatagramServer(open_sockets(made.sockets))
