"""What a system was seen to do with a case, held against the tables: right, wrong or unknown.

A measured document has the form of an answer (`case_json`): `steps`, `to`, `calls`, and beside them `options`, what
setting the options came to. Where a SO_REUSEPORT group shares, one of its members was seen to receive, and that is
right whichever it was. In UDP a client may learn nothing of it that nobody received.

Never reads a file and never prints.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from dualstack.core.oracle.case import Case
from dualstack.core.oracle.case_json import prediction_document
from dualstack.core.oracle.oracle import predict
from dualstack.core.oracle.unknown import UNKNOWN
from dualstack.errors import CaseError

__all__ = ["Held", "Measured", "hold", "kind_of", "read_measured"]

Document = Mapping[str, object]
NOBODY = "nobody"

_RECEIVER_KEYS = frozenset({"socket", "peer", "local"})


@dataclass(frozen=True, slots=True)
class Measured:
    """What was seen: by step an errno, by destination an errno or the receivers, by call the errno and the version."""

    steps: tuple[str | None, ...]
    to: Mapping[str, object]
    calls: tuple[tuple[str | None, int | None], ...]


@dataclass(frozen=True, slots=True)
class Held:
    """Where the tables say something else, and whether there is anything that they do not know."""

    differences: tuple[str, ...]
    is_unknown: bool


def read_measured(case: Case, destinations: list[str], document: object) -> Measured:
    """The part of a line that tells what was measured.

    Raises:
        CaseError: it does not fit the case; the message names the key.
    """
    said = _object(document, "measured")
    steps = _list(said, "steps", len(case.steps))
    to = _object(said.get("to", {}), "measured.to")
    if set(to) != set(destinations):
        raise CaseError("measured.to", "it has other destinations than the case")
    for name, seen in to.items():
        if not isinstance(seen, str):
            _check_receivers(case, seen, f"measured.to.{name}")
    calls = tuple(_call(each, f"measured.calls[{n}]") for n, each in enumerate(_list(said, "calls", len(case.calls))))
    return Measured(tuple(_errno(each, f"measured.steps[{n}]") for n, each in enumerate(steps)), to, calls)


def hold(case: Case, destinations: list[str], measured: Measured) -> Held:
    """The tables' answer to `case` beside what was measured."""
    answer = prediction_document(case, predict(case), destinations)
    found = list(_compared(case, answer, measured))
    wrong = tuple(text for text, is_unknown in found if not is_unknown)
    return Held(wrong, is_unknown=any(is_unknown for _, is_unknown in found))


def kind_of(case: Case) -> str:
    """What the case is about, for a table."""
    if case.calls:
        return f"{case.proto}: calls out"
    users = len({sock.uid for sock in case.sockets})
    count = len(case.sockets)
    return f"{case.proto}: {'one socket' if count == 1 else f'{count} sockets'}{' of two users' if users > 1 else ''}"


def _compared(case: Case, answer: Document, measured: Measured) -> Iterator[tuple[str, bool]]:
    """Each difference in words, and whether the tables know nothing there."""
    unknown = UNKNOWN.value
    for step, mine, seen in zip(case.steps, _of(answer, "steps"), measured.steps, strict=True):
        if mine != seen:
            text = f"{step.call} of socket {step.socket}: the tables say {mine or 'ok'}, measured {seen or 'ok'}"
            yield text, mine == unknown
    for name, end in cast("Document", answer["to"]).items():
        if not _same_end(case, end, measured.to[name]):
            yield f"to {name}: the tables say {end}, measured {measured.to[name]}", end == unknown
    for call, outcome, (errno, wire) in zip(case.calls, _of(answer, "calls"), measured.calls, strict=True):
        said = cast("Document", outcome)
        if (said["errno"], said["wire"]) != (errno, wire):
            text = f"{call.op} to {call.to}: the tables say {_told(said['errno'], said['wire'])}"
            yield f"{text}, measured {_told(errno, wire)}", said["errno"] == unknown


def _same_end(case: Case, mine: object, seen: object) -> bool:
    if isinstance(mine, str) and isinstance(seen, str):
        nobody = mine != UNKNOWN.value and (case.proto == "udp" or seen == NOBODY)
        return nobody or mine == seen
    if isinstance(mine, list) and isinstance(seen, list):
        return len(seen) <= len(mine) and all(each in mine for each in seen)
    return False


def _told(errno: object, wire: object) -> str:
    return str(errno) if errno is not None else "ok, nothing leaves" if wire is None else f"ok by IPv{wire}"


def _of(document: Document, key: str) -> list[object]:
    return cast("list[object]", document[key])


def _object(value: object, key: str) -> Document:
    if not isinstance(value, dict):
        raise CaseError(key, "a JSON object is expected")
    return value


def _list(document: Document, key: str, length: int) -> list[object]:
    value = document.get(key, [])
    if not isinstance(value, list) or len(value) != length:
        raise CaseError(f"measured.{key}", f"a list of {length} is expected, one for each of the case")
    return value


def _errno(value: object, key: str) -> str | None:
    if value is not None and not isinstance(value, str):
        raise CaseError(key, "the name of an errno, or null, is expected")
    return value


def _check_receivers(case: Case, value: object, key: str) -> None:
    each_fits = isinstance(value, list) and value and all(_is_receiver(case, each) for each in value)
    if not each_fits:
        raise CaseError(key, "an errno, or a list of receivers with socket, peer and local, is expected")


def _is_receiver(case: Case, value: object) -> bool:
    if not isinstance(value, dict) or set(value) != _RECEIVER_KEYS:
        return False
    return type(value["socket"]) is int and 0 <= value["socket"] < len(case.sockets)


def _call(value: object, key: str) -> tuple[str | None, int | None]:
    said = _object(value, key)
    wire = said.get("wire")
    if wire is not None and (type(wire) is not int or wire not in {4, 6}):
        raise CaseError(key, "an errno, and a wire of 4, 6 or null, are expected")
    return _errno(said.get("errno"), key), wire
