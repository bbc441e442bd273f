"""A worker: a gateway whose sockets another process opens and hands over, and which does what that process says.

It reads no file, opens no listening socket and takes no signal. When the process that it belongs to is gone it listens
no more, lets its connections end, and ends.
"""

import asyncio
import errno
from contextlib import suppress
from socket import socket
from typing import assert_never

from msgspec import Raw

from dualstack.errors import ConfigError, ListenError
from dualstack.gateway.counters.log import Log, open_log
from dualstack.gateway.processes.channel import Channel
from dualstack.gateway.processes.gateway import Gateway
from dualstack.gateway.processes.messages import (
    Answered,
    Asked,
    Beat,
    End,
    HandOver,
    Leave,
    ListPorts,
    NotListening,
    Order,
    PortCount,
    Refused,
    Reply,
    Share,
    StartPort,
    StopPort,
    Take,
    TakeSnapshot,
    encode,
    read_asked,
)
from dualstack.gateway.relay.stream.choose import data_plane
from dualstack.kernel.sockets import closed_socket

__all__ = ["run_worker"]


def run_worker(sock: socket) -> None:
    """Serve until told to leave."""
    asyncio.run(_run(sock))


async def _run(sock: socket) -> None:
    channel = Channel(sock)
    worker = _Worker(channel)
    try:
        await worker.obey()
    finally:
        await worker.close()
        channel.close()


class _Worker:
    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._gateway: Gateway | None = None
        self._log: Log | None = None
        self._over = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()

    @property
    def gateway(self) -> Gateway:
        """What serves; there is one from the first order on."""
        assert self._gateway is not None  # noqa: S101 - `Take` is the first order
        return self._gateway

    async def obey(self) -> None:
        """Do what comes, each thing beside those that are not done yet, until the end."""
        loop = asyncio.get_running_loop()
        reading = loop.create_task(self._read())
        over = loop.create_task(self._over.wait())
        await asyncio.wait([reading, over], return_when=asyncio.FIRST_COMPLETED)
        if not self._over.is_set() and self._gateway is not None:
            # Nobody is there any more to say what to do.
            await self._gateway.drain()
        for task in (reading, over):
            task.cancel()
        await asyncio.gather(over, *self._running, return_exceptions=True)
        with suppress(asyncio.CancelledError):
            await reading  # what could not be read is a mistake of ours: it ends the worker with its trace

    async def _read(self) -> None:
        while said := await self._channel.receive():
            for message, sockets in said:
                task = asyncio.get_running_loop().create_task(self._answer(read_asked(message), sockets))
                self._running.add(task)
                task.add_done_callback(self._running.discard)

    async def _answer(self, asked: Asked, sockets: list[socket]) -> None:
        try:
            reply: Reply = Answered(asked.number, Raw(encode(await self._do(asked.order, sockets))))
        except ListenError as error:
            reply = NotListening(asked.number, error.target, error.why, error.errno)
        except ConfigError as error:
            reply = Refused(asked.number, error.why)
        except Exception as error:  # noqa: BLE001 - who asked must not wait for ever, and says what failed
            reply = Refused(asked.number, f"{type(error).__name__}: {error}")
        try:
            await self._channel.send(encode(reply))
        except OSError:
            return
        finally:
            if isinstance(asked.order, Leave | End):
                self._over.set()

    async def _do(self, order: Order, sockets: list[socket]) -> object:
        match order:
            case ListPorts():
                return [PortCount(port.name, port.connections) for port in self.gateway.ports.values()]
            case TakeSnapshot():
                (snapshot,) = await self.gateway.snapshots()
                return snapshot
            case StopPort(name, drain_s, release):
                return await self.gateway.stop_port(name, drain_s=drain_s, release=release)
            case Leave():
                return await self.gateway.drain()
            case Take():
                self._take(order, sockets)
            case StartPort(name):
                await self._start(name, sockets)
            case Beat():
                await self.gateway.beat()
            case HandOver():
                await self.gateway.step_down()
            case End():
                pass  # once that is said
            case _:
                assert_never(order)
        return None

    async def close(self) -> None:
        """End everything now."""
        if self._gateway is not None:
            await self._gateway.close()
        if self._log is not None:
            self._log.close()

    def _take(self, order: Take, sockets: list[socket]) -> None:
        share = Share.unpickled(order.share)
        if self._gateway is None:
            self._log = _NumberedLog(open_log(order.log, quiet=order.quiet), order.worker)
            if share.config.access_log is not None:
                self._log.open_access(share.config.access_log)
            self._gateway = Gateway(share.config, data_plane(asyncio.get_running_loop()), self._log)
        elif self._log is not None:
            self._log.reopen_access()
        opened = {share.specs[index]: sock for index, sock in zip(order.brought, sockets, strict=True)}
        for spec in share.specs:
            opened.setdefault(spec, closed_socket(spec))
        self._gateway.take(share.config, share.specs, share.names, opened, stopped=share.stopped)

    async def _start(self, name: str, sockets: list[socket]) -> None:
        given = iter(sockets)
        for listening in self.gateway.port_named(name).listenings:
            if listening.sock.fileno() < 0:
                listening.sock = next(given, listening.sock)
                if listening.sock.fileno() < 0:
                    raise ListenError(str(listening.spec), "nobody handed its socket over", errno=errno.EBADF)
        await self.gateway.start_port(name)


class _NumberedLog(Log):
    """Says which worker it was."""

    def __init__(self, log: Log, number: int) -> None:
        self._log = log
        self._number = number
        self.form, self.writer = log.form, log.writer

    def info(self, event: str, **facts: object) -> None:
        self._log.info(event, **facts, worker=self._number)

    def warning(self, event: str, **facts: object) -> None:
        self._log.warning(event, **facts, worker=self._number)

    def error(self, event: str, **facts: object) -> None:
        self._log.error(event, **facts, worker=self._number)
