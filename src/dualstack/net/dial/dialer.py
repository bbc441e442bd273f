"""A dialler: the policy of connections and what they teach, safe across threads and forks.

The decisions are `core.race`'s, the sockets `kernel.attempts`', the waiting `net.dial`'s and `net.dial_blocking`'s.
"""

import os
import socket as _socket_module
import threading
import weakref
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from socket import if_nametoindex, socket
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

from dualstack.core.address.embedded import nat64_prefix
from dualstack.core.dial.egress import ANYWHERE, FAMILY_NAMES, Outlet
from dualstack.core.dial.history import History
from dualstack.core.dial.order import Candidate, Known
from dualstack.core.dial.policy_table import PolicyTable
from dualstack.core.dial.race import Race
from dualstack.core.dial.resolution import Lookup
from dualstack.core.dial.steps import DialStep
from dualstack.core.dial.timing import Timing
from dualstack.errors import AddressError, TargetError
from dualstack.net.dial.address_lookup import system_table
from dualstack.net.dial.source import LocalEnd, SourceAddress, read_source, version_of
from dualstack.net.dial.target import Target
from dualstack.net.names.getaddrinfo import Resolver, ServiceResolver

if TYPE_CHECKING:
    import ssl
    from asyncio import StreamReader, StreamWriter
    from typing import TypedDict, Unpack

    from dualstack.core.access.access_list import AccessList
    from dualstack.core.dial.egress import SocketOption
    from dualstack.net.dial.target import HostLike, PortLike

    class AsynciosWords(TypedDict, total=False):
        """What `dualstack.open_connection` takes besides."""

        ssl_handshake_timeout: float | None
        ssl_shutdown_timeout: float | None
        local_addr: SourceAddress | None
        proto: int
        flags: int
        sock: socket | None
        happy_eyeballs_delay: float | None
        interleave: int | None
        all_errors: bool
        socket_options: Iterable[SocketOption]


__all__ = ["DEFAULT_DIALER", "GLOBAL_DEFAULT_TIMEOUT", "Dialer", "OnStep", "SharedHistory", "SourceAddress", "narrowed"]

# What the standard library's clients pass on where their user gave no timeout.
GLOBAL_DEFAULT_TIMEOUT: object = getattr(_socket_module, "_GLOBAL_DEFAULT_TIMEOUT")  # noqa: B009 - it has no type

OnStep: TypeAlias = Callable[[DialStep], object]


class _Fork:
    """Around a fork(2) nobody is in the midst of a change, so that the child's copy is a whole one."""

    def __init__(self) -> None:
        self.shared: weakref.WeakSet[SharedHistory] = weakref.WeakSet()
        self._one_at_a_time = threading.Lock()
        self._held: list[SharedHistory] = []
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(before=self._before, after_in_parent=self._after, after_in_child=self._after)

    def _before(self) -> None:
        self._one_at_a_time.acquire()
        self._held = list(self.shared)
        for history in self._held:
            history.hold()

    def _after(self) -> None:
        for history in self._held:
            history.let_go()
        self._held = []
        self._one_at_a_time.release()


_FORK = _Fork()


class SharedHistory:
    """A `History` for many threads; a child process goes on with what was known at the fork.

    Args:
        history: what is shared; an empty one by default.
    """

    def __init__(self, history: History | None = None) -> None:
        self._history = History() if history is None else history
        self._lock = threading.Lock()
        _FORK.shared.add(self)

    def recall(self, candidate: Candidate, now: float) -> Known:
        """As `History.recall`."""
        with self._lock:
            return self._history.recall(candidate, now)

    def recalled(self, candidates: Sequence[Candidate], now: float) -> list[Candidate]:
        """As `History.recalled`."""
        with self._lock:
            return self._history.recalled(candidates, now)

    def claim_probe(self, candidate: Candidate, now: float) -> bool:
        """As `History.claim_probe`."""
        with self._lock:
            return self._history.claim_probe(candidate, now)

    def learn(self, candidate: Candidate, rtt_s: float | None, now: float) -> None:
        """As `History.learn`."""
        with self._lock:
            self._history.learn(candidate, rtt_s, now)

    def save(self, now: float, *, most: int | None = None) -> dict[str, object]:
        """As `History.save`."""
        with self._lock:
            return self._history.save(now, most=most)

    def load(self, document: Mapping[str, object], now: float) -> None:
        """As `History.load`."""
        with self._lock:
            self._history.load(document, now)

    def __len__(self) -> int:
        with self._lock:
            return len(self._history)

    def hold(self) -> None:
        """Let no other thread in until `let_go`."""
        self._lock.acquire()

    def let_go(self) -> None:
        """Undo `hold`."""
        self._lock.release()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dialer:
    """A policy for connections, with the history that they make; share one among all threads.

    Args:
        family: 4 or 6 for one alone, 0 for both.
        source: the local address to connect from, which leaves its family alone; `(host, port)` too.
        interface: the one interface to go by (Linux).
        access: rules, or a list of them as read, that every socket address must pass before it is dialled.
        nat64: prefixes of translators, for IPv4 addresses where IPv4 has no way; None looks for them (RFC 7050) when
            one is needed, `()` uses none.
        attempt_delay: seconds before the next address is tried beside one that has not answered; None is what was
            measured, else 0.25.
        resolution_delay: seconds to wait for the preferred family's addresses.
        first_family_count: addresses of the first family before one of the other.
        in_flight: attempts under way at once.
        history: where what is learnt goes; None learns nothing.
        policy: the table of RFC 6724; None is this host's, /etc/gai.conf where there is one.
        resolver: whoever is asked for names; None is the system, and `net.dns_resolver.DnsResolver` name servers.
        service: such as https, whose records are asked for beside the addresses (RFC 9460); takes such a resolver.
        outlet: instead of family, source, interface, access and nat64, the whole as a value.

    Raises:
        AddressError, RuleError, ValueError: one of them cannot be.

    >>> Dialer(family=6).outlet.families
    (6,)
    """

    family: int = 0
    source: "SourceAddress | None" = None
    interface: str | None = None
    access: "AccessList | Iterable[str] | None" = None
    nat64: "Iterable[str] | None" = None
    attempt_delay: float | None = None
    resolution_delay: float = 0.050
    first_family_count: int = 1
    in_flight: int = 12
    history: SharedHistory | None = field(default_factory=SharedHistory)
    policy: PolicyTable | None = None
    resolver: Resolver | None = None
    service: str | None = None
    outlet: Outlet = ANYWHERE
    timing: Timing = field(init=False)
    name_servers: ServiceResolver | None = field(init=False)
    is_plain: bool = field(init=False)

    def __post_init__(self) -> None:
        set_field = object.__setattr__
        if isinstance(self.nat64, str):
            raise AddressError(self.nat64, f"the prefixes are a list, of which this is one: write [{self.nat64!r}]")
        if self.nat64 is not None:
            set_field(self, "nat64", tuple(self.nat64))
        set_field(self, "name_servers", self.resolver if isinstance(self.resolver, ServiceResolver) else None)
        if self.service is not None and not self.knows_services:
            raise ValueError(
                f"service {self.service!r}: takes a resolver that has service records, as DnsResolver does"
            )
        timing = Timing(self.resolution_delay, self.attempt_delay, self.first_family_count, self.in_flight)
        set_field(self, "timing", timing)
        set_field(self, "outlet", self._whole_outlet())
        set_field(self, "is_plain", self.outlet is ANYWHERE)

    def _whole_outlet(self) -> Outlet:
        outlet = self.outlet
        if self.interface is not None:
            sources = {version: replace(source, interface=self.interface) for version, source in outlet.sources.items()}
            outlet = replace(outlet, sources=MappingProxyType(sources))
        if self.access is not None:
            outlet = replace(outlet, access=self._rules(self.access))
        if self.nat64:
            outlet = replace(outlet, nat64=tuple(map(nat64_prefix, self.nat64)))
        return narrowed(outlet, self.family, self.source)

    def _rules(self, rules: "AccessList | Iterable[str]") -> "AccessList":
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

    def race(
        self,
        target: Target,
        lookups: Sequence[Lookup],
        now: float,
        *,
        deadline: float = inf,
        name: str | None = None,
        on_step: OnStep | None = None,
        asked: Collection[Lookup] | None = None,
    ) -> Race:
        """The machine for one connection by this policy."""
        return Race(
            target,
            lookups,
            now,
            timing=self.timing,
            deadline=deadline,
            table=system_table() if self.policy is None else self.policy,
            memory=self.history,
            name=name,
            on_step=on_step,
            asked=asked,
        )

    def create_connection(
        self,
        address: "tuple[HostLike, PortLike]",
        timeout: object = GLOBAL_DEFAULT_TIMEOUT,
        source_address: "SourceAddress | None" = None,
        *,
        all_errors: bool = False,
        family: int = 0,
        socket_options: "Iterable[SocketOption]" = (),
        on_step: OnStep | None = None,
    ) -> socket:
        """`dualstack.create_connection` by this policy."""
        from dualstack.net.dial.blocking_driver import create_connection

        return create_connection(
            address,
            timeout,
            source_address,
            all_errors=all_errors,
            family=family,
            socket_options=socket_options,
            dialer=self,
            on_step=on_step,
        )

    async def connect(
        self,
        host: "HostLike",
        port: "PortLike",
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - it counts in the lookups too
        source_address: "SourceAddress | None" = None,
        family: int = 0,
        socket_options: "Iterable[SocketOption]" = (),
        on_step: OnStep | None = None,
    ) -> socket:
        """`dualstack.connect` by this policy."""
        from dualstack.net.dial.asyncio_calls import connect

        return await connect(
            host,
            port,
            timeout=timeout,
            source_address=source_address,
            family=family,
            socket_options=socket_options,
            dialer=self,
            on_step=on_step,
        )

    async def open_connection(
        self,
        host: "HostLike" = None,
        port: "PortLike | None" = None,
        *,
        limit: int = 1 << 16,
        ssl: "ssl.SSLContext | bool | None" = None,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - as above
        source_address: "SourceAddress | None" = None,
        family: int = 0,
        on_step: OnStep | None = None,
        **asyncios: "Unpack[AsynciosWords]",
    ) -> "tuple[StreamReader, StreamWriter]":
        """`dualstack.open_connection` by this policy."""
        from dualstack.net.dial.asyncio_calls import open_connection

        return await open_connection(
            host,
            port,
            limit=limit,
            ssl=ssl,
            server_hostname=server_hostname,
            timeout=timeout,
            source_address=source_address,
            family=family,
            dialer=self,
            on_step=on_step,
            **asyncios,
        )


def narrowed(outlet: Outlet, family: int, source: "SourceAddress | LocalEnd | None") -> Outlet:
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


def _literal(source: "SourceAddress | None") -> LocalEnd:
    read = read_source(source)
    if isinstance(read, LocalEnd):
        return read
    raise TargetError(
        read[0], "a dialler's source is an IPv4 or IPv6 address; a name goes to its functions, as source_address"
    )


DEFAULT_DIALER = Dialer()
