"""Every metric of a gateway, with its labels and its value, from a snapshot that has something of everything."""

import asyncio

import msgspec
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as text_format

from dualstack.gateway.status.aggregate import aggregate, as_document, read_snapshot, with_lost
from dualstack.gateway.status.metrics import exposition
from dualstack.gateway.status.snapshot import (
    Client,
    Connection,
    Datagrams,
    Dial,
    Lesson,
    Lost,
    OnPort,
    Port,
    Refusal,
    Rule,
    Service,
    Snapshot,
    Trouble,
    Way,
)
from support.gateway import Echo, UdpClient, ended, run, running, service, udp_service

Numbers = dict[tuple[str, ...], float]


def tcp() -> Service:
    return Service(
        "web",
        "tcp",
        "localhost:80",
        on=[
            OnPort(
                "tcpip",
                [Client("ipv4", 1, 20), Client("ipv6", 3, 40)],
                [Way("ipv4", "ipv6", 1, 5, 60, 70), Way("ipv6", "ipv4", 2, 7, 80, 90)],
            ),
            OnPort("tcpip6", [Client("ipv4"), Client("ipv6", 4, 50)], [Way("ipv6", "none", 0, 8, 0, 0)]),
        ],
        rules=[Rule("rule: deny any", 9, 4.0, "192.0.2.1:1"), Rule("max_connections: 1", 10, 5.0, "192.0.2.2:1")],
        refusals=[Refusal(time, f"192.0.2.{time:.0f}:1", "rule: deny any") for time in (1.0, 2.0)],
        unreached=11,
        troubles=[Trouble(3.0, "192.0.2.1:1", "localhost:80", "refused")],
        dials=[Dial(6.0, "localhost:80")],
        recent=[Connection(7.0, "tcpip", "192.0.2.1:1", "[::1]:80", "ipv4 to ipv6", 1, 2, 3.0, "ended")],
    )


def udp() -> Service:
    on = [OnPort("dns", [Client("ipv4", 2, 12), Client("ipv6", 0, 1)])]
    return Service("dns", "udp", "192.0.2.53:53", on=on, datagrams=Datagrams(13, 2, 14, 15, 16, 17, 18, 19))


def shot(*services: Service) -> Snapshot:
    return Snapshot(
        1000.0,
        900.0,
        "1.2.3",
        workers=2,
        services=list(services),
        ports=[Port("tcpip", "*", "listening", ["web"], 8), Port("dns", "*", "stopped", ["dns"], 2)],
        history=[Lesson("192.0.2.0/24", "198.51.100.0/24", 0.01, None)],
        short_now=1,
        shortages=3,
        lost=[Lost("events", 21), Lost("connections", 22)],
    )


EXPECTED: Numbers = {
    ("dualstack_info", "1.2.3"): 1,
    ("dualstack_start_time_seconds",): 900,
    ("dualstack_workers",): 2,
    ("dualstack_descriptors_short",): 1,
    ("dualstack_descriptor_shortages_total",): 3,
    ("dualstack_log_lines_lost_total", "events"): 21,
    ("dualstack_log_lines_lost_total", "connections"): 22,
    ("dualstack_port_listening", "tcpip"): 1,
    ("dualstack_port_listening", "dns"): 0,
    ("dualstack_connections", "ipv4", "tcpip", "web"): 1,
    ("dualstack_connections", "ipv6", "tcpip", "web"): 3,
    ("dualstack_connections", "ipv4", "tcpip6", "web"): 0,
    ("dualstack_connections", "ipv6", "tcpip6", "web"): 4,
    ("dualstack_connections", "ipv4", "dns", "dns"): 2,
    ("dualstack_connections", "ipv6", "dns", "dns"): 0,
    ("dualstack_connections_total", "ipv4", "tcpip", "web"): 20,
    ("dualstack_connections_total", "ipv6", "tcpip", "web"): 40,
    ("dualstack_connections_total", "ipv4", "tcpip6", "web"): 0,
    ("dualstack_connections_total", "ipv6", "tcpip6", "web"): 50,
    ("dualstack_connections_total", "ipv4", "dns", "dns"): 12,
    ("dualstack_connections_total", "ipv6", "dns", "dns"): 1,
    ("dualstack_relayed_connections_total", "ipv4", "tcpip", "web", "ipv6"): 5,
    ("dualstack_relayed_connections_total", "ipv6", "tcpip", "web", "ipv4"): 7,
    ("dualstack_relayed_connections_total", "ipv6", "tcpip6", "web", "none"): 8,
    ("dualstack_bytes_total", "up", "ipv4", "tcpip", "web", "ipv6"): 60,
    ("dualstack_bytes_total", "down", "ipv4", "tcpip", "web", "ipv6"): 70,
    ("dualstack_bytes_total", "up", "ipv6", "tcpip", "web", "ipv4"): 80,
    ("dualstack_bytes_total", "down", "ipv6", "tcpip", "web", "ipv4"): 90,
    ("dualstack_bytes_total", "up", "ipv6", "tcpip6", "web", "none"): 0,
    ("dualstack_bytes_total", "down", "ipv6", "tcpip6", "web", "none"): 0,
    ("dualstack_refused_total", "rule: deny any", "web"): 9,
    ("dualstack_refused_total", "max_connections: 1", "web"): 10,
    ("dualstack_unreached_total", "web"): 11,
    ("dualstack_unreached_total", "dns"): 0,
    ("dualstack_datagrams_total", "up", "dns"): 16,
    ("dualstack_datagrams_total", "down", "dns"): 17,
    ("dualstack_datagram_bytes_total", "up", "dns"): 18,
    ("dualstack_datagram_bytes_total", "down", "dns"): 19,
    ("dualstack_datagrams_dropped_total", "dns"): 15,
    ("dualstack_flows_evicted_total", "dns"): 14,
}


def numbers(found: Snapshot, accept: str = "") -> Numbers:
    """The samples, by their name and the values of their labels in the order of the labels' names."""
    parse = openmetrics if accept else text_format
    return {
        (each.name, *(value for _, value in sorted(each.labels.items()))): each.value
        for family in parse(exposition(found, accept)[0].decode())
        for each in family.samples
    }


@pytest.mark.parametrize("accept", ["", "application/openmetrics-text; version=1.0.0"])
@pytest.mark.parametrize("services", [(tcp(), udp()), (udp(), tcp())], ids=["tcp-first", "udp-first"])
def test_every_metric_has_its_value_whichever_service_comes_first(services: tuple[Service, ...], accept: str) -> None:
    assert numbers(shot(*services), accept) == EXPECTED


def test_a_metric_stands_once_with_its_help_and_the_end_is_at_the_end() -> None:
    text = exposition(shot(tcp(), udp()))[0].decode()
    assert text.count("# HELP dualstack_bytes_total Bytes relayed; up is to the target.\n") == 1
    assert text.count("# TYPE dualstack_connections gauge\n") == 1
    assert "# EOF" not in text
    text = exposition(shot(tcp(), udp()), "application/openmetrics-text; version=1.0.0")[0].decode()
    assert text.count("# EOF\n") == 1
    assert text.endswith("# EOF\n")


def test_a_tcp_service_before_a_udp_one_is_counted_for_real() -> None:
    async def scenario() -> None:
        with Echo() as echo:
            async with running(service("web") + udp_service("dns", echo)) as r:
                await r.ask("web", "::1")
                with UdpClient(r.port("dns"), "127.0.0.1") as client:
                    await client.ask(b"hello")
                await ended(r, "web", 0)
                found = numbers(await r.gateway.shot())
        assert found["dualstack_relayed_connections_total", "ipv6", "web", "web", "ipv4"] == 1
        assert found["dualstack_datagrams_total", "up", "dns"] == 1
        assert found["dualstack_connections_total", "ipv4", "dns", "dns"] == 1

    run(scenario)


def test_two_workers_are_the_sum_of_both_and_the_one_that_began_first() -> None:
    one = shot(tcp(), udp())
    other = shot(tcp(), udp())
    other.time, other.started, other.lost = 1001.0, 800.0, [Lost("events", 1)]
    other.history = [Lesson("192.0.2.0/24", "198.51.100.0/24", 9.0, None), Lesson("::/64", "::/64", 1.0, 2.0)]
    other.services[0].recent[0].time = 8.0
    other.services[0].rules[0].time, other.services[0].rules[0].client = 9.0, "192.0.2.9:1"
    both = read_snapshot(aggregate([as_document(one), as_document(other)]))
    summed = {key: 2 * value for key, value in EXPECTED.items()} | {
        ("dualstack_info", "1.2.3"): 1,
        ("dualstack_start_time_seconds",): 800,
        ("dualstack_log_lines_lost_total", "events"): 22,
        ("dualstack_log_lines_lost_total", "connections"): 22,
        ("dualstack_port_listening", "tcpip"): 1,
    }
    assert numbers(both) == summed
    assert both.time == 1001.0
    assert [(port.name, port.state, port.connections) for port in both.ports] == [
        ("tcpip", "listening", 16),
        ("dns", "stopped", 4),
    ]
    web = both.services[0]
    assert [each.time for each in web.recent] == [7.0, 8.0]
    assert (web.rules[0].time, web.rules[0].client) == (9.0, "192.0.2.9:1")
    assert [refusal.time for refusal in web.refusals] == [1.0, 1.0, 2.0, 2.0]
    assert [(each.source, each.rtt_s) for each in both.history] == [("192.0.2.0/24", 0.01), ("::/64", 1.0)]
    assert both.services[1].datagrams == Datagrams(26, 4, 28, 30, 32, 34, 36, 38)


def test_of_what_happened_last_the_latest_sixteen_are_kept() -> None:
    one, other = shot(tcp()), shot(tcp())
    one.services[0].refusals = [Refusal(float(time), "c", "r") for time in range(0, 20, 2)]
    other.services[0].refusals = [Refusal(float(time), "c", "r") for time in range(1, 20, 2)]
    both = read_snapshot(aggregate([as_document(one), as_document(other)]))
    assert [each.time for each in both.services[0].refusals] == [float(time) for time in range(4, 20)]


def test_a_service_is_leaving_where_it_is_in_every_worker() -> None:
    one, other = shot(tcp()), shot(tcp())
    one.services[0].is_leaving = True
    assert not read_snapshot(aggregate([as_document(one), as_document(other)])).services[0].is_leaving
    other.services[0].is_leaving = True
    assert read_snapshot(aggregate([as_document(one), as_document(other)])).services[0].is_leaving


def test_lines_that_the_process_beside_the_workers_lost_are_counted_too() -> None:
    found = with_lost(as_document(shot()), {"events": 4, "connections": 0})
    assert {each.log: each.lines for each in found.lost} == {"events": 25, "connections": 22}


def test_what_a_service_sums_is_of_all_its_ports() -> None:
    web, dns = tcp(), udp()
    assert (web.refused, web.bytes_up, web.bytes_down) == (19, 140, 160)
    assert web.of("ipv6") == Client("ipv6", 7, 90)
    assert (dns.bytes_up, dns.bytes_down) == (18, 19)
    found = shot(web, dns)
    assert (found.now("ipv4"), found.now("ipv6"), found.total("ipv4"), found.total("ipv6")) == (3, 7, 32, 91)


def test_what_was_drawn_of_workers_may_be_asked_for_while_they_work() -> None:
    async def scenario() -> None:
        async with running(service("web")) as r:
            first, second = await asyncio.gather(r.gateway.shot(), r.gateway.shot())
            assert first.services == second.services

    run(scenario)


@pytest.mark.parametrize("kind", [Datagrams, Client, Way])
def test_what_nobody_counted_is_nothing(kind: type[Datagrams | Client | Way]) -> None:
    names = {"family": "ipv4", "client": "ipv4", "target": "ipv4"}
    made = kind(**{name: value for name, value in names.items() if name in kind.__struct_fields__})
    assert {value for value in msgspec.to_builtins(made).values() if not isinstance(value, str)} == {0}
