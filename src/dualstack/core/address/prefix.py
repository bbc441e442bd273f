"""A block of addresses that begin alike: `10.0.0.0/8`, `10.0.0.0/255.0.0.0`, `fe80::/10%eth0` written `fe80::%eth0/10`.

Strict, because a block misread is a hole in an access list: whole addresses, no bits set beyond the length, no zeros in
front of it (CVE-2021-28918, CVE-2021-29424). A mapped block is IPv6 as written and IPv4 in its `canonical`.
"""

from __future__ import annotations

from dualstack.core.address.address import BITS, Address
from dualstack.core.quick_values import dataclass
from dualstack.errors import AddressError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Prefix"]

_MAPPED_LENGTH = 96


@dataclass(frozen=True, slots=True, order=True)
class Prefix:
    """All addresses whose first `length` bits are those of `network`.

    Args:
        network: the lowest of them; a scope on it is the only one that the prefix holds for.
        length: 0 to 32 or 128.

    Raises:
        AddressError: the length does not fit, or the network has bits set beyond it.

    >>> Address("10.1.2.3") in Prefix.parse("10.0.0.0/8")
    True
    """

    network: Address
    length: int

    def __post_init__(self) -> None:
        bits = BITS[self.network.version]
        if not 0 <= self.length <= bits:
            raise AddressError(
                f"{self.network}/{self.length}", f"an IPv{self.network.version} prefix is 0 to {bits} bits"
            )
        host_bits = (1 << bits - self.length) - 1
        if self.network.value & host_bits:
            lowest = Address.from_int(self.network.value & ~host_bits, self.network.version, self.network.scope)
            raise AddressError(
                f"{self.network}/{self.length}", f"bits are set beyond the prefix: write {lowest}/{self.length}"
            )

    @classmethod
    def parse(cls, text: str) -> Prefix:
        """Read `ADDRESS`, `ADDRESS/LENGTH` or `ADDRESS/NETMASK`.

        Raises:
            AddressError: it is none of these.
        """
        address, slash, length = text.partition("/")
        network = Address(address)
        if not slash:
            return cls(network, BITS[network.version])
        try:
            return cls(network, _length(network.version, length))
        except AddressError as error:
            raise AddressError(text, error.why) from None

    @property
    def first(self) -> int:
        """The number of the lowest address."""
        return self.network.value

    @property
    def last(self) -> int:
        """The number of the highest address."""
        return self.network.value | (1 << BITS[self.network.version] - self.length) - 1

    @property
    def canonical(self) -> Prefix:
        """The IPv4 prefix of mapped addresses alone; any other as it is."""
        if self.network.is_mapped and self.length >= _MAPPED_LENGTH:
            return Prefix(self.network.canonical, self.length - _MAPPED_LENGTH)
        return self

    def without(self, holes: tuple[Prefix, ...]) -> Iterator[Prefix]:
        """The prefixes that make up what is left of this one, lowest first.

        >>> [str(left) for left in Prefix.parse("10.0.0.0/8").without((Prefix.parse("10.128.0.0/10"),))]
        ['10.0.0.0/9', '10.192.0.0/10']
        """
        inside = tuple(hole for hole in holes if hole.first <= self.last and hole.last >= self.first)
        if not inside:
            yield self
        elif all(hole.length > self.length for hole in inside):
            for half in self._halves():
                yield from half.without(inside)

    def _halves(self) -> tuple[Prefix, Prefix]:
        version, length = self.network.version, self.length + 1
        middle = self.first | 1 << BITS[version] - length
        return Prefix(self.network, length), Prefix(Address.from_int(middle, version), length)

    def __contains__(self, address: Address) -> bool:
        scope = self.network.scope
        return (
            self.network.version == address.version
            and self.first <= address.value <= self.last
            and (scope is None or scope == address.scope)
        )

    def __str__(self) -> str:
        return f"{self.network}/{self.length}"


def _length(version: int, text: str) -> int:
    if text.isascii() and text.isdecimal():
        if (text[0] == "0" and text != "0") or len(text) > 3:
            raise AddressError(text, "the length of a prefix has no leading zero and at most three digits")
        return int(text)
    return _mask_length(version, text)


def _mask_length(version: int, text: str) -> int:
    """The number of ones in a netmask, which all come first (RFC 950, RFC 4632 section 5.1)."""
    try:
        mask = Address(text)
    except AddressError:
        raise AddressError(
            text, "after the slash stands a length such as 24, or a netmask such as 255.255.255.0"
        ) from None
    bits = BITS[version]
    holes = mask.value ^ ((1 << bits) - 1)
    if mask.version != version or mask.scope is not None or holes & holes + 1:
        raise AddressError(text, "no netmask of this version of IP: its ones all come before its zeros")
    return bits - holes.bit_length()
