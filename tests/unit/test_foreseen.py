"""What the plan makes of the kernel's answers: addresses that can be bound, loopbacks that are there, loops (D8)."""

import pytest

from dualstack.core.address.address import Address
from dualstack.core.address.endpoint import parse_listen, parse_target
from dualstack.core.host.facts import BindAsk, HostFacts, Interface, Listener
from dualstack.core.oracle.bind_alone import is_tentative, why_not_there
from dualstack.core.planning.configuration import Configuration, Port, Service, Sockets
from dualstack.core.planning.planner import Plan, bind_asks, plan
from dualstack.errors import ConfigError

ETH0 = Interface(
    "eth0",
    2,
    tuple(map(Address, ("10.0.0.1", "fd00::1", "fd00::2", "fd00::3", "fe80::1%eth0"))),
    tentative=(Address("fd00::2"), Address("fe80::1%eth0")),
    duplicate=(Address("fd00::3"),),
)
LO = Interface("lo", 1, (Address("127.0.0.1"), Address("::1")))
ABSENT = "EADDRNOTAVAIL"


def asked(proto: str, address: str, **more: object) -> BindAsk:
    return BindAsk(proto, Address(address), **more)  # type: ignore[arg-type]


def on_ports(*ports: Port, to: str = "192.0.2.1:9", protocol: str = "tcp", **more: object) -> Configuration:
    service = Service(
        "web", parse_target(to), ports=tuple(port.name for port in ports), port=5000, protocol=protocol, **more
    )
    return Configuration((service,), ports, where="test.toml")


def listening(text: str, to: str = "192.0.2.1:9", **more: object) -> Configuration:
    return Configuration((Service("web", parse_target(to), listen=parse_listen(text), **more),), where="test.toml")


def planned(config: Configuration, answers: dict[BindAsk, str | None], **facts: object) -> Plan:
    return plan(config, HostFacts(interfaces=(LO, ETH0), answers=answers, **facts))  # type: ignore[arg-type]


def refused(made: Plan) -> list[tuple[str, str]]:
    return [(conflict.a.split()[0], conflict.errno) for conflict in made.conflicts]


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
@pytest.mark.parametrize("address", ["10.0.0.255", "192.0.2.77", "fd00::77", "224.0.0.5", "10.0.0.1"])
@pytest.mark.parametrize("said", [None, ABSENT, "EINVAL"])
def test_the_kernels_word_goes_before_the_list_of_interfaces(protocol: str, address: str, said: str | None) -> None:
    made = planned(on_ports(Port("p", Address(address)), protocol=protocol), {asked(protocol, address): said})
    assert [errno for _, errno in refused(made)] == ([said] if said else [])


def test_what_the_kernel_was_not_asked_is_worked_out() -> None:
    assert refused(planned(on_ports(Port("p", Address("10.0.0.255"))), {})) == [("10.0.0.255:5000", ABSENT)]


def test_the_kernel_is_asked_for_each_single_address_and_its_options() -> None:
    config = on_ports(
        Port("a", Address("::ffff:10.0.0.9"), freebind=True),
        Port("b", Address("fe80::1%eth0"), interface="eth0"),
        Port("c"),
        Port("d", Address("::")),
        Port("e", "localhost"),
        protocol="udp",
    )
    assert bind_asks(config, HostFacts()) == {
        asked("udp", "10.0.0.9", freebind=True),
        asked("udp", "fe80::1%eth0", interface="eth0"),
        asked("udp", "127.0.0.1"),
        asked("udp", "::1"),
    }
    ipv4_alone = Configuration(config.services, config.ports, ipv6=False)
    assert {ask.address.version for ask in bind_asks(ipv4_alone, HostFacts())} == {4}


@pytest.mark.parametrize(
    ("missing", "ipv6", "left", "note"),
    [
        (("::1",), True, ["127.0.0.1"], "localhost:80 of web: IPv4 alone, because no interface has ::1"),
        (("127.0.0.1",), True, ["::1"], "localhost:80 of web: IPv6 alone, because no interface has 127.0.0.1"),
        (("::1",), False, ["127.0.0.1"], "IPv6 is off (why not)"),
        ((), True, ["127.0.0.1", "::1"], None),
    ],
)
def test_localhost_is_the_loopbacks_that_are_there(
    missing: tuple[str, ...], *, ipv6: bool, left: list[str], note: str | None
) -> None:
    answers = {asked("tcp", text): ABSENT if text in missing else None for text in ("127.0.0.1", "::1")}
    made = planned(listening("localhost:80"), answers, ipv6=ipv6, why_no_ipv6="why not")
    assert [str(spec.address) for spec in made.sockets] == left
    assert made.conflicts == ()
    assert [note in each for each in made.notes] == ([True] if note else [])


def test_without_any_loopback_localhost_is_a_conflict() -> None:
    answers = {asked("tcp", text): ABSENT for text in ("127.0.0.1", "::1")}
    assert len(planned(listening("localhost:80"), answers).conflicts) == 2


def test_a_loopback_that_is_written_is_not_left_out() -> None:
    answers = {asked("tcp", "127.0.0.1"): None, asked("tcp", "::1"): ABSENT}
    assert refused(planned(listening("127.0.0.1:80, [::1]:80"), answers)) == [("[::1]:80", ABSENT)]


def test_an_ipv6_address_that_the_kernel_binds_is_bound_although_ipv6_counts_as_off() -> None:
    config = on_ports(Port("p", Address("fd00::9"), freebind=True))
    answers: dict[BindAsk, str | None] = {asked("tcp", "fd00::9", freebind=True): None}
    made = planned(config, answers, ipv6=False)
    assert [(str(spec.address), spec.freebind) for spec in made.sockets] == [("fd00::9", True)]
    assert made.conflicts == ()
    with pytest.raises(ConfigError, match="IPv6 is off here: the configuration turns it off"):
        planned(Configuration(config.services, config.ports, ipv6=False), answers)


def test_a_conflict_reads_as_what_fails_and_what_to_do() -> None:
    (alone,) = planned(on_ports(Port("p", Address("10.0.0.9"))), {asked("tcp", "10.0.0.9"): ABSENT}).conflicts
    remedy = "bind one that it has, or *, or with freebind one that comes later"
    said = f"EADDRNOTAVAIL; no interface of this host has 10.0.0.9; {remedy}"
    assert str(alone) == f"bind of 10.0.0.9:5000 (web): {said}"
    (loop,) = planned(listening("127.0.0.1:80", "127.0.0.1:80"), {}).conflicts
    assert str(loop).startswith(
        "127.0.0.1:80 (target of web) is our own listener 127.0.0.1:80 (web): the gateway would"
    )


def test_an_interface_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(ConfigError, match="there is no interface 'eth9'; there are: lo, eth0"):
        planned(on_ports(Port("p", interface="eth9")), {})


def test_an_address_that_comes_later_is_linux_alone() -> None:
    config = on_ports(Port("p", Address("10.0.0.9"), freebind=True))
    with pytest.raises(ConfigError, match=r"ports\.p\.freebind: Linux alone .* not FreeBSD; leave it out"):
        plan(config, HostFacts(system="freebsd"))


def test_a_socket_on_one_interface_is_in_the_way_of_one_on_all_of_them_but_not_of_another() -> None:
    ports = (Port("lan", interface="eth0"), Port("here", Address("10.0.0.1")))
    made = planned(on_ports(*ports), {asked("tcp", "10.0.0.1"): None})
    assert [spec.shared for spec in made.sockets] == [True, True]
    apart = planned(on_ports(Port("lan", interface="eth0"), Port("lo", interface="lo")), {})
    assert [spec.shared for spec in apart.sockets] == [False, False]


@pytest.mark.parametrize(
    ("address", "errno", "said"),
    [
        (
            "fd00::2",
            ABSENT,
            "fd00::2 is still tentative on eth0: while that is up, the kernel looks for another host that has it; try",
        ),
        ("fd00::3", ABSENT, "another host has fd00::3 too, so eth0 may not use it"),
        ("fd00::4", ABSENT, "no interface of this host has fd00::4; bind one that it has, or *"),
        ("fe80::1%eth0", ABSENT, "fe80::1%eth0 is still tentative on eth0"),
        ("fe80::1%2", ABSENT, "fe80::1%2 is still tentative on eth0"),
        ("fe80::1%eth1", ABSENT, "no interface of this host has fe80::1%eth1"),
        ("ff02::fb%eth0", "EINVAL", "a TCP socket cannot have a multicast address; bind one of this host's, or serve"),
        ("fd00::4", "EINVAL", "it is no address that such a socket can have; bind another address"),
        ("fe80::1%eth1", "ENODEV", "there is no interface of that name or number; bind another address"),
        ("fd00::4", "EIO", "the system refuses it; bind another address"),
    ],
)
def test_why_an_address_is_not_there(address: str, errno: str, said: str) -> None:
    assert why_not_there(Address(address), errno, (LO, ETH0)).startswith(said)


@pytest.mark.parametrize(("address", "is_so"), [("fd00::2", True), ("fd00::3", False), ("fd00::1", False)])
def test_a_duplicate_is_not_tentative_any_more(address: str, *, is_so: bool) -> None:
    assert is_tentative(Address(address), (LO, ETH0)) is is_so


@pytest.mark.parametrize(
    ("listen", "to", "remedy"),
    [
        (
            "*:80",
            "127.0.0.1:80",
            "or on IPv6 alone (--v6only, or `v6only = true` in a file), which leaves 127.0.0.1:80 to",
        ),
        (
            "[::]:80",
            "10.0.0.1:80",
            "or on IPv6 alone (--v6only, or `v6only = true` in a file), which leaves 10.0.0.1:80 to",
        ),
        ("*:80", "[::1]:80", "or on IPv4 alone (0.0.0.0 in place of any address), which leaves [::1]:80 to"),
        ("*:80", "localhost:80", "let web listen on another port, or on addresses other than localhost:80"),
        ("0.0.0.0:80", "127.0.0.1:80", "let web listen on another port, or on addresses other than 127.0.0.1:80"),
        ("127.0.0.1:80", "127.0.0.1:80", "let web listen on another port, or on another address than 127.0.0.1:80"),
    ],
)
def test_a_loop_names_what_of_ours_to_change(listen: str, to: str, remedy: str) -> None:
    (conflict,) = planned(listening(listen, to), {}).conflicts
    assert remedy in conflict.remedy
    assert "server behind listen" not in conflict.remedy


def test_what_keeps_to_another_interface_than_the_loopback_makes_no_loop() -> None:
    assert planned(on_ports(Port("p", interface="eth0"), to="127.0.0.1:5000"), {}).conflicts == ()
    assert planned(on_ports(Port("p", interface="lo"), to="127.0.0.1:5000"), {}).conflicts != ()


@pytest.mark.parametrize("build", [Sockets.SINGLE, Sockets.PAIR])
@pytest.mark.parametrize(
    ("theirs", "v6only", "apart"),
    [
        ("0.0.0.0", None, "IPv6 alone"),
        ("::", True, "IPv4 alone"),
        ("::", False, None),
        ("127.0.0.1", None, "IPv6 alone"),
    ],
)
def test_beside_a_stranger_the_family_that_is_free_is_named(
    build: Sockets, theirs: str, *, v6only: bool | None, apart: str | None
) -> None:
    address = Address(theirs)
    stranger = Listener("tcp", address.version, address, 80, v6only, process="nginx", pid=812)
    conflicts = planned(listening("*:80", sockets=build), {}, listeners=(stranger,)).conflicts
    assert conflicts
    for conflict in conflicts:
        assert (conflict.b or "").endswith("(nginx, pid 812)")
        assert ("as with" in conflict.remedy) == (apart is not None)
        assert apart is None or apart in conflict.remedy
