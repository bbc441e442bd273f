"""The addresses that every host has: the loopback, and what is bound to for all."""

from collections.abc import Mapping
from types import MappingProxyType

from dualstack.core.address.address import Address

__all__ = ["LOOPBACK", "LOOPBACKS", "UNSPECIFIED"]

# RFC 1122 section 3.2.1.3; RFC 4291 sections 2.5.2 and 2.5.3.
UNSPECIFIED: Mapping[int, Address] = MappingProxyType({4: Address("0.0.0.0"), 6: Address("::")})
LOOPBACK: Mapping[int, Address] = MappingProxyType({4: Address("127.0.0.1"), 6: Address("::1")})

LOOPBACKS = (LOOPBACK[6], LOOPBACK[4])
"""What `localhost` is, in RFC 6724's order."""
