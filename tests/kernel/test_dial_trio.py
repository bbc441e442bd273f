"""What trio adds to a connection: its stream, and its cancellation at any point (X2)."""

import os
import random
from collections.abc import Iterator
from contextlib import suppress

import pytest
import trio

import dualstack
from dualstack import Dialer
from dualstack.kernel import attempts
from dualstack.trio import open_tcp_stream
from support.dialling import Resolver, Servers, descriptors, nothing_left_open

DIALS = int(os.environ.get("DUALSTACK_TEST_DIALS", "200"))


@pytest.fixture
def servers() -> Iterator[Servers]:
    with Servers() as made:
        yield made


def named() -> Dialer:
    resolver = Resolver({"mail.example": {4: ["127.0.0.1"], 6: ["::1"]}, "never.example": {4: None, 6: None}})
    return Dialer(resolver=resolver, attempt_delay=0.010, history=None)


def test_a_stream_that_talks(servers: Servers) -> None:
    servers.accept("::1")

    async def main() -> None:
        async with await open_tcp_stream("mail.example", servers.port, dialer=named(), timeout=20) as stream:
            assert isinstance(stream, trio.SocketStream)
            await stream.send_all(b"hello")
            peer = await trio.to_thread.run_sync(servers.peer, "::1")
            assert await trio.to_thread.run_sync(peer.recv, 5) == b"hello"

    trio.run(main)


def test_cancelled_while_it_looks_up() -> None:
    dialer = named()

    async def main() -> None:
        with trio.move_on_after(0.01) as limit:
            await open_tcp_stream("never.example", 80, dialer=dialer)
        assert limit.cancelled_caught

    with dialer.resolver, nothing_left_open():
        trio.run(main)


def test_cancelled_while_it_connects(servers: Servers) -> None:
    servers.silent("::1", "127.0.0.1")
    steps: list[dualstack.DialStep] = []

    async def main() -> None:
        with trio.CancelScope() as scope:

            def on_step(step: dualstack.DialStep) -> None:
                steps.append(step)
                if step.kind == "attempt" and step.facts["number"] == 1:
                    scope.cancel()

            await open_tcp_stream("mail.example", servers.port, dialer=named(), on_step=on_step)
        assert scope.cancelled_caught

    with nothing_left_open():
        trio.run(main)
    assert steps[-1].kind == "cancelled"


def test_cancelled_before_it_begins(servers: Servers) -> None:
    servers.accept("::1")

    async def main() -> None:
        with trio.CancelScope() as scope:
            scope.cancel()
            await open_tcp_stream("::1", servers.port)
        assert scope.cancelled_caught

    with nothing_left_open():
        trio.run(main)


async def _cancel(scope: trio.CancelScope, turns: int) -> None:
    for _ in range(turns):
        await trio.lowlevel.checkpoint()
    scope.cancel()


def _accept_all(servers: Servers) -> None:
    for listener in servers.listening.values():
        listener.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                listener.accept()[0].close()


@pytest.mark.timeout(60 + DIALS / 20)
def test_cancelled_at_random_points_no_descriptor_is_left(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    # As where every connection has to be waited for, so that there are more points to be cancelled at.
    monkeypatch.setattr(attempts, "_CAN_ASK_AGAIN", False)
    servers.accept("::1", "127.0.0.1", backlog=4096)
    chance = random.Random(4)  # noqa: S311 - the same points each time
    dialer = named()

    async def one() -> None:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                if chance.random() < 0.5:
                    nursery.start_soon(_cancel, scope, chance.randrange(12))
                stream = await open_tcp_stream("mail.example", servers.port, dialer=dialer, timeout=20)
                stream.socket.close()
                nursery.cancel_scope.cancel()

    async def main() -> None:
        before = descriptors()
        for _ in range(DIALS):
            await one()
            _accept_all(servers)
        assert descriptors() == before

    trio.run(main)
