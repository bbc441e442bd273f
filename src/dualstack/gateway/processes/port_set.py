"""The named ports of a gateway while it runs: opened, changed by a reload, stopped, started, restarted, handed over.

The order of things is the same whether one process serves them or several: the host is asked, a plan made, what is new
opened, what is gone closed, and then it is said. How a socket is opened and who takes the clients that come by it is
not known here: that is `Gateway`'s, with sockets and connections of its own, or `Supervisor`'s, whose workers share the
sockets.
"""

import errno
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from socket import socket
from typing import Generic, Protocol, TypeVar

from dualstack.core.address.address import Address
from dualstack.core.host.facts import HostFacts
from dualstack.core.planning.configuration import Configuration
from dualstack.core.planning.planner import Plan
from dualstack.core.planning.socket_spec import SocketSpec
from dualstack.core.suggestion import those_known
from dualstack.errors import ConfigError, ControlError, ListenError
from dualstack.gateway.config.host_plan import gather_facts, mention_what_needs_a_restart, report, working_plan
from dualstack.gateway.counters.log import Log
from dualstack.gateway.listeners.port_life import PortEvent, PortLife, PortState, describe_socket
from dualstack.gateway.listeners.regain import why_lost
from dualstack.gateway.listeners.sources import ListenerSource
from dualstack.gateway.processes.handover import Handover

__all__ = ["Change", "Listener", "PortSet"]


class Listener(Protocol):
    """What stands for one spec: `planned` is it, `spec` has the real port number."""

    planned: SocketSpec
    spec: SocketSpec

    @property
    def is_bound_to_one_before(self) -> bool:
        """Whether its interface was deleted and made anew, so that it hears nothing."""
        ...


P = TypeVar("P", bound=PortLife)
L = TypeVar("L", bound=Listener)


@dataclass(frozen=True, slots=True)
class Change(Generic[L]):
    """What is to be served from now on, and what that means for the sockets.

    Args:
        config: what is served.
        specs: all sockets of it, as planned.
        names: the addresses of its names.
        fresh: those of `specs` that are to be opened.
        kept: those that are there for the others.
        gone: those that are no part of it.
        stopped: the ports that are not to listen, of those that are new.
        at_start: whether nothing was served before.
    """

    config: Configuration
    specs: Sequence[SocketSpec]
    names: Mapping[str, tuple[Address, ...]]
    fresh: Sequence[SocketSpec]
    kept: Sequence[L]
    gone: Sequence[L]
    stopped: Iterable[str]
    at_start: bool


class PortSet(ABC, Generic[P, L]):
    """The ports of one configuration, running.

    Args:
        config: what to serve.
        log: where events go.
        source: where its sockets come from; they are opened where it has none.
        kind: what a port is made by, of its name, what it is bound to, and its state.
    """

    def __init__(
        self, config: Configuration, log: Log, source: ListenerSource | None, kind: Callable[[str, str, PortState], P]
    ) -> None:
        self.config = config
        self.ports: dict[str, P] = {}
        self.page: tuple[str, ...] = ()
        self._names: Mapping[str, tuple[Address, ...]] = {}
        self._log = log
        self._source = source or ListenerSource()
        self._kind = kind

    # What differs.

    @abstractmethod
    def _listeners(self) -> Iterable[L]:
        """All there are, by port."""

    @abstractmethod
    def _sockets_of(self, listener: L) -> Sequence[socket]:
        """Those of its sockets that are open."""

    @abstractmethod
    async def _carry_out(self, change: Change[L]) -> None:
        """Serve it.

        Raises:
            ConfigError, ListenError: it cannot be; what was served before still is.
        """

    @abstractmethod
    async def _stop(self, port: P, *, drain_s: float | None, release: bool) -> int:
        """Stop the port; how many connections were cut."""

    @abstractmethod
    async def _start(self, port: P) -> None:
        """Start the port, which does not listen.

        Raises:
            ListenError: it cannot listen; it is failed.
        """

    # What does not.

    async def open(self) -> None:
        """Open every socket of the plan and serve.

        Raises:
            ConfigError: the configuration cannot run on this host.
            ListenError: a socket cannot be opened; none is left open.
        """
        facts, planned = await self._plan(self.config, at_start=True)
        await self._carry_out(self._change(self.config, planned, facts, at_start=True))
        self._source.let_go()
        report(self._log, self.config, planned, facts)

    async def reload(self, config: Configuration) -> None:
        """Run `config` instead, without touching what it does not change.

        Raises:
            ConfigError, ListenError: it cannot run; what ran before runs on.
        """
        config = replace(config)  # rules are compiled anew: an interface that was made anew has another number
        facts, planned = await self._plan(config, at_start=False)
        mention_what_needs_a_restart(self._log, self.config, config)
        change = self._change(config, planned, facts, at_start=False)
        await self._carry_out(change)
        report(self._log, config, planned, facts)
        self._log.info("reloaded", opened=len(change.fresh), closed=len(change.gone), kept=len(change.kept))

    async def _plan(self, config: Configuration, *, at_start: bool) -> tuple[HostFacts, Plan]:
        facts = await gather_facts(config, tell=lambda why: self._log.info("waiting", why=why))
        return facts, self._source.settle(working_plan(config, facts), config.where, at_start=at_start)

    def _change(self, config: Configuration, planned: Plan, facts: HostFacts, *, at_start: bool) -> Change[L]:
        old = {each.planned.identity: each for each in self._listeners() if not each.is_bound_to_one_before}
        kept = [old[spec.identity] for spec in planned.sockets if spec.identity in old]
        stay = {*kept}
        return Change(
            config,
            planned.sockets,
            facts.names,
            fresh=[spec for spec in planned.sockets if spec.identity not in old],
            kept=kept,
            gone=[each for each in self._listeners() if each not in stay],
            stopped=self._source.stopped if at_start else (),
            at_start=at_start,
        )

    def _ports_of(self, config: Configuration, stopped: Iterable[str] = ()) -> dict[str, P]:
        """A port for each `[ports]` table and each service with `listen`, in the state that it had before."""
        before = {name.casefold(): self._kind(name, "", PortState.STOPPED) for name in stopped} | self.ports
        ports = {}
        for name, bind in _binds(config):
            port = before.get(name.casefold()) or self._kind(name, bind, PortState.LISTENING)
            port.name, port.bind = name, bind
            ports[name.casefold()] = port
        return ports

    def port_named(self, name: str) -> P:
        """The port of this name.

        Raises:
            ConfigError: there is none; the error names those there are.
        """
        try:
            return self.ports[name.casefold()]
        except KeyError:
            known = those_known(name, [port.name for port in self.ports.values()])
            raise ConfigError("", "", f"no port {name!r}; there are: {known}") from None

    async def stop_port(self, name: str, *, drain_s: float | None = None, release: bool = False) -> int:
        """Stop listening on one port; with `drain_s`, end its connections within so long.

        Returns:
            How many connections were cut.

        Raises:
            ConfigError: no such port.
        """
        port = self.port_named(name)
        return await self._stop(port, drain_s=drain_s, release=release and not port.is_inherited)

    async def start_port(self, name: str) -> None:
        """Listen on the port again.

        Raises:
            ConfigError: no such port.
            ListenError: it cannot listen.
        """
        port = self.port_named(name)
        if port.state is not PortState.LISTENING:
            await self._start(port)

    async def restart_port(self, name: str, *, drain_s: float | None = None, release: bool = False) -> int:
        """Stop the port and start it; how many connections were cut. One that would be lost is left as it is.

        Raises:
            ConfigError: no such port.
            ControlError: it could not be opened again.
            ListenError: it cannot listen.
        """
        if why := why_lost(self.port_named(name).lost_by_a_stop(release=release)):
            remedy = "leave --release out, which keeps it, or restart the gateway" if release else "restart the gateway"
            raise ControlError(f"port {name} was not restarted: {why}; {remedy}", errno=errno.EACCES)
        cut = await self.stop_port(name, drain_s=drain_s, release=release)
        await self.start_port(name)
        return cut

    def _fail(self, port: P, error: ListenError) -> None:
        port.happens(PortEvent.LOSS, str(error))
        self._log.error("port failed", port=port.name, why=str(error))

    def _stopped(self) -> list[str]:
        """The names of the ports that do not listen."""
        return [port.name for port in self.ports.values() if port.state is not PortState.LISTENING]

    def open_sockets(self) -> list[tuple[SocketSpec, socket]]:
        """All listening sockets that are open, each with its spec; of those that workers share out, one for all."""
        open_now = ((each.spec, self._sockets_of(each)) for each in self._listeners())
        return [(spec, sockets[0]) for spec, sockets in open_now if sockets]

    def describe_sockets(self) -> list[dict[str, object]]:
        """All listening sockets that were planned, as the ready line has them, however many stand for each."""
        return [describe_socket(each.spec) for each in self._listeners()]

    def handover(self) -> Handover:
        """What a gateway that takes our place gets."""
        own = [(each.planned, self._sockets_of(each)) for each in self._listeners() if not each.spec.inherited]
        kept = [(spec.identity, sockets) for spec, sockets in own if sockets]
        return Handover(kept, self._source.handed, self._stopped())


def _binds(config: Configuration) -> Iterator[tuple[str, str]]:
    """The ports by their names, each with what it is bound to."""
    yield from ((port.name, str(port.bind)) for port in config.ports)
    yield from ((service.name, ", ".join(map(str, service.listen))) for service in config.services if service.listen)
