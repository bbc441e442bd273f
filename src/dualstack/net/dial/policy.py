"""What a dialler knows: from where and whither it may connect, whom it asks for names, how long it waits for what.

Opens nothing and waits for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from socket import if_nametoindex
from types import MappingProxyType

from dualstack.core.dial.egress import ANYWHERE, FAMILY_NAMES, EgressPolicy
from dualstack.core.dial.policy_table import PolicyTable
from dualstack.core.dial.timing import Timing
from dualstack.core.quick_values import dataclass, field, replace
from dualstack.errors import AddressError, TargetError
from dualstack.net.dial.shared_history import SharedHistory
from dualstack.net.dial.source import LocalEnd, SourceAddress, read_source, version_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    from dualstack.core.access.access_list import AccessList
    from dualstack.core.dial.steps import DialStep
    from dualstack.net.names.resolver import Resolver, ServiceResolver

__all__ = ["DEFAULT_POLICY", "DialPolicy", "OnStep", "narrowed"]

OnStep: TypeAlias = Callable[["DialStep"], object]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DialPolicy:
    """The fields of a `Dialer`, which says what each means, and what follows from them."""

    family: int = 0
    source: SourceAddress | None = None
    interface: str | None = None
    access: AccessList | Iterable[str] | None = None
    nat64: Iterable[str] | None = None
    attempt_delay: float | None = None
    resolution_delay: float = 0.050
    first_family_count: int = 1
    in_flight: int = 12
    history: SharedHistory | None = field(default_factory=SharedHistory)
    policy: PolicyTable | None = None
    resolver: Resolver | None = None
    service: str | None = None
    outlet: EgressPolicy = ANYWHERE
    timing: Timing = field(init=False)
    name_servers: ServiceResolver | None = field(init=False)
    is_plain: bool = field(init=False)

    def __post_init__(self) -> None:
        for name, (is_one, what) in _WANTED.items():
            value = getattr(self, name)
            if value is not None and not is_one(value):
                raise TypeError(f"{name} {value!r}: {what}")
        set_field = object.__setattr__
        if isinstance(self.nat64, str):
            raise AddressError(self.nat64, f"the prefixes are a list, of which this is one: write [{self.nat64!r}]")
        if self.nat64 is not None:
            set_field(self, "nat64", tuple(self.nat64))
        set_field(self, "name_servers", None if self.resolver is None else _with_services(self.resolver))
        if self.service is not None and not self.knows_services:
            raise ValueError(
                f"service {self.service!r}: takes a resolver that has service records, as DnsResolver does"
            )
        timing = Timing(self.resolution_delay, self.attempt_delay, self.first_family_count, self.in_flight)
        set_field(self, "timing", timing)
        set_field(self, "outlet", self._whole_outlet())
        set_field(self, "is_plain", self.outlet is ANYWHERE)

    def _whole_outlet(self) -> EgressPolicy:
        outlet = self.outlet
        if self.interface is not None:
            sources = {version: replace(source, interface=self.interface) for version, source in outlet.sources.items()}
            outlet = replace(outlet, sources=MappingProxyType(sources))
        if self.access is not None:
            outlet = replace(outlet, access=self._rules(self.access))
        if self.nat64:
            from dualstack.core.address.embedded import nat64_prefix  # who has no translators does not pay for it

            outlet = replace(outlet, nat64=tuple(map(nat64_prefix, self.nat64)))
        return narrowed(outlet, self.family, self.source)

    def _rules(self, rules: AccessList | Iterable[str]) -> AccessList:
        from dualstack.core.access.access_list import AccessList  # who has no rules does not pay for their tables

        if isinstance(rules, AccessList):
            return rules
        return AccessList(rules, nat64=self.nat64 or (), zone_id=if_nametoindex)

    @property
    def discovers(self) -> bool:
        """Whether a translator's prefix is looked for."""
        return self.nat64 is None and not self.outlet.nat64

    @property
    def knows_services(self) -> bool:
        """Whether its resolver has service records (RFC 9460)."""
        return self.name_servers is not None


def _with_services(resolver: Resolver) -> ServiceResolver | None:
    from dualstack.net.names.resolver import ServiceResolver  # who asks the system does not pay for it

    return resolver if isinstance(resolver, ServiceResolver) else None


def _has(*methods: str) -> Callable[[object], bool]:
    return lambda value: all(callable(getattr(value, name, None)) for name in methods)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float)


# What a field must be where it is not None, and how that is said.
_WANTED: Mapping[str, tuple[Callable[[object], bool], str]] = MappingProxyType(
    {
        "interface": (lambda value: isinstance(value, str), "an interface's name, such as 'eth0', or None"),
        "access": (
            lambda value: _has("__iter__")(value) or _has("check")(value),
            "a list of rules, an AccessList or None",
        ),
        "nat64": (_has("__iter__"), "a list of prefixes, or None"),
        "attempt_delay": (_is_number, "a number of seconds, or None"),
        "resolution_delay": (_is_number, "a number of seconds"),
        "history": (_has("recalled", "learn"), "a SharedHistory, or None"),
        "policy": (lambda value: isinstance(value, PolicyTable), "a PolicyTable, or None"),
        "resolver": (_has("getaddrinfo"), "whoever has getaddrinfo, as DnsResolver does, or None"),
        "outlet": (lambda value: isinstance(value, EgressPolicy), "an EgressPolicy"),
    }
)


def narrowed(outlet: EgressPolicy, family: int, source: SourceAddress | LocalEnd | None) -> EgressPolicy:
    """`outlet` for one family, or from one source, alone; a source's name has been looked up before.

    Raises:
        AddressError: the source is no address.
        ValueError: the family is none of 4, 6 and 0, nor one of `socket`'s.
    """
    if not family and source is None:
        return outlet
    version = version_of(family)
    sources, why = outlet.sources, outlet.why
    end = source if isinstance(source, LocalEnd) else _literal(source)
    if end.addresses:
        bound = {address.version: address for address in end.addresses}
        names = " and ".join(FAMILY_NAMES[each] for each in bound)
        why = f"{names} alone can be dialled from {' and '.join(map(str, end.addresses))}"
        sources = {each: replace(own, address=bound[each]) for each, own in sources.items() if each in bound}
    if end.port or end.options:
        sources = {each: replace(own, port=end.port, options=end.options) for each, own in sources.items()}
    if version:
        why = why or f"{FAMILY_NAMES[version]} alone is asked for"
        sources = {each: own for each, own in sources.items() if each == version}
    return replace(outlet, sources=MappingProxyType(dict(sources)), why=why)


def _literal(source: SourceAddress | None) -> LocalEnd:
    read = read_source(source)
    if isinstance(read, LocalEnd):
        return read
    raise TargetError(
        read[0], "a dialler's source is an IPv4 or IPv6 address; a name goes to its functions, as source_address"
    )


DEFAULT_POLICY = DialPolicy()
"""Of all who name no dialler, who so share one history."""
