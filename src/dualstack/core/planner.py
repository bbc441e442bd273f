"""Ports and services to sockets: which are opened, in which order and why, and what will stand in their way.

The six rules of `RULES` are HCL Domino's for which socket is created. Conflicts are foreseen by `core.oracle` alone,
among our own sockets and with those that listen on the host already (D8). Nothing is opened and nothing looked up:
names come in with the facts of the host.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from dualstack.core.address import Address
from dualstack.core.configuration import Configuration, ExecTarget, Port, Service, Sockets, UnixTarget
from dualstack.core.coverage import Claim, settle
from dualstack.core.endpoint import Endpoint, Wildcard, is_localhost
from dualstack.core.hostfacts import HostFacts
from dualstack.core.oracle import UNKNOWN, Case, Sock, Step, predict
from dualstack.core.outgoing import LOOPBACKS, LinkFinding, link_findings, target_addresses
from dualstack.core.scoping import check_scope
from dualstack.core.socketspec import SocketSpec
from dualstack.core.stacks import Sharing, Stack, stack_named
from dualstack.errors import ConfigError

__all__ = [
    "RULES",
    "Conflict",
    "LinkFinding",
    "Plan",
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

ANY_IPV4, ANY_IPV6 = Address("0.0.0.0"), Address("::")
_SOMEBODY_ELSE = -1


@dataclass(frozen=True, slots=True)
class Conflict:
    """What will fail: `a` at `step` with `errno`, because of `b` (None: because of `a` alone), and what to do."""

    a: str
    b: str | None
    errno: str
    step: str
    remedy: str

    def __str__(self) -> str:
        if self.step == "connect":
            return f"{self.a} is our own listener {self.b}: {self.remedy}"
        against = f" beside {self.b}" if self.b else ""
        return f"{self.step} of {self.a}{against}: {self.errno}; {self.remedy}"


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
        facts = replace(facts, ipv6=False, why_no_ipv6="the configuration turns it off")
    claims = [claim for service in config.services for claim in claims_of(config, service, facts)]
    _check_interfaces(config, facts)
    _check_targets(config, facts)
    made = plan_claims(claims, facts, where=config.where)
    conflicts = [*made.conflicts, *_loops(config, made.sockets, facts)]
    return Plan(made.sockets, tuple(conflicts), tuple(link_findings(config, facts)), made.notes)


def plan_claims(claims: Sequence[Claim], facts: HostFacts, *, auto: Sockets = Sockets.SINGLE, where: str = "") -> Plan:
    """The sockets of `claims`; `auto` is what `sockets = "auto"` means here."""
    stack = stack_named(facts.system)
    sockets: list[SocketSpec] = []
    conflicts: list[Conflict] = []
    notes: list[str] = []
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
        made = _share(sorted(made, key=lambda spec: not spec.address.is_unspecified), stack)
        conflicts += _foreseen(made, stack, facts)
        sockets += made
    return Plan(tuple(sockets), tuple(conflicts), (), tuple(dict.fromkeys(notes)))


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
    bind = ANY_IPV6 if port.v6only and isinstance(port.bind, Wildcard) else port.bind
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
        )


def _hosts(host: Address | str | Wildcard, where: str, key: str, facts: HostFacts) -> tuple[Address | Wildcard, ...]:
    if isinstance(host, Address):
        return (host.canonical,)
    if isinstance(host, Wildcard):
        return (host,)
    if is_localhost(host):
        return LOOPBACKS
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


def _check_targets(config: Configuration, facts: HostFacts) -> None:
    for service in config.services:
        if service.protocol == "udp" and isinstance(service.target, UnixTarget | ExecTarget):
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
        if claim.host == ANY_IPV4 or (isinstance(claim.host, Address) and claim.host.version == 4):
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
            claim, 6, ANY_IPV6, not single, "D6.3" if unbound else "D6.5", stack=stack if 4 in families else None
        )
    if 4 in families and not single:
        rule = "D6.6" if facts.ipv6 or claim.host == ANY_IPV4 else "D6.4" if unbound else "D6.1"
        yield _spec(claim, 4, ANY_IPV4, None, rule, stack=stack)


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
    """Mark the sockets of ours that only a shared port number lets stand side by side."""
    shared: set[int] = set()
    while True:
        marked = [replace(spec, shared=index in shared) for index, spec in enumerate(specs)]
        sockets = tuple(planned_sock(spec, stack) for spec in marked)
        steps = _opening(marked[0].proto if marked else "tcp", range(len(sockets)))
        outcomes = predict(Case(stack, marked[0].proto, sockets, steps)).steps if marked else ()
        clashes = {
            index
            for step, outcome in zip(steps, outcomes, strict=True)
            if outcome.errno in {"EADDRINUSE", "EACCES"} and outcome.against is not None
            for index in (step.socket, outcome.against)
        }
        if clashes <= shared:
            return marked
        shared |= clashes


def _foreseen(specs: Sequence[SocketSpec], stack: Stack, facts: HostFacts) -> Iterator[Conflict]:
    """What binding and listening will fail with, given who is there already."""
    low = max(facts.first_unprivileged_port, 0)
    for position, spec in enumerate(specs):
        if 0 < spec.port < low and not facts.may_bind_low:
            yield Conflict(
                f"{spec} ({spec.service})",
                None,
                "EACCES",
                "bind",
                f"ports below {low} need CAP_NET_BIND_SERVICE: start as root with `user`, or use a port from {low} on",
            )
            continue
        conflict = _foreseen_one(spec, specs[:position], stack, facts)
        if conflict is not None:
            yield conflict


def _foreseen_one(spec: SocketSpec, earlier: Sequence[SocketSpec], stack: Stack, facts: HostFacts) -> Conflict | None:
    foreign = [
        listener
        for listener in facts.listeners or ()
        if listener.port == spec.port != 0 and listener.proto == spec.proto
    ]
    sockets = (
        # They stand already, however they came by it; with us, another user's, none of them shares.
        *(Sock(each.family, each.address, each.v6only, reuseport=True, uid=_SOMEBODY_ELSE) for each in foreign),
        *(planned_sock(own, stack) for own in earlier),
        planned_sock(spec, stack),
    )
    local = frozenset(a for i in facts.interfaces for a in i.addresses) if facts.interfaces else None
    case = Case(
        stack,
        spec.proto,
        sockets,
        _opening(spec.proto, range(len(sockets))),
        bindv6only=facts.bindv6only,
        ipv6=facts.ipv6,
        local=local,
        interfaces={interface.name: interface.index for interface in facts.interfaces},
    )
    prediction = predict(case)
    mine = len(sockets) - 1
    for step, outcome in zip(case.steps, prediction.steps, strict=True):
        if step.socket != mine or outcome.errno is None or outcome.errno is UNKNOWN:
            continue
        against = outcome.against
        if against is None:
            return Conflict(
                f"{spec} ({spec.service})", None, str(outcome.errno), step.call, f"{outcome.why}; bind another address"
            )
        other = str(foreign[against]) if against < len(foreign) else str(earlier[against - len(foreign)])
        return Conflict(f"{spec} ({spec.service})", other, str(outcome.errno), step.call, _remedy(spec, other))
    return None


def _remedy(spec: SocketSpec, other: str) -> str:
    return f"stop {other} or let it listen on another port; or bind {spec.service} to addresses that it leaves free"


def planned_sock(spec: SocketSpec, stack: Stack) -> Sock:
    """The socket of `spec` with the options that `kernel.sockets` gives it on a system."""
    is_tcp, is_windows = spec.proto == "tcp", stack.same_address is Sharing.MATRIX
    return Sock(
        spec.family,
        spec.address,
        spec.v6only,
        reuseaddr=is_tcp and not is_windows,
        reuseport=spec.shared and not is_windows,
        exclusive=is_tcp and is_windows and not spec.shared,
    )


def _opening(proto: str, indexes: Iterable[int]) -> tuple[Step, ...]:
    """The calls that open sockets: UDP has no listen."""
    calls = ("bind", "listen") if proto == "tcp" else ("bind",)
    return tuple(Step(call, index) for index in indexes for call in calls)


def _loops(config: Configuration, specs: Sequence[SocketSpec], facts: HostFacts) -> Iterator[Conflict]:
    """A target that one of our own listeners would answer is a loop without end."""
    stack = stack_named(facts.system)
    local = {address for interface in facts.interfaces for address in interface.addresses}
    for service in config.services:
        if not isinstance(service.target, Endpoint):
            continue
        port = service.target.port
        own = [spec for spec in specs if spec.port == port and spec.proto == service.protocol]
        here = tuple(
            address for address in target_addresses(service.target, facts) if address in local or address.is_loopback
        )
        sockets = tuple(planned_sock(replace(spec, shared=True), stack) for spec in own)
        case = Case(stack, service.protocol, sockets, _opening(service.protocol, range(len(own))), destinations=here)
        for receivers in predict(case).receivers.values():
            if not receivers:
                continue
            yield Conflict(
                f"{service.target} (target of {service.name})",
                f"{own[receivers[0].socket]} ({own[receivers[0].socket].service})",
                "ELOOP",
                "connect",
                "the gateway would connect to itself: let the server behind listen on another port or address",
            )
            break
