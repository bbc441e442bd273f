"""The gate of a listening socket for datagrams: who may begin a flow, where to, and what is said of no way."""

from typing import TypeVar

from dualstack.core.access.client_key import client_of
from dualstack.core.address.address import SocketTuple
from dualstack.core.flow_table import Flow, FlowTable
from dualstack.gateway.admission.entrance import Entrance
from dualstack.gateway.listeners.named_port import NamedPort, with_scope_number
from dualstack.gateway.relay.datagram.gate import Admitted, Refusal
from dualstack.gateway.relay.link import Hop
from dualstack.gateway.services.running_service import RunningService
from dualstack.kernel.datagrams import Ancillary, asked_address

__all__ = ["DatagramGate"]

F = TypeVar("F", bound=Flow)


class DatagramGate(Entrance):
    """The gate of one listening socket: one service on one port.

    Args:
        service: who is behind it, as of a `StreamGate`.
        port: whose flows are counted.
    """

    __slots__ = ("service",)

    def __init__(self, service: RunningService, port: NamedPort) -> None:
        super().__init__(service.admission, port, service.counters.on(port.name))
        self.service = service

    @property
    def owner(self) -> RunningService:
        """The service."""
        return self.service

    def admit(self, peer: SocketTuple, ancillary: Ancillary, table: FlowTable[F], now: float) -> Admitted[F] | Refusal:
        """As `relay.datagram.gate` has it, and so the others."""
        if self.closed_to and self._is_closed_to(ancillary):
            return Refusal.SILENT
        client = client_of(peer)
        room = self.admission.room_for_flow(peer, client, table)
        if room.refusal is not None:
            self.admission.refused_flow(peer, client, room.refusal, now)
            return Refusal.TOLD
        service = self.service
        return Admitted(client, room.evicted, service.targets.known(service.upstream, now))

    def _is_closed_to(self, ancillary: Ancillary) -> bool:
        """Whether the address that was asked is a stopped port's."""
        asked = asked_address(ancillary)
        return asked is not None and with_scope_number(asked) in self.closed_to

    async def look_up(self, now: float) -> tuple[Hop, ...]:
        """The service's addresses, which its other gates get as well."""
        return await self.service.targets.look_up(self.service.upstream, now)

    def failed(self, why: str, now: float, peer: SocketTuple | None = None) -> None:
        """Say so, and count nothing: who is told by ICMP asks again."""
        self.service.datagrams_failed(why, now, peer)
