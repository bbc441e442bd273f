"""UDP services in this process, with real sockets on loopback: who answers whom, from where, for how long."""

import asyncio
import errno
import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from dualstack.errors import ConfigError, ListenError
from dualstack.gateway.admission.limits import FLOWS_MAX, flows_max
from dualstack.gateway.config.toml import parse
from dualstack.gateway.relay.datagram.counts import Counts
from support.free_port import free_port
from support.gateway import Echo, Running, UdpClient, run, running, udp_service, until


def counts(r: Running, name: str) -> Counts:
    return r.gateway.datagrams.counts(r.gateway.services[name])


@pytest.mark.parametrize("sockets", ["single", "pair"])
@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1"])
def test_the_answer_comes_from_the_address_that_was_asked(host: str, sockets: str) -> None:
    async def scenario() -> None:
        with Echo() as echo:
            async with running(udp_service("dns", echo, sockets=f"'{sockets}'")) as r:
                with UdpClient(r.port("dns"), host) as client:
                    assert await client.ask() == b"you: hello"

    run(scenario)


def test_where_there_is_no_epoll_the_loop_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        monkeypatch.delattr("select.epoll")
        with Echo() as echo:
            async with running(udp_service("dns", echo, idle_timeout="0.05")) as r:
                for host in ("127.0.0.2", "::1"):
                    with UdpClient(r.port("dns"), host) as client:
                        assert await client.ask() == b"you: hello"
                await until(lambda: r.gateway.port_named("dns").connections == 0)

    run(scenario)


def test_an_ipv4_client_reaches_an_ipv6_server() -> None:
    async def scenario() -> None:
        with Echo(6) as echo:
            async with running(udp_service("ntp", f"[::1]:{echo.port}")) as r:
                with UdpClient(r.port("ntp")) as client:
                    assert await client.ask() == b"you: hello"

    run(scenario)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_sixty_kilobytes_and_an_empty_datagram_pass_whole(host: str) -> None:
    async def scenario() -> None:
        with Echo() as echo:
            async with running(udp_service("big", echo)) as r:
                with UdpClient(r.port("big"), host) as client:
                    for content in (bytes(range(250)) * 240, b""):
                        assert await client.ask(content) == b"you: " + content

    run(scenario)


def test_what_is_too_big_for_the_other_family_is_dropped_and_the_flow_goes_on() -> None:
    async def scenario() -> None:
        with Echo() as echo:
            async with running(udp_service("big", echo)) as r:
                with UdpClient(r.port("big"), "::1") as client:
                    # An IPv6 datagram may have 65,527 bytes (RFC 8200), an IPv4 one 65,507 (RFC 791).
                    client.say(bytes(65520))
                    assert await client.ask() == b"you: hello"
                assert counts(r, "big").dropped == 1
                assert counts(r, "big").flows == 1

    run(scenario)


def test_an_answer_that_is_too_big_for_the_clients_family_is_dropped() -> None:
    async def scenario() -> None:
        with Echo(6) as echo:
            async with running(udp_service("big", f"[::1]:{echo.port}")) as r:
                with UdpClient(r.port("big")) as client:
                    client.say(bytes(65507))
                    await until(lambda: counts(r, "big").dropped == 1)
                    assert await client.ask() == b"you: hello"
                    assert counts(r, "big").datagrams_down == 1

    run(scenario)


def test_each_client_has_a_flow_of_its_own_and_the_server_tells_them_apart() -> None:
    async def scenario() -> None:
        with Echo() as echo:
            async with running(udp_service("dns", echo)) as r:
                clients = [UdpClient(r.port("dns"), host) for host in ("127.0.0.1", "127.0.0.1", "::1")]
                for number, client in enumerate(clients):
                    client.say(b"%d" % number)
                for number, client in enumerate(clients):
                    assert await client.hear() == b"you: %d" % number
                    client.sock.close()
                assert len({peer for _, peer in echo.heard}) == 3
                assert r.gateway.port_named("dns").connections == 3
                total = counts(r, "dns")
                assert (total.flows, total.datagrams_up, total.datagrams_down) == (3, 3, 3)
                assert (total.bytes_up, total.bytes_down) == (3, 18)

    run(scenario)


def test_a_client_at_two_addresses_of_ours_has_two_flows() -> None:
    async def scenario() -> None:
        with Echo() as echo, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.setblocking(False)
            client.bind(("127.0.0.1", 0))
            async with running(udp_service("dns", echo)) as r:
                loop = asyncio.get_running_loop()
                for host in ("127.0.0.2", "127.0.0.3"):
                    client.sendto(b"to " + host.encode(), (host, r.port("dns")))
                    content, peer = await loop.sock_recvfrom(client, 100)
                    assert (content, peer[0]) == (b"you: to " + host.encode(), host)

    run(scenario)


def test_a_flow_that_is_silent_is_over() -> None:
    async def scenario() -> None:
        with Echo() as echo:
            async with running(udp_service("dns", echo, idle_timeout="0.05")) as r:
                with UdpClient(r.port("dns")) as client:
                    await client.ask()
                    await until(lambda: r.gateway.port_named("dns").connections == 0)
                    await client.ask()
                assert counts(r, "dns").flows == 2
                assert len({peer for _, peer in echo.heard}) == 2

    run(scenario)


def test_a_target_that_refuses_closes_the_flow_and_the_log_says_so_once() -> None:
    async def scenario() -> None:
        with Echo() as gone:
            port = gone.port
        async with running(udp_service("dns", f"127.0.0.1:{port}")) as r:
            with UdpClient(r.port("dns")) as client:
                for number in (1, 2):
                    client.say(b"anybody?")
                    await until(lambda number=number: counts(r, "dns").flows == number)  # type: ignore[misc]
                    await until(lambda: r.gateway.port_named("dns").connections == 0)
                (line,) = r.events.of("unreached")
                assert "Connection refused" in str(line["why"])
                with Echo(port=port):
                    assert await client.ask() == b"you: hello", "it is there now"

    run(scenario)


def test_a_target_that_never_answers_keeps_nobody_else_waiting() -> None:
    async def scenario() -> None:
        with Echo() as echo, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent, ExitStack() as stay:
            silent.bind(("127.0.0.1", 0))
            text = udp_service("silent", f"127.0.0.1:{silent.getsockname()[1]}", max_connections="5")
            async with running(text + udp_service("dns", echo)) as r:
                crowd = [stay.enter_context(UdpClient(r.port("silent"))) for _ in range(50)]
                for client in crowd:
                    client.say(b"anybody?")
                with UdpClient(r.port("dns")) as client:
                    assert await client.ask() == b"you: hello"
                await until(lambda: counts(r, "silent").flows == 50)
                assert r.gateway.port_named("silent").connections == 5
                assert counts(r, "silent").evicted == 45

    run(scenario)


def test_a_flood_of_senders_is_bounded_and_ends_no_conversation() -> None:
    async def scenario() -> None:
        with Echo() as echo, ExitStack() as stay:
            async with running(udp_service("dns", echo, max_connections="8")) as r:
                with UdpClient(r.port("dns")) as talk:
                    await talk.ask(b"1")
                    await talk.ask(b"2")
                    # They stay, so that no two have one port.
                    for _ in range(200):
                        stay.enter_context(UdpClient(r.port("dns"), "::1")).say(b"x")
                        await asyncio.sleep(0)
                    await until(lambda: counts(r, "dns").flows == 201)
                    assert r.gateway.port_named("dns").connections <= 8
                    assert await talk.ask(b"3") == b"you: 3"
                assert counts(r, "dns").flows == 201, "the talk was one flow all along"

    run(scenario)


def test_a_client_at_its_limit_gives_up_its_own_oldest_flow() -> None:
    async def scenario() -> None:
        with Echo() as echo:
            async with running(udp_service("dns", echo, max_per_client="1")) as r:
                for host in ("127.0.0.1", "::1", "127.0.0.1"):
                    with UdpClient(r.port("dns"), host) as client:
                        assert await client.ask() == b"you: hello"
                assert r.gateway.port_named("dns").connections == 2

    run(scenario)


def test_a_client_in_conversation_at_its_limit_is_refused_another_and_told_once() -> None:
    async def scenario() -> None:
        with Echo() as echo:
            async with running(udp_service("dns", echo, max_per_client="1")) as r:
                with UdpClient(r.port("dns")) as talk, UdpClient(r.port("dns")) as other:
                    await talk.ask()
                    await talk.ask()
                    other.say(b"1")
                    other.say(b"2")
                    await until(lambda: counts(r, "dns").refused == 2)
                (line,) = r.events.of("refused")
                assert line["why"] == "max_per_client: 1"

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
def test_rules_hold_for_a_sender_in_whatever_clothes(rules: str, host: str, admitted: bool) -> None:  # noqa: FBT001
    async def scenario() -> None:
        with Echo() as echo:
            async with running(udp_service("dns", echo, access=rules)) as r:
                with UdpClient(r.port("dns"), host) as client:
                    client.say(b"hello")
                    await until(lambda: counts(r, "dns").datagrams_up == 1)
                    if admitted:
                        assert await client.hear() == b"you: hello"
                assert counts(r, "dns").refused == (not admitted)
                assert len(echo.heard) == admitted

    run(scenario)


def test_the_rules_of_reach_judge_a_literal_target() -> None:
    async def scenario() -> None:
        with Echo() as echo:
            async with running(udp_service("dns", echo, reach='["deny 127.0.0.0/8", "allow any"]')) as r:
                with UdpClient(r.port("dns")) as client:
                    client.say(b"hello")
                    await until(lambda: counts(r, "dns").dropped == 1)
                assert "the reach rules" in str(r.events.of("unreached")[0]["why"])
                assert echo.heard == []

    run(scenario)


def test_the_rules_of_reach_judge_each_address_of_a_name() -> None:
    async def scenario() -> None:
        with Echo(6) as echo:
            async with running(udp_service("dns", f"localhost:{echo.port}", reach='["deny any"]')) as r:
                with UdpClient(r.port("dns")) as client:
                    client.say(b"hello")
                    await until(lambda: bool(r.events.of("unreached")))
                assert echo.heard == []
                assert r.gateway.port_named("dns").connections == 0
                assert counts(r, "dns").dropped == 1

    run(scenario)


def test_an_address_of_a_name_that_refuses_is_left_for_the_next_and_the_datagram_goes_there() -> None:
    async def scenario() -> None:
        with Echo(4) as echo:
            # ::1 is asked first, and nobody is there.
            async with running(udp_service("dns", f"localhost:{echo.port}")) as r:
                with UdpClient(r.port("dns"), "::1") as client:
                    assert await client.ask() == b"you: hello"
                assert counts(r, "dns").flows == 1
                assert r.events.of("unreached") == []

    run(scenario)


def test_a_name_without_an_address_is_said_and_asked_for_again() -> None:
    async def scenario() -> None:
        async with running(udp_service("dns", "does-not-exist.invalid:53")) as r:
            with UdpClient(r.port("dns")) as client:
                client.say(b"1")
                client.say(b"2")
                await until(lambda: bool(r.events.of("unreached")))
            assert "does-not-exist.invalid" in str(r.events.of("unreached")[0]["why"])
            assert r.gateway.port_named("dns").connections == 0

    run(scenario)


def test_what_waits_for_a_lookup_is_bounded() -> None:
    async def scenario() -> None:
        async with running(udp_service("dns", "does-not-exist.invalid:53")) as r:
            relay = r.gateway.datagrams
            sock = r.gateway.port_named("dns").listenings[0].sock
            clients = [UdpClient(r.port("dns")) for _ in range(30)]
            for client in clients:
                for _ in range(2):
                    client.say(bytes(60_000))
                # In one turn of the loop: the lookup has no chance to end.
                relay.accept_pending(sock)
            (waiting,) = relay._flows.values()
            assert sum(len(flow.held) for flow in waiting.table) == waiting.waiting_bytes <= 1 << 20
            assert waiting.counts.dropped == 60 - (1 << 20) // 60_000
            await r.gateway.stop_port("dns")
            assert (waiting.waiting, waiting.waiting_bytes) == ({}, 0)
            for client in clients:
                client.sock.close()

    run(scenario)


def test_a_stopped_port_refuses_and_starts_again_on_its_number_and_no_other_port_notices() -> None:
    async def scenario() -> None:
        with Echo() as echo:
            async with running(udp_service("a", echo) + udp_service("b", echo)) as r:
                number = r.port("a")
                with UdpClient(number) as client, UdpClient(number, "::1") as client6, UdpClient(r.port("b")) as other:
                    await client.ask()
                    await other.ask()
                    await r.gateway.stop_port("a")
                    assert r.gateway.port_named("a").state.value == "stopped"
                    assert r.gateway.port_named("a").connections == 0
                    for refused in (client, client6):
                        with pytest.raises(ConnectionRefusedError):
                            await refused.ask()
                    assert await other.ask() == b"you: hello"
                    await r.gateway.start_port("a")
                    assert r.port("a") == number
                    assert await client.ask() == b"you: hello"
                    assert await client6.ask() == b"you: hello"

    run(scenario)


def test_a_stop_with_drain_waits_for_the_answers_and_lets_nobody_new_in() -> None:
    async def scenario() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as slow:
            slow.bind(("127.0.0.1", 0))
            slow.setblocking(False)
            loop = asyncio.get_running_loop()
            async with running(udp_service("dns", f"127.0.0.1:{slow.getsockname()[1]}")) as r:
                with UdpClient(r.port("dns")) as client, UdpClient(r.port("dns")) as late:
                    client.say(b"question")
                    question, asker = await loop.sock_recvfrom(slow, 100)
                    stopping = loop.create_task(r.gateway.stop_port("dns", drain_s=60))
                    await until(lambda: r.gateway.port_named("dns").state.value == "stopped")
                    late.say(b"too late")
                    await until(lambda: counts(r, "dns").dropped == 1)
                    slow.sendto(b"answer to " + question, asker)
                    assert await client.hear() == b"answer to question"
                    assert await stopping == 0
                    with pytest.raises(ConnectionRefusedError):
                        await client.ask()

    run(scenario)


def test_a_drain_ends_without_the_answers_of_a_target_that_has_none() -> None:
    async def scenario() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
            silent.bind(("127.0.0.1", 0))
            async with running(udp_service("dns", f"127.0.0.1:{silent.getsockname()[1]}")) as r:
                with UdpClient(r.port("dns")) as client:
                    client.say(b"anybody?")
                    await until(lambda: counts(r, "dns").flows == 1)
                    assert await r.gateway.stop_port("dns", drain_s=0.01) == 1

    run(scenario)


def test_a_port_that_is_started_while_it_drains_keeps_its_flows() -> None:
    async def scenario() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as slow:
            slow.bind(("127.0.0.1", 0))
            slow.setblocking(False)
            loop = asyncio.get_running_loop()
            async with running(udp_service("dns", f"127.0.0.1:{slow.getsockname()[1]}")) as r:
                with UdpClient(r.port("dns")) as client:
                    client.say(b"question")
                    _, asker = await loop.sock_recvfrom(slow, 100)
                    stopping = loop.create_task(r.gateway.stop_port("dns", drain_s=60))
                    await until(lambda: r.gateway.port_named("dns").state.value == "stopped")
                    await r.gateway.start_port("dns")
                    slow.sendto(b"answer", asker)
                    assert await client.hear() == b"answer"
                    await stopping
                    assert r.gateway.port_named("dns").connections == 1

    run(scenario)


def test_a_released_number_that_somebody_took_keeps_the_port_from_starting() -> None:
    async def scenario() -> None:
        with Echo() as echo:
            async with running(udp_service("a", echo, "127.0.0.1:0")) as r:
                await r.gateway.stop_port("a")
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as foreign:
                    foreign.bind(("127.0.0.1", r.port("a")))
                    with pytest.raises(ListenError) as caught:
                        await r.gateway.start_port("a")
                assert caught.value.errno == errno.EADDRINUSE
                await r.gateway.start_port("a")

    run(scenario)


def test_the_clients_of_a_stopped_specific_port_do_not_fall_to_the_wildcard() -> None:
    async def scenario() -> None:
        with Echo() as echo, Echo() as other:
            number = free_port()
            text = udp_service("all", echo, f"*:{number}") + udp_service("one", other, f"127.0.0.2:{number}")
            async with running(text) as r:
                with UdpClient(number, "127.0.0.2") as client, UdpClient(number, "127.0.0.3") as third:
                    await client.ask()
                    assert (len(echo.heard), len(other.heard)) == (0, 1)
                    await r.gateway.stop_port("one")
                    client.say(b"for the one")
                    await until(lambda: counts(r, "all").dropped == 1)
                    assert await third.ask() == b"you: hello"
                    assert [question for question, _ in echo.heard] == [b"hello"]
                    await r.gateway.start_port("one")
                    assert await client.ask() == b"you: hello"
                    assert len(other.heard) == 2

    run(scenario)


def test_tcp_and_udp_stand_side_by_side_on_one_port_number() -> None:
    async def scenario() -> None:
        with Echo() as echo:
            number = free_port()
            text = f"[[services]]\nname = 'tcp'\nlisten = '*:{number}'\nto = '127.0.0.1:BEHIND'\n"
            async with running(text + udp_service("udp", echo, f"*:{number}")) as r:
                assert await r.ask("tcp") == b"you: hello\n"
                with UdpClient(number) as client:
                    assert await client.ask() == b"you: hello"
                assert [each.get("proto") for each in r.gateway.describe_sockets()] == [None, "udp"]

    run(scenario)


def test_a_reload_keeps_flows_and_obeys_new_limits() -> None:
    async def scenario() -> None:
        with Echo() as echo:
            number = free_port()
            async with running(udp_service("a", echo, f"*:{number}")) as r:
                with UdpClient(number) as client, UdpClient(number, "::1") as other:
                    await client.ask()
                    await client.ask()
                    await r.gateway.reload(parse(udp_service("a", echo, f"*:{number}", max_connections="1"), "f"))
                    assert await client.ask() == b"you: hello"
                    assert len({peer for _, peer in echo.heard}) == 1
                    other.say(b"too many")
                    await until(lambda: counts(r, "a").refused == 1)
                    await r.gateway.reload(parse(udp_service("b", echo, f"*:{number}"), "f"))
                    assert await other.ask() == b"you: hello"

    run(scenario)


def test_a_reload_may_put_a_port_on_another_address_in_place() -> None:
    async def scenario() -> None:
        with Echo() as echo:
            number = free_port()
            async with running(udp_service("a", echo, f"127.0.0.1:{number}")) as r:
                await r.gateway.reload(parse(udp_service("a", echo, f"*:{number}"), "f"))
                with UdpClient(number, "::1") as client:
                    assert await client.ask() == b"you: hello"

    run(scenario)


def test_a_reload_may_move_a_port_that_is_still_draining() -> None:
    async def scenario() -> None:
        with Echo() as echo, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
            silent.bind(("127.0.0.1", 0))
            number = free_port()
            to = f"127.0.0.1:{silent.getsockname()[1]}"
            async with running(udp_service("a", to, f"127.0.0.1:{number}")) as r:
                with UdpClient(number) as client:
                    client.say(b"anybody?")
                    await until(lambda: counts(r, "a").flows == 1)
                    stopping = asyncio.create_task(r.gateway.stop_port("a", drain_s=60))
                    await until(lambda: r.gateway.port_named("a").state.value == "stopped")
                    await r.gateway.reload(parse(udp_service("a", echo, f"*:{number}"), "f"))
                    assert await stopping == 0
                    await r.gateway.start_port("a")
                    assert await client.ask() == b"you: hello"

    run(scenario)


def test_leaving_ends_all_flows_and_leaves_nothing_open() -> None:
    async def scenario() -> None:
        with Echo() as echo:
            async with running(udp_service("a", echo, drain="0")) as r:
                with UdpClient(r.port("a")) as client:
                    await client.ask()
                    assert await r.gateway.drain() == 0
                    await r.gateway.close()
                    assert r.gateway.port_named("a").connections == 0
                    with pytest.raises(ConnectionRefusedError):
                        await client.ask()

    run(scenario)


@pytest.mark.parametrize("to", ["unix:/run/x.sock", "exec:/bin/cat"])
def test_a_target_that_takes_connections_is_a_wrong_value(to: str) -> None:
    async def scenario() -> None:
        with pytest.raises(ConfigError, match=rf"services\.a\.to.*{to}.*UDP has none; write HOST:PORT"):
            async with running(udp_service("a", to)):
                pass

    run(scenario)


def test_a_target_that_is_our_own_socket_is_refused_at_start() -> None:
    async def scenario() -> None:
        number = free_port()
        with pytest.raises(ConfigError, match="would connect to itself"):
            async with running(udp_service("a", f"127.0.0.1:{number}", f"*:{number}")):
                pass

    run(scenario)


def test_a_link_dials_from_its_port() -> None:
    async def scenario() -> None:
        with Echo() as echo:
            links = "[ports.p4]\nbind = '127.0.0.9'\n[[links]]\nto = '127.0.0.1'\nports = ['p4']\n"
            async with running(udp_service("a", echo) + links) as r:
                with UdpClient(r.port("a"), "::1") as client:
                    await client.ask()
                ((_, peer),) = echo.heard
                assert isinstance(peer, tuple)
                assert peer[0] == "127.0.0.9"

    run(scenario)


@pytest.fixture
def few_descriptors() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.usefixtures("few_descriptors")
def test_without_descriptors_the_longest_silent_flow_makes_room() -> None:
    async def scenario() -> None:
        with Echo() as echo:
            async with running(udp_service("a", echo, max_connections="1000")) as r:
                with UdpClient(r.port("a")) as client, UdpClient(r.port("a")) as other:
                    await client.ask()
                    free = socket.socket()
                    limit = free.fileno()
                    free.close()
                    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
                    assert await other.ask() == b"you: hello"
                    assert r.gateway.port_named("a").connections == 1
                    assert counts(r, "a").evicted == 1
                    await other.ask()
                    client.say(b"all are in conversation")
                    await until(lambda: counts(r, "a").dropped == 1)
                assert "open files" in str(r.events.of("unreached")[0]["why"])

    run(scenario)


@pytest.mark.parametrize(("descriptors", "flows"), [(None, FLOWS_MAX), (1 << 20, FLOWS_MAX), (1024, 256), (2, 1)])
def test_a_quarter_of_the_descriptors_is_for_flows(descriptors: int | None, flows: int) -> None:
    assert flows_max(descriptors) == flows
