"""A snapshot of a gateway that runs, made when somebody asks: texts of what `gateway.counters.counters` counted.

What links that are open have moved is added here, so that counting costs a connection nothing while it lives.
"""

import os
from collections.abc import Generator, Iterable, Iterator, Mapping
from time import monotonic, time

from dualstack import __version__
from dualstack.core.access.client_key import shown
from dualstack.core.explain.explain import Settings, explain
from dualstack.core.explain.socket_text import Labelled
from dualstack.core.oracle.systems import Stack, stack_named
from dualstack.core.planning.planner import planned_sock
from dualstack.core.planning.socket_spec import SocketSpec
from dualstack.core.planning.targets import Target, TargetKind, label_of
from dualstack.gateway.counters.counters import Counters, PortCounters, Way
from dualstack.gateway.counters.families import CLIENTS, WayKey, target_family, way_of
from dualstack.gateway.listeners.named_port import NamedPort
from dualstack.gateway.listeners.port_life import PortState
from dualstack.gateway.relay.datagram.counts import Counts
from dualstack.gateway.relay.link import Link
from dualstack.gateway.relay.stream.descriptor_reserve import DescriptorReserve
from dualstack.gateway.services.running_service import RunningService
from dualstack.gateway.services.stream_gate import StreamGate
from dualstack.gateway.status import snapshot as to
from dualstack.gateway.status.timelines import timeline
from dualstack.kernel.facts import system_name
from dualstack.net.dial.shared_history import SharedHistory

__all__ = ["collect"]

_TEXT_MAX = 300
_LESSONS_MAX = 64
_LINKS_A_SLICE = 256
_NOTHING_LOST: Mapping[str, int] = {}

Open = Mapping[PortCounters, list[Link]]
"""The links that are open, by the port that they came by."""


def collect(
    services: Iterable[tuple[RunningService, Counts | None]],
    leaving: Iterable[RunningService],
    ports: Iterable[NamedPort],
    links: Iterable[Link],
    history: SharedHistory,
    *,
    reserve: DescriptorReserve,
    started: float,
    loop_time: float,
    lost: Mapping[str, int] = _NOTHING_LOST,
) -> Generator[None, None, to.Snapshot]:
    """The gateway now, made in slices: what is said of one service is of one moment.

    Args:
        services: those it runs, each with what its UDP counted where it is one.
        leaving: those a reload took away that have connections still.
        ports: by name.
        links: all that are open.
        history: the connector's.
        reserve: of descriptors; how often they were short.
        started: when the gateway began.
        loop_time: the clock of the links.
        lost: how many lines were lost, by log.
    """
    now, to_wall = time(), time() - loop_time
    here = [(service, counts, False) for service, counts in services]
    here += [(service, None, True) for service in leaving]
    known = list(ports)
    are_open = yield from _by_port(list(links))
    found = []
    for service, counts, is_leaving in here:
        found.append(_service(service, counts, are_open, to_wall, is_leaving=is_leaving))
        yield
    said = yield from _ports(known)
    return to.Snapshot(
        now,
        started,
        __version__,
        services=found,
        ports=said,
        history=_history(history),
        short_now=int(reserve.is_short),
        shortages=reserve.shortages,
        lost=[to.Lost(log, lines) for log, lines in lost.items()],
    )


def _by_port(links: list[Link]) -> Generator[None, None, Open]:
    found: dict[PortCounters, list[Link]] = {}
    for number, link in enumerate(links):
        if isinstance(link.gate, StreamGate):
            found.setdefault(link.gate.counters, []).append(link)
        if number % _LINKS_A_SLICE == 0:
            yield
    return found


def _ways_of(links: Iterable[Link]) -> Mapping[WayKey, Way]:
    """What is open still; who has left since is counted already."""
    ways: dict[WayKey, Way] = {}
    for link in links:
        if link.reason is None:
            ways.setdefault(way_of(link), Way()).add(link)
    return ways


def _service(
    service: RunningService, counts: Counts | None, are_open: Open, to_wall: float, *, is_leaving: bool
) -> to.Service:
    asked, counters = service.upstream.service, service.counters
    return to.Service(
        asked.name,
        asked.protocol,
        label_of(asked.target),
        is_leaving,
        list(asked.access),
        list(asked.reach),
        [_on_port(counted, are_open.get(counted, ())) for counted in counters.by_port.values()],
        [to.Rule(_cut(rule), each.count, each.at, shown(each.peer)) for rule, each in counters.rules.by_rule.items()],
        [to.Refusal(at, shown(peer), _cut(rule), _cut(why)) for at, peer, rule, why in counters.rules.latest],
        counters.unreached,
        [to.Trouble(each.at, shown(each.peer), _named(each.target), _cut(each.why)) for each in counters.troubles],
        _dials(counters),
        _datagrams(service, counts),
        [
            _connection(counted, link, to_wall, asked.target)
            for counted in counters.by_port.values()
            for link in counted.recent
        ],
    )


def _named(target: object) -> str:
    return target.label if isinstance(target, TargetKind) else _cut("" if target is None else str(target))


def _cut(text: str) -> str:
    return text if len(text) <= _TEXT_MAX else f"{text[: _TEXT_MAX - 1]}…"


def _on_port(counted: PortCounters, links: Iterable[Link]) -> to.OnPort:
    both = zip(CLIENTS, counted.came, counted.left, strict=True)
    clients = [to.Client(family, came - left, came) for family, came, left in both]
    open_now = _ways_of(links)
    ways = [_way(key, counted.ways.get(key), open_now.get(key)) for key in dict.fromkeys((*counted.ways, *open_now))]
    return to.OnPort(counted.port, clients, sorted(ways, key=lambda way: (way.client, way.target)))


def _way(key: WayKey, over: Way | None, now: Way | None) -> to.Way:
    is_ipv6, target = key
    made = to.Way(CLIENTS[is_ipv6], target_family(target), now.connections if now else 0)
    for part in (over, now):
        if part is not None:
            made.total += part.connections
            made.bytes_up += part.bytes_up
            made.bytes_down += part.bytes_down
    return made


def _dials(counters: Counters) -> list[to.Dial]:
    return [timeline(each.at, _named(each.target), each.steps) for each in counters.dials]


def _datagrams(service: RunningService, counts: Counts | None) -> to.Datagrams | None:
    """Of a service of UDP, and of a proxy whose clients asked for associations; None where there are no datagrams."""
    if service.upstream.service.protocol == "udp":
        now = sum(sum(counted.came) - sum(counted.left) for counted in service.counters.by_port.values())
    else:
        now, counts = service.associations.live, service.associations.counts
        if not now and counts == Counts():
            return None
    if counts is None:
        return to.Datagrams(flows_now=now)
    return to.Datagrams(
        counts.flows,
        now,
        counts.evicted,
        counts.dropped,
        counts.datagrams_up,
        counts.datagrams_down,
        counts.bytes_up,
        counts.bytes_down,
    )


def _connection(counted: PortCounters, link: Link, to_wall: float, target: Target | None) -> to.Connection:
    is_ipv6, family = way_of(link)
    where = shown(link.hop.address) if link.hop is not None else _named(link.asked or target)
    return to.Connection(
        link.over_at + to_wall,
        counted.port,
        shown(link.peer),
        where,
        f"{CLIENTS[is_ipv6]} to {target_family(family)}",
        link.bytes_up,
        link.bytes_down,
        max(link.over_at - link.started, 0.0),
        _reason(link),
    )


def _reason(link: Link) -> str:
    why = "" if link.reason is None else link.reason.value
    return f"{why}: {os.strerror(link.errno)}" if link.errno else why


def _history(history: SharedHistory) -> list[to.Lesson]:
    """What was learnt, the latest first."""
    records = history.save(monotonic(), most=_LESSONS_MAX)["records"]
    assert isinstance(records, list)  # noqa: S101 - it writes them so
    return [
        to.Lesson(
            _prefix(each["source"]), _prefix(each["destination"]), each["rtt_s"], each["back_s"], list(each["failed"])
        )
        for each in reversed(records)
    ]


def _prefix(text: str) -> str:
    """As the history has them: a /64 of IPv6, a /24 of IPv4."""
    return f"{text}/64" if ":" in text else f"{text}/24"


def _ports(ports: list[NamedPort]) -> Generator[None, None, list[to.Port]]:
    open_now = tuple(
        listening.spec for port in ports if port.state is PortState.LISTENING for listening in port.listenings
    )
    said = yield from _said_of(open_now)
    found = []
    for port in ports:
        sockets = [said.get(listening.spec) or _silent(listening.spec) for listening in port.listenings]
        found.append(
            to.Port(port.name, port.bind, port.state.value, port.services, port.connections, port.error, sockets)
        )
        yield
    return found


def _silent(spec: SocketSpec) -> to.Socket:
    """A socket that lets nobody in."""
    return to.Socket(spec.service, spec.port_name, str(spec), spec.proto, "nothing", spec.why, spec.rule)


_latest_said: list[tuple[tuple[SocketSpec, ...], Mapping[SocketSpec, to.Socket]]] = []


def _said_of(specs: tuple[SocketSpec, ...]) -> Generator[None, None, Mapping[SocketSpec, to.Socket]]:
    """What the oracle says of the sockets that are open, beside each other; asked anew when they change alone."""
    for known, said in _latest_said:
        if known == specs:
            return said
    fresh = yield from _said(specs)
    _latest_said[:] = [(specs, fresh)]
    return fresh


def _said(specs: tuple[SocketSpec, ...]) -> Generator[None, None, Mapping[SocketSpec, to.Socket]]:
    said: dict[SocketSpec, to.Socket] = {}
    by_number: dict[tuple[str, int], list[SocketSpec]] = {}
    for spec in specs:
        by_number.setdefault((spec.proto, spec.port), []).append(spec)
    for group in by_number.values():
        said.update(_said_of_number(tuple(group)))
        yield
    return said


def _said_of_number(specs: tuple[SocketSpec, ...]) -> Iterator[tuple[SocketSpec, to.Socket]]:
    """Of the sockets of one port number: no others are in each other's way."""

    def planned(stack: Stack) -> tuple[Labelled, ...]:
        return tuple(Labelled(str(spec), spec.proto, spec.port, planned_sock(spec, stack)) for spec in specs)

    for each in explain(planned, Settings(stack_named(system_name()))):
        for index, (spec, receives) in enumerate(zip(specs, each.families, strict=True)):
            reached = [
                to.Reached(str(client), f"appears as {receiver.peer}")
                for client, delivery in zip(each.clients, each.prediction.deliveries, strict=True)
                for receiver in delivery.receivers
                if receiver.socket == index
            ]
            yield (
                spec,
                to.Socket(spec.service, spec.port_name, str(spec), spec.proto, receives, spec.why, spec.rule, reached),
            )
