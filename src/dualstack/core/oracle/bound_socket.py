"""What a bound socket receives of each family, and whether two of them want the same (RFC 3493 sections 3.7 and 5.3).

The rules that all systems share. What a system does about an overlap is not decided here.
"""

from dataclasses import dataclass

from dualstack.core.address.address import Address
from dualstack.core.address.endpoint import Wildcard
from dualstack.core.oracle.case import Case, Sock
from dualstack.core.oracle.unknown import UNKNOWN, Unknown

__all__ = ["ANY", "Bound", "Cover", "Part", "bound", "device_of", "is_v6only", "overlap"]

ANY = Wildcard.ANY

Part = Address | Wildcard | None
"""Of one family: nothing, any address, or one."""


@dataclass(frozen=True, slots=True)
class Cover:
    """What a bound socket receives of each family."""

    v4: Part
    v6: Part

    def part(self, version: int) -> Part:
        """The part of one version of IP."""
        return self.v4 if version == 4 else self.v6


@dataclass(frozen=True, slots=True)
class Bound:
    """A socket that has an address: its index in the case, what it covers, and the interface it keeps to.

    `perhaps_v4` says that no source tells whether it receives IPv4 too; `cover` then has it.
    """

    index: int
    sock: Sock
    cover: Cover
    device: str | None
    perhaps_v4: bool = False

    @property
    def is_wildcard(self) -> bool:
        """Whether it covers any address of a family."""
        return self.cover.v4 is ANY or self.cover.v6 is ANY


def bound(case: Case, index: int) -> Bound:
    """The socket of `case` with this index as it is once it is bound."""
    sock = case.sockets[index]
    address, device = sock.address, _number_of(case, sock.device)
    if address.version == 4 or address.is_mapped:
        ipv4 = address.canonical
        return Bound(index, sock, Cover(ANY if ipv4.is_unspecified else ipv4, None), device)
    if not address.is_unspecified:
        return Bound(index, sock, Cover(None, address.without_scope), device or device_of(case, address))
    v6only = is_v6only(case, sock)
    return Bound(index, sock, Cover(None if v6only is True else ANY, ANY), device, perhaps_v4=v6only is UNKNOWN)


def is_v6only(case: Case, sock: Sock) -> bool | Unknown:
    """The value of IPV6_V6ONLY before the bind: as set, else the system's default."""
    default = case.bindv6only if case.stack.name == "linux" else case.stack.v6only_default
    if default is UNKNOWN:
        return True if sock.v6only else UNKNOWN
    if not case.stack.dual:
        return True
    return default if sock.v6only is None else sock.v6only


def device_of(case: Case, address: Address) -> str | None:
    """The interface that an address names, by number where it is known; a scope counts on link-local ones alone."""
    return _number_of(case, address.scope) if address.needs_scope else None


def _number_of(case: Case, name: str | None) -> str | None:
    """The number of an interface, or its name where the number is not known."""
    index = None if name is None else case.interfaces.get(name)
    return name if index is None else str(index)


def overlap(a: Bound, b: Bound) -> bool:
    """Whether there is an address that both would receive."""
    if a.device is not None and b.device is not None and a.device != b.device:
        return False
    return _meet(a.cover.v4, b.cover.v4) or _meet(a.cover.v6, b.cover.v6)


def _meet(a: Part, b: Part) -> bool:
    if a is None or b is None:
        return False
    return a is ANY or b is ANY or a == b
