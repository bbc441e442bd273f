"""What a decision may know of a host: its system, interfaces, settings, and who listens already.

Values only: `kernel.facts` reads them of this host, a test or `--os` writes them for another.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from dualstack.core.address.address import Address

__all__ = ["BindAsk", "HostFacts", "Interface", "Listener"]


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface; its link-local addresses carry its name as their scope.

    Args:
        name: as the system calls it.
        index: its number.
        addresses: all that it has, usable or not.
        tentative: those among them that the kernel still looks for on other hosts (RFC 4862 section 5.4).
        duplicate: those among them that another host was found to have.
    """

    name: str
    index: int
    addresses: tuple[Address, ...] = ()
    tentative: tuple[Address, ...] = ()
    duplicate: tuple[Address, ...] = ()


@dataclass(frozen=True, slots=True)
class BindAsk:
    """An address as a socket would be bound to it, whatever its port number."""

    proto: str
    address: Address
    interface: str | None = None
    freebind: bool = False


@dataclass(frozen=True, slots=True)
class Listener:
    """A socket that listens (TCP) or is bound (UDP) on this host already; None is unknown.

    One with a `peer` is a connection, which holds a port number as well; `lingers` is TIME_WAIT and its like.
    """

    proto: str
    family: int
    address: Address
    port: int
    v6only: bool | None
    uid: int | None = None
    process: str | None = None
    pid: int | None = None
    peer: str = ""
    lingers: bool = False

    def __str__(self) -> str:
        host = f"[{self.address}]" if self.address.version == 6 else str(self.address)
        who = ", ".join(part for part in (self.process, f"pid {self.pid}" if self.pid else "") if part)
        to = f" to {self.peer}" if self.peer else ""
        return f"{host}:{self.port}{to}" + (f" ({who})" if who else "")


@dataclass(frozen=True, slots=True)
class HostFacts:
    """The facts of one host at one moment.

    Args:
        system: a name of `core.oracle.systems`, such as `linux`.
        ipv6: whether IPv6 counts as on: AF_INET6 sockets can be made and an interface has an IPv6 address.
        why_no_ipv6: the reason where it does not.
        bindv6only: the default of IPV6_V6ONLY (Linux: net.ipv6.bindv6only).
        interfaces: all of them, or none where they are not known.
        listeners: who listens; None where nobody could be asked.
        first_unprivileged_port: the lowest port that needs no right.
        may_bind_low: whether this process has that right.
        names: listening names that were looked up for the plan.
        answers: what the kernel said to a bind of each address alone: the errno's name, None where it was bound. What
            was not asked is worked out from the interfaces.
        own: addresses of targets that are this host's by its routes, though no interface may have them.
    """

    system: str = "linux"
    ipv6: bool = True
    why_no_ipv6: str = ""
    bindv6only: bool = False
    interfaces: tuple[Interface, ...] = ()
    listeners: tuple[Listener, ...] | None = None
    first_unprivileged_port: int = 1024
    may_bind_low: bool = True
    names: Mapping[str, tuple[Address, ...]] = field(default_factory=lambda: MappingProxyType({}))
    answers: Mapping[BindAsk, str | None] = field(default_factory=lambda: MappingProxyType({}))
    own: frozenset[Address] = frozenset()
