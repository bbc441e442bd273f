"""What a caller wants to reach, as a value: checked before anything is looked up or opened."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Sequence
from enum import IntEnum
from functools import lru_cache

from dualstack.core.address.address import Address
from dualstack.core.address.endpoint import Wildcard, bracketed, parse_host, parse_port
from dualstack.core.quick_values import NamedTuple
from dualstack.errors import AddressError, TargetError
from dualstack.kernel.attempts import interface_names
from dualstack.net.names.services import service_port

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

__all__ = ["HostLike", "PortLike", "Target", "as_pair", "read_pair", "read_target"]

HostLike: TypeAlias = str | bytes | bytearray | Address | Sequence[str | Address] | None
"""A name or an address; several addresses that are one host's; nothing, or None, for this host's loopback."""

PortLike: TypeAlias = str | bytes | int

_PORT_MAX = 65535


class Target(NamedTuple):
    """A host and a port that can be dialled; a tuple because every connection makes one.

    Args:
        host: an address, unmapped and with a zone where it needs one; a name in ASCII; or several addresses.
        port: 1 to 65535.
    """

    host: Address | str | tuple[Address, ...]
    port: int

    def __str__(self) -> str:
        hosts = self.host if isinstance(self.host, tuple) else (self.host,)
        return ", ".join(f"{bracketed(host)}:{self.port}" for host in hosts)

    @property
    def hostname(self) -> str:
        """The name that a certificate has to be for."""
        host = self.host[0] if isinstance(self.host, tuple) else self.host
        # A name may end with the root's dot, and no certificate has it (RFC 6125 section 6.4, RFC 6066 section 3).
        return str(host.without_scope) if isinstance(host, Address) else host.removesuffix(".")


def read_pair(address: object) -> Target:
    """Read the `(host, port)` of `socket.create_connection`; what `getsockname` gives for IPv6 too.

    Raises:
        TargetError: it is none, or neither can be dialled; the message has the remedy.
    """
    if type(address) is tuple and len(address) == 2:
        return read_target(*address)
    if isinstance(address, Sequence) and not isinstance(address, str | bytes):
        if len(address) == 4 and address[3]:
            host = f"{address[0]}%{address[3]}" if "%" not in address[0] else address[0]
            return read_target(host, address[1])
        if len(address) in {2, 4}:
            return read_target(*address[:2])
    raise TargetError(address, f"an address is a pair of host and port{as_pair(address)}")


def as_pair(address: object) -> str:
    """The remedy for who wrote both in one text."""
    if not isinstance(address, str):
        return ', such as ("mail.example", 143)'
    host, colon, port = address.rpartition(":")
    if not (colon and port.isdecimal()) or (":" in host and not host.startswith("[")):
        host, port = address, "80"
    return f': write ("{host.strip("[]")}", {port})'


def read_target(host: HostLike, port: PortLike) -> Target:
    """Read what a caller wrote.

    Args:
        host: a name, be it international, or an address; `[::1]` too; or a sequence of addresses.
        port: a number, or a service's name.

    Raises:
        TargetError: neither can be dialled; the message has the remedy.
    """
    try:
        return _read(host, port)
    except AddressError as error:
        raise TargetError(error.value, error.why) from None


def _read(host: HostLike, port: PortLike) -> Target:
    number = _read_port(port)
    if isinstance(host, bytearray):  # as socket takes it
        host = bytes(host)
    address = _quick_address(host) if type(host) is str else None
    if address is not None:
        return Target(address, number)
    if host is None or (isinstance(host, str | bytes) and not host):
        return Target(_THIS_HOST, number)
    if isinstance(host, str | bytes | Address):
        return Target(_read_host(host), number)
    if not isinstance(host, Iterable):
        raise AddressError(host, "a host is a name or an address, or several addresses")
    return Target(tuple(map(_read_address, host)), number)


# As getaddrinfo(3) has it for no host: both loopbacks, which nobody has to be asked for.
_THIS_HOST = "localhost"


def _read_address(text: str | Address) -> Address:
    if not isinstance(text, str | Address):
        raise AddressError(text, "of several hosts each is an address, as a text or an Address")
    read = (_quick_address(text) if isinstance(text, str) else None) or _read_host(text)
    if isinstance(read, Address):
        return read
    raise AddressError(read, "of several hosts each is an address: a name stands alone")


@lru_cache(maxsize=512)
def _quick_address(host: str) -> Address | None:
    """An address that needs no closer look; None says nothing."""
    if not (host[-1:].isdigit() or ":" in host) or "%" in host or "[" in host:
        return None
    try:
        address = Address(host)
    except AddressError:
        return None
    # What begins with fe or ff may need a zone; what begins with ::ffff: is IPv4.
    return address if address.version == 4 or (address.value >> 121 != _ALL_ONES and not address.is_mapped) else None


_ALL_ONES = 0x7F


def _read_host(host: str | bytes | Address) -> Address | str:
    if isinstance(host, bytes):
        host = host.decode("latin-1")
    read = host if isinstance(host, Address) else _parsed(host)
    if isinstance(read, str):
        return read
    address = read.canonical
    if address.kame_scope is not None:
        plain = Address.from_kame(address)
        raise AddressError(str(address), f"it has a scope inside (inet6(4)): if {plain} is meant, write that")
    if address.needs_scope and address.scope is None:
        names = " or ".join(f"{address}%{name}" for name in interface_names()) or f"{address}%INTERFACE"
        raise AddressError(str(address), f"it says nothing without its interface: write {names}")
    if address.scope is not None:
        _check_scope(address, address.scope)
    return address


@lru_cache(maxsize=512)
def _parsed(host: str) -> Address | str:
    if not host.isascii():
        from dualstack.core.address.idna import ascii_name  # its tables are read where somebody writes such a name

        host = ascii_name(host)
    read = parse_host(host, of_a_target=True)
    if isinstance(read, Wildcard):
        raise AddressError(host, "a target is one host, not all of them: write a name or an address")
    return read


def _check_scope(address: Address, scope: str) -> None:
    try:
        if scope.isdecimal():
            socket.if_indextoname(int(scope))
        else:
            socket.if_nametoindex(scope)
    except OSError:
        there = ", ".join(interface_names()) or "none but the loopback"
        raise AddressError(str(address), f"there is no interface {scope} here; there are: {there}") from None


def _read_port(port: PortLike) -> int:
    if isinstance(port, IntEnum):
        port = int(port)
    if type(port) is int:
        if 0 < port <= _PORT_MAX:
            return port
        raise AddressError(port, f"a port to connect to is 1 to {_PORT_MAX}")
    if isinstance(port, bytes):
        port = port.decode("latin-1")
    if not isinstance(port, str):
        raise AddressError(port, "a port is a number or a service's name")
    number = parse_port(port, service=service_port)
    if number == 0:
        raise AddressError(port, f"a port to connect to is 1 to {_PORT_MAX}")
    return number
