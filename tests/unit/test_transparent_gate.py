"""`gateway.transparent`: streams, flows, echoes and names, with the network and the connector in the test's hands."""

import asyncio
import errno
import socket
import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

import dns.message
import pytest

from dualstack.core.access.access_list import AccessList
from dualstack.core.address.address import Address
from dualstack.core.dial.order import Candidate
from dualstack.errors import AttemptFailed, DialError, LookupFailed
from dualstack.gateway.transparent.dns import DnsFront
from dualstack.gateway.transparent.errors import answer_to, errno_of
from dualstack.gateway.transparent.flows import TransparentFlows
from dualstack.gateway.transparent.gate import TransparentGate
from dualstack.gateway.transparent.names import Names
from dualstack.gateway.transparent.outside import Outside
from dualstack.net.dial.dialer import Dialer
from dualstack.wire.packet import ICMP, ICMPV6, TCP, UDP, Packet, read

if TYPE_CHECKING:
    from concurrent.futures import Future

    from dualstack.gateway.relay.stream.data_plane import DataPlane

CLIENT = {4: Address("192.0.2.1"), 6: Address("2001:db8::1")}
SERVER = {4: Address("198.51.100.7"), 6: Address("2001:db8:9::7")}


class MovableLoop(asyncio.SelectorEventLoop):
    """A loop whose clock runs ahead as far as it is told to."""

    ahead_s = 0.0

    def time(self) -> float:
        return super().time() + self.ahead_s


class World:
    """The network where clients are, the connector, the plane, and the log."""

    is_loopback = False

    def __init__(self) -> None:
        self.sent: list[Packet] = []
        self.dialled: list[tuple[Address, int]] = []
        self.dials: list[asyncio.Future[socket.SocketType]] = []
        self.relayed: list[tuple[socket.SocketType, socket.SocketType]] = []
        self.asking: list[socket.SocketType] = []
        self.said: list[str] = []
        self.found: Candidate | Exception = LookupFailed("nobody", "nobody says")

    def send(self, packet: bytes, to: Address) -> None:
        found = read(packet)
        assert found is not None
        assert found.destination == to
        self.sent.append(found)

    def open_flow(self, asked: object, client: object) -> "Future[socket.SocketType]":
        raise AssertionError((asked, client))

    async def connect(self, asked: Address, port: int, *, by_loopback: bool) -> socket.SocketType:
        assert not by_loopback
        self.dialled.append((asked, port))
        self.dials.append(asyncio.get_running_loop().create_future())
        return await self.dials[-1]

    async def destination(self, asked: Address, port: int, *, by_loopback: bool) -> Candidate:
        assert not by_loopback
        self.dialled.append((asked, port))
        if isinstance(self.found, Exception):
            raise self.found
        return self.found

    def relay(self, client: socket.SocketType, server: socket.SocketType, *_: object, **__: object) -> None:
        self.relayed.append((client, server))

    def say(self, kind: str, text: str) -> None:
        self.said.append(f"{kind}: {text}")

    def gate(self, **options: int) -> TransparentGate:
        return TransparentGate(
            self, cast("Outside", self), cast("DataPlane", self), self.asking.append, self.say, **options
        )


@pytest.fixture
def loop() -> Iterator[MovableLoop]:
    made = MovableLoop()
    yield made
    made.close()


def syn(version: int = 4, port: int = 40000, to: int = 80) -> Packet:
    content = struct.pack("!HHIIBBHHH", port, to, 1, 0, 0x50, 0x02, 64240, 0, 0)
    return Packet(CLIENT[version], SERVER[version], TCP, content, (port, to))


async def settled() -> None:
    for _ in range(4):
        await asyncio.sleep(0)


class Accepted:
    """A client as the listener accepts it."""

    def __init__(self, packet: Packet) -> None:
        self.peer = (f"::ffff:{packet.source}", packet.ports[0], 0, 0)
        self._own = (f"::ffff:{packet.destination}", packet.ports[1], 0, 0)
        self.is_closed = False

    def getsockname(self) -> object:
        return self._own

    def close(self) -> None:
        self.is_closed = True

    def into(self, gate: TransparentGate) -> None:
        assert gate.admit(cast("socket.SocketType", self), cast("tuple[str, int]", self.peer)) is None


def test_a_client_is_accepted_after_its_server_has_been_reached_and_not_before(loop: MovableLoop) -> None:
    async def story() -> None:
        world = World()
        gate, here = world.gate(), socket.socketpair()
        gate.first(syn())
        gate.first(syn())
        await settled()
        assert world.dialled == [(SERVER[4], 80)], "a SYN that comes again is no news"
        assert world.sent == []
        world.dials[0].set_result(here[0])
        await settled()
        assert [(packet.source, packet.content[13]) for packet in world.sent] == [(CLIENT[4], 0x02)]
        client = Accepted(syn())
        client.into(gate)
        assert world.relayed == [(cast("socket.SocketType", client), here[0])]
        assert len(gate) == 0
        for each in here:
            each.close()

    loop.run_until_complete(story())


def test_a_refusal_outside_is_one_inside_and_a_timeout_is_silence(loop: MovableLoop) -> None:
    async def story() -> None:
        world = World()
        gate = world.gate()
        for port, error in ((1, OSError(errno.ECONNREFUSED, "")), (2, OSError(errno.ETIMEDOUT, ""))):
            gate.first(syn(port=port))
            await settled()
            world.dials[-1].set_exception(error)
            await settled()
        assert [(packet.protocol, packet.content[13]) for packet in world.sent] == [(TCP, 0x14)]
        assert len(gate) == 0

    loop.run_until_complete(story())


def test_who_does_not_ask_again_has_left_and_is_dialled_no_more(loop: MovableLoop) -> None:
    async def story() -> None:
        world = World()
        gate = world.gate()
        gate.first(syn())
        await settled()
        loop.ahead_s += 1.0
        gate.first(syn())  # a second after the first: the next one is due two seconds later
        loop.ahead_s += 3.5
        await settled()
        assert not world.dials[0].cancelled()
        loop.ahead_s += 1.0
        await settled()
        assert world.dials[0].cancelled()
        assert len(gate) == 0

    loop.run_until_complete(story())


def test_a_client_that_never_comes_for_its_server_costs_one_socket_for_ten_seconds(loop: MovableLoop) -> None:
    async def story() -> None:
        world = World()
        gate, here = world.gate(), socket.socketpair()
        gate.first(syn())
        await settled()
        world.dials[0].set_result(here[0])
        await settled()
        loop.ahead_s += 10.1
        await settled()
        assert here[0].fileno() == -1
        assert len(gate) == 0
        here[1].close()

    loop.run_until_complete(story())


def test_a_flood_is_bounded_and_said_and_a_stranger_is_closed(loop: MovableLoop) -> None:
    async def story() -> None:
        world = World()
        gate = world.gate(pending=2)
        for port in range(10):
            gate.first(syn(port=port + 1))
        await settled()
        assert len(world.dialled) == 2
        assert world.said[0] == "pending: 2 connections are being made: more wait until one is"
        stranger = Accepted(syn(port=99))
        stranger.into(gate)
        assert stranger.is_closed
        gate.close()
        await settled()
        assert all(dial.cancelled() for dial in world.dials)

    loop.run_until_complete(story())


def test_port_53_is_ours_whatever_address_it_is_of(loop: MovableLoop) -> None:
    async def story() -> None:
        world = World()
        gate = world.gate()
        gate.first(syn(to=53))
        assert world.dialled == []
        client = Accepted(syn(to=53))
        client.into(gate)
        assert world.asking == [cast("socket.SocketType", client)]

    loop.run_until_complete(story())


# What Linux reads: net/ipv4/icmp.c (icmp_err_convert), net/ipv6/icmp.c (tab_unreach).
READ = {
    (4, 3, 0): errno.ENETUNREACH,
    (4, 3, 1): errno.EHOSTUNREACH,
    (4, 3, 2): errno.ENOPROTOOPT,
    (4, 3, 3): errno.ECONNREFUSED,
    (4, 3, 7): errno.EHOSTDOWN,
    (4, 3, 13): errno.EHOSTUNREACH,
    (6, 1, 0): errno.ENETUNREACH,
    (6, 1, 1): errno.EACCES,
    (6, 1, 3): errno.EHOSTUNREACH,
    (6, 1, 4): errno.ECONNREFUSED,
}


@pytest.mark.parametrize(
    ("version", "number", "expected"),
    [
        (4, errno.ENETUNREACH, errno.ENETUNREACH),
        (4, errno.EHOSTUNREACH, errno.EHOSTUNREACH),
        (4, errno.ENOPROTOOPT, errno.ENOPROTOOPT),
        (4, errno.ECONNREFUSED, errno.ECONNREFUSED),
        (4, errno.EHOSTDOWN, errno.EHOSTDOWN),
        (4, errno.EACCES, errno.EHOSTUNREACH),
        (6, errno.ENETUNREACH, errno.ENETUNREACH),
        (6, errno.EACCES, errno.EACCES),
        (6, errno.EPERM, errno.EACCES),
        (6, errno.EHOSTUNREACH, errno.EHOSTUNREACH),
        (6, errno.ECONNREFUSED, errno.ECONNREFUSED),
        (6, errno.ENOTCONN, errno.EHOSTUNREACH),
    ],
)
def test_an_errno_comes_back_as_linux_reads_it(version: int, number: int, expected: int) -> None:
    asked = Packet(CLIENT[version], SERVER[version], UDP, bytes(8))
    content = answer_to(asked, number)
    assert content is not None
    answer = read(content)
    assert answer is not None
    assert answer.protocol == {4: ICMP, 6: ICMPV6}[version]
    assert READ[version, answer.content[0], answer.content[1]] == expected


def test_where_addresses_disagree_the_one_that_was_asked_counts() -> None:
    attempts = tuple(
        (address, AttemptFailed(address, number, ""))
        for address, number in (("2001:db8::1", errno.EACCES), ("192.0.2.1", errno.ECONNREFUSED))
    )
    error = DialError("both", attempts=attempts)
    assert errno_of(error, Address("2001:db8::1")) == errno.EACCES
    assert errno_of(error, Address("198.18.1.0")) == errno.ECONNREFUSED
    assert errno_of(LookupFailed("gone", "no such name"), CLIENT[4]) == errno.EHOSTUNREACH


def test_a_datagram_that_leads_nowhere_is_answered_by_an_error_and_forgotten(loop: MovableLoop) -> None:
    async def story() -> None:
        world = World()
        flows = TransparentFlows(world, cast("Outside", world), world.say)
        content = struct.pack("!HHHH", 5000, 7, 9, 0) + b"?"
        flows.first(Packet(CLIENT[6], SERVER[6], UDP, content, (5000, 7)))
        flows.first(Packet(CLIENT[6], Address("ff02::1"), UDP, content, (5000, 7)))
        await settled()
        assert world.dialled == [(SERVER[6], 7)], "and a group is asked by nobody"
        assert [(packet.protocol, packet.content[:2]) for packet in world.sent] == [(ICMPV6, b"\1\3")]
        assert len(flows) == 0
        flows.close()

    loop.run_until_complete(story())


@pytest.mark.parametrize(
    ("asked", "by_loopback", "may"),
    [
        ("192.0.2.1", False, True),
        ("127.0.0.1", False, False),
        ("127.0.0.1", True, True),
        ("::1", False, False),
        ("::ffff:127.0.0.1", False, False),
        ("64:ff9b::127.0.0.1", False, False),
        ("0.0.0.0", False, False),
        ("198.18.0.9", False, False),
        ("198.18.0.9", True, False),
        ("fd64:7561:6c73:7461::5", True, False),
        ("203.0.113.5", False, False),
    ],
)
def test_every_address_is_judged_as_it_is_about_to_be_dialled(asked: str, by_loopback: bool, may: bool) -> None:  # noqa: FBT001
    rules = AccessList(["deny 203.0.113.0/24", "allow any"])
    outside = Outside(Names(), Dialer(access=rules, history=None))
    access = outside._dialers[by_loopback].outlet.access
    assert access is not None
    assert (access.check(Address(asked).canonical).verdict.value == "allow") is may


def front(names: Names, zone: dict[str, list[str]], said: list[str], passed: bytes | None = None) -> DnsFront:
    async def ask(name: str, version: int) -> tuple[Address, ...]:
        if name not in zone:
            raise LookupFailed(name, "no such name", errno=socket.EAI_NONAME)
        if zone[name] == ["silent"]:
            raise LookupFailed(name, "nobody says", timed_out=True)
        own = tuple(address for address in map(Address, zone[name]) if address.version == version)
        if not own:
            raise LookupFailed(name, "none of that family", errno=socket.EAI_NONAME)
        return own

    async def name_of(address: Address) -> str | None:
        return f"host-{address.value & 255}.example"

    async def pass_on(_question: bytes) -> bytes | None:
        return passed

    return DnsFront(
        names, ask=ask, name_of=name_of, pass_on=pass_on, say=lambda kind, text: said.append(f"{kind}: {text}")
    )


ZONE = {
    "both.example": ["192.0.2.5", "2001:db8::5"],
    "six.example": ["2001:db8::6"],
    "four.example": ["192.0.2.4"],
    "liar.example": ["198.18.0.7", "192.0.2.9"],
    "silent.example": ["silent"],
    "ipv4only.arpa": ["192.0.0.170"],
}


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("both.example", "A", ["192.0.2.5"]),
        ("both.example", "AAAA", ["2001:db8::5"]),
        ("six.example", "AAAA", ["2001:db8::6"]),
        ("six.example", "A", ["198.18.1.0"]),
        ("FOUR.example", "AAAA", ["fd64:7561:6c73:7461::100"]),
        ("liar.example", "A", ["192.0.2.9"]),
        ("ipv4only.arpa", "AAAA", []),
        ("both.example", "HTTPS", []),
        ("localhost", "AAAA", ["::1"]),
        ("nobody.example", "A", "NXDOMAIN"),
        ("silent.example", "A", "SERVFAIL"),
        ("both.example", "MX", "SERVFAIL"),
        ("4.2.0.192.in-addr.arpa", "PTR", ["host-4.example."]),
    ],
)
def test_a_question_is_answered_by_what_this_hosts_resolver_says(
    loop: MovableLoop, name: str, kind: str, expected: list[str] | str
) -> None:
    said: list[str] = []
    asked = dns.message.make_query(name, kind)
    content = loop.run_until_complete(front(Names(), ZONE, said).answer(asked.to_wire()))
    assert content is not None
    reply = dns.message.from_wire(content)
    assert asked.is_response(reply)
    found = [str(record) for answer in reply.answer for record in answer]
    assert (found or (reply.rcode().name if reply.rcode() else [])) == expected
    assert bool(said) is (name == "liar.example"), said


def test_what_is_told_leads_back(loop: MovableLoop) -> None:
    names, said = Names(), list[str]()
    answering = front(names, ZONE, said)

    def asked(name: str, kind: str) -> list[str]:
        content = loop.run_until_complete(answering.answer(dns.message.make_query(name, kind).to_wire()))
        assert content is not None
        return [str(record) for answer in dns.message.from_wire(content).answer for record in answer]

    (stand_in,) = asked("six.example", "A")
    assert asked(f"{'.'.join(reversed(stand_in.split('.')))}.in-addr.arpa", "PTR") == ["six.example."]
    asked("both.example", "A")
    meaning = names.meaning(Address("192.0.2.5"), 0.0)
    assert meaning is not None
    assert meaning.addresses == (Address("192.0.2.5"), Address("2001:db8::5"))
