"""The gateway: opens what is planned, lets the data plane relay, and changes while it runs.

It knows ports, services and their sockets; it moves no byte and decides no family. Signals and the command line are
`runner`'s.
"""

import asyncio
import socket
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from time import time
from typing import TYPE_CHECKING

from dualstack.core.address.address import Address
from dualstack.core.address.endpoint import Endpoint
from dualstack.core.planning.configuration import Configuration, Port, Service
from dualstack.core.planning.socket_spec import SocketSpec
from dualstack.core.planning.targets import kind_of
from dualstack.core.spate import each_once
from dualstack.errors import ListenError
from dualstack.gateway.admission.rules import rules_of
from dualstack.gateway.admission.total_limit import ConnectionLimit
from dualstack.gateway.counters.log import Log
from dualstack.gateway.listeners.listening import ListeningSocket
from dualstack.gateway.listeners.named_port import NamedPort, stopped_addresses, with_real_port
from dualstack.gateway.listeners.planes import Planes
from dualstack.gateway.listeners.port_life import PortState
from dualstack.gateway.listeners.regain import socket_list, why_lost
from dualstack.gateway.listeners.replacing import let_share, open_in_place, opened_anew
from dualstack.gateway.listeners.sources import ListenerSource
from dualstack.gateway.processes.port_set import Change, PortSet
from dualstack.gateway.relay.datagram.datagram_plane import DatagramPlane
from dualstack.gateway.relay.stream.data_plane import DataPlane
from dualstack.gateway.services.datagram_gate import DatagramGate
from dualstack.gateway.services.running_service import RunningService
from dualstack.gateway.services.stream_gate import StreamGate
from dualstack.gateway.upstream.egress import Route, route_to
from dualstack.gateway.upstream.exec_target import Children
from dualstack.gateway.upstream.upstream import Upstream
from dualstack.kernel.descriptor_limit import descriptor_limit
from dualstack.net.dial.shared_history import SharedHistory
from dualstack.net.names.resolver_choice import resolver_named

if TYPE_CHECKING:
    from dualstack.gateway.status.snapshot import Snapshot

__all__ = ["Gateway"]


class Gateway(PortSet[NamedPort, ListeningSocket]):
    """One configuration, running in this process.

    Args:
        config: what to serve.
        plane: what accepts and relays.
        log: where events go.
        source: where its sockets come from; they are opened here where it has none.
    """

    def __init__(self, config: Configuration, plane: DataPlane, log: Log, source: ListenerSource | None = None) -> None:
        super().__init__(config, log, source, NamedPort)
        self.services: dict[str, RunningService] = {}
        self.total = ConnectionLimit(config.max_connections)
        self._plane = plane
        self.reserve = plane.reserve
        self.reserve.on_change = self._say_shortage
        self.datagrams = DatagramPlane(asyncio.get_running_loop())
        self._said = each_once()
        self._planes = Planes(plane, self.datagrams)
        self._children = Children(asyncio.get_running_loop())
        self._leaving: set[RunningService] = set()
        self._proxies: frozenset[tuple[Address, int]] = frozenset()
        self._history = SharedHistory()
        self._is_handed_over = False
        self._started = time()

    async def _carry_out(self, change: Change[ListeningSocket]) -> None:
        for listening in change.kept:
            let_share(listening, change.specs)
        opened = self._replace(change.fresh, change.gone, held={listening.spec.port for listening in change.kept})
        with ExitStack() as undo:
            for sock in opened:
                undo.callback(sock.close)
            fresh = dict(zip(change.fresh, opened, strict=True))
            self.take(change.config, change.specs, change.names, fresh, stopped=change.stopped)
            undo.pop_all()

    def take(
        self,
        config: Configuration,
        specs: Sequence[SocketSpec],
        names: Mapping[str, tuple[Address, ...]],
        opened: Mapping[SocketSpec, socket.socket],
        *,
        stopped: Iterable[str] = (),
    ) -> list[ListeningSocket]:
        """Run what was planned and opened elsewhere; `opened` has a socket for each of `specs` that is not here yet.

        Args:
            config: what to serve.
            specs: all sockets of it.
            names: the addresses of its names.
            opened: the new ones, in place of those of before where there are any; they are the gateway's from now on.
            stopped: ports that are not to listen, where they are new here.

        Returns:
            Those that are no part of it, which listen no more.
        """
        stay = {spec.identity for spec in specs} - opened_anew(opened)
        gone = [listening for listening in self._listeners() if listening.planned.identity not in stay]
        self._names = names
        self._enter(config, specs, opened, stopped)
        for listening in gone:
            listening.close(self._planes)
        return gone

    def _enter(
        self,
        config: Configuration,
        specs: Sequence[SocketSpec],
        opened: Mapping[SocketSpec, socket.socket],
        stopped: Iterable[str],
    ) -> None:
        """Make `config` what runs; `opened` has a socket for each spec that is not there yet."""
        anew = opened_anew(opened)
        listenings = {each.planned.identity: each for each in self._listeners() if each.planned.identity not in anew}
        self.config = config
        self.total.limit = config.max_connections
        self.ports = self._ports_of(config, stopped)
        for port in self.ports.values():
            port.listenings = []
        services = self._running_services(config)
        before = {*self._leaving, *self.services.values()} - {*services.values()}
        for service in before:
            service.retire()
        self._leaving = {service for service in before if service.admission.connections}
        self.services = services
        for spec in specs:
            port = self.ports[spec.port_name.casefold()]
            service = self.services[spec.service.casefold()]
            listening = listenings.get(spec.identity)
            if listening is None:
                self._begin(port, service, spec, opened[spec])
            else:
                listening.planned, listening.spec = spec, replace(spec, port=listening.spec.port)
                port.listenings.append(listening)
                self._let_in_by(listening, service, port)
        self._reroute()

    def _let_in_by(self, listening: ListeningSocket, service: RunningService, port: NamedPort) -> None:
        """Put another service behind a socket that stays; who came in before stays with the one before."""
        gate = _gate(listening.gate)
        if gate.service is service and gate.port is port:
            self._planes.settle(listening.sock, gate)
            return
        listening.gate, listening.port = _gate_for(listening.spec, service, port), port
        if port.state is PortState.LISTENING:
            self._planes.unlisten(listening.sock)
            self._planes.listen(listening.sock, listening.gate)

    def _running_services(self, config: Configuration) -> dict[str, RunningService]:
        running = {}
        for service in config.services:
            upstream = self._upstream(service, config)
            old = self.services.get(service.name.casefold())
            running[service.name.casefold()] = old or RunningService(
                upstream, self._plane, self._children, self._log, total=self.total, said=self._said
            )
            running[service.name.casefold()].obey(upstream)
        return running

    def _upstream(self, service: Service, config: Configuration) -> Upstream:
        def route(target: Endpoint) -> Route:
            return route_to(target, service.families, config, self._is_up, self._names)

        rules = rules_of(config, service)
        resolver = resolver_named(config.resolver)
        return Upstream.of(service, rules, route, self._history, resolver=resolver, listeners=self._proxies)

    def _is_up(self, port: Port) -> bool:
        """Whether connections may leave by a port: those of a stopped one may not (D5)."""
        known = self.ports.get(port.key)
        return known is None or known.state is PortState.LISTENING

    def _begin(self, port: NamedPort, service: RunningService, spec: SocketSpec, sock: socket.socket) -> None:
        gate = _gate_for(spec, service, port)
        listening = ListeningSocket(spec, with_real_port(spec, sock), sock, gate, port)
        port.listenings.append(listening)
        if port.state is PortState.LISTENING:
            self._planes.listen(sock, gate)
        elif sock.fileno() >= 0:
            listening.refuse(self._planes, release=False)

    def _reroute(self) -> None:
        """Work out anew what depends on which ports are up."""
        self._proxies = frozenset(
            (listening.spec.address, listening.spec.port)
            for listening in self._listeners()
            if kind_of(_gate(listening.gate).service.upstream.service.target).is_proxy
        )
        for service in self.services.values():
            service.obey(self._upstream(service.upstream.service, self.config))
        for listening in self._listeners():
            _gate(listening.gate).closed_to = frozenset(stopped_addresses(self.ports.values(), listening.spec))

    def _listeners(self) -> Iterator[ListeningSocket]:
        return (listening for port in self.ports.values() for listening in port.listenings)

    async def _stop(self, port: NamedPort, *, drain_s: float | None, release: bool) -> int:
        if port.state is PortState.LISTENING or release:
            closed = port.lost_by_a_stop(release=release)
            port.stop(self._planes, release=release, at_once=drain_s is None)
            self._reroute()
            let_go = {"let_go": socket_list(closed)} if closed else {}
            self._log.info("port stopped", port=port.name, connections=port.connections, **let_go)
            if why := why_lost(closed):
                self._log.warning("port lost", port=port.name, why=f"{why}; start the gateway anew to have it again")
        if drain_s is None:
            return 0
        cut = await self._drain(drain_s, lambda gate: _gate(gate).port is port)
        port.let_go(self._planes)
        return cut

    async def _start(self, port: NamedPort) -> None:
        try:
            port.start(self._planes, self._held())
        except ListenError as error:
            self._fail(port, error)
            raise
        finally:
            self._reroute()
        self._log.info("port started", port=port.name)

    def _held(self) -> set[int]:
        """The port numbers that sockets of ours have."""
        return {listening.spec.port for listening in self._listeners() if listening.sock.fileno() >= 0}

    async def _drain(self, timeout_s: float, is_meant: Callable[[object], bool]) -> int:
        """Wait for all that came in by the gates that are meant, cut the rest; how many these were."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        services = (*self.services.values(), *self._leaving)
        given_up = await asyncio.gather(*(service.finish_dialling(timeout_s, is_meant) for service in services))
        left_s = max(deadline - loop.time(), 0.0)
        links = [link for link in self._plane.links if is_meant(link.gate)]
        cut = await asyncio.gather(
            self._plane.drain(left_s, links),
            self._children.drain(left_s, is_meant),
            self.datagrams.drain(left_s, is_meant),
        )
        return sum(given_up) + sum(cut)

    def _replace(
        self, fresh: Sequence[SocketSpec], gone: Sequence[ListeningSocket], held: set[int]
    ) -> list[socket.socket]:
        numbers = {(spec.proto, spec.port) for spec in fresh}
        in_the_way = [listening for listening in gone if (listening.spec.proto, listening.spec.port) in numbers]

        def opening() -> list[socket.socket]:
            return [sockets[0] for sockets in self._source.open(fresh, held=held)]

        return open_in_place(opening, in_the_way, self._planes, self._bring_back)

    def _bring_back(self, listening: ListeningSocket) -> None:
        try:
            listening.step_back(self._planes, self._held())
        except ListenError as error:
            self._fail(_gate(listening.gate).port, error)

    def _say_shortage(self, is_on: bool) -> None:  # noqa: FBT001 - there is one thing to say
        if is_on:
            self._log.warning("descriptors short", limit=descriptor_limit(), why="clients wait until there are some")
        else:
            self._log.info("descriptors suffice")

    async def beat(self) -> None:
        """Return once the data plane has seen an event made for it."""
        await self._plane.beat()

    async def list_ports(self) -> list[dict[str, object]]:
        """All ports, as `dualstack ports list --json` has them."""
        return [port.describe(port.connections) for port in self.ports.values()]

    def _sockets_of(self, listener: ListeningSocket) -> Sequence[socket.socket]:
        return (listener.sock,) if listener.sock.fileno() >= 0 else ()

    async def step_down(self) -> None:
        """Leave the listening sockets, as they are, to another process that has them too."""
        for port in self.ports.values():
            port.hand_over(self._planes)
        self._is_handed_over = True

    async def snapshots(self) -> list[dict[str, object]]:
        """The same, for who does not know whether the gateway is one process."""
        from dualstack.gateway.status.aggregate import as_document

        return [as_document(await self.shot())]

    async def shot(self) -> "Snapshot":
        """All that is counted and known of it, made beside what the loop has to do."""
        from dualstack.gateway.status.slices import in_slices

        return await in_slices(self._collected())

    def snapshot(self) -> dict[str, object]:
        """All that is counted and known of it, as JSON has it; `status.aggregate` sums up several workers."""
        from dualstack.gateway.status.aggregate import as_document
        from dualstack.gateway.status.slices import at_once

        return as_document(at_once(self._collected()))

    def _collected(self) -> "Generator[None, None, Snapshot]":
        from dualstack.gateway.status.collect import collect

        return collect(
            [(service, self.datagrams.counts(service)) for service in self.services.values()],
            self._leaving,
            self.ports.values(),
            self._plane.links,
            self._history,
            reserve=self.reserve,
            started=self._started,
            loop_time=asyncio.get_running_loop().time(),
            lost=self._log.lost,
        )

    async def drain(self) -> int:
        """Listen no more, wait for the connections as long as their services say, cut the rest; how many these were."""
        for port in () if self._is_handed_over else self.ports.values():
            port.stop(self._planes, release=True, at_once=False)
        services = (*self.services.values(), *self._leaving)
        cut = await asyncio.gather(*(self._drain_service(service) for service in services))
        return sum(cut)

    async def _drain_service(self, service: RunningService) -> int:
        return await self._drain(service.upstream.service.drain_s, lambda gate: _gate(gate).service is service)

    async def close(self) -> None:
        """End everything now."""
        for service in (*self.services.values(), *self._leaving):
            await service.finish_dialling(0, lambda _gate: True)
            service.say_the_rest()
        for listening in self._listeners():
            listening.close(self._planes)
        self._source.close()
        self._plane.close()
        self.datagrams.close()
        await self._children.drain(0)


def _gate_for(spec: SocketSpec, service: RunningService, port: NamedPort) -> StreamGate | DatagramGate:
    return DatagramGate(service, port) if spec.proto == "udp" else StreamGate(service, port)


def _gate(gate: object) -> StreamGate | DatagramGate:
    """The gates of this gateway are of these two kinds."""
    assert isinstance(gate, StreamGate | DatagramGate)  # noqa: S101 - no other is ever given to a data plane
    return gate
