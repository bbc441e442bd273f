"""The oracle held against this kernel: cases are predicted and made, and where the two differ, it is said.

Works in the namespace where it runs and changes nothing of it. What the oracle calls unknown is no disagreement.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from random import Random
from time import monotonic

from dualstack.core.address.address import Address
from dualstack.core.oracle.case import CallOutcome, Case, Prediction, Receiver, Skipped
from dualstack.core.oracle.case_json import case_document, prediction_document
from dualstack.core.oracle.oracle import predict
from dualstack.core.oracle.sweep import Ground, pairs, random_cases
from dualstack.core.oracle.unknown import UNKNOWN
from dualstack.kernel.trial.trial import Measurement, Trial

__all__ = ["differences", "measurement_document", "sweep"]

_FIRST_PORT, _LAST_PORT = 10_000, 30_000
_TURN = 50
_REPORT_S = 0.25

Say = Callable[[dict[str, object]], None]


def sweep(ground: Ground, *, seed: int, seconds: float | None, randoms: int, say: Say) -> None:
    """Hold the oracle against this kernel: every ordered pair, and random cases in turn with them.

    Args:
        ground: what the cases stand on; it must be what is here.
        seed: gives the order of the pairs and the random cases.
        seconds: how long; None for all pairs and `randoms` random cases.
        randoms: how many random cases there are without a limit of time.
        say: takes `{"cases": N, "probes": N}` now and then and at the end, and each disagreement.
    """
    begun = told = monotonic()
    cases = probes = 0
    with Trial(ground.interfaces) as trial:
        for case in _in_turn(ground, Random(seed), None if seconds is not None else randoms):  # noqa: S311 - no secret
            now = monotonic()
            if seconds is not None and now - begun >= seconds:
                break
            if now - told >= _REPORT_S:
                told = now
                say({"cases": cases, "probes": probes})
            port = _FIRST_PORT + cases % (_LAST_PORT - _FIRST_PORT)
            _hold(trial, case, port, say)
            cases += 1
            probes += len(case.destinations) + len(case.calls)
    say({"cases": cases, "probes": probes})


def _in_turn(ground: Ground, random: Random, randoms: int | None) -> Iterator[Case]:
    """So many pairs, so many random cases, until there are no more of either."""
    sources = [pairs(ground, random), islice(random_cases(ground, Random(random.random())), randoms)]  # noqa: S311
    while sources:
        for source in tuple(sources):
            turn = list(islice(source, _TURN))
            yield from turn
            if not turn:
                sources.remove(source)


def _hold(trial: Trial, case: Case, port: int, say: Say) -> None:
    prediction = predict(case)
    measured = trial.measure(case, port)
    found = differences(case, prediction, measured, case.interfaces)
    if found:
        say(
            {
                "case": case_document(case),
                "predicted": prediction_document(case, prediction),
                "kernel": measurement_document(case, measured),
                "differences": found,
            }
        )


def differences(case: Case, prediction: Prediction, measured: Measurement, interfaces: Mapping[str, int]) -> list[str]:
    """Where the kernel said something else; empty where they agree. `interfaces` are those of where it was asked."""
    predicted, seen = prediction_document(case, prediction), measurement_document(case, measured)
    found = [
        f"{step.call} of socket {step.socket}: predicted {_said(outcome.errno)}, the kernel says {_said(said)}"
        for step, outcome, said in zip(case.steps, prediction.steps, measured.steps, strict=True)
        if outcome.errno is not UNKNOWN and outcome.errno != said
    ]
    for to, delivery, seen_by in zip(case.destinations, prediction.deliveries, measured.seen, strict=True):
        wanted = frozenset(_comparable(case, each, interfaces) for each in delivery.receivers), delivery.errno
        got = frozenset(_comparable(case, each, interfaces) for each in seen_by.receivers), seen_by.errno
        if delivery.errno is not UNKNOWN and wanted != got:
            name = str(to)
            found.append(f"to {name}: predicted {_at(predicted, name)}, the kernel says {_at(seen, name)}")
    for call, outcome, said in zip(case.calls, prediction.calls, measured.calls, strict=True):
        if not _agree(outcome, said):
            found.append(f"{call.op} to {call.to}: predicted {_told(outcome)}, the kernel says {_told(said)}")
    return found


def measurement_document(case: Case, measured: Measurement) -> dict[str, object]:
    """What the kernel did, in the form of a prediction."""
    is_udp = case.proto == "udp"
    return {
        "steps": [errno.value if isinstance(errno, Skipped) else errno for errno in measured.steps],
        "to": {
            str(to): seen.errno
            or [
                {"socket": each.socket, "peer": str(each.peer), "local": None if is_udp else str(each.local)}
                for each in sorted(seen.receivers, key=lambda each: each.socket)
            ]
            for to, seen in zip(case.destinations, measured.seen, strict=True)
        },
        "calls": [{"errno": call.errno, "wire": call.wire} for call in measured.calls],
    }


def _comparable(case: Case, receiver: Receiver, interfaces: Mapping[str, int]) -> tuple[object, ...]:
    """UDP's recvfrom does not say to which address; a scope is compared by its number."""
    local = None if case.proto == "udp" else _numbered(interfaces, receiver.local)
    peer = _numbered(interfaces, receiver.peer) if case.sources and receiver.peer is not None else None
    return receiver.socket, local, peer


def _numbered(interfaces: Mapping[str, int], address: Address) -> tuple[int, str]:
    scope = address.scope or ""
    return address.value, str(interfaces.get(scope, scope))


def _agree(outcome: CallOutcome, said: CallOutcome) -> bool:
    if outcome.errno is UNKNOWN:
        return True
    thrown_away = said.errno is None and said.wire is None
    return outcome.errno == said.errno and (thrown_away or outcome.wire == said.wire)


def _at(document: Mapping[str, object], name: str) -> object:
    to = document["to"]
    return to[name] if isinstance(to, dict) else None


def _told(outcome: CallOutcome) -> str:
    return f"IPv{outcome.wire} leaves" if outcome.wire else _said(outcome.errno)


def _said(errno: object) -> str:
    return "success" if errno is None else str(getattr(errno, "value", errno))
