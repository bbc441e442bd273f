"""One port number of a host in memory: who is on it, asked of the oracle each time anew.

A closed socket leaves nothing behind, as if it had never been.
"""

from typing import TYPE_CHECKING

from dualstack.core.address.address import Address
from dualstack.core.oracle.case import UNKNOWN, Case, Errno, Receiver, Skipped, Step
from dualstack.core.oracle.oracle import predict
from dualstack.errors import UnknownBehaviour, refusal

if TYPE_CHECKING:
    from dualstack.core.simulation.host import Host
    from dualstack.core.simulation.socket import Socket

__all__ = ["PortNumber", "says"]


class PortNumber:
    """One port number of one protocol on one host: the sockets on it, and the calls that succeeded, in order."""

    def __init__(self, host: "Host", proto: str) -> None:
        self._host = host
        self._proto = proto
        self._sockets: list[Socket] = []
        self._calls: list[tuple[str, Socket]] = []

    def call(self, what: str, sock: "Socket") -> None:
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

    def leave(self, sock: "Socket") -> None:
        """Forget a socket."""
        self._sockets.remove(sock)
        self._calls = [(what, each) for what, each in self._calls if each is not sock]

    def receiver(self, to: Address, source: Address) -> "tuple[Socket, Receiver] | None":
        """Who receives what comes from `source` to `to`, and what its program sees."""
        (delivery,) = predict(self._case((to,), (source,))).deliveries
        if delivery.errno is UNKNOWN:
            raise UnknownBehaviour(self._host.stack.title, delivery.why)
        if not delivery.receivers:
            return None
        first = delivery.receivers[0]
        return self._sockets[first.socket], first

    def _case(self, destinations: tuple[Address, ...] = (), sources: tuple[Address, ...] = ()) -> Case:
        steps = tuple(Step(what, self._sockets.index(sock)) for what, sock in self._calls)
        return Case(
            self._host.stack,
            self._proto,
            tuple(sock.asked for sock in self._sockets),
            steps,
            destinations,
            bindv6only=self._host.bindv6only,
            ipv6=self._host.has_ipv6,
            local=self._host.local,
            sources=sources,
        )


def says(host: "Host", said: Errno | Skipped, why: str) -> Exception:
    """What a call raises: the system's errno, or that nobody knows it."""
    return refusal(said, why) if isinstance(said, str) else UnknownBehaviour(host.stack.title, why)
