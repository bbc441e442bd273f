"""A gateway that changes with connections under way: each keeps what it came in by; what fails undoes itself."""

import asyncio
import errno
import socket

import pytest

from dualstack.errors import ListenError
from dualstack.gateway.config.toml import parse
from support.free_port import free_port
from support.gateway import Running, ended, run, running, service

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def held(r: Running, name: str, host: str = "127.0.0.1") -> Stream:
    """A connection that is known to be through."""
    reader, writer = await asyncio.open_connection(host, r.port(name))
    writer.write(b"1\n")
    assert await reader.readline() == b"you: 1\n"
    return reader, writer


async def still_lives(stream: Stream) -> None:
    stream[1].write(b"2\n")
    assert await stream[0].readline() == b"you: 2\n"


async def reloaded(r: Running, text: str) -> None:
    await r.gateway.reload(parse(r.toml(text), "test.toml"))


def test_a_reload_that_fails_midway_leaves_every_service_listening() -> None:
    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", 0)) as foreign:
            taken, number = foreign.getsockname()[1], free_port()
            text = service("a", "127.0.0.1:0") + service("b", f"*:{number}") + service("c", "127.0.0.1:0")
            async with running(text) as r:
                await r.gateway.stop_port("c")
                wrong = service("b", f"*:{number}", sockets="'pair'") + service("x", f"127.0.0.1:{taken}")
                with pytest.raises(ListenError) as caught:
                    await reloaded(r, wrong)
                assert caught.value.errno == errno.EADDRINUSE
                for name in ("a", "b"):
                    assert await r.ask(name) == b"you: hello\n"
                assert await r.ask("b", "::1") == b"you: hello\n"
                with pytest.raises(ConnectionRefusedError):
                    await r.ask("c")
                await r.gateway.start_port("c")
                assert await r.ask("c") == b"you: hello\n"

    run(scenario)


def test_a_socket_may_become_a_pair_without_letting_go_of_its_number() -> None:
    async def scenario() -> None:
        number = free_port()
        async with running(service("a", f"*:{number}")) as r:
            stream = await held(r, "a", "::1")
            await reloaded(r, service("a", f"*:{number}", sockets="'pair'"))
            assert len(r.gateway.port_named("a").listenings) == 2
            for host in ("127.0.0.1", "::1"):
                assert await r.ask("a", host) == b"you: hello\n"
            await still_lives(stream)
            stream[1].close()

    run(scenario)


def test_connections_stay_with_the_service_that_let_them_in() -> None:
    async def scenario() -> None:
        text = "[ports.p]\nbind = '127.0.0.1'\n[[services]]\nname = 'NAME'\nports = ['p']\nport = PORT\n"
        text += "to = '127.0.0.1:BEHIND'\n"
        text = text.replace("PORT", str(free_port())) + "max_connections = 2\n"
        async with running(text.replace("NAME", "old")) as r:
            streams = [await held(r, "p") for _ in range(2)]
            await reloaded(r, text.replace("NAME", "new"))
            assert r.gateway.port_named("p").connections == 2
            streams += [await held(r, "p") for _ in range(2)]
            assert await r.is_refused("p"), "two of the new service's own"
            streams[0][1].close()
            await ended(r, "p", 3)
            assert await r.is_refused("p"), "the old one's end makes no room"
            for _, writer in streams:
                writer.close()

    run(scenario)


def test_a_limit_by_client_that_comes_later_counts_those_who_are_there() -> None:
    async def scenario() -> None:
        async with running(service("a")) as r:
            streams = [await held(r, "a") for _ in range(3)]
            await reloaded(r, service("a", max_per_client="2"))
            assert await r.is_refused("a")
            for _, writer in streams:
                writer.close()
            await ended(r, "a", 0)
            streams = [await held(r, "a") for _ in range(2)]
            assert await r.is_refused("a")
            for _, writer in streams:
                writer.close()

    run(scenario)


def test_each_service_drains_for_as_long_as_it_says() -> None:
    async def scenario() -> None:
        async with running(service("quick", drain="0") + service("slow", drain="60")) as r:
            quick, slow = await held(r, "quick"), await held(r, "slow")
            draining = asyncio.create_task(r.gateway.drain())
            with pytest.raises(ConnectionResetError):
                await quick[0].readline()
            await still_lives(slow)
            slow[1].close()
            assert await draining == 1
            quick[1].close()

    run(scenario)


def test_a_lookup_under_way_is_drained_too() -> None:
    async def scenario() -> None:
        async with running(service("name", to="localhost:BEHIND", drain="30")) as r:
            reader, writer = await asyncio.open_connection("127.0.0.1", r.port("name"))
            writer.write(b"1\n")
            while not r.gateway.port_named("name").connections:  # noqa: ASYNC110 - the gateway has no event for it
                await asyncio.sleep(0)
            draining = asyncio.create_task(r.gateway.drain())
            assert await reader.readline() == b"you: 1\n"
            writer.close()
            assert await draining == 0

    run(scenario)


def test_what_needs_a_restart_is_said() -> None:
    async def scenario() -> None:
        async with running(service("a")) as r:
            await reloaded(r, "user = 'nobody'\nlog = 'json'\n" + service("a"))
            assert r.events.of("restart needed") == [{"keys": "user, log", "why": "read at the start alone"}]

    run(scenario)


def test_a_target_that_is_not_there_yet_is_a_warning_at_the_start() -> None:
    async def scenario() -> None:
        async with running(service("a", to="nothing.invalid:1") + service("b", to="exec:/no/such/program")) as r:
            assert [(line["service"], str(line["why"])) for line in r.events.of("unresolved")] == [
                ("a", "nothing.invalid has no address; it is looked up again at each connection"),
                ("b", "there is no program /no/such/program; it is looked for again at each connection"),
            ]

    run(scenario)


def test_a_port_bound_to_a_name_dials_from_its_address() -> None:
    async def scenario() -> None:
        text = "[ports.p]\nbind = 'localhost'\ninterface = 'lo'\n[[links]]\nto = '127.*'\nports = ['p']\n"
        async with running(service("a") + text) as r:
            assert await r.ask("a", "::1") == b"you: hello\n"

    run(scenario)
