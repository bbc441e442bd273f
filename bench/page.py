"""`python -m bench.page`: what a viewer of the status page costs the relay beside it.

A gateway with many services and some clients; each callback of its loop is timed by the processor's clock, which does
not count what other programs take. Whatever takes longer than 15 ms holds every connection up for so long.
"""

import argparse
import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Self

from dualstack.gateway.config.page_address import page_endpoints
from dualstack.gateway.config.toml import parse
from dualstack.gateway.counters.log import open_log
from dualstack.gateway.processes.gateway import Gateway
from dualstack.gateway.relay.stream.choose import data_plane
from dualstack.gateway.status.page.server import Page

LONG_S = 0.015
SERVICE = (
    '[[services]]\nname = "service-{number}"\nlisten = "localhost:0"\nto = "127.0.0.1:{behind}"\nidle_timeout = 60\n'
)
ASKED = b"GET / HTTP/1.1\r\nhost: localhost\r\naccept-encoding: gzip\r\n\r\n"


class Callbacks:
    """How long callbacks of the loop took, while this is on."""

    def __init__(self) -> None:
        self.times_s: list[float] = []

    def __enter__(self) -> Self:
        self._run = asyncio.events.Handle._run  # noqa: SLF001 - asyncio tells nobody how long a callback took
        times_s, run = self.times_s, self._run

        def timed(handle: asyncio.Handle) -> None:
            began = time.thread_time()
            run(handle)
            times_s.append(time.thread_time() - began)

        asyncio.events.Handle._run = timed  # type: ignore[method-assign]  # noqa: SLF001
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.events.Handle._run = self._run  # type: ignore[method-assign]  # noqa: SLF001

    def __str__(self) -> str:
        long = [each for each in self.times_s if each > LONG_S]
        together, longest, used = sum(long) * 1e3, max(self.times_s) * 1e3, sum(self.times_s) * 1e3
        return (
            f"{len(long)} callbacks over 15 ms, {together:.0f} ms together; longest {longest:.1f} ms; all {used:.0f} ms"
        )


@asynccontextmanager
async def serving(services: int) -> AsyncIterator[tuple[Gateway, int]]:
    """A gateway of so many services, and the port of its page."""
    loop = asyncio.get_running_loop()
    behind = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    port = behind.sockets[0].getsockname()[1]
    text = "".join(SERVICE.format(number=number, behind=port) for number in range(services))
    gateway = Gateway(parse(text, "bench"), data_plane(loop), open_log(quiet=True))
    await gateway.open()
    page = Page(page_endpoints("127.0.0.1:0"), gateway.shot)
    page.start()
    try:
        yield gateway, page.sockets[0].getsockname()[1]
    finally:
        await page.close()
        await gateway.close()
        behind.close()


async def clients(gateway: Gateway) -> None:
    """One after the other, of each tenth service."""
    ports = [port.listenings[0].spec.port for port in gateway.ports.values()][::10]
    while True:
        for port in ports:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            await reader.read()
            writer.close()
            await asyncio.sleep(0.02)


async def viewer(port: int) -> None:
    """Asks every second."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while True:
        writer.write(ASKED)
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(head.lower().partition(b"content-length:")[2].split()[0]))
        await asyncio.sleep(1)


async def main() -> None:
    """Measure without a viewer, and with some."""
    options = argparse.ArgumentParser(prog="python -m bench.page", description=__doc__)
    options.add_argument("--services", type=int, default=200)
    options.add_argument("--seconds", type=float, default=6.0)
    options.add_argument("--viewers", type=int, default=1)
    asked = options.parse_args()
    async with serving(asked.services) as (gateway, port):
        tasks = [asyncio.create_task(clients(gateway))]
        await asyncio.sleep(2)
        for viewers in (0, asked.viewers):
            tasks += [asyncio.create_task(viewer(port)) for _ in range(viewers)]
            with Callbacks() as callbacks:
                await asyncio.sleep(asked.seconds)
            print(f"{asked.services} services, {viewers} viewers, {asked.seconds:g} s: {callbacks}")
        for task in tasks:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks)


if __name__ == "__main__":
    asyncio.run(main())
