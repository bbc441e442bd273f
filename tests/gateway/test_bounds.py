"""What bounds a service without anybody asking: children, peers that have vanished; and new connections a second."""

import asyncio
import signal
import socket
from math import inf
from pathlib import Path

import pytest

from dualstack.gateway.config.toml import parse
from support.command import Run
from support.gateway import Echo, Running, UdpClient, ended, run, running, service, udp_service, until
from support.program import Dualstack

KEEPALIVE = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)


async def cat(r: Running) -> "tuple[asyncio.StreamReader, asyncio.StreamWriter]":
    reader, writer = await asyncio.open_connection("127.0.0.1", r.port("a"))
    writer.write(b"hello\n")
    return reader, writer


async def hears(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readline()
    except ConnectionResetError:  # closed with what it had said unread
        return b""


def test_children_have_a_bound_that_is_said_when_it_is_met() -> None:
    async def scenario() -> None:
        async with running(service("a", to="exec:cat", max_children="2")) as r:
            held = [await cat(r) for _ in range(4)]
            assert sorted([await hears(reader) for reader, _ in held]) == [b"", b"", b"hello\n", b"hello\n"]
            assert [facts["why"] for facts in r.events.of("refused")] == ["max_children: 2"] * 2
            assert r.events.of("children at their limit") == [{"service": "a", "limit": 2, "key": "max_children"}]
            assert refusals(r) == {"max_children: 2": 2}
            for _, writer in held:
                writer.close()
            await ended(r, "a", 0)
            reader, writer = await cat(r)
            assert await hears(reader) == b"hello\n"
            writer.close()

    run(scenario)


def test_a_service_has_64_children_where_nothing_else_is_said() -> None:
    (one,) = parse(service("a", to="exec:cat"), "test.toml").services
    assert one.max_children == 64


def refusals(r: Running) -> dict[str, int]:
    """As the metrics have them."""
    by_rule = r.gateway.services["a"].counters.rules.by_rule
    return {rule: refused.count for rule, refused in by_rule.items()}


def settings(sock: socket.SocketType) -> tuple[bool, tuple[int, ...]]:
    on = bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))
    return on, tuple(sock.getsockopt(socket.IPPROTO_TCP, option) for option in KEEPALIVE)


@pytest.mark.parametrize("to", ["127.0.0.1:BEHIND", "localhost:BEHIND"], ids=["literal", "name"])
def test_both_sides_of_a_connection_are_asked_for_a_sign_of_life(to: str) -> None:
    async def scenario() -> None:
        async with running(service("a", to=to) + service("b", to=to, keepalive="8.0")) as r:
            expected = {"a": (60, 15, 4), "b": (8, 2, 4)}
            for name, values in expected.items():
                reader, writer = await asyncio.open_connection("127.0.0.1", r.port(name))
                writer.write(b"hello\n")
                assert await reader.readline() == b"you: hello\n"
                (link,) = r.gateway._plane.links
                r.gateway._plane._look_at(link)
                assert settings(link.client.sock) == settings(link.server.sock) == (True, values)  # type: ignore[attr-defined]
                writer.close()
                await ended(r, name, 0)

    run(scenario)


def test_a_reload_may_want_no_sign_of_life_any_more() -> None:
    async def scenario() -> None:
        text = service("a", "127.0.0.1:0")
        async with running(text) as r:
            await r.gateway.reload(parse(r.toml(text + "keepalive = inf\n"), "test.toml"))
            reader, writer = await asyncio.open_connection("127.0.0.1", r.port("a"))
            writer.write(b"hello\n")
            assert await reader.readline() == b"you: hello\n"
            (link,) = r.gateway._plane.links
            r.gateway._plane._look_at(link)
            assert not settings(link.client.sock)[0]  # type: ignore[attr-defined]
            assert not settings(link.server.sock)[0]  # type: ignore[attr-defined]
            writer.close()

    run(scenario)


def test_a_client_that_makes_connections_too_fast_is_refused_and_another_is_not() -> None:
    async def scenario() -> None:
        more = {"max_rate_per_client": "3", "proxy_in": "['127.0.0.1']"}
        async with running(service("a", "127.0.0.1:0", **more)) as r:

            async def ask(client: str) -> bytes:
                kind, end = ("TCP6", "2001:db8::1") if ":" in client else ("TCP4", "192.0.2.1")
                reader, writer = await asyncio.open_connection("127.0.0.1", r.port("a"))
                writer.write(f"PROXY {kind} {client} {end} 4000 80\r\nhello\n".encode())
                try:
                    return await hears(reader)
                finally:
                    writer.close()

            flood = [await ask(f"2001:db8:1:2::{number}") for number in range(6)]
            assert flood == [b"you: hello\n"] * 3 + [b""] * 3, "a /64 is one client"
            assert await ask("2001:db8:1:3::1") == await ask("192.0.2.7") == b"you: hello\n"
            assert {facts["why"] for facts in r.events.of("refused")} == {"max_rate_per_client: 3"}
            assert refusals(r) == {"max_rate_per_client: 3": 3}

    run(scenario)


def test_flows_of_datagrams_have_the_same_limit() -> None:
    async def scenario() -> None:
        with Echo() as echo:
            async with running(udp_service("u", echo, max_rate_per_client="2")) as r:
                clients = [UdpClient(r.port("u")) for _ in range(4)]
                for client in clients[:2]:
                    assert await client.ask() == b"you: hello"
                for client in clients[2:]:
                    client.say(b"hello")
                await until(lambda: r.gateway.datagrams.counts(r.gateway.services["u"]).refused == 2)
                assert [facts["why"] for facts in r.events.of("refused")] == ["max_rate_per_client: 2"], "said once"
                assert await clients[0].ask() == b"you: hello", "a flow that is there goes on"
                for client in clients:
                    client.sock.close()

    run(scenario)


FILE = """
[[services]]
name = "unbounded"
listen = "127.0.0.1:0"
to = "127.0.0.1:9"
[[services]]
name = "meant"
listen = "127.0.0.1:0"
to = "127.0.0.1:9"
idle_timeout = inf
[[services]]
name = "bounded"
listen = "127.0.0.1:0"
to = "127.0.0.1:9"
idle_timeout = 60
[[services]]
name = "child"
listen = "127.0.0.1:0"
to = "exec:cat"
[[services]]
name = "datagrams"
protocol = "udp"
listen = "127.0.0.1:0"
to = "127.0.0.1:9"
"""


def test_a_service_without_any_timeout_is_warned_of_at_the_start_and_by_check(tmp_path: Path, run: Run) -> None:
    file = tmp_path / "g.toml"
    file.write_text(FILE)
    code, said, _ = run("gateway", "--check", "--config", str(file))
    assert (code, said.count("no idle_timeout: whoever stays silent")) == (0, 1)
    assert "unbounded: no idle_timeout" in said
    with Dualstack("gateway", "--config", file, "--quiet", "--control", tmp_path / "c.sock") as gateway:
        assert "set idle_timeout, or idle_timeout = inf" in gateway.err.until("no timeout service=unbounded")
        gateway.send_signal(signal.SIGHUP)
        gateway.err.until("no timeout service=unbounded")
        gateway.end()
        assert gateway.err.rest().count("no timeout") == 2


def test_a_timeout_of_inf_is_no_oversight() -> None:
    (one,) = parse(service("a", to="127.0.0.1:9", idle_timeout="inf"), "test.toml").services
    assert (one.idle_timeout_s, one.is_unbounded) == (inf, False)
