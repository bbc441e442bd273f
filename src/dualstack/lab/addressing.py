"""Which address each host of a lab has on each link; asks nobody, and is told which addresses this machine has.

A host's number is the last part of its addresses, always even. The odd address after it belongs to nobody: it is the
nearest neighbour, which sorts first (RFC 6724 section 5, rule 9), and so what a dead address is made of.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from dualstack.core.address.address import Address
from dualstack.core.address.prefix import Prefix
from dualstack.errors import ConfigError, ExitCode

__all__ = ["Addressing", "Interface"]

# Neither private nor unique local (RFC 4193) for IPv6: those sort after IPv4 (RFC 6724 section 2.1), as nowhere else.
_CHOICES = {
    4: tuple(Prefix(Address(f"10.{second}.0.0"), 16) for second in range(64, 96)),
    6: tuple(Prefix(Address(f"2001:db8:{third:x}::"), 48) for third in range(0x64, 0x84)),
}
_LINK_BITS = {4: 8, 6: 64}
_LINK_LENGTH = {4: 24, 6: 64}
_NUMBERS = range(2, 254, 2)


@dataclass(frozen=True, slots=True)
class Interface:
    """An address on a link, and how long the link's prefix is."""

    address: Address
    length: int

    @property
    def dead(self) -> Address:
        """The address after it."""
        return Address.from_int(self.address.value + 1, self.address.version)

    def is_link_of(self, address: Address) -> bool:
        """Whether the address is on the same link."""
        bits = 32 if self.address.version == 4 else 128
        differ = self.address.value ^ address.value
        return self.address.version == address.version and differ >> (bits - self.length) == 0

    def __str__(self) -> str:
        return f"{self.address}/{self.length}"


class Addressing:
    """The ranges of one lab.

    Args:
        ipv4: the range wanted; None: the first of ours that this machine does not use.
        ipv6: likewise.
        used: the addresses of this machine.

    Raises:
        ConfigError: this machine uses the range that is wanted.
    """

    def __init__(self, ipv4: Prefix | None, ipv6: Prefix | None, used: Iterable[Address]) -> None:
        used = tuple(used)
        self.ranges = {4: _chosen(4, ipv4, used), 6: _chosen(6, ipv6, used)}
        self._links: list[str] = []

    def interface(self, number: int, link: str, family: int) -> Interface:
        """The address of the host with that number, from 1 on, on a link.

        Raises:
            ConfigError: there is no room for that many hosts or links.
        """
        if link not in self._links:
            self._links.append(link)
        range_ = self.ranges[family]
        place = self._links.index(link)
        links = 1 << (_LINK_LENGTH[family] - range_.length)
        if number > len(_NUMBERS) or place >= links:
            raise ConfigError("", "hosts", f"{range_} has room for {links} links of {len(_NUMBERS)} hosts")
        value = range_.network.value + (place << _LINK_BITS[family]) + _NUMBERS[number - 1]
        return Interface(Address.from_int(value, family), _LINK_LENGTH[family])


def _chosen(family: int, wanted: Prefix | None, used: tuple[Address, ...]) -> Prefix:
    if wanted is None:
        return next((prefix for prefix in _CHOICES[family] if not _users(prefix, used)), _CHOICES[family][0])
    if users := _users(wanted, used):
        why = f"{wanted} is in use on this machine ({users[0]}); take another range, or leave the key out"
        raise ConfigError("", f"ipv{family}", why, exit_code=ExitCode.UNAVAILABLE)
    return wanted


def _users(prefix: Prefix, used: tuple[Address, ...]) -> list[Address]:
    return [address for address in used if address in prefix]
