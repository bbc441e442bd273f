"""A whole socket address: IP address, port, flow information and scope id, as the kernel's bytes and Python's tuples.

inet6(4) shows the fields of struct sockaddr_in6; its bytes differ by system (`Layout`). A scope is never lost: a
numeric one is both in the address and in `scope_id`; a name becomes a number by the function that the caller gives
(`socket.if_nametoindex`), for interfaces are the kernel's and this module asks nobody.
"""

import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Literal, TypeAlias

from dualstack.core.address.address import Address, SocketTuple
from dualstack.errors import AddressError

__all__ = ["Layout", "ScopeId", "SockAddr", "SocketAddress"]

ScopeId: TypeAlias = Callable[[str], int]
SockAddr: TypeAlias = tuple[str, int] | tuple[str, int, int, int] | str
"""A socket address in the words of the `socket` module; text is the path of a Unix socket."""
ByteOrder: TypeAlias = Literal["little", "big"]

_UINT32_MAX = 0xFFFFFFFF
_AF_INET = 2  # on every system
_FLOW_LABEL = 0xFFFFF  # the low 20 bits of the flow information (RFC 3493 section 3.3, RFC 8200 section 3)
_SIZES = {4: 16, 6: 28}
_PADDING = bytes(8)  # sin_zero


class Layout(Enum):
    """How a system lays a socket address out: whether a length byte comes first, and its number of AF_INET6.

    4.3BSD Reno put the length before a family of one byte; the others keep two bytes of family, in the machine's order.
    """

    LINUX = ("linux", False, 10)  # include/linux/socket.h
    ILLUMOS = ("illumos", False, 26)  # sys/socket.h
    WINDOWS = ("windows", False, 23)  # ws2def.h
    NETBSD = ("netbsd", True, 24)  # sys/socket.h, as OpenBSD
    OPENBSD = ("openbsd", True, 24)
    FREEBSD = ("freebsd", True, 28)  # sys/socket.h
    MACOS = ("macos", True, 30)  # bsd/sys/socket.h
    BSD = NETBSD  # the system of inet6(4)

    def __init__(self, system: str, has_length: bool, af_inet6: int) -> None:  # noqa: FBT001 - a row of the table
        self.system = system
        self.has_length = has_length
        self.af_inet6 = af_inet6

    def family_of(self, version: int) -> int:
        """The system's number of AF_INET or AF_INET6."""
        return _AF_INET if version == 4 else self.af_inet6


@dataclass(frozen=True, slots=True, order=True)
class SocketAddress:
    """An address, a port, and what IPv6 has besides.

    Args:
        address: the address, with its scope.
        port: 0 to 65535.
        flowinfo: traffic class and flow label, as a number of 32 bits in the machine's order.
        scope_id: the number of the zone; taken from the address where its scope is a number, and put there where it
            has none. 0 beside a named scope means that the number is not known yet.

    Raises:
        AddressError: a number is out of range, two scopes differ, or IPv4 has a flow or a scope.

    >>> SocketAddress(Address("fe80::1%2"), 80).to_tuple()
    ('fe80::1', 80, 0, 2)
    >>> SocketAddress.unpack(SocketAddress(Address("::1"), 80).pack(Layout.BSD), Layout.BSD)
    SocketAddress(address=Address('::1'), port=80, flowinfo=0, scope_id=0)
    """

    address: Address
    port: int
    flowinfo: int = 0
    scope_id: int = 0

    def __post_init__(self) -> None:
        for name, value, highest in (
            ("port", self.port, 65535),
            ("flowinfo", self.flowinfo, _UINT32_MAX),
            ("scope_id", self.scope_id, _UINT32_MAX),
        ):
            if not 0 <= value <= highest:
                raise AddressError(value, f"{name} is 0 to {highest}")
        if self.address.version == 4 and (self.flowinfo or self.scope_id):
            raise AddressError(str(self.address), "IPv4 has neither flow information nor a scope")
        self._join_scopes()

    def _join_scopes(self) -> None:
        scope = self.address.scope
        if scope is None and self.scope_id:
            object.__setattr__(self, "address", Address(self.address, str(self.scope_id)))
        elif scope is not None and scope.isdecimal():
            if self.scope_id not in {0, int(scope)}:
                raise AddressError(str(self.address), f"scope id {self.scope_id} beside it: the two must be the same")
            object.__setattr__(self, "scope_id", int(scope))

    @classmethod
    def from_tuple(cls, sockaddr: SocketTuple) -> "SocketAddress":
        """From what Python's `accept`, `recvfrom`, `getsockname` and `getaddrinfo` give.

        >>> SocketAddress.from_tuple(("fe80::1%eth0", 80, 0, 2)).address
        Address('fe80::1%eth0')
        """
        address = Address(sockaddr)
        return cls(address, sockaddr[1], *sockaddr[2:])

    def to_tuple(self, scope_id_of: ScopeId | None = None) -> SocketTuple:
        """What Python's `bind`, `connect` and `sendto` take; the host is numeric and without zone.

        Args:
            scope_id_of: turns the name of an interface into its number, where the number is not known.

        Raises:
            AddressError: the scope is a name that nobody turns into a number.
        """
        if self.address.version == 4:
            return str(self.address), self.port
        resolved = self.with_scope_id(scope_id_of)
        return str(self.address.without_scope), self.port, self.flowinfo, resolved.scope_id

    @classmethod
    def unpack(
        cls, packed: bytes, layout: Layout = Layout.LINUX, *, byteorder: ByteOrder = sys.byteorder
    ) -> "SocketAddress":
        """From the bytes of struct sockaddr_in or sockaddr_in6.

        Args:
            packed: 16 or 28 bytes.
            layout: the system that wrote them.
            byteorder: its machine's; the port, the flow information and the address are in network order always.

        Raises:
            AddressError: too short or too long, a wrong length byte, or another family.
        """
        version = _version_of(packed, layout, byteorder)
        (port,) = struct.unpack_from("!H", packed, 2)
        if version == 4:
            return cls(Address(packed[4:8]), port)
        (flowinfo,) = struct.unpack_from("!I", packed, 4)
        return cls(Address(packed[8:24]), port, flowinfo, int.from_bytes(packed[24:28], byteorder))

    def pack(
        self,
        layout: Layout = Layout.LINUX,
        scope_id_of: ScopeId | None = None,
        *,
        byteorder: ByteOrder = sys.byteorder,
    ) -> bytes:
        """The bytes of struct sockaddr_in (16) or sockaddr_in6 (28) on that system.

        Raises:
            AddressError: the scope is a name that nobody turns into a number.
        """
        version = self.address.version
        head = _head(layout, version, byteorder) + struct.pack("!H", self.port)
        if version == 4:
            return head + self.address.packed + _PADDING
        scope_id = self.with_scope_id(scope_id_of).scope_id.to_bytes(4, byteorder)
        return head + struct.pack("!I", self.flowinfo) + self.address.packed + scope_id

    def with_scope_id(self, scope_id_of: ScopeId | None = None) -> "SocketAddress":
        """The same with the number of its zone known.

        Raises:
            AddressError: the scope is a name that nobody turns into a number.
        """
        scope = self.address.scope
        if scope is None or self.scope_id:
            return self
        if scope_id_of is None:
            raise AddressError(
                str(self.address), f"the number of interface {scope} is needed: give scope_id or scope_id_of"
            )
        try:
            scope_id = scope_id_of(scope)
        except OSError:
            scope_id = 0
        if not scope_id:
            raise AddressError(str(self.address), f"there is no interface {scope} here; name one that `ip link` lists")
        return replace(self, scope_id=scope_id)

    @property
    def flow_label(self) -> int:
        """The flow label, the low 20 bits of the flow information."""
        return self.flowinfo & _FLOW_LABEL

    @property
    def canonical(self) -> "SocketAddress":
        """IPv4 where the address is mapped, as a peer is to be judged and shown; any other as it is."""
        return SocketAddress(self.address.canonical, self.port) if self.address.is_mapped else self

    @property
    def as_ipv6(self) -> "SocketAddress":
        """What an AF_INET6 socket takes: the mapped form of IPv4, IPv6 as it is."""
        return replace(self, address=self.address.as_ipv6)

    def __str__(self) -> str:
        return f"{self.address}:{self.port}" if self.address.version == 4 else f"[{self.address}]:{self.port}"


def _head(layout: Layout, version: int, byteorder: ByteOrder) -> bytes:
    family = layout.family_of(version)
    return bytes((_SIZES[version], family)) if layout.has_length else family.to_bytes(2, byteorder)


def _version_of(packed: bytes, layout: Layout, byteorder: ByteOrder) -> int:
    for version, size in _SIZES.items():
        if packed[:2] == _head(layout, version, byteorder) and len(packed) == size:
            return version
    raise AddressError(packed, f"neither a sockaddr_in (16 bytes) nor a sockaddr_in6 (28) of {layout.system}")
