"""One port number of a host in memory: who is on it, asked of the oracle each time anew.

A closed socket leaves nothing behind, as if it had never been.
"""

from collections.abc import Iterable
from typing import Generic, Protocol, TypeVar

from dualstack.core.address.address import Address
from dualstack.core.oracle.case import UNKNOWN, Call, Case, Errno, Receiver, Skipped, Sock, Step
from dualstack.core.oracle.oracle import predict
from dualstack.core.oracle.systems import Stack
from dualstack.errors import UnknownBehaviour, refusal

__all__ = ["HostRules", "OnPort", "PortNumber", "case_on", "says"]


class HostRules(Protocol):
    """What the oracle has to know of a host."""

    stack: Stack
    bindv6only: bool
    has_ipv6: bool
    local: frozenset[Address]


class OnPort(Protocol):
    """What the oracle has to know of a socket."""

    asked: Sock


S = TypeVar("S", bound=OnPort)


class PortNumber(Generic[S]):
    """One port number of one protocol on one host: the sockets on it, and the calls that succeeded, in order."""

    def __init__(self, host: HostRules, proto: str) -> None:
        self._host = host
        self._proto = proto
        self._sockets: list[S] = []
        self._calls: list[tuple[str, S]] = []

    def call(self, what: str, sock: S) -> None:
        """Bind or listen, or raise what the oracle says."""
        new = sock not in self._sockets
        if new:
            self._sockets.append(sock)
        self._calls.append((what, sock))
        outcome = predict(self._case()).steps[-1]
        if outcome.errno is not None:
            self._calls.pop()
            if new:
                self._sockets.remove(sock)
            raise says(self._host, outcome.errno, f"{what}: {outcome.why}")

    def leave(self, sock: S) -> None:
        """Forget a socket."""
        self._sockets.remove(sock)
        self._calls = [(what, each) for what, each in self._calls if each is not sock]

    def receiver(self, to: Address, source: Address) -> tuple[S, Receiver] | None:
        """Who receives what comes from `source` to `to`, and what its program sees."""
        (delivery,) = predict(self._case((to,), (source,))).deliveries
        if delivery.errno is UNKNOWN:
            raise UnknownBehaviour(self._host.stack.title, delivery.why)
        if not delivery.receivers:
            return None
        first = delivery.receivers[0]
        return self._sockets[first.socket], first

    def _case(self, destinations: tuple[Address, ...] = (), sources: tuple[Address, ...] = ()) -> Case:
        steps = (Step(what, self._sockets.index(sock)) for what, sock in self._calls)
        asked = (sock.asked for sock in self._sockets)
        return case_on(self._host, self._proto, asked, steps, destinations=destinations, sources=sources)


def case_on(
    host: HostRules,
    proto: str,
    sockets: Iterable[Sock],
    steps: Iterable[Step],
    *,
    destinations: tuple[Address, ...] = (),
    sources: tuple[Address, ...] = (),
    calls: tuple[Call, ...] = (),
) -> Case:
    """What the oracle is asked about sockets of one host; the arguments are those of `Case`."""
    return Case(
        host.stack,
        proto,
        tuple(sockets),
        tuple(steps),
        destinations,
        bindv6only=host.bindv6only,
        ipv6=host.has_ipv6,
        local=host.local,
        sources=sources,
        calls=calls,
    )


def says(host: HostRules, said: Errno | Skipped, why: str) -> Exception:
    """What a call raises: the system's errno, or that nobody knows it."""
    return refusal(said, why) if isinstance(said, str) else UnknownBehaviour(host.stack.title, why)
