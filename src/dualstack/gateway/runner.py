"""Runs a gateway in the foreground: opens it, says that it is ready, and obeys signals until it ends.

SIGTERM and a first SIGINT drain: no new connection, those under way go on as long as their service says. A second
SIGINT leaves at once. SIGHUP reloads the configuration, and a wrong one changes nothing; without a file to read again
it is a SIGTERM, as when a terminal is closed.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack

from dualstack.core.configuration import Configuration
from dualstack.errors import ConfigError, DualstackError
from dualstack.gateway.access_log import AccessLog
from dualstack.gateway.daemon import Gateway
from dualstack.gateway.dataplane.plane import data_plane
from dualstack.gateway.log import Log
from dualstack.gateway.privileges import become, raise_descriptor_limit
from dualstack.net.signals import on_signals

__all__ = ["run"]

Ready = Callable[[Gateway], None]
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
    asyncio.run(_run(config, log, ready, load, control))


async def _run(config: Configuration, log: Log, ready: Ready, load: Load | None, control: str | None) -> None:
    async with AsyncExitStack() as undo:
        if config.access_log is not None:
            log.access = AccessLog(config.access_log, log.form)
            undo.callback(log.access.close)
        gateway = Gateway(config, data_plane(asyncio.get_running_loop()), log)
        undo.push_async_callback(gateway.close)
        signals = _Signals(gateway, log, load)
        undo.enter_context(on_signals(signals.handlers))
        if not await signals.unless_asked_to_leave(gateway.open()):
            return
        if control is not None:
            await _open_control(gateway, control, undo)
        if config.page:
            _open_page(gateway, config, undo)
        if config.user is not None:
            become(config.user, config.where)
        signals.is_ready = True
        ready(gateway)
        await signals.until_asked_to_leave()
        await signals.drain()


async def _open_control(gateway: Gateway, path: str, undo: AsyncExitStack) -> None:
    from dualstack.gateway.control import Control

    control = Control(gateway, path)
    undo.push_async_callback(control.close)
    control.start()


def _open_page(gateway: Gateway, config: Configuration, undo: AsyncExitStack) -> None:
    from dualstack.gateway.page.server import Page

    async def snapshot() -> dict[str, object]:
        return gateway.snapshot()

    page = Page(config.page, snapshot, hosts=config.page_hosts)
    undo.push_async_callback(page.close)
    page.start()
    gateway.page = tuple(page.addresses)


class _Signals:
    """What signals ask of a gateway."""

    def __init__(self, gateway: Gateway, log: Log, load: Load | None) -> None:
        self._gateway = gateway
        self._log = log
        self._load = load
        self._loop = asyncio.get_running_loop()
        self._leave = asyncio.Event()
        self._at_once = asyncio.Event()
        self._reloading: asyncio.Task[None] | None = None
        self._once_more = False
        self.is_ready = False
        self.handlers = {"SIGTERM": self._leave.set, "SIGINT": self._interrupt, "SIGHUP": self._hang_up}

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
        if self._reloading is not None:
            self._reloading.cancel()
            await asyncio.gather(self._reloading, return_exceptions=True)
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

    def _hang_up(self) -> None:
        self._reopen_access_log()
        if self._load is None:
            self._leave.set()
        elif self._leave.is_set() or not self.is_ready:
            self._log.warning("reload refused", why="the gateway is leaving" if self.is_ready else "it is starting")
        elif self._reloading is None or self._reloading.done():
            self._reloading = self._loop.create_task(self._reload_until_quiet(self._load))
        else:
            self._once_more = True

    def _reopen_access_log(self) -> None:
        try:
            if self._log.access is not None:
                self._log.access.reopen()
        except ConfigError as error:
            self._log.error("access log", why=str(error), running="the file before")

    async def _reload_until_quiet(self, load: Load) -> None:
        """Reload, and again if a signal came meanwhile: the file may have changed since it was read."""
        await self._reload(load)
        while self._once_more and not self._leave.is_set():
            self._once_more = False
            await self._reload(load)

    async def _reload(self, load: Load) -> None:
        try:
            await self._gateway.reload(await asyncio.to_thread(load))
        except (DualstackError, OSError) as error:
            self._log.error("reload refused", why=str(error), running="the configuration before")
        except Exception as error:
            why = f"{type(error).__name__}: {error}"
            self._log.error("reload failed", why=why, running="the configuration before")
            raise
