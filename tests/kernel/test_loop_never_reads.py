"""Nothing reads a file on the loop for a connection: blockbuster, aiohttp's own checker, raises where one does."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from blockbuster import BlockingError, blockbuster_ctx

import dualstack
from dualstack import Address, Dialer
from dualstack.dns import DnsResolver
from dualstack.lab.zone import Zone
from dualstack.net.dial.datagram_targets import destinations
from dualstack.net.names.files import ParsedFile
from dualstack.net.names.hosts_file import HostsFile
from dualstack.net.names.looks import FRESH_S, Files
from support.dialling import Servers, pool_rests
from support.gateway import run, running, service
from support.name_server import NameServer

ZONE = Zone({"www": ("127.0.0.1",)})


@pytest.fixture(autouse=True)
def at_rest() -> Iterator[None]:
    """What the pool does for nobody any more is over before the next test counts descriptors."""
    yield
    pool_rests()


def files(tmp_path: Path) -> HostsFile:
    (tmp_path / "hosts").write_text("127.0.0.1 listed.test\n")
    (tmp_path / "nsswitch.conf").write_text("hosts: files dns\n")
    return HostsFile(tmp_path / "hosts", tmp_path / "nsswitch.conf")


async def connect(name: str, port: int, dialer: Dialer) -> None:
    (await dualstack.connect(name, port, dialer=dialer, timeout=20)).close()


async def open_streams(name: str, port: int, dialer: Dialer) -> None:
    _, writer = await dualstack.open_connection(name, port, dialer=dialer, timeout=20)
    writer.close()
    await writer.wait_closed()


async def find(name: str, port: int, dialer: Dialer) -> None:
    assert await destinations(name, port, dialer, timeout=20)


@pytest.mark.parametrize("do", [connect, open_streams, find])
@pytest.mark.parametrize("name", ["listed.test", "www.test", "localhost", "127.0.0.1"])
def test_no_connection_reads_a_file_on_the_loop(
    tmp_path: Path, do: Callable[[str, int, Dialer], Awaitable[None]], name: str
) -> None:
    async def scenario() -> None:
        with NameServer(ZONE) as server:
            resolver = DnsResolver([server.address], hosts=files(tmp_path))
            with Servers() as servers:
                servers.accept("127.0.0.1", "::1")
                port = servers.port
                for dialer in (Dialer(resolver=resolver), Dialer()):
                    asked = "localhost" if dialer.resolver is None and name.endswith(".test") else name
                    await do(asked, port, dialer)  # what is read once, modules among it, is read
                    with blockbuster_ctx():
                        for _ in range(3):
                            await do(asked, port, dialer)
                            # A look counts no longer.
                            resolver.files._looked_at -= 2 * FRESH_S

    run(scenario)


def test_no_client_of_a_relay_makes_it_read_a_file() -> None:
    async def scenario() -> None:
        with NameServer(ZONE) as server:
            text = f'resolver = "{server.address}"\n' + service("a", to="www.test:BEHIND")
            async with running(text) as r:
                assert await r.ask("a") == b"you: hello\n"
                with blockbuster_ctx():
                    for _ in range(3):
                        assert await r.ask("a") == b"you: hello\n"

    run(scenario)


def test_the_checker_notices_a_file_that_is_read() -> None:
    async def scenario() -> None:
        with blockbuster_ctx(), pytest.raises(BlockingError):
            Path(__file__).read_text(encoding="utf-8")  # noqa: ASYNC240 - that is what is to be noticed

    run(scenario)


def test_a_change_is_seen_by_who_connects_after_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        hosts = files(tmp_path)
        looks = Files(hosts.files)
        await looks.looked()
        (tmp_path / "hosts").write_text("127.0.0.99 listed.test\n")
        looks._looked_at -= FRESH_S
        await looks.looked()
        assert hosts.at_hand("listed.test") == (Address("127.0.0.99"),)

    run(scenario)


def test_while_a_big_file_is_read_the_loop_goes_on_and_others_go_by_what_was_known(tmp_path: Path) -> None:
    async def scenario() -> None:
        reading, may_go_on = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()

        def parse(text: str) -> str:
            if text == "new":
                loop.call_soon_threadsafe(reading.set)
                asyncio.run_coroutine_threadsafe(may_go_on.wait(), loop).result(20)
            return text

        (tmp_path / "file").write_text("old")
        file = ParsedFile(tmp_path / "file", parse)
        looks = Files([file])
        await looks.looked()
        (tmp_path / "file").write_text("new")
        looks._looked_at -= FRESH_S
        first = asyncio.ensure_future(looks.looked())
        await reading.wait()
        await looks.looked()
        assert (file.at_hand, first.done()) == ("old", False)
        may_go_on.set()
        await first
        assert file.at_hand == "new"

    run(scenario)
