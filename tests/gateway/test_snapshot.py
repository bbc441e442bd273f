"""What a gateway says of itself: counted by service, port and family, while connections are open and after."""

import asyncio
import json
import socket
from time import time

import pytest

from dualstack.gateway.counters.counters import OTHER_RULES, Counters, Rules
from dualstack.gateway.counters.families import target_family
from dualstack.gateway.relay.link import Hop
from dualstack.gateway.status.aggregate import aggregate, read_snapshot
from dualstack.gateway.status.metrics import exposition
from dualstack.gateway.status.snapshot import Service, Snapshot
from support.associate import associate
from support.free_port import free_port
from support.gateway import Echo, Running, UdpClient, ended, run, running, service, udp_service, until


def seen(r: Running) -> Snapshot:
    document = r.gateway.snapshot()
    json.dumps(document)
    return read_snapshot(document)


def of(r: Running, name: str) -> Service:
    return next(service for service in seen(r).services if service.name == name)


def ways(found: Service) -> dict[tuple[str, str], tuple[int, int, int, int]]:
    return {
        (way.client, way.target): (way.now, way.total, way.bytes_up, way.bytes_down)
        for on in found.on
        for way in on.ways
    }


def test_bytes_of_an_open_connection_are_counted_and_stay_when_it_ends() -> None:
    async def scenario() -> None:
        async with running(service("a")) as r:
            reader, writer = await asyncio.open_connection("::1", r.port("a"))
            writer.write(b"1\n")
            await reader.readline()
            assert ways(of(r, "a")) == {("ipv6", "ipv4"): (1, 1, 2, 7)}
            writer.close()
            await ended(r, "a", 0)
            assert ways(of(r, "a")) == {("ipv6", "ipv4"): (0, 1, 2, 7)}
            assert (of(r, "a").of("ipv6").now, of(r, "a").of("ipv6").total) == (0, 1)
            assert (of(r, "a").bytes_up, of(r, "a").bytes_down) == (2, 7)

    run(scenario)


def test_a_mapped_client_counts_as_ipv4_and_is_shown_unmapped() -> None:
    async def scenario() -> None:
        async with running(service("a", "*:0", sockets='"single"')) as r:
            began = time()
            await r.ask("a", "127.0.0.1")
            await ended(r, "a", 0)
            shot = seen(r)
            assert (shot.total("ipv4"), shot.total("ipv6")) == (1, 0)
            (over,) = of(r, "a").recent
            assert over.client.startswith("127.0.0.1:")
            assert over.target == f"127.0.0.1:{r.behind}"
            assert over.way == "ipv4 to ipv4"
            assert over.reason == "both sides ended"
            # Told by the wall's clock, to a second that is the same on both.
            assert began - 1 <= over.time <= time() + 1
            assert 0 <= over.duration_s <= time() - began + 1

    run(scenario)


def test_refusals_are_counted_by_the_rule_that_refused() -> None:
    async def scenario() -> None:
        text = service("a", access='["deny 127.0.0.0/8", "allow any"]') + service("b", access='["allow ::1"]')
        async with running(text) as r:
            for _ in range(3):
                assert await r.ask("a") == b""
            assert await r.ask("b") == b""
            (rule,) = of(r, "a").rules
            assert (rule.rule, rule.count) == ("rule: deny 127.0.0.0/8", 3)
            assert rule.client.startswith("127.0.0.1:")
            assert [each.rule for each in of(r, "b").rules] == ["no rule allows it"]
            assert [each.rule for each in of(r, "a").refusals] == ["rule: deny 127.0.0.0/8"] * 3

    run(scenario)


def test_an_unreached_target_is_counted_with_its_reason() -> None:
    async def scenario() -> None:
        async with running(service("a", to=f"127.0.0.1:{free_port()}")) as r:
            with pytest.raises(ConnectionResetError):
                await r.ask("a")
            found = of(r, "a")
            assert found.unreached == 1
            assert "Connection refused" in found.troubles[0].why
            assert ways(found) == {("ipv4", "none"): (0, 1, 0, 0)}

    run(scenario)


def test_the_connectors_race_is_told_with_its_winner() -> None:
    async def scenario() -> None:
        async with running(service("a", to="localhost:BEHIND")) as r:
            assert await r.ask("a") == b"you: hello\n"
            (dial,) = of(r, "a").dials
            assert dial.winner == "ipv4"
            assert dial.target == f"localhost:{r.behind}"
            assert [each.outcome for each in dial.tries][-1] == "won"
            assert dial.other.startswith("IPv6")
            lessons = {lesson.destination: lesson for lesson in seen(r).history}
            assert lessons["127.0.0.0/24"].source == "127.0.0.0/24"
            assert lessons.keys() <= {"127.0.0.0/24", "::/64"}

    run(scenario)


def test_what_a_proxys_client_asked_for_is_no_rule() -> None:
    async def scenario() -> None:
        text = "[[services]]\nname = 'p'\nlisten = 'localhost:0'\nforward = ['socks5']\nreach = ['deny 127.0.0.2']\n"
        async with running(text) as r:
            for number in (2, 3, 4):
                reader, writer = await asyncio.open_connection("::1", r.port("p"))
                writer.write(b"\5\1\0\5\1\0\1" + bytes((127, 0, 0, number)) + (9).to_bytes(2, "big"))
                assert (await reader.readexactly(4))[3] == 2
                writer.close()
            reader, writer = await asyncio.open_connection("::1", r.port("p"))
            writer.write(b"\x07<script>")
            await reader.read()
            writer.close()
            await until(lambda: len(of(r, "p").rules) == 3)
            assert {rule.rule: rule.count for rule in of(r, "p").rules} == {
                "reach: rule `deny 127.0.0.2` denies it": 1,
                "reach: no rule allows it": 2,
                "no whole request": 1,
            }

    run(scenario)


def test_datagrams_and_their_flows_are_counted() -> None:
    async def scenario() -> None:
        with Echo() as echo:
            async with running(udp_service("dns", echo)) as r:
                with UdpClient(r.port("dns"), "::1") as client:
                    assert await client.ask(b"hello") == b"you: hello"
                found = of(r, "dns")
                assert found.datagrams is not None
                assert (found.datagrams.flows, found.datagrams.flows_now) == (1, 1)
                assert (found.datagrams.bytes_up, found.datagrams.bytes_down) == (5, 10)
                assert found.of("ipv6").now == 1

    run(scenario)


def test_datagrams_are_in_the_metrics_too() -> None:
    async def scenario() -> None:
        with Echo() as echo:
            async with running(udp_service("dns", echo)) as r:
                with UdpClient(r.port("dns"), "127.0.0.1") as client:
                    await client.ask(b"hello")
                body, _ = exposition(seen(r))
                assert 'dualstack_datagram_bytes_total{direction="down",service="dns"} 10.0' in body.decode()
                assert 'dualstack_datagrams_total{direction="up",service="dns"} 1.0' in body.decode()

    run(scenario)


def test_datagrams_of_a_proxys_associations_are_counted() -> None:
    async def scenario() -> None:
        with Echo() as echo:
            async with running("[[services]]\nname = 'p'\nlisten = 'localhost:0'\nforward = ['socks5']\n") as r:
                assert of(r, "p").datagrams is None
                with await associate(r.port("p")) as client:
                    await client.ask_of(f"127.0.0.1:{echo.port}", b"hello")
                    counted = of(r, "p").datagrams
                    assert counted is not None
                    assert (counted.flows_now, counted.datagrams_up, counted.datagrams_down) == (1, 1, 1)

    run(scenario)


def test_a_lack_of_descriptors_is_told() -> None:
    async def scenario() -> None:
        async with running(service("a")) as r:
            assert (seen(r).short_now, seen(r).shortages) == (0, 0)
            r.gateway.reserve.met_shortage()
            assert (seen(r).short_now, seen(r).shortages) == (1, 1)
            assert "dualstack_descriptors_short 1.0" in exposition(seen(r))[0].decode()

    run(scenario)


def test_each_socket_is_told_as_the_oracle_has_it_and_a_stopped_port_receives_nothing() -> None:
    async def scenario() -> None:
        async with running(service("a", "*:0", sockets='"single"')) as r:
            (sock,) = seen(r).ports[0].sockets
            assert sock.receives == "IPv6 and IPv4"
            assert "appears as ::ffff:198.51.100.7" in [each.says for each in sock.reached]
            await r.gateway.stop_port("a")
            (port,) = seen(r).ports
            assert (port.state, port.sockets[0].receives) == ("stopped", "nothing")

    run(scenario)


def test_the_words_of_a_command_are_not_told() -> None:
    async def scenario() -> None:
        async with running(service("a", to="exec:/bin/echo hunter2")) as r:
            assert await r.ask("a") == b"hunter2\n"
            assert "hunter2" not in json.dumps(r.gateway.snapshot())
            assert of(r, "a").target == "exec:/bin/echo"

    run(scenario)


def test_a_service_that_a_reload_took_away_is_told_while_it_has_connections() -> None:
    async def scenario() -> None:
        from dualstack.gateway.config.toml import parse

        async with running(service("old")) as r:
            reader, writer = await asyncio.open_connection("::1", r.port("old"))
            writer.write(b"1\n")
            await reader.readline()
            await r.gateway.reload(parse(r.toml(service("new")), "test.toml"))
            assert [(each.name, each.is_leaving) for each in seen(r).services] == [("new", False), ("old", True)]
            writer.close()

    run(scenario)


def test_rules_beyond_so_many_are_counted_together() -> None:
    rules = Rules()
    for number in range(100):
        rules.refused(("192.0.2.1", 9), f"rule {number}")
    assert len(rules.by_rule) == 33
    assert rules.by_rule[OTHER_RULES].count == 68
    assert len(rules.latest) == 8


def test_ports_do_not_mind_case_in_the_book_either() -> None:
    counters = Counters()
    assert counters.on("TCPIP") is counters.on("tcpip")


def test_the_snapshots_of_workers_are_summed() -> None:
    async def scenario() -> None:
        async with running(service("a", access='["allow ::1"]')) as r:
            await r.ask("a", "::1")
            await r.ask("a", "127.0.0.1")
            await ended(r, "a", 0)
            one = r.gateway.snapshot()
            summed = read_snapshot(aggregate([one, one, one]))
            (found,) = summed.services
            assert summed.workers == 3
            assert summed.total("ipv6") == 3
            assert found.rules[0].count == 3
            assert ways(found) == {("ipv6", "ipv4"): (0, 3, 18, 33)}
            assert len(found.recent) == 3
            assert aggregate([one]) == one

    run(scenario)


def test_the_sum_of_no_snapshot_is_an_error() -> None:
    with pytest.raises(ValueError, match="no snapshot"):
        aggregate([])
    with pytest.raises(ValueError, match="Expected"):
        aggregate([{"version": "x"}])


def test_a_hop_to_a_unix_socket_is_of_no_family() -> None:
    assert target_family(Hop(socket.AF_UNIX, "/x").family) == "unix"
