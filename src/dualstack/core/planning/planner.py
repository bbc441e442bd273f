"""Ports and services to sockets: which are opened, in which order and why, and what will stand in their way.

The six rules of `RULES` are HCL Domino's for which socket is created. What will stand in the way is
`core.planning.conflicts`'s. Nothing is opened and nothing looked up: names come in with the facts of the host.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from dualstack.core.address.address import Address
from dualstack.core.address.endpoint import Endpoint, Wildcard, is_localhost
from dualstack.core.address.well_known import LOOPBACK, UNSPECIFIED
from dualstack.core.host.facts import BindAsk, HostFacts
from dualstack.core.host.scope_check import check_scope
from dualstack.core.oracle.oracle import Case, predict
from dualstack.core.oracle.systems import Stack, stack_named
from dualstack.core.planning.configuration import Configuration, Port, Service, Sockets
from dualstack.core.planning.conflicts import Conflict, foreseen, loops
from dualstack.core.planning.links import LinkFinding, link_findings
from dualstack.core.planning.opening import opening, planned_sock
from dualstack.core.planning.socket_spec import SocketSpec
from dualstack.core.planning.targets import kind_of
from dualstack.core.planning.wildcard_split import Claim, settle
from dualstack.errors import ConfigError

__all__ = [
    "RULES",
    "Conflict",
    "LinkFinding",
    "Plan",
    "bind_asks",
    "claims_of",
    "plan",
    "plan_claims",
    "planned_sock",
]

RULES = {
    "D6.1": "IPv6 is off, so the socket is IPv4",
    "D6.2": "bound to an address, so the socket is of the address's family",
    "D6.3": "not bound to an address and IPv6 is on, so the socket is IPv6",
    "D6.4": "not bound to an address and IPv6 is off, so the socket is IPv4",
    "D6.5": "any IPv6 address is the IPv6 wildcard",
    "D6.6": "any IPv4 address is ::ffff:0.0.0.0, which is the IPv4 wildcard",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """All that will be opened, in order; `conflicts` will fail, `notes` are for people."""

    sockets: tuple[SocketSpec, ...]
    conflicts: tuple[Conflict, ...] = ()
    links: tuple[LinkFinding, ...] = ()
    notes: tuple[str, ...] = ()


def plan(config: Configuration, facts: HostFacts) -> Plan:
    """What `config` means on the host of `facts`.

    Raises:
        ConfigError: the configuration cannot mean anything there, such as an IPv6 address with IPv6 off.
    """
    if not config.ipv6:
        asked = {ask: said for ask, said in facts.answers.items() if ask.address.version == 4}
        facts = replace(facts, ipv6=False, why_no_ipv6="the configuration turns it off", answers=asked)
    claims = [claim for service in config.services for claim in claims_of(config, service, facts)]
    _check_interfaces(config, facts)
    _check_freebind(config, facts)
    _check_targets(config, facts)
    made = plan_claims(claims, facts, where=config.where)
    conflicts = [*made.conflicts, *loops(config, made.sockets, facts)]
    return Plan(made.sockets, tuple(conflicts), tuple(link_findings(config, facts)), made.notes)


def plan_claims(claims: Sequence[Claim], facts: HostFacts, *, auto: Sockets = Sockets.SINGLE, where: str = "") -> Plan:
    """The sockets of `claims`; `auto` is what `sockets = "auto"` means here."""
    stack = stack_named(facts.system)
    sockets: list[SocketSpec] = []
    conflicts: list[Conflict] = []
    notes: list[str] = []
    claims = list(_on_this_host(claims, facts, notes))
    for group in _groups(claims):
        settlement = settle(group, ipv6=facts.ipv6)
        notes += settlement.notes
        conflicts += [_contest(group[loser], group[owner]) for loser, owner in settlement.contested]
        made = [
            spec
            for claim, families in zip(group, settlement.families, strict=True)
            for spec in _specs(claim, families, stack, facts, auto)
        ]
        if not facts.ipv6:
            notes += _without_ipv6(group, settlement.families, facts, where)
        sockets += made
    shared = [made for alike in _by_number(sockets) for made in _share(alike, stack)]
    conflicts += [conflict for alike in _by_number(shared) for conflict in foreseen(alike, stack, facts)]
    return Plan(tuple(shared), tuple(conflicts), (), tuple(dict.fromkeys(notes)))


def _by_number(specs: Iterable[SocketSpec]) -> Iterator[list[SocketSpec]]:
    """Those on one port number, wildcards first; to keep to an interface is no way around one that does not."""
    numbers: dict[tuple[object, ...], list[SocketSpec]] = {}
    for spec in specs:
        own = (spec.service, spec.port_name) if spec.port == 0 else ()
        numbers.setdefault((spec.proto, spec.port, *own), []).append(spec)
    return (sorted(alike, key=lambda spec: not spec.address.is_unspecified) for alike in numbers.values())


def claims_of(config: Configuration, service: Service, facts: HostFacts) -> Iterator[Claim]:
    """What `service` wants to listen on; names are the addresses that the facts have for them.

    Raises:
        ConfigError: a port that no `[ports]` has, a name without an address, an address that cannot be bound.
    """
    for item in service.listen:
        port = Port(service.name, item.host, v6only=service.v6only)
        yield from _claims(config, service, port, item.port, facts)
    for name in service.ports:
        port = config.port_named(name, f"services.{service.name}.ports")
        if service.port is None:
            raise ConfigError(config.where, f"services.{service.name}", "`ports` needs `port`, the number to listen on")
        yield from _claims(config, service, port, service.port, facts)


def _claims(config: Configuration, service: Service, port: Port, number: int, facts: HostFacts) -> Iterator[Claim]:
    key = f"ports.{port.name}.bind" if service.ports else f"services.{service.name}.listen" if config.where else ""
    bind = UNSPECIFIED[6] if port.v6only and isinstance(port.bind, Wildcard) else port.bind
    for host in _hosts(bind, config.where, key, facts):
        if isinstance(host, Address):
            check_scope(host, facts, config.where, key)
        yield Claim(
            service.name,
            port.name,
            host,
            number,
            proto=service.protocol,
            v6only=port.v6only,
            build=service.sockets,
            interface=port.interface,
            name=bind if isinstance(bind, str) else "",
            freebind=port.freebind,
        )


def _hosts(host: Address | str | Wildcard, where: str, key: str, facts: HostFacts) -> tuple[Address | Wildcard, ...]:
    if isinstance(host, Address):
        return (host.canonical,)
    if isinstance(host, Wildcard):
        return (host,)
    if is_localhost(host):
        return tuple(LOOPBACK.values())
    found = facts.names.get(host)
    if not found:
        raise ConfigError(where, key, f"{host!r} has no address; write one of this host's addresses, or *")
    return tuple(address.canonical for address in found)


def _check_interfaces(config: Configuration, facts: HostFacts) -> None:
    known = [interface.name for interface in facts.interfaces]
    for port in config.ports:
        if known and port.interface is not None and port.interface not in known:
            why = f"there is no interface {port.interface!r}; there are: {', '.join(known)}"
            raise ConfigError(config.where, f"ports.{port.name}.interface", why)


def _check_freebind(config: Configuration, facts: HostFacts) -> None:
    for port in config.ports:
        if port.freebind and facts.system != "linux":
            why = f"Linux alone binds addresses that come later, not {stack_named(facts.system).title}; leave it out"
            raise ConfigError(config.where, f"ports.{port.name}.freebind", why)


def _check_targets(config: Configuration, facts: HostFacts) -> None:
    for service in config.services:
        if service.protocol == "udp" and not kind_of(service.target).takes_datagrams:
            key = f"services.{service.name}.to" if config.where else ""
            why = f"{service.target} takes connections, and UDP has none; write HOST:PORT, or use TCP"
            raise ConfigError(config.where, key, why)
        if not isinstance(service.target, Endpoint) or not isinstance(service.target.host, Address):
            continue
        key = f"services.{service.name}.to" if config.where else ""
        host = service.target.host.canonical
        check_scope(host, facts, config.where, key)
        if host.version not in service.families:
            only = " and ".join(f"IPv{family}" for family in sorted(service.families))
            raise ConfigError(
                config.where, key, f"{service.target} is IPv{host.version}, and {only} alone is asked for"
            )


def bind_asks(config: Configuration, facts: HostFacts) -> frozenset[BindAsk]:
    """What the kernel is to be asked before `config` is planned: every single address that it listens on.

    Raises:
        ConfigError: as `claims_of` says.
    """
    claims = [claim for service in config.services for claim in claims_of(config, service, facts)]
    return frozenset(ask for claim in claims if (ask := _ask(claim)) is not None and _is_wanted(ask, config))


def _is_wanted(ask: BindAsk, config: Configuration) -> bool:
    return config.ipv6 or ask.address.version == 4


def _ask(claim: Claim) -> BindAsk | None:
    if claim.is_wildcard or isinstance(claim.host, Wildcard):
        return None
    return BindAsk(claim.proto, claim.host, claim.interface, claim.freebind)


def _on_this_host(claims: Sequence[Claim], facts: HostFacts, notes: list[str]) -> Iterator[Claim]:
    """The claims with what the kernel said of them; `localhost` is the loopbacks that are there, where one is."""
    absent = [claim for claim in claims if _is_absent_loopback(claim, facts)]
    for claim in claims:
        if claim not in absent:
            ask = _ask(claim)
            yield replace(claim, is_bindable=ask is not None and facts.answers.get(ask, "") is None)
            continue
        others = [o for o in claims if (o.name, o.port_name, o.port) == (claim.name, claim.port_name, claim.port)]
        if all(other in absent for other in others):
            yield claim
        else:
            other = "IPv4" if claim.host == LOOPBACK[6] else "IPv6"
            notes.append(
                f"{claim.name}:{claim.port} of {claim.service}: {other} alone, because no interface has {claim.host}"
            )


def _is_absent_loopback(claim: Claim, facts: HostFacts) -> bool:
    """Where IPv6 is off altogether, more is said than that `::1` is absent."""
    ask = _ask(claim)
    is_loopback = is_localhost(claim.name) and (facts.ipv6 or claim.host == LOOPBACK[4])
    return is_loopback and ask is not None and facts.answers.get(ask) == "EADDRNOTAVAIL"


def _groups(claims: Iterable[Claim]) -> Iterator[list[Claim]]:
    groups: dict[tuple[object, ...], list[Claim]] = {}
    for claim in claims:
        groups.setdefault(claim.group, []).append(claim)
    yield from groups.values()


def _without_ipv6(group: Sequence[Claim], families: Sequence[set[int]], facts: HostFacts, where: str) -> Iterator[str]:
    """What is said of each wildcard and name that goes without IPv6; what wants IPv6 alone is an error."""
    why = facts.why_no_ipv6 or "no interface has an IPv6 address"
    served = {(claim.service, claim.port_name, claim.name) for claim, got in zip(group, families, strict=True) if got}
    for claim in group:
        if claim.is_bindable or (isinstance(claim.host, Address) and claim.host.version == 4):
            continue
        both = claim.name != "" or (claim.is_wildcard and not claim.v6only)
        if both and (claim.service, claim.port_name, claim.name) in served:
            shown = f"{claim.name}:{claim.port}" if claim.name else claim
            yield f"{shown} of {claim.service}: IPv4 alone, because IPv6 is off ({why})"
            continue
        raise ConfigError(
            where,
            f"services.{claim.service}" if where else "",
            f"{claim} is IPv6, and IPv6 is off here: {why}; turn it on or bind an IPv4 address",
        )


def _specs(claim: Claim, families: set[int], stack: Stack, facts: HostFacts, auto: Sockets) -> Iterator[SocketSpec]:
    if not claim.is_wildcard and isinstance(claim.host, Address):
        for family in families:
            yield _spec(claim, family, claim.host, True if family == 6 else None, "D6.2")
        return
    build = auto if claim.build is Sockets.AUTO else claim.build
    single = families == {4, 6} and stack.dual and build is Sockets.SINGLE
    unbound = isinstance(claim.host, Wildcard)
    if 6 in families:
        yield _spec(
            claim, 6, UNSPECIFIED[6], not single, "D6.3" if unbound else "D6.5", stack=stack if 4 in families else None
        )
    if 4 in families and not single:
        rule = "D6.6" if facts.ipv6 or claim.host == UNSPECIFIED[4] else "D6.4" if unbound else "D6.1"
        yield _spec(claim, 4, UNSPECIFIED[4], None, rule, stack=stack)


def _spec(  # noqa: PLR0917 - what a spec is made of, in its own order
    claim: Claim,
    family: int,
    address: Address,
    v6only: bool | None,  # noqa: FBT001 - the option's own three states
    rule: str,
    stack: Stack | None = None,
) -> SocketSpec:
    why = RULES[rule]
    if v6only is False:
        why += "; IPV6_V6ONLY is off, so it receives both families (RFC 3493 section 3.7)"
    elif stack is not None and family == 6 and not stack.dual:
        why += f"; on {stack.title} no socket receives both families, so IPv4 has one of its own"
    return SocketSpec(
        claim.service,
        claim.port_name,
        family,
        address,
        claim.port,
        v6only,
        proto=claim.proto,
        interface=claim.interface,
        why=why,
        rule=rule,
        freebind=claim.freebind,
    )


def _contest(loser: Claim, owner: Claim) -> Conflict:
    return Conflict(
        a=f"{loser} ({loser.service})",
        b=f"{owner} ({owner.service})",
        errno="EADDRINUSE",
        step="bind",
        remedy="two services cannot share one address and port: give one of them another address or port",
    )


def _share(specs: Sequence[SocketSpec], stack: Stack) -> list[SocketSpec]:
    """Mark those of one port number, one at least, that only sharing it lets stand side by side."""
    shared: set[int] = set()
    while True:
        marked = [replace(spec, shared=index in shared) for index, spec in enumerate(specs)]
        sockets = tuple(planned_sock(spec, stack) for spec in marked)
        steps = opening(specs[0].proto, range(len(sockets)))
        outcomes = predict(Case(stack, specs[0].proto, sockets, steps)).steps
        clashes = {
            index
            for step, outcome in zip(steps, outcomes, strict=True)
            if outcome.errno in {"EADDRINUSE", "EACCES"} and outcome.against is not None
            for index in (step.socket, outcome.against)
        }
        if clashes <= shared:
            return marked
        shared |= clashes
