"""A gateway in this process, with real sockets on loopback: ports that stop and start, who is let in, where they go."""

import asyncio
import errno
import socket

import pytest

from dualstack.errors import ConfigError, ListenError
from dualstack.gateway.config.toml import parse
from dualstack.kernel.sockets import listen_on_loopback
from support.free_port import free_port
from support.gateway import ended, run, running, service


def test_both_families_reach_a_server_of_one() -> None:
    async def scenario() -> None:
        async with running(service("web")) as r:
            assert await r.ask("web", "127.0.0.1") == b"you: hello\n"
            assert await r.ask("web", "::1") == b"you: hello\n"

    run(scenario)


def test_a_stopped_port_refuses_and_its_connections_go_on_and_no_other_port_notices() -> None:
    async def scenario() -> None:
        async with running(service("a") + service("b")) as r:
            reader, writer = await asyncio.open_connection("::1", r.port("a"))
            writer.write(b"1\n")
            assert await reader.readline() == b"you: 1\n"
            await r.gateway.stop_port("A")
            assert r.gateway.port_named("a").state.value == "stopped"
            for host in ("127.0.0.1", "::1"):
                with pytest.raises(ConnectionRefusedError):
                    await r.ask("a", host)
            assert await r.ask("b") == b"you: hello\n"
            writer.write(b"2\n")
            assert await reader.readline() == b"you: 2\n"
            assert r.gateway.port_named("a").connections == 1
            await r.gateway.start_port("a")
            assert await r.ask("a", "::1") == b"you: hello\n"
            writer.close()

    run(scenario)


def test_stopping_or_starting_twice_is_no_error() -> None:
    async def scenario() -> None:
        async with running(service("a")) as r:
            await r.gateway.start_port("a")
            for _ in range(2):
                await r.gateway.stop_port("a")
            for _ in range(2):
                await r.gateway.start_port("a")
            assert await r.ask("a") == b"you: hello\n"

    run(scenario)


def test_draining_ends_what_does_not_end_by_itself() -> None:
    async def scenario() -> None:
        async with running(service("a")) as r:
            reader, writer = await asyncio.open_connection("127.0.0.1", r.port("a"))
            writer.write(b"1\n")
            await reader.readline()
            assert await r.gateway.stop_port("a", drain_s=0) == 1
            with pytest.raises(ConnectionResetError):
                await reader.readline()
            writer.close()

    run(scenario)


def test_a_released_port_number_can_be_taken_and_then_the_port_cannot_start() -> None:
    async def scenario() -> None:
        async with running(service("a", "127.0.0.1:0")) as r:
            number = r.port("a")
            await r.gateway.stop_port("a", release=True)
            with socket.create_server(("127.0.0.1", number)):
                with pytest.raises(ListenError, match=r"address in use by 127\.0\.0\.1"):
                    await r.gateway.start_port("a")
                assert r.gateway.port_named("a").state.value == "failed"
            await r.gateway.start_port("a")
            assert r.port("a") == number
            assert await r.ask("a") == b"you: hello\n"

    run(scenario)


def test_a_stopped_port_can_be_released_later() -> None:
    async def scenario() -> None:
        async with running(service("a", "127.0.0.1:0")) as r:
            number = r.port("a")
            await r.gateway.stop_port("a")
            with pytest.raises(OSError, match="in use"):
                socket.create_server(("127.0.0.1", number))
            await r.gateway.stop_port("a", release=True)
            socket.create_server(("127.0.0.1", number)).close()

    run(scenario)


def test_an_unknown_port_is_named_with_those_there_are() -> None:
    async def scenario() -> None:
        async with running(service("a") + service("b")) as r:
            with pytest.raises(ConfigError, match="no port 'c'; there are: a, b"):
                await r.gateway.stop_port("c")

    run(scenario)


def test_the_clients_of_a_stopped_specific_port_do_not_fall_to_the_wildcard() -> None:
    async def scenario() -> None:
        number = free_port()
        text = service("all", f"*:{number}") + service("one", f"127.0.0.2:{number}", "exec:/bin/echo one")
        async with running(text) as r:
            assert await r.ask("one", "127.0.0.2") == b"one\n"
            assert await r.ask("all", "127.0.0.1") == b"you: hello\n"
            await r.gateway.stop_port("one")
            with pytest.raises(ConnectionResetError):
                await r.ask("one", "127.0.0.2")
            assert await r.ask("all", "127.0.0.1") == b"you: hello\n"
            await r.gateway.start_port("one")
            assert await r.ask("one", "127.0.0.2") == b"one\n"

    run(scenario)


@pytest.mark.parametrize(
    ("rules", "host", "admitted"),
    [
        ('["allow 127.0.0.0/8"]', "127.0.0.1", True),
        ('["allow 127.0.0.0/8"]', "::1", False),
        ('["deny 127.0.0.1", "allow any"]', "127.0.0.1", False),
        ('["deny ::ffff:127.0.0.0/104", "allow any"]', "127.0.0.1", False),
    ],
)
@pytest.mark.parametrize("sockets", ["single", "pair"])
def test_rules_hold_for_a_peer_in_whatever_clothes(rules: str, host: str, admitted: bool, sockets: str) -> None:  # noqa: FBT001
    async def scenario() -> None:
        async with running(service("a", "*:0", access=rules, sockets=f'"{sockets}"')) as r:
            assert await r.ask("a", host) == (b"you: hello\n" if admitted else b"")
            assert bool(r.events.of("refused")) is not admitted

    run(scenario)


def test_limits_refuse_and_let_in_again() -> None:
    async def scenario() -> None:
        async with running(service("a", max_connections="2") + service("b", max_per_client="1")) as r:
            for name, room in (("a", 2), ("b", 1)):
                held = [await asyncio.open_connection("127.0.0.1", r.port(name)) for _ in range(room)]
                for _, writer in held:
                    writer.write(b"x\n")
                assert [await reader.readline() for reader, _ in held] == [b"you: x\n"] * room
                assert await r.ask(name) == b""
                held[0][1].close()
                await ended(r, name, room - 1)
                assert await r.ask(name) == b"you: hello\n"
                for _, writer in held:
                    writer.close()
            assert {str(line["why"]) for line in r.events.of("refused")} == {"max_connections: 2", "max_per_client: 1"}

    run(scenario)


def test_another_client_has_room_of_its_own() -> None:
    async def scenario() -> None:
        async with running(service("b", max_per_client="1")) as r:
            _, writer = await asyncio.open_connection("127.0.0.1", r.port("b"))
            assert await r.ask("b", "::1") == b"you: hello\n"
            writer.close()

    run(scenario)


def test_a_name_is_looked_up_and_every_address_tried() -> None:
    async def scenario() -> None:
        async with running(service("a", to="localhost:BEHIND")) as r:
            assert await r.ask("a", "::1") == b"you: hello\n"

    run(scenario)


def test_a_client_whose_target_cannot_be_reached_is_reset_and_the_log_says_why() -> None:
    async def scenario() -> None:
        text = service("name", to="does-not-exist.invalid:9")
        text += service("refused", to=f"127.0.0.1:{free_port()}")
        text += service("reach", reach='["allow public"]')
        text += service("child", to="exec:/no/such/program")
        async with running(text) as r:
            for name in ("name", "refused", "reach"):
                with pytest.raises(ConnectionResetError):
                    await r.ask(name)
            assert await r.ask("child") == b""
            why = {str(line["service"]): str(line["why"]) for line in r.events.of("unreached")}
            assert "does-not-exist.invalid" in why["name"]
            assert "Connection refused" in why["refused"]
            assert "has no address that the reach rules allow" in why["reach"]
            assert "No such file" in why["child"]
            assert all(port.connections == 0 for port in r.gateway.ports.values())

    run(scenario)


def test_a_link_dials_from_its_port_and_only_while_that_is_up() -> None:
    async def scenario() -> None:
        source = "[ports.p4]\nbind = '127.0.0.9'\n[ports.p6]\nbind = '::1'\n"
        links = "[[links]]\nto = '127.0.0.*'\nports = ['p6', 'p4']\n"
        with listen_on_loopback(4) as behind:
            text = service("a", to=f"127.0.0.1:{behind.getsockname()[1]}") + source + links
            async with running(text) as r:
                _, writer = await asyncio.open_connection("::1", r.port("a"))
                server, peer = await asyncio.to_thread(behind.accept)
                server.close()
                writer.close()
                assert peer[0] == "127.0.0.9"
                await r.gateway.stop_port("p4")
                with pytest.raises(ConnectionResetError):
                    await r.ask("a")
                assert "no port of link 127.0.0.* can dial it (up: p6)" in str(r.events.of("unreached")[-1]["why"])

    run(scenario)


def test_a_child_has_the_socket_and_the_facts() -> None:
    async def scenario() -> None:
        script = 'exec:/bin/sh -c "read line; echo $PROTO $TCPREMOTEIP $TCPLOCALIP $TCPLOCALPORT $line"'
        async with running(
            service("a", "*:0", to=script.replace('"', '\\"')).replace("'exec", '"exec').replace("\\\"'", '\\""')
        ) as r:
            for host in ("127.0.0.1", "::1"):
                assert await r.ask("a", host) == f"TCP {host} {host} {r.port('a')} hello\n".encode()
            await ended(r, "a", 0)

    run(scenario)


def test_a_child_that_does_not_end_is_hung_up_on() -> None:
    async def scenario() -> None:
        async with running(service("a", to="exec:/bin/cat")) as r:
            reader, writer = await asyncio.open_connection("127.0.0.1", r.port("a"))
            writer.write(b"x\n")
            assert await reader.readline() == b"x\n"
            assert await r.gateway.stop_port("a", drain_s=0) == 1
            assert await reader.readline() == b""
            writer.close()
            assert r.gateway.port_named("a").connections == 0

    run(scenario)


def test_a_reload_keeps_what_did_not_change() -> None:
    async def scenario() -> None:
        async with running(service("a", "127.0.0.1:0") + service("b")) as r:
            reader, writer = await asyncio.open_connection("127.0.0.1", r.port("a"))
            kept = r.gateway.port_named("a").listenings[0].sock
            await r.gateway.stop_port("b")
            text = service("a", "127.0.0.1:0", max_connections="1") + service("b") + service("c")
            await r.gateway.reload(parse(r.toml(text), "test.toml"))
            assert r.gateway.port_named("a").listenings[0].sock is kept
            assert r.gateway.port_named("b").state.value == "stopped"
            assert await r.ask("c") == b"you: hello\n"
            writer.write(b"still\n")
            assert await reader.readline() == b"you: still\n"
            assert await r.is_refused("a"), "the new limit holds"
            await r.gateway.reload(parse(r.toml(service("c")), "test.toml"))
            with pytest.raises(ConfigError, match="there are: c"):
                r.gateway.port_named("a")
            writer.write(b"even now\n")
            assert await reader.readline() == b"you: even now\n"
            writer.close()

    run(scenario)


def test_a_reload_that_cannot_be_leaves_all_as_it_was() -> None:
    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", 0)) as foreign:
            taken = foreign.getsockname()[1]
            async with running(service("a", "127.0.0.1:0")) as r:
                number = r.port("a")
                for text in (service("a", f"127.0.0.1:{taken}"), service("a", f"*:{number}, 127.0.0.1:{taken}")):
                    with pytest.raises(ListenError) as caught:
                        await r.gateway.reload(parse(r.toml(text), "test.toml"))
                    assert caught.value.errno == errno.EADDRINUSE
                    assert r.port("a") == number
                    assert await r.ask("a") == b"you: hello\n"

    run(scenario)


def test_a_reload_may_widen_a_port_in_place() -> None:
    async def scenario() -> None:
        number = free_port()
        async with running(service("a", f"127.0.0.1:{number}")) as r:
            await r.gateway.reload(parse(r.toml(service("a", f"*:{number}")), "test.toml"))
            assert await r.ask("a", "::1") == b"you: hello\n"
            await r.gateway.reload(
                parse(r.toml(service("a", f"*:{number}") + service("b", f"127.0.0.2:{number}")), "f")
            )
            assert await r.ask("b", "127.0.0.2") == b"you: hello\n"

    run(scenario)


def test_what_a_link_cannot_dial_is_said_at_the_start() -> None:
    async def scenario() -> None:
        text = "[ports.p4]\nbind = '127.0.0.9'\n[[links]]\nto = 'localhost'\nports = ['P4']\n"
        async with running(service("a", to="localhost:BEHIND") + text) as r:
            (warning,) = r.events.of("link")
            assert (
                warning["why"] == f"localhost:{r.behind} resolves to IPv6 too, and no port of the link (p4) can dial it"
            )

    run(scenario)


def test_without_pidfd_a_thread_waits_for_the_child(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with running(service("a", to="exec:/bin/echo hi")) as r:
            assert await r.ask("a") == b"hi\n"
            await ended(r, "a", 0)

    monkeypatch.delattr("os.pidfd_open")
    run(scenario)


def test_a_gateway_that_cannot_open_leaves_nothing_open() -> None:
    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", 0)) as foreign:
            text = service("a", f"127.0.0.1:{free_port()}") + service("b", f"127.0.0.1:{foreign.getsockname()[1]}")
            with pytest.raises(ListenError, match=r"address in use by 127\.0\.0\.1"):
                async with running(text):
                    pass

    run(scenario)


def test_a_target_that_is_a_listener_of_ours_is_refused_at_start() -> None:
    async def scenario() -> None:
        number = free_port()
        with pytest.raises(ConfigError, match="would connect to itself"):
            async with running(service("a", f"*:{number}", to=f"localhost:{number}")):
                pass

    run(scenario)
