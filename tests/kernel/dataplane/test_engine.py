"""What the engine alone does: pipes, edges, descriptors that run out, events that come too late."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import select
import socket
from typing import TYPE_CHECKING

import pytest

from dualstack.gateway.relay.link import Reason
from dualstack.gateway.relay.stream import side
from dualstack.gateway.relay.stream.engine_link import EngineLink
from dualstack.gateway.relay.stream.epoll_engine import Engine

if TYPE_CHECKING:
    from pathlib import Path

    from tests.kernel.dataplane.conftest import World

pytestmark = pytest.mark.parametrize("kind", [Engine], ids=["engine"])


def engine(world: World) -> Engine:
    assert isinstance(world.plane, Engine)
    return world.plane


def link_of(world: World) -> EngineLink:
    (link,) = world.plane.links
    assert isinstance(link, EngineLink)
    return link


async def test_a_reset_is_noticed_while_the_other_side_takes_nothing(world: World) -> None:
    gate = world.open()
    client, _server = await world.pair()
    await world.fill(client)
    world.break_off(client)
    assert (await gate.over.get()).reason is Reason.CLIENT_RESET


async def test_a_reset_is_noticed_after_the_end_of_the_same_side(world: World) -> None:
    gate = world.open()
    client, server = await world.pair()
    client.shutdown(socket.SHUT_WR)
    assert await world.read(server) == b""
    world.break_off(client)
    assert (await gate.over.get()).reason is Reason.CLIENT_RESET


@pytest.mark.parametrize(
    ("options", "silent_s"),
    [({"keepalive_s": 60.0}, 11), ({"keepalive_s": 2.0}, 2.2), ({"keepalive_s": 60.0, "connect_timeout_s": 1e6}, 64)],
    ids=["at the end of the connect timeout", "before it", "long before it"],
)
async def test_a_server_is_asked_for_signs_of_life_once_it_may_be_silent(
    world: World, options: dict[str, float], silent_s: float
) -> None:
    """Twice 60 s after its last byte it is noticed: so the kernel has to know before the first 60 are over."""
    world.open(**options)
    await world.pair()
    await world.until(lambda: isinstance(link_of(world).server, side.Side))
    server = link_of(world).server.sock
    assert not server.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    await world.move(silent_s)
    assert server.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    assert server.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == options["keepalive_s"]


async def test_pooled_pipes_are_closed_within_ten_seconds_of_the_last_use(world: World) -> None:
    world.open()
    before = world.open_descriptors()
    pairs = [await world.pair() for _ in range(20)]
    await asyncio.gather(*(world.fill(client) for client, _ in pairs))
    for client, server in pairs:
        client.close()
        await world.read(server)
        server.close()
    await world.until(lambda: not world.plane.links)
    spare = len(engine(world).pipes)
    assert spare <= 16
    assert world.open_descriptors() == before + 2 * spare
    await world.move(5)
    await world.move(5)
    assert world.open_descriptors() == before


async def test_a_pipe_that_holds_bytes_of_a_broken_connection_is_not_used_again(world: World) -> None:
    gate = world.open()
    client, _ = await world.pair()
    await world.fill(client)
    world.break_off(client)
    await gate.over.get()
    assert len(engine(world).pipes) == 0


async def test_without_pipes_bytes_are_copied(world: World) -> None:
    gate = world.open()
    engine(world).pipes._limit = 0
    client, server = await world.pair()
    story = os.urandom(5_000_000)
    sending = asyncio.ensure_future(world.send(client, story))
    assert await world.read(server, len(story)) == story
    await sending
    client.close()
    server.close()
    assert (await gate.over.get()).bytes_up == len(story)


async def test_where_splice_is_forbidden_bytes_are_copied(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object, **__: object) -> int:
        raise PermissionError(errno.EPERM, "seccomp says no")

    monkeypatch.setattr(os, "splice", forbidden)
    world.open()
    client, server = await world.pair()
    story = os.urandom(5_000_000)
    sending = asyncio.ensure_future(world.send(client, story))
    assert await world.read(server, len(story)) == story
    await sending


async def test_small_messages_after_a_bulk_transfer_go_through_no_pipe(world: World) -> None:
    world.open()
    client, server = await world.pair()
    sending = asyncio.ensure_future(world.send(client, bytes(20_000_000)))
    await world.read(server, 20_000_000)
    await sending
    for _ in range(3):
        await world.send(client, b"small")
        assert await world.read(server, 5) == b"small"
    (link,) = world.plane.links
    assert isinstance(link.client, side.Side)
    assert link.client.mode is side.TransferMode.COPY


async def test_an_urgent_mark_in_a_bulk_transfer_does_not_hold_it_up(world: World) -> None:
    world.open()
    client, server = await world.pair()
    sending = asyncio.ensure_future(world.send(client, bytes(3_000_000)))
    await world.read(server, 1_000_000)
    await world.read(server, 2_000_000)
    await sending
    client.send(b"!", socket.MSG_OOB)
    sending = asyncio.ensure_future(world.send(client, b"after" * 100_000))
    assert await world.read(server, 500_001) == b"!" + b"after" * 100_000
    await sending


async def test_a_unix_server_with_a_full_queue_is_asked_again(world: World, tmp_path: Path) -> None:
    back = world.keep(socket.socket(socket.AF_UNIX))
    back.bind(str(tmp_path / "back"))
    back.listen(0)
    first = world.keep(socket.socket(socket.AF_UNIX))
    first.connect(str(tmp_path / "back"))
    gate = world.open(back)
    client = await world.client()
    await world.until(lambda: bool(gate.admitted))
    await world.server(back)
    await world.move(0.1)
    server = await world.server(back)
    await world.send(server, b"welcome")
    assert await world.read(client, 7) == b"welcome"


async def test_a_unix_server_whose_queue_stays_full_is_given_up_in_time(world: World, tmp_path: Path) -> None:
    back = world.keep(socket.socket(socket.AF_UNIX))
    back.bind(str(tmp_path / "back"))
    back.listen(0)
    first = world.keep(socket.socket(socket.AF_UNIX))
    first.connect(str(tmp_path / "back"))
    gate = world.open(back, connect_timeout_s=1)
    client = await world.client()
    for _ in range(30):
        await world.move(0.05)
    assert await world.outcome(client) == "reset"
    assert (await gate.over.get()).errno == errno.ETIMEDOUT


async def test_clients_wait_for_descriptors_without_spinning(world: World) -> None:
    gate = world.open()
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    deaf = world.deaf_end()
    clients = [await world.client() for _ in range(5)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (clients[-1].fileno() + 1, limit[1]))
    turns = 0

    def count() -> None:
        nonlocal turns
        turns += 1
        engine(world)._turn()

    try:
        await world.move(0)
        world.loop.add_reader(engine(world)._epoll.fileno(), count)
        await world.is_stuck(deaf)
    finally:
        world.loop.add_reader(engine(world)._epoll.fileno(), engine(world)._turn)
        resource.setrlimit(resource.RLIMIT_NOFILE, limit)
    assert turns < 10
    assert not gate.admitted
    await world.move(0.2)
    await world.until(lambda: len(gate.admitted) == 5)


async def test_a_failure_in_one_connection_is_reported_and_the_next_goes_on(world: World) -> None:
    world.open()
    pairs = [await world.pair() for _ in range(2)]
    first = min(world.plane.links, key=lambda link: link.started).client

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    failing = type("Failing", (), {"ready": fail})()
    assert isinstance(first, side.Side)
    engine(world)._place(first.fd, failing)
    for client, _ in pairs:
        client.send(b"x")
    assert await world.read(pairs[1][1], 1) == b"x"
    assert isinstance(world.unhandled.pop()["exception"], ZeroDivisionError)


async def test_a_server_that_resets_while_its_pipe_is_full_ends_the_link(world: World) -> None:
    gate = world.open()
    client, server = await world.pair()
    filling = asyncio.ensure_future(world.fill(client))
    await world.read(server, 1_000_000)
    await filling
    world.break_off(server)
    link = await gate.over.get()
    assert (link.reason, len(engine(world).pipes)) == (Reason.SERVER_RESET, 0)
    assert await world.outcome(client) == "reset"


async def test_a_system_that_watches_no_more_descriptors_costs_the_client_that_came_then(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = world.open()
    with monkeypatch.context() as patch:
        patch.setattr(engine(world), "_epoll", FullEpoll(engine(world)._epoll))
        client = await world.client()
        assert await world.outcome(client) == "reset"
    assert (await gate.over.get()).errno == errno.ENOSPC
    client, server = await world.pair()
    await world.send(server, b"x")
    assert await world.read(client, 1) == b"x"


class FullEpoll:
    """An epoll set that takes nobody in (epoll_ctl(2), ENOSPC)."""

    def __init__(self, epoll: select.epoll) -> None:
        self._epoll = epoll

    def poll(self, timeout: float, maxevents: int) -> list[tuple[int, int]]:
        return self._epoll.poll(timeout, maxevents)

    def register(self, *_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


async def test_a_server_that_answered_in_a_pause_has_answered(world: World) -> None:
    back = world.deaf()
    gate = world.open(back, idle_timeout_s=60, connect_timeout_s=30)
    client = await world.client()
    await world.until(lambda: bool(world.plane.links))
    await world.move(0)
    back.accept()[0].close()
    # The kernel asks once more, and the loop has no turn meanwhile.
    assert select.select([back], [], [], 20)[0]
    world.loop.ahead_s += 3600
    world.plane._look_at_silent_links()
    server = await world.server(back)
    await world.send(client, b"hello")
    assert await world.read(server, 5) == b"hello"
    assert gate.over.empty()
