"""What `dualstack listen` does: accept, answer as asked, and show each peer."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime
from socket import socket

import click

from dualstack.cli.output import print_json
from dualstack.core.address.address import Address
from dualstack.gateway.listeners.activation import handed_sockets
from dualstack.gateway.listeners.sources import ListenerSource
from dualstack.kernel.socket_options import BACKLOG
from dualstack.kernel.sockets import describe
from dualstack.net.listen import plan_listen
from dualstack.net.signals import on_signals

__all__ = ["listen"]

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def listen(
    where: str, *, port: int | None, family: int, sockets: str, serve: str | None, count: int | None, as_json: bool
) -> None:
    """Accept on `where` until a signal, or so many connections, end it."""
    planned = plan_listen(where, port=port, family=family, sockets=sockets, tell=_tell)
    source = ListenerSource(handed_sockets())
    planned = source.settle(planned, "LISTEN_FDS", at_start=True)
    for note in planned.notes:
        _tell(note)
    opened = [each[0] for each in source.open(planned.sockets)]
    source.close()
    with asyncio.Runner() as runner:
        runner.run(_listen(opened, _SERVICES[serve], count, _Speaker(as_json=as_json)))


def _tell(text: str) -> None:
    click.echo(f"dualstack: {text}", err=True)


async def _listen(opened: list[socket], serve: Serve, count: int | None, speaker: "_Speaker") -> None:
    loop = asyncio.get_running_loop()
    done = asyncio.Event()
    left = count
    live: set[asyncio.Task[None]] = set()

    async def attend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal left
        speaker.connected(writer)
        try:
            await serve(reader, writer)
        except ConnectionError:
            speaker.lost(writer)
        finally:
            writer.close()
            left = None if left is None else left - 1
            if left == 0:
                done.set()

    def over(task: asyncio.Task[None]) -> None:
        live.discard(task)
        if not task.cancelled():
            task.exception()  # an end that has ended the loop is not told once more

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A task of our own: asyncio before 3.12 asks one of its own, once cancelled, for its exception, and trips.
        live.add(task := loop.create_task(attend(reader, writer)))
        task.add_done_callback(over)

    servers = [await asyncio.start_server(connected, sock=sock, backlog=BACKLOG) for sock in opened]
    with on_signals({"SIGTERM": done.set, "SIGINT": done.set}):
        speaker.ready(opened)
        await done.wait()
    for server in servers:
        server.close()
    ending = list(live)
    for task in ending:
        task.cancel()
    await asyncio.gather(*ending, return_exceptions=True)


async def _show(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    while await reader.read(65536):
        pass


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while received := await reader.read(65536):
        writer.write(received)
        await writer.drain()


async def _daytime(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(datetime.now().astimezone().strftime("%A, %B %d, %Y %H:%M:%S-%Z\r\n").encode())
    await writer.drain()


_SERVICES: dict[str | None, Serve] = {None: _show, "echo": _echo, "daytime": _daytime}


class _Speaker:
    """Prints what happens, for people or for scripts."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json

    def ready(self, opened: list[socket]) -> None:
        sockets = [_describe(sock) for sock in opened]
        if self._as_json:
            print_json({"event": "ready", "sockets": sockets})
            return
        for each in sockets:
            families = "IPv6 and IPv4" if each["v6only"] is False else f"IPv{each['family']}"
            host = f"[{each['address']}]" if each["family"] == 6 else each["address"]
            click.echo(f"listening on {host}:{each['port']} ({families})")

    def connected(self, writer: asyncio.StreamWriter) -> None:
        peer, local = writer.get_extra_info("peername"), writer.get_extra_info("sockname")
        address, here = Address(peer), Address(local)
        facts = {
            "event": "connected",
            "peer": str(address.canonical),
            "port": peer[1],
            "family": address.canonical.version,
            "kernel": peer[0],
            "mapped": address.is_mapped,
            "local": str(here.canonical),
            "kernel_local": local[0],
        }
        if self._as_json:
            print_json(facts)
            return
        host = f"[{facts['peer']}]" if facts["family"] == 6 else facts["peer"]
        mapped = ", IPv4-mapped" if facts["mapped"] else ""
        given = f"{facts['kernel']} on an {'AF_INET6' if ':' in peer[0] else 'AF_INET'} socket{mapped}"
        click.echo(f"{host}:{peer[1]} over IPv{facts['family']} to {facts['local']} (the kernel gave {given})")
        sys.stdout.flush()

    def lost(self, writer: asyncio.StreamWriter) -> None:
        if not self._as_json:
            peer = writer.get_extra_info("peername")
            click.echo(f"{Address(peer).canonical} port {peer[1]}: reset by the client", err=True)


def _describe(sock: socket) -> dict[str, object]:
    return {"service": "listen", "port_name": "listen", **describe(sock)}
