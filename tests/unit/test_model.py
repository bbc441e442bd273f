"""Hosts in memory: calls as the oracle rules, frames with ethertypes, steps as Stevens lists them (U1, U2, U5)."""

import errno
from collections.abc import Callable

import pytest

from dualstack.core.address.address import Address
from dualstack.core.simulation.host import Host, Network
from dualstack.core.simulation.socket import Peer, Socket
from dualstack.errors import LookupFailed, UnknownBehaviour

PORT = 9999


@pytest.fixture
def network() -> Network:
    made = Network()
    made.host("four", ipv4=["192.0.2.4"])
    made.host("six", ipv6=["2001:db8::6"])
    made.host("dual", ipv4=["192.0.2.46"], ipv6=["2001:db8::46"])
    return made


def server(host: Host, family: int, proto: str = "tcp", **options: object) -> Socket:
    made = host.socket(family, proto, **options)
    made.bind("::" if family == 6 else "0.0.0.0", PORT)
    if proto == "tcp":
        made.listen()
    return made


def refused(name: str, call: Callable[[], object]) -> None:
    with pytest.raises(OSError, match=name) as failed:
        call()
    assert failed.value.errno == getattr(errno, name)


def test_an_ipv4_client_of_an_ipv6_server_is_mapped_and_never_knows(network: Network) -> None:
    """The six steps of section 12.2."""
    listening = server(network.hosts["dual"], 6)
    client = network.hosts["four"].socket(4)
    client.connect(network.hosts["four"].getaddrinfo("dual", 4)[0], PORT)
    connection, peer = listening.accept()
    connection.send(b"hello")
    assert client.recv() == b"hello"
    assert connection.peer_is_mapped()
    assert peer.address == Address("::ffff:192.0.2.4")
    assert connection.name == Peer(Address("::ffff:192.0.2.46"), PORT)
    assert client.peer == Peer(Address("192.0.2.46"), PORT)
    assert [frame.ethertype for frame in network.frames] == [0x0800] * 3
    assert [frame.what for frame in network.frames] == ["SYN", "SYN/ACK", "data"]
    assert [step.host for step in network.steps] == ["dual", "four", "four", "dual", "dual", "dual"]
    assert str(network.steps[1]) == "2. four: asks for A records of dual and finds 192.0.2.46"


def test_an_ipv6_client_of_an_ipv4_server_sends_ipv4(network: Network) -> None:
    """The four steps of section 12.3."""
    listening = server(network.hosts["four"], 4)
    client = network.hosts["dual"].socket(6)
    client.connect(network.hosts["dual"].getaddrinfo("four", 6, v4mapped=True)[0], PORT)
    assert listening.accept()[1].address == Address("192.0.2.46")
    assert (client.wire, client.name.address) == (4, Address("::ffff:192.0.2.46"))
    assert [step.host for step in network.steps] == ["four", "dual", "dual", "four"]
    client.send(b"x")
    assert network.frames[-1].ethertype == 0x0800


def test_a_udp_server_answers_each_datagram_in_the_family_it_came_in(network: Network) -> None:
    listening = server(network.hosts["dual"], 6, "udp")
    for name, family, to, version in (("four", 4, "192.0.2.46", 4), ("six", 6, "2001:db8::46", 6)):
        client = network.hosts[name].socket(family, "udp")
        client.sendto(b"ask", to, PORT)
        asked, peer = listening.recvfrom()
        assert (asked, peer.address.is_mapped) == (b"ask", version == 4)
        listening.sendto(b"answer", peer.address, peer.port)
        assert client.recvfrom() == (b"answer", Peer(Address(to), PORT))
        assert {frame.version for frame in network.frames[-2:]} == {version}


def test_a_udp_client_may_connect(network: Network) -> None:
    listening = server(network.hosts["dual"], 6, "udp")
    client = network.hosts["dual"].socket(6, "udp")
    client.connect("::1", PORT)
    client.send(b"to oneself")
    assert listening.recvfrom()[0] == b"to oneself"
    client.sendto(b"nobody is there", "::ffff:192.0.2.4", PORT)


@pytest.mark.parametrize(
    ("family", "flags", "found"),
    [
        (4, {}, ["192.0.2.46"]),
        (6, {}, ["2001:db8::46"]),
        (6, {"v4mapped": True}, ["2001:db8::46"]),
        (6, {"v4mapped": True, "everything": True}, ["2001:db8::46", "::ffff:192.0.2.46"]),
        (0, {}, ["2001:db8::46", "192.0.2.46"]),
    ],
)
def test_a_lookup_as_figure_11_8_has_it(network: Network, family: int, flags: dict, found: list[str]) -> None:
    assert list(map(str, network.hosts["four"].getaddrinfo("dual", family, **flags))) == found


def test_a_lookup_of_what_is_not_there_fails(network: Network) -> None:
    for name, family in (("four", 6), ("six", 4), ("nobody", 0)):
        with pytest.raises(LookupFailed):
            network.hosts["dual"].getaddrinfo(name, family)


def test_the_oracle_decides_who_may_bind(network: Network) -> None:
    dual = network.hosts["dual"]
    first = server(dual, 6)
    refused("EADDRINUSE", lambda: server(dual, 4))
    refused("EADDRNOTAVAIL", lambda: dual.socket(4).bind("192.0.2.4", PORT))
    refused("EINVAL", lambda: dual.socket(6, v6only=True).bind("::ffff:192.0.2.46", PORT))
    first.close()
    alone = server(dual, 4)
    listening = server(dual, 6, v6only=True)
    network.hosts["four"].socket(4).connect("192.0.2.46", PORT)
    assert alone.accept()[1].address == Address("192.0.2.4")
    with pytest.raises(BlockingIOError):
        listening.accept()


def test_a_failed_bind_leaves_the_socket_as_it_was(network: Network) -> None:
    dual = network.hosts["dual"]
    made = dual.socket(4)
    refused("EADDRNOTAVAIL", lambda: made.bind("192.0.2.4", PORT))
    made.bind("192.0.2.46", PORT)
    assert made.name == Peer(Address("192.0.2.46"), PORT)


def test_what_is_not_there_refuses(network: Network) -> None:
    four, dual = network.hosts["four"], network.hosts["dual"]
    refused("ECONNREFUSED", lambda: four.socket(4).connect("192.0.2.46", PORT))
    assert [frame.what for frame in network.frames] == ["SYN", "RST"]
    refused("EHOSTUNREACH", lambda: four.socket(4).connect("192.0.2.99", PORT))
    refused("ENETUNREACH", lambda: network.hosts["six"].socket(6).connect("::ffff:192.0.2.4", PORT))
    refused("EAFNOSUPPORT", lambda: dual.socket(4).connect("2001:db8::6", PORT))
    refused("ENETUNREACH", lambda: dual.socket(6, v6only=True).connect("::ffff:192.0.2.4", PORT))


def test_a_socket_is_connected_once(network: Network) -> None:
    listening = server(network.hosts["dual"], 6)
    refused("EISCONN", lambda: listening.connect("::1", PORT))
    client = network.hosts["dual"].socket(6)
    client.connect("::1", PORT)
    refused("EISCONN", lambda: client.connect("::1", PORT))


def test_the_wildcard_as_a_target_is_oneself(network: Network) -> None:
    listening = server(network.hosts["dual"], 6)
    network.hosts["dual"].socket(6).connect("::", PORT)
    assert listening.accept()[1].address == Address("::1")


def test_a_bound_client_is_seen_at_its_address(network: Network) -> None:
    network.host("two", ipv4=["192.0.2.8", "192.0.2.9"])
    listening = server(network.hosts["dual"], 4)
    client = network.hosts["two"].socket(4)
    client.bind("192.0.2.9")
    client.connect("192.0.2.46", PORT)
    assert listening.accept()[1].address == Address("192.0.2.9")


def test_nothing_waits(network: Network) -> None:
    listening = server(network.hosts["dual"], 6)
    with pytest.raises(BlockingIOError):
        listening.accept()
    with pytest.raises(BlockingIOError):
        network.hosts["dual"].socket(6, "udp").recvfrom()


def test_a_closed_end_is_told_from_the_other(network: Network) -> None:
    listening = server(network.hosts["dual"], 6)
    client = network.hosts["four"].socket(4)
    refused("ENOTCONN", lambda: client.send(b"x"))
    client.connect("192.0.2.46", PORT)
    connection, _ = listening.accept()
    client.close()
    refused("ENOTCONN", lambda: connection.send(b"x"))
    refused("EINVAL", client.bound_to)
    network.hosts["dual"].socket(6).close()


def test_an_unbound_socket_listens_on_a_number_of_its_own(network: Network) -> None:
    listening = network.hosts["dual"].socket(6)
    listening.listen()
    client = network.hosts["six"].socket(6)
    client.connect("2001:db8::46", listening.bound_to().port)
    connection, peer = listening.accept()
    assert not connection.peer_is_mapped()
    assert peer.address == Address("2001:db8::6")


def test_the_first_of_a_group_gets_it_all(network: Network) -> None:
    both = [server(network.hosts["dual"], 4, reuseport=True) for _ in range(2)]
    for _ in range(3):
        network.hosts["four"].socket(4).connect("192.0.2.46", PORT)
    assert len(both[0].waiting) == 3


@pytest.mark.parametrize(("os", "peer"), [("freebsd", "192.0.2.4"), ("netbsd", "::ffff:192.0.2.4")])
def test_who_sends_to_a_mapped_address_appears_as_the_system_has_it(network: Network, os: str, peer: str) -> None:
    made = network.host(os, os=os, ipv4=["192.0.2.7"], ipv6=["2001:db8::7"]).socket(6, "udp", v6only=False)
    made.bind("::ffff:192.0.2.7", PORT)
    network.hosts["four"].socket(4, "udp").sendto(b".", "192.0.2.7", PORT)
    assert made.recvfrom()[1].address == Address(peer)


@pytest.mark.parametrize(
    ("os", "bound", "to", "sources"),
    [
        ("netbsd", "::ffff:192.0.2.7", "2001:db8::6", []),
        ("freebsd", "::ffff:192.0.2.7", "2001:db8::6", ["::192.0.2.7"]),
        ("freebsd", "2001:db8::7", "::ffff:192.0.2.4", ["0.0.0.7"]),
    ],
)
def test_what_leaves_from_an_address_of_the_other_family(
    network: Network, os: str, bound: str, to: str, sources: list[str]
) -> None:
    """NetBSD takes the datagram and throws it away; FreeBSD sends from an address that is none of its own."""
    made = network.host(os, os=os, ipv4=["192.0.2.7"], ipv6=["2001:db8::7"]).socket(6, "udp", v6only=False)
    made.bind(bound, PORT)
    made.sendto(b".", to, PORT)
    assert [frame.source for frame in network.frames] == list(map(Address, sources))


def test_what_no_source_tells_is_raised(network: Network) -> None:
    aix = network.host("aix", os="aix", ipv4=["192.0.2.7"], ipv6=["2001:db8::7"])
    server(aix, 6)
    with pytest.raises(UnknownBehaviour, match="unknown on AIX"):
        network.hosts["four"].socket(4).connect("192.0.2.7", PORT)
    with pytest.raises(UnknownBehaviour):
        server(aix, 4)
    with pytest.raises(UnknownBehaviour):
        aix.socket(6).connect("::ffff:192.0.2.4", PORT)


def test_a_host_without_ipv6_is_as_its_system_says() -> None:
    network = Network()
    server(network.host("linux", ipv4=["192.0.2.1"]), 6)
    refused("EADDRNOTAVAIL", lambda: server(network.host("bsd", os="freebsd", ipv4=["192.0.2.2"]), 6))
    strict = network.host("strict", ipv4=["192.0.2.3"], ipv6=["2001:db8::3"], bindv6only=True)
    server(strict, 6)
    server(strict, 4)


def test_a_listen_that_fails_leaves_the_socket_bound(network: Network) -> None:
    first, second = (network.hosts["dual"].socket(4, reuseaddr=True) for _ in range(2))
    first.bind("0.0.0.0", PORT)
    second.bind("0.0.0.0", PORT)
    first.listen()
    refused("EADDRINUSE", second.listen)
    first.close()
    second.listen()


def test_hosts_by_themselves_are_put_on_a_network() -> None:
    server = Host(os="netbsd", ipv4=["192.0.2.1"], ipv6=["2001:db8::1"], names=["www", "mail"])
    client = Host(ipv4=["192.0.2.4"])
    assert (server.name, client.name, Host().name) == ("www", "192.0.2.4", "linux")
    with pytest.raises(LookupFailed):
        client.getaddrinfo("www")
    network = Network(client, server)
    assert network.hosts["mail"] is network.hosts["www"] is server
    for name in server.names:
        assert client.getaddrinfo(name, 4) == [Address("192.0.2.1")]
