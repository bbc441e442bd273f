"""`open_datagram` with real sockets: who was asked answers, whoever calls, blocking or not (N8)."""

import asyncio
import os
import socket
import threading
from contextlib import closing
from ipaddress import ip_address

import pytest

import dualstack
from dualstack import Address, DatagramServer, ListenError, open_datagram
from dualstack.errors import AddressError, ConfigError
from dualstack.kernel import datagrams
from dualstack.kernel.datagrams import answer_from, asked_address, connected

FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}


def client_of(server: DatagramServer, host: str) -> socket.socket:
    """A connected client, which hears nobody but the address it asked."""
    client = socket.socket(FAMILIES[ip_address(host).version], socket.SOCK_DGRAM)
    client.settimeout(10)
    client.connect((host, server.sockets[0].getsockname()[1]))
    return client


@pytest.mark.parametrize("sockets", ["single", "pair"])
@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1"])
def test_an_answer_comes_from_the_address_that_was_asked(host: str, sockets: str) -> None:
    with open_datagram("*:0", sockets=sockets) as server, client_of(server, host) as client:
        client.send(b"question")
        got = server.receive(timeout=10)
        assert (got.content, got.port) == (b"question", client.getsockname()[1])
        assert got.peer == Address(client.getsockname())
        assert got.asked == Address(host), "IPv4 is never mapped"
        got.answer(b"answer")
        assert client.recv(100) == b"answer"


@pytest.mark.parametrize("host", ["127.0.0.2", "::1"])
def test_a_socket_bound_to_an_address_is_asked_at_that(host: str) -> None:
    with open_datagram(f"{'[::1]' if host == '::1' else host}:0") as server, client_of(server, host) as client:
        client.send(b"question")
        got = server.receive(timeout=10)
        assert got.asked == Address(host)
        got.answer(b"answer")
        assert client.recv(100) == b"answer"


def test_sixty_kilobytes_pass_whole() -> None:
    with open_datagram("*:0") as server, client_of(server, "127.0.0.1") as client:
        client.send(bytes(60_000))
        got = server.receive(timeout=10)
        got.answer(got.content)
        assert client.recv(1 << 16) == bytes(60_000)


def test_without_a_datagram_in_time_the_wait_is_over() -> None:
    with open_datagram("127.0.0.1:0") as server, pytest.raises(TimeoutError, match=r"no datagram within 0\.01 s"):
        server.receive(timeout=0.01)


def test_a_blocking_caller_is_woken() -> None:
    with open_datagram("*:0", sockets="pair") as server, client_of(server, "::1") as client:
        got: list[bytes] = []
        waiting = threading.Thread(target=lambda: got.append(server.receive().content))
        waiting.start()
        client.send(b"question")
        waiting.join(10)
        assert got == [b"question"]


@pytest.mark.parametrize("sockets", ["single", "pair"])
def test_a_task_takes_from_both_families(sockets: str) -> None:
    async def scenario() -> None:
        with (
            open_datagram("*:0", sockets=sockets) as server,
            client_of(server, "127.0.0.1") as client4,
            client_of(server, "::1") as client6,
        ):
            asyncio.get_running_loop().call_soon(client4.send, b"4")
            assert (await server.receive_async()).content == b"4"
            client6.send(b"6")
            async for datagram in server:
                assert datagram.content == b"6"
                break

    asyncio.run(scenario())


def test_a_task_that_gives_up_leaves_the_loop_as_it_was_and_two_cannot_wait() -> None:
    async def scenario() -> None:
        with open_datagram("*:0") as server, client_of(server, "::1") as client:
            first = asyncio.create_task(server.receive_async())
            await asyncio.sleep(0)
            with pytest.raises(RuntimeError, match="another task waits"):
                await server.receive_async()
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)
            assert not asyncio.get_running_loop().remove_reader(server.sockets[0])
            client.send(b"question")
            assert (await server.receive_async()).content == b"question"

    asyncio.run(scenario())


def test_a_task_with_much_to_take_lets_others_have_their_turn() -> None:
    async def scenario() -> None:
        turns = 0

        async def other() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        with open_datagram("127.0.0.1:0") as server, client_of(server, "127.0.0.1") as client:
            for _ in range(128):
                client.send(b"x")
            beside = asyncio.create_task(other())
            for _ in range(128):
                await server.receive_async()
            beside.cancel()
        assert turns >= 2

    asyncio.run(scenario())


def test_port_0_is_one_number_in_both_families() -> None:
    with open_datagram("*:0", sockets="pair") as server:
        assert len({sock.getsockname()[1] for sock in server.sockets}) == 1
        assert len(server.sockets) == 2


def test_a_number_that_is_taken_is_said_and_nothing_is_left_open() -> None:
    with open_datagram("127.0.0.1:0") as server:
        number = server.sockets[0].getsockname()[1]
        with pytest.raises(ListenError, match=r"address in use by 127\.0\.0\.1"):
            open_datagram(f"127.0.0.1:{number}")


@pytest.mark.parametrize(("where", "kind"), [("nobody knows", AddressError), ("*:70000", AddressError)])
def test_what_cannot_be_read_is_an_error(where: str, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        open_datagram(where)


def test_an_option_that_is_none_is_an_error() -> None:
    with pytest.raises(ConfigError, match="expected one of auto, single, pair"):
        open_datagram("*:0", sockets="three")


def test_the_package_has_it() -> None:
    assert {"open_datagram", "Datagram", "DatagramServer"} <= set(dualstack.__all__)


# What the kernel says of who was asked, and what is said back.

PKTINFO6 = (socket.IPPROTO_IPV6, getattr(socket, "IPV6_PKTINFO", 50))
PKTINFO4 = (socket.IPPROTO_IP, 8)
linux = pytest.mark.skipif(datagrams._IP_OPTION != 8, reason="the layout of Linux")


def in6(address: str, interface: int) -> bytes:
    return Address(address).packed + interface.to_bytes(4, "little")


@pytest.mark.parametrize(
    ("asked", "interface", "answers_by"),
    [("2001:db8::1", 7, 0), ("::ffff:192.0.2.1", 7, 0), ("fe80::1", 7, 7)],
)
def test_the_route_back_is_the_kernels_but_for_link_local_addresses(
    asked: str, interface: int, answers_by: int
) -> None:
    assert answer_from([(*PKTINFO6, in6(asked, interface))]) == ((*PKTINFO6, in6(asked, answers_by)),)


@pytest.mark.parametrize("group", ["ff02::fb", "::ffff:224.0.0.251"])
def test_no_answer_leaves_from_a_group(group: str) -> None:
    assert answer_from([(*PKTINFO6, in6(group, 7))]) == ()


@linux
def test_an_answer_to_a_broadcast_leaves_from_the_address_of_its_interface() -> None:
    own, everybody = Address("192.0.2.1").packed, Address("192.0.2.255").packed
    info = (7).to_bytes(4, "little") + own + everybody
    assert answer_from([(*PKTINFO4, info)]) == ((*PKTINFO4, bytes(4) + own + bytes(4)),)
    assert asked_address([(*PKTINFO4, info)]) == Address("192.0.2.255")


@linux
def test_an_answer_leaves_from_the_address_asked_where_no_other_is_named() -> None:
    asked = Address("192.0.2.1").packed
    assert answer_from([(*PKTINFO4, bytes(8) + asked)]) == ((*PKTINFO4, bytes(4) + asked + bytes(4)),)


def test_where_the_system_does_not_say_who_was_asked_nothing_is_said_back() -> None:
    foreign = [(socket.SOL_SOCKET, 1, b"")]
    assert answer_from(foreign) == ()
    assert asked_address(foreign) is None


def test_a_system_without_messages_answers_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datagrams, "_HAS_MESSAGES", False)
    with open_datagram("0.0.0.0:0") as server, client_of(server, "127.0.0.1") as client:
        client.send(b"question")
        got = server.receive(timeout=10)
        assert got.asked is None
        got.answer(b"answer")
        assert client.recv(100) == b"answer"
        client.send(b"another")
        buffer = memoryview(bytearray(100))
        server.sockets[0].setblocking(True)
        size, ancillary, _, peer = datagrams.receiver_into(server.sockets[0], buffer)()
        assert (bytes(buffer[:size]), ancillary, peer) == (b"another", (), client.getsockname())


def test_a_socket_is_of_one_family_and_does_not_block() -> None:
    with closing(datagrams.unconnected(socket.AF_INET6, ("::1", 0), "lo")) as sock:
        assert sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 1
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 16).rstrip(b"\0") == b"lo"
        assert sock.getsockname()[0] == "::1"
        assert (sock.type, os.get_blocking(sock.fileno())) == (socket.SOCK_DGRAM, False)
    with closing(datagrams.unconnected(socket.AF_INET6)) as sock:
        assert sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 1


def test_a_socket_that_has_no_way_leaves_nothing_open() -> None:
    with pytest.raises(OSError, match="address"):
        connected(socket.AF_INET, ("127.0.0.1", 9), source=("192.0.2.1", 0))
