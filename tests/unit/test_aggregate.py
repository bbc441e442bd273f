"""Several workers' snapshots as one, number by number; and whose line of the log it is."""

import pytest

from dualstack.gateway.processes.worker import _NumberedLog
from dualstack.gateway.status.aggregate import aggregate, as_document, read_snapshot
from dualstack.gateway.status.snapshot import (
    Client,
    Connection,
    Datagrams,
    Dial,
    Lesson,
    Lost,
    OnPort,
    Port,
    Refusal,
    Rule,
    Service,
    Snapshot,
    Trouble,
    Way,
)


def worker(n: int) -> Snapshot:
    """What the `n`th worker says: each number its own power of ten, so that a sum shows its parts."""
    unit = 10**n
    service = Service(
        "imap",
        "tcp",
        "mail:143",
        is_leaving=n == 0,
        on=[
            OnPort("p", [Client("ipv4", 1 * unit, 2 * unit)], [Way("ipv4", "ipv6", *(k * unit for k in (1, 2, 3, 4)))])
        ],
        rules=[Rule("deny any", 3 * unit, 50.0 - n, f"client {n}")],
        refusals=[Refusal(10.0 - n, "c", "deny any", f"refusal {n}")],
        unreached=4 * unit,
        troubles=[Trouble(20.0 - n, "c", "t", f"trouble {n}")],
        dials=[Dial(30.0 - n, f"target {n}")],
        datagrams=Datagrams(*(k * unit for k in range(1, 9))) if n else None,
        recent=[Connection(40.0 - n, "p", "c", f"t{n}", "w", 1, 2, 3.0, "ended")],
    )
    other = Service(f"only {n}", "udp", "t")
    return Snapshot(
        100.0 + n,
        50.0 + n,
        f"program {n}",
        workers=1,
        services=[service, other],
        ports=[Port("p", "*:143", f"state {n}", ["imap"], 5 * unit)],
        history=[Lesson("a", "b", 0.1 * n, None), Lesson("a", f"c{n}", None, None)],
        short_now=6 * unit,
        shortages=7 * unit,
        lost=[Lost("access", 8 * unit)],
    )


def test_numbers_are_summed_and_what_happened_is_in_order_of_time() -> None:
    whole = read_snapshot(aggregate([as_document(worker(n)) for n in range(3)]))
    assert (whole.time, whole.started, whole.program, whole.workers) == (102.0, 50.0, "program 0", 3)
    assert (whole.short_now, whole.shortages) == (666, 777)
    assert whole.lost == [Lost("access", 888)]
    assert [service.name for service in whole.services] == ["imap", "only 0", "only 1", "only 2"]
    service = whole.services[0]
    assert not service.is_leaving
    assert service.on == [OnPort("p", [Client("ipv4", 111, 222)], [Way("ipv4", "ipv6", 111, 222, 333, 444)])]
    assert service.rules == [Rule("deny any", 333, 50.0, "client 0")]
    assert service.unreached == 444
    assert service.datagrams == Datagrams(*(110 * k for k in range(1, 9)))
    assert [each.why for each in service.refusals] == ["refusal 2", "refusal 1", "refusal 0"]
    assert [each.why for each in service.troubles] == ["trouble 2", "trouble 1", "trouble 0"]
    assert [each.target for each in service.dials] == ["target 2", "target 1", "target 0"]
    assert [each.target for each in service.recent] == ["t2", "t1", "t0"]
    assert whole.ports == [Port("p", "*:143", "state 0", ["imap"], 555)]
    assert [(each.destination, each.rtt_s) for each in whole.history] == [
        ("b", 0.0),
        ("c0", None),
        ("c1", None),
        ("c2", None),
    ]


def test_a_service_that_leaves_everywhere_leaves() -> None:
    assert read_snapshot(aggregate([as_document(worker(0))] * 2)).services[0].is_leaving
    assert read_snapshot(aggregate([as_document(worker(0))])).services[0].datagrams is None


def test_of_what_happened_the_last_sixteen_are_kept() -> None:
    many = [
        Snapshot(
            1.0, 0.0, "p", services=[Service("a", "tcp", "t", dials=[Dial(float(n), str(n)) for n in range(k, 20, 2)])]
        )
        for k in (0, 1)
    ]
    dials = read_snapshot(aggregate(list(map(as_document, many)))).services[0].dials
    assert [each.target for each in dials] == [str(n) for n in range(4, 20)]


@pytest.mark.parametrize("documents", [[], [{}], [{"time": "now"}]])
def test_what_is_no_snapshot_is_refused(documents: list[dict[str, object]]) -> None:
    with pytest.raises(ValueError, match=r"no snapshot|missing required|Expected"):
        aggregate(documents)


class Told:
    """Keeps what it is told."""

    form, writer = "text", None

    def __init__(self) -> None:
        self.told: list[tuple[str, str, dict[str, object]]] = []

    def info(self, event: str, **facts: object) -> None:
        self.told.append(("info", event, facts))

    def warning(self, event: str, **facts: object) -> None:
        self.told.append(("warning", event, facts))

    def error(self, event: str, **facts: object) -> None:
        self.told.append(("error", event, facts))


def test_each_line_of_a_worker_has_its_number_and_keeps_its_weight() -> None:
    told = Told()
    log = _NumberedLog(told, 3)  # type: ignore[arg-type]
    log.info("came", peer="a")
    log.warning("odd")
    log.error("lost", why="b")
    assert told.told == [
        ("info", "came", {"peer": "a", "worker": 3}),
        ("warning", "odd", {"worker": 3}),
        ("error", "lost", {"why": "b", "worker": 3}),
    ]
