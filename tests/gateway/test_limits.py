"""Limits by client, by service and in all; deadlines of what a client says first; clients that leave (X1)."""

import asyncio
import socket
import struct

import pytest

from support.dialling import Servers
from support.gateway import Echo, Running, UdpClient, ended, run, running, service, udp_service, until


def from_balancer(host: str) -> bytes:
    """What a named sender puts before the bytes of a client at `host`."""
    kind, end = ("TCP6", "2001:db8::1") if ":" in host else ("TCP4", "192.0.2.1")
    return f"PROXY {kind} {host} {end} 4000 80\r\n".encode()


async def open_as(r: Running, host: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", r.port("a"))
    writer.write(from_balancer(host) + b"hello\n")
    return reader, writer


async def first_line(reader: asyncio.StreamReader) -> bytes:
    """What is said, nothing to who was refused."""
    try:
        return await reader.readline()
    except ConnectionResetError:  # closed with what it had said unread
        return b""


@pytest.mark.parametrize(
    ("first", "second", "are_one", "why"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True, "a /64 is one host's"),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False, "another /64 is another's"),
        ("192.0.2.7", "192.0.2.8", False, "IPv4 is counted by address"),
        ("192.0.2.7", "::ffff:192.0.2.7", True, "a mapped address is its IPv4"),
    ],
)
def test_clients_are_counted_by_prefix_and_by_who_they_truly_are(
    first: str,
    second: str,
    are_one: bool,  # noqa: FBT001 - a row
    why: str,
) -> None:
    async def scenario() -> None:
        async with running(service("a", max_per_client="1", proxy_in="['127.0.0.1']")) as r:
            one, other = await open_as(r, first), None
            assert await first_line(one[0]) == b"you: hello\n"
            other = await open_as(r, second)
            assert await first_line(other[0]) == (b"" if are_one else b"you: hello\n"), why
            for _, writer in (one, other):
                writer.close()
            await ended(r, "a", 0)
            assert not r.gateway.services["a"].admission.by_client

    run(scenario)


def test_all_services_together_have_a_limit_and_a_reload_changes_it() -> None:
    async def scenario() -> None:
        text = service("a") + service("b")
        async with running("max_connections = 2\n" + text) as r:
            held = [await asyncio.open_connection("127.0.0.1", r.port(name)) for name in ("a", "b")]
            for reader, writer in held:
                writer.write(b"x\n")
                assert await reader.readline() == b"you: x\n"
            assert await r.is_refused("a")
            assert r.events.of("refused")[0]["why"] == "max_connections of the gateway: 2"
            from dualstack.gateway.config.toml import parse

            await r.gateway.reload(parse(r.toml("max_connections = 3\n" + text), "test.toml"))
            assert await r.ask("b") == b"you: hello\n"
            for _, writer in held:
                writer.close()
            await until(lambda: r.gateway.total.connections == 0)
            assert await r.ask("a") == b"you: hello\n"

    run(scenario)


def test_flows_of_udp_count_among_all_and_an_idle_one_gives_way() -> None:
    async def scenario() -> None:
        with Echo() as echo:
            async with running("max_connections = 2\n" + udp_service("dns", echo) + service("a")) as r:
                reader, writer = await asyncio.open_connection("127.0.0.1", r.port("a"))
                writer.write(b"x\n")
                assert await reader.readline() == b"you: x\n"
                with UdpClient(r.port("dns")) as one, UdpClient(r.port("dns")) as two:
                    for client in (one, two, one):
                        assert await client.ask() == b"you: hello"
                    assert r.gateway.total.connections == 2
                    assert await two.ask() == b"you: hello"
                    await one.ask()
                    await one.ask()
                    two.say(b"no room: one converses")
                    counts = r.gateway.datagrams.counts(r.gateway.services["dns"])
                    await until(lambda: counts.refused == 1)
                assert await r.is_refused("a")
                writer.close()

    run(scenario)


@pytest.mark.parametrize(("more", "why"), [({}, "no request within 0.05 s"), ({"proxy_in": "['127.0.0.1']"}, "none")])
def test_what_a_client_says_first_has_a_deadline(more: dict[str, str], why: str) -> None:
    async def scenario() -> None:
        lines = "".join(f"{key} = {value}\n" for key, value in more.items())
        text = "[[services]]\nname = 'p'\nlisten = 'localhost:0'\nforward = ['socks5']\nhandshake_timeout = 0.05\n"
        async with running(text + lines) as r:
            reader, writer = await asyncio.open_connection("127.0.0.1", r.port("p"))
            assert await reader.read() == b""
            writer.close()
            await ended(r, "p", 0)
            assert why in str(r.events.of("refused")[0]["why"])

    run(scenario)


def resetting(port: int) -> socket.socket:
    """A client whose close is a reset."""
    client = socket.create_connection(("127.0.0.1", port))
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return client


@pytest.mark.parametrize("way", ["by name", "by proxy"])
def test_a_client_that_resets_while_its_target_is_dialled_frees_its_place_at_once(way: str) -> None:
    async def scenario() -> None:
        with Servers() as servers:
            servers.silent("127.0.0.1")
            servers.silent("::1")
            text = service("a", to=f"localhost:{servers.port}", connect_timeout="60")
            request = b""
            if way == "by proxy":
                text = "[[services]]\nname = 'a'\nlisten = 'localhost:0'\nforward = ['socks5']\nconnect_timeout = 60\n"
                request = b"\x05\x01\x00\x05\x01\x00\x03\x09localhost" + servers.port.to_bytes(2, "big")
            async with running(text) as r:
                client = resetting(r.port("a"))
                client.send(request or b"?")
                await until(lambda: r.gateway.services["a"].admission.connections == 1)
                await until(lambda: any(watcher for watcher in r.gateway._plane._watchers if _is_watched(watcher)))  # type: ignore[attr-defined]
                client.close()
                await ended(r, "a", 0)
                (line,) = r.events.of("unreached")
                assert "the client left" in str(line["why"])

    def _is_watched(watcher: object) -> bool:
        return type(watcher).__name__ == "ResetWatch"

    run(scenario)


def test_a_client_that_has_merely_sent_its_end_is_waited_for() -> None:
    async def scenario() -> None:
        async with running(service("a", to="localhost:BEHIND")) as r:
            reader, writer = await asyncio.open_connection("127.0.0.1", r.port("a"))
            writer.write(b"hello\n")
            writer.write_eof()
            assert await reader.read() == b"you: hello\n"
            writer.close()

    run(scenario)


def test_a_gateway_that_leaves_while_a_client_waits_says_so() -> None:
    async def scenario() -> None:
        with Servers() as servers:
            servers.silent("127.0.0.1")
            servers.silent("::1")
            async with running(service("a", to=f"localhost:{servers.port}")) as r:
                client = resetting(r.port("a"))
                await until(lambda: r.gateway.services["a"].admission.connections == 1)
                assert await r.gateway.stop_port("a", drain_s=0) == 1
                assert r.events.of("unreached")[0]["why"] == "the gateway is leaving"
                client.close()

    run(scenario)
