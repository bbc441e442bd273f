"""AI_V4MAPPED, AI_ALL and AI_ADDRCONFIG: RFC 3493 section 6.1, Stevens' Figure 11.8 (U4)."""

import socket
import sys
from contextlib import suppress

import pytest

from conftest import MakeNamespace
from dualstack.core.address.address import Address
from dualstack.kernel.facts import configured_families, read_facts
from dualstack.net.names import gai_flags
from dualstack.net.names.getaddrinfo import LookupFailed, getaddrinfo
from support.dialling import Resolver

V4, V6, BOTH = socket.AF_INET, socket.AF_INET6, socket.AF_UNSPEC
MAPPED, ALL, CONFIGURED = socket.AI_V4MAPPED, socket.AI_ALL, socket.AI_ADDRCONFIG

HOSTS = {
    "dual.example": {4: ["192.0.2.1", "192.0.2.2"], 6: ["2001:db8::1"]},
    "four.example": {4: ["192.0.2.1"]},
    "six.example": {6: ["2001:db8::1"]},
}


class Host(Resolver):
    """Also answers for both families at once, and counts on getting none of the three gai_flags."""

    def getaddrinfo(self, host: bytes, port: object, family: int, *hints: int) -> list[object]:
        assert not hints[-1] & (MAPPED | ALL | CONFIGURED)
        if family != BOTH:
            return super().getaddrinfo(host, port, family, *hints)
        found = []
        for each in (V6, V4):
            try:
                found += super().getaddrinfo(host, port, each, *hints)
            except socket.gaierror:
                continue
        return found


# Stevens, Figure 11.8: the host's addresses, family and flags, and what comes back.
FIGURE_11_8 = [
    ("dual.example", BOTH, 0, ["2001:db8::1", "192.0.2.1", "192.0.2.2"]),
    ("dual.example", BOTH, MAPPED | ALL, ["2001:db8::1", "192.0.2.1", "192.0.2.2"]),
    ("dual.example", V6, 0, ["2001:db8::1"]),
    ("dual.example", V6, MAPPED, ["2001:db8::1"]),
    ("dual.example", V6, MAPPED | ALL, ["2001:db8::1", "::ffff:192.0.2.1", "::ffff:192.0.2.2"]),
    ("dual.example", V6, ALL, ["2001:db8::1"]),
    ("dual.example", V4, MAPPED | ALL, ["192.0.2.1", "192.0.2.2"]),
    ("four.example", V6, 0, None),
    ("four.example", V6, ALL, None),
    ("four.example", V6, MAPPED, ["::ffff:192.0.2.1"]),
    ("four.example", V6, MAPPED | ALL, ["::ffff:192.0.2.1"]),
    ("six.example", V4, MAPPED, None),
    ("six.example", V6, MAPPED | ALL, ["2001:db8::1"]),
    ("none.example", V6, MAPPED | ALL, None),
]

ADDRCONFIG = [
    # Families configured, family asked for, flags, what comes back.
    ({4, 6}, BOTH, 0, ["2001:db8::1", "192.0.2.1", "192.0.2.2"]),
    ({4}, BOTH, 0, ["192.0.2.1", "192.0.2.2"]),
    ({6}, BOTH, 0, ["2001:db8::1"]),
    (set(), BOTH, 0, ["2001:db8::1", "192.0.2.1", "192.0.2.2"]),
    ({4}, V6, 0, None),
    ({6}, V4, 0, None),
    (set(), V6, 0, None),
    ({4}, V6, MAPPED, ["::ffff:192.0.2.1", "::ffff:192.0.2.2"]),
    ({6}, V6, MAPPED | ALL, ["2001:db8::1"]),
    ({4, 6}, V6, MAPPED | ALL, ["2001:db8::1", "::ffff:192.0.2.1", "::ffff:192.0.2.2"]),
    (set(), V6, MAPPED, None),
]


def asked(host: str, family: int, wanted: int, configured: set[int] | None = None) -> list[str] | None:
    hints = (family, socket.SOCK_STREAM, 0, wanted)
    try:
        infos = gai_flags.look_up(Host(HOSTS), host.encode(), 80, hints, lambda: frozenset(configured or ()))
    except socket.gaierror as error:
        return None if error.errno == socket.EAI_NONAME else [str(error)]
    assert family == BOTH or {info[0] for info in infos} == {family}
    return [info[4][0] for info in infos]


@pytest.mark.parametrize(("host", "family", "wanted", "expected"), FIGURE_11_8)
def test_a_row_of_the_figure(host: str, family: int, wanted: int, expected: list[str] | None) -> None:
    assert asked(host, family, wanted) == expected


@pytest.mark.parametrize(("configured", "family", "wanted", "expected"), ADDRCONFIG)
def test_only_families_that_are_configured(
    configured: set[int], family: int, wanted: int, expected: list[str] | None
) -> None:
    assert asked("dual.example", family, wanted | CONFIGURED, configured) == expected


def test_servers_that_do_not_answer_are_no_missing_address() -> None:
    again = socket.gaierror(socket.EAI_AGAIN, "no answer")
    with pytest.raises(socket.gaierror) as caught:
        gai_flags.look_up(Resolver({"x": {6: again, 4: ["192.0.2.1"]}}), b"x", 80, (V6, 1, 0, MAPPED))
    assert caught.value.errno == socket.EAI_AGAIN


def test_a_family_of_another_kind_is_the_resolvers_own_matter() -> None:
    with pytest.raises(LookupFailed):
        getaddrinfo("localhost", 80, socket.AF_UNIX, flags=MAPPED)


@pytest.mark.parametrize(
    ("host", "wanted", "expected"),
    [
        ("192.0.2.1", MAPPED, ["::ffff:192.0.2.1"]),
        ("192.0.2.1", MAPPED | ALL, ["::ffff:192.0.2.1"]),
        ("::1", MAPPED, ["::1"]),
    ],
)
def test_the_systems_own_resolver_by_literals(host: str, wanted: int, expected: list[str]) -> None:
    infos = getaddrinfo(host, 80, V6, socket.SOCK_STREAM, flags=wanted)
    assert [info[4][0] for info in infos] == expected
    assert infos[0][4][1:] == (80, 0, 0)


def test_without_flags_an_ipv4_literal_is_no_ipv6_address() -> None:
    with pytest.raises(LookupFailed):
        getaddrinfo("192.0.2.1", 80, V6, socket.SOCK_STREAM, flags=ALL)


def has_way(family: int, to: str) -> bool:
    """Asked of the kernel, as a client would."""
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.connect((to, 9))
        return True
    return False


@pytest.mark.skipif(sys.platform != "linux", reason="read by netlink")
def test_the_families_of_this_host_are_those_of_its_interfaces() -> None:
    shown = {
        Address(address)
        for interface in read_facts().interfaces
        for address in map(str, (each.without_scope for each in interface.addresses))
    }
    assert shown, "a host without any address would show nothing here"
    beyond = shown - {Address("127.0.0.1"), Address("::1")}
    assert configured_families() == {address.version for address in beyond}


def test_elsewhere_they_are_found_out_by_asking_for_a_way(monkeypatch: pytest.MonkeyPatch) -> None:
    ways = {4: has_way(socket.AF_INET, "192.0.2.1"), 6: has_way(socket.AF_INET6, "2001:db8::1")}
    monkeypatch.setattr("sys.platform", "freebsd14")
    assert configured_families() == {version for version, is_there in ways.items() if is_there}


@pytest.mark.root
@pytest.mark.parametrize(
    ("has", "families"),
    [
        ([], set()),
        (["192.0.2.1/24"], {4}),
        (["2001:db8::1/64"], {6}),
        (["192.0.2.1/24", "2001:db8::1/64"], {4, 6}),
        (["127.0.0.2/8"], {4}),
    ],
    ids=lambda row: " ".join(map(str, row)) or "none",
)
@pytest.mark.parametrize("system", ["linux", "freebsd14"])
def test_a_family_is_configured_where_an_interface_has_an_address_of_it(
    namespace: MakeNamespace, system: str, has: list[str], families: set[int]
) -> None:
    host = namespace()
    for address in has:
        host.run(["ip", "address", "add", address, "dev", "lo", *(["nodad"] if ":" in address else [])])
    if system != "linux" and has == ["127.0.0.2/8"]:
        families = set()  # no way out is no way
    code = f"import sys; sys.platform = {system!r}; from dualstack.kernel import facts\n"
    told = host.run([sys.executable, "-c", code + "print(sorted(facts.configured_families()))"])
    assert told.stdout.strip() == str(sorted(families))
