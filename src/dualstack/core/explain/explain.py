"""What a system does with sockets, for people: who can be bound, who is reached as whom, where other systems differ.

Every statement is a prediction of `core.oracle`, and every remedy was tried on it before it is named. Nothing is
opened and nothing printed.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from dualstack.core.address.address import Address
from dualstack.core.address.endpoint import bracketed
from dualstack.core.explain.socket_text import Labelled
from dualstack.core.host.facts import HostFacts
from dualstack.core.oracle.bound_socket import Bound, bound
from dualstack.core.oracle.case import SKIPPED, UNKNOWN, Case, Delivery, Outcome, Prediction, Step
from dualstack.core.oracle.oracle import predict
from dualstack.core.oracle.systems import STACKS, Stack
from dualstack.core.planning.planner import plan_claims
from dualstack.core.planning.wildcard_split import Claim

__all__ = ["Client", "Elsewhere", "Explanation", "Settings", "SocketsOn", "explain"]

SocketsOn = Callable[[Stack], Sequence[Labelled]]
"""The sockets that one configuration means on a system."""

_Port = tuple[str, int]
_PortsOn = Callable[[Stack], Mapping[_Port, tuple[Labelled, ...]]]

# RFC 5737 and RFC 3849: addresses that stand for any.
_ANYBODY = {4: (Address("192.0.2.1"), Address("198.51.100.7")), 6: (Address("2001:db8::1"), Address("2001:db8::7"))}


@dataclass(frozen=True, slots=True)
class Settings:
    """A system and what is set on it."""

    stack: Stack
    bindv6only: bool = False
    ipv6: bool = True


@dataclass(frozen=True, slots=True)
class Client:
    """Who sends to which address; `is_any` where it stands for every address without a socket of its own."""

    to: Address
    source: Address
    is_any: bool

    def __str__(self) -> str:
        return f"IPv{self.to.version} to {'any other address' if self.is_any else self.to}"


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What another system would do otherwise; `unknown` is what no source tells of it."""

    title: str
    differences: tuple[str, ...]
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """The sockets of one port number and protocol, what becomes of them, and what to do about it."""

    sockets: tuple[Labelled, ...]
    case: Case
    prediction: Prediction
    clients: tuple[Client, ...]
    elsewhere: tuple[Elsewhere, ...]
    instead: tuple[str, ...]

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """For each socket its first step that fails; else the first that has something to say."""
        return tuple(_outcome(self.case, self.prediction, index) for index in range(len(self.sockets)))

    @property
    def families(self) -> tuple[str, ...]:
        """What each socket receives once it is bound."""
        return tuple(_families(bound(self.case, index)) for index in range(len(self.sockets)))


def explain(sockets_on: SocketsOn, settings: Settings) -> list[Explanation]:
    """What `settings.stack` does with the sockets, by protocol and port number; each system is asked for them once."""
    ports_on = cache(lambda stack: _by_port(sockets_on(stack)))
    return [_explain(ports_on, settings, key) for key in ports_on(settings.stack)]


def _by_port(sockets: Sequence[Labelled]) -> Mapping[_Port, tuple[Labelled, ...]]:
    found: dict[_Port, list[Labelled]] = {}
    for each in sockets:
        found.setdefault((each.proto, each.port), []).append(each)
    return {key: _told_apart(those) for key, those in found.items()}


def _explain(ports_on: _PortsOn, settings: Settings, key: _Port) -> Explanation:
    sockets = ports_on(settings.stack)[key]
    clients = tuple(_clients(sockets))
    case = _case(settings, sockets, clients)
    prediction = predict(case)
    here = _statements(sockets, case, prediction, clients)
    others = (stack for stack in STACKS.values() if stack != settings.stack)
    elsewhere = tuple(_elsewhere(ports_on(stack).get(key, ()), stack, here, clients) for stack in others)
    return Explanation(
        sockets, case, prediction, clients, elsewhere, tuple(_instead(settings, sockets, case, prediction, elsewhere))
    )


def _told_apart(sockets: Sequence[Labelled]) -> tuple[Labelled, ...]:
    """Sockets with one address are numbered."""
    labels = [each.label for each in sockets]
    return tuple(
        replace(each, label=f"{each.label} ({labels[: place + 1].count(each.label)})")
        if labels.count(each.label) > 1
        else each
        for place, each in enumerate(sockets)
    )


def _clients(sockets: Sequence[Labelled]) -> Iterator[Client]:
    addresses = dict.fromkeys(each.sock.address.canonical for each in sockets)
    for address in addresses:
        if not (address.is_unspecified or address.is_multicast):
            near = address.is_loopback or address.needs_scope
            yield Client(address, address if near else _ANYBODY[address.version][1], is_any=False)
    for to, source in _ANYBODY.values():
        yield Client(to, source, is_any=True)


def _case(settings: Settings, sockets: Sequence[Labelled], clients: Sequence[Client]) -> Case:
    calls = ("bind", "listen") if sockets[0].proto == "tcp" else ("bind",)
    return Case(
        settings.stack,
        sockets[0].proto,
        tuple(each.sock for each in sockets),
        tuple(Step(call, index) for index in range(len(sockets)) for call in calls),
        tuple(client.to for client in clients),
        bindv6only=settings.bindv6only,
        ipv6=settings.ipv6,
        sources=tuple(client.source for client in clients),
    )


def _outcome(case: Case, prediction: Prediction, index: int) -> Outcome:
    mine = [made for step, made in zip(case.steps, prediction.steps, strict=True) if step.socket == index]
    return next((made for made in mine if made.errno is not None), max(mine, key=lambda made: bool(made.why)))


def _families(made: Bound) -> str:
    if made.perhaps_v4:
        return "IPv6, perhaps IPv4"
    return " and ".join(f"IPv{version}" for version in (6, 4) if made.cover.part(version) is not None)


def _statements(
    sockets: Sequence[Labelled], case: Case, prediction: Prediction, clients: Sequence[Client]
) -> dict[str, str]:
    """What can be compared between systems: for each socket whether it stands, for each client who receives it."""
    said = {}
    for index, each in enumerate(sockets):
        errno = _outcome(case, prediction, index).errno
        said[each.label] = "opens" if errno is None else "unknown" if errno is UNKNOWN else f"fails with {errno}"
    for client, delivery in zip(clients, prediction.deliveries, strict=True):
        said[str(client)] = _reached(sockets, delivery)
    return said


def _reached(sockets: Sequence[Labelled], delivery: Delivery) -> str:
    if delivery.errno is not None:
        return "unknown" if delivery.errno is UNKNOWN else f"is refused ({delivery.errno})"
    return " or ".join(f"reaches {sockets[each.socket].label} as {each.peer}" for each in delivery.receivers)


def _elsewhere(sockets: Sequence[Labelled], stack: Stack, here: dict[str, str], clients: Sequence[Client]) -> Elsewhere:
    if not sockets:
        return Elsewhere(stack.title, ("opens nothing on this port",), ())
    case = _case(Settings(stack), sockets, clients)
    there = _statements(sockets, case, predict(case), clients)
    changed = {what: said for what, said in there.items() if said != here.get(what)}
    return Elsewhere(
        stack.title,
        tuple(f"{what} {said}" for what, said in changed.items() if said != "unknown"),
        tuple(what for what, said in changed.items() if said == "unknown"),
    )


_Change = Callable[[Labelled], Labelled]


def _v6only(each: Labelled) -> Labelled:
    is_any = each.sock.family == 6 and each.sock.address.is_unspecified
    return replace(each, sock=replace(each.sock, v6only=True)) if is_any else each


def _reuseaddr(each: Labelled) -> Labelled:
    return replace(each, sock=replace(each.sock, reuseaddr=True))


def _reuseport(each: Labelled) -> Labelled:
    return replace(each, sock=replace(each.sock, reuseport=True))


_REMEDIES: tuple[tuple[str, _Change], ...] = (
    ("IPV6_V6ONLY on the IPv6 wildcard, so that each family has its own socket", _v6only),
    ("SO_REUSEADDR on each", _reuseaddr),
    ("SO_REUSEPORT on each, by one user", _reuseport),
    ("IPV6_V6ONLY on the IPv6 wildcard and SO_REUSEPORT on each", lambda each: _reuseport(_v6only(each))),
)


def _instead(
    settings: Settings,
    sockets: Sequence[Labelled],
    case: Case,
    prediction: Prediction,
    elsewhere: Sequence[Elsewhere],
) -> Iterator[str]:
    fails = [outcome for outcome in prediction.steps if outcome.errno not in {None, UNKNOWN, SKIPPED}]
    yield from (f"another address: {outcome.why}" for outcome in fails if outcome.against is None)
    if any(outcome.against is not None for outcome in fails):
        yield _remedy(settings, sockets, case) or _NO_OPTION
        yield from _in_one_program(settings, sockets)
    elif any(outcome.errno is UNKNOWN and outcome.against is not None for outcome in prediction.steps):
        yield from filter(None, (_remedy(settings, sockets, case),))
    unset = [each for each in sockets if each.sock.family == 6 and each.sock.v6only is None]
    for each in unset:
        if each.sock.address.is_unspecified and any(other.differences for other in elsewhere):
            both = replace(each, sock=replace(each.sock, v6only=False)).written
            alone = replace(each, sock=replace(each.sock, v6only=True)).written
            yield f"set IPV6_V6ONLY, whose default differs: '{both}' for both families, '{alone}' for IPv6 alone"
        if each.sock.address.is_mapped:
            host = each.sock.address.canonical
            yield f"{each.label}: write {host}:{each.port}, which is an AF_INET socket on every system"


def _in_one_program(settings: Settings, sockets: Sequence[Labelled]) -> Iterator[str]:
    """How this project listens there, where it can."""
    hosts = [each.sock.address.canonical for each in sockets]
    if sockets[0].proto != "tcp" or not settings.ipv6 or len(set(hosts)) < len(hosts):
        return
    if any(host.needs_scope and host.scope is None for host in hosts):
        return
    claims = [Claim("listen", "listen", host, sockets[0].port) for host in hosts]
    if not plan_claims(claims, HostFacts(system=settings.stack.name, ipv6=settings.ipv6)).conflicts:
        listed = ", ".join(bracketed(host) for host in hosts)
        yield f"in one program: dualstack listen '{listed}' --port {sockets[0].port}"


def _remedy(settings: Settings, sockets: Sequence[Labelled], case: Case) -> str:
    """The first change with which none is in the way of another, tried on the oracle; empty where none is known."""
    for what, change in _REMEDIES:
        changed = [change(each) for each in sockets]
        tried = replace(case, sockets=tuple(each.sock for each in changed), destinations=(), sources=())
        if all(outcome.errno is None or outcome.against is None for outcome in predict(tried).steps):
            texts = " ".join(f"'{each.written}'" for each in changed)
            return f"{what}: dualstack explain {texts} --os {settings.stack.name}"
    return ""


_NO_OPTION = "another port number or other addresses: no option lets these stand side by side"
