"""Names asked of name servers directly: over real sockets, of a server on the loopback (X2)."""

import asyncio
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import dualstack
from dualstack import Address, Dialer, DialError, DialStep, LookupFailed
from dualstack.core.dial.service_records import ServiceRecord
from dualstack.dns import DnsResolver
from dualstack.lab.faults import Fault
from dualstack.lab.zone import Zone
from dualstack.net.dial.datagram_targets import destinations
from dualstack.net.names.hosts_file import HostsFile
from dualstack.net.names.resolver import NameServer
from support.dialling import WAYS, Dial, Servers, pool_rests
from support.name_server import NameServer as Server

MANY = tuple(f"2001:db8::{number:x}" for number in range(1, 201))
ZONE = Zone(
    {"www": ("::1", "127.0.0.1"), "four": ("127.0.0.1",), "many": MANY, "_8443._https.www": ("127.0.0.9",)},
    records={
        "www": ("HTTPS 1 . port=8443 alpn=h2,h3", "HTTPS 2 four ipv4hint=127.0.0.1 ech=AAj+DQAEAAAAAA=="),
        "alias": ("HTTPS 0 www",),
        "_dns.www": ("SVCB 1 four mandatory=port port=53 key667=x no-default-alpn alpn=dot",),
    },
)


@pytest.fixture(autouse=True)
def at_rest() -> Iterator[None]:
    """What the pool does for nobody any more is over before the next test counts descriptors."""
    yield
    pool_rests()


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(ZONE) as made:
        yield made


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A hosts file and no nsswitch.conf."""
    (tmp_path / "hosts").write_text("127.0.0.1 listed.test four-here.test\n::1 listed.test\n")
    return tmp_path


def resolver_of(server: Server, files: Path, resolv_conf: str = "search test\n", **options: object) -> DnsResolver:
    (files / "resolv.conf").write_text(resolv_conf)
    hosts = HostsFile(files / "hosts", files / "nsswitch.conf")
    return DnsResolver([server.address], resolv_conf=files / "resolv.conf", hosts=hosts, **options)


def addresses(resolver: DnsResolver, name: str, family: int = 0, **options: object) -> list[str]:
    found = dualstack.getaddrinfo(name, None, family, socket.SOCK_STREAM, resolver=resolver, **options)
    return [str(Address(info[4])) for info in found]


@pytest.mark.parametrize(
    ("name", "family", "expected"),
    [
        ("www.test", socket.AF_INET6, ["::1"]),
        ("www.test", socket.AF_INET, ["127.0.0.1"]),
        ("www.test", 0, ["::1", "127.0.0.1"]),
        ("four.test", 0, ["127.0.0.1"]),
        ("www", 0, ["::1", "127.0.0.1"]),
        ("www.test.", 0, ["::1", "127.0.0.1"]),
        ("listed.test", 0, ["::1", "127.0.0.1"]),
        ("LISTED.test", socket.AF_INET6, ["::1"]),
        ("four-here.test", 0, ["127.0.0.1"]),
        ("127.0.0.1", 0, ["127.0.0.1"]),
    ],
    ids=str,
)
def test_a_name_has_its_addresses(server: Server, files: Path, name: str, family: int, expected: list[str]) -> None:
    assert addresses(resolver_of(server, files), name, family) == expected


def test_search_domains_hold_and_a_name_with_the_roots_dot_has_none(server: Server, files: Path) -> None:
    resolver = resolver_of(server, files, "search nowhere.test test\n")
    assert addresses(resolver, "four") == ["127.0.0.1"]
    with pytest.raises(LookupFailed):
        addresses(resolver, "four.")


def test_an_answer_too_long_for_a_datagram_is_asked_for_over_tcp(server: Server, files: Path) -> None:
    assert len(addresses(resolver_of(server, files), "many.test", socket.AF_INET6)) == 200


def test_a_name_that_is_not_there_and_a_family_that_it_lacks(server: Server, files: Path) -> None:
    for name, family in (("nowhere.test", 0), ("four.test", socket.AF_INET6)):
        with pytest.raises(LookupFailed) as caught:
            addresses(resolver_of(server, files), name, family)
        assert caught.value.errno == socket.EAI_NONAME


@pytest.mark.parametrize("fault", ["lookup-servfail", "lookup-lost"])
def test_servers_that_do_not_answer_are_no_answer_about_the_name(server: Server, files: Path, fault: str) -> None:
    server.zone = replace(ZONE, faults=(Fault(fault),))
    resolver = resolver_of(server, files, lifetime=0.2)
    with pytest.raises(LookupFailed) as caught:
        addresses(resolver, "www.test")
    assert caught.value.errno == socket.EAI_AGAIN
    with pytest.raises(socket.gaierror):
        resolver.records("www.test", "HTTPS")


def test_records_as_values(server: Server, files: Path) -> None:
    resolver = resolver_of(server, files)
    assert sorted(resolver.records("www.test", "HTTPS")) == [
        ServiceRecord("www.test", 1, port=8443, alpn=("h2", "h3")),
        ServiceRecord("www.test", 2, "four.test", hints=(Address("127.0.0.1"),), has_ech=True),
    ]
    (dns,) = resolver.records("_dns.www.test", "SVCB")
    expected = {"target": "four.test", "port": 53, "alpn": ("dot",), "no_default_alpn": True, "mandatory": (3,)}
    assert dns == ServiceRecord("_dns.www.test", 1, **expected)  # type: ignore[arg-type]
    assert resolver.records("alias.test", "HTTPS") == [ServiceRecord("alias.test", 0, "www.test")]
    assert resolver.records("four.test", "HTTPS") == resolver.records("nowhere.test", "HTTPS") == ()


def test_resolv_conf_is_read_again_when_it_changes(server: Server, files: Path) -> None:
    resolver = resolver_of(server, files, "search nowhere.test\n")
    with pytest.raises(LookupFailed):
        addresses(resolver, "four")
    (files / "resolv.conf").write_text("search test\nnameserver 192.0.2.1\n")
    assert addresses(resolver, "four") == ["127.0.0.1"]


@pytest.mark.parametrize("text", [None, "", "nameserver nonsense\n"])
def test_where_resolv_conf_names_no_server_this_host_is_asked(files: Path, text: str | None) -> None:
    if text is not None:
        (files / "resolv.conf").write_text(text)
    resolver = DnsResolver(resolv_conf=files / "resolv.conf")
    assert resolver.server_for("www.test") == NameServer(Address("127.0.0.1"), 53)


@pytest.mark.parametrize(
    ("resolv_conf", "name", "expected"),
    [
        ("nameserver 192.0.2.1\nnameserver 192.0.2.2\n", "www.test", NameServer(Address("192.0.2.1"), 53)),
        ("nameserver 2001:db8::1\n", "www.test", NameServer(Address("2001:db8::1"), 53)),
        ("nameserver https://dns.example/\n", "www.test", NameServer(Address("127.0.0.1"), 53)),
        ("options use-vc\n", "www.test", None),
        ("search test\n", "www", None),
        ("search test\n", "www.", NameServer(Address("127.0.0.1"), 53)),
        ("search test\noptions ndots:2\n", "www.test", None),
    ],
)
def test_a_server_may_be_asked_on_the_spot_where_no_search_domain_comes_before(
    files: Path, resolv_conf: str, name: str, expected: object
) -> None:
    (files / "resolv.conf").write_text(resolv_conf)
    assert DnsResolver(resolv_conf=files / "resolv.conf").server_for(name) == expected


@pytest.mark.parametrize("text", ["name.example", "name.example:53", "192.0.2.1:x", ""])
def test_a_server_is_given_by_its_address(text: str) -> None:
    with pytest.raises(dualstack.AddressError):
        DnsResolver([text])


def test_names_of_addresses_are_the_systems(server: Server, files: Path) -> None:
    found = dualstack.getnameinfo(
        ("192.0.2.1", 80), socket.NI_NUMERICHOST | socket.NI_NUMERICSERV, resolver=resolver_of(server, files)
    )
    assert found == ("192.0.2.1", "80")


def dialler(server: Server, files: Path, **options: object) -> Dialer:
    return Dialer(resolver=resolver_of(server, files), history=None, **options)


@pytest.mark.parametrize("dial", WAYS)
def test_a_services_port_is_connected_to(server: Server, files: Path, dial: Dial) -> None:
    with Servers() as servers:
        servers.accept("127.0.0.1")
        server.zone = replace(ZONE, records={"www": (f"HTTPS 1 . port={servers.port}",)})
        with dial("www.test", 443, dialer=dialler(server, files, service="https"), timeout=20) as sock:
            assert sock.getpeername()[:2] == ("127.0.0.1", servers.port)


@pytest.mark.parametrize("dial", WAYS)
def test_a_services_name_is_looked_up_and_connected_to(server: Server, files: Path, dial: Dial) -> None:
    with Servers() as servers:
        servers.accept("127.0.0.1")
        records = {f"_{servers.port}._https.other": ("HTTPS 0 alias",), "alias": ("HTTPS 1 four",)}
        server.zone = replace(ZONE, names={**ZONE.names, "other": ("127.0.0.9",)}, records=records)
        steps: list[DialStep] = []
        options = {"dialer": dialler(server, files, service="https"), "timeout": 20, "on_step": steps.append}
        with dial("other.test", servers.port, **options) as sock:
            assert sock.getpeername()[:2] == ("127.0.0.1", servers.port)
        asked = {step.facts["name"] for step in steps if step.kind == "lookup"}
        assert asked == {"other.test", "four.test"}


@pytest.mark.parametrize("dial", WAYS)
def test_without_a_service_nobody_asks_for_records(server: Server, files: Path, dial: Dial) -> None:
    with Servers() as servers:
        servers.accept("::1")
        steps: list[DialStep] = []
        with dial("www", servers.port, dialer=dialler(server, files), timeout=20, on_step=steps.append) as sock:
            assert sock.getpeername()[0] == "::1"
        assert [step.facts["family"] for step in steps if step.kind == "lookup"] == [6, 4]


@pytest.mark.parametrize("dial", WAYS)
def test_a_name_of_the_hosts_file_asks_no_server(server: Server, files: Path, dial: Dial) -> None:
    server.zone = replace(ZONE, faults=(Fault("lookup-lost"),))
    with Servers() as servers:
        servers.accept("127.0.0.1")
        options = {"dialer": dialler(server, files, service="https"), "timeout": 20}
        with dial("four-here.test", servers.port, **options) as sock:
            assert sock.getpeername()[0] == "127.0.0.1"


def test_rules_judge_the_hints_too(server: Server, files: Path) -> None:
    server.zone = replace(ZONE, records={"www": ("HTTPS 1 . ipv4hint=192.0.2.1",)})
    made = dialler(server, files, service="https", access=["deny any"], nat64=())
    with pytest.raises(DialError, match=r"192\.0\.2\.1"):
        made.create_connection(("www.test", 443), timeout=20)


def test_datagrams_by_a_dialler_with_a_service_have_the_addresses_alone(server: Server, files: Path) -> None:
    found = asyncio.run(destinations("www.test", 443, dialler(server, files, service="https"), timeout=20))
    assert [str(each.address) for each in found] == ["::1", "127.0.0.1"]
