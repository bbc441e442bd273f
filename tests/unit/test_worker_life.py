"""What may happen to a worker, and what follows from its end."""

import pytest

from dualstack.gateway.processes.worker_life import FATES, TRANSITIONS, Event, Fate, WorkerState


def after(*events: Event) -> WorkerState:
    state = WorkerState.WORKING
    for event in events:
        state = TRANSITIONS[state][event]
    return state


def test_every_event_is_foreseen_in_every_state_and_every_state_has_an_end() -> None:
    assert {state: {*row} for state, row in TRANSITIONS.items()} == {state: {*Event} for state in WorkerState}
    assert {*FATES} == {*WorkerState}


@pytest.mark.parametrize(
    ("events", "fate"),
    [
        pytest.param((), Fate(is_said=False, is_replaced=True), id="it dies"),
        pytest.param((Event.UNANSWERED,), Fate(is_said=True, is_replaced=True), id="it hangs"),
        pytest.param((Event.DISMISSED,), Fate(is_said=False, is_replaced=False), id="it leaves"),
        pytest.param(
            (Event.DISMISSED, Event.UNANSWERED), Fate(is_said=True, is_replaced=False), id="it will not leave"
        ),
        pytest.param((Event.UNANSWERED, Event.DISMISSED), Fate(is_said=True, is_replaced=False), id="it hung before"),
    ],
)
def test_what_follows_from_its_end(events: tuple[Event, ...], fate: Fate) -> None:
    assert FATES[after(*events)] == fate
