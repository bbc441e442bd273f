"""A worker: a gateway whose sockets another process opens and hands over, and which does what that process says.

It reads no file, opens no listening socket and takes no signal. When the process that it belongs to is gone it listens
no more, lets its connections end, and ends.
"""

import asyncio
import errno
import os
from collections.abc import Callable, Coroutine, Mapping, Sequence
from socket import socket
from typing import TypeAlias, cast

from dualstack.core.address.address import Address
from dualstack.core.planning.configuration import Configuration
from dualstack.core.planning.socket_spec import SocketSpec
from dualstack.errors import ConfigError, ListenError
from dualstack.gateway.counters.log import Log, open_log
from dualstack.gateway.processes.channel import Channel, Document, unpacked
from dualstack.gateway.processes.gateway import Gateway
from dualstack.gateway.relay.stream.data_plane import data_plane
from dualstack.kernel.sockets import closed_socket

__all__ = ["Share", "run_worker"]

Order: TypeAlias = Callable[[Document, list[socket]], Coroutine[None, None, object]]

Share: TypeAlias = tuple[Configuration, Sequence[SocketSpec], Mapping[str, tuple[Address, ...]], Sequence[str]]
"""What a worker is to serve: the configuration, its sockets, the addresses of its names, the ports that are stopped."""


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
        self._orders: dict[str, Order] = {
            "take": self._take,
            "list": self._list,
            "snapshot": self._snapshot,
            "stop": self._stop,
            "start": self._start,
            "beat": self._beat,
            "hand over": self._hand_over,
            "leave": self._leave,
            "end": self._end,
        }

    @property
    def gateway(self) -> Gateway:
        """What serves; there is one from the first order on."""
        assert self._gateway is not None  # noqa: S101 - "take" is the first order
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
        await asyncio.gather(reading, over, *self._running, return_exceptions=True)

    async def _read(self) -> None:
        while orders := await self._channel.receive():
            for document, sockets in orders:
                task = asyncio.get_running_loop().create_task(self._answer(document, sockets))
                self._running.add(task)
                task.add_done_callback(self._running.discard)

    async def _answer(self, document: Document, sockets: list[socket]) -> None:
        try:
            answer: Document = {"answer": await self._orders[str(document["do"])](document, sockets)}
        except ListenError as error:
            answer = {"target": error.target, "why": error.why, "errno": error.errno}
        except ConfigError as error:
            answer = {"why": error.why}
        except Exception as error:  # noqa: BLE001 - who asked must not wait for ever, and says what failed
            answer = {"why": f"{type(error).__name__}: {error}"}
        try:
            await self._channel.send({"id": document["id"], **answer})
        except OSError:
            return
        finally:
            if document["do"] in {"leave", "end"}:
                self._over.set()

    async def close(self) -> None:
        """End everything now."""
        if self._gateway is not None:
            await self._gateway.close()
        if self._log is not None:
            self._log.close()

    async def _take(self, document: Document, sockets: list[socket]) -> object:
        config, specs, names, stopped = cast("Share", unpacked(document["share"]))
        if self._gateway is None:
            self._log = _NumberedLog(open_log(str(document["log"]), quiet=bool(document["quiet"])), document["worker"])
            if config.access_log is not None:
                self._log.open_access(config.access_log)
            self._gateway = Gateway(config, data_plane(asyncio.get_running_loop()), self._log)
        elif self._log is not None:
            self._log.reopen_access()
        given = iter(sockets)
        brought = cast("list[int]", document["brought"])
        opened = {specs[index]: next(given) for index in brought}
        for spec in specs:
            opened.setdefault(spec, closed_socket(spec))
        self._gateway.take(config, specs, names, opened, stopped=stopped)
        return {"pid": os.getpid()}

    async def _list(self, _document: Document, _sockets: list[socket]) -> object:
        return self.gateway.describe_ports()

    async def _snapshot(self, _document: Document, _sockets: list[socket]) -> object:
        (snapshot,) = await self.gateway.snapshots()
        return snapshot

    async def _stop(self, document: Document, _sockets: list[socket]) -> object:
        drain_s = cast("float | None", document["drain_s"])
        return await self.gateway.stop_port(str(document["name"]), drain_s=drain_s, release=bool(document["release"]))

    async def _start(self, document: Document, sockets: list[socket]) -> object:
        given = iter(sockets)
        for listening in self.gateway.port_named(str(document["name"])).listenings:
            if listening.sock.fileno() < 0:
                listening.sock = next(given, listening.sock)
                if listening.sock.fileno() < 0:
                    raise ListenError(str(listening.spec), "nobody handed its socket over", errno=errno.EBADF)
        await self.gateway.start_port(str(document["name"]))
        return None

    async def _beat(self, _document: Document, _sockets: list[socket]) -> object:
        await self.gateway.beat()
        return None

    async def _hand_over(self, _document: Document, _sockets: list[socket]) -> object:
        await self.gateway.step_down()
        return None

    async def _leave(self, _document: Document, _sockets: list[socket]) -> object:
        return await self.gateway.drain()

    async def _end(self, _document: Document, _sockets: list[socket]) -> object:
        return None


class _NumberedLog(Log):
    """Says which worker it was."""

    def __init__(self, log: Log, number: object) -> None:
        self._log = log
        self._number = number
        self.form, self.writer = log.form, log.writer

    def info(self, event: str, **facts: object) -> None:
        self._log.info(event, **facts, worker=self._number)

    def warning(self, event: str, **facts: object) -> None:
        self._log.warning(event, **facts, worker=self._number)

    def error(self, event: str, **facts: object) -> None:
        self._log.error(event, **facts, worker=self._number)
