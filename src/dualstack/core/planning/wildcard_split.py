"""Who takes which family of a wildcard, where several items of a plan want one port number (D1, D6, RFC 2553).

`*` wants both families; `[::]` wants IPv6, and IPv4 where nobody else does; `0.0.0.0` wants IPv4. What one service
covers twice is merged, what two services want is contested. Settled once, when the plan is made: a port that stops
later leaves its part to nobody.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from dualstack.core.address.address import Address
from dualstack.core.address.endpoint import Wildcard
from dualstack.core.planning.configuration import Sockets

__all__ = ["Claim", "Settlement", "settle"]


@dataclass(frozen=True, slots=True)
class Claim:
    """One item of a listen list, or one named port of a service, on a port number; `name` is what stood for `host`.

    `is_bindable` is what the kernel said of an IPv6 address although IPv6 counts as off.
    """

    service: str
    port_name: str
    host: Address | Wildcard
    port: int
    proto: str = "tcp"
    v6only: bool = False
    build: Sockets = Sockets.AUTO
    interface: str | None = None
    name: str = field(default="", compare=False)
    freebind: bool = False
    is_bindable: bool = False

    @property
    def is_wildcard(self) -> bool:
        """Whether it wants any address of a family."""
        return isinstance(self.host, Wildcard) or self.host.is_unspecified

    @property
    def group(self) -> tuple[str, int, str | None, str | None]:
        """What shares a port number with it; port 0 is one number for each named port of a service."""
        own = f"{self.service}/{self.port_name}" if self.port == 0 else None
        return (self.proto, self.port, self.interface, own)

    def is_of_the_port_of(self, other: "Claim") -> bool:
        """Whether both are one service's on one named port, and so always up and down together."""
        return self.service == other.service and self.port_name == other.port_name

    def __str__(self) -> str:
        host = f"[{self.host}]" if isinstance(self.host, Address) and self.host.version == 6 else f"{self.host}"
        return f"{'*' if isinstance(self.host, Wildcard) else host}:{self.port}"


@dataclass(slots=True)
class Settlement:
    """Who got what: the families of each claim (by index), notes for people, and claims that contest one part."""

    families: list[set[int]]
    notes: list[str] = field(default_factory=list)
    contested: list[tuple[int, int]] = field(default_factory=list)


def settle(claims: Sequence[Claim], *, ipv6: bool) -> Settlement:
    """Share out the families of all `claims` of one port number."""
    settlement = Settlement([set() for _ in claims])
    wanted = _wanted(claims, ipv6=ipv6)
    for family in (4, 6):
        rivals = [index for index, families in enumerate(wanted) if family in families]
        if not rivals:
            continue
        owner = _owner(claims, rivals)
        settlement.families[owner].add(family)
        _settle_losers(claims, settlement, owner, [index for index in rivals if index != owner])
    _settle_specific(claims, settlement, ipv6=ipv6)
    return settlement


def _wanted(claims: Sequence[Claim], *, ipv6: bool) -> list[set[int]]:
    """The families that each wildcard wants; specific addresses want none of this."""
    hard = [_families(claim.host, ipv6=ipv6) if claim.is_wildcard else set() for claim in claims]
    if not any(4 in families for families in hard):
        # RFC 3493 section 3.7: the IPv6 wildcard receives IPv4 too, where no IPv4 wildcard stands beside it.
        modest = (index for index, claim in enumerate(claims) if claim.is_wildcard and not claim.v6only)
        for index in modest:
            hard[index].add(4)
            break
    return hard


def _families(host: Address | Wildcard, *, ipv6: bool) -> set[int]:
    families = {4, 6} if isinstance(host, Wildcard) else {host.version}
    return families if ipv6 else families - {6}


def _owner(claims: Sequence[Claim], rivals: Sequence[int]) -> int:
    """The first, save that `*` takes all from its own port's items and yields to another port that names the family."""
    first = claims[rivals[0]]
    siblings = [index for index in rivals if claims[index].service == first.service]
    own = [index for index in siblings if claims[index].is_of_the_port_of(first)]
    widest = next((index for index in own if isinstance(claims[index].host, Wildcard)), own[0])
    if not isinstance(claims[widest].host, Wildcard):
        return widest
    return next(
        (index for index in siblings if not isinstance(claims[index].host, Wildcard) and index not in own), widest
    )


def _settle_losers(claims: Sequence[Claim], settlement: Settlement, owner: int, losers: Iterable[int]) -> None:
    for loser in losers:
        if claims[loser].service != claims[owner].service:
            settlement.contested.append((loser, owner))
        else:
            _note_merged(claims, settlement, owner, loser)


def _settle_specific(claims: Sequence[Claim], settlement: Settlement, *, ipv6: bool) -> None:
    owners: dict[Address, int] = {}
    for index, claim in enumerate(claims):
        if claim.is_wildcard or isinstance(claim.host, Wildcard):
            continue
        if claim.host.version == 6 and not ipv6 and not claim.is_bindable:
            continue
        owner = owners.setdefault(claim.host, _own_wildcard(claims, settlement, index))
        if owner == index:
            settlement.families[index].add(claim.host.version)
        elif claims[owner].service != claim.service:
            settlement.contested.append((index, owner))
        else:
            _note_merged(claims, settlement, owner, index)


def _own_wildcard(claims: Sequence[Claim], settlement: Settlement, index: int) -> int:
    """The wildcard of the same port that covers a specific address already; the address itself where there is none."""
    claim = claims[index]
    version = 4 if isinstance(claim.host, Wildcard) else claim.host.version
    for other, families in enumerate(settlement.families):
        if claims[other].is_wildcard and version in families and claims[other].is_of_the_port_of(claim):
            return other
    return index


def _note_merged(claims: Sequence[Claim], settlement: Settlement, owner: int, loser: int) -> None:
    note = f"{claims[loser]} of {claims[loser].service}: covered by {claims[owner]} already, merged"
    if note not in settlement.notes and claims[owner] != claims[loser]:
        settlement.notes.append(note)
