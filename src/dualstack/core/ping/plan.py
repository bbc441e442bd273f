"""Which addresses of a host are pinged, and by which interface: values checked, scopes filled in.

An address that needs a scope and has none takes that of `interface`; with neither, the error names the interfaces it
could mean. Never looks anything up: the addresses and the facts of this host come in.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf

from dualstack.core.address.address import Address
from dualstack.core.host.facts import HostFacts, Interface
from dualstack.core.host.scope_check import check_scope
from dualstack.core.ping.probes import Schedule
from dualstack.errors import ConfigError

__all__ = ["PingPlan", "PingWishes", "plan_ping"]

# What RFC 791 leaves of 65535 bytes after its header and that of ICMP.
_SIZE_MAX = 65507


@dataclass(frozen=True, slots=True)
class PingWishes:
    """What is asked for, checked.

    Args:
        schedule: how many probes, how often, how long, how big.
        family: 4 or 6 for the addresses of one, 0 for both.
        interface: the one to go out by, its name or number; None for the kernel's choice.
        source: the address to ask from; None for the kernel's choice.
        hop_limit: 1 to 255; None for the kernel's default.

    Raises:
        ConfigError: a value is out of range.
    """

    schedule: Schedule = field(default_factory=Schedule)
    family: int = 0
    interface: str | None = None
    source: Address | None = None
    hop_limit: int | None = None

    def __post_init__(self) -> None:
        if self.family not in {0, 4, 6}:
            raise ConfigError("", "family", f"{self.family!r}: expected 4 or 6 for that family alone, or 0")
        _check_seconds("interval_s", self.schedule.interval_s, 0.01)
        _check_seconds("timeout_s", self.schedule.timeout_s, 0.001)
        _check_whole("count", self.schedule.count, 1, inf)
        _check_whole("size_bytes", self.schedule.size_bytes, 0, _SIZE_MAX)
        if self.hop_limit is not None:
            _check_whole("hop_limit", self.hop_limit, 1, 255)


def _check_seconds(key: str, value: float, lowest: float) -> None:
    if type(value) not in {int, float} or not lowest <= value < inf:
        raise ConfigError("", key, f"{value!r}: expected seconds from {lowest} on")


def _check_whole(key: str, value: int, lowest: int, highest: float) -> None:
    if type(value) is not int or not lowest <= value <= highest:
        upper = "on" if highest == inf else f"to {highest}"
        raise ConfigError("", key, f"{value!r}: expected a whole number from {lowest} {upper}")


@dataclass(frozen=True, slots=True)
class PingPlan:
    """Who is asked: the addresses with their scopes, the number of the interface (0 for none), and the wishes."""

    targets: tuple[Address, ...]
    interface: int
    wishes: PingWishes


def plan_ping(host: str, addresses: Iterable[Address], wishes: PingWishes, facts: HostFacts) -> PingPlan:
    """The addresses of `host` that `wishes` leave, each able to be asked as it is written.

    Raises:
        ConfigError: an address without its scope or with another than `interface`, no such interface, a source of the
            other family, an address that names no host.
    """
    interface = None if wishes.interface is None else _interface(wishes.interface, "interface", facts)
    targets = tuple(dict.fromkeys(_scoped(address, interface, facts) for address in addresses))
    if wishes.source is not None:
        _check_source(wishes.source, facts)
        targets = tuple(target for target in targets if target.version == wishes.source.version)
        if not targets:
            why = f"{wishes.source} is IPv{wishes.source.version}, and {host} has no such address"
            raise ConfigError("", "source", why)
    return PingPlan(targets, interface.index if interface else 0, wishes)


def _scoped(address: Address, interface: Interface | None, facts: HostFacts) -> Address:
    if address.is_unspecified:
        loopback = "::1" if address.version == 6 else "127.0.0.1"
        raise ConfigError("", "", f"{address} names no host; {loopback} is this one")
    if interface is not None and address.needs_scope and address.scope is None and address.kame_scope is None:
        address = Address(address, interface.name)
    check_scope(address, facts, "", "")
    if address.scope is not None:
        own = _interface(address.scope, str(address), facts)
        if interface is not None and own.index != interface.index:
            raise ConfigError("", "interface", f"{interface.name}, and {address} is on {own.name}: the two must agree")
    return address


def _interface(name: str, key: str, facts: HostFacts) -> Interface:
    for interface in facts.interfaces:
        if name in {interface.name, str(interface.index)}:
            return interface
    known = ", ".join(interface.name for interface in facts.interfaces)
    raise ConfigError("", key, f"there is no interface {name}" + (f"; there are: {known}" if known else ""))


def _check_source(source: Address, facts: HostFacts) -> None:
    if source.is_multicast:
        raise ConfigError("", "source", f"{source} is a group's address: write one of this host's")
    check_scope(source, facts, "", "source")
    if source.scope is not None:
        _interface(source.scope, "source", facts)
