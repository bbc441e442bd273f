"""The trace of one connection: every lookup, answer, wait and attempt with its time, told as it happens."""

from collections.abc import Callable

from dualstack.core.dial.resolution import SERVICES, Answer, Lookup, Service
from dualstack.core.dial.steps import DialStep, Kind

__all__ = ["Trace"]


class Trace:
    """The steps so far.

    Args:
        began: when it began; times are told since then.
        name: what is looked up; None where the addresses are known.
        on_step: told of each step as it happens.
    """

    __slots__ = ("_name", "_on_step", "began", "steps")

    def __init__(self, began: float, name: str | None, on_step: Callable[[DialStep], object] | None) -> None:
        self.began = began
        self.steps: list[DialStep] = []
        self._name = name
        self._on_step = on_step

    def note(self, now: float, kind: Kind, **facts: object) -> None:
        """Add a step."""
        step = DialStep(now - self.began, kind, facts)
        self.steps.append(step)
        if self._on_step is not None:
            self._on_step(step)

    def lookup(self, lookup: Lookup, now: float) -> None:
        """A question is asked."""
        self.note(now, Kind.LOOKUP, name=lookup.name or self._name, **_about(lookup))

    def answer(self, lookup: Lookup, answer: Answer, now: float) -> None:
        """It is answered: its addresses or services, and what of them is not used."""
        if self._name is not None:
            addresses = [candidate.address for candidate in answer.candidates]
            error = None if answer.error is None else str(answer.error)
            name = lookup.name or self._name
            self.note(now, Kind.ANSWER, name=name, **_about(lookup), addresses=addresses, error=error)
        for service in answer.services:
            self._service(service, now)
        for left in answer.left_out:
            self.note(now, Kind.FILTERED, address=left.address, why=left.why)
        for candidate in answer.candidates:
            if candidate.synthesised_from is not None:
                self.note(now, Kind.SYNTHESISED, address=candidate.address, ipv4=candidate.synthesised_from)

    def _service(self, service: Service, now: float) -> None:
        self.note(
            now,
            Kind.SERVICE,
            priority=service.priority,
            name=service.name or self._name,
            port=service.port,
            hints=[hint.address for hint in service.hints],
            alpn=service.alpn,
            ech=service.has_ech,
            why_not=service.why_not or None,
        )


def _about(lookup: Lookup) -> dict[str, object]:
    if lookup.family == SERVICES:
        return {"family": 0, "record": "HTTPS"}
    return {"family": lookup.family}
