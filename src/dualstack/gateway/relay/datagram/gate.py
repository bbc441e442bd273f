"""What the datagram plane asks of whoever owns a listening socket: who may come in, where to, and what became of it."""

from dataclasses import dataclass
from enum import Enum
from typing import Generic, Protocol, TypeVar, runtime_checkable

from dualstack.core.address.address import SocketTuple
from dualstack.core.flow_table import Flow, FlowTable
from dualstack.gateway.relay.link import Hop
from dualstack.kernel.datagrams import Ancillary

__all__ = ["Admitted", "DatagramGate", "Refusal"]

F = TypeVar("F", bound=Flow)


class Refusal(Enum):
    """A client that is not let in."""

    TOLD = "by a rule or a limit; the gate has written it down"
    SILENT = "as if nobody were there: the port of the address that was asked is stopped"


@dataclass(frozen=True, slots=True)
class Admitted(Generic[F]):
    """A client that may begin a flow.

    Args:
        client: whose flows its own is counted with.
        evicted: the flow that makes room for it, which is out of the table already.
        hops: the addresses to try, in turn; None where they are to be looked up.
    """

    client: str
    evicted: F | None
    hops: tuple[Hop, ...] | None


@runtime_checkable
class DatagramGate(Protocol):
    """Stands at one listening socket; it is asked when a flow begins and ends, and of no datagram."""

    @property
    def owner(self) -> object:
        """Who it is; gates of one owner share a table of flows, what is counted, and lookups."""
        ...

    def admit(self, peer: SocketTuple, ancillary: Ancillary, table: FlowTable[F], now: float) -> Admitted[F] | Refusal:
        """Whether a client that has no flow may begin one; the gate sees to the limits of the table."""
        ...

    async def look_up(self, now: float) -> tuple[Hop, ...]:
        """Where flows go whose addresses are not known.

        Raises:
            DualstackError: there is no way.
        """
        ...

    def enter(self, client: str) -> None:
        """A flow of this client has begun, or waits for a lookup."""
        ...

    def exit(self, client: str) -> None:
        """It is over."""
        ...

    def failed(self, why: str, now: float, peer: SocketTuple | None = None) -> None:
        """What `peer` sends reaches no address, of which `why` is the last; without one, nothing could be read."""
        ...
