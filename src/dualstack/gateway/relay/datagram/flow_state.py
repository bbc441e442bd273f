"""What the UDP data plane keeps in mind: sockets that clients send to, flows, and what each service has of them."""

from math import inf
from socket import SocketType, socket
from typing import TYPE_CHECKING, TypeAlias

from dualstack.core.address.address import SocketTuple
from dualstack.core.flow_table import CONVERSATION_IDLE_S, QUESTION_IDLE_S, Flow, FlowLimits, FlowTable
from dualstack.gateway.processes.preload import descriptor_limit
from dualstack.gateway.relay.datagram.counts import Counts
from dualstack.gateway.services.stream_gate import Door
from dualstack.gateway.upstream.target_cache import Whereabouts
from dualstack.gateway.upstream.upstream import Policy
from dualstack.kernel.datagrams import Ancillary, receiver_into

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from dualstack.gateway.relay.link import Hop

__all__ = ["FLOWS_MAX", "Counts", "FlowKey", "Inlet", "Relay", "UdpFlow"]

FLOWS_MAX = 4096
"""A service's flows where its file names no number; fewer where the process may not have so many descriptors."""


class Relay:
    """What the inlets of one service have in common."""

    __slots__ = (
        "__weakref__",
        "alarm",
        "counts",
        "lookup",
        "policy",
        "table",
        "waiting",
        "waiting_bytes",
        "whereabouts",
    )

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.table: FlowTable[UdpFlow] = FlowTable(_limits(policy))
        self.counts = Counts()
        self.whereabouts = Whereabouts()
        self.lookup: asyncio.Task[None] | None = None
        self.waiting: dict[UdpFlow, None] = {}
        self.waiting_bytes = 0
        self.alarm: asyncio.TimerHandle | None = None

    def obey(self, policy: Policy) -> None:
        """Have what a reload or a stopped port changed count from now on."""
        if policy is not self.policy:
            self.policy = policy
            self.table.limits = _limits(policy)


def _limits(policy: Policy) -> FlowLimits:
    service = policy.service
    idle = service.idle_timeout_s
    return FlowLimits(
        service.max_connections or _room(descriptor_limit()),
        service.max_per_client,
        QUESTION_IDLE_S if idle == inf else idle,
        CONVERSATION_IDLE_S if idle == inf else idle,
    )


def _room(descriptors: int | None) -> int:
    """A quarter of what there is: a flood of datagrams leaves connections their part."""
    return FLOWS_MAX if descriptors is None else min(FLOWS_MAX, max(1, descriptors // 4))


class Inlet:
    """A socket that clients send to, and the door beside it; one that is not open lets nobody new in.

    `batch` is how many datagrams are read at a time: as many as there were, so that few reads find nothing.
    """

    __slots__ = ("batch", "door", "is_open", "receive", "relay", "sock")

    def __init__(self, sock: socket, door: Door, relay: Relay, buffer: memoryview) -> None:
        self.sock = sock
        self.receive = receiver_into(sock, buffer)
        self.door = door
        self.relay = relay
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
