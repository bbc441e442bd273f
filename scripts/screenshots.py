"""Run a gateway with clients of both families, and take pictures of its page: see `scripts/screenshots`."""

import asyncio
import sys
from contextlib import AsyncExitStack, redirect_stdout, suppress
from io import StringIO
from itertools import count
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from dualstack.gateway.config.page_address import page_endpoints  # noqa: E402
from dualstack.gateway.config.toml import parse  # noqa: E402
from dualstack.gateway.counters.log import open_log  # noqa: E402
from dualstack.gateway.processes.gateway import Gateway  # noqa: E402
from dualstack.gateway.relay.stream.choose import data_plane  # noqa: E402
from dualstack.gateway.status.page.server import Page  # noqa: E402
from support.browser import Tab, chromium  # noqa: E402 - the tests have the driver

SECONDS = 30
PICTURES = (
    ("page-light", 1280, 960, "light"),
    ("page-dark", 1280, 960, "dark"),
    ("page-phone-light", 360, 760, "light"),
    ("page-phone-dark", 360, 760, "dark"),
)
CONFIG = """
[ports.tcpip]
bind = "127.0.0.1"
[ports.tcpip6]
bind = "::1"
[[services]]
name = "imap"
ports = ["tcpip", "tcpip6"]
port = 0
to = "localhost:{four}"
access = ["deny 127.0.0.9", "allow any"]
[[services]]
name = "intranet"
listen = "localhost:0"
to = "[::1]:{six}"
[[services]]
name = "proxy"
listen = "localhost:0"
forward = ["socks5", "http"]
"""


answering: set[asyncio.Task[None]] = set()


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A server that answers each line with many."""
    task = asyncio.current_task()
    assert task is not None
    answering.add(task)
    with suppress(OSError):
        while line := await reader.readline():
            writer.write(line * 40)
            await writer.drain()
    writer.close()


async def client(host: str, port: int, lines: int, pause_s: float, source: str | None = None) -> None:
    """One connection that says so many lines."""
    local = None if source is None else (source, 0)
    reader, writer = await asyncio.open_connection(host, port, local_addr=local)
    with suppress(OSError):
        try:
            for _ in range(lines):
                writer.write(b"a line of some length, as people write them\n")
                await reader.readline()
                await asyncio.sleep(pause_s)
        finally:
            writer.close()


async def traffic(gateway: Gateway) -> None:
    """Clients that come and go, more of them over IPv6, until it is cancelled."""
    intranet = gateway.port_named("intranet").listenings[0].spec.port
    imap = gateway.port_named("tcpip").listenings[0].spec.port
    imap6 = gateway.port_named("tcpip6").listenings[0].spec.port
    async with asyncio.TaskGroup() as clients:
        for turn in count():
            for _ in range(1 + abs((turn % 60) - 30) // 10):
                clients.create_task(client("::1", imap6, 20, 0.4))
                clients.create_task(client("127.0.0.1", intranet, 3, 0.2))
            clients.create_task(client("127.0.0.1", imap, 12, 0.3))
            if turn % 11 == 0:
                clients.create_task(client("127.0.0.1", imap, 1, 0.0, source="127.0.0.9"))
            await asyncio.sleep(0.2)


def take(url: str, folder: Path) -> None:
    """The pictures of the page as it is now."""
    # What Chromium says of the buses that a container has not is of no use here.
    with redirect_stdout(StringIO()), chromium() as browser:
        tab: Tab = browser.tab()
        for name, width, height, scheme in PICTURES:
            tab.show(width, height, scheme=scheme)
            tab.open(url)
            (folder / f"{name}.png").write_bytes(tab.picture())


async def main() -> None:
    """Run all of it."""
    folder = ROOT / "docs" / "images"
    folder.mkdir(exist_ok=True)
    async with AsyncExitStack() as undo:
        four = await undo.enter_async_context(await asyncio.start_server(answer, "127.0.0.1", 0))
        six = await undo.enter_async_context(await asyncio.start_server(answer, "::1", 0))
        ports = {"four": four.sockets[0].getsockname()[1], "six": six.sockets[0].getsockname()[1]}
        loop = asyncio.get_running_loop()
        gateway = Gateway(parse(CONFIG.format(**ports), "screenshots"), data_plane(loop), open_log(quiet=True))
        undo.push_async_callback(gateway.close)
        await gateway.open()

        async def snapshot() -> dict[str, object]:
            return gateway.snapshot()

        page = Page(page_endpoints("localhost:0"), snapshot)
        undo.push_async_callback(page.close)
        page.start()
        moving = asyncio.create_task(traffic(gateway))
        await asyncio.sleep(SECONDS)
        await asyncio.to_thread(take, page.addresses[0], folder)
        moving.cancel()
        await asyncio.gather(moving, return_exceptions=True)
        await gateway.close()
        await asyncio.gather(*answering)
    for name, *_ in PICTURES:
        print(folder / f"{name}.png")


if __name__ == "__main__":
    asyncio.run(main())
