"""Where a connect or sendto goes (U2, D4): the errno, or the version of IP that leaves, as Linux was seen."""

import pytest

from dualstack.core.address.address import Address
from dualstack.core.oracle.oracle import UNKNOWN, Call, Case, Sock, Step, predict
from dualstack.core.oracle.systems import STACKS

LOCAL = frozenset(map(Address, ("127.0.0.1", "10.0.0.1", "::1", "fd00::1", "fe80::1%eth0", "fe80::1%eth1")))
INTERFACES = {"lo": 1, "eth0": 2, "eth1": 3}


def called(proto: str, bound: str, *calls: str, os: str = "linux", v6only: bool | None = None, **more: object) -> list:
    """`bound` such as `6 ::1` or `6` (not bound), `calls` such as `connect ::1`, `sendto 10.0.0.1`."""
    family, *address = bound.split()
    sock = Sock(int(family), Address(address[0] if address else "::"), v6only)
    steps = more.pop("steps", (Step("bind", 0),) if address else ())
    made = []
    for text in calls:
        op, to = text.split()
        made.append(Call(0, op, Address(to).version, Address(to)))
    case = Case(STACKS[os], proto, (sock,), steps, local=LOCAL, interfaces=INTERFACES, calls=tuple(made), **more)
    return [(outcome.errno, outcome.wire) for outcome in predict(case).calls]


def everywhere(bound: str, to: str, **options: object) -> list:
    """A TCP connect, a UDP connect and a UDP sendto."""
    ways = (("tcp", "connect"), ("udp", "connect"), ("udp", "sendto"))
    return [called(proto, bound, f"{op} {to}", **options)[0] for proto, op in ways]


def says(*errnos: object) -> list:
    return [(errno, None) for errno in errnos]


V4, V6 = [(None, 4)] * 3, [(None, 6)] * 3


@pytest.mark.parametrize(
    ("bound", "to", "v6only", "expected", "why"),
    [
        ("6", "::ffff:10.0.0.1", False, V4, "Figure 12.4: a dual socket to a mapped address sends IPv4"),
        ("6", "fd00::1", False, V6, "and to an IPv6 address IPv6"),
        ("4", "10.0.0.1", None, V4, "Figure 12.3"),
        ("6 ::", "::ffff:10.0.0.1", False, V4, "bound to the wildcard"),
        ("6", "::ffff:10.0.0.1", True, says(*["ENETUNREACH"] * 3), "IPV6_V6ONLY"),
        ("6 fd00::1", "::ffff:10.0.0.1", False, says(*["ENETUNREACH"] * 3), "bound to an IPv6 address"),
        ("6 ::ffff:10.0.0.1", "fd00::1", False, says(*["EAFNOSUPPORT"] * 3), "bound to a mapped address"),
        ("6 ::ffff:0.0.0.0", "fd00::1", False, says(*["EAFNOSUPPORT"] * 3), "even to the wildcard"),
        ("6 ::ffff:10.0.0.1", "::", False, V4, "to oneself, and that is 127.0.0.1"),
        ("6", "::", False, V6, "to oneself, and that is ::1"),
        ("4", "fd00::1", None, says(*["EAFNOSUPPORT"] * 3), "no room in an AF_INET socket"),
        ("6", "10.0.0.1", False, [("EINVAL", None), (None, 4), (None, 4)], "a sockaddr_in on a dual socket"),
        ("6", "10.0.0.1", True, says("EINVAL", "EAFNOSUPPORT", "ENETUNREACH"), "on an IPV6_V6ONLY socket"),
        ("6 fd00::1", "10.0.0.1", False, says("EINVAL", "EAFNOSUPPORT", "ENETUNREACH"), "bound to an IPv6 address"),
        ("6", "fe80::1", False, says("EINVAL", "EINVAL", UNKNOWN), "no interface; sendto goes by the routes"),
        ("6", "fe80::1%eth0", False, V6, "with its interface"),
        ("6 fe80::1%eth0", "fe80::1%eth1", False, [("EINVAL", None), ("EINVAL", None), (None, 6)], "two interfaces"),
        ("6 fe80::1%eth0", "fe80::1", False, V6, "the socket's own interface"),
        ("6 fe80::1%eth0", "fd00::1", False, says(*[UNKNOWN] * 3), "an interface, and the routes decide"),
        ("4 127.0.0.1", "192.0.2.1", None, says(*["EINVAL"] * 3), "from loopback nothing leaves"),
        ("4 127.0.0.1", "10.0.0.1", None, V4, "but to oneself"),
        ("4 127.0.0.1", "0.0.0.0", None, V4, "which 0.0.0.0 is too"),
        ("4", "224.0.0.1", None, says("ENETUNREACH", UNKNOWN, UNKNOWN), "TCP connects to one host"),
        ("4", "255.255.255.255", None, says("ENETUNREACH", UNKNOWN, UNKNOWN), "the same"),
        ("6", "ff0e::1", False, says("ENETUNREACH", UNKNOWN, UNKNOWN), "the same"),
        ("6 ::ffff:224.0.0.1", "::ffff:10.0.0.1", False, says(*["EINVAL"] * 3), "no address to send from"),
    ],
)
def test_a_call_out_on_linux(bound: str, to: str, v6only: bool | None, expected: list, why: str) -> None:  # noqa: FBT001
    assert everywhere(bound, to, v6only=v6only) == expected, why


def test_without_ipv6_nothing_of_it_leaves() -> None:
    assert everywhere("6", "fd00::1", ipv6=False) == says(*["EADDRNOTAVAIL"] * 3)
    assert everywhere("6 ::ffff:10.0.0.1", "fd00::1", ipv6=False) == says(*["ENETUNREACH"] * 3)
    assert everywhere("6", "::ffff:10.0.0.1", ipv6=False) == V4


def test_what_listens_or_is_connected_does_not_connect() -> None:
    both = (Step("bind", 0), Step("listen", 0))
    assert called("tcp", "6 ::", "connect ::1", steps=both) == [("EISCONN", None)]
    assert called("tcp", "6", "connect ::1", "connect ::1") == [(None, 6), ("EISCONN", None)]


@pytest.mark.parametrize(
    ("steps", "why"),
    [((Step("bind", 0), Step("listen", 0)), "the socket listens"), ((Step("bind", 0),), "the socket is connected")],
)
def test_why_it_does_not_connect_is_said(steps: tuple[Step, ...], why: str) -> None:
    there = Call(0, "connect", 6, Address("::1"))
    case = Case(STACKS["linux"], "tcp", (Sock(6, Address("::")),), steps, local=LOCAL, calls=(there, there))
    assert predict(case).calls[1].why == why


def test_a_tcp_socket_sends_to_its_peer_or_to_nobody() -> None:
    assert called("tcp", "4", "sendto 10.0.0.1") == [("EPIPE", None)]
    assert called("tcp", "4", "connect 10.0.0.1", "sendto 10.0.0.9") == [(None, 4), (None, 4)]


def test_a_udp_socket_keeps_the_family_of_its_first_connect() -> None:
    mapped_first = called("udp", "6", "connect ::ffff:10.0.0.1", "connect fd00::1", "connect ::")
    assert mapped_first == [(None, 4), ("EAFNOSUPPORT", None), (None, 4)]
    assert called("udp", "6", "connect fd00::1", "connect ::ffff:10.0.0.1", "connect fd00::1")[2] == (None, 6)


def test_what_an_earlier_call_left_in_doubt_stays_in_doubt() -> None:
    assert called("udp", "4", "connect 224.0.0.1", "connect 10.0.0.1") == says(UNKNOWN, UNKNOWN)
    assert called("udp", "6 fe80::9%eth0", "connect ::1") == says(UNKNOWN), "the bind failed on that interface"
    assert called("udp", "6", "connect fe80::1%eth0", "sendto ::ffff:10.0.0.1")[1] == (UNKNOWN, None)


def test_a_socket_whose_bind_failed_calls_out_as_if_it_were_not_bound() -> None:
    assert called("udp", "6 fd00::9", "connect ::ffff:10.0.0.1") == [(None, 4)]


@pytest.mark.parametrize(
    ("os", "v6only", "bound", "why"),
    [
        ("freebsd", ("EINVAL", "EINVAL"), "EAFNOSUPPORT", "in6_pcb.c"),
        ("netbsd", ("EINVAL", "EINVAL"), "EINVAL", "in6_pcb.c"),
        ("openbsd", ("EADDRNOTAVAIL", "EADDRNOTAVAIL"), "EADDRNOTAVAIL", "always IPV6_V6ONLY"),
        ("macos", ("EAFNOSUPPORT", "EINVAL"), UNKNOWN, "in6_pcb.c, udp6_output.c"),
        ("gvisor", ("EHOSTUNREACH", "EHOSTUNREACH"), "ENETUNREACH", "stack.go: AddrNetProtoLocked"),
        ("windows", (UNKNOWN, UNKNOWN), UNKNOWN, "it fails, and with what is not known"),
        ("illumos", (UNKNOWN, UNKNOWN), UNKNOWN, "not read"),
        ("aix", (UNKNOWN, UNKNOWN), UNKNOWN, "nothing is known"),
    ],
)
def test_mapped_addresses_elsewhere(os: str, v6only: tuple[object, object], bound: object, why: str) -> None:
    tcp, udp = v6only
    to = "::ffff:10.0.0.1"
    assert everywhere("6", to, os=os, v6only=True) == says(tcp, udp, udp), why
    assert everywhere("6 fd00::1", to, os=os, v6only=False)[0] == (bound, None), why


def test_the_plain_cases_are_rfc_3493_everywhere() -> None:
    for os in ("freebsd", "netbsd", "macos", "windows", "illumos"):
        assert everywhere("4", "10.0.0.1", os=os) == V4
        assert everywhere("6", "fd00::1", os=os) == V6
        assert everywhere("6", "::ffff:10.0.0.1", os=os, v6only=False) == V4


@pytest.mark.parametrize(
    ("bound", "to", "more"),
    [
        ("4", "fd00::1", {}),
        ("6", "fe80::1", {}),
        ("6", "::", {}),
        ("6", "fd00::1", {"ipv6": False}),
    ],
)
def test_anything_else_is_unknown_elsewhere(bound: str, to: str, more: dict[str, object]) -> None:
    assert everywhere(bound, to, os="freebsd", **more) == says(*[UNKNOWN] * 3)


@pytest.mark.parametrize(
    ("os", "outcomes"),
    [
        ("netbsd", [("EINVAL", None), ("EINVAL", None), (None, None)]),
        ("freebsd", [("EAFNOSUPPORT", None), ("EAFNOSUPPORT", None), (None, 6)]),
        ("gvisor", [("EINVAL", None)] * 3),
        ("macos", says(*[UNKNOWN] * 3)),
    ],
)
def test_from_a_mapped_address_to_ipv6(os: str, outcomes: list[tuple[object, object]]) -> None:
    """NetBSD's sendto succeeds and nothing leaves; FreeBSD's goes out from ::10.0.0.1."""
    assert everywhere("6 ::ffff:10.0.0.1", "fd00::1", os=os, v6only=False) == outcomes


def test_on_gvisor_the_mapped_wildcard_ties_to_nothing() -> None:
    assert everywhere("6 ::ffff:0.0.0.0", "fd00::1", os="gvisor", v6only=False) == V6
    assert everywhere("6 ::ffff:0.0.0.0", "fd00::1", os="netbsd", v6only=False)[0] == ("EINVAL", None)


def test_what_a_sendto_to_a_mapped_address_does_from_an_ipv6_one() -> None:
    """FreeBSD takes the last 32 bits of the address for its own; the others refuse as they do a connect."""
    for os, outcome in (("freebsd", (None, 4)), ("netbsd", ("EINVAL", None)), ("gvisor", ("ENETUNREACH", None))):
        assert everywhere("6 fd00::1", "::ffff:10.0.0.1", os=os, v6only=False)[2] == outcome
    assert everywhere("6 fd00::1", "::ffff:10.0.0.1", os="freebsd", v6only=True)[2] == ("EINVAL", None)
    assert everywhere("6 fd00::1", "::ffff:10.0.0.1", os="gvisor", v6only=True)[2] == ("ENETUNREACH", None)


def test_a_dual_socket_that_may_not_be_one_is_unknown() -> None:
    assert called("udp", "6", "connect ::ffff:10.0.0.1", os="aix") == says(UNKNOWN)
    assert called("tcp", "4", "sendto 10.0.0.1", os="macos") == says(UNKNOWN)
