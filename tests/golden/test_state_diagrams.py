"""The page of the states is drawn from the tables that the code asks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import pytest

from dualstack.core.dial import race
from dualstack.gateway.listeners import port_life
from dualstack.gateway.processes import worker_life
from dualstack.gateway.relay.stream import connecting, side

if TYPE_CHECKING:
    from enum import Enum

PAGE = (Path(__file__).parents[2] / "docs/design/states.md").read_text(encoding="utf-8")

Table: TypeAlias = "dict[Enum, dict[Enum, Enum]]"

MACHINES: dict[str, Table] = {
    "race": race.TRANSITIONS,
    "side": side.TRANSITIONS,
    "transfer mode": side.MODES,
    "connection attempt": connecting.TRANSITIONS,
    "port": port_life.TRANSITIONS,
    "worker": worker_life.TRANSITIONS,
}

each_machine = pytest.mark.parametrize("table", MACHINES.values(), ids=MACHINES)


def drawn(table: Table) -> str:
    """As Mermaid has it: from the first state on, and to the end where nothing leads away."""
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {next(iter(table)).name}"]
    for state, ways in table.items():
        lines += [f"    {state.name} --> {to.name} : {event.value}" for event, to in ways.items()]
        if not ways:
            lines.append(f"    {state.name} --> [*]")
    return "\n".join([*lines, "```"])


@each_machine
def test_the_page_has_the_diagram_of_the_table(table: Table) -> None:
    assert drawn(table) in PAGE


def test_the_page_has_no_other_diagram() -> None:
    assert PAGE.count("```mermaid") == len(MACHINES)


@each_machine
def test_every_state_has_its_row_and_can_be_reached(table: Table) -> None:
    first = next(iter(table))
    assert list(table) == list(type(first))
    reached = {first}
    while new := {to for state in reached for to in table[state].values()} - reached:
        reached |= new
    assert reached == set(table)


@each_machine
def test_every_event_changes_something(table: Table) -> None:
    events = {event for ways in table.values() for event in ways}
    assert events == set(type(next(iter(events))))
