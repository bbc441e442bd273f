"""The trace of a connection as a timeline: what each attempt did, which family won, and what became of the other."""

from collections.abc import Mapping, Sequence

from dualstack.core.address.address import Address
from dualstack.core.dial.steps import DialStep, Kind
from dualstack.gateway.status.snapshot import Dial, Try

__all__ = ["timeline"]

_OTHER = {"ipv4": "ipv6", "ipv6": "ipv4"}
_NAMES = {"ipv4": "IPv4", "ipv6": "IPv6"}


def timeline(at: float, target: str, steps: Sequence[DialStep]) -> Dial:
    """What the steps tell; at any moment, also before the end.

    Args:
        at: when it began, in seconds since 1970.
        target: where to, as text.
        steps: so far.
    """
    made = Dial(at, target, elapsed_s=steps[-1].t_s if steps else 0.0)
    tries: dict[object, Try] = {}
    answers: dict[str, str] = {}
    for step in steps:
        facts = step.facts
        match step.kind:
            case Kind.ATTEMPT:
                tries[facts["number"]] = Try(_family(facts), str(facts["address"]), step.t_s)
                made.lookup_s = step.t_s if made.lookup_s is None else made.lookup_s
            case Kind.CONNECTED:
                made.winner, made.elapsed_s = _family(facts), step.t_s
                _end(tries, facts, step.t_s, "won")
            case Kind.FAILED:
                _end(tries, facts, step.t_s, "failed", str(facts["error"]))
            case Kind.CANCELLED:
                _end(tries, facts, step.t_s, "given up")
            case Kind.ANSWER if not facts["addresses"]:
                answers[f"ipv{facts['family']}"] = str(facts["error"] or "it has none")
            case _:
                pass
    made.tries = list(tries.values())
    if made.winner is not None:
        made.other = _other(_OTHER[made.winner], made.tries, answers)
    return made


def _family(facts: Mapping[str, object]) -> str:
    address = facts["address"]
    return "ipv6" if isinstance(address, Address) and address.version == 6 else "ipv4"


def _end(tries: Mapping[object, Try], facts: Mapping[str, object], t_s: float, outcome: str, why: str = "") -> None:
    made = tries.get(facts["number"])
    if made is not None:
        made.ended_s, made.outcome, made.why = t_s, outcome, why


def _other(family: str, tries: Sequence[Try], answers: Mapping[str, str]) -> str:
    """What became of the family that did not win."""
    name = _NAMES[family]
    mine = [each for each in tries if each.family == family]
    if not mine:
        return f"{name}: no address" if family in answers else f"{name} was not needed"
    last = mine[-1]
    took_ms = f"{((last.ended_s or last.started_s) - last.started_s) * 1000:.3g}"
    if last.outcome == "failed":
        return f"{name} failed after {took_ms} ms: {last.why}"
    return f"{name} had not answered within {took_ms} ms"
