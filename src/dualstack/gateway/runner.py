"""Runs a gateway in the foreground: opens it, says that it is ready, and obeys signals until it ends.

SIGTERM and a first SIGINT drain: no new connection, those under way go on as long as their service says. A second
SIGINT leaves at once. SIGHUP reloads the configuration, and a wrong one changes nothing; without a file to read again
it is a SIGTERM, as when a terminal is closed. SIGUSR2 starts the program anew in our place (`upgrade`).
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from socket import socket
from typing import TYPE_CHECKING, Protocol, TypeAlias

from dualstack.core.planning.configuration import Configuration
from dualstack.errors import DualstackError
from dualstack.gateway.config.unbounded import warn_of_unbounded
from dualstack.gateway.counters.log import Log
from dualstack.gateway.listeners.activation import handed_sockets
from dualstack.gateway.listeners.interfaces import InterfaceWatch
from dualstack.gateway.listeners.sources import ListenerSource
from dualstack.gateway.processes.gateway import Gateway
from dualstack.gateway.processes.handover import Handover
from dualstack.gateway.processes.notify import Notifier
from dualstack.gateway.processes.preload import become, import_what_is_needed_later, raise_descriptor_limit
from dualstack.gateway.processes.upgrade import Predecessor, Successor
from dualstack.gateway.relay.stream.choose import data_plane
from dualstack.gateway.status.snapshot import Snapshot
from dualstack.kernel.ourselves import our_command_again
from dualstack.net.signals import hold_back, on_signals

if TYPE_CHECKING:
    from dualstack.gateway.processes.supervisor import Supervisor

__all__ = ["Companion", "ReadyGateway", "run"]


class ReadyGateway(Protocol):
    """What is told of a gateway that serves: what it was asked to, and where it does."""

    config: Configuration
    page: tuple[str, ...]

    def describe_sockets(self) -> list[dict[str, object]]:
        """All listening sockets, as JSON has them."""
        ...


class Companion(Protocol):
    """What has a listening socket of its own beside the gateway, for people rather than clients."""

    @property
    def inheritance(self) -> tuple[str, Sequence[socket]]:
        """Its sockets, for the gateway that takes our place, and a name that tells whose they are."""
        ...

    async def leave(self) -> None:
        """Answer no more: that one does."""
        ...


Running: TypeAlias = "Gateway | Supervisor"
"""One process, or several: each is a `PortSet`."""
Ready = Callable[[ReadyGateway], None]
Load = Callable[[], Configuration]


def run(config: Configuration, log: Log, *, ready: Ready, load: Load | None = None, control: str | None = None) -> None:
    """Run until a signal ends it.

    Args:
        config: what to serve.
        log: where events go.
        ready: called once all sockets listen.
        load: reads the configuration again on SIGHUP.
        control: path of the control socket, or none.

    Raises:
        ConfigError, ListenError, ControlError: it cannot start; nothing is left open.
    """
    raise_descriptor_limit()
    import_what_is_needed_later()
    notifier, predecessor = Notifier.of_environment(log), Predecessor.of_environment()
    source = ListenerSource(handed_sockets()) if predecessor is None else predecessor.handover.source()
    here = _Surroundings(log, load, control, notifier, predecessor)
    asyncio.run(_run(config, here, source, ready))


@dataclass(frozen=True, slots=True)
class _Surroundings:
    """Whom a gateway has to do with: who reads its log and its file, who started it, who was before it, and after."""

    log: Log
    load: Load | None
    control: str | None
    notifier: Notifier
    predecessor: Predecessor | None
    start_successor: Callable[[Handover, dict[str, str]], Awaitable[Successor]] = Successor.start

    def left(self, name: str) -> Sequence[socket]:
        """The sockets that the gateway before had for what has this name."""
        return () if self.predecessor is None else self.predecessor.handover.of(name)


async def _run(config: Configuration, here: _Surroundings, source: ListenerSource, ready: Ready) -> None:
    notifier, predecessor = here.notifier, here.predecessor
    async with AsyncExitStack() as undo:
        undo.callback(here.log.close)
        if config.access_log is not None and config.workers == 1:
            here.log.open_access(config.access_log)
        gateway = _gateway(config, here.log, source)
        undo.push_async_callback(gateway.close)
        signals = _Signals(gateway, here)
        undo.callback(signals.interfaces.close)
        undo.enter_context(on_signals(signals.handlers))
        if not await signals.unless_asked_to_leave(gateway.open()):
            return
        if here.control is not None:
            signals.companions.append(await _open_control(gateway, here, here.control, undo))
        if config.page:
            signals.companions.append(_open_page(gateway, here, config, undo))
        if predecessor is not None:
            predecessor.handover.close_unused(each.inheritance[0] for each in signals.companions)
        if config.user is not None:
            become(config.user, config.where)
        signals.is_ready = True
        signals.interfaces.look()
        warn_of_unbounded(here.log, config)
        ready(gateway)
        if predecessor is not None:
            await asyncio.to_thread(predecessor.relieve)
        notifier.ready(signals.status)
        async with _heartbeat(gateway, notifier):
            await signals.until_asked_to_leave()
            if not signals.is_replaced:
                notifier.stopping("waiting for connections to end")
                await signals.drain()
        if signals.is_replaced:
            await signals.drain()
        hold_back("SIGHUP", "SIGUSR2")


@asynccontextmanager
async def _heartbeat(gateway: Running, notifier: Notifier) -> AsyncIterator[None]:
    """Tell the service manager that we live, as long as the loop and the data plane do."""

    async def beat(watchdog_s: float) -> None:
        while True:
            await gateway.beat()
            notifier.alive()
            await asyncio.sleep(watchdog_s / 2)

    if notifier.watchdog_s is None:
        yield
        return
    beating = asyncio.get_running_loop().create_task(beat(notifier.watchdog_s))
    try:
        yield
    finally:
        beating.cancel()
        await asyncio.gather(beating, return_exceptions=True)


def _gateway(config: Configuration, log: Log, source: ListenerSource) -> Running:
    """One process, or several."""
    if config.workers == 1:
        return Gateway(config, data_plane(asyncio.get_running_loop()), log, source)
    from dualstack.gateway.processes.supervisor import Supervisor

    return Supervisor(config, log, source)


async def _open_control(gateway: Running, here: _Surroundings, path: str, undo: AsyncExitStack) -> Companion:
    from dualstack.gateway.control.places import forget, make_known
    from dualstack.gateway.control.server import Control, inheritance_name

    control = Control(gateway, path, *here.left(inheritance_name(path)), log=here.log)
    undo.push_async_callback(control.close)
    control.start()
    make_known(path)
    undo.callback(lambda: None if control.is_left else forget(path))
    return control


def _open_page(gateway: Running, here: _Surroundings, config: Configuration, undo: AsyncExitStack) -> Companion:
    from dualstack.gateway.status.aggregate import aggregate, with_lost
    from dualstack.gateway.status.page.server import Page, inheritance_name

    async def snapshot() -> Snapshot | dict[str, object]:
        if isinstance(gateway, Gateway):
            return await gateway.shot()
        return with_lost(aggregate(await gateway.snapshots()), here.log.lost)

    left = here.left(inheritance_name(config.page))
    page = Page(config.page, snapshot, hosts=config.page_hosts, sockets=left, log=here.log)
    undo.push_async_callback(page.close)
    page.start()
    gateway.page = tuple(page.addresses)
    return page


class _Signals:
    """What signals ask of a gateway."""

    def __init__(self, gateway: Running, here: _Surroundings) -> None:
        self._gateway = gateway
        self._notifier = here.notifier
        self._log = here.log
        self._load = here.load
        self._start_successor = here.start_successor
        self._loop = asyncio.get_running_loop()
        self._leave = asyncio.Event()
        self._at_once = asyncio.Event()
        self._reloading: asyncio.Task[None] | None = None
        self._next: Load | None = None
        self.interfaces = InterfaceWatch(gateway.open_sockets, self._renew, here.log)
        self._upgrading: asyncio.Task[None] | None = None
        self.companions: list[Companion] = []
        self.is_ready = False
        self.is_replaced = False
        self.handlers = {
            "SIGTERM": self._leave.set,
            "SIGINT": self._interrupt,
            "SIGHUP": self._hang_up,
            "SIGUSR2": self._upgrade,
        }

    @property
    def status(self) -> str:
        """One line for the service manager."""
        return f"serving on {len(self._gateway.describe_sockets())} sockets"

    async def unless_asked_to_leave(self, opening: Coroutine[None, None, None]) -> bool:
        """Do it, or leave it where a signal asks so before it is done; whether it was done."""
        task = self._loop.create_task(opening)
        asked = self._loop.create_task(self._leave.wait())
        await asyncio.wait([task, asked], return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        if task.done():
            task.result()
            return True
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return False

    async def until_asked_to_leave(self) -> None:
        """Until SIGTERM or SIGINT."""
        await self._leave.wait()

    async def drain(self) -> None:
        """Let the connections end, or a second SIGINT end them."""
        under_way = [task for task in (self._reloading, self._upgrading) if task is not None]
        for change in () if self.is_replaced else under_way:
            change.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        draining = self._loop.create_task(self._gateway.drain())
        at_once = self._loop.create_task(self._at_once.wait())
        await asyncio.wait([draining, at_once], return_when=asyncio.FIRST_COMPLETED)
        for task in (draining, at_once):
            task.cancel()
        await asyncio.gather(draining, at_once, return_exceptions=True)

    def _interrupt(self) -> None:
        if self._leave.is_set():
            self._at_once.set()
        else:
            self._leave.set()
            self._log.info("leaving", hint="connections may end; once more (Ctrl-C) ends them")

    def _busy(self) -> str:
        """Why nothing can be changed now; empty where it can."""
        if not self.is_ready:
            return "it is starting"
        if self._leave.is_set():
            return "the gateway is leaving"
        is_upgrading = self._upgrading is not None and not self._upgrading.done()
        return "it is being replaced by a new program" if is_upgrading else ""

    def _upgrade(self) -> None:
        is_reloading = self._reloading is not None and not self._reloading.done()
        why = self._busy() or ("it is reloading" if is_reloading else "")
        if why:
            self._log.warning("upgrade refused", why=why)
        else:
            self._upgrading = self._loop.create_task(self._replace())

    async def _replace(self) -> None:
        """Start the new program, and leave once it serves."""
        self._log.info("upgrading", command=" ".join(our_command_again()[1]))
        companions = [each.inheritance for each in self.companions]
        try:
            handover = replace(self._gateway.handover(), companions=companions)
            successor = await self._start_successor(handover, self._notifier.environment())
        except (DualstackError, OSError) as error:
            self._log.error("upgrade refused", why=str(error), running="the program before")
            # What came back meanwhile could not be bound to.
            self._loop.call_soon(self.interfaces.look)
            return
        self._notifier.replaced_by(successor.pid)
        self.is_replaced = True
        try:
            await successor.take_over()
        except OSError as error:
            self.is_replaced = False
            self._notifier.ready(self.status)
            self._log.error("upgrade refused", why=f"the new program has ended: {error}", running="the program before")
            return
        for step_down in (self._gateway.step_down, *(each.leave for each in self.companions)):
            await self._say_what_fails(step_down())
        self._log.info("upgraded", pid=successor.pid)
        self._leave.set()

    async def _say_what_fails(self, stepping_down: Awaitable[None]) -> None:
        """Say what fails, and go on: the new program serves, and what else was ours must be left to it too."""
        try:
            await stepping_down
        except Exception as error:  # noqa: BLE001 - whatever it is
            self._log.error("upgrade failed in part", why=f"{type(error).__name__}: {error}")

    def _hang_up(self) -> None:
        self._log.reopen_access()
        if self._load is None:
            self._leave.set()
        elif why := self._busy():
            self._log.warning("reload refused", why=why)
        else:
            self._begin_reload(self._load)

    def _renew(self) -> bool:
        """Open the sockets anew whose interface was made anew; what is configured stays."""
        if self._busy():
            return False
        self._begin_reload(self._load_nothing)
        return True

    def _load_nothing(self) -> Configuration:
        return self._gateway.config

    def _begin_reload(self, load: Load) -> None:
        if self._reloading is None or self._reloading.done():
            self._reloading = self._loop.create_task(self._reload_until_quiet(load))
        elif self._next is None or load is self._load:
            self._next = load

    async def _reload_until_quiet(self, load: Load) -> None:
        """Reload, and again if something came meanwhile: the file may have changed since it was read."""
        await self._reload(load)
        while self._next is not None and not self._leave.is_set():
            load, self._next = self._next, None
            await self._reload(load)

    async def _reload(self, load: Load) -> None:
        self._notifier.reloading()
        try:
            config = await asyncio.to_thread(load)
            await self._gateway.reload(config)
            warn_of_unbounded(self._log, config)
        except (DualstackError, OSError) as error:
            self._log.error("reload refused", why=str(error), running="the configuration before")
        except Exception as error:
            why = f"{type(error).__name__}: {error}"
            self._log.error("reload failed", why=why, running="the configuration before")
            raise
        finally:
            self._notifier.ready(self.status)
            self.interfaces.look()
