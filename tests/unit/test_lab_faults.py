"""How a fault is written, what is refused and why, and what a set of faults means for packets, wire and routes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualstack.errors import ConfigError, ExitCode
from dualstack.lab.faults import FAULTS, Effects, Fault, Takes, Where, effects, parse_fault
from dualstack.lab.wire import Shape

HOSTS = ("client", "server")
ADDRESSES = {
    "client": {4: ("10.64.0.4",), 6: ("2001:db8:64::4",)},
    "server": {4: ("10.64.0.6",), 6: ("2001:db8:64::6",)},
}
EXAMPLES = {Takes.NOTHING: "", Takes.TIME: " 300ms", Takes.SHARE: " 10%"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("dropped server", Fault("dropped", "server")),
        ("dropped ipv6 server", Fault("dropped", "server", 6)),
        ("dropped server IPv4", Fault("dropped", "server", 4)),
        ("delay 300ms server", Fault("delay", "server", seconds=0.3)),
        ("delay server ipv6 2s", Fault("delay", "server", 6, seconds=2)),
        ("jitter 1.5ms client", Fault("jitter", "client", seconds=0.0015)),
        ("loss 10% server", Fault("loss", "server", share=0.1)),
        ("loss 100% server", Fault("loss", "server", share=1)),
        ("loss 0% server", Fault("loss", "server")),
        ("lookup-late 1s", Fault("lookup-late", seconds=1)),
        ("lookup-late 1s aaaa", Fault("lookup-late", None, 6, seconds=1)),
        ("lookup-late A 1s elsewhere.test", Fault("lookup-late", "elsewhere.test", 4, seconds=1)),
        ("  lookup-lost   server ", Fault("lookup-lost", "server")),
    ],
)
def test_a_fault_is_a_kind_and_then_its_value_family_and_host_in_any_order(text: str, expected: Fault) -> None:
    assert parse_fault(text, HOSTS) == expected


@pytest.mark.parametrize("name", FAULTS)
def test_every_kind_is_read_with_its_value_and_for_each_family_that_it_has(name: str) -> None:
    kind = FAULTS[name]
    for family in sorted(kind.families):
        fault = parse_fault(f"{name}{EXAMPLES[kind.takes]} ipv{family} server", HOSTS)
        assert (fault.kind, fault.host, fault.family) == (name, "server", family)
        assert (fault.seconds, fault.share) == (
            0.3 if kind.takes is Takes.TIME else 0,
            0.1 if kind.takes is Takes.SHARE else 0,
        )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", f"fault '': unknown; there are {', '.join(FAULTS)}"),
        ("droped server", "fault 'droped server': unknown; did you mean dropped?"),
        ("Dropped server", "fault 'Dropped server': unknown; did you mean dropped?"),
        ("lookup-slow", "fault 'lookup-slow': unknown; did you mean lookup-lost?"),
        ("dropped", "fault 'dropped': which host? one of client, server"),
        ("dropped nowhere", "fault 'dropped nowhere': there is no host nowhere; there are client, server"),
        ("dropped client server", "fault 'dropped client server': 'server' is one host too many; write two faults"),
        ("dropped ipv4 ipv6 server", "'ipv6' is one family too many; write two faults"),
        ("delay 1s 2s server", "'2s' is one seconds too many; write two faults"),
        ("delay server", "how much? such as 300ms or 2s"),
        ("delay 10% server", "delay takes no share"),
        ("jitter server", "how much? such as 300ms or 2s"),
        ("loss server", "how much? such as 10%"),
        ("loss 1s server", "loss takes no seconds"),
        ("loss 101% server", "at most 100%"),
        ("dropped 1s server", "dropped takes no seconds"),
        ("lookup-lost 5%", "lookup-lost takes no share"),
        ("lookup-late", "how much? such as 300ms or 2s"),
        ("policy-fail ipv4 server", "IPv4 has no such error"),
        ("net-prohibited ipv6 server", "IPv6 has no such error"),
        ("delay 1h server", "'server' is one host too many; write two faults"),
        ("delay -1s server", "'server' is one host too many; write two faults"),
    ],
)
def test_what_is_no_fault_is_refused_with_the_reason_and_the_file(text: str, why: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_fault(text, HOSTS, "lab.toml")
    assert str(refused.value).startswith(f"lab.toml: fault {text!r}: ")
    assert str(refused.value).endswith(why)
    assert refused.value.exit_code is ExitCode.WRONG_VALUE


@st.composite
def faults(draw: st.DrawFn) -> Fault:
    name = draw(st.sampled_from(sorted(FAULTS)))
    kind = FAULTS[name]
    seconds = draw(st.integers(0, 10_000_000)) / 1000 if kind.takes is Takes.TIME else 0.0
    share = draw(st.integers(0, 10_000)) / 10_000 if kind.takes is Takes.SHARE else 0.0
    host = draw(st.sampled_from([*HOSTS, None] if kind.where is Where.LOOKUPS else HOSTS))
    return Fault(name, host, draw(st.sampled_from([0, *sorted(kind.families)])), seconds, share)


@given(faults())
def test_what_a_fault_says_reads_back(fault: Fault) -> None:
    read = parse_fault(str(fault), HOSTS)
    assert (read.kind, read.host, read.family) == (fault.kind, fault.host, fault.family)
    assert (read.seconds, read.share) == pytest.approx((fault.seconds, fault.share), rel=1e-9)


def of(*texts: str) -> Effects:
    return effects([parse_fault(text, HOSTS) for text in texts], ADDRESSES)


def test_no_fault_has_no_effect() -> None:
    assert of() == Effects({}, {}, frozenset(), ())


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        (
            "dropped ipv6 server",
            ["meta nfproto ipv6 meta l4proto { tcp, udp } drop", "meta nfproto ipv6 icmpv6 type echo-request drop"],
        ),
        (
            "refused server",
            [
                "meta nfproto ipv4 tcp flags & (syn | ack) == syn reject with tcp reset",
                "meta nfproto ipv4 meta l4proto udp reject",
                "meta nfproto ipv6 tcp flags & (syn | ack) == syn reject with tcp reset",
                "meta nfproto ipv6 meta l4proto udp reject",
            ],
        ),
        (
            "no-route ipv4 server",
            [
                "meta nfproto ipv4 tcp flags & (syn | ack) == syn reject with icmp net-unreachable",
                "meta nfproto ipv4 meta l4proto udp reject with icmp net-unreachable",
                "meta nfproto ipv4 icmp type echo-request reject with icmp net-unreachable",
            ],
        ),
        (
            "policy-fail server",
            [
                "meta nfproto ipv6 tcp flags & (syn | ack) == syn reject with icmpv6 policy-fail",
                "meta nfproto ipv6 meta l4proto udp reject with icmpv6 policy-fail",
                "meta nfproto ipv6 icmpv6 type echo-request reject with icmpv6 policy-fail",
            ],
        ),
    ],
)
def test_faults_of_packets_are_rules_of_the_host_alone(text: str, rules: list[str]) -> None:
    assert of(text) == Effects({"server": tuple(rules)}, {}, frozenset(), ())


@pytest.mark.parametrize("name", [name for name, kind in FAULTS.items() if kind.verdict])
def test_nothing_refuses_what_neighbours_need_or_an_answer_to_the_hosts_own_questions(name: str) -> None:
    rules = of(f"{name} server").rules["server"]
    assert {rule.split()[2] for rule in rules} == {f"ipv{family}" for family in FAULTS[name].families}
    for rule in rules:
        _, _, _, matched = rule.split(maxsplit=3)
        assert matched.startswith(("meta l4proto", "tcp flags & (syn | ack) == syn ", "icmp", "icmpv6"))
        assert "neigh" not in matched


def test_a_black_hole_swallows_what_is_long_on_both_ways() -> None:
    assert of("pmtu-black-hole ipv6 server").rules == {
        "server": ("meta nfproto ipv6 meta length > 1280 drop",),
        "client": ("ip6 saddr 2001:db8:64::6 meta length > 1280 drop",),
    }


def test_shapes_are_of_a_host_and_a_family_and_add_up() -> None:
    found = of("delay 100ms server", "delay 200ms ipv6 server", "jitter 5ms ipv6 server", "loss 50% ipv4 client")
    assert found.shapes == {
        ("server", 4): Shape(delay_s=0.1),
        ("server", 6): Shape(delay_s=pytest.approx(0.3), jitter_s=0.005),
        ("client", 4): Shape(loss=0.5),
    }
    assert of("loss 50% ipv4 server", "loss 50% ipv4 server").shapes == {("server", 4): Shape(loss=0.75)}
    assert (found.rules, found.routerless, found.lookups) == ({}, frozenset(), ())


def test_a_host_without_a_router_is_so_by_family() -> None:
    assert of("no-default-router client").routerless == {("client", 4), ("client", 6)}
    assert of("no-default-router ipv6 client").routerless == {("client", 6)}


def test_a_black_hole_of_routes_is_everybody_elses() -> None:
    assert of("blackhole-route server").blackholes == {("client", "10.64.0.6"), ("client", "2001:db8:64::6")}
    assert of("blackhole-route ipv4 server") == Effects({}, {}, frozenset(), (), frozenset({("client", "10.64.0.6")}))


def test_faults_of_lookups_are_the_resolvers_in_their_order() -> None:
    found = of("lookup-late 1s aaaa", "dropped server", "lookup-swapped server")
    assert found.lookups == (Fault("lookup-late", None, 6, 1.0), Fault("lookup-swapped", "server"))
    assert set(found.rules) == {"server"}


def test_faults_of_one_host_stand_side_by_side() -> None:
    rules = of("dropped ipv6 server", "refused ipv4 server", "dropped ipv4 client").rules
    assert [len(rules["server"]), len(rules["client"])] == [4, 2]
