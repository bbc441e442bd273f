"""Every known cell of what is known of the other systems, and unknown for the rest (N5, N6, X3, D7).

What was measured is held case by case in test_measured_systems.py; here stand the rules, one by one.
"""

from dataclasses import replace

import pytest

from dualstack.core.address.address import Address
from dualstack.core.oracle.oracle import SKIPPED, UNKNOWN, Case, Prediction, Sock, Step, predict
from dualstack.core.oracle.reuse_windows import MATRIX, Use, use_of
from dualstack.core.oracle.stack import Sharing, Standing
from dualstack.core.oracle.systems import STACKS, stack_named

IN_USE, ACCESS = "EADDRINUSE", "EACCES"
BSDS = ("freebsd", "netbsd", "openbsd", "macos")
OTHERS = [name for name in STACKS if name != "linux"]


def sock(text: str) -> Sock:
    """`4 0.0.0.0 ra rp`, `6 :: dual`, `4 10.0.0.1 excl uid=7`."""
    family, address, *options = text.split()
    uid = next((int(option[4:]) for option in options if option.startswith("uid=")), 0)
    v6only = True if "v6only" in options else False if "dual" in options else None
    return Sock(int(family), Address(address), v6only, "ra" in options, "rp" in options, uid, "excl" in options)


def asked(os: str, *texts: str, proto: str = "tcp", to: str = "", listen: bool = True, **more: object) -> Prediction:
    sockets = tuple(map(sock, texts))
    calls = ("bind", "listen") if proto == "tcp" and listen else ("bind",)
    steps = tuple(Step(call, n) for n in range(len(sockets)) for call in calls)
    return predict(Case(STACKS[os], proto, sockets, steps, tuple(map(Address, to.split())), **more))


def second(os: str, first: str, then: str, **more: object) -> object:
    """What the second bind gives."""
    return asked(os, first, then, listen=False, **more).steps[1].errno


@pytest.mark.parametrize(
    ("os", "default", "dual"),
    [
        ("freebsd", True, True),
        ("macos", False, True),
        ("netbsd", True, True),
        ("openbsd", True, False),
        ("windows", True, True),
        ("windows-2003", True, False),
        ("illumos", False, True),
        ("gvisor", False, True),
    ],
)
def test_what_an_ipv6_wildcard_receives(os: str, default: bool, dual: bool) -> None:  # noqa: FBT001
    """The default of IPV6_V6ONLY, and whether it can be 0."""
    for text, receives in (("6 ::", not default), ("6 :: dual", dual), ("6 :: v6only", False)):
        (delivery,) = asked(os, text, to="10.0.0.1").deliveries
        assert bool(delivery.receivers) == receives, text
        assert delivery.errno == (None if receives else "ECONNREFUSED")


@pytest.mark.parametrize(
    ("os", "dual_second", "dual_first"),
    [
        ("freebsd", None, IN_USE),
        ("macos", None, IN_USE),
        ("netbsd", None, IN_USE),
        ("openbsd", None, None),
        ("gvisor", IN_USE, IN_USE),
        ("windows", UNKNOWN, UNKNOWN),
        ("windows-2003", None, None),
        ("illumos", None, None),
        ("aix", UNKNOWN, UNKNOWN),
    ],
)
def test_the_two_wildcards_side_by_side(os: str, dual_second: object, dual_first: object) -> None:
    assert second(os, "4 0.0.0.0", "6 :: dual") == dual_second
    assert second(os, "6 :: dual", "4 0.0.0.0") == dual_first
    assert second(os, "4 0.0.0.0", "6 :: v6only") is None, "N5: each family its own"


def test_options_that_let_ipv4_stand_beside_a_dual_socket() -> None:
    assert second("freebsd", "6 :: dual rp", "4 0.0.0.0 rp") is None
    assert second("freebsd", "6 :: dual ra", "4 0.0.0.0 ra") == IN_USE
    assert second("macos", "6 :: dual rp", "4 0.0.0.0 rp") is None
    assert second("macos", "6 :: dual", "4 0.0.0.0 rp") == IN_USE
    for option in ("ra", "rp"):
        assert second("netbsd", "6 :: dual", f"4 0.0.0.0 {option}") is None, "on the new one"
        assert second("netbsd", f"6 :: dual {option}", "4 0.0.0.0") == IN_USE
        assert second("gvisor", f"6 :: dual {option}", f"4 0.0.0.0 {option}") is None, "the same on both"
    assert second("gvisor", "6 :: dual ra", "4 0.0.0.0 rp") == IN_USE


@pytest.mark.parametrize("os", BSDS)
@pytest.mark.parametrize(("first", "then"), [("4 0.0.0.0", "4 10.0.0.1"), ("6 :: v6only", "6 fd00::1")])
def test_a_specific_address_beside_the_wildcard_of_its_family(os: str, first: str, then: str) -> None:
    assert second(os, first, then) == IN_USE
    assert second(os, f"{first} ra", then) == IN_USE, "the option counts on the new socket"
    assert second(os, first, f"{then} ra") is None
    assert second(os, first, f"{then} rp") is None


@pytest.mark.parametrize(
    ("os", "plain"), [("freebsd", IN_USE), ("macos", IN_USE), ("openbsd", None), ("illumos", None)]
)
def test_a_specific_ipv4_address_beside_a_dual_socket(os: str, plain: object) -> None:
    """OpenBSD and illumos compare within a family alone."""
    for first, then in (("6 :: dual", "4 10.0.0.1"), ("4 10.0.0.1", "6 :: dual")):
        assert second(os, first, then) == plain
        assert second(os, first, f"{then} ra") is None


@pytest.mark.parametrize("os", BSDS)
def test_one_address_twice(os: str) -> None:
    for address in ("4 10.0.0.1", "4 0.0.0.0", "6 fd00::1", "6 :: v6only"):
        assert second(os, address, address) == IN_USE
        assert second(os, f"{address} ra", f"{address} ra") == IN_USE
        assert second(os, f"{address} rp", address) == IN_USE
        assert second(os, f"{address} rp", f"{address} rp") is None


def test_netbsd_looks_for_dual_sockets_where_ipv4_is_bound_and_not_the_other_way() -> None:
    assert second("netbsd", "4 10.0.0.1", "6 :: dual") is None
    assert second("netbsd", "6 ::ffff:10.0.0.1 dual", "6 :: dual") is None
    assert second("netbsd", "6 :: dual", "4 10.0.0.1") == IN_USE
    assert second("netbsd", "6 :: dual", "6 ::ffff:10.0.0.1 dual") == IN_USE


def test_illumos_refuses_one_address_twice_in_tcp_and_takes_reuseaddr_in_udp() -> None:
    assert second("illumos", "4 10.0.0.1 ra", "4 10.0.0.1 ra") == IN_USE
    assert second("illumos", "4 0.0.0.0", "4 10.0.0.1 ra") is None
    assert second("illumos", "4 0.0.0.0", "4 10.0.0.1 rp") == IN_USE
    assert second("illumos", "4 0.0.0.0", "4 10.0.0.1", proto="udp") == IN_USE
    made = asked("illumos", "4 10.0.0.1", "4 10.0.0.1 ra", proto="udp", to="10.0.0.1")
    assert [each.socket for each in made.deliveries[0].receivers] == [0], "the oldest receives"


def test_on_gvisor_a_listener_keeps_its_address_to_itself_and_not_the_wildcard() -> None:
    assert asked("gvisor", "4 10.0.0.1 ra", "4 10.0.0.1 ra").steps[2].errno == IN_USE
    assert asked("gvisor", "4 10.0.0.1 ra", "4 0.0.0.0 ra").steps[2].errno is None
    assert second("gvisor", "4 10.0.0.1 ra", "4 10.0.0.1 ra") is None
    sockets = (sock("4 10.0.0.1 ra"), sock("4 10.0.0.1 ra"))
    steps = tuple(Step(call, index) for call in ("bind", "listen") for index in range(2))
    made = predict(Case(STACKS["gvisor"], "tcp", sockets, steps))
    assert [outcome.errno for outcome in made.steps] == [None, None, None, IN_USE], "the second listen"


def test_on_gvisor_a_reuseport_group_is_of_all_wildcards() -> None:
    made = asked("gvisor", "6 :: dual rp", "4 0.0.0.0 rp", "6 ::ffff:0.0.0.0 rp", to="10.0.0.1 fd00::1")
    assert [[each.socket for each in d.receivers] for d in made.deliveries] == [[0, 1, 2], [0]]
    made = asked("gvisor", "6 :: dual ra", "4 0.0.0.0 ra", proto="udp", to="10.0.0.1")
    assert [each.socket for each in made.deliveries[0].receivers] == [1], "without SO_REUSEPORT the newest"


@pytest.mark.parametrize(
    ("os", "errno"),
    [
        ("freebsd", "EADDRNOTAVAIL"),
        ("gvisor", "EHOSTUNREACH"),
        ("macos", "EADDRNOTAVAIL"),
        ("netbsd", "EINVAL"),
        ("openbsd", "EADDRNOTAVAIL"),
        ("windows", UNKNOWN),
        ("windows-2003", UNKNOWN),
        ("illumos", "EADDRNOTAVAIL"),
        ("aix", UNKNOWN),
    ],
)
def test_a_mapped_address_on_a_v6only_socket(os: str, errno: object) -> None:
    assert asked(os, "6 ::ffff:10.0.0.1 v6only").steps[0].errno == errno


@pytest.mark.parametrize(
    ("os", "errno"),
    [("freebsd", "EADDRNOTAVAIL"), ("macos", "EADDRNOTAVAIL"), ("openbsd", "EADDRNOTAVAIL")]
    + [(os, UNKNOWN) for os in ("netbsd", "windows", "illumos", "aix")],
)
def test_ipv6_off(os: str, errno: object) -> None:
    made = asked(os, "6 ::", "4 0.0.0.0", to="10.0.0.1 fd00::1", ipv6=False)
    assert made.steps[0].errno == errno
    assert made.steps[1].errno == (SKIPPED if errno == "EADDRNOTAVAIL" else UNKNOWN)
    assert made.deliveries[1].errno is UNKNOWN


@pytest.mark.parametrize("os", ["freebsd", "macos", "illumos"])
def test_ipv4_goes_to_the_exact_address_then_af_inet_then_dual(os: str) -> None:
    made = asked(os, "6 :: dual", "4 10.0.0.1 ra", to="10.0.0.1 10.0.0.2 fd00::1")
    assert [[each.socket for each in d.receivers] for d in made.deliveries] == [[1], [0], [0]]
    made = asked(os, "4 0.0.0.0", "6 :: dual", to="10.0.0.1")
    assert [each.socket for each in made.deliveries[0].receivers] == [0]


def test_on_netbsd_ipv4_goes_to_an_af_inet_socket_first() -> None:
    made = asked("netbsd", "6 ::ffff:10.0.0.1 dual", "4 0.0.0.0 ra", to="10.0.0.1")
    assert [each.socket for each in made.deliveries[0].receivers] == [1], "0.0.0.0 before an exact mapped one"
    made = asked("netbsd", "6 ::ffff:10.0.0.1 dual", to="10.0.0.1")
    assert [each.socket for each in made.deliveries[0].receivers] == [0]


@pytest.mark.parametrize(
    ("os", "exact", "wildcard"), [("freebsd", 1, 0), ("macos", 1, 0), ("netbsd", 1, 1), ("openbsd", 1, 1)]
)
def test_which_of_equals_receives(os: str, exact: int, wildcard: int) -> None:
    """The newest or the oldest by the order of the binds, whichever listens first."""
    for address, who in (("4 10.0.0.1", exact), ("4 0.0.0.0", wildcard), ("6 fd00::1", exact), ("6 ::", wildcard)):
        sockets = (sock(f"{address} rp"), sock(f"{address} rp"))
        steps = (Step("bind", 0), Step("bind", 1), Step("listen", 1), Step("listen", 0))
        to = (Address("10.0.0.1" if address[0] == "4" else "fd00::1"),)
        (delivery,) = predict(Case(STACKS[os], "tcp", sockets, steps, to)).deliveries
        assert [each.socket for each in delivery.receivers] == [who], address


def test_on_netbsd_who_has_received_comes_first_from_then_on() -> None:
    """in6_pcblookup_bind moves what it finds to the head of its chain: IPv4 reaches the dual socket alone."""
    made = asked("netbsd", "6 :: dual rp", "6 :: v6only rp", to="fd00::1")
    assert [each.socket for each in made.deliveries[0].receivers] == [1], "the newest"
    made = asked("netbsd", "6 :: dual rp", "6 :: v6only rp", to="10.0.0.1 fd00::1")
    assert [[each.socket for each in d.receivers] for d in made.deliveries] == [[0], [0]]


@pytest.mark.parametrize(
    ("os", "peer"), [("freebsd", "10.9.9.9"), ("macos", "10.9.9.9"), ("netbsd", "::ffff:10.9.9.9")]
)
def test_who_sends_to_a_udp_socket_on_a_mapped_address(os: str, peer: str) -> None:
    source = (Address("10.9.9.9"),)
    made = asked(os, "6 ::ffff:10.0.0.1 dual", proto="udp", to="10.0.0.1", sources=source)
    assert str(made.deliveries[0].receivers[0].peer) == peer
    made = asked(os, "6 ::ffff:10.0.0.1 dual", to="10.0.0.1", sources=source)
    assert str(made.deliveries[0].receivers[0].peer) == "::ffff:10.9.9.9", "TCP shows it mapped everywhere"


# Microsoft's table as it is printed: rows the first socket, columns the second.
COLUMNS = ("default W", "default S", "reuse W", "reuse S", "exclusive W", "exclusive S")
TABLE = """
default W     INUSE  ok      ACCESS  ok      INUSE  ok
default S     ok     INUSE   ok      ACCESS  INUSE  INUSE
reuse W       INUSE  ok      ok      ok      INUSE  ok
reuse S       ok     INUSE   ok      ok      INUSE  INUSE
exclusive W   INUSE  ACCESS  ACCESS  ACCESS  INUSE  ACCESS
exclusive S   ok     INUSE   ok      ACCESS  INUSE  INUSE
"""
OPTIONS = {"default": "", "reuse": "ra", "exclusive": "excl"}
ERRNOS = {"ok": None, "INUSE": IN_USE, "ACCESS": ACCESS}


@pytest.mark.parametrize("os", ["windows", "windows-2003"])
@pytest.mark.parametrize("row", TABLE.strip().splitlines())
def test_the_table_of_windows(os: str, row: str) -> None:
    use, where, *cells = row.split()
    for family, wildcard, specific in ((4, "0.0.0.0", "10.0.0.1"), (6, ":: v6only", "fd00::1")):
        places = {"W": wildcard, "S": specific}
        for column, cell in zip(COLUMNS, cells, strict=True):
            then, there = column.split()
            first = f"{family} {places[where]} {OPTIONS[use]}"
            assert second(os, first, f"{family} {places[there]} {OPTIONS[then]}") == ERRNOS[cell], (row, column)


def test_on_windows_a_dual_socket_must_pass_on_both_stacks() -> None:
    assert second("windows", "4 10.0.0.1 excl", "6 :: dual excl") == IN_USE
    assert second("windows", "6 fd00::1", "6 :: dual") is None
    made = asked("windows", "4 10.0.0.1", "6 fd00::1 excl", "6 :: dual excl", listen=False)
    assert made.steps[2].errno == IN_USE


@pytest.mark.parametrize(
    ("first", "then", "why"),
    [
        ("4 0.0.0.0", "4 0.0.0.0 uid=7", "the table is of one user"),
        ("4 0.0.0.0", "4 0.0.0.0 ra excl", "both options"),
        ("6 ::ffff:0.0.0.0 dual", "4 0.0.0.0", "mapped addresses"),
    ],
)
def test_what_the_table_does_not_tell_is_unknown(first: str, then: str, why: str) -> None:
    assert second("windows", first, then) is UNKNOWN, why


def test_who_receives_on_windows_after_sharing_is_unknown() -> None:
    assert asked("windows", "4 0.0.0.0 ra", "4 0.0.0.0 ra", to="10.0.0.1").deliveries[0].errno is UNKNOWN
    made = asked("windows", "4 0.0.0.0 ra", "4 10.0.0.1 ra", to="10.0.0.1")
    assert made.deliveries[0].errno is UNKNOWN, "the exact address may not win where SO_REUSEADDR made them share"
    made = asked("windows", "4 0.0.0.0", "4 10.0.0.1", to="10.0.0.1")
    assert [each.socket for each in made.deliveries[0].receivers] == [1]


@pytest.mark.parametrize("os", ["illumos", "gvisor"])
def test_another_users_socket_that_would_share_is_unknown(os: str) -> None:
    assert second(os, "4 0.0.0.0 ra", "4 10.0.0.1 ra uid=7") is UNKNOWN
    assert second(os, "4 0.0.0.0 ra uid=7", "4 10.0.0.1 ra") is UNKNOWN, "root's new one too"
    assert second(os, "4 0.0.0.0", "4 10.0.0.1 uid=7") == IN_USE, "what fails for one user fails for two"


@pytest.mark.parametrize(
    ("os", "first", "then", "errno"),
    [
        ("freebsd", "4 0.0.0.0 rp uid=7", "4 0.0.0.0 rp uid=8", IN_USE),
        ("freebsd", "4 0.0.0.0 rp uid=7", "4 0.0.0.0 rp", None),
        ("freebsd", "4 0.0.0.0", "6 :: dual uid=7", IN_USE),
        ("openbsd", "4 10.0.0.1 rp", "4 10.0.0.1 rp uid=7", IN_USE),
        ("openbsd", "4 10.0.0.1", "6 :: uid=7", None),
        ("netbsd", "4 10.0.0.1 rp", "4 0.0.0.0 rp uid=7", IN_USE),
        ("netbsd", "4 0.0.0.0 rp", "4 0.0.0.0 rp uid=7", None),
        ("netbsd", "6 fd00::1 rp", "6 fd00::1 rp uid=7", None),
        ("netbsd", "6 ::ffff:10.0.0.1 dual rp", "4 10.0.0.1 rp uid=7", None),
        ("macos", "4 10.0.0.1 rp", "4 10.0.0.1 rp uid=7", IN_USE),
        ("macos", "4 0.0.0.0 rp", "4 0.0.0.0 rp uid=7", None),
        ("macos", "4 10.0.0.1 rp", "6 :: dual ra uid=7", None),
        ("macos", "4 10.0.0.1", "6 :: dual ra uid=7", IN_USE),
    ],
)
def test_two_users(os: str, first: str, then: str, errno: object) -> None:
    """U11: whether another user's socket may stand beside one, where one user's could."""
    assert second(os, first, then) == errno


@pytest.mark.parametrize("os", ["freebsd", "macos", "netbsd", "illumos"])
def test_a_mapped_address_is_one_of_ipv4(os: str) -> None:
    assert second(os, "6 ::ffff:10.0.0.1 dual", "4 10.0.0.1") == IN_USE
    assert second(os, "4 0.0.0.0", "6 ::ffff:10.0.0.1 dual") == IN_USE


@pytest.mark.parametrize("os", ["freebsd", "macos"])
def test_the_mapped_wildcard_is_looked_for_by_dual_sockets_alone(os: str) -> None:
    assert second(os, "6 :: dual", "6 ::ffff:0.0.0.0 dual") is None
    assert second(os, "6 ::ffff:0.0.0.0 dual", "6 ::ffff:0.0.0.0 dual") is None
    assert second(os, "6 ::ffff:0.0.0.0 dual rp", "6 :: dual") == IN_USE
    assert second(os, "6 ::ffff:0.0.0.0 dual rp", "6 :: dual rp") is None


def test_what_depends_on_an_unknown_is_unknown() -> None:
    made = asked("aix", "4 10.0.0.1 ra", "4 10.0.0.1", "4 10.0.0.1", to="10.0.0.1 10.0.0.2")
    assert [outcome.errno for outcome in made.steps] == [None, None, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN]
    assert [delivery.errno for delivery in made.deliveries] == [UNKNOWN, "ECONNREFUSED"]
    made = asked("windows", "4 10.0.0.2", "4 10.0.0.1", "4 10.0.0.1 ra excl", "4 10.0.0.2")
    assert (made.steps[4].errno, made.steps[6].errno) == (UNKNOWN, IN_USE)


def test_aix_is_unknown_wherever_two_sockets_meet() -> None:
    made = asked("aix", "6 ::", to="10.0.0.1 fd00::1")
    assert made.steps[0].errno is None
    assert [delivery.errno for delivery in made.deliveries] == [UNKNOWN, None]
    assert second("aix", "6 ::", "4 0.0.0.0") is UNKNOWN
    assert asked("aix", "6 ::ffff:10.0.0.1").steps[0].errno is UNKNOWN


def test_udp_receives_once_it_is_bound() -> None:
    made = asked("freebsd", "4 0.0.0.0", proto="udp", to="10.0.0.1")
    assert [each.socket for each in made.deliveries[0].receivers] == [0]


@pytest.mark.parametrize("name", list(STACKS))
def test_every_row_says_where_it_is_from(name: str) -> None:
    stack = STACKS[name]
    assert stack.name == name
    assert stack.source
    assert all(hasattr(stack, field) for field in (*stack.inferred, *stack.read, *stack.laws))


def test_what_was_measured_says_on_what_and_where_it_is_decided() -> None:
    made = asked("netbsd", "6 :: dual", "4 0.0.0.0", listen=False)
    assert made.steps[1].source.endswith("; run: NetBSD 7.99.34")
    assert "in_pcbbind_port" in made.steps[1].source


@pytest.mark.parametrize(
    ("os", "field", "standing"),
    [
        ("linux", "same_address", Standing.MEASURED),
        ("netbsd", "mapped_sendto", Standing.MEASURED),
        ("macos", "v6only_connect", Standing.READ),
        ("windows", "same_address", Standing.READ),
        ("illumos", "strangers", Standing.UNKNOWN),
        ("illumos", "v6only_connect", Standing.UNKNOWN),
        ("aix", "dual_after_ipv4", Standing.UNKNOWN),
    ],
)
def test_how_a_fact_is_known(os: str, field: str, standing: Standing) -> None:
    assert STACKS[os].standing(field) is standing


def test_what_was_concluded_says_so() -> None:
    stack = replace(STACKS["windows"], inferred=frozenset({"same_address"}))
    assert stack.standing("same_address") is Standing.INFERRED
    assert stack.source_of("same_address").endswith("(inferred)")


def test_a_system_without_a_row_is_unknown() -> None:
    stack = stack_named("plan9")
    assert stack.same_address is Sharing.UNKNOWN
    assert stack_named("linux") is STACKS["linux"]


def test_the_table_is_whole() -> None:
    assert len(MATRIX) == 6
    assert {len(row) for row in MATRIX.values()} == {6}
    assert use_of(sock("4 0.0.0.0 ra")) is Use.REUSE


@pytest.mark.parametrize(
    ("os", "proto", "to", "errno"),
    [
        ("linux", "udp", "224.0.0.1", UNKNOWN),
        ("linux", "udp", "255.255.255.255", UNKNOWN),
        ("linux", "tcp", "224.0.0.1", "ENETUNREACH"),
        ("linux", "tcp", "ff0e::1", "ENETUNREACH"),
        ("linux", "tcp", "fe80::1", "EINVAL"),
        ("freebsd", "tcp", "224.0.0.1", UNKNOWN),
        ("freebsd", "tcp", "fe80::1", UNKNOWN),
        ("linux", "tcp", "10.0.0.2", "ECONNREFUSED"),
        ("freebsd", "tcp", "fd00::1", "ECONNREFUSED"),
    ],
)
def test_what_no_socket_of_this_host_gets(os: str, proto: str, to: str, errno: object) -> None:
    local = frozenset({Address("10.0.0.1")})
    (delivery,) = asked(os, "6 :: dual", proto=proto, to=to, local=local).deliveries
    assert (delivery.errno, delivery.receivers) == (errno, ())
