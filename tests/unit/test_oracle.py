"""Which bind or listen fails, and which socket receives (U3, N6, X3): Linux' rules and the other systems' rows."""

import pytest

from dualstack.core.address.address import Address
from dualstack.core.oracle.oracle import SKIPPED, UNKNOWN, Case, Prediction, Sock, Step, predict
from dualstack.core.oracle.systems import STACKS, Sharing, stack_named


def sock(text: str, *, v6only: bool | None = None, ra: bool = False, rp: bool = False, uid: int = 0) -> Sock:
    """`4 10.0.0.1` or `6 ::`."""
    family, address = text.split()
    return Sock(int(family), Address(address), v6only, reuseaddr=ra, reuseport=rp, uid=uid)


def asked(
    *sockets: Sock, steps: str = "", proto: str = "tcp", to: tuple[str, ...] = (), os: str = "linux", **more: object
) -> Prediction:
    """`steps` such as `b0 l0 b1`; all bind and listen in order by default."""
    words = steps.split() or [
        f"{call}{n}" for n in range(len(sockets)) for call in ("b", "l") if proto == "tcp" or call == "b"
    ]
    calls = tuple(Step({"b": "bind", "l": "listen"}[word[0]], int(word[1:])) for word in words)
    return predict(Case(STACKS[os], proto, sockets, calls, tuple(map(Address, to)), **more))


def errnos(made: Prediction) -> list[object]:
    return [outcome.errno for outcome in made.steps]


@pytest.mark.parametrize(
    ("first", "second", "clashes", "why"),
    [
        (sock("4 0.0.0.0"), sock("6 ::"), True, "N6: dual beside IPv4"),
        (sock("6 ::"), sock("4 0.0.0.0"), True, "N6: in either order"),
        (sock("4 0.0.0.0"), sock("6 ::", v6only=True), False, "N5: one socket a family"),
        (sock("6 ::", v6only=True), sock("4 0.0.0.0"), False, "N5"),
        (sock("6 ::"), sock("4 10.0.0.1"), True, "D8"),
        (sock("6 ::"), sock("6 fd00::1"), True, "D8"),
        (sock("6 ::ffff:0.0.0.0"), sock("4 10.0.0.1"), True, "any IPv4 by its mapped form"),
        (sock("6 ::ffff:10.0.0.1"), sock("4 10.0.0.1"), True, "mapped is IPv4"),
        (sock("6 ::ffff:10.0.0.1"), sock("4 10.0.0.2"), False, "another address"),
        (sock("6 fe80::1%eth0"), sock("6 fe80::1%eth1"), False, "the same address on two interfaces"),
        (sock("6 ::", ra=True), sock("4 0.0.0.0", ra=True), True, "REUSEADDR does not help against a listener"),
        (sock("6 ::", rp=True), sock("4 10.0.0.1", rp=True), False, "REUSEPORT on both"),
        (sock("6 ::", rp=True), sock("4 10.0.0.1"), True, "REUSEPORT on one"),
        (sock("6 ::", rp=True, uid=1), sock("4 10.0.0.1", rp=True, uid=2), True, "U11: another user"),
    ],
)
def test_two_listeners_on_linux(first: Sock, second: Sock, clashes: bool, why: str) -> None:  # noqa: FBT001
    expected = [None, None, "EADDRINUSE" if clashes else None, SKIPPED if clashes else None]
    assert errnos(asked(first, second)) == expected, why


def test_the_socket_in_the_way_is_named() -> None:
    made = asked(sock("4 10.0.0.1"), sock("4 10.0.0.2"), sock("6 ::"))
    assert made.steps[4].against == 0


def test_reuseaddr_lets_two_bind_and_the_first_listen_alone() -> None:
    """The second listen finds a listener, and there SO_REUSEADDR never helps."""
    made = asked(sock("4 0.0.0.0", ra=True), sock("6 ::", ra=True), steps="b0 b1 l0 l1")
    assert errnos(made) == [None, None, None, "EADDRINUSE"]


def test_udp_shares_by_reuseaddr_alone() -> None:
    assert errnos(asked(sock("4 0.0.0.0", ra=True), sock("6 ::", ra=True), proto="udp")) == [None, None]
    assert errnos(asked(sock("4 0.0.0.0"), sock("6 ::", ra=True), proto="udp")) == [None, "EADDRINUSE"]


@pytest.mark.parametrize(("bindv6only", "expected"), [(False, "EADDRINUSE"), (True, None)])
def test_an_unset_v6only_follows_the_sysctl(bindv6only: bool, expected: str | None) -> None:  # noqa: FBT001
    assert errnos(asked(sock("4 0.0.0.0"), sock("6 ::"), steps="b0 b1", bindv6only=bindv6only))[1] == expected


@pytest.mark.parametrize(
    ("one", "errno", "more"),
    [
        (sock("4 ::1"), "EAFNOSUPPORT", {}),
        (sock("6 127.0.0.1"), "EINVAL", {}),
        (sock("6 ::ffff:10.0.0.1", v6only=True), "EINVAL", {}),
        (sock("6 fe80::1"), "EINVAL", {}),
        (sock("6 fe80::1%eth9"), "ENODEV", {"interfaces": {"eth0": 2}}),
        (sock("6 fe80::1%2"), None, {"interfaces": {"eth0": 2}}),
        (sock("6 fd00::1"), "EADDRNOTAVAIL", {"ipv6": False}),
        (sock("6 ::"), None, {"ipv6": False}),
        (sock("6 ::ffff:10.0.0.1"), None, {"ipv6": False}),
        (sock("4 10.0.0.9"), "EADDRNOTAVAIL", {"local": frozenset({Address("10.0.0.1")})}),
        (sock("6 ::ffff:10.0.0.1"), None, {"local": frozenset({Address("10.0.0.1")})}),
        (sock("4 127.9.9.9"), None, {"local": frozenset({Address("10.0.0.1")})}),
        (sock("6 fd00::1"), "EADDRNOTAVAIL", {"local": frozenset({Address("10.0.0.1")})}),
        (sock("6 ::ffff:0.0.0.0", v6only=True), "EINVAL", {}),
        (sock("4 255.255.255.255"), None, {"local": frozenset({Address("10.0.0.1")})}),
        (sock("4 224.0.0.251"), None, {"local": frozenset({Address("10.0.0.1")})}),
        (sock("6 ::ffff:239.255.255.255"), None, {"local": frozenset({Address("10.0.0.1")})}),
        (sock("6 ff0e::1"), "EINVAL", {"local": frozenset({Address("10.0.0.1")})}),
        (sock("6 ff0e::1"), None, {"proto": "udp", "local": frozenset({Address("10.0.0.1")})}),
        (sock("6 ff02::1"), "EINVAL", {"proto": "udp"}),
        (sock("6 ff02::1%eth9"), "ENODEV", {"proto": "udp", "interfaces": {"eth0": 2}}),
        (sock("6 fe80::1%eth1"), "EADDRNOTAVAIL", {"local": frozenset({Address("fe80::1%eth0")})}),
        (sock("6 fe80::1%2"), None, {"local": frozenset({Address("fe80::1%eth0")}), "interfaces": {"eth0": 2}}),
        (sock("6 fe80::1%2"), None, {"local": frozenset({Address("fe80::1")})}),
        (sock("6 fd00::1%eth9"), None, {"interfaces": {"eth0": 2}}),
        (sock("6 ::1%9"), None, {"local": frozenset({Address("::1")})}),
        (sock("4 224.0.0.251"), UNKNOWN, {"local": frozenset({Address("10.0.0.1")}), "os": "windows"}),
        (sock("4 127.0.0.2"), "EADDRNOTAVAIL", {"local": frozenset({Address("127.0.0.1")}), "os": "freebsd"}),
        (sock("6 127.0.0.1"), UNKNOWN, {"os": "netbsd"}),
        (sock("6 ff0e::1"), UNKNOWN, {"proto": "udp", "os": "netbsd"}),
    ],
)
def test_a_bind_that_fails_by_itself(one: Sock, errno: str | None, more: dict[str, object]) -> None:
    assert errnos(asked(one, steps="b0", **more)) == [errno]


def test_a_socket_that_was_never_bound_listens_elsewhere() -> None:
    made = asked(sock("4 0.0.0.0"), steps="l0", to=("10.0.0.1",))
    assert errnos(made) == [None]
    assert made.receivers[Address("10.0.0.1")] == ()
    assert errnos(asked(sock("4 0.0.0.0"), steps="l0", os="freebsd")) == [UNKNOWN]


def test_a_second_bind_fails_and_a_second_listen_does_not() -> None:
    assert errnos(asked(sock("4 0.0.0.0"), steps="b0 l0 b0 l0")) == [None, None, "EINVAL", None]
    assert errnos(asked(sock("6 ::"), steps="l0 b0")) == [None, "EINVAL"]


def test_an_address_of_the_wrong_kind_comes_before_a_second_bind_on_an_ipv4_socket_alone() -> None:
    assert errnos(asked(sock("4 ::1"), steps="l0 b0")) == [None, "EAFNOSUPPORT"]
    assert errnos(asked(sock("6 127.0.0.1"), steps="l0 b0")) == [None, "EINVAL"]


@pytest.mark.parametrize("os", ["linux", "freebsd"])
def test_udp_has_no_listen(os: str) -> None:
    assert errnos(asked(sock("4 0.0.0.0"), steps="b0 l0", proto="udp", os=os)) == [None, "EOPNOTSUPP"]
    assert errnos(asked(sock("4 0.0.0.0"), steps="l0", proto="udp", os=os)) == ["EOPNOTSUPP"]


@pytest.mark.parametrize(
    ("sockets", "to", "receivers", "why"),
    [
        ([sock("4 0.0.0.0")], "10.0.0.1", [(0, "10.0.0.1")], "U3 rule 1"),
        ([sock("4 0.0.0.0")], "fd00::1", [], "U3 rule 1: IPv4 alone"),
        ([sock("6 ::")], "10.0.0.1", [(0, "::ffff:10.0.0.1")], "U3 rule 2: mapped"),
        ([sock("6 ::")], "fd00::1", [(0, "fd00::1")], "U3 rule 2"),
        ([sock("6 ::", v6only=True)], "10.0.0.1", [], "U3 rule 3"),
        ([sock("6 fd00::1")], "10.0.0.1", [], "U3 rule 3: a specific IPv6 address"),
        ([sock("6 ::ffff:10.0.0.1")], "10.0.0.1", [(0, "::ffff:10.0.0.1")], "a mapped bind is IPv4"),
        (
            [sock("6 ::", rp=True), sock("4 10.0.0.1", rp=True)],
            "10.0.0.1",
            [(1, "10.0.0.1")],
            "D8: the exact address wins",
        ),
        ([sock("6 ::", rp=True), sock("4 10.0.0.1", rp=True)], "10.0.0.2", [(0, "::ffff:10.0.0.2")], "the rest stays"),
        ([sock("6 ::", rp=True), sock("4 0.0.0.0", rp=True)], "10.0.0.1", [(1, "10.0.0.1")], "AF_INET before AF_INET6"),
        (
            [sock("4 0.0.0.0", rp=True), sock("4 0.0.0.0", rp=True)],
            "10.0.0.1",
            [(0, "10.0.0.1"), (1, "10.0.0.1")],
            "a group",
        ),
    ],
)
def test_who_receives_on_linux(sockets: list[Sock], to: str, receivers: list[tuple[int, str]], why: str) -> None:
    made = asked(*sockets, to=(to,))
    assert [(r.socket, str(r.local)) for r in made.receivers[Address(to)]] == receivers, why


@pytest.mark.parametrize("os", ["openbsd", "windows-2003"])
def test_where_there_is_no_dual_socket_the_wildcards_never_meet(os: str) -> None:
    made = asked(sock("4 0.0.0.0"), sock("6 ::", v6only=False), os=os, to=("10.0.0.1",))
    assert errnos(made) == [None] * 4
    assert [r.socket for r in made.receivers[Address("10.0.0.1")]] == [0]


@pytest.mark.parametrize(
    ("os", "plain", "reuseaddr", "reuseport"),
    [
        ("freebsd", "EADDRINUSE", None, None),
        ("illumos", "EADDRINUSE", None, "EADDRINUSE"),
        ("windows", None, None, None),
        ("linux", "EADDRINUSE", "EADDRINUSE", None),
    ],
)
def test_a_specific_address_beside_the_wildcard(
    os: str, plain: str | None, reuseaddr: str | None, reuseport: str | None
) -> None:
    for options, expected in (({}, plain), ({"ra": True}, reuseaddr), ({"rp": True}, reuseport)):
        made = asked(sock("4 0.0.0.0", **options), sock("4 10.0.0.1", **options), os=os)
        assert errnos(made)[2] == expected, options


def test_what_no_source_tells_is_unknown() -> None:
    assert errnos(asked(sock("6 ::ffff:10.0.0.1", v6only=True), steps="b0", os="windows")) == [UNKNOWN]
    stack = stack_named("plan9")
    assert stack.beside_wildcard is Sharing.UNKNOWN
    sockets = (sock("4 0.0.0.0"), sock("4 10.0.0.1"))
    assert predict(Case(stack, "tcp", sockets, (Step("bind", 0), Step("bind", 1)))).steps[1].errno is UNKNOWN


def test_every_row_says_where_it_is_from() -> None:
    assert all(stack.source and stack.name == name for name, stack in STACKS.items())
