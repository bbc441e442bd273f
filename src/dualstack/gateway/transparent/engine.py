"""The engine: for each place a gate, flows and echoes, and one front for names; first packets find their way to them.

Knows neither who its clients are nor why: whoever gives it a place does. Runs on the loop that is running, and needs
nothing of the places but what their protocols say.
"""

import asyncio
from collections.abc import Callable
from time import monotonic

from dualstack.core.spate import Spate
from dualstack.gateway.relay.stream.data_plane import DataPlane
from dualstack.gateway.transparent.dns import DnsFront
from dualstack.gateway.transparent.echo import TransparentEcho
from dualstack.gateway.transparent.flows import TransparentFlows
from dualstack.gateway.transparent.gate import DNS_PORT, TransparentGate
from dualstack.gateway.transparent.host_names import addresses_of, name_of, pass_on
from dualstack.gateway.transparent.outside import Outside
from dualstack.gateway.transparent.place import Place
from dualstack.wire import packet as packets
from dualstack.wire.packet import Packet

__all__ = ["TransparentEngine"]

_BATCH = 64


class TransparentEngine:
    """First packets of any number of places, and what becomes of them; `close` ends it, not the places.

    Args:
        outside: who dials.
        plane: who relays streams.
        say: what there is to be logged.
    """

    def __init__(self, outside: Outside, plane: DataPlane, say: Callable[[str], None]) -> None:
        self._outside = outside
        self._plane = plane
        self._loop = asyncio.get_running_loop()
        self._spate = Spate(first=1)
        self._write = say
        self.dns = DnsFront(outside.names, ask=addresses_of, name_of=name_of, pass_on=pass_on, say=self._say)
        self._served: list[_Served] = []
        self._answering: set[asyncio.Task[None]] = set()

    def serve(self, place: Place) -> None:
        """Take up the first packets of a place from now on."""
        served = _Served(
            place,
            TransparentGate(place, self._outside, self._plane, self.dns.serve, self._say),
            TransparentFlows(place, self._outside, self._say),
            TransparentEcho(place, self._outside, self._say),
        )
        self._served.append(served)
        self._plane.listen(place.listener, served.gate)
        self._loop.add_reader(place.log.fileno(), self._take, served)

    def close(self) -> None:
        """End all that is under way, but for what is relayed: that is the plane's."""
        for served in self._served:
            self._loop.remove_reader(served.place.log.fileno())
            self._plane.unlisten(served.place.listener)
            served.gate.close()
            served.flows.close()
            served.echo.close()
        self._served.clear()
        self.dns.close()
        for task in self._answering:
            task.cancel()

    def _take(self, served: "_Served") -> None:
        for content in served.place.log.packets(_BATCH):
            packet = packets.read(content)
            if packet is not None and not packet.source.is_unspecified:
                self._first(served, packet)

    def _first(self, served: "_Served", packet: Packet) -> None:
        if packet.protocol == packets.TCP:
            served.gate.first(packet)
        elif packet.protocol != packets.UDP:
            served.echo.request(packet)
        elif packet.ports[1] == DNS_PORT:
            task = self._loop.create_task(self._answer(served.place, packet))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)
        else:
            served.flows.first(packet)

    async def _answer(self, place: Place, packet: Packet) -> None:
        answer = await self.dns.answer(packet.payload)
        if answer is not None:
            place.send(packets.datagram(packet, answer), packet.source)

    def _say(self, kind: str, text: str) -> None:
        now = monotonic()
        self._spate.over(now)
        if self._spate.is_said(kind, now):
            self._write(text)


class _Served:
    """A place, and who serves it."""

    def __init__(self, place: Place, gate: TransparentGate, flows: TransparentFlows, echo: TransparentEcho) -> None:
        self.place = place
        self.gate = gate
        self.flows = flows
        self.echo = echo
