"""What this kernel says of single addresses, and of sockets that keep to an interface."""

import errno
import os
import resource
import socket
import sys
from collections.abc import Iterator

import pytest

from conftest import MakeNamespace
from dualstack.core.address.address import Address
from dualstack.core.host.facts import BindAsk, HostFacts, Interface
from dualstack.core.planning.socket_spec import SocketSpec
from dualstack.kernel import bind_answers
from dualstack.kernel.bind_answers import answers_of, connections_in_the_way, with_answers
from dualstack.kernel.bound_device import Hearing, device_named, hearing

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what Linux says")


@pytest.mark.parametrize(
    ("proto", "address", "more", "said"),
    [
        ("tcp", "127.0.0.1", {}, None),
        ("udp", "127.255.255.255", {}, None),
        ("tcp", "203.0.113.77", {}, "EADDRNOTAVAIL"),
        ("udp", "203.0.113.77", {"freebind": True}, None),
        ("tcp", "2001:db8::77", {"freebind": True}, None),
        ("tcp", "ff0e::5", {}, "EINVAL"),
        ("udp", "ff0e::5", {}, None),
        ("tcp", "fe80::1%no-such0", {}, "ENODEV"),
        ("tcp", "127.0.0.1", {"interface": "no-such0"}, "ENODEV"),
    ],
)
def test_an_address_is_bound_alone_with_the_options_of_its_socket(
    proto: str, address: str, more: dict[str, object], said: str | None
) -> None:
    ask = BindAsk(proto, Address(address), **more)  # type: ignore[arg-type]
    assert answers_of([ask]) == {ask: said}


@pytest.mark.usefixtures("no_descriptors")
def test_without_a_descriptor_to_ask_with_nothing_is_said_of_an_address() -> None:
    assert answers_of([BindAsk("tcp", Address("127.0.0.1"))]) == {}


@pytest.fixture
def no_descriptors() -> Iterator[None]:
    with socket.socket() as probe:
        lowest = probe.fileno()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_an_address_is_bound_on_any_port_with_its_family_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    bound: list[SocketSpec] = []
    monkeypatch.setattr(bind_answers, "bind_alone", bound.append)
    asked = [BindAsk("udp", Address("::1")), BindAsk("tcp", Address("127.0.0.1"))]
    assert answers_of(asked) == dict.fromkeys(asked)
    assert [(spec.family, spec.proto, spec.port, spec.v6only) for spec in bound] == [
        (6, "udp", 0, True),
        (4, "tcp", 0, None),
    ]


def test_an_address_that_is_not_there_is_not_waited_for() -> None:
    ask = BindAsk("tcp", Address("2001:db8::77"))
    told: list[str] = []
    facts = with_answers(HostFacts(), [ask], tell=told.append)
    assert dict(facts.answers) == {ask: "EADDRNOTAVAIL"}
    assert told == []


NEW = Address("2001:db8::77")
TENTATIVE, USABLE = Interface("eth0", 2, (NEW,), tentative=(NEW,)), Interface("eth0", 2, (NEW,))


class Host:
    """A host whose address is tentative for so many looks, at which so much time passes; and how long each wait is."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, looks: int) -> None:
        self.looks, self.now = looks, 100.0
        self.waits: list[float] = []
        self.news = 0
        monkeypatch.setattr(bind_answers, "bind_alone", self.bind)
        monkeypatch.setattr(bind_answers, "read_interfaces", self.interfaces)
        monkeypatch.setattr(bind_answers, "monotonic", lambda: self.now)
        monkeypatch.setattr(bind_answers.select, "select", self.select)
        monkeypatch.setattr(bind_answers.Notices, "drain", self.drain)

    def bind(self, _spec: SocketSpec) -> None:
        if self.looks > 0:
            raise OSError(errno.EADDRNOTAVAIL, "not yet")

    def interfaces(self) -> tuple[Interface, ...]:
        self.looks -= 1
        return (TENTATIVE if self.looks > 0 else USABLE,)

    def select(self, _read: object, _write: object, _wrong: object, left_s: float) -> None:
        self.waits.append(left_s)
        self.now += 2.0

    def drain(self) -> None:
        self.news += 1


def test_a_tentative_address_is_waited_for_and_that_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    host, told = Host(monkeypatch, looks=3), list[str]()
    ask = BindAsk("tcp", NEW)
    facts = with_answers(HostFacts(), [ask], tell=told.append)
    assert (dict(facts.answers), facts.interfaces) == ({ask: None}, (USABLE,))
    assert (host.waits, host.news) == ([3.0], 1)
    assert told == [f"waiting up to 3 s for {NEW}: tentative until no other host is found to have it"]


def test_an_address_that_stays_tentative_is_waited_for_no_longer_than_that(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(monkeypatch, looks=99)
    ask = BindAsk("tcp", NEW)
    facts = with_answers(HostFacts(), [ask])
    assert (dict(facts.answers), facts.interfaces) == ({ask: "EADDRNOTAVAIL"}, (TENTATIVE,))
    assert host.waits == [3.0, 1.0]


@pytest.mark.parametrize(("address", "looks"), [("192.0.2.77", 1), ("2001:db8::77", 0)])
def test_nobody_looks_at_interfaces_where_none_can_be_tentative(
    address: str, looks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """IPv4 has no such thing, and what can be bound is not."""
    host = Host(monkeypatch, looks)
    with_answers(HostFacts(), [BindAsk("tcp", Address(address))])
    assert host.looks == looks


def test_a_connection_is_in_the_way_of_its_own_port_over_tcp_alone() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
        server.accept()[0],
    ):
        port = client.getsockname()[1]
        wanted = SocketSpec("web", "web", 4, Address("127.0.0.1"), port, None)
        # Others on this machine may have the number for connections to elsewhere.
        (holder,) = [each for each in connections_in_the_way(wanted) if each.pid == os.getpid()]
        assert str(holder).startswith(f"127.0.0.1:{port} to 127.0.0.1:{server.getsockname()[1]} (")
        assert not holder.lingers
        assert connections_in_the_way(SocketSpec("web", "web", 4, Address("127.0.0.2"), port, None)) == []
        assert connections_in_the_way(SocketSpec("web", "web", 4, Address("127.0.0.1"), port, None, proto="udp")) == []


class OldKernel(socket.socket):
    """One before Linux 5.1, which does not tell what a socket is bound to."""

    number = errno.ENOPROTOOPT

    def getsockopt(self, *_: object) -> int:  # type: ignore[override]
        raise OSError(self.number, "no such option")


ON_LO = SocketSpec("web", "web", 4, Address("127.0.0.1"), 80, None, interface="lo")


def test_a_kernel_that_does_not_tell_is_believed_to_hear() -> None:
    with OldKernel() as sock:
        assert hearing(sock, ON_LO) is Hearing.HEARS
        sock.number = errno.EBADF
        with pytest.raises(OSError, match="no such option"):
            hearing(sock, ON_LO)


def test_a_socket_hears_on_the_interface_that_it_is_bound_to() -> None:
    with socket.socket() as unbound, socket.socket() as closed:
        closed.close()
        assert hearing(unbound, ON_LO) is Hearing.ANEW
        assert hearing(closed, ON_LO) is Hearing.HEARS
        elsewhere = SocketSpec("web", "web", 4, Address("127.0.0.1"), 80, None, interface="no-such0")
        assert hearing(unbound, elsewhere) is Hearing.GONE
        for scope, now in ("999999", Hearing.GONE), ("1", Hearing.ANEW):
            near = SocketSpec("web", "web", 6, Address(f"fe80::1%{scope}"), 80, True)
            assert hearing(unbound, near) is now


@pytest.mark.parametrize(
    ("address", "interface", "name"),
    [("fe80::1%eth0", None, "eth0"), ("::1", None, None), ("127.0.0.1", "lo", "lo"), ("fe80::1%eth0", "lo", "lo")],
)
def test_what_a_socket_keeps_to(address: str, interface: str | None, name: str | None) -> None:
    value = Address(address)
    assert device_named(SocketSpec("w", "w", value.version, value, 80, None, interface=interface)) == name


@pytest.mark.root
def test_more_news_than_there_is_room_for_is_news(namespace: MakeNamespace) -> None:
    assert namespace().call(overwhelmed) == [True, False]


def overwhelmed() -> list[bool]:
    """Whether notices that overflow are readable, and whether they are once they are drained."""
    import select
    import socket
    import subprocess

    from dualstack.kernel.netlink import Notices

    with Notices.of_interfaces() as notices:
        notices._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        changes = "".join(f"link set lo mtu {1500 + number}\n" for number in range(200))
        subprocess.run(["ip", "-batch", "-"], input=changes, text=True, check=True)
        before = bool(select.select([notices], [], [], 20)[0])
        notices.drain()
        return [before, bool(select.select([notices], [], [], 0)[0])]
