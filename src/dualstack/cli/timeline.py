"""A step of a connection as a line for people: its time, the step it belongs to, and what happened (U8)."""

from collections.abc import Callable, Mapping

from dualstack.core.dial.steps import DialStep, Kind

__all__ = ["line_of"]

_FAMILIES = {0: "", 4: "IPv4 ", 6: "IPv6 "}


def line_of(step: DialStep) -> str:
    """`   0.012 s  connect  2001:db8::1: Connection refused after 0.002 s`."""
    phase, tell = _LINES[step.kind]
    return f"{step.t_s:8.3f} s  {phase:7}  {tell(step.facts)}"


def _lookup(facts: Mapping[str, object]) -> str:
    return f"asking for {_asked(facts)} of {facts['name']}"


def _answer(facts: Mapping[str, object]) -> str:
    asked = _asked(facts)
    if facts["error"] is not None:
        return f"no {asked}: {facts['error']}"
    if "record" in facts:
        return f"{asked} of {facts['name']} are answered"
    addresses = facts["addresses"]
    assert isinstance(addresses, list)  # noqa: S101 - the race writes it
    return f"{asked} of {facts['name']}: {', '.join(map(str, addresses)) or 'none'}"


def _asked(facts: Mapping[str, object]) -> str:
    return "service records" if "record" in facts else f"{_FAMILIES[int(str(facts['family']))]}addresses"


def _service(facts: Mapping[str, object]) -> str:
    port = "" if facts["port"] is None else f" port {facts['port']}"
    hints, alpn = (_listed(facts[name]) for name in ("hints", "alpn"))
    more = "".join(
        f", {word}" for word in (hints and f"hints {hints}", alpn and f"speaks {alpn}", facts["ech"] and "ECH") if word
    )
    why_not = "" if facts["why_not"] is None else f": not used, {facts['why_not']}"
    return f"service {facts['priority']} at {facts['name']}{port}{more}{why_not}"


def _listed(values: object) -> str:
    assert isinstance(values, list | tuple)  # noqa: S101 - the race writes it
    return " ".join(map(str, values))


def _wait(facts: Mapping[str, object]) -> str:
    if facts["what"] == "handshake":
        return f"{facts['address']} is connected; its handshake begins"
    return f"waiting until {_seconds(facts['until_s'])} for what may be better"


def _attempt(facts: Mapping[str, object]) -> str:
    source = facts["source"]
    port = f" port {facts['port']}" if "port" in facts else ""
    return f"trying {facts['address']}{port}" + (f" from {source}" if source is not None else "")


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
    Kind.SERVICE: ("lookup", _service),
    Kind.FILTERED: ("filter", lambda facts: f"{facts['address']} is left out: {facts['why']}"),
    Kind.SYNTHESISED: ("filter", lambda facts: f"{facts['address']} stands for {facts['ipv4']} behind a translator"),
    Kind.SORT: ("sort", _sort),
    Kind.WAIT: ("wait", _wait),
    Kind.ATTEMPT: ("connect", _attempt),
    Kind.FAILED: ("connect", _failed),
    Kind.CONNECTED: ("connect", lambda facts: f"{facts['address']} answered after {_seconds(facts['elapsed_s'])}"),
    Kind.CANCELLED: ("connect", lambda facts: f"{facts['address']} is given up"),
}
