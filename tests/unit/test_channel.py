"""Messages and sockets between our own processes: whole, in order, and nothing left open."""

import asyncio
import os
import socket
from collections.abc import Callable, Coroutine

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualstack.gateway.processes.channel import Channel, Frames, frames
from dualstack.gateway.processes.worker import _Worker
from dualstack.kernel.descriptor_passing import DESCRIPTORS_MAX
from dualstack.kernel.unix_sockets import socket_pair

Messages = st.lists(st.binary(min_size=1, max_size=40), max_size=3)


@given(messages=Messages, size=st.integers(1, 40))
def test_a_few_bytes_at_a_time_are_the_same_messages(messages: list[bytes], size: int) -> None:
    sent = b"".join(content for message in messages for content, _ in frames(message))
    received, whole = Frames(), []
    for start in range(0, len(sent), size):
        received.receive(sent[start : start + size], ())
        whole += [message for message, _ in received.whole()]
    assert whole == messages


@given(counts=st.lists(st.integers(0, 3 * DESCRIPTORS_MAX), max_size=4))
def test_each_message_gets_its_own_descriptors(counts: list[int]) -> None:
    """However many: a message of the kernel's carries no more than some."""
    received, whole, number = Frames(), [], 1000
    for index, count in enumerate(counts):
        for content, descriptors in frames(b"%d" % index, range(number, number + count)):
            assert len(descriptors) <= DESCRIPTORS_MAX
            received.receive(content, descriptors)
        number += count
    whole = list(received.whole())
    assert [(int(message), len(mine)) for message, mine in whole] == list(enumerate(counts))
    assert [each for _, mine in whole for each in mine] == list(range(1000, number))


def channels(scenario: Callable[[Channel, Channel], Coroutine[None, None, None]]) -> None:
    async def limited() -> None:
        ours, its = map(Channel, socket_pair())
        try:
            async with asyncio.timeout(20):
                await scenario(ours, its)
        finally:
            ours.close()
            its.close()

    asyncio.run(limited())


def test_sockets_come_with_their_message_and_are_not_passed_on() -> None:
    async def scenario(ours: Channel, its: Channel) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server, socket.create_server(("127.0.0.1", 0)) as second:
            await ours.send(b"1", [server])
            await ours.send(b"2")
            await ours.send(b"3", [second, server])
            got: list[tuple[int, list[socket.socket]]] = []
            while len(got) < 3:
                got += [(int(message), sockets) for message, sockets in await its.receive()]
        assert [(number, len(sockets)) for number, sockets in got] == [(1, 1), (2, 0), (3, 2)]
        assert got[0][1][0].getsockname() == got[2][1][1].getsockname()
        for _, sockets in got:
            for sock in sockets:
                assert not os.get_inheritable(sock.fileno())
                assert sock.gettimeout() == 0
                sock.close()

    channels(scenario)


def test_what_is_larger_than_the_sockets_buffer_waits_for_the_reader() -> None:
    async def scenario(ours: Channel, its: Channel) -> None:
        sending = asyncio.create_task(ours.send(b"x" * (1 << 22)))
        ((message, _),) = await its.receive()
        await sending
        assert len(message) == 1 << 22

    channels(scenario)


def test_the_end_is_the_end_whoever_makes_it() -> None:
    async def scenario(ours: Channel, its: Channel) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            for content, descriptors in frames(b"never whole", [server.fileno()]):
                socket.send_fds(ours._sock, [content[:8]], list(descriptors))
        ours.close()
        assert await its.receive() == []
        with pytest.raises(BrokenPipeError):
            await its.send(b"0")

    channels(scenario)


def test_a_worker_ends_with_the_trace_of_a_message_that_it_cannot_read() -> None:
    async def scenario(ours: Channel, its: Channel) -> None:
        await ours.send(b"rubbish")
        with pytest.raises(msgspec.DecodeError):
            await _Worker(its).obey()

    channels(scenario)
