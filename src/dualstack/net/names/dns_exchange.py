"""Questions to name servers and their answers, blocking, all within one limit.

All questions go out at once, to one server after another until each is answered. That nobody is at a server's port is
heard at once, since the socket is connected. A server that cannot read EDNS (FORMERR, NOTIMP: RFC 6891 section 7) is
asked again without it, and so is one that was silent. What does not go into a datagram is asked for over TCP.
"""

import struct
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count
from os import urandom
from socket import AF_INET, AF_INET6, SocketType
from time import monotonic
from typing import NamedTuple

from dualstack.kernel.attempts import connect, sockaddr_of
from dualstack.kernel.datagrams import connected
from dualstack.net.names.resolver import NameServer
from dualstack.wire.dns import FORMERR, NOTIMP, NXDOMAIN, SERVFAIL, head, query

__all__ = ["Answered", "Exchange", "Unanswered"]

_MAX_BYTES = 1 << 16
_LENGTH = struct.Struct("!H")  # RFC 1035 section 4.2.2
_NAMES = {FORMERR: "FORMERR", SERVFAIL: "SERVFAIL", NOTIMP: "NOTIMP", 5: "REFUSED"}
_SILENT = "no answer"


class Answered(NamedTuple):
    """An answer, that there is no such name included, and the bytes of the question that it is to."""

    packet: bytes
    question: bytes


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A question that no server answers.

    Args:
        why: what each of them said, or that it said nothing.
        was_failed: one has answered that it cannot.
    """

    why: str
    was_failed: bool


@dataclass(slots=True)
class _Question:
    """A question, its answer once there is one, and what became of it at each server that has none."""

    name: str
    kind: int
    sent: bytes = b""
    edns: bool = True
    answer: Answered | None = None
    whys: dict[NameServer, str] = field(default_factory=dict)
    was_failed: bool = False

    def write(self, *, edns: bool) -> bytes:
        """The bytes to send, anew for each server."""
        self.edns = edns
        self.sent = query(int.from_bytes(urandom(2), "big"), self.name, self.kind, edns=edns)
        return self.sent

    def outcome(self) -> Answered | Unanswered:
        """What has come of it."""
        if self.answer is not None:
            return self.answer
        whys = "; ".join(f"{server}: {why}" for server, why in self.whys.items())
        return Unanswered(whys or "no time was left to ask", self.was_failed)


class Exchange:
    """The name servers of one resolver.

    Args:
        servers: in the order they are asked.
        timeout_s: how long each has for an answer.
        attempts: how often all are asked, where one was silent; None is until time is up.
        rotates: another one is the first each time.
        uses_tcp: nothing goes over UDP.
    """

    def __init__(
        self,
        servers: Sequence[NameServer],
        *,
        timeout_s: float = 2.0,
        attempts: int | None = None,
        rotates: bool = False,
        uses_tcp: bool = False,
    ) -> None:
        self.servers = tuple(servers)
        self.uses_tcp = uses_tcp
        self._timeout_s = timeout_s
        self._attempts = attempts
        self._first = count() if rotates else None
        self._without_edns: set[NameServer] = set()

    def has_edns(self, server: NameServer) -> bool:
        """Whether it has not said that it cannot read it."""
        return server not in self._without_edns

    def ask(self, questions: Sequence[tuple[str, int]], deadline: float) -> list[Answered | Unanswered]:
        """The answer to each question.

        Args:
            questions: names in ASCII, each with 4 or 6, or the number of a type of records.
            deadline: when time is up, on the monotonic clock.

        Raises:
            ValueError: there can be no such name.
        """
        asked = [_Question(name, kind) for name, kind in questions]
        for attempt in count() if self._attempts is None else range(self._attempts):
            self._ask_all(asked, deadline, edns=not attempt)
            silent = any(_SILENT in each.whys.values() for each in asked if each.answer is None)
            if not silent or monotonic() >= deadline:
                break
        return [each.outcome() for each in asked]

    def _ask_all(self, asked: Sequence[_Question], deadline: float, *, edns: bool) -> None:
        """Each server once, as long as there is something to ask."""
        for place, server in enumerate(order := list(self._order())):
            open_ones = [each for each in asked if each.answer is None]
            left_s = deadline - monotonic()
            if not open_ones or left_s <= 0:
                return
            # The last one is to have its time too.
            until = monotonic() + min(self._timeout_s, left_s / (len(order) - place))
            for each in open_ones:
                each.write(edns=edns and self.has_edns(server))
            try:
                if self.uses_tcp:
                    for each in open_ones:
                        self._take(each, server, _over_tcp(server, each.sent, until))
                else:
                    self._ask_over_udp(open_ones, server, until)
            except OSError as error:
                why = _SILENT if isinstance(error, TimeoutError) else error.strerror or str(error)
                for each in open_ones:
                    if each.answer is None:
                        each.whys[server] = why

    def _order(self) -> Iterator[NameServer]:
        first = 0 if self._first is None else next(self._first) % len(self.servers)
        yield from self.servers[first:]
        yield from self.servers[:first]

    def _ask_over_udp(self, asked: Sequence[_Question], server: NameServer, until: float) -> None:
        """Ask one server, until it has answered all or its time is up.

        Raises:
            OSError: nobody is there; TimeoutError: it says nothing.
        """
        family = AF_INET6 if server.address.version == 6 else AF_INET
        waiting = list(asked)
        with closing(connected(family, sockaddr_of(server.address, server.port))) as sock:
            for each in waiting:
                sock.send(each.sent)
            while waiting:
                sock.settimeout(_left(until))
                packet = sock.recv(_MAX_BYTES)
                for each in [each for each in waiting if head(packet, each.sent) is not None]:
                    if self._is_done(each, server, packet, sock, until):
                        waiting.remove(each)

    def _is_done(self, each: _Question, server: NameServer, packet: bytes, sock: SocketType, until: float) -> bool:
        """Take an answer; False where the question has been asked again and waits for another."""
        begins = head(packet, each.sent)
        assert begins is not None  # noqa: S101 - it is an answer to this
        if begins.code in _NO_EDNS and each.edns:
            self._without_edns.add(server)
            sock.send(each.write(edns=False))
            return False
        self._take(each, server, _over_tcp(server, each.sent, until) if begins.is_cut else packet)
        return True

    def _take(self, each: _Question, server: NameServer, packet: bytes) -> None:
        """Enter what a server says in the end."""
        begins = head(packet, each.sent)
        if begins is not None and begins.code in _ANSWERS:
            each.answer = Answered(packet, each.sent)
        else:
            each.was_failed = True
            code = -1 if begins is None else begins.code
            each.whys[server] = f"says {_NAMES.get(code, f'error {code}')}" if begins else "says what is no answer"


_NO_EDNS = frozenset({FORMERR, NOTIMP})
_ANSWERS = frozenset({0, NXDOMAIN})


def _left(until: float) -> float:
    left_s = until - monotonic()
    if left_s <= 0:
        raise TimeoutError
    return left_s


def _over_tcp(server: NameServer, question: bytes, until: float) -> bytes:
    """The whole answer.

    Raises:
        OSError: there is none; TimeoutError: not in time.
    """
    with connect(server.address, server.port, timeout=_left(until)) as sock:
        sock.sendall(_LENGTH.pack(len(question)) + question)
        (size,) = _LENGTH.unpack(_received(sock, _LENGTH.size, until))
        return _received(sock, size, until)


def _received(sock: SocketType, size: int, until: float) -> bytes:
    content = b""
    while len(content) < size:
        sock.settimeout(_left(until))
        more = sock.recv(size - len(content))
        if not more:
            raise ConnectionResetError("the server has closed the connection before its answer was whole")
        content += more
    return content
