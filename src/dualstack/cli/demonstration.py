"""What `dualstack demo` does: both servers, the gateway between them, and who reaches whom."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dualstack.cli.output import print_boxes, print_document, print_json
from dualstack.core.address.well_known import LOOPBACK
from dualstack.gateway.control.server import Control
from dualstack.gateway.counters.log import open_log
from dualstack.gateway.demo import FAMILIES, Box, boxes, demo_configuration, demo_servers
from dualstack.gateway.processes.gateway import Gateway
from dualstack.gateway.relay.stream.choose import data_plane
from dualstack.net.signals import on_signals

if TYPE_CHECKING:
    from rich.text import Text

__all__ = ["demonstrate", "reached"]


async def demonstrate(*, once: bool, as_json: bool) -> int:
    """See it work; the exit code says whether all reach all."""
    async with AsyncExitStack() as undo:
        scene = await undo.enter_async_context(_scene())
        if as_json:
            print_json({"event": "ready", "sockets": scene.gateway.describe_sockets()})
        before, after = await scene.reached()
        (_print_json if as_json else _print_table)(before, after)
        if not once:
            say = click.echo if not as_json else lambda _text: None
            await _serve_on(scene.gateway, scene.fronts, undo, say=say)
    return 0 if all(box.reached for box in after) else 1


async def reached() -> tuple[list[Box], list[Box]]:
    """The boxes of each client at each server: directly, and through the gateway."""
    async with _scene() as scene:
        return await scene.reached()


@dataclass(frozen=True, slots=True)
class _Scene:
    """Both servers' ports and the gateway's, by the family that the server speaks."""

    gateway: Gateway
    servers: dict[int, int]
    fronts: dict[int, int]

    async def reached(self) -> tuple[list[Box], list[Box]]:
        return await asyncio.to_thread(boxes, self.servers), await asyncio.to_thread(boxes, self.fronts)


@asynccontextmanager
async def _scene() -> AsyncIterator[_Scene]:
    with demo_servers() as servers:
        gateway = Gateway(demo_configuration(servers), data_plane(asyncio.get_running_loop()), open_log(quiet=True))
        try:
            await gateway.open()
            fronts = {family: _port_of(gateway, f"web{family}") for family in FAMILIES}
            yield _Scene(gateway, {family: server.port for family, server in servers.items()}, fronts)
        finally:
            await gateway.close()


def _port_of(gateway: Gateway, name: str) -> int:
    return gateway.port_named(name).listenings[0].spec.port


def _print_json(before: list[Box], after: list[Box]) -> None:
    print_document({"direct": [_box(box) for box in before], "gateway": [_box(box) for box in after]})


def _box(box: Box) -> dict[str, object]:
    return {
        "client": box.client,
        "server": box.server,
        "reached": box.reached,
        "server_wire": box.server_wire,
        "said": box.said,
    }


def _print_table(before: list[Box], after: list[Box]) -> None:
    from rich.text import Text

    rows = [
        [
            Text(title if client == FAMILIES[0] else ""),
            Text(f"IPv{client} client"),
            *(_cell(each) for each in side if each.client == client),
        ]
        for title, side in (("directly", before), ("through dualstack", after))
        for client in FAMILIES
    ]
    heads = ["", "", *(f"IPv{server}-only server" for server in FAMILIES)]
    print_boxes(heads, rows, sections=len(FAMILIES))
    click.echo(f"{sum(b.reached for b in before)} of 4 reach their server directly, ", nl=False)
    click.echo(f"{sum(b.reached for b in after)} of 4 through dualstack.")


def _cell(box: Box) -> "Text":
    from rich.text import Text

    if box.server_wire is None:
        return Text.assemble(("(no)", "red"), f" {box.said.removeprefix('Connection ')}")
    wires = (
        f"IPv{box.client}"
        if box.client == box.server_wire
        else f"IPv{box.client} \N{RIGHTWARDS ARROW} IPv{box.server_wire}"
    )
    return Text(wires, style="green")


async def _serve_on(
    gateway: Gateway, fronts: dict[int, int], undo: AsyncExitStack, say: Callable[[str], object]
) -> None:
    directory = Path(tempfile.mkdtemp(prefix="dualstack-demo-"))
    undo.callback(shutil.rmtree, directory, ignore_errors=True)
    control = Control(gateway, str(directory / "control.sock"))
    undo.push_async_callback(control.close)
    control.start()
    say("\nBoth servers are still there. Try, in another terminal:")
    for server, port in fronts.items():
        for client in FAMILIES:
            host = f"[{LOOPBACK[client]}]" if client == 6 else LOOPBACK[client]
            say(f"  curl http://{host}:{port}/    # IPv{client} client, IPv{server}-only server")
    say(f"  dualstack ports list --control {directory / 'control.sock'}")
    say(f"  dualstack ports stop web4 --control {directory / 'control.sock'}    # web6 never notices")
    say("Ctrl-C ends it.")
    done = asyncio.Event()
    with on_signals(dict.fromkeys(("SIGINT", "SIGTERM", "SIGHUP"), done.set)):
        await done.wait()
        await gateway.drain()
