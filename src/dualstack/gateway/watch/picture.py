"""A snapshot of a gateway that runs, made when somebody asks: texts of what `gateway.watch.tally` counted.

What links that are open have moved is added here, so that counting costs a connection nothing while it lives.
"""

import os
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib.metadata import version
from time import monotonic, time

from dualstack.core.configuration import ExecTarget, Target
from dualstack.core.explain import Settings, explain
from dualstack.core.planner import planned_sock
from dualstack.core.socket_text import Labelled
from dualstack.core.socketspec import SocketSpec
from dualstack.core.stacks import Stack, stack_named
from dualstack.gateway.clients import shown
from dualstack.gateway.datagrams.counts import Counts
from dualstack.gateway.dataplane.link import Link
from dualstack.gateway.dataplane.shortage import Shortage
from dualstack.gateway.door import Door
from dualstack.gateway.ports import NamedPort, PortState
from dualstack.gateway.service import RunningService
from dualstack.gateway.watch import snapshot as to
from dualstack.gateway.watch.access_log import target_text
from dualstack.gateway.watch.peers import CLIENTS, WayKey, target_family, way_of
from dualstack.gateway.watch.tally import Book, Tally, Way
from dualstack.gateway.watch.timelines import timeline
from dualstack.kernel.facts import system_name
from dualstack.net.dialer import SharedHistory

__all__ = ["picture"]

_TEXT_MAX = 300
_LESSONS_MAX = 64
_NOTHING_LOST: Mapping[str, int] = {}

Live = Mapping[tuple[Tally, WayKey], Way]


def picture(
    services: Iterable[tuple[RunningService, Counts | None]],
    leaving: Iterable[RunningService],
    ports: Iterable[NamedPort],
    links: Iterable[Link],
    history: SharedHistory,
    *,
    shortage: Shortage,
    started: float,
    loop_time: float,
    lost: Mapping[str, int] = _NOTHING_LOST,
) -> to.Snapshot:
    """The gateway now.

    Args:
        services: those it runs, each with what its UDP counted where it is one.
        leaving: those a reload took away that have connections still.
        ports: by name.
        links: all that are open.
        history: the connector's.
        shortage: of descriptors.
        started: when the gateway began.
        loop_time: the clock of the links.
        lost: how many lines were lost, by log.
    """
    live = _live(links)
    to_wall = time() - loop_time
    found = [_service(service, counts, live, to_wall) for service, counts in services]
    found += [_service(service, None, live, to_wall, is_leaving=True) for service in leaving]
    here = list(ports)
    return to.Snapshot(
        time(),
        started,
        version("dualstack"),
        services=found,
        ports=_ports(here),
        history=_history(history),
        short_now=int(shortage.is_on),
        shortages=shortage.episodes,
        lost=[to.Lost(log, lines) for log, lines in lost.items()],
    )


def _live(links: Iterable[Link]) -> Live:
    """What is open, by tally and way."""
    live: dict[tuple[Tally, WayKey], Way] = {}
    for link in list(links):
        if isinstance(link.gate, Door):
            key = link.gate.tally, way_of(link)
            way = live.get(key)
            if way is None:
                way = live[key] = Way()
            way.add(link)
    return live


def _service(
    service: RunningService, counts: Counts | None, live: Live, to_wall: float, *, is_leaving: bool = False
) -> to.Service:
    asked, book = service.policy.service, service.book
    return to.Service(
        asked.name,
        asked.protocol,
        target_text(asked.target),
        is_leaving,
        list(asked.access),
        list(asked.reach),
        [_on_port(tally, live) for tally in book.tallies.values()],
        [to.Rule(_cut(rule), each.count, each.at, shown(each.peer)) for rule, each in book.rules.by_rule.items()],
        [to.Refusal(at, shown(peer), _cut(rule), _cut(why)) for at, peer, rule, why in book.rules.latest],
        book.unreached,
        [to.Trouble(each.at, shown(each.peer), _named(each.target), _cut(each.why)) for each in book.troubles],
        _dials(book),
        _datagrams(service, counts),
        [_connection(tally, link, to_wall, asked.target) for tally in book.tallies.values() for link in tally.recent],
    )


def _named(target: object) -> str:
    return target_text(target) if isinstance(target, ExecTarget) else _cut("" if target is None else str(target))


def _cut(text: str) -> str:
    return text if len(text) <= _TEXT_MAX else f"{text[: _TEXT_MAX - 1]}…"


def _on_port(tally: Tally, live: Live) -> to.OnPort:
    clients = [
        to.Client(family, came - left, came) for family, came, left in zip(CLIENTS, tally.came, tally.left, strict=True)
    ]
    open_now = {key: way for (whose, key), way in live.items() if whose is tally}
    ways = [_way(key, tally.ways.get(key), open_now.get(key)) for key in dict.fromkeys((*tally.ways, *open_now))]
    return to.OnPort(tally.port, clients, sorted(ways, key=lambda way: (way.client, way.target)))


def _way(key: WayKey, over: Way | None, now: Way | None) -> to.Way:
    is_ipv6, target = key
    made = to.Way(CLIENTS[is_ipv6], target_family(target), now.connections if now else 0)
    for part in (over, now):
        if part is not None:
            made.total += part.connections
            made.bytes_up += part.bytes_up
            made.bytes_down += part.bytes_down
    return made


def _dials(book: Book) -> list[to.Dial]:
    return [timeline(each.at, _named(each.target), each.steps) for each in book.dials]


def _datagrams(service: RunningService, counts: Counts | None) -> to.Datagrams | None:
    """Of a service of UDP, and of a proxy whose clients asked for associations; None where there are no datagrams."""
    if service.policy.service.protocol == "udp":
        now = sum(sum(tally.came) - sum(tally.left) for tally in service.book.tallies.values())
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


def _connection(tally: Tally, link: Link, to_wall: float, target: Target | None) -> to.Connection:
    is_ipv6, family = way_of(link)
    where = shown(link.hop.address) if link.hop is not None else _named(link.asked or target)
    return to.Connection(
        link.over_at + to_wall,
        tally.port,
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


def _ports(ports: list[NamedPort]) -> list[to.Port]:
    open_now = tuple(
        listening.spec for port in ports if port.state is PortState.LISTENING for listening in port.listenings
    )
    said = _said(open_now)
    return [
        to.Port(
            port.name,
            port.bind,
            port.state.value,
            port.services,
            port.connections,
            port.error,
            [said.get(listening.spec) or _silent(listening.spec) for listening in port.listenings],
        )
        for port in ports
    ]


def _silent(spec: SocketSpec) -> to.Socket:
    """A socket that lets nobody in."""
    return to.Socket(spec.service, spec.port_name, str(spec), spec.proto, "nothing", spec.why, spec.rule)


@lru_cache(maxsize=8)
def _said(specs: tuple[SocketSpec, ...]) -> Mapping[SocketSpec, to.Socket]:
    """What the oracle says of the sockets that are open, beside each other; asked anew when they change alone."""

    def planned(stack: Stack) -> tuple[Labelled, ...]:
        return tuple(Labelled(str(spec), spec.proto, spec.port, planned_sock(spec, stack)) for spec in specs)

    said: dict[SocketSpec, to.Socket] = {}
    for each in explain(planned, Settings(stack_named(system_name()))):
        mine = [spec for spec in specs if (spec.proto, spec.port) == (each.case.proto, each.sockets[0].port)]
        for index, (spec, receives) in enumerate(zip(mine, each.families, strict=True)):
            reached = [
                to.Reached(str(client), f"appears as {receiver.peer}")
                for client, delivery in zip(each.clients, each.prediction.deliveries, strict=True)
                for receiver in delivery.receivers
                if receiver.socket == index
            ]
            said[spec] = to.Socket(
                spec.service, spec.port_name, str(spec), spec.proto, receives, spec.why, spec.rule, reached
            )
    return said
