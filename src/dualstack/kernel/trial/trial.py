"""A case made with real sockets: what this kernel says, to hold the oracle against.

Each step is a call; each destination is then sent to and the socket that received is looked for; calls out go to two
sinks, one of each family, so that it shows which version of IP left. Meant for a network namespace of its own where
the case's addresses are (`kernel.trial.namespace`), in which nothing is lost or late.

Makes thousands of sockets one after the other and leaves none: a client resets its connection, so that no port lingers.
"""

import errno
import os
import select
import socket
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from dualstack.core.address.address import SOCKET_FAMILIES, Address, SocketTuple
from dualstack.core.oracle.case import SKIPPED, Call, CallOutcome, Case, Receiver, Skipped, Sock, Step
from dualstack.kernel.socket_options import share_port
from dualstack.kernel.trial.sinks import Sinks

__all__ = ["Measurement", "Seen", "Trial"]

_KINDS: Mapping[str, socket.SocketKind] = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
_NO_INTERFACE = 0x7FFFFFFF
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: on, for no time
_PATIENCE_MS = 2_000
_PATIENCE = struct.pack("ll", 2, 0)
# For a call out whose answer never comes, because the host throws the packet away.
_BRIEF = struct.pack("ll", 0, 50_000)
# A member of a group of four is missed so often once in a hundred million times.
_PROBES_OF_A_GROUP = 64
# Linux has one number for each two names.
_ALIASES = {"ENOTSUP": "EOPNOTSUPP", "EWOULDBLOCK": "EAGAIN"}


@dataclass(frozen=True, slots=True)
class Seen:
    """Who received what was sent to one address; `errno` is the client's where nobody did."""

    receivers: frozenset[Receiver] = frozenset()
    errno: str | None = None


@dataclass(frozen=True, slots=True)
class Measurement:
    """What the kernel did with a case, in its order; a call's `wire` is None where no sink saw it arrive."""

    steps: tuple[str | Skipped | None, ...]
    seen: tuple[Seen, ...] = ()
    calls: tuple[CallOutcome, ...] = ()


class Trial:
    """Makes cases, one after the other; holds the sinks that calls out are sent to.

    Args:
        interfaces: the names and numbers of the interfaces here.
        sink_port: a port number that no case uses.
    """

    def __init__(self, interfaces: Mapping[str, int], *, sink_port: int = 9) -> None:
        self._interfaces = interfaces
        self._sinks = Sinks(sink_port)

    def __enter__(self) -> Self:
        self._sinks.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sinks.__exit__(kind, error, trace)

    def measure(self, case: Case, port: int) -> Measurement:
        """What this kernel does with `case` on `port`, which nobody else may use.

        Raises:
            OSError: a socket of the case cannot be made at all.
        """
        with ExitStack() as undo:
            made = [undo.enter_context(_make(sock, case.proto)) for sock in case.sockets]
            steps = tuple(self._steps(case, made, port))
            receiving = _receiving(case, steps)
            seen = tuple(
                self._send(case, {index: made[index] for index in receiving}, port, place)
                for place in range(len(case.destinations))
            )
            calls = tuple(self._call(case.proto, made[call.socket], call) for call in case.calls)
        return Measurement(steps, seen, calls)

    def _steps(self, case: Case, made: Sequence[socket.socket], port: int) -> Iterator[str | Skipped | None]:
        failed: set[int] = set()
        for step in case.steps:
            if step.socket in failed:
                yield SKIPPED
                continue
            outcome = self._step(made[step.socket], case.sockets[step.socket], step, port)
            if step.call == "bind" and outcome is not None and made[step.socket].getsockname()[1] == 0:
                failed.add(step.socket)
            yield outcome

    def _step(self, made: socket.socket, sock: Sock, step: Step, port: int) -> str | None:
        try:
            if step.call == "listen":
                made.listen()
            else:
                with _speaking(made, sock.address.version) as speaker:
                    speaker.bind(self._name(sock.address, port))
        except OSError as error:
            return _name_of(error)
        return None

    def _name(self, address: Address, port: int) -> SocketTuple:
        """What `bind` and `connect` take: with the number of the interface, or the number written."""
        if address.version == 4:
            return str(address), port
        scope = address.scope or "0"
        number = int(scope) if scope.isdecimal() else self._interfaces.get(scope, _NO_INTERFACE)
        return str(address.without_scope), port, 0, number

    def _send(self, case: Case, receiving: Mapping[int, socket.socket], port: int, place: int) -> Seen:
        """Send to one destination; over and over where sockets share it, until all have been seen."""
        to = case.destinations[place].canonical
        source = case.sources[place].canonical if case.sources else None
        probe = self._probe_tcp if case.proto == "tcp" else self._probe_udp
        seen: set[Receiver] = set()
        for _ in range(_PROBES_OF_A_GROUP):
            receiver = probe(receiving, port, to, source)
            if isinstance(receiver, str):
                return Seen(frozenset(seen), receiver)
            seen.add(receiver)
            if len(seen) >= _rivals(case, receiving, receiver.socket):
                break
        return Seen(frozenset(seen))

    def _probe_tcp(
        self, receiving: Mapping[int, socket.socket], port: int, to: Address, source: Address | None
    ) -> Receiver | str:
        """Who accepts, or the errno of the connect."""
        with socket.socket(SOCKET_FAMILIES[to.version], socket.SOCK_STREAM) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _PATIENCE)
            try:
                if source is not None:
                    client.bind(self._name(source, 0))
                client.connect(self._name(to, port))
            except OSError as error:
                return _name_of(error)
            for index in _ready(receiving):
                try:
                    connection, peer = receiving[index].accept()
                except OSError:
                    continue
                with connection:
                    client.close()
                    return Receiver(index, Address(connection.getsockname()), Address(peer))
        return "nobody accepted"

    def _probe_udp(
        self, receiving: Mapping[int, socket.socket], port: int, to: Address, source: Address | None
    ) -> Receiver | str:
        """Who receives a datagram, or the errno that came back for it."""
        with socket.socket(SOCKET_FAMILIES[to.version], socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as client:
            try:
                if source is not None:
                    client.bind(self._name(source, 0))
                client.connect(self._name(to, port))
                client.send(b".")
            except OSError as error:
                return _name_of(error)
            for index in _ready(receiving, client):
                try:
                    _, peer = receiving[index].recvfrom(8)
                except OSError:
                    continue
                return Receiver(index, to, Address(peer))
            code = client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        return errno.errorcode.get(code, "nobody received")

    def _call(self, proto: str, made: socket.socket, call: Call) -> CallOutcome:
        self._sinks.empty(proto)
        made.setblocking(True)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _BRIEF)
        if proto == "tcp":
            made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        name = self._name(call.to, self._sinks.port)
        try:
            with _speaking(made, call.family) as speaker:
                if call.op == "sendto":
                    speaker.sendto(b".", socket.MSG_NOSIGNAL, name)
                else:
                    speaker.connect(name)
                    if proto == "udp":
                        speaker.send(b".")
        except OSError as error:
            return CallOutcome(None if error.errno == errno.EINPROGRESS else _name_of(error))
        if call.to.canonical.is_multicast:
            return CallOutcome(None, call.to.canonical.version)
        return CallOutcome(None, self._sinks.what_arrived(proto))


def _make(sock: Sock, proto: str) -> socket.socket:
    """A socket with its options, made as its user."""
    with _as_user(sock.uid):
        made = socket.socket(SOCKET_FAMILIES[sock.family], _KINDS[proto] | socket.SOCK_NONBLOCK)
    if sock.v6only is not None and sock.family == 6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(sock.v6only))
    if sock.reuseaddr:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if sock.reuseport:
        share_port(made)
    return made


@contextmanager
def _as_user(uid: int) -> Iterator[None]:
    """The kernel takes a socket's user from who makes it, and never changes it (net/socket.c: sock_alloc)."""
    mine = os.geteuid()
    if uid == mine:
        yield
        return
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(mine)


@contextmanager
def _speaking(made: socket.socket, version: int) -> Iterator[socket.socket]:
    """The same socket with sockaddrs of one version of IP, whatever its own family."""
    if made.family == SOCKET_FAMILIES[version]:
        yield made
        return
    with socket.socket(SOCKET_FAMILIES[version], made.type, fileno=os.dup(made.fileno())) as speaker:
        yield speaker


def _receiving(case: Case, steps: Sequence[str | Skipped | None]) -> list[int]:
    entry = "listen" if case.proto == "tcp" else "bind"
    done = {
        step.socket for step, errno_ in zip(case.steps, steps, strict=True) if step.call == entry and errno_ is None
    }
    return sorted(done)


def _ready(receiving: Mapping[int, socket.socket], client: socket.socket | None = None) -> Iterator[int]:
    """Every socket at once; then those that have something to take, as soon as one has or the client has failed."""
    yield from receiving
    poll = select.poll()
    for sock in receiving.values():
        poll.register(sock, select.POLLIN)
    if client is not None:
        poll.register(client, 0)
    has = {fileno for fileno, _ in poll.poll(_PATIENCE_MS)}
    yield from (index for index, sock in receiving.items() if sock.fileno() in has)


def _rivals(case: Case, receiving: Mapping[int, socket.socket], index: int) -> int:
    """How many sockets could share with this one by SO_REUSEPORT, this one included."""
    mine = case.sockets[index]
    if not mine.reuseport:
        return 1
    others = (case.sockets[other] for other in receiving)
    return sum(
        sock.reuseport and sock.family == mine.family and sock.address.value == mine.address.value for sock in others
    )


def _name_of(error: OSError) -> str:
    name = errno.errorcode.get(error.errno or 0, str(error))
    return _ALIASES.get(name, name)
