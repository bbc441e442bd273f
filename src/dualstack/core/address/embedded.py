"""IPv4 addresses inside IPv6 ones: where each mechanism puts them, as one table.

Whoever dials such an address may reach the IPv4 host, by a translator, a tunnel or the kernel itself, so a rule about
that host must see it. Nothing here says whether a translator exists. A network-specific NAT64 prefix cannot be told
from the address: it is given (RFC 7050 and RFC 8781 say how hosts learn it).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

from dualstack.core.address.address import Address
from dualstack.core.address.prefix import Prefix
from dualstack.errors import AddressError

__all__ = [
    "IPV4_CARRIERS",
    "ISATAP_BITS",
    "ISATAP_MASK",
    "NAT64_LENGTHS",
    "NAT64_LOCAL",
    "NAT64_WELL_KNOWN",
    "Embedded",
    "Nat64",
    "embedded_ipv4",
    "joined",
    "nat64_prefix",
    "rfc6052_encode",
]

NAT64_WELL_KNOWN = Prefix.parse("64:ff9b::/96")  # RFC 6052 section 2.1
NAT64_LOCAL = Prefix.parse("64:ff9b:1::/48")  # RFC 8215
NAT64_LENGTHS = (32, 40, 48, 56, 64, 96)  # RFC 6052 section 2.2

_LOW_32 = 0xFFFFFFFF
_LOW_56 = (1 << 56) - 1
_LOW_64 = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Embedded:
    """An IPv4 address and the mechanism by which an IPv6 address carries it."""

    mechanism: str
    ipv4: Address


@dataclass(frozen=True, slots=True, init=False)
class Nat64:
    """The network-specific prefixes of the translators in use, the longest first.

    Args:
        prefixes: texts such as `2001:db8:64::/96`, or what was read of them.

    Raises:
        AddressError: a prefix that RFC 6052 has no place for an IPv4 address in.

    >>> Nat64(["2001:db8:122:344::/64"]).decode(Address("2001:db8:122:344:c0:2:2100::"))
    Embedded(mechanism='nat64-nsp/64', ipv4=Address('192.0.2.33'))
    """

    prefixes: tuple[Prefix, ...]

    def __init__(self, prefixes: Iterable[str | Prefix] = ()) -> None:
        if isinstance(prefixes, str):
            raise AddressError(prefixes, f"the prefixes are a list, of which this is one: write [{prefixes!r}]")
        parsed = {each if isinstance(each, Prefix) else nat64_prefix(each) for each in prefixes} - {NAT64_WELL_KNOWN}
        object.__setattr__(self, "prefixes", tuple(sorted(parsed, key=lambda prefix: (-prefix.length, prefix))))

    def decode(self, address: Address) -> Embedded | None:
        """The IPv4 address under the longest prefix that fits, u octet and suffix zero."""
        for prefix in self.prefixes:
            ipv4 = _rfc6052_decode(address.value, prefix.length) if address in prefix else None
            if ipv4 is not None:
                return Embedded(f"nat64-nsp/{prefix.length}", Address.from_int(ipv4, 4))
        return None

    def behind(self, address: Address) -> Address | None:
        """The IPv4 address that a translator may send to, whatever stands in the u octet and the suffix.

        RFC 6052 section 2.2 has them zero, and has no word for what becomes of other values: translators that are in
        use read over them. `decode` is for who describes, this for who refuses.
        """
        found = self.decode(address)
        if found is not None:
            return found.ipv4
        for prefix in self.prefixes:
            if address in prefix:
                return Address.from_int(_rfc6052_split(address.value, prefix.length)[0], 4)
        return None

    def __contains__(self, address: Address) -> bool:
        return any(address in prefix for prefix in self.prefixes)


@lru_cache(maxsize=64)
def joined(nat64: Nat64, more: Nat64) -> Nat64:
    """The translators of both."""
    return Nat64((*nat64.prefixes, *more.prefixes))


def nat64_prefix(text: str) -> Prefix:
    """A translator's prefix, such as `64:ff9b::/96`.

    Raises:
        AddressError: RFC 6052 has no place for an IPv4 address in it.
    """
    prefix = Prefix.parse(text)
    if prefix.network.version == 4 or prefix.length not in NAT64_LENGTHS:
        raise AddressError(
            text, "a NAT64 prefix is IPv6 with a length of 32, 40, 48, 56, 64 or 96 (RFC 6052 section 2.2)"
        )
    if prefix.network.scope is not None:
        raise AddressError(text, "a NAT64 prefix has no zone")
    if prefix.first & _LOW_64 >> 56 << 56:
        raise AddressError(text, "bits 64 to 71 of a NAT64 prefix are zero (RFC 6052 section 2.2)")
    return prefix


def _rfc6052_decode(value: int, length: int) -> int | None:
    """The IPv4 address where the u octet and all that comes after it are zero."""
    ipv4, rest = _rfc6052_split(value, length)
    return None if rest else ipv4


def rfc6052_encode(ipv4: Address, prefix: Prefix) -> Address:
    """The IPv6 address that stands for an IPv4 one behind a translator (RFC 6052 section 2.2), suffix and u octet zero.

    Args:
        ipv4: what to put in.
        prefix: one of the six lengths.

    >>> rfc6052_encode(Address("192.0.2.33"), Prefix.parse("2001:db8:122::/48"))
    Address('2001:db8:122:c000:2:2100::')
    """
    if prefix.length == 96:
        return Address.from_int(prefix.first | ipv4.value, 6)
    # As one number without the u octet, bits 64 to 71, which then parts what comes before it from what comes after.
    joined = prefix.first >> 64 << 56 | ipv4.value << 88 - prefix.length
    return Address.from_int(joined >> 56 << 64 | joined & _LOW_56, 6)


def _rfc6052_split(value: int, length: int) -> tuple[int, int]:
    """RFC 6052 section 2.2: the IPv4 address follows the prefix, around the u octet; it, and the u octet and suffix."""
    u_octet, below = value & _LOW_64 & ~_LOW_56, value & _LOW_56
    if length == 96:
        return value & _LOW_32, u_octet
    joined, suffix_bits = value >> 64 << 56 | below, 88 - length
    return joined >> suffix_bits & _LOW_32, u_octet | joined & (1 << suffix_bits) - 1


def _nat64_local(value: int) -> tuple[int, int]:
    """The length in use under 64:ff9b:1::/48 is its operator's choice, so both readings count, suffix or none."""
    return value & _LOW_32, _rfc6052_split(value, 48)[0]


@dataclass(frozen=True, slots=True)
class _Mechanism:
    prefix: Prefix
    names: tuple[str, ...]
    ipv4_of: Callable[[int], tuple[int | None, ...]]
    law: str


_MECHANISMS: tuple[_Mechanism, ...] = (
    _Mechanism(Prefix.parse("::ffff:0:0/96"), ("ipv4-mapped",), lambda v: (v & _LOW_32,), "RFC 4291 section 2.5.5.2"),
    _Mechanism(
        Prefix.parse("::/96"),
        ("ipv4-compatible",),
        lambda v: (v if v > 1 else None,),
        "RFC 4291 section 2.5.5.1; :: and ::1 are themselves",
    ),
    _Mechanism(Prefix.parse("::ffff:0:0:0/96"), ("siit",), lambda v: (v & _LOW_32,), "RFC 2765 section 2.1"),
    _Mechanism(NAT64_WELL_KNOWN, ("nat64",), lambda v: (v & _LOW_32,), "RFC 6052 section 2.1"),
    _Mechanism(NAT64_LOCAL, ("nat64-local/96", "nat64-local/48"), _nat64_local, "RFC 8215"),
    _Mechanism(Prefix.parse("2002::/16"), ("6to4",), lambda v: (v >> 80 & _LOW_32,), "RFC 3056 section 2"),
    _Mechanism(
        Prefix.parse("2001::/32"),
        ("teredo-server", "teredo-client"),
        lambda v: (v >> 64 & _LOW_32, ~v & _LOW_32),
        "RFC 4380 section 4; the client's address is inverted",
    ),
)

IPV4_CARRIERS: tuple[Prefix, ...] = tuple(mechanism.prefix for mechanism in _MECHANISMS)

# RFC 5214 section 6.1: the interface identifier is 00-00-5E-FE or 02-00-5E-FE and the IPv4 address, under any /64.
ISATAP_MASK, ISATAP_BITS = 0xFDFFFFFF << 32, 0x00005EFE << 32


def embedded_ipv4(address: Address, nat64: Nat64 | None = None) -> tuple[Embedded, ...]:
    """Every IPv4 address inside an IPv6 one, in the order of the table, NAT64 by given prefix and ISATAP last.

    >>> embedded_ipv4(Address("2002:a00:1::"))
    (Embedded(mechanism='6to4', ipv4=Address('10.0.0.1')),)
    """
    if address.version == 4:
        return ()
    given = nat64.decode(address) if nat64 is not None else None
    found = [] if given and address in NAT64_LOCAL else list(_by_table(address))
    if given:
        found.append(given)
    if address.value & ISATAP_MASK == ISATAP_BITS and not address.is_multicast:
        found.append(Embedded("isatap", Address.from_int(address.value & _LOW_32, 4)))
    return tuple(found)


def _by_table(address: Address) -> Iterable[Embedded]:
    for mechanism in _MECHANISMS:
        if address in mechanism.prefix:
            for name, ipv4 in zip(mechanism.names, mechanism.ipv4_of(address.value), strict=True):
                if ipv4 is not None:
                    yield Embedded(name, Address.from_int(ipv4, 4))
