"""Hosts in memory: the dual stack itself, on any machine, without any right, for any system of the tables.

Sockets of such hosts are bound, listen, accept, connect, send and receive as `core.oracle` rules, on a network that has
no loss, no delay and no routers. Every call is written down as a step and every packet as a frame with its ethertype,
so that what Stevens lists and draws can be watched, and a program that takes its sockets from outside can be tried.
Where several sockets share by SO_REUSEPORT, the first gets it all. What no source tells raises `UnknownBehaviour`.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from dualstack.core.address.address import Address, AddressLike
from dualstack.core.address.well_known import LOOPBACK, UNSPECIFIED
from dualstack.core.oracle.case import Sock
from dualstack.core.oracle.systems import STACKS
from dualstack.core.simulation.port import PortNumber
from dualstack.core.simulation.socket import Frame, Socket
from dualstack.errors import LookupFailed, refusal

__all__ = ["Host", "Network", "TraceStep"]

_FIRST_EPHEMERAL = 49152  # RFC 6335 section 6


@dataclass(frozen=True, slots=True)
class TraceStep:
    """What a host did, in words, with its number in the order of all hosts."""

    number: int
    host: str
    text: str

    def __str__(self) -> str:
        return f"{self.number}. {self.host}: {self.text}"


class Network:
    """A link that every host of it is on; the names of hosts have their addresses as A and AAAA records.

    >>> client, server = Host(ipv4=["192.0.2.4"]), Host(ipv4=["192.0.2.1"], ipv6=["2001:db8::1"], names=["www.example"])
    >>> network = Network(client, server)
    >>> client.getaddrinfo("www.example", 4)
    [Address('192.0.2.1')]
    """

    def __init__(self, *hosts: "Host") -> None:
        self.hosts: dict[str, Host] = {}
        self.frames: list[Frame] = []
        self.steps: list[TraceStep] = []
        for host in hosts:
            self.add(host)

    def host(
        self,
        name: str,
        *,
        os: str = "linux",
        ipv4: Iterable[AddressLike] = (),
        ipv6: Iterable[AddressLike] = (),
        names: Iterable[str] = (),
        bindv6only: bool = False,
    ) -> "Host":
        """A new host on it, called `name`; the rest is as for `Host`."""
        return self.add(Host(os=os, ipv4=ipv4, ipv6=ipv6, names=(name, *names), bindv6only=bindv6only))

    def add(self, host: "Host") -> "Host":
        """Put a host on it, under all of its names."""
        host.network = self
        for name in host.names or (host.name,):
            self.hosts[name] = host
        return host

    def note(self, host: str, text: str) -> None:
        """Write a step down."""
        self.steps.append(TraceStep(len(self.steps) + 1, host, text))

    def owner(self, address: Address) -> "Host | None":
        """The host that has `address`."""
        return next((host for host in self.hosts.values() if address in host.addresses), None)


class Host:
    """A host in memory: its stack decides what its sockets may do. It is alone until it is put on a `Network`.

    Args:
        os: a system of `core.oracle.systems`.
        ipv4: its IPv4 addresses, or none.
        ipv6: its IPv6 addresses, or none.
        names: what lookups find it by; the first is what it is called in steps.
        bindv6only: the default of IPV6_V6ONLY where that is a setting.
    """

    def __init__(
        self,
        *,
        os: str = "linux",
        ipv4: Iterable[AddressLike] = (),
        ipv6: Iterable[AddressLike] = (),
        names: Iterable[str] = (),
        bindv6only: bool = False,
    ) -> None:
        self.stack = STACKS[os]
        self.addresses = tuple(map(Address, (*ipv4, *ipv6)))
        self.names = tuple(names)
        self.name = self.names[0] if self.names else str(next(iter(self.addresses), os))
        self.bindv6only = bindv6only
        self.has_ipv6 = any(each.version == 6 for each in self.addresses)
        self.local = frozenset(self.addresses) | {LOOPBACK[each.version] for each in self.addresses}
        self.network = Network()
        self.network.add(self)
        self._ports: dict[tuple[str, int], PortNumber[Socket]] = {}
        self._next = _FIRST_EPHEMERAL

    def socket(
        self,
        family: int,
        proto: str = "tcp",
        *,
        v6only: bool | None = None,
        reuseaddr: bool = False,
        reuseport: bool = False,
        uid: int = 0,
    ) -> "Socket":
        """A new socket of family 4 or 6 for `tcp` or `udp`, with its options."""
        asked = Sock(family, UNSPECIFIED[family], v6only, reuseaddr, reuseport, uid)
        return Socket(self, proto, asked)

    def getaddrinfo(
        self, name: str, family: int = 0, *, v4mapped: bool = False, everything: bool = False
    ) -> list[Address]:
        """The addresses of a host, IPv6 first, as Figure 11.8 has them (RFC 3493 section 6.1).

        Args:
            name: a host of the network.
            family: 4, 6, or 0 for both.
            v4mapped: with 6, A records as mapped addresses where there is no AAAA (AI_V4MAPPED).
            everything: with `v4mapped`, beside the AAAA too (AI_ALL).

        Raises:
            LookupFailed: there is no such host, or none of its records will do.
        """
        owner = self.network.hosts.get(name)
        records = owner.addresses if owner else ()
        a = [each for each in records if each.version == 4]
        aaaa = [each for each in records if each.version == 6]
        mapped = [each.as_ipv6 for each in a] if v4mapped and (everything or not aaaa) else []
        found = {4: a, 6: aaaa + mapped, 0: aaaa + a}[family]
        asked = {4: "A", 6: "AAAA", 0: "A and AAAA"}[family] + (" and, mapped, A" if mapped and family == 6 else "")
        if not found:
            raise LookupFailed(name, f"no {asked} record")
        self.network.note(self.name, f"asks for {asked} records of {name} and finds {', '.join(map(str, found))}")
        return found

    def port(self, proto: str, number: int) -> PortNumber[Socket]:
        """The sockets of one port number."""
        return self._ports.setdefault((proto, number), PortNumber(self, proto))

    def free_port(self) -> int:
        """A port number that nobody has."""
        self._next = next(number for number in range(self._next, 65536) if self._is_free(number))
        self._next += 1
        return self._next - 1

    def _is_free(self, number: int) -> bool:
        return not any((proto, number) in self._ports for proto in ("tcp", "udp"))

    def source(self, version: int) -> Address:
        """Its own address of a family to send from.

        Raises:
            OSError: ENETUNREACH, it has none.
        """
        found = next((each for each in self.addresses if each.version == version), None)
        if found is None:
            raise refusal("ENETUNREACH", f"{self.name} has no IPv{version}")
        return found
