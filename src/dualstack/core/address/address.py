"""An IP address as a value: what it is, its scope, its one canonical text.

Text is read as `inet_pton` reads it and no wider: what `inet_aton` and resolvers take besides (octal, hexadecimal and
short forms, blanks, other scripts' digits) is refused, because that is how lists of addresses are walked around. A
mapped address is IPv6 as given; it becomes IPv4 where `canonical` is asked for, and nowhere else. The scope lives
inside the address, is compared with it, and keeps the form it was written in. Never looks an interface up.

Speed shaped `Address.__init__`: slots filled through their descriptors around `inet_pton` parse several times as many
texts a second as `ipaddress`, which reads them in Python (`tests/unit/test_address.py` holds the ratio).
"""

from __future__ import annotations

from functools import total_ordering
from socket import AF_INET, AF_INET6, AddressFamily, inet_ntop, inet_pton
from types import MappingProxyType

from dualstack.errors import AddressError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from ipaddress import IPv4Address, IPv6Address
    from typing import NoReturn, TypeAlias

__all__ = [
    "BITS",
    "SOCKET_FAMILIES",
    "Address",
    "AddressLike",
    "SocketTuple",
]

SocketTuple: TypeAlias = tuple[str, int] | tuple[str, int, int, int]
AddressLike: TypeAlias = "Address | str | bytes | int | IPv4Address | IPv6Address | SocketTuple"

BITS: Mapping[int, int] = MappingProxyType({4: 32, 6: 128})
SOCKET_FAMILIES: Mapping[int, AddressFamily] = MappingProxyType({4: AF_INET, 6: AF_INET6})

_MAPPED = 0xFFFF  # ::ffff:0:0/96, RFC 4291 section 2.5.5.2
_LINK_LOCAL = 0xFE80 >> 6  # fe80::/10
_SITE_LOCAL = 0xFEC0 >> 6  # fec0::/10, deprecated by RFC 3879
_SCOPE_ID_MAX = 0xFFFFFFFF

# The low nibble of a multicast address' second byte (RFC 4291 section 2.7); the flags above it do not matter.
_MC_NODELOCAL, _MC_LINKLOCAL, _MC_SITELOCAL, _MC_ORGLOCAL, _MC_GLOBAL = 0x1, 0x2, 0x5, 0x8, 0xE
_MC_FLAG_PREFIX = 0x2  # RFC 3306: the second group then holds a prefix length

# All but the separators of the grammar around it and what Linux' dev_valid_name() refuses in an interface's name.
_SCOPE_CHARACTERS = frozenset(map(chr, range(0x21, 0x7F))) - frozenset("%/:[],")

_from_bytes = int.from_bytes


@total_ordering
class Address:
    """An IPv4 or IPv6 address with its scope: immutable, comparable, hashable, ordered (IPv4 first).

    Args:
        x: text, 4 or 16 bytes, a number (below 2**32 it is IPv4; `from_int` is explicit), an object of `ipaddress`,
            another `Address`, or a socket address `(host, port[, flowinfo, scope_id])`.
        scope: the zone, an interface's name or number, where `x` has none.

    Raises:
        AddressError: `x` is no address, or the scope cannot be one (RFC 4007 section 11).

    >>> Address("FE80:0::1%eth0")
    Address('fe80::1%eth0')
    >>> Address("::ffff:192.0.2.1") == Address("192.0.2.1"), Address("::ffff:192.0.2.1").canonical
    (False, Address('192.0.2.1'))
    """

    __slots__ = ("__weakref__", "scope", "value", "version")

    version: int
    value: int
    scope: str | None

    def __init__(self, x: AddressLike, scope: str | int | None = None) -> None:
        if type(x) is str and scope is None and "%" not in x:
            try:
                if ":" in x:
                    _set_value(self, _from_bytes(inet_pton(AF_INET6, x), "big"))
                    _set_version(self, 6)
                else:
                    _set_value(self, _from_bytes(inet_pton(AF_INET, x), "big"))
                    _set_version(self, 4)
            except (OSError, ValueError):
                raise AddressError(x, _why_no_address(x)) from None
            _set_scope(self, None)
            return
        version, value, own_scope = _read_text(x) if type(x) is str else _read(x)
        _fill(self, x, version, value, _one_scope(x, own_scope, _scope_text(x, scope)))

    @classmethod
    def from_int(cls, value: int, version: int, scope: str | None = None) -> Address:
        """The address with this number in this version of IP.

        >>> Address.from_int(1, 6), Address.from_int(1, 4)
        (Address('::1'), Address('0.0.0.1'))
        """
        if version not in BITS:
            raise AddressError(version, "the version of IP is 4 or 6")
        if type(value) is not int or value < 0 or value >> BITS[version]:
            raise AddressError(value, f"an IPv{version} address is a whole number of {BITS[version]} bits")
        address = cls.__new__(cls)
        _fill(address, value, version, value, scope)
        return address

    @classmethod
    def from_kame(cls, x: AddressLike) -> Address:
        """Take the scope that a KAME kernel wrote into the second group out of it, where there is one.

        >>> Address.from_kame("fe80:2::1")
        Address('fe80::1%2')
        """
        address = cls(x)
        embedded = address.kame_scope
        if embedded is None:
            return address
        scope = address.scope if address.scope is not None else str(embedded)
        if scope.isdecimal() and int(scope) != embedded:
            raise AddressError(
                str(address), f"scope {scope} beside the embedded scope {embedded}: one of them is wrong"
            )
        return cls.from_int(address.value & ~(0xFFFF << 96), 6, scope)

    @property
    def packed(self) -> bytes:
        """The address in network order, 4 or 16 bytes; the scope is not in it."""
        return self.value.to_bytes(BITS[self.version] // 8, "big")

    @property
    def canonical(self) -> Address:
        """The IPv4 address of a mapped one; any other as it is (RFC 4291 section 2.5.5.2)."""
        return Address.from_int(self.value & 0xFFFFFFFF, 4) if self.is_mapped else self

    @property
    def as_ipv6(self) -> Address:
        """The mapped form of an IPv4 address; IPv6 as it is (RFC 3493 section 3.7)."""
        return Address.from_int(_MAPPED << 32 | self.value, 6) if self.version == 4 else self

    @property
    def without_scope(self) -> Address:
        """The same address, no scope."""
        return self if self.scope is None else Address.from_int(self.value, self.version)

    @property
    def kame_scope(self) -> int | None:
        """The scope that seems to be embedded in the second group, as KAME's kernels do inside; None if there is none.

        A suspicion: fe80::/10 leaves these bits zero (RFC 4291 section 2.5.6), and so do multicast addresses of node
        and link scope, save those built on a prefix (RFC 3306). inet6(4), "Scoped IPv6 Address".
        """
        if not self.needs_scope or (self.is_multicast and self._multicast_flags & _MC_FLAG_PREFIX):
            return None
        return self.value >> 96 & 0xFFFF or None

    @property
    def needs_scope(self) -> bool:
        """Whether it names nothing without a scope: IPv6 unicast of link scope, multicast of node or link scope."""
        return self.version == 6 and (self.is_link_local or self.is_mc_linklocal or self.is_mc_nodelocal)

    @property
    def is_unspecified(self) -> bool:
        """0.0.0.0 or ::, as a listening address the wildcard."""
        return self.value == 0

    @property
    def is_loopback(self) -> bool:
        """127.0.0.0/8 or ::1; a mapped loopback is none before `canonical`."""
        return self.value == 1 if self.version == 6 else self.value >> 24 == 127

    @property
    def is_multicast(self) -> bool:
        """224.0.0.0/4 or ff00::/8."""
        return self.value >> 120 == 0xFF if self.version == 6 else self.value >> 28 == 0xE

    @property
    def is_link_local(self) -> bool:
        """169.254.0.0/16 (RFC 3927) or fe80::/10."""
        return self.value >> 118 == _LINK_LOCAL if self.version == 6 else self.value >> 16 == 0xA9FE

    @property
    def is_site_local(self) -> bool:
        """fec0::/10, deprecated by RFC 3879."""
        return self.version == 6 and self.value >> 118 == _SITE_LOCAL

    @property
    def is_mapped(self) -> bool:
        """::ffff:0:0/96: an IPv4 address as an AF_INET6 socket shows it."""
        return self.version == 6 and self.value >> 32 == _MAPPED

    @property
    def is_v4compat(self) -> bool:
        """::/96 but :: and ::1, deprecated by RFC 4291 section 2.5.5.1; ::2 counts."""
        return self.version == 6 and 1 < self.value < 1 << 32

    @property
    def is_mc_nodelocal(self) -> bool:
        """IPv6 multicast that stays on the interface (ff01::/16 and its like with other flags)."""
        return self._has_multicast_scope(_MC_NODELOCAL)

    @property
    def is_mc_linklocal(self) -> bool:
        """IPv6 multicast of the link (ff02::/16...)."""
        return self._has_multicast_scope(_MC_LINKLOCAL)

    @property
    def is_mc_sitelocal(self) -> bool:
        """IPv6 multicast of the site (ff05::/16...)."""
        return self._has_multicast_scope(_MC_SITELOCAL)

    @property
    def is_mc_orglocal(self) -> bool:
        """IPv6 multicast of the organisation (ff08::/16...)."""
        return self._has_multicast_scope(_MC_ORGLOCAL)

    @property
    def is_mc_global(self) -> bool:
        """IPv6 multicast without bounds (ff0e::/16...)."""
        return self._has_multicast_scope(_MC_GLOBAL)

    @property
    def _multicast_flags(self) -> int:
        return self.value >> 116 & 0xF

    def _has_multicast_scope(self, scope: int) -> bool:
        return self.version == 6 and self.value >> 120 == 0xFF and self.value >> 112 & 0xF == scope

    def __str__(self) -> str:
        text = _text(self.version, self.value)
        return text if self.scope is None else f"{text}%{self.scope}"

    def __format__(self, spec: str) -> str:
        # As `ipaddress` has it: b, n, x and X are the number, all else is the text's.
        if spec[-1:] not in {"b", "n", "x", "X"}:
            return format(str(self), spec)
        from ipaddress import ip_address  # who writes no numbers does not pay for it

        return format(ip_address(self.packed), spec)

    def __repr__(self) -> str:
        return f"Address({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        if type(other) is not Address:
            return NotImplemented
        return self.value == other.value and self.version == other.version and self.scope == other.scope

    def __lt__(self, other: object) -> bool:
        if type(other) is not Address:
            return NotImplemented
        return (self.version, self.value, self.scope or "") < (other.version, other.value, other.scope or "")

    def __hash__(self) -> int:
        return hash((self.value, self.version, self.scope))

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"an Address does not change: {name} stays what it is")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"an Address does not change: {name} stays")

    def __copy__(self) -> Address:
        return self

    def __deepcopy__(self, memo: object) -> Address:
        return self

    def __reduce__(self) -> tuple[Callable[..., Address], tuple[int, int, str | None]]:
        return Address.from_int, (self.value, self.version, self.scope)


# Immutable: nothing but these writes to an Address.
_set_version = Address.__dict__["version"].__set__
_set_value = Address.__dict__["value"].__set__
_set_scope = Address.__dict__["scope"].__set__


def _fill(address: Address, given: object, version: int, value: int, scope: str | None) -> None:
    _set_scope(address, scope if scope is None else _checked_scope(given, version, value, scope))
    _set_version(address, version)
    _set_value(address, value)


def _text(version: int, value: int) -> str:
    """RFC 5952, which asks for dotted quads in mapped addresses alone; some inet_ntop write more of them."""
    if version == 6 and value >> 32 == 0:
        high, low = value >> 16, value & 0xFFFF
        return f"::{high:x}:{low:x}" if high else f"::{low:x}" if low else "::"
    return inet_ntop(SOCKET_FAMILIES[version], value.to_bytes(BITS[version] // 8, "big"))


def _read(x: object) -> tuple[int, int, str | None]:
    """Version, number and scope of whatever an `Address` is made of."""
    for kind, read in _READERS:
        if isinstance(x, kind):
            return read(x)
    from ipaddress import IPv4Address, IPv6Address  # here, because few programs pay for it

    if isinstance(x, IPv4Address):
        return 4, int(x), None
    if isinstance(x, IPv6Address):
        return 6, int(x), x.scope_id
    raise AddressError(x, "an address is text, 4 or 16 bytes, a number, an ipaddress object or a socket address")


def _read_address(address: Address) -> tuple[int, int, str | None]:
    return address.version, address.value, address.scope


def _read_text(text: str) -> tuple[int, int, str | None]:
    address, percent, scope = text.partition("%")
    version = 6 if ":" in address else 4
    try:
        value = _from_bytes(inet_pton(SOCKET_FAMILIES[version], address), "big")
    except (OSError, ValueError):
        raise AddressError(text, _why_no_address(text)) from None
    return version, value, scope if percent else None


def _read_bytes(packed: bytes | bytearray) -> tuple[int, int, str | None]:
    version = _VERSION_BY_SIZE.get(len(packed))
    if version is None:
        raise AddressError(bytes(packed), f"an address is 4 or 16 bytes, not {len(packed)}")
    return version, _from_bytes(packed, "big"), None


def _read_int(value: int) -> tuple[int, int, str | None]:
    if value is True or value is False:
        raise AddressError(value, "a truth value is no address")
    if not 0 <= value < 1 << 128:
        raise AddressError(value, "an address is a number of at most 128 bits")
    return (4 if value < 1 << 32 else 6), value, None


def _read_socket_tuple(sockaddr: tuple[object, ...]) -> tuple[int, int, str | None]:
    """Python's (host, port) and (host, port, flowinfo, scope_id); a scope in both places must be the same."""
    if len(sockaddr) not in {2, 4} or not isinstance(sockaddr[0], str):
        raise AddressError(sockaddr, "a socket address is (host, port) or (host, port, flowinfo, scope_id)")
    version, value, scope = _read_text(sockaddr[0])
    scope_id = sockaddr[3] if len(sockaddr) == 4 else 0
    if type(scope_id) is not int or not 0 <= scope_id <= _SCOPE_ID_MAX:
        raise AddressError(sockaddr, "a scope id is a number of 32 bits")
    if scope is not None and scope.isdecimal() and scope_id:
        return version, value, _one_scope(sockaddr, scope, str(scope_id))
    return version, value, scope if scope is not None or not scope_id else str(scope_id)


_VERSION_BY_SIZE: Mapping[int, int] = MappingProxyType({4: 4, 16: 6})

_READERS: tuple[tuple[type, Callable[..., tuple[int, int, str | None]]], ...] = (
    (Address, _read_address),
    (str, _read_text),
    (bytes, _read_bytes),
    (bytearray, _read_bytes),
    (int, _read_int),
    (tuple, _read_socket_tuple),
)


def _scope_text(given: object, scope: str | int | None) -> str | None:
    if scope is None or isinstance(scope, str):
        return scope
    if type(scope) is not int or not 0 <= scope <= _SCOPE_ID_MAX:
        raise AddressError(given, "a scope id is a number of 32 bits")
    return str(scope)


def _one_scope(given: object, own: str | None, beside: str | None) -> str | None:
    if own is not None and beside is not None and own != beside:
        raise AddressError(given, f"two scopes, {own} and {beside}: give one")
    return beside if own is None else own


def _checked_scope(given: object, version: int, value: int, scope: str) -> str | None:
    """The scope to keep; None for 0, which stands for no scope in a sockaddr_in6 (RFC 3493 section 3.3)."""
    if version == 4:
        raise AddressError(given, "an IPv4 address has no zone (RFC 4007 section 11)")
    if value >> 32 == _MAPPED:
        raise AddressError(given, "a mapped address is IPv4 and has no zone: write it without %")
    if not scope:
        raise AddressError(given, "the zone after % is empty: name an interface, as in fe80::1%eth0")
    if not _SCOPE_CHARACTERS.issuperset(scope):
        raise AddressError(given, "a zone is one interface name or number, ASCII without blanks and % / : [ ] ,")
    if scope.isdecimal() and (int(scope) > _SCOPE_ID_MAX or (scope[0] == "0" and scope != "0")):
        raise AddressError(given, "a numeric zone is at most 32 bits and has no leading zero")
    return None if scope == "0" else scope


def _why_no_address(text: str) -> str:
    """The first reason that applies, with the remedy."""
    return next(why for applies, why in _REASONS if applies(text))


_REASONS: tuple[tuple[Callable[[str], bool], str], ...] = (
    (lambda t: not t, "no address: the text is empty"),
    (lambda t: "\0" in t, "no address: it has a NUL in it"),
    (lambda t: not t.isascii(), "no address: it has characters that are not ASCII"),
    (lambda t: any(c.isspace() for c in t), "no address: it has a blank in it"),
    (lambda t: "/" in t, "a prefix, not an address: leave out the part from the slash on"),
    (lambda t: "[" in t or "]" in t, "an address stands without brackets here"),
    (lambda t: t.count(":") == 1, "no address: an IPv6 address has at least two colons, an IPv4 address none"),
    (lambda t: ":" in t, "no IPv6 address: eight groups of at most four hexadecimal digits, one :: at most"),
    (lambda _: True, "no IPv4 address: four decimal numbers up to 255, no leading zero, no octal, hex or short form"),
)
