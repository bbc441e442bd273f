"""What an address means that a client asks for: a name that it was told, one that it stands in for, or itself.

A name without addresses of the family that is asked for has an address of a pool, which stands in for it: who connects
there is connected to the name. An address that is the name's own leads to all of them, so that one that is silent costs
nothing; but where several names have it and other addresses besides, it leads to itself alone, for the others may be
another server's.

Bounded: where a table is full, what was not used longest makes room, and of stand-ins only what was not used within an
hour, for a client may have kept it; otherwise there is no more, which is said. Asks no clock and nobody else.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from dualstack.core.address.address import BITS, Address
from dualstack.core.address.prefix import Prefix

__all__ = ["POOLS", "Meaning", "Names", "Pool"]

POOLS: Mapping[int, Prefix] = MappingProxyType(
    {4: Prefix.parse("198.18.0.0/15"), 6: Prefix.parse("fd64:7561:6c73:7461::/96")}
)
"""RFC 2544's block for benchmarks, which no host has; a prefix of RFC 4193, whose label no source of a client has."""

_KEPT_S = 3600.0
_STAND_INS_MAX = 65536
_KNOWN_MAX = 8192
_NAMES_OF_ONE_MAX = 8
# Of each pool, for what its owner needs: a resolver's address, a link's.
_RESERVED = 256


@dataclass(frozen=True, slots=True)
class Meaning:
    """Where an address leads.

    Args:
        name: to a name, whatever addresses it has then; None where it is to addresses.
        addresses: to these.
    """

    name: str | None = None
    addresses: tuple[Address, ...] = ()

    def __str__(self) -> str:
        return self.name or ", ".join(map(str, self.addresses))


class Pool:
    """Addresses that stand in for names, one each.

    Args:
        prefix: whose addresses they are; the first and the last 256 are not given out.
        limit: names at a time.
        kept_s: how long one is kept at least that is not used.
    """

    def __init__(self, prefix: Prefix, *, limit: int = _STAND_INS_MAX, kept_s: float = _KEPT_S) -> None:
        self.prefix = prefix
        room = (1 << min(BITS[prefix.network.version] - prefix.length, 32)) - 2 * _RESERVED
        self._limit = min(limit, room)
        self._room = room
        self._kept_s = kept_s
        self._next = 0
        self._names: dict[Address, str] = {}
        # The longest unused first.
        self._used: OrderedDict[str, tuple[Address, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._used)

    def address_of(self, name: str, now: float) -> Address | None:
        """The address that stands in for a name, now or from now on; None where there is no room."""
        found = self._used.get(name)
        address = self._free(now) if found is None else found[0]
        if address is not None:
            self._names[address] = name
            self._touch(name, address, now)
        return address

    def name_of(self, address: Address, now: float) -> str | None:
        """The name that it stands in for; None where it does for none."""
        name = self._names.get(address)
        if name is not None:
            self._touch(name, address, now)
        return name

    def _touch(self, name: str, address: Address, now: float) -> None:
        self._used[name] = address, now
        self._used.move_to_end(name)

    def _free(self, now: float) -> Address | None:
        if len(self._used) >= self._limit:
            name, (address, used_at) = next(iter(self._used.items()))
            if used_at + self._kept_s > now:
                return None
            del self._used[name], self._names[address]
        # In turn, so that one that was given back is the last to be given out again.
        while True:
            number = self._next
            self._next = (self._next + 1) % self._room
            address = Address.from_int(self.prefix.network.value + _RESERVED + number, self.prefix.network.version)
            if address not in self._names:
                return address


class Names:
    """What clients were told, and what it means.

    Args:
        pools: by family.
        known: addresses of names at a time.
    """

    def __init__(self, pools: Iterable[Pool] | None = None, *, known: int = _KNOWN_MAX) -> None:
        made = [Pool(prefix) for prefix in POOLS.values()] if pools is None else pools
        self._pools = {pool.prefix.network.version: pool for pool in made}
        self._known_max = known
        self._known: OrderedDict[Address, dict[str, frozenset[Address]]] = OrderedDict()

    @property
    def prefixes(self) -> tuple[Prefix, ...]:
        """Of the addresses that are ours to give a meaning."""
        return tuple(pool.prefix for pool in self._pools.values())

    def is_ours(self, address: Address) -> bool:
        """Whether it is of a pool, be it that it stands in for a name or not."""
        pool = self._pools.get(address.version)
        return pool is not None and address in pool.prefix

    def learn(self, name: str, addresses: Iterable[Address]) -> None:
        """A client was told these addresses of a name."""
        whole = frozenset(addresses)
        for address in whole:
            names = self._known.setdefault(address, {})
            self._known.move_to_end(address)
            names[name] = whole
            if len(names) > _NAMES_OF_ONE_MAX:
                del names[next(iter(names))]
        while len(self._known) > self._known_max:
            self._known.popitem(last=False)

    def stand_in(self, name: str, version: int, now: float) -> Address | None:
        """The address of a pool for a name that has none of that family; None where there is no room."""
        pool = self._pools.get(version)
        return None if pool is None else pool.address_of(name, now)

    def stands_for(self, address: Address, now: float) -> str | None:
        """The name that an address stands in for."""
        pool = self._pools.get(address.version)
        return None if pool is None else pool.name_of(address, now)

    def meaning(self, address: Address, now: float) -> Meaning | None:
        """Where an address leads that a client asks for; None where it is of a pool and stands in for nothing."""
        if self.is_ours(address):
            name = self.stands_for(address, now)
            return None if name is None else Meaning(name)
        sets = set(self._known.get(address, {}).values())
        if len(sets) != 1:
            return Meaning(addresses=(address,))
        # The one that was asked for leads where the order leaves it open.
        return Meaning(addresses=(address, *sorted(sets.pop() - {address})))
