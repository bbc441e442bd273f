"""What will stand in the way of a plan: addresses that cannot be bound, sockets that are there already, loops (D8).

Each is asked of `core.oracle`, among our own sockets and beside those that listen on the host; whether an address can
be bound at all is what the kernel said (`HostFacts.answers`), where it was asked. Every conflict comes with its remedy,
and a remedy with options was tried on the oracle before it is named.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from dualstack.core.address.endpoint import Endpoint
from dualstack.core.host.facts import HostFacts
from dualstack.core.oracle.bind_alone import why_not_there
from dualstack.core.oracle.case import UNKNOWN, Case, Sock
from dualstack.core.oracle.oracle import predict
from dualstack.core.oracle.systems import Stack, stack_named
from dualstack.core.planning.configuration import Configuration, Service
from dualstack.core.planning.holders import beside, stranger
from dualstack.core.planning.links import target_addresses
from dualstack.core.planning.opening import APART, apart, opening, planned_sock, whole
from dualstack.core.planning.socket_spec import SocketSpec

__all__ = ["Conflict", "foreseen", "loops"]


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


def foreseen(specs: Sequence[SocketSpec], stack: Stack, facts: HostFacts) -> Iterator[Conflict]:
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
        conflict = _refused_alone(spec, facts) or _beside_others(spec, specs, specs[:position], stack, facts)
        if conflict is not None:
            yield conflict


def _refused_alone(spec: SocketSpec, facts: HostFacts) -> Conflict | None:
    """What the kernel said of the address by itself."""
    errno = facts.answers.get(spec.ask)
    if errno is None:
        return None
    remedy = why_not_there(spec.address, errno, facts.interfaces)
    return Conflict(f"{spec} ({spec.service})", None, errno, "bind", remedy)


def _beside_others(
    spec: SocketSpec, specs: Sequence[SocketSpec], earlier: Sequence[SocketSpec], stack: Stack, facts: HostFacts
) -> Conflict | None:
    foreign = [
        listener
        for listener in facts.listeners or ()
        if listener.port == spec.port != 0 and listener.proto == spec.proto
    ]
    sockets = (
        *(stranger(each) for each in foreign),
        *(planned_sock(own, stack) for own in earlier),
        planned_sock(spec, stack),
    )
    case = _case_on(facts, stack, spec, sockets)
    mine = len(sockets) - 1
    for step, outcome in zip(case.steps, predict(case).steps, strict=True):
        if step.socket != mine or outcome.errno is None or outcome.errno is UNKNOWN:
            continue
        against, shown = outcome.against, f"{spec} ({spec.service})"
        if against is None:
            return Conflict(shown, None, str(outcome.errno), step.call, f"{outcome.why}; bind another address")
        other = str(foreign[against]) if against < len(foreign) else str(earlier[against - len(foreign)])
        family = beside(whole(spec, specs), foreign, stack)
        free = f"addresses that it leaves free{f', as with {family}' if family else ''}"
        remedy = f"stop {other} or let it listen on another port; or bind {spec.service} to {free}"
        return Conflict(shown, other, str(outcome.errno), step.call, remedy)
    return None


def _case_on(facts: HostFacts, stack: Stack, spec: SocketSpec, sockets: tuple[Sock, ...]) -> Case:
    """The sockets on the host of `facts`; what the kernel has bound is there, whatever the interfaces say."""
    there = spec.ask in facts.answers
    local = {a for i in facts.interfaces for a in i.addresses} if facts.interfaces and not there else None
    return Case(
        stack,
        spec.proto,
        sockets,
        opening(spec.proto, range(len(sockets))),
        bindv6only=facts.bindv6only,
        ipv6=facts.ipv6 or there,
        local=None if local is None else frozenset(local),
        interfaces={interface.name: interface.index for interface in facts.interfaces},
    )


def loops(config: Configuration, specs: Sequence[SocketSpec], facts: HostFacts) -> Iterator[Conflict]:
    """A target that one of our own listeners would answer is a loop without end."""
    for service in config.services:
        if not isinstance(service.target, Endpoint):
            continue
        port = service.target.port
        # A connection to an address of our own comes in by the loopback, whichever interface has the address.
        near = [spec for spec in specs if spec.interface in {None, "lo", "lo0"}]
        own = [spec for spec in near if spec.port == port and spec.proto == service.protocol]
        met = _met(service.target, own, service, facts)
        if met is None:
            continue
        yield Conflict(
            f"{service.target} (target of {service.name})",
            f"{met} ({met.service})",
            "ELOOP",
            "connect",
            f"the gateway would connect to itself: {_out_of_the_loop(service, met, own, facts)}",
        )


def _met(target: Endpoint, own: Sequence[SocketSpec], service: Service, facts: HostFacts) -> SocketSpec | None:
    """The first of our own sockets that a connection to `target` would reach."""
    stack = stack_named(facts.system)
    local = {address for interface in facts.interfaces for address in interface.addresses} | facts.own
    here = tuple(address for address in target_addresses(target, facts) if address in local or address.is_loopback)
    sockets = tuple(planned_sock(replace(spec, shared=True), stack) for spec in own)
    case = Case(stack, service.protocol, sockets, opening(service.protocol, range(len(own))), destinations=here)
    reached = (receivers[0].socket for receivers in predict(case).receivers.values() if receivers)
    return next((own[index] for index in reached), None)


def _out_of_the_loop(service: Service, met: SocketSpec, own: Sequence[SocketSpec], facts: HostFacts) -> str:
    """What to change of ours; the server behind may be somebody else's, such as a container's, and stays."""
    target = service.target
    elsewhere = f"let {met.service} listen on another port"
    if not isinstance(target, Endpoint) or not met.address.is_unspecified:
        return f"{elsewhere}, or on another address than {target}"
    others = [spec for spec in own if spec is not met]
    for family, how in APART.items():
        if met.v6only is False and _met(target, [*others, apart(met, family)], service, facts) is None:
            return f"{elsewhere}, or on {how}, which leaves {target} to the server behind"
    return f"{elsewhere}, or on addresses other than {target}"
