"""The ordinary lookup on an asyncio loop, without a thread: a datagram to the first name server for each family.

That there is no such name is an ordinary answer too, unless search domains come after. Whatever is out of the ordinary
goes to the pool, where `DnsResolver` does all that it takes: a server that says nothing for a second, an error, an
answer cut short, a name that search domains come before, or after it where neither family has an address. Nothing is
decided here but that.
"""

import asyncio
from collections.abc import Callable
from os import urandom
from socket import AF_INET, AF_INET6
from typing import TYPE_CHECKING, NamedTuple

from dualstack.core.address.address import Address
from dualstack.core.dial.resolution import Lookup
from dualstack.kernel.attempts import sockaddr_of
from dualstack.kernel.datagrams import connected
from dualstack.net.names.resolver import QUICK_S, NameServer
from dualstack.wire.dns import Reply, query, read

if TYPE_CHECKING:
    from socket import SocketType

__all__ = ["QuickLookups", "Told"]

_MAX_BYTES = 1 << 16

Told = Callable[[Lookup, tuple[Address, ...] | None], object]
"""Hears what a lookup gave; None is for the pool to find out."""


class _Asked(NamedTuple):
    lookup: Lookup
    question: bytes


class QuickLookups:
    """The questions of one connection, all by one socket.

    Args:
        server: who is asked.
        told: hears each answer, once.
        loop: whose reader and timer it is.
        patience_s: how long it waits for all of them.
        is_final: no search domain comes after the target's own name.

    Raises:
        OSError, NotImplementedError: there can be no such socket, or this loop watches none; nothing is left open.
    """

    def __init__(
        self,
        server: NameServer,
        told: Told,
        loop: asyncio.AbstractEventLoop,
        *,
        patience_s: float = QUICK_S,
        is_final: bool = True,
    ) -> None:
        self._has_edns = server.has_edns
        self._is_final = is_final
        self._missing: list[Lookup] = []
        self._exists = False
        self._told = told
        self._loop = loop
        self._asked: list[_Asked] = []
        family = AF_INET6 if server.address.version == 6 else AF_INET
        sock = connected(family, sockaddr_of(server.address, server.port))
        try:
            loop.add_reader(sock.fileno(), self._readable)
        except BaseException:
            sock.close()
            raise
        self._sock: SocketType | None = sock
        self._timer = loop.call_later(patience_s, self._give_up)

    def ask(self, lookup: Lookup, name: str) -> None:
        """Send the question.

        Raises:
            OSError, ValueError: it cannot be.
        """
        assert self._sock is not None  # noqa: S101 - nobody asks of what is closed
        question = query(int.from_bytes(urandom(2), "big"), name, lookup.family, edns=self._has_edns)
        try:
            self._sock.send(question)
        except OSError:
            # The refusal of the question before is told once, and here: nothing is heard of it any more.
            self._loop.call_soon(self._refused)
            raise
        self._asked.append(_Asked(lookup, question))

    @property
    def is_closed(self) -> bool:
        """Whether all are answered, or nobody wants the answers any more."""
        return self._sock is None

    def close(self) -> None:
        """Nobody wants the answers any more."""
        sock, self._sock = self._sock, None
        if sock is not None:
            self._timer.cancel()
            self._loop.remove_reader(sock.fileno())
            sock.close()

    def _readable(self) -> None:
        while self._sock is not None:
            try:
                packet = self._sock.recv(_MAX_BYTES)
            except BlockingIOError:
                return
            except OSError:  # the server's host says that nobody is there
                self._give_up()
                return
            self._heard(packet)

    def _heard(self, packet: bytes) -> None:
        for asked in self._asked:
            reply = read(packet, asked.question, asked.lookup.family)
            if reply is None:
                continue
            self._asked.remove(asked)
            if not self._asked:
                self.close()
            self._take(asked.lookup, reply)
            return

    def _take(self, lookup: Lookup, reply: Reply) -> None:
        """Tell what is known by this answer: of a family that lacks an address, once the other's is there."""
        is_own = lookup.name is None
        self._exists = self._exists or (is_own and bool(reply.addresses))
        if reply.addresses or not (reply.is_ordinary or reply.is_missing):
            self._told(lookup, reply.addresses or None)
        elif self._is_final or not is_own:
            self._told(lookup, ())
        else:
            self._missing.append(lookup)
        if self._exists or not self._asked:
            self._tell_missing()

    def _tell_missing(self) -> None:
        """The name exists without them, or a search domain may have it, which is for the pool to see."""
        missing, self._missing = self._missing, []
        for lookup in missing:
            self._told(lookup, () if self._exists else None)

    def _refused(self) -> None:
        if self._sock is not None:
            self._give_up()

    def _give_up(self) -> None:
        asked, self._asked = self._asked, []
        self.close()
        for each in asked:
            self._told(each.lookup, None)
        self._tell_missing()
