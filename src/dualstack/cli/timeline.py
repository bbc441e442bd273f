"""A step of a connection as a line for people: its time, the step it belongs to, and what happened (U8)."""

from collections.abc import Callable, Mapping

from dualstack.core.steps import DialStep, Kind

__all__ = ["line_of"]

_FAMILIES = {0: "", 4: "IPv4 ", 6: "IPv6 "}


def line_of(step: DialStep) -> str:
    """`   0.012 s  connect  2001:db8::1: Connection refused after 0.002 s`."""
    phase, tell = _LINES[step.kind]
    return f"{step.t_s:8.3f} s  {phase:7}  {tell(step.facts)}"


def _lookup(facts: Mapping[str, object]) -> str:
    return f"asking for {_FAMILIES[int(str(facts['family']))]}addresses of {facts['name']}"


def _answer(facts: Mapping[str, object]) -> str:
    family = _FAMILIES[int(str(facts["family"]))]
    if facts["error"] is not None:
        return f"no {family}addresses: {facts['error']}"
    addresses = facts["addresses"]
    assert isinstance(addresses, list)  # noqa: S101 - the race writes it
    return f"{family}addresses of {facts['name']}: {', '.join(map(str, addresses)) or 'none'}"


def _wait(facts: Mapping[str, object]) -> str:
    if facts["what"] == "handshake":
        return f"{facts['address']} is connected; its handshake begins"
    return f"waiting until {_seconds(facts['until_s'])} for the other family's addresses"


def _attempt(facts: Mapping[str, object]) -> str:
    source = facts["source"]
    return f"trying {facts['address']}" + (f" from {source}" if source is not None else "")


def _failed(facts: Mapping[str, object]) -> str:
    return f"{facts['address']}: {facts['error']} after {_seconds(facts['elapsed_s'])}"


def _sort(facts: Mapping[str, object]) -> str:
    addresses = facts["addresses"]
    assert isinstance(addresses, list)  # noqa: S101 - the race writes it
    return f"order: {', '.join(map(str, addresses))}"


def _seconds(value: object) -> str:
    return f"{float(str(value)):.3f} s"


_LINES: dict[Kind, tuple[str, Callable[[Mapping[str, object]], str]]] = {
    Kind.LOOKUP: ("lookup", _lookup),
    Kind.ANSWER: ("lookup", _answer),
    Kind.FILTERED: ("filter", lambda facts: f"{facts['address']} is left out: {facts['why']}"),
    Kind.SYNTHESISED: ("filter", lambda facts: f"{facts['address']} stands for {facts['ipv4']} behind a translator"),
    Kind.SORT: ("sort", _sort),
    Kind.WAIT: ("wait", _wait),
    Kind.ATTEMPT: ("connect", _attempt),
    Kind.FAILED: ("connect", _failed),
    Kind.CONNECTED: ("connect", lambda facts: f"{facts['address']} answered after {_seconds(facts['elapsed_s'])}"),
    Kind.CANCELLED: ("connect", lambda facts: f"{facts['address']} is given up"),
}
