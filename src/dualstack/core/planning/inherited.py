"""Sockets that a service manager opened before us: which of them stand for which sockets of a plan (sd_listen_fds(3)).

They are taken as they are: their families decide, not what the plan would have opened. A socket is a port's where its
name is the port's, or else where the plan wants every address that it receives. What of the plan they leave out is
still to be opened. Nothing is opened here.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from dualstack.core.address.address import Address
from dualstack.core.address.well_known import UNSPECIFIED
from dualstack.core.planning.socket_spec import SocketSpec

__all__ = ["Inherited", "Settled", "settle_inherited"]


_Part = tuple[int, Address]


@dataclass(frozen=True, slots=True)
class Inherited:
    """A socket that listens already.

    Args:
        descriptor: its number, for people.
        name: what the service manager calls it (FileDescriptorName=); empty is none.
        proto: `tcp` or `udp`.
        family: 4 or 6.
        address: as the kernel tells it.
        port: likewise.
        v6only: as it was read; None for IPv4.
    """

    descriptor: int
    name: str
    proto: str
    family: int
    address: Address
    port: int
    v6only: bool | None

    def __str__(self) -> str:
        host = f"[{self.address}]" if self.family == 6 else f"{self.address}"
        named = f", {self.name}" if self.name else ""
        return f"{self.proto} {host}:{self.port} (descriptor {self.descriptor}{named})"


@dataclass(frozen=True, slots=True)
class Settled:
    """The plan's sockets with the inherited ones in their places.

    Args:
        specs: all sockets; those inherited have `inherited` set.
        taken: for each inherited spec's identity, whose it is.
        unmatched: those that the plan has no place for.
    """

    specs: tuple[SocketSpec, ...]
    taken: dict[tuple[object, ...], Inherited]
    unmatched: tuple[Inherited, ...]


def settle_inherited(specs: Sequence[SocketSpec], inherited: Iterable[Inherited]) -> Settled:
    """Put each inherited socket where the plan wants it."""
    taken: dict[tuple[object, ...], Inherited] = {}
    places: list[SocketSpec] = []
    unmatched: list[Inherited] = []
    covered: dict[SocketSpec, set[_Part]] = {spec: set() for spec in specs}
    for each in inherited:
        stood_for = _by_name(specs, each) or _by_address(specs, each)
        place = _place(each, stood_for) if stood_for else None
        if place is None or place.identity in taken:
            unmatched.append(each)
            continue
        taken[place.identity] = each
        places.append(place)
        elsewhere = _is_elsewhere(each, stood_for)
        for spec in stood_for:
            covered[spec] |= _parts(spec) if elsewhere else _parts(each)
    left = (rest for spec in specs for rest in _without(spec, covered[spec]))
    return Settled((*places, *left), taken, tuple(unmatched))


def _by_name(specs: Iterable[SocketSpec], each: Inherited) -> list[SocketSpec]:
    """The sockets of the port that is named so; of several numbers, those of the socket's own."""
    named = [spec for spec in specs if spec.proto == each.proto and spec.port_name.casefold() == each.name.casefold()]
    same = [spec for spec in named if spec.port == each.port]
    whole = same or named
    return whole if len({(spec.service, spec.port) for spec in whole}) == 1 else []


def _by_address(specs: Iterable[SocketSpec], each: Inherited) -> list[SocketSpec]:
    """The sockets of one service and port that together want all that the inherited one receives."""
    wanted = _parts(each)
    near = [spec for spec in specs if (spec.proto, spec.port) == (each.proto, each.port) and _parts(spec) & wanted]
    owners = {(spec.service, spec.port_name) for spec in near}
    met = {part for spec in near for part in _parts(spec)}
    return near if len(owners) == 1 and wanted <= met else []


def _is_elsewhere(each: Inherited, stood_for: Sequence[SocketSpec]) -> bool:
    """Whether the plan wants none of its addresses: on a port of its name the service manager has the last word."""
    return each.port != stood_for[0].port or not any(_parts(spec) & _parts(each) for spec in stood_for)


def _place(each: Inherited, stood_for: Sequence[SocketSpec]) -> SocketSpec:
    """A mapped address is IPv4 to everybody but the socket: it is announced so, and so are its peers."""
    first, address = stood_for[0], each.address.canonical
    return replace(
        first,
        family=address.version,
        address=address,
        port=each.port,
        v6only=each.v6only if address.version == 6 else None,
        shared=any(spec.shared for spec in stood_for),
        interface=None,
        why=_why(each),
        rule=None,
        inherited=True,
    )


def _why(each: Inherited) -> str:
    if each.address.is_mapped:
        return f"inherited, as an AF_INET6 socket on {each.address}, which receives IPv4 alone"
    return "inherited, with IPV6_V6ONLY as it was" if each.family == 6 else "inherited"


def _parts(sock: SocketSpec | Inherited) -> set[_Part]:
    """The addresses that it receives, by family."""
    address = sock.address.canonical
    if sock.v6only is False and sock.address == UNSPECIFIED[6]:
        return {(4, UNSPECIFIED[4]), (6, UNSPECIFIED[6])}
    return {(address.version, address)}


def _without(spec: SocketSpec, covered: set[_Part]) -> Iterator[SocketSpec]:
    """What of `spec` is left to open."""
    left = _parts(spec) - covered
    if left == _parts(spec):
        yield spec
    elif left:
        ((family, address),) = left
        yield replace(spec, family=family, address=address, v6only=True if family == 6 else None)
