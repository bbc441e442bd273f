"""A socket of a host in memory: its calls are asked of the oracle, its packets written down, its steps told."""

import errno
from collections import deque
from dataclasses import dataclass, replace
from typing import Protocol

from dualstack.core.address.address import Address, AddressLike
from dualstack.core.address.well_known import LOOPBACK, UNSPECIFIED
from dualstack.core.oracle.case import Call, CallOutcome, Receiver, Sock, Step
from dualstack.core.oracle.oracle import predict
from dualstack.core.simulation.port import HostRules, PortNumber, case_on, says
from dualstack.errors import refusal

__all__ = ["ETHERTYPES", "Frame", "Peer", "Socket", "Station", "Wire"]

ETHERTYPES = {4: 0x0800, 6: 0x86DD}


@dataclass(frozen=True, slots=True)
class Frame:
    """A packet on the wire: `what` is SYN, SYN/ACK, RST, data or datagram."""

    version: int
    source: Address
    to: Address
    what: str

    @property
    def ethertype(self) -> int:
        """The type field of its Ethernet header."""
        return ETHERTYPES[self.version]


@dataclass(frozen=True, slots=True)
class Peer:
    """An address and a port, as a program sees them."""

    address: Address
    port: int


class Wire(Protocol):
    """What a socket asks of the network: to write down what passes, and who has an address."""

    frames: list[Frame]

    def note(self, host: str, text: str) -> None:
        """Write a step down."""
        ...

    def owner(self, address: Address) -> "Station | None":
        """The host that has `address`."""
        ...


class Station(HostRules, Protocol):
    """What a socket asks of its host."""

    name: str

    @property
    def network(self) -> Wire:
        """What it is on."""
        ...

    def port(self, proto: str, number: int) -> "PortNumber[Socket]":
        """The sockets of one port number."""
        ...

    def free_port(self) -> int:
        """A port number that nobody has."""
        ...

    def source(self, version: int) -> Address:
        """Its own address of a family to send from, or ENETUNREACH."""
        ...


class Socket:
    """A socket of a host in memory; the names of its calls are those of `socket.socket`.

    Nothing blocks: what would wait raises `BlockingIOError`.
    """

    def __init__(self, host: Station, proto: str, asked: Sock) -> None:
        self.host = host
        self.proto = proto
        self.asked = asked
        self.name: Peer | None = None
        self.peer: Peer | None = None
        self.wire: int | None = None
        self._listens = False
        self.waiting: deque[Socket] = deque()
        self.received: deque[tuple[bytes, Peer]] = deque()
        self.other_end: Socket | None = None

    @property
    def family(self) -> int:
        """4 or 6."""
        return self.asked.family

    def bind(self, address: AddressLike, port: int = 0) -> None:
        """Take an address and a port number, any where it is 0.

        Raises:
            OSError: as the oracle says, with the errno of the system.
            UnknownBehaviour: no source tells.
        """
        number = port or self.host.free_port()
        unbound = self.asked
        self.asked = replace(unbound, address=Address(address))
        try:
            self.host.port(self.proto, number).call("bind", self)
        except Exception:
            self.asked = unbound
            raise
        self.name = Peer(self.asked.address, number)

    def listen(self) -> None:
        """Accept connections from now on.

        Raises:
            OSError, UnknownBehaviour: as `bind`.
        """
        if self.name is None:
            self.bind(UNSPECIFIED[self.family])
        name = self.bound_to()
        self.host.port(self.proto, name.port).call("listen", self)
        self._listens = True
        self.host.network.note(
            self.host.name, f"creates an IPv{self.family} listening socket bound to {name.address}, port {name.port}"
        )

    def accept(self) -> "tuple[Socket, Peer]":
        """The next connection, and its peer as this socket's family shows it.

        Raises:
            BlockingIOError: there is none.
        """
        if not self.waiting:
            raise BlockingIOError(errno.EAGAIN, "nobody waits to be accepted")
        connection = self.waiting.popleft()
        peer = connection.connected_to()
        mapped = f", mapped, because the socket is IPv{self.family}" if peer.address.is_mapped else ""
        self.host.network.note(
            self.host.name,
            f"answers with an IPv{connection.wire} SYN/ACK; accept returns {peer.address}{mapped}",
        )
        return connection, peer

    def connect(self, address: AddressLike, port: int) -> None:
        """Connect to a host of the network; for UDP, send there from now on.

        Raises:
            OSError, UnknownBehaviour: as the oracle says, or ECONNREFUSED.
        """
        to = Address(address)
        wire, source, target = self._route("connect", to)
        if self.proto == "udp":
            self.peer, self.wire = Peer(to, port), wire
            return
        network = self.host.network
        network.frames.append(Frame(wire, source, target, "SYN"))
        detected = ": the kernel detects the mapped address" if to.is_mapped else ""
        network.note(
            self.host.name, f"calls connect with {to}{detected}, and an IPv{wire} SYN leaves (0x{ETHERTYPES[wire]:04x})"
        )
        receiver = self._at(target, port).receiver(target, source)
        network.frames.append(Frame(wire, target, source, "RST" if receiver is None else "SYN/ACK"))
        if receiver is None:
            raise refusal("ECONNREFUSED", f"nobody listens at {target}, port {port}")
        self._establish(receiver, Peer(to, port), source, wire)

    def send(self, sent: bytes) -> None:
        """Send to the peer of a connection.

        Raises:
            OSError: ENOTCONN, there is none.
        """
        peer = self.connected_to()
        if self.proto == "udp":
            self.sendto(sent, peer.address, peer.port)
            return
        other, wire = self.other_end, self.wire
        if other is None or wire is None:
            raise refusal("ENOTCONN", "the other end has closed")
        network = self.host.network
        network.frames.append(Frame(wire, self.bound_to().address.canonical, peer.address.canonical, "data"))
        network.note(self.host.name, f"sends to {peer.address}, and the stack makes an IPv{wire} datagram of it")
        other.received.append((sent, other.connected_to()))

    def recv(self) -> bytes:
        """What came next; as `recvfrom`."""
        return self.recvfrom()[0]

    def sendto(self, sent: bytes, address: AddressLike, port: int) -> None:
        """Send a datagram; where nobody receives it, nothing happens.

        Raises:
            OSError, UnknownBehaviour: as the oracle says.
        """
        to = Address(address)
        if self._is_lost(to):
            self.host.network.note(self.host.name, f"sends to {to}, is told that it went, and nothing leaves")
            return
        wire, source, target = self._route("sendto", to)
        if self.name is None:
            self.bind(UNSPECIFIED[self.family])
        network = self.host.network
        network.frames.append(Frame(wire, source, target, "datagram"))
        network.note(self.host.name, f"sends to {to}, and an IPv{wire} datagram leaves (0x{ETHERTYPES[wire]:04x})")
        receiver = self._at(target, port).receiver(target, source)
        if receiver is not None:
            sock, seen = receiver
            sock.received.append((sent, Peer(seen.peer or source, self.bound_to().port)))

    def recvfrom(self) -> tuple[bytes, Peer]:
        """What came next, and from whom as this socket's family shows it.

        Raises:
            BlockingIOError: nothing has come.
        """
        if not self.received:
            raise BlockingIOError(errno.EAGAIN, "nothing has come")
        received, peer = self.received.popleft()
        if self.proto == "udp":
            self.host.network.note(self.host.name, f"recvfrom returns {peer.address}")
        return received, peer

    def peer_is_mapped(self) -> bool:
        """Whether the client speaks IPv4 in IPv6 clothes: IN6_IS_ADDR_V4MAPPED tells, and nothing else does."""
        mapped = self.connected_to().address.is_mapped
        says = "IPv4" if mapped else f"IPv{self.connected_to().address.version}"
        self.host.network.note(self.host.name, f"IN6_IS_ADDR_V4MAPPED says that the client is {says}")
        return mapped

    def close(self) -> None:
        """Leave the port number to others."""
        if self.name is not None and self.other_end is None:
            self.host.port(self.proto, self.name.port).leave(self)
        if self.other_end is not None:
            self.other_end.other_end = None
        self.name = None
        self.other_end = None

    def _route(self, op: str, to: Address) -> tuple[int, Address, Address]:
        """The version of IP, the source and the destination of what leaves."""
        if self.other_end is not None:
            raise refusal("EISCONN", "the socket is connected")
        outcome = self._answer(op, to)
        if outcome.wire is None:
            raise says(self.host, outcome.errno, f"{op} to {to}: {outcome.why}")
        wire = outcome.wire
        target = LOOPBACK[wire] if to.canonical.is_unspecified else to.canonical
        mine = self.asked.address.canonical
        own = target if target.is_loopback else self.host.source(wire)
        if not mine.is_unspecified:
            # Bound to the other family, FreeBSD takes the last 32 bits for the address: sys/netinet6/udp6_usrreq.c.
            own = mine if mine.version == wire else Address.from_int(mine.value & 0xFFFFFFFF, wire)
        return wire, own, target

    def _is_lost(self, to: Address) -> bool:
        """Whether a datagram to it is taken and thrown away."""
        outcome = self._answer("sendto", to)
        return outcome.errno is None and outcome.wire is None

    def _answer(self, op: str, to: Address) -> CallOutcome:
        done = {"bind": self.name is not None, "listen": self._listens}
        steps = (Step(what, 0) for what, is_done in done.items() if is_done)
        call = Call(0, op, to.version, to)
        return predict(case_on(self.host, self.proto, (self.asked,), steps, calls=(call,))).calls[0]

    def _at(self, target: Address, port: int) -> PortNumber["Socket"]:
        host = self.host if target.is_loopback else self.host.network.owner(target)
        if host is None:
            raise refusal("EHOSTUNREACH", f"no host has {target}")
        return host.port(self.proto, port)

    def _establish(self, receiver: "tuple[Socket, Receiver]", to: Peer, source: Address, wire: int) -> None:
        listener, seen = receiver
        port = self.host.free_port()
        mine = source.as_ipv6 if self.family == 6 else source
        accepted = Socket(listener.host, "tcp", listener.asked)
        accepted.name, accepted.peer = Peer(seen.local, to.port), Peer(seen.peer or source, port)
        self.name, self.peer = Peer(mine, port), to
        self.wire = accepted.wire = wire
        self.other_end, accepted.other_end = accepted, self
        listener.waiting.append(accepted)

    def bound_to(self) -> Peer:
        """Its own address and port.

        Raises:
            OSError: EINVAL, it has none.
        """
        if self.name is None:
            raise refusal("EINVAL", "the socket is not bound")
        return self.name

    def connected_to(self) -> Peer:
        """The address and port at the other end.

        Raises:
            OSError: ENOTCONN, there is none.
        """
        if self.peer is None:
            raise refusal("ENOTCONN", "the socket is not connected")
        return self.peer
