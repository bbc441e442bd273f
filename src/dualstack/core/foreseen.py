"""What will stand in the way of a plan: addresses that cannot be bound, sockets that are there already, loops (D8).

Each is asked of `core.oracle`, among our own sockets and beside those that listen on the host; whether an address can
be bound at all is what the kernel said (`HostFacts.answers`), where it was asked. Every conflict comes with its remedy,
and a remedy with options was tried on the oracle before it is named.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from dualstack.core.address import Address
from dualstack.core.bindable import why_not_there
from dualstack.core.case import UNKNOWN, Case, Sock, Step
from dualstack.core.configuration import Configuration, Service
from dualstack.core.endpoint import Endpoint
from dualstack.core.hostfacts import HostFacts, Listener
from dualstack.core.oracle import predict
from dualstack.core.outgoing import target_addresses
from dualstack.core.socketspec import SocketSpec
from dualstack.core.stacks import Sharing, Stack, stack_named

__all__ = ["Conflict", "beside_strangers", "foreseen", "loops", "opening", "planned_sock"]

_SOMEBODY_ELSE = -1
_ANY = {4: Address("0.0.0.0"), 6: Address("::")}


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
        conflict = _refused_alone(spec, facts) or _beside_others(spec, specs[:position], stack, facts)
        if conflict is not None:
            yield conflict


def _refused_alone(spec: SocketSpec, facts: HostFacts) -> Conflict | None:
    """What the kernel said of the address by itself."""
    errno = facts.answers.get(spec.ask)
    if errno is None:
        return None
    remedy = why_not_there(spec.address, errno, facts.interfaces)
    return Conflict(f"{spec} ({spec.service})", None, errno, "bind", remedy)


def _beside_others(spec: SocketSpec, earlier: Sequence[SocketSpec], stack: Stack, facts: HostFacts) -> Conflict | None:
    foreign = [
        listener
        for listener in facts.listeners or ()
        if listener.port == spec.port != 0 and listener.proto == spec.proto
    ]
    sockets = (
        *(_stranger(each) for each in foreign),
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
        apart = beside_strangers(spec, foreign, stack)
        remedy = (
            f"stop {other} or let it listen on another port; or bind {spec.service} to addresses that it leaves free"
        )
        return Conflict(shown, other, str(outcome.errno), step.call, f"{remedy}{apart and f', as with {apart}'}")
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


def _stranger(each: Listener) -> Sock:
    """It stands already, however it came by it; with us, another user's, it does not share."""
    return Sock(each.family, each.address, each.v6only, reuseport=True, uid=_SOMEBODY_ELSE)


def beside_strangers(spec: SocketSpec, others: Iterable[Listener], stack: Stack) -> str:
    """How `spec` would stand beside sockets that are in its way, in the words of the command line and the file.

    Empty where only another address or port helps.
    """
    if spec.family != 6 or spec.v6only is not False or not spec.address.is_unspecified:
        return ""
    foreign = [_stranger(each) for each in others if (each.port, each.proto) == (spec.port, spec.proto)]
    for what, family, v6only in _APART:
        narrowed = replace(spec, family=family, address=_ANY[family], v6only=v6only, shared=False)
        sockets = (*foreign, planned_sock(narrowed, stack))
        case = Case(stack, spec.proto, sockets, opening(spec.proto, range(len(sockets))))
        mine = [made for step, made in zip(case.steps, predict(case).steps, strict=True) if step.socket == len(foreign)]
        if all(made.errno is None for made in mine):
            return what
    return ""


_APART = (
    ('IPv6 alone: --v6only, or `bind = "::"` with `v6only = true`', 6, True),
    ("IPv4 alone: 0.0.0.0 in place of the IPv6 wildcard", 4, None),
)
"""What a socket of both families may become, so that somebody else keeps the other family."""


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
        device=spec.interface,
    )


def opening(proto: str, indexes: Iterable[int]) -> tuple[Step, ...]:
    """The calls that open sockets: UDP has no listen."""
    calls = ("bind", "listen") if proto == "tcp" else ("bind",)
    return tuple(Step(call, index) for index in indexes for call in calls)


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
    local = {address for interface in facts.interfaces for address in interface.addresses}
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
    for what, family, v6only in _APART:
        others = [spec for spec in own if spec is not met]
        narrowed = replace(met, family=family, address=_ANY[family], v6only=v6only)
        if met.v6only is False and _met(target, [*others, narrowed], service, facts) is None:
            return f"{elsewhere}, or on the family that {target} leaves free ({what})"
    return f"{elsewhere}, or on addresses other than {target}"
