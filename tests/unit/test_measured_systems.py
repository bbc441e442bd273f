"""What the other systems were seen to do, held against the tables (N6, U3, X3): a part of some 98,000 cases.

Each line of tests/data/measured is a line of `explain --batch` with `measured` beside. NetBSD 7.99.34 and FreeBSD 13.0
ran as whole network stacks with real traffic, gVisor as runsc 0.0~20221219; of XNU 11417.101.15, OpenBSD (in_pcb.c
1.322) and illumos (December 2020) the code of bind and of the lookups ran.
"""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from dualstack.core.oracle.case_json import read_case
from dualstack.core.oracle.measured import hold, read_measured
from dualstack.core.oracle.oracle import predict

DATA = Path(__file__).parent.parent / "data" / "measured"
SYSTEMS = ("netbsd", "freebsd", "macos", "openbsd", "illumos", "gvisor")


def measured(system: str) -> Iterator[dict]:
    with gzip.open(DATA / f"{system}.jsonl.gz", "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_tables_say_what_was_measured(system: str) -> None:
    wrong, unknown, cases = [], 0, 0
    for line in measured(system):
        seen = line.pop("measured")
        case, names = read_case(line), [to for to, _ in line.get("to", [])]
        assert case.stack.name == system
        held = hold(case, names, read_measured(case, names, seen))
        wrong += [(line, held.differences)] if held.differences else []
        unknown, cases = unknown + held.is_unknown, cases + 1
    assert wrong == []
    assert (unknown, cases > 2400) == (0, True)


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_group_is_said_where_gvisor_shares_by_a_hash_and_nowhere_else(system: str) -> None:
    many = [
        line
        for line in measured(system)
        for delivery in predict(read_case({key: line[key] for key in line if key != "measured"})).deliveries
        if len(delivery.receivers) > 1
    ]
    assert bool(many) == (system == "gvisor")
