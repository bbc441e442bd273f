"""The words of a bind that failed with EADDRINUSE: whose the number is, and what helps."""

import pytest

from dualstack.core.address.address import Address
from dualstack.core.host.facts import Listener
from dualstack.core.oracle.systems import stack_named
from dualstack.core.planning.holders import beside, in_use, overlapping
from dualstack.core.planning.opening import whole
from dualstack.core.planning.socket_spec import SocketSpec

DUAL = SocketSpec("web", "web", 6, Address("::"), 80, False)
ONLY6 = SocketSpec("web", "web", 6, Address("::"), 80, True)
ONLY4 = SocketSpec("web", "web", 4, Address("0.0.0.0"), 80, None)


def holder(address: str, port: int = 80, **more: object) -> Listener:
    value = Address(address)
    v6only = True if value == Address("::") else None
    return Listener("tcp", value.version, value, port, more.pop("v6only", v6only), **more)  # type: ignore[arg-type]


def connection(address: str, peer: str, *, lingers: bool = False, pid: int | None = None) -> Listener:
    return holder(address, peer=peer, lingers=lingers, pid=pid, process="curl" if pid else None)


NGINX = holder("0.0.0.0", process="nginx", pid=812)
OUT = connection("10.0.0.1", "192.0.2.1:443", pid=5)
OVER = connection("10.0.0.1", "192.0.2.1:443", lingers=True)


APART = "; stop it, or listen on another port or address, or on IPv6 alone (--v6only, or `v6only = true` in a file)"
IN_USE = "address in use by 0.0.0.0:80 (nginx, pid 812)"
TO = "10.0.0.1:80 to 192.0.2.1:443"
HELD = (
    f"address in use by a connection, {TO} (curl, pid 5); end it, or listen on another port "
    "(sysctl net.ipv4.ip_local_reserved_ports=80 keeps 80 for servers)"
)
LINGERING = (
    f"address in use by a connection that has ended and lingers (TIME_WAIT), {TO}, {TO}, {TO} and 2 more; "
    "wait a minute, or have the server before this one set SO_REUSEADDR"
)


@pytest.mark.parametrize(
    ("spec", "holders", "connections", "said"),
    [
        (DUAL, [NGINX], [], f"{IN_USE}{APART}"),
        (ONLY4, [NGINX], [], f"{IN_USE}; stop it, or listen on another port or address"),
        (DUAL, [], [], "address in use; stop it, or listen on another port or address"),
        (DUAL, [], [OUT, OVER], HELD),
        (DUAL, [], [OVER] * 5, LINGERING),
        (DUAL, [NGINX], [OUT], f"{IN_USE}{APART}"),
    ],
)
def test_who_has_the_number_and_what_helps(
    spec: SocketSpec, holders: list[Listener], connections: list[Listener], said: str
) -> None:
    assert in_use(spec, holders, connections) == said


def test_only_what_overlaps_is_in_the_way() -> None:
    found = [NGINX, holder("::"), holder("10.0.0.1"), holder("0.0.0.0", 81)]
    assert overlapping(DUAL, found) == found[:3]
    assert overlapping(ONLY6, found) == [found[1]]
    assert overlapping(ONLY4, found) == [found[0], found[2]]


@pytest.mark.parametrize(
    ("others", "family"),
    [
        ([NGINX], "IPv6"),
        ([holder("::")], "IPv4"),
        ([NGINX, holder("::")], ""),
        ([holder("::1")], "IPv4"),
        ([holder("0.0.0.0", 81)], "IPv6"),
    ],
)
def test_the_other_family_is_offered_where_it_is_free(others: list[Listener], family: str) -> None:
    assert beside(DUAL, others, stack_named("linux")).split(" ")[0] == family
    assert beside(ONLY6, others, stack_named("linux")) == ""


def test_two_wildcards_of_a_port_are_as_one_of_both_families() -> None:
    assert whole(ONLY4, [ONLY6, ONLY4]) == DUAL
    assert whole(ONLY6, [ONLY6, ONLY4]) == DUAL
    assert whole(ONLY4, [ONLY4]) is ONLY4
    one = SocketSpec("web", "web", 4, Address("10.0.0.1"), 80, None)
    assert whole(one, [ONLY6, ONLY4, one]) is one
