"""The host that a daemon is imagined on: its addresses, names and kernel settings. Asks no real one.

What is not assumed is not known: a name that nobody gave addresses to is not guessed at.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeVar

from dualstack.core.address.address import Address
from dualstack.core.address.well_known import LOOPBACK
from dualstack.doctor.listening import NotUnderstood, Refused
from dualstack.errors import AddressError, ConfigError

__all__ = ["AssumedHost", "Ipv6", "assumed_host", "literal"]

T = TypeVar("T")

_SOMEBODY = "host"
"""The interface of addresses that were assumed without one."""


class Ipv6(Enum):
    """Whether the host has IPv6: `OFF` is disable_ipv6 on every interface, `ABSENT` a kernel without AF_INET6."""

    ON = "on"
    OFF = "off"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class AssumedHost:
    """A host in words.

    Args:
        bindv6only: net.ipv6.bindv6only.
        ipv6: whether there is IPv6.
        interfaces: addresses by interface; None where nobody said which there are, and each is taken to be there.
        names: what the resolver answers, `localhost` besides.
    """

    bindv6only: bool = False
    ipv6: Ipv6 = Ipv6.ON
    interfaces: Mapping[str, tuple[Address, ...]] | None = None
    names: Mapping[str, tuple[Address, ...]] = field(default_factory=dict)

    @property
    def has_ipv6(self) -> bool:
        """Whether it has addresses of IPv6."""
        return self.ipv6 is Ipv6.ON

    @property
    def has_socket(self) -> bool:
        """Whether a socket of AF_INET6 can be made."""
        return self.ipv6 is not Ipv6.ABSENT

    def has(self, address: Address) -> bool:
        """Whether a socket can be bound to `address` (127/8 and ::1 are there, IPv6 where it is on)."""
        if address.is_unspecified:
            return True
        if address.is_mapped:
            return self.has(address.canonical)
        if address.version == 6 and not self.has_ipv6:
            return False
        return address.is_loopback or self.interfaces is None or address in self.addresses()

    def addresses(self) -> tuple[Address, ...]:
        """Every address, the loopback's first.

        Raises:
            NotUnderstood: nobody said which there are.
        """
        if self.interfaces is None:
            raise NotUnderstood("it asks for the host's addresses, which are not known: --assume addresses=A,B")
        others = (address for addresses in self.interfaces.values() for address in addresses)
        return self._present(dict.fromkeys((*LOOPBACK.values(), *others)))

    def of_interface(self, name: str) -> tuple[Address, ...]:
        """The addresses of an interface.

        Raises:
            NotUnderstood: nobody said which it has.
            Refused: every interface is known, and none is called so.
        """
        if name == "lo":
            return self._present(LOOPBACK.values())
        if self.interfaces is not None and name not in self.interfaces and _SOMEBODY not in self.interfaces:
            raise Refused(f"no interface is called {name}")
        if self.interfaces is None or name not in self.interfaces:
            raise NotUnderstood(f"the addresses of {name} are not known: --assume addresses=A%{name}")
        return self._present(self.interfaces[name])

    def is_interface(self, name: str) -> bool:
        """Whether an interface is known by this name."""
        return name == "lo" or name in (self.interfaces or {})

    def lookup(self, name: str, *, family: int | None = None, addrconfig: bool = False) -> tuple[Address, ...]:
        """The addresses of a name in the order of getaddrinfo, which has IPv6 first where there is IPv6 (RFC 6724).

        Args:
            name: a name, or an address as text.
            family: 4 or 6, where it is asked for one alone.
            addrconfig: families of which the host has no address are left out (AI_ADDRCONFIG).

        Raises:
            NotUnderstood: nobody said what the name resolves to.
            Refused: it has no address of the family that is asked for.
        """
        found = self._named(name)
        if addrconfig and not self.has_ipv6 and literal(name) is None:
            found = tuple(address for address in found if address.version == 4)
        wanted = tuple(address for address in found if family in {None, address.version})
        if not wanted:
            raise Refused(f"{name!r} has no address of IPv{family or 4}")
        first = 6 if self.has_ipv6 else 4
        return tuple(sorted(wanted, key=lambda address: address.version != first))

    def _named(self, name: str) -> tuple[Address, ...]:
        address = literal(name)
        if address is not None:
            return (address,)
        if name in self.names:
            return self.names[name]
        if name == "localhost":
            return tuple(LOOPBACK.values())
        raise NotUnderstood(f"what {name!r} resolves to is not known: --assume names={name}:A+B")

    def _present(self, addresses: Iterable[Address]) -> tuple[Address, ...]:
        return tuple(address for address in addresses if address.version == 4 or self.has_ipv6)


def literal(text: str) -> Address | None:
    """The address that a text is, with or without brackets; None where it is none."""
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        return Address(bare)
    except AddressError:
        return None


def assumed_host(assumptions: Iterable[str]) -> AssumedHost:
    """The host of `KEY=VALUE` texts: `bindv6only=0|1`, `ipv6=on|off|absent`, `addresses=A,B`, `names=NAME:A+B,...`.

    An address may have an interface behind a `%`: `addresses=192.0.2.1%eth0`.

    Raises:
        ConfigError: a text that is none of these.
    """
    given: dict[str, str] = {}
    for text in assumptions:
        key, equals, value = text.partition("=")
        if not equals or key not in _KEYS:
            raise ConfigError("--assume", text, f"give one of {', '.join(_KEYS)}")
        given[key] = f"{given[key]},{value}" if key in given and key in {"addresses", "names"} else value
    return AssumedHost(
        bindv6only=_one_of("bindv6only", given.get("bindv6only", "0"), {"0": False, "1": True}),
        ipv6=_one_of("ipv6", given.get("ipv6", "on"), {each.value: each for each in Ipv6}),
        interfaces=_interfaces(given["addresses"]) if "addresses" in given else None,
        names=_names(given.get("names", "")),
    )


_KEYS = ("bindv6only", "ipv6", "addresses", "names")


def _one_of(key: str, value: str, table: Mapping[str, T]) -> T:
    if value not in table:
        raise ConfigError("--assume", f"{key}={value}", f"give {key}={'|'.join(table)}")
    return table[value]


def _interfaces(text: str) -> dict[str, tuple[Address, ...]]:
    found: dict[str, tuple[Address, ...]] = {}
    for each in filter(None, text.split(",")):
        bare, _, interface = each.partition("%")
        name = interface or _SOMEBODY
        found[name] = (*found.get(name, ()), Address(bare.partition("/")[0]))
    return found


def _names(text: str) -> dict[str, tuple[Address, ...]]:
    found: dict[str, tuple[Address, ...]] = {}
    for each in filter(None, text.split(",")):
        name, colon, addresses = each.partition(":")
        if not colon:
            raise ConfigError("--assume", f"names={each}", "give names=NAME:A+B")
        found[name] = tuple(Address(address) for address in addresses.split("+") if address)
    return found
