"""What the UDP data plane keeps in mind: sockets that clients send to, flows, and what those of one owner share."""

from socket import SocketType, socket
from typing import TYPE_CHECKING, TypeAlias

from dualstack.core.address.address import SocketTuple
from dualstack.core.flow_table import Flow, FlowLimits, FlowTable
from dualstack.gateway.relay.datagram.counts import Counts
from dualstack.gateway.relay.datagram.gate import DatagramGate
from dualstack.kernel.datagrams import Ancillary, receiver_into

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from dualstack.gateway.relay.link import Hop

__all__ = ["FlowKey", "Inlet", "SharedFlows", "UdpFlow"]

# A gate says how many there may be before it lets the first in.
_NONE_YET = FlowLimits(0)


class SharedFlows:
    """What the inlets of one owner have in common."""

    __slots__ = ("__weakref__", "alarm", "counts", "lookup", "table", "waiting", "waiting_bytes")

    def __init__(self) -> None:
        self.table: FlowTable[UdpFlow] = FlowTable(_NONE_YET)
        self.counts = Counts()
        self.lookup: asyncio.Task[None] | None = None
        self.waiting: dict[UdpFlow, None] = {}
        self.waiting_bytes = 0
        self.alarm: asyncio.TimerHandle | None = None


class Inlet:
    """A socket that clients send to, and the gate beside it; one that is not open lets nobody new in.

    `batch` is how many datagrams are read at a time: as many as there were, so that few reads find nothing.
    """

    __slots__ = ("batch", "flows", "gate", "is_open", "receive", "sock")

    def __init__(self, sock: socket, gate: DatagramGate, flows: SharedFlows, buffer: memoryview) -> None:
        self.sock = sock
        self.receive = receiver_into(sock, buffer)
        self.gate = gate
        self.flows = flows
        self.is_open = True
        self.batch = 1


FlowKey: TypeAlias = tuple[Inlet, SocketTuple, bytes]
"""Where a datagram came in, who sent it, and what the kernel said of the address that was asked."""


class UdpFlow(Flow):
    """A client's way to the target and back.

    `sock` hears the target alone; None while its address is looked up. `hops` are the addresses not tried yet, `held`
    the datagram that waits for a lookup or may have to go to another address. `forward` sends to the target where
    nothing has to be held.
    """

    __slots__ = ("ancillary", "forward", "held", "hops", "inlet", "peer", "sock")

    def __init__(self, key: FlowKey, client: str, ancillary: Ancillary) -> None:
        super().__init__(key, client)
        self.inlet, self.peer, _ = key
        self.ancillary = ancillary
        self.sock: SocketType | None = None
        self.hops: tuple[Hop, ...] = ()
        self.held = b""
        self.forward: Callable[[memoryview], int] | None = None
