"""Which sockets a plan opens: the six rules, both families, conflicts foreseen, links (D1-D8, N5, N6)."""

import pytest

from dualstack.core.address.address import Address
from dualstack.core.address.endpoint import Wildcard, parse_listen, parse_target
from dualstack.core.host.facts import HostFacts, Interface, Listener
from dualstack.core.oracle.oracle import UNKNOWN, Case, Step, predict
from dualstack.core.oracle.systems import STACKS
from dualstack.core.planning.configuration import Configuration, Link, Port, Service, Sockets
from dualstack.core.planning.links import dialable_families, link_matches
from dualstack.core.planning.planner import Plan, plan, planned_sock
from dualstack.core.planning.targets import ExecTarget, UnixTarget
from dualstack.errors import ConfigError

ANY = "[::] v6only=0"
ONLY6 = "[::] v6only=1"
ANY4 = "0.0.0.0"
IPV6_OFF = {"ipv6": False, "why_no_ipv6": "net.ipv6.conf.all.disable_ipv6 is 1"}


def service(name: str, listen: str, to: str = "192.0.2.1:9", *, port: int | None = None, **more: object) -> Service:
    return Service(name, parse_target(to), listen=parse_listen(listen, port=port), **more)


def planned(*services: Service, ports: tuple[Port, ...] = (), links: tuple[Link, ...] = (), **facts: object) -> Plan:
    return plan(Configuration(services, ports, links, where="test.toml"), HostFacts(**facts))


def shown(made: Plan) -> list[str]:
    return [
        f"[{s.address}]{'' if not s.address.is_unspecified else f' v6only={int(s.v6only)}'}"
        if s.family == 6
        else str(s.address)
        for s in made.sockets
    ]


@pytest.mark.parametrize(
    ("text", "expected", "rules", "why"),
    [
        ("*", [ANY], ["D6.3"], "D1: one socket where the system can"),
        ("", [ANY], ["D6.3"], "nothing written is both families"),
        ("[::]", [ANY], ["D6.5"], "RFC 3493 section 3.7"),
        ("::", [ANY], ["D6.5"], "bip's own spelling"),
        ("*, [::]", [ANY], ["D6.3"], "B1: dovecot's list, merged"),
        ("[::], *", [ANY], ["D6.3"], "order does not matter"),
        ("0.0.0.0, [::]", [ANY4, ONLY6], ["D6.6", "D6.5"], "RFC 2553: each family to its own"),
        ("[::], 0.0.0.0", [ONLY6, ANY4], ["D6.5", "D6.6"], "in either order"),
        ("0.0.0.0", [ANY4], ["D6.6"], "any IPv4"),
        ("::ffff:0.0.0.0", [ANY4], ["D6.6"], "D6: any IPv4, as Domino writes it"),
        ("localhost", ["127.0.0.1", "[::1]"], ["D6.2", "D6.2"], "both loopbacks"),
        ("::ffff:192.0.2.7", ["192.0.2.7"], ["D6.2"], "mapped is IPv4"),
        ("192.0.2.7, fd00::7", ["192.0.2.7", "[fd00::7]"], ["D6.2", "D6.2"], "bound: the address's family"),
        ("*, 127.0.0.1", [ANY], ["D6.3"], "covered already"),
    ],
)
def test_a_listen_text_means_these_sockets_on_linux(text: str, expected: list[str], rules: list[str], why: str) -> None:
    made = planned(service("imap", text, port=143))
    assert shown(made) == expected, why
    assert [spec.rule for spec in made.sockets] == rules
    assert made.conflicts == ()


@pytest.mark.parametrize("system", ["openbsd", "windows-2003"])
@pytest.mark.parametrize("text", ["*", "[::]", "*, [::]", "0.0.0.0, [::]"])
def test_where_no_socket_takes_both_families_two_are_opened_unasked(system: str, text: str) -> None:
    made = planned(service("imap", text, port=143), system=system)
    assert sorted(shown(made)) == sorted([ANY4, ONLY6])
    assert made.conflicts == ()


@pytest.mark.parametrize("bindv6only", [False, True])
def test_the_default_of_v6only_changes_nothing(bindv6only: bool) -> None:  # noqa: FBT001
    assert shown(planned(service("imap", "*:143"), bindv6only=bindv6only)) == [ANY]


def test_a_pair_is_two_sockets_and_single_is_one() -> None:
    assert shown(planned(service("imap", "*:143", sockets=Sockets.PAIR))) == [ONLY6, ANY4]
    assert shown(planned(service("imap", "*:143", sockets=Sockets.SINGLE))) == [ANY]


@pytest.mark.parametrize(
    ("text", "expected", "rule"),
    [
        ("*", [ANY4], "D6.4"),
        ("*, [::]", [ANY4], "D6.4"),
        ("[::]", [ANY4], "D6.1"),
        ("0.0.0.0", [ANY4], "D6.6"),
        ("localhost", ["127.0.0.1"], "D6.2"),
    ],
)
def test_with_ipv6_off_ipv4_alone_is_opened(text: str, expected: list[str], rule: str) -> None:
    made = planned(service("imap", text, port=143), **IPV6_OFF)
    assert shown(made) == expected
    assert made.sockets[0].rule == rule


def test_with_ipv6_off_the_plan_says_why() -> None:
    notes = planned(service("imap", "*:143"), **IPV6_OFF).notes
    assert notes == ("*:143 of imap: IPv4 alone, because IPv6 is off (net.ipv6.conf.all.disable_ipv6 is 1)",)


@pytest.mark.parametrize("name", ["localhost", "LocalHost", "me.test"])
def test_with_ipv6_off_a_name_of_both_families_is_ipv4_alone_with_a_note(name: str) -> None:
    both = {"me.test": (Address("10.0.0.1"), Address("fd00::1"))}
    made = planned(service("imap", f"{name}:143"), names=both, **IPV6_OFF)
    assert [spec.family for spec in made.sockets] == [4]
    assert made.notes == (f"{name}:143 of imap: IPv4 alone, because IPv6 is off (net.ipv6.conf.all.disable_ipv6 is 1)",)


def test_with_ipv6_off_a_name_of_ipv6_alone_is_an_error() -> None:
    with pytest.raises(ConfigError, match="IPv6 is off"):
        planned(service("imap", "*:143, six.test:143"), names={"six.test": (Address("fd00::1"),)}, **IPV6_OFF)


@pytest.mark.parametrize("text", ["[::1]:143", "[fd00::1]:143", "*:143, [::1]:143"])
def test_with_ipv6_off_an_ipv6_address_is_an_error_that_says_so(text: str) -> None:
    with pytest.raises(ConfigError, match=r"IPv6 is off here: .*disable_ipv6 is 1"):
        planned(service("imap", text), **IPV6_OFF)


def test_with_ipv6_off_an_ipv6_only_port_is_an_error() -> None:
    with pytest.raises(ConfigError, match="IPv6 is off"):
        planned(
            Service("imap", parse_target("192.0.2.1:9"), ports=("p6",), port=143),
            ports=(Port("p6", Address("::"), v6only=True),),
            **IPV6_OFF,
        )


def test_with_ipv6_off_a_port_for_ipv6_beside_one_for_ipv4_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"\[::\]:143 is IPv6, and IPv6 is off"):
        planned(
            Service("imap", parse_target("192.0.2.1:9"), ports=("w4", "w6"), port=143),
            ports=(Port("w4", Address("0.0.0.0")), Port("w6", Address("::"))),
            **IPV6_OFF,
        )


def test_with_ipv6_off_one_port_for_both_families_is_ipv4_alone_with_a_note() -> None:
    made = planned(service("imap", "0.0.0.0, [::]", port=143), **IPV6_OFF)
    assert shown(made) == [ANY4]
    assert [note.partition(",")[0] for note in made.notes] == ["[::]:143 of imap: IPv4 alone"]


def test_an_address_beside_its_own_name_is_no_news() -> None:
    made = planned(service("imap", "localhost:143, 127.0.0.1:143"))
    assert shown(made) == ["127.0.0.1", "[::1]"]
    assert made.notes == ()


def test_v6only_leaves_ipv4_out() -> None:
    assert shown(planned(service("imap", "[::]:143", v6only=True))) == [ONLY6]


def test_named_ports_bound_to_each_family_make_a_socket_each() -> None:
    made = planned(
        Service("imap", parse_target("192.0.2.1:9"), ports=("TCPIP", "TcpIp6"), port=143),
        ports=(Port("tcpip", Address("0.0.0.0")), Port("tcpip6", Address("::"))),
    )
    assert [(s.port_name, str(s), s.v6only) for s in made.sockets] == [
        ("tcpip", "0.0.0.0:143", None),
        ("tcpip6", "[::]:143", True),
    ]


def test_a_port_that_names_a_family_takes_it_from_one_that_names_none() -> None:
    made = planned(
        Service("imap", parse_target("192.0.2.1:9"), ports=("any", "p6"), port=143),
        ports=(Port("any"), Port("p6", Address("::"), v6only=True)),
    )
    assert [(s.port_name, str(s), s.v6only) for s in made.sockets] == [
        ("any", "0.0.0.0:143", None),
        ("p6", "[::]:143", True),
    ]
    assert made.notes == ("*:143 of imap: covered by [::]:143 already, merged",)


def test_any_and_a_specific_address_of_two_services_both_serve() -> None:
    made = planned(service("all", "*:143"), service("one", "10.0.0.1:143"))
    assert made.conflicts == ()
    assert [(str(s), s.shared) for s in made.sockets] == [("[::]:143", True), ("10.0.0.1:143", True)]


def test_the_wildcard_is_opened_first_so_that_it_notices_strangers() -> None:
    made = planned(service("one", "10.0.0.1:143"), service("all", "*:143"))
    assert [str(s) for s in made.sockets] == ["[::]:143", "10.0.0.1:143"]


def test_what_stands_alone_is_never_shared() -> None:
    made = planned(service("a", "0.0.0.0:143, [::]:143, *:144"), service("b", "10.0.0.1:145"))
    assert not any(s.shared for s in made.sockets)


@pytest.mark.parametrize(
    ("first", "second"),
    [("*:143", "*:143"), ("*:143", "[::]:143"), ("0.0.0.0:143", "*:143"), ("10.0.0.1:143", "10.0.0.1:143")],
)
def test_two_services_on_one_address_are_a_conflict(first: str, second: str) -> None:
    conflicts = planned(service("a", first), service("b", second)).conflicts
    assert [(c.errno, c.step) for c in conflicts][:1] == [("EADDRINUSE", "bind")]
    assert "another address or port" in conflicts[0].remedy


def test_one_family_each_is_no_conflict() -> None:
    made = planned(service("a", "0.0.0.0:143"), service("b", "[::]:143"))
    assert made.conflicts == ()
    assert shown(made) == [ANY4, ONLY6]


@pytest.mark.parametrize(
    ("listen", "foreign", "clashes", "why"),
    [
        ("*:143", ("0.0.0.0", None), True, "D8"),
        ("*:143", ("127.0.0.1", None), True, "a specific address is in the way of the wildcard"),
        ("10.0.0.1:143", ("::", False), True, "a dual socket has the IPv4 of its port number"),
        ("10.0.0.1:143", ("::", True), False, "IPv6 alone"),
        ("[::1]:143", ("0.0.0.0", None), False, "other family"),
        ("10.0.0.1:143", ("10.0.0.2", None), False, "other address"),
        ("*:144", ("0.0.0.0", None), False, "other port"),
    ],
)
def test_a_foreign_socket_is_foreseen(listen: str, foreign: tuple[str, bool | None], clashes: bool, why: str) -> None:  # noqa: FBT001
    address = Address(foreign[0])
    there = Listener("tcp", address.version, address, 143, foreign[1], uid=0, process="nginx", pid=812)
    conflicts = planned(service("imap", listen), listeners=(there,)).conflicts
    assert bool(conflicts) is clashes, why
    if clashes:
        assert "nginx, pid 812" in conflicts[0].b
        assert (conflicts[0].errno, conflicts[0].step) == ("EADDRINUSE", "bind")


def test_foreign_sockets_that_share_a_number_are_all_in_the_way() -> None:
    there = (
        Listener("tcp", 4, Address("127.0.0.5"), 8902, None),
        Listener("tcp", 6, Address("::"), 8902, v6only=False),
    )
    conflicts = planned(service("imap", "[::1]:8902"), listeners=there).conflicts
    assert [(c.a, c.b, c.errno) for c in conflicts] == [("[::1]:8902 (imap)", "[::]:8902", "EADDRINUSE")]


def test_an_address_that_the_host_has_not_is_foreseen() -> None:
    here = (Interface("eth0", 2, (Address("10.0.0.1"),)),)
    conflicts = planned(service("a", "10.0.0.9:143"), service("b", "10.0.0.1:143"), interfaces=here).conflicts
    assert [(c.a, c.b, c.errno) for c in conflicts] == [("10.0.0.9:143 (a)", None, "EADDRNOTAVAIL")]


def test_a_missing_right_is_foreseen() -> None:
    conflicts = planned(service("a", "*:143"), may_bind_low=False).conflicts
    assert [(c.errno, c.step) for c in conflicts] == [("EACCES", "bind")]
    assert "CAP_NET_BIND_SERVICE" in conflicts[0].remedy


@pytest.mark.parametrize(
    "to", ["127.0.0.1:143", "localhost:143", "[::1]:143", "10.0.0.1:143", "0.0.0.0:143", "me.test:143"]
)
def test_a_target_that_is_our_own_listener_is_a_conflict(to: str) -> None:
    here = (Interface("eth0", 2, (Address("10.0.0.1"),)),)
    made = planned(service("imap", "*:143", to), interfaces=here, names={"me.test": (Address("10.0.0.1"),)})
    assert [(c.errno, c.step) for c in made.conflicts] == [("ELOOP", "connect")]


@pytest.mark.parametrize("to", ["127.0.0.1:1143", "192.0.2.1:143", "[::1]:143"])
def test_another_targets_port_or_address_is_no_loop(to: str) -> None:
    assert planned(service("imap", "0.0.0.0:143", to)).conflicts == ()


@pytest.mark.parametrize(
    ("to", "expected"),
    [
        ("[fe80::1]:9", "f: services.a.to: fe80::1 is link-local and needs its interface: fe80::1%eth7"),
        ("[::ffff:192.0.2.1]:9", "f: services.a.to: [::ffff:192.0.2.1]:9 is IPv4, and IPv6 alone is asked for"),
        ("[fe80:2::1]:9", "carries KAME's embedded scope, which is never on the wire; write fe80::1%2"),
    ],
)
def test_a_target_that_no_system_dials_is_refused_with_its_remedy(to: str, expected: str) -> None:
    facts = HostFacts(interfaces=(Interface("eth7", 7, (Address("fe80::9%eth7"),)),))
    with pytest.raises(ConfigError) as caught:
        plan(Configuration((service("a", "*:1", to, families=frozenset({6})),), where="f"), facts)
    assert expected in str(caught.value)


def test_an_interface_that_the_host_has_not_is_refused_where_they_are_known() -> None:
    port = Port("p", interface="eth9")
    with pytest.raises(ConfigError, match=r"ports\.p\.interface: there is no interface 'eth9'; there are: lo, eth0"):
        planned(service("a", "*:1"), ports=(port,), interfaces=(Interface("lo", 1), Interface("eth0", 2)))
    assert planned(service("a", "*:1"), ports=(port,)).conflicts == ()


@pytest.mark.parametrize(
    ("to", "target", "matches"),
    [
        ("FD00:0:0::9", "[fd00::9]:1", True),
        ("::ffff:127.0.0.1", "127.0.0.1:1", True),
        ("127.0.0.1", "[::ffff:127.0.0.1]:1", True),
        ("fe80::9%eth0", "[FE80::9%eth0]:1", True),
        ("fd00::9", "[fd00::8]:1", False),
        ("127.0.0.1", "localhost:1", False),
        ("v6only.test.", "V6only.Test:1", True),
        ("*.test", "v6only.test.:1", True),
        ("10.*", "10.0.0.1:1", True),
        ("v6only.test", "other.test:1", False),
    ],
)
def test_a_link_is_about_what_its_text_means(to: str, target: str, matches: bool) -> None:  # noqa: FBT001
    assert link_matches(Link(to, ("p",)), parse_target(target)) is matches


def link(*names: str) -> tuple[Link, ...]:
    return (Link("*.internal", names),)


@pytest.mark.parametrize(
    ("ports", "found", "missing"),
    [
        (("p4",), ("192.0.2.1",), ()),
        (("p4",), ("fd00::1",), (6,)),
        (("p4",), ("fd00::1", "192.0.2.1"), (6,)),
        (("p4", "p6"), ("fd00::1", "192.0.2.1"), ()),
        (("p6",), ("192.0.2.1",), (4,)),
        (("any",), ("fd00::1", "192.0.2.1"), ()),
        (("P4",), (), ()),
    ],
)
def test_a_link_names_the_families_that_its_ports_cannot_dial(
    ports: tuple[str, ...], found: tuple[str, ...], missing: tuple[int, ...]
) -> None:
    made = planned(
        service("imap", "*:143", "mail.internal:143"),
        ports=(Port("p4", Address("10.0.0.1")), Port("p6", Address("fd00::2")), Port("any", Wildcard.ANY)),
        links=link(*ports),
        names={"mail.internal": tuple(map(Address, found))},
    )
    assert [(finding.target, finding.missing) for finding in made.links] == [("mail.internal:143", missing)]


@pytest.mark.parametrize(
    ("port", "others", "families"),
    [
        (Port("p"), (), {4, 6}),
        (Port("p", v6only=True), (), {6}),
        (Port("p", Address("::")), (), {4, 6}),
        (Port("p", Address("::"), v6only=True), (), {6}),
        (Port("p", Address("::")), (Port("q", Address("0.0.0.0")),), {6}),
        (Port("p", Address("::")), (Port("q"),), {6}),
        (Port("p", Address("::")), (Port("q", Address("10.0.0.1")),), {4, 6}),
        (Port("p", Address("0.0.0.0")), (), {4}),
        (Port("p", Address("::ffff:10.0.0.1")), (), {4}),
        (Port("p", Address("fd00::1")), (), {6}),
    ],
)
def test_a_port_dials_the_families_that_it_is_bound_to(
    port: Port, others: tuple[Port, ...], families: set[int]
) -> None:
    assert dialable_families(port, Configuration((), (port, *others))) == families


@pytest.mark.parametrize(
    ("bind", "families"),
    [("four.test", {4}), ("six.test", {6}), ("both.test", {4, 6}), ("localhost", {4, 6}), ("unknown.test", {4, 6})],
)
def test_a_port_bound_to_a_name_dials_the_families_of_its_addresses(bind: str, families: set[int]) -> None:
    four, six = Address("::ffff:10.0.0.1"), Address("fd00::1")
    names = {"four.test": (four,), "six.test": (six,), "both.test": (four, six)}
    port = Port("p", bind)
    assert dialable_families(port, Configuration((), (port,)), names) == families


def test_a_link_by_a_port_bound_to_a_name_says_what_it_cannot_dial() -> None:
    made = planned(
        service("imap", "*:143", "mail.internal:143"),
        ports=(Port("p4", "four.test"),),
        links=link("p4"),
        names={"mail.internal": (Address("fd00::1"),), "four.test": (Address("10.0.0.1"),)},
    )
    assert [finding.missing for finding in made.links] == [(6,)]


def test_a_port_of_any_address_with_v6only_is_ipv6_alone() -> None:
    made = planned(Service("a", ports=("p",), port=1), ports=(Port("p", v6only=True),))
    assert shown(made) == [ONLY6]


def test_targets_are_written_as_in_the_file() -> None:
    assert [str(UnixTarget("/run/x")), str(ExecTarget(("cat", "-u")))] == ["unix:/run/x", "exec:cat -u"]


def test_a_link_without_a_target_is_listed() -> None:
    made = planned(service("imap", "*:143"), ports=(Port("p4"),), links=link("p4"))
    assert [(finding.to, finding.target, finding.missing) for finding in made.links] == [("*.internal", None, ())]


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (
            Configuration((Service("a", ports=("p",), port=1),), where="f"),
            "f: services.a.ports: no [ports.p]; there are: none",
        ),
        (
            Configuration((service("a", "*:1"),), (), link("q"), where="f"),
            "f: links.*.internal.ports: no [ports.q]; there are: none",
        ),
        (
            Configuration((Service("a", ports=("p",)),), (Port("p"),), where="f"),
            "f: services.a: `ports` needs `port`, the number",
        ),
        (
            Configuration((service("a", "nowhere.test:1"),), where="f"),
            "f: services.a.listen: 'nowhere.test' has no address",
        ),
        (
            Configuration((service("a", "[fe80:2::1]:1"),), where="f"),
            "embedded scope, which is never on the wire; write fe80::1%2",
        ),
        (
            Configuration((service("a", "[fe80::1]:1"),), where="f"),
            "is link-local and needs its interface: fe80::1%eth7",
        ),
    ],
)
def test_what_cannot_mean_anything_is_refused_with_its_key(config: Configuration, expected: str) -> None:
    facts = HostFacts(interfaces=(Interface("eth7", 7, (Address("fe80::9%eth7"),)),))
    with pytest.raises(ConfigError) as caught:
        plan(config, facts)
    assert expected in str(caught.value)


def test_names_to_listen_on_become_their_addresses() -> None:
    made = planned(service("a", "me.test:143"), names={"me.test": (Address("10.0.0.1"), Address("fd00::1"))})
    assert shown(made) == ["10.0.0.1", "[fd00::1]"]


def test_port_0_is_one_number_a_port_and_no_conflict_between_ports() -> None:
    made = planned(service("a", "*:0"), service("b", "*:0"))
    assert made.conflicts == ()
    assert [s.service for s in made.sockets] == ["a", "b"]


@pytest.mark.parametrize("system", list(STACKS))
def test_every_system_can_bind_what_is_planned_for_it(system: str) -> None:
    """The plan is held against the oracle: no step of it is known to fail."""
    made = planned(service("all", "*, 10.0.0.7", port=143), service("one", "10.0.0.1:143"), system=system)
    sockets = tuple(planned_sock(spec, STACKS[system]) for spec in made.sockets)
    steps = tuple(Step(call, index) for index in range(len(sockets)) for call in ("bind", "listen"))
    said = {outcome.errno for outcome in predict(Case(STACKS[system], "tcp", sockets, steps)).steps}
    assert said == ({None, UNKNOWN} if system == "aix" else {None})
    assert made.conflicts == ()


def test_sockets_of_udp_share_a_number_too() -> None:
    """SO_REUSEADDR is not set on UDP, where it would share with anybody; so SO_REUSEPORT is what they stand by."""
    made = planned(service("all", "*", port=53, protocol="udp"), service("one", "10.0.0.1:53", protocol="udp"))
    assert [spec.shared for spec in made.sockets] == [True, True]
    assert [planned_sock(spec, STACKS["linux"]).reuseaddr for spec in made.sockets] == [False, False]


def test_on_windows_sockets_exclude_strangers_unless_they_share_with_our_own() -> None:
    alone = planned(service("all", "*:143"), system="windows")
    assert [planned_sock(spec, STACKS["windows"]).exclusive for spec in alone.sockets] == [True]
    both = planned(service("all", "*:143"), service("one", "10.0.0.1:143"), system="windows")
    assert [planned_sock(spec, STACKS["windows"]).exclusive for spec in both.sockets] == [False, False]
    assert both.conflicts == ()


def test_any_address_of_a_target_leads_into_the_loop_and_the_listener_there_is_named() -> None:
    """The name's first address is nobody's here; its second is the second listener's on that number."""
    here = (Interface("eth0", 2, tuple(map(Address, ("10.0.0.1", "10.0.0.2", "10.0.0.3")))),)
    made = planned(
        service("other", "10.0.0.3:143"),
        service("imap", "10.0.0.2:143", "me.test:143"),
        interfaces=here,
        names={"me.test": (Address("10.0.0.1"), Address("10.0.0.2"), Address("10.0.0.3"))},
    )
    assert [(c.a, c.b, c.errno) for c in made.conflicts] == [
        ("me.test:143 (target of imap)", "10.0.0.2:143 (imap)", "ELOOP")
    ]


def test_a_target_whose_addresses_nobody_of_ours_hears_is_no_loop() -> None:
    here = (Interface("eth0", 2, tuple(map(Address, ("10.0.0.1", "10.0.0.2")))),)
    assert planned(service("imap", "10.0.0.2:143", "10.0.0.1:143"), interfaces=here).conflicts == ()
    assert planned(service("imap", "10.0.0.2:143", "10.0.0.2:144"), interfaces=here).conflicts == ()


def test_a_number_that_the_kernel_is_to_choose_needs_no_right() -> None:
    assert planned(service("a", "*:0"), may_bind_low=False).conflicts == ()
