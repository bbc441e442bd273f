"""What whoever is asked for names looks like: the module `socket`, a test's own, or one that asks name servers."""

import socket
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, TypeAlias, runtime_checkable

from dualstack.core.address.address import Address, SocketTuple
from dualstack.core.address.endpoint import bracketed
from dualstack.core.dial.service_records import ServiceRecord

__all__ = ["QUICK_S", "AddressInfo", "NameServer", "Resolver", "ServiceResolver"]

AddressInfo: TypeAlias = tuple[socket.AddressFamily, socket.SocketKind, int, str, SocketTuple]


class Resolver(Protocol):
    """Whoever is asked: the module `socket`, or a test's own."""

    @property
    def getaddrinfo(self) -> Callable[..., object]:
        """As `socket.getaddrinfo`."""

    @property
    def getnameinfo(self) -> Callable[..., object]:
        """As `socket.getnameinfo`."""


# How long a loop waits for a name server itself; glibc and dnspython, which wait longer, have others to ask then.
QUICK_S = 1.0


class NameServer(NamedTuple):
    """Where a name server is.

    Args:
        address: its address.
        port: its port.
        has_edns: it has not said that it cannot read EDNS.
    """

    address: Address
    port: int
    has_edns: bool = True

    def __str__(self) -> str:
        return f"{bracketed(self.address)}:{self.port}"


@runtime_checkable
class ServiceResolver(Resolver, Protocol):
    """A resolver that asks name servers itself: it has service records too, and looks into the hosts file by itself."""

    def in_hosts_file(self, name: str) -> tuple[Address, ...]:
        """The addresses of a name that no server is asked for."""
        ...

    def server_for(self, name: str) -> NameServer | None:
        """A server that may be asked for this name as it stands; None where it takes more."""
        ...

    def records(self, name: str, kind: str) -> Sequence[ServiceRecord]:
        """The HTTPS or SVCB records of a name, be they none.

        Raises:
            socket.gaierror: no server answers.
        """
        ...
