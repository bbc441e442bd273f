"""A host's addresses, links and ways out, as its kernel has them at one moment; `kernel.network_state` reads them."""

from dataclasses import dataclass
from enum import Enum

from dualstack.core.address.address import Address
from dualstack.core.address.prefix import Prefix

__all__ = ["AddressState", "Link", "Reach", "Route", "reach_of"]


class Reach(Enum):
    """How far an address goes: `UNIQUE_LOCAL` is fc00::/7 (RFC 4193), `PRIVATE` that of RFC 1918 and RFC 6598."""

    LOOPBACK = "loopback"
    LINK = "link-local"
    UNIQUE_LOCAL = "unique local"
    PRIVATE = "private"
    GLOBAL = "global"


_PRIVATE = tuple(map(Prefix.parse, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")))
_UNIQUE_LOCAL = Prefix.parse("fc00::/7")


def reach_of(address: Address) -> Reach:
    """How far an address goes by its prefix.

    >>> reach_of(Address("fd00::1")).value, reach_of(Address("10.0.0.1")).value
    ('unique local', 'private')
    """
    if address.is_loopback:
        return Reach.LOOPBACK
    if address.is_link_local:
        return Reach.LINK
    if address.version == 6:
        return Reach.UNIQUE_LOCAL if address in _UNIQUE_LOCAL else Reach.GLOBAL
    return Reach.PRIVATE if any(address in each for each in _PRIVATE) else Reach.GLOBAL


@dataclass(frozen=True, slots=True)
class AddressState:
    """An address of an interface (rtnetlink(7), struct ifa_cacheinfo).

    Args:
        interface: the interface's name.
        address: with its scope where it needs one.
        length: of its prefix, bits.
        is_tentative: the kernel still looks for it on other hosts.
        is_duplicate: another host was found to have it.
        is_temporary: it changes by itself (RFC 8981).
        preferred_s: seconds that new connections may still be made from it; None for ever.
        valid_s: seconds that it is left; None for ever.
    """

    interface: str
    address: Address
    length: int
    is_tentative: bool = False
    is_duplicate: bool = False
    is_temporary: bool = False
    preferred_s: int | None = None
    valid_s: int | None = None

    @property
    def is_deprecated(self) -> bool:
        """Whether its preferred lifetime is over (RFC 4862 section 5.5.4)."""
        return self.preferred_s == 0

    @property
    def is_usable(self) -> bool:
        """Whether a socket can be bound to it now."""
        return not (self.is_tentative or self.is_duplicate)


@dataclass(frozen=True, slots=True)
class Link:
    """An interface: its number, whether it is up, and the largest packet that it takes, bytes."""

    name: str
    index: int
    is_up: bool
    is_loopback: bool
    mtu: int


@dataclass(frozen=True, slots=True)
class Route:
    """A way to an address: by which interface, through which router, from which address of ours."""

    interface: str
    gateway: Address | None = None
    source: Address | None = None
