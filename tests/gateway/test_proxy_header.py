"""PROXY headers at the gateway: read from named senders, written for targets, believed by rules and limits."""

import asyncio
import socket
from pathlib import Path

import pytest

from dualstack.core.address.address import Address
from dualstack.core.address.sockaddr import SocketAddress
from dualstack.errors import WireError
from dualstack.gateway.admission.proxy_header import read_header
from dualstack.wire.proxy_protocol import Ends, header
from support.gateway import SOON, Running, ended, run, running, service

ENDS = Ends(SocketAddress(Address("192.0.2.7"), 4000), SocketAddress(Address("192.0.2.1"), 143))
ENDS6 = Ends(SocketAddress(Address("2001:db8::7"), 4000), SocketAddress(Address("2001:db8::1"), 143))
SENDERS = '["127.0.0.0/8"]'


async def talk(r: Running, said: bytes, host: str = "127.0.0.1", name: str = "a") -> bytes:
    """All that is answered, the client's end included."""
    reader, writer = await asyncio.open_connection(host, r.port(name))
    try:
        writer.write(said)
        writer.write_eof()
        async with asyncio.timeout(SOON):
            return await reader.read()
    finally:
        writer.close()


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("ends", [ENDS, ENDS6], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize("to", ["127.0.0.1:BEHIND", "localhost:BEHIND"])
def test_a_header_goes_in_and_another_out(version: int, ends: Ends, to: str) -> None:
    async def scenario() -> None:
        async with running(service("a", to=to, proxy_in=SENDERS, proxy_out="1")) as r:
            got = await talk(r, header(version, ends) + b"hello\n")
            assert got == b"you: " + header(1, ends) + b"you: hello\n"

    run(scenario)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_targets_header_has_an_unmapped_client(host: str) -> None:
    async def scenario() -> None:
        async with running(service("a", "*:0", proxy_out="1", sockets='"single"')) as r:
            words = (await talk(r, b"", host)).split()
            family = b"TCP6" if ":" in host else b"TCP4"
            assert words[:5] == [b"you:", b"PROXY", family, host.encode(), host.encode()]
            assert int(words[6]) == r.port("a")

    run(scenario)


def test_a_unix_target_gets_the_second_version(tmp_path: Path) -> None:
    async def scenario() -> None:
        with socket.socket(socket.AF_UNIX) as listener:
            path = tmp_path / "s"
            listener.bind(str(path))
            listener.listen()
            async with running(service("a", to=f"unix:{path}", proxy_in=SENDERS, proxy_out="2")) as r:
                asking = asyncio.create_task(talk(r, header(1, ENDS) + b"hello"))
                server, _ = await asyncio.to_thread(listener.accept)
                with server:
                    content = b""
                    while piece := await asyncio.to_thread(server.recv, 100):
                        content += piece
                assert content == header(2, ENDS) + b"hello"
                await asking

    run(scenario)


def test_a_child_has_the_clients_facts_and_its_first_byte() -> None:
    async def scenario() -> None:
        script = "\"exec:/bin/sh -c 'read line; echo $TCPREMOTEIP $TCPREMOTEPORT $TCPLOCALIP $TCPLOCALPORT $line'\""
        text = service("a", to="TO", proxy_in=SENDERS).replace("'TO'", script)
        async with running(text) as r:
            assert await talk(r, header(2, ENDS6) + b"hello\n") == b"2001:db8::7 4000 2001:db8::1 143 hello\n"
            assert await talk(r, header(1, ENDS) + b"hello\n") == b"192.0.2.7 4000 192.0.2.1 143 hello\n"

    run(scenario)


@pytest.mark.parametrize("said", [b"PROXY UNKNOWN\r\n", b"\r\n\r\n\0\r\nQUIT\n\x20\x11\0\x0c" + b"\xc0\0\2\7" * 3])
def test_a_sender_that_speaks_for_itself_is_the_client(said: bytes) -> None:
    async def scenario() -> None:
        async with running(service("a", proxy_in=SENDERS, proxy_out="1", access='["allow 127.0.0.1"]')) as r:
            assert (await talk(r, said)).startswith(b"you: PROXY TCP4 127.0.0.1 127.0.0.1 ")

    run(scenario)


def test_from_anybody_else_a_header_is_bytes_like_others() -> None:
    async def scenario() -> None:
        async with running(service("a", proxy_in=SENDERS, access='["deny 192.0.2.0/24", "allow any"]')) as r:
            assert await talk(r, header(1, ENDS), "::1") == b"you: " + header(1, ENDS)

    run(scenario)


def test_rules_and_limits_are_for_the_client_and_not_for_the_sender() -> None:
    async def scenario() -> None:
        rules = '["deny 192.0.2.0/24", "allow 2001:db8::/32", "allow 192.168.0.1"]'
        async with running(service("a", proxy_in=SENDERS, access=rules, max_per_client="1")) as r:
            assert await talk(r, header(1, ENDS)) == b""
            (refused,) = r.events.of("refused")
            assert (refused["peer"], refused["why"]) == ("192.0.2.7:4000", "rule: deny 192.0.2.0/24")
            reader, writer = await asyncio.open_connection("127.0.0.1", r.port("a"))
            writer.write(header(2, ENDS6) + b"x\n")
            assert await reader.readline() == b"you: x\n"
            assert r.gateway.services["a"].admission.by_client == {"2001:db8::/64": 1}
            assert await talk(r, header(2, ENDS6)) == b""
            other = Ends(SocketAddress(Address("192.168.0.1"), 1), ENDS.local)
            assert await talk(r, header(2, other) + b"x\n") == b"you: x\n"
            writer.close()
            await ended(r, "a", 0)

    run(scenario)


@pytest.mark.parametrize("said", [b"GET / HTTP/1.1\r\n\r\n", b"PROXY TCP4 1.2.3.4\r\n" + b" " * 40, b"PROX", b""])
def test_a_named_sender_without_a_header_is_closed(said: bytes) -> None:
    async def scenario() -> None:
        async with running(service("a", proxy_in=SENDERS)) as r:
            try:
                assert await talk(r, said) == b""
            except ConnectionResetError:
                assert len(said) > 4
            assert "PROXY header: " in str(r.events.of("refused")[0]["why"])
            await ended(r, "a", 0)

    run(scenario)


def test_headers_that_do_not_come_fill_no_more_than_there_is_room_for() -> None:
    async def scenario() -> None:
        async with running(service("a", proxy_in=SENDERS, max_connections="1")) as r:
            _, silent = await asyncio.open_connection("127.0.0.1", r.port("a"))
            while not r.gateway.port_named("a").connections:  # noqa: ASYNC110 - the gateway has no event for it
                await asyncio.sleep(0)
            assert await talk(r, b"") == b""
            assert r.events.of("refused")[0]["why"] == "max_connections: 1"
            assert await r.gateway.stop_port("a", drain_s=0) == 1
            assert r.gateway.port_named("a").connections == 0
            silent.close()

    run(scenario)


def test_a_header_has_its_deadline_and_may_break_off() -> None:
    async def scenario() -> None:
        for before, why in (("silent", r"none within 0\.01 s"), ("reset", "the sender left: Connection reset")):
            with socket.create_server(("127.0.0.1", 0)) as listener:
                sender = socket.create_connection(listener.getsockname())
                accepted, peer = listener.accept()
                if before == "reset":
                    sender.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                    sender.close()
                with sender, pytest.raises(WireError, match=why):
                    await read_header(accepted, peer, within_s=0.01)
                assert accepted.fileno() == -1

    run(scenario)


def test_a_forward_proxy_believes_a_named_sender() -> None:
    async def scenario() -> None:
        text = f"[[services]]\nname = 'a'\nlisten = 'localhost:0'\nforward = ['socks5']\nproxy_in = {SENDERS}\n"
        async with running(text) as r:
            assert await talk(r, header(1, ENDS)) == b""
            (refused,) = r.events.of("refused")
            assert (refused["peer"], refused["why"]) == ("192.0.2.7:4000", "no rule allows it")

    run(scenario)
