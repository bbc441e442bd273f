"""What clients and servers may rely on, whichever plane relays between them."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dualstack.gateway.relay.link import Reason
from dualstack.kernel.streams import as_socket, reset

if TYPE_CHECKING:
    from tests.kernel.dataplane.conftest import World


def socket_limit(name: str) -> int:
    return int(Path("/proc/sys/net/ipv4", name).read_text().split()[2])


SIZES = [1, 65535, 65536, 65537, 131072, 131073, 3_000_000]


@pytest.mark.parametrize("size", SIZES)
async def test_bytes_arrive_as_they_were_sent_both_ways_at_once(world: World, size: int) -> None:
    gate = world.open()
    client, server = await world.pair()
    up, down = os.urandom(size), os.urandom(size)

    async def send(sock: socket.socket, piece: bytes) -> None:
        await world.send(sock, piece)
        sock.shutdown(socket.SHUT_WR)

    got_down, got_up, _, _ = await asyncio.gather(
        world.read(client), world.read(server), send(client, up), send(server, down)
    )
    assert (got_up == up, got_down == down) == (True, True)
    link = await gate.over.get()
    assert (link.reason, link.bytes_up, link.bytes_down) == (Reason.ENDED, size, size)


async def test_a_client_that_ends_first_gets_the_whole_answer(world: World) -> None:
    world.open()
    client, server = await world.pair()
    await world.send(client, b"question")
    client.shutdown(socket.SHUT_WR)
    assert await world.read(server) == b"question"
    answer = os.urandom(5_000_000)
    await asyncio.gather(world.send(server, answer), world.read(client, 1_000_000))
    server.close()
    assert await world.read(client) == answer[1_000_000:]


async def test_a_server_that_ends_first_gets_all_that_the_client_has_to_say(world: World) -> None:
    world.open()
    client, server = await world.pair()
    await world.send(server, b"220 ready")
    server.shutdown(socket.SHUT_WR)
    assert await world.read(client) == b"220 ready"
    story = os.urandom(5_000_000)
    await asyncio.gather(world.send(client, story), world.read(server, 1_000_000))
    client.close()
    assert await world.read(server) == story[1_000_000:]


async def test_a_reset_of_the_client_reaches_the_server(world: World) -> None:
    gate = world.open()
    client, server = await world.pair()
    await world.send(client, b"x")
    assert await world.read(server, 1) == b"x"
    world.break_off(client)
    assert await world.outcome(server) == "reset"
    link = await gate.over.get()
    assert (link.reason, link.errno) == (Reason.CLIENT_RESET, errno.ECONNRESET)


async def test_a_reset_of_the_server_reaches_the_client(world: World) -> None:
    gate = world.open()
    client, server = await world.pair()
    world.break_off(server)
    assert await world.outcome(client) == "reset"
    link = await gate.over.get()
    assert (link.reason, link.errno) == (Reason.SERVER_RESET, errno.ECONNRESET)


async def test_a_reset_in_the_middle_of_a_transfer_ends_it_on_the_other_side(world: World) -> None:
    gate = world.open()
    client, server = await world.pair()
    filling = asyncio.ensure_future(world.fill(server))
    await world.read(client, 1_000_000)
    world.break_off(client)
    with pytest.raises((ConnectionResetError, BrokenPipeError)):  # noqa: PT012 - sooner or later
        await filling
        await world.send(server, bytes(1 << 20))
    assert (await gate.over.get()).reason is Reason.CLIENT_RESET


async def test_a_slow_reader_stops_the_writer_and_loses_nothing(world: World) -> None:
    gate = world.open()
    client = await world.client(receive_buffer=1 << 16)
    server = await world.server()
    held = await world.fill(server)
    # What the kernel lets two connections' sockets take, and one pipe or buffer; not all that a writer has.
    assert held < 2 * (socket_limit("tcp_rmem") + socket_limit("tcp_wmem")) + (1 << 20)
    server.close()
    assert len(await world.read(client)) == held
    client.close()
    assert (await gate.over.get()).reason is Reason.ENDED


async def test_a_stuck_direction_does_not_stop_the_other(world: World) -> None:
    world.open()
    client, server = await world.pair()
    await world.fill(server)
    await world.send(client, b"still here")
    assert await world.read(server, 10) == b"still here"


async def test_a_silent_connection_is_reset_when_its_time_is_up(world: World) -> None:
    gate = world.open(idle_timeout_s=60)
    client, server = await world.pair()
    await world.move(59)
    assert gate.over.empty()
    await world.move(6)
    assert (await gate.over.get()).reason is Reason.IDLE
    assert (await world.outcome(client), await world.outcome(server)) == ("reset", "reset")


async def test_a_byte_either_way_starts_the_idle_time_anew(world: World) -> None:
    gate = world.open(idle_timeout_s=60)
    client, server = await world.pair()
    for source, sink in [(client, server), (server, client), (client, server)]:
        await world.move(50)
        await world.send(source, b"x")
        assert await world.read(sink, 1) == b"x"
    # The kernel may take 40 ms to hear that the last byte came: until then it is one that is not taken.
    await world.until(lambda: not world.unsent())
    await world.move(50)
    assert gate.over.empty()
    await world.move(16)
    assert (await gate.over.get()).reason is Reason.IDLE


async def test_a_slow_reader_of_what_the_kernel_holds_is_not_silent(world: World) -> None:
    gate = world.open(idle_timeout_s=60)
    client = await world.client(receive_buffer=1 << 16)
    server = await world.server()
    await world.fill(server)
    for _ in range(4):
        await world.move(66)
        assert gate.over.empty()
        # Enough for the client's kernel to ask for more, not for the relay to write more.
        assert len(await world.read(client, 1 << 17)) == 1 << 17
    # Nothing is read any more: one look finds that some was, the next that none is.
    await world.move(66)
    assert gate.over.empty()
    await world.move(66)
    assert (await gate.over.get()).reason is Reason.IDLE


async def test_bytes_that_waited_in_a_pause_are_no_silence(world: World) -> None:
    """As after SIGCONT: all delays are over, and the loop tells of that before it tells of the bytes."""
    gate = world.open(idle_timeout_s=60)
    client, server = await world.pair()
    silent, _ = await world.pair()
    await world.move(0)
    for source, sink in [(client, server), (server, client)]:
        source.send(b"x")
        world.loop.ahead_s += 3600
        world.plane._look_at_silent_links()
        assert await world.read(sink, 1) == b"x"
    assert (await gate.over.get()).reason is Reason.IDLE
    assert await world.outcome(silent) == "reset"
    assert len(world.plane.links) == 1
    await world.move(66)
    assert (await gate.over.get()).reason is Reason.IDLE


async def test_an_end_that_waited_in_a_pause_is_no_silence(world: World) -> None:
    gate = world.open(idle_timeout_s=60)
    client, server = await world.pair()
    await world.move(0)
    server.close()
    client.close()
    world.loop.ahead_s += 3600
    world.plane._look_at_silent_links()
    assert (await gate.over.get()).reason in {Reason.ENDED, Reason.CLIENT_RESET, Reason.SERVER_RESET}


async def test_what_waited_to_be_written_in_a_pause_is_no_silence(world: World) -> None:
    gate = world.open(idle_timeout_s=60)
    client, server = await world.pair()
    held = await world.fill(server)
    heard = len(client.recv(held))
    while True:
        try:
            heard += len(client.recv(held))
        except BlockingIOError:
            break
    world.loop.ahead_s += 3600
    world.plane._look_at_silent_links()
    server.close()
    assert heard + len(await world.read(client)) == held
    assert gate.over.empty()


async def test_without_a_server_the_client_is_reset(world: World) -> None:
    world.back.close()
    nobody = world.listening(socket.AF_INET)
    gate = world.open(nobody)
    nobody.close()
    client = await world.client()
    assert await world.outcome(client) == "reset"
    link = await gate.over.get()
    assert (link.reason, link.errno) == (Reason.UNREACHED, errno.ECONNREFUSED)
    assert [number for _, number in link.failures] == [errno.ECONNREFUSED]


async def test_a_refused_address_costs_nothing_where_another_answers(world: World) -> None:
    nobody = world.listening(socket.AF_INET6)
    gate = world.open(nobody, world.back)
    nobody.close()
    client, server = await world.pair()
    await world.send(client, b"hello")
    assert await world.read(server, 5) == b"hello"
    (link,) = world.plane.links
    assert [number for _, number in link.failures] == [errno.ECONNREFUSED]
    assert gate.over.empty()


async def test_a_silent_address_leaves_an_equal_share_of_the_time_to_the_next(world: World) -> None:
    deaf = world.deaf()
    gate = world.open(deaf, world.back, connect_timeout_s=10)
    client = await world.client()
    await world.until(lambda: bool(gate.admitted))
    await world.move(4.9)
    assert not world.is_called(world.back)
    await world.move(0.5)
    server = await world.server()
    await world.send(client, b"hello")
    assert await world.read(server, 5) == b"hello"


async def test_when_all_addresses_are_silent_the_client_is_reset_in_time(world: World) -> None:
    gate = world.open(world.deaf(), connect_timeout_s=10)
    client = await world.client()
    await world.until(lambda: bool(gate.admitted))
    await world.move(10.7)
    assert await world.outcome(client) == "reset"
    link = await gate.over.get()
    assert (link.reason, link.errno) == (Reason.UNREACHED, errno.ETIMEDOUT)


async def test_a_client_that_leaves_during_the_connect_ends_it(world: World) -> None:
    gate = world.open(world.deaf(), connect_timeout_s=10)
    client = await world.client()
    await world.until(lambda: bool(gate.admitted))
    world.break_off(client)
    assert (await gate.over.get()).reason is Reason.CLIENT_LEFT


async def test_what_the_client_says_during_the_connect_is_kept_and_so_is_its_end(world: World) -> None:
    gate = world.open(world.deaf(), world.back, connect_timeout_s=10)
    client = await world.client()
    await world.send(client, b"early")
    client.shutdown(socket.SHUT_WR)
    await world.until(lambda: bool(gate.admitted))
    await world.move(5.4)
    server = await world.server()
    assert await world.read(server) == b"early"
    await world.send(server, b"late")
    server.close()
    assert await world.read(client) == b"late"


async def test_a_preface_goes_before_what_the_client_says(world: World) -> None:
    gate = world.open(preface=b"PROXY UNKNOWN\r\n")
    client, server = await world.pair()
    await world.send(client, b"hello")
    client.shutdown(socket.SHUT_WR)
    assert await world.read(server) == b"PROXY UNKNOWN\r\nhello"
    server.close()
    assert (await gate.over.get()).bytes_up == 20


async def test_left_over_bytes_of_a_handshake_are_delivered_first(world: World) -> None:
    gate = world.gate(None)
    world.plane.listen(world.front, gate)
    client = await world.client()
    await world.until(lambda: bool(gate.admitted))
    dialled = as_socket(socket.create_connection(world.back.getsockname()))
    server = await world.server()
    taken_over, peer = gate.admitted[0]
    leftover = os.urandom(300_000)
    link = world.plane.relay(taken_over, dialled, gate, peer=peer, leftover=leftover)
    await world.send(client, b"then this")
    client.shutdown(socket.SHUT_WR)
    assert await world.read(server) == leftover + b"then this"
    server.close()
    assert await gate.over.get() is link


async def test_an_end_right_behind_the_last_bytes_is_not_overlooked(world: World) -> None:
    gate = world.open()
    for size in (1, 100, 65536, 131072, 200_000) * 20:
        client, server = await world.pair()
        server.setblocking(True)
        sending = world.loop.run_in_executor(None, server.sendall, bytes(size))
        await sending if size <= 65536 else None
        got = asyncio.ensure_future(world.read(client))
        await sending
        server.close()
        assert len(await got) == size
        client.close()
        assert (await gate.over.get()).reason is Reason.ENDED


async def test_urgent_bytes_keep_their_place(world: World) -> None:
    world.open()
    client, server = await world.pair()
    for _ in range(20):
        client.send(b"before")
        client.send(b"!", socket.MSG_OOB)
        client.send(b"after")
        assert await world.read(server, 12) == b"before!after"


async def test_bulk_transfers_do_not_starve_a_small_one(world: World) -> None:
    world.open()
    pairs = [await world.pair() for _ in range(5)]
    (client, server), *bulk = pairs
    poured = [0]

    async def pour(source: socket.socket) -> None:
        while True:
            await world.send(source, bytes(1 << 20))

    async def drink(sink: socket.socket) -> None:
        while True:
            poured[0] += len(await world.read(sink, 1 << 20))

    forever = [asyncio.ensure_future(side) for source, sink in bulk for side in (pour(source), drink(sink))]
    for _ in range(100):
        await world.send(client, b"x")
        assert await world.read(server, 1) == b"x"
        await world.send(server, b"y")
        assert await world.read(client, 1) == b"y"
    assert poured[0] > 100 << 20
    for task in forever:
        task.cancel()
    await asyncio.wait(forever)


async def test_draining_waits_for_those_that_end_and_aborts_the_rest(world: World) -> None:
    gate = world.open()
    first, second = await world.pair(), await world.pair()
    draining = asyncio.ensure_future(world.plane.drain(60))
    await asyncio.sleep(0)
    for sock in first:
        sock.close()
    assert (await gate.over.get()).reason is Reason.ENDED
    assert not draining.done()
    await world.move(61)
    assert await draining == 1
    assert (await gate.over.get()).reason is Reason.ABORTED
    assert [await world.outcome(sock) for sock in second] == ["reset", "reset"]


async def test_draining_is_over_with_the_last_link_asked_for(world: World) -> None:
    world.open()
    asked = await world.pair()
    (link,) = world.plane.links
    await world.pair()
    draining = asyncio.ensure_future(world.plane.drain(60, [link]))
    await asyncio.sleep(0)
    for sock in asked:
        sock.close()
    assert await draining == 0
    assert len(world.plane.links) == 1


async def test_without_descriptors_clients_wait_and_none_is_lost(world: World) -> None:
    gate = world.open()
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    clients = [world.keep(socket.socket(socket.AF_INET6)) for _ in range(20)]
    highest = max(sock.fileno() for sock in clients)
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 6, limit[1]))
    try:
        for sock in clients:
            await world.loop.sock_connect(sock, world.front.getsockname())
        await world.until(lambda: bool(gate.admitted))
        for _ in range(50):
            await world.move(0.01)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limit)
    await world.move(0.2)
    servers = [await world.server() for _ in clients]
    for sock in clients:
        await world.send(sock, b"x")
    for sock in servers:
        assert await world.read(sock, 1) == b"x"


async def test_a_port_that_stops_takes_in_who_waits(world: World) -> None:
    gate = world.open()
    clients = [await world.client() for _ in range(40)]
    world.plane.accept_pending(world.front)
    world.plane.unlisten(world.front)
    assert len(gate.admitted) == 40
    world.front.close()
    for sock in clients:
        server = await world.server()
        await world.send(server, b"welcome")
        assert await world.read(sock, 7) == b"welcome"


async def test_a_socket_not_listened_on_any_more_accepts_nobody_and_can_be_taken_up_again(world: World) -> None:
    gate = world.open()
    world.plane.unlisten(world.front)
    world.plane.unlisten(world.front)
    client = await world.client()
    await world.move(1)
    assert not gate.admitted
    world.plane.listen(world.front, gate)
    server = await world.server()
    await world.send(server, b"welcome")
    assert await world.read(client, 7) == b"welcome"


async def test_a_socket_that_stopped_listening_by_itself_is_reported_and_left(world: World) -> None:
    gate = world.open()
    world.front.shutdown(socket.SHUT_RDWR)
    await world.until(lambda: bool(world.unhandled))
    context = world.unhandled.pop()
    assert isinstance(context["exception"], OSError)
    await world.move(1)
    assert not world.unhandled
    world.front.listen()
    world.plane.listen(world.front, gate)
    client, server = await world.pair()
    await world.send(server, b"x")
    assert await world.read(client, 1) == b"x"


async def test_the_source_address_is_the_one_asked_for(world: World) -> None:
    hop = world.target().hops[0]
    gate = world.gate(type(world.target())((type(hop)(hop.family, hop.address, ("127.0.0.9", 0)),)))
    world.plane.listen(world.front, gate)
    _, server = await world.pair()
    assert server.getpeername()[0] == "127.0.0.9"


async def test_a_gate_may_keep_or_refuse_a_client(world: World) -> None:
    gate = world.gate(None)
    world.plane.listen(world.front, gate)
    client = await world.client()
    await world.until(lambda: bool(gate.admitted))
    kept, peer = gate.admitted[0]
    assert kept.gettimeout() is None
    assert peer == client.getsockname()
    reset(kept)
    kept.close()
    assert await world.outcome(client) == "reset"
    assert not world.plane.links


async def test_a_gate_that_fails_costs_its_own_client_alone(world: World) -> None:
    class Failing:
        def admit(self, client: socket.SocketType, peer: object) -> None:  # noqa: ARG002
            raise LookupError

    world.plane.listen(world.front, Failing())
    client = await world.client()
    assert await world.outcome(client) == "end"
    context = world.unhandled.pop()
    assert isinstance(context["exception"], LookupError)


async def test_aborting_a_link_resets_both_sides(world: World) -> None:
    gate = world.open()
    client, server = await world.pair()
    (link,) = world.plane.links
    link.abort()
    link.abort()
    assert (await world.outcome(client), await world.outcome(server)) == ("reset", "reset")
    assert (await gate.over.get()).reason is Reason.ABORTED
    assert gate.over.empty()


async def test_closing_the_plane_resets_who_is_connected(world: World) -> None:
    world.open()
    client, server = await world.pair()
    world.plane.close()
    assert (await world.outcome(client), await world.outcome(server)) == ("reset", "reset")


async def test_a_unix_socket_can_be_the_target(world: World, tmp_path: Path) -> None:
    back = world.keep(socket.socket(socket.AF_UNIX))
    back.bind(str(tmp_path / "back"))
    back.listen(16)
    gate = world.open(back)
    client = await world.client()
    server = await world.server(back)
    story = os.urandom(3_000_000)
    sending = asyncio.gather(world.send(client, story), world.send(server, story))
    assert await asyncio.gather(world.read(server, len(story)), world.read(client, len(story))) == [story, story]
    await sending
    client.close()
    assert await world.read(server) == b""
    server.close()
    assert (await gate.over.get()).reason is Reason.ENDED


async def test_a_thousand_short_connections_a_third_of_them_reset_leave_nothing(world: World) -> None:
    gate = world.open()

    async def serve() -> None:
        for _ in range(1000):
            server = await world.server()
            await world.send(server, b"hello")
            server.close()

    async def visit(number: int) -> None:
        client = await world.client()
        assert await world.read(client, 1) == b"h"
        if number % 3:
            await world.read(client)
            client.close()
        else:
            world.break_off(client)

    async def visit_in_turn(numbers: range) -> None:
        for number in numbers:
            await visit(number)

    await asyncio.gather(serve(), *(visit_in_turn(range(first, 1000, 20)) for first in range(20)))
    for _ in range(1000):
        await gate.over.get()
    assert not world.plane.links
