"""The snapshots of several workers as one: numbers are summed, what happened is put in order of time.

Workers run one configuration on the same sockets, so services and ports are those of the first that has them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import TypeVar

import msgspec
from msgspec import Struct

from dualstack.gateway.status.snapshot import (
    Client,
    Datagrams,
    Lesson,
    Lost,
    OnPort,
    Port,
    Rule,
    Service,
    Snapshot,
    Way,
)

__all__ = ["aggregate", "as_document", "read_snapshot", "with_lost"]

_LATEST = 16

T = TypeVar("T", bound=Struct)


def aggregate(documents: Sequence[Mapping[str, object]]) -> dict[str, object]:
    """One snapshot of all workers, of the snapshot of each.

    Raises:
        ValueError: there is none, or one is no snapshot.
    """
    shots = [read_snapshot(document) for document in documents]
    if not shots:
        raise ValueError("no snapshot to sum")
    first = shots[0]
    return as_document(
        Snapshot(
            max(shot.time for shot in shots),
            min(shot.started for shot in shots),
            first.program,
            sum(shot.workers for shot in shots),
            _merged((each for shot in shots for each in shot.services), attrgetter("name"), _service),
            _merged((each for shot in shots for each in shot.ports), attrgetter("name"), _port),
            _merged((each for shot in shots for each in shot.history), attrgetter("source", "destination"), _lesson),
            sum(shot.short_now for shot in shots),
            sum(shot.shortages for shot in shots),
            _merged((each for shot in shots for each in shot.lost), attrgetter("log"), _sum(Lost, "lines")),
        )
    )


def with_lost(document: Mapping[str, object], lost: Mapping[str, int]) -> Snapshot:
    """A snapshot of all workers, with the lines that the process beside them has lost."""
    shot = read_snapshot(document)
    own = [Lost(log, lines) for log, lines in lost.items()]
    shot.lost = _merged([*shot.lost, *own], attrgetter("log"), _sum(Lost, "lines"))
    return shot


def as_document(shot: Snapshot) -> dict[str, object]:
    """It as JSON has it."""
    document = msgspec.to_builtins(shot)
    assert isinstance(document, dict)  # noqa: S101 - a Struct is one
    return document


def read_snapshot(document: Mapping[str, object]) -> Snapshot:
    """What `as_document` wrote.

    Raises:
        ValueError: it is none.
    """
    return msgspec.convert(document, Snapshot)


def _merged(parts: Iterable[T], key: Callable[[T], object], merge: Callable[[Sequence[T]], T]) -> list[T]:
    """Those with one key as one, in the order of the first."""
    groups: dict[object, list[T]] = {}
    for part in parts:
        groups.setdefault(key(part), []).append(part)
    return [merge(group) for group in groups.values()]


def _service(parts: Sequence[Service]) -> Service:
    first = parts[0]
    return Service(
        first.name,
        first.protocol,
        first.target,
        all(part.is_leaving for part in parts),
        first.access,
        first.reach,
        _merged((on for part in parts for on in part.on), attrgetter("port"), _on_port),
        _merged((rule for part in parts for rule in part.rules), attrgetter("rule"), _rule),
        _latest(each for part in parts for each in part.refusals),
        sum(part.unreached for part in parts),
        _latest(each for part in parts for each in part.troubles),
        _latest(each for part in parts for each in part.dials),
        _datagrams([part.datagrams for part in parts if part.datagrams is not None]),
        _latest(each for part in parts for each in part.recent),
    )


def _on_port(parts: Sequence[OnPort]) -> OnPort:
    return OnPort(
        parts[0].port,
        _merged((each for part in parts for each in part.clients), attrgetter("family"), _sum(Client, "now", "total")),
        _merged(
            (each for part in parts for each in part.ways),
            attrgetter("client", "target"),
            _sum(Way, "now", "total", "bytes_up", "bytes_down"),
        ),
    )


def _rule(parts: Sequence[Rule]) -> Rule:
    last = max(parts, key=attrgetter("time"))
    return Rule(last.rule, sum(part.count for part in parts), last.time, last.client)


def _datagrams(parts: Sequence[Datagrams]) -> Datagrams | None:
    return _sum(Datagrams, *Datagrams.__struct_fields__)(parts) if parts else None


def _port(parts: Sequence[Port]) -> Port:
    return msgspec.structs.replace(parts[0], connections=sum(part.connections for part in parts))


def _lesson(parts: Sequence[Lesson]) -> Lesson:
    return parts[0]


def _latest(parts: Iterable[T]) -> list[T]:
    return sorted(parts, key=attrgetter("time"))[-_LATEST:]


def _sum(kind: type[T], *names: str) -> Callable[[Sequence[T]], T]:
    """Adds these fields of several up; the others are those of the first."""

    def summed(parts: Sequence[T]) -> T:
        return kind(
            **{
                name: sum(getattr(part, name) for part in parts) if name in names else getattr(parts[0], name)
                for name in kind.__struct_fields__
            }
        )

    return summed
