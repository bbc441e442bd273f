"""The twelve tests of RFC 3493 section 6.4, by their own names: what an IPv6 address is, in its form as given.

Each is a property of `Address` too; these are for programs that know the macros. An IPv4 address passes none.
"""

# ruff: noqa: N802 - the RFC names them

from collections.abc import Callable, Mapping
from types import MappingProxyType

from dualstack.core.address.address import Address, AddressLike

__all__ = [
    "IN6_IS_ADDR_LINKLOCAL",
    "IN6_IS_ADDR_LOOPBACK",
    "IN6_IS_ADDR_MC_GLOBAL",
    "IN6_IS_ADDR_MC_LINKLOCAL",
    "IN6_IS_ADDR_MC_NODELOCAL",
    "IN6_IS_ADDR_MC_ORGLOCAL",
    "IN6_IS_ADDR_MC_SITELOCAL",
    "IN6_IS_ADDR_MULTICAST",
    "IN6_IS_ADDR_SITELOCAL",
    "IN6_IS_ADDR_UNSPECIFIED",
    "IN6_IS_ADDR_V4COMPAT",
    "IN6_IS_ADDR_V4MAPPED",
    "IN6_TESTS",
]


def IN6_IS_ADDR_UNSPECIFIED(x: AddressLike) -> bool:
    """Whether it is :: (RFC 3493 section 6.4, as the eleven that follow)."""
    return _in6(x).is_unspecified


def IN6_IS_ADDR_LOOPBACK(x: AddressLike) -> bool:
    """Whether it is ::1."""
    return _in6(x).is_loopback


def IN6_IS_ADDR_MULTICAST(x: AddressLike) -> bool:
    """Whether it is in ff00::/8."""
    return _in6(x).is_multicast


def IN6_IS_ADDR_LINKLOCAL(x: AddressLike) -> bool:
    """Whether it is in fe80::/10."""
    return _in6(x).is_link_local


def IN6_IS_ADDR_SITELOCAL(x: AddressLike) -> bool:
    """Whether it is in fec0::/10."""
    return _in6(x).is_site_local


def IN6_IS_ADDR_V4MAPPED(x: AddressLike) -> bool:
    """Whether it is in ::ffff:0:0/96; an IPv4 address as such is not."""
    return _in6(x).is_mapped


def IN6_IS_ADDR_V4COMPAT(x: AddressLike) -> bool:
    """Whether it is in ::/96 and neither :: nor ::1."""
    return _in6(x).is_v4compat


def IN6_IS_ADDR_MC_NODELOCAL(x: AddressLike) -> bool:
    """Whether it is multicast of scope 1."""
    return _in6(x).is_mc_nodelocal


def IN6_IS_ADDR_MC_LINKLOCAL(x: AddressLike) -> bool:
    """Whether it is multicast of scope 2."""
    return _in6(x).is_mc_linklocal


def IN6_IS_ADDR_MC_SITELOCAL(x: AddressLike) -> bool:
    """Whether it is multicast of scope 5."""
    return _in6(x).is_mc_sitelocal


def IN6_IS_ADDR_MC_ORGLOCAL(x: AddressLike) -> bool:
    """Whether it is multicast of scope 8."""
    return _in6(x).is_mc_orglocal


def IN6_IS_ADDR_MC_GLOBAL(x: AddressLike) -> bool:
    """Whether it is multicast of scope 14."""
    return _in6(x).is_mc_global


IN6_TESTS: Mapping[str, Callable[[AddressLike], bool]] = MappingProxyType(
    {
        test.__name__: test
        for test in (
            IN6_IS_ADDR_UNSPECIFIED,
            IN6_IS_ADDR_LOOPBACK,
            IN6_IS_ADDR_MULTICAST,
            IN6_IS_ADDR_LINKLOCAL,
            IN6_IS_ADDR_SITELOCAL,
            IN6_IS_ADDR_V4MAPPED,
            IN6_IS_ADDR_V4COMPAT,
            IN6_IS_ADDR_MC_NODELOCAL,
            IN6_IS_ADDR_MC_LINKLOCAL,
            IN6_IS_ADDR_MC_SITELOCAL,
            IN6_IS_ADDR_MC_ORGLOCAL,
            IN6_IS_ADDR_MC_GLOBAL,
        )
    }
)

# 2001:db8::, for which each of the twelve says no.
_NONE_OF_THEM = Address.from_int(0x20010DB8 << 96, 6)


def _in6(x: AddressLike) -> Address:
    """The tests are about the IPv6 form as given: an IPv4 address passes none of them."""
    address = x if type(x) is Address else Address(x)
    return address if address.version == 6 else _NONE_OF_THEM
