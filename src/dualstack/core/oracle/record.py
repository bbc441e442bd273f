"""The cases that `kernel.recorder` measured on some machine, read whole or not believed.

A record is lines of JSON: a header with the version of the format, the system, its release and Python; a line for each
case, as `explain --batch` takes it with `measured` beside; and a last line with how many there are. Each has a sum over
itself and the lines before it, so that what was edited, left out or cut short shows, and where.

Takes lines, never opens a file.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256

from dualstack.core.oracle.case import Case
from dualstack.core.oracle.case_json import read_case
from dualstack.core.oracle.measured import Held, hold, kind_of, read_measured
from dualstack.core.oracle.systems import STACKS
from dualstack.errors import CaseError

__all__ = ["FORMAT", "Comparison", "Record", "Tally", "compare", "read_record"]

FORMAT = 1
"""The version of the format that is read."""

_SUM_LENGTH = 16


@dataclass(frozen=True, slots=True)
class Record:
    """A record that is whole: what its header says, and its cases with what was measured, as JSON documents."""

    system: str
    release: str
    python: str
    cases: tuple[tuple[int, Mapping[str, object]], ...]


@dataclass(frozen=True, slots=True)
class Tally:
    """How many cases of one kind the tables are right about, wrong, or know nothing of."""

    right: int = 0
    wrong: int = 0
    unknown: int = 0


@dataclass(frozen=True, slots=True)
class Comparison:
    """The tables beside a record: a tally by kind of case, and each wrong case with its line."""

    tallies: Mapping[str, Tally]
    wrong: tuple[tuple[int, Mapping[str, object], tuple[str, ...]], ...]


def read_record(lines: Iterable[bytes]) -> Record:
    """The record that the lines are.

    Raises:
        CaseError: they are none, or not whole; the message names the line.
    """
    documents = list(_documents(lines))
    if not documents:
        raise CaseError("line 1", "a record begins with its header, and this is empty")
    _check_header(documents[0][1])
    number, last = documents[-1]
    if "end" not in last:
        raise CaseError(f"line {number}", "it is the last, and no end of a record: this one was cut short")
    cases = documents[1:-1]
    if last["end"] != len(cases):
        raise CaseError(f"line {number}", f"it says that there are {last['end']} cases, and there are {len(cases)}")
    header = documents[0][1]
    return Record(str(header["system"]), str(header["release"]), str(header["python"]), tuple(cases))


def compare(record: Record) -> Comparison:
    """Hold every case of `record` against the tables.

    Raises:
        CaseError: a line is no case, or of another system than the header; nothing is then said of the others.
    """
    counts: dict[str, Counter[str]] = {}
    wrong = []
    for number, document in record.cases:
        try:
            case, held = _held(record, document)
        except CaseError as error:
            raise CaseError(f"line {number}", str(error)) from None
        counted = counts.setdefault(kind_of(case), Counter())
        counted["wrong" if held.differences else "unknown" if held.is_unknown else "right"] += 1
        if held.differences:
            wrong.append((number, document, held.differences))
    tallies = {kind: Tally(each["right"], each["wrong"], each["unknown"]) for kind, each in counts.items()}
    return Comparison(tallies, tuple(wrong))


def _held(record: Record, document: Mapping[str, object]) -> tuple[Case, Held]:
    case = read_case(document)
    if case.stack.name != record.system:
        raise CaseError("os", f"the header says {record.system}, and this case is of {case.stack.title}")
    pairs = document.get("to", [])
    names = [to for to, _ in pairs] if isinstance(pairs, list) else []
    return case, hold(case, names, read_measured(case, names, document.get("measured")))


def _documents(lines: Iterable[bytes]) -> Iterator[tuple[int, Mapping[str, object]]]:
    """Each line with its number, decoded, its sum checked."""
    before, ended = "", False
    for number, line in enumerate(lines, 1):
        place = f"line {number}"
        try:
            document = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise CaseError(place, f"no JSON, or cut short: {error}") from None
        if not isinstance(document, dict):
            raise CaseError(place, "a JSON object is expected")
        if ended:
            raise CaseError(place, "it stands after the end of the record")
        if number == 1:
            _check_format(document)
        before = _sum(before, document)
        if document.get("sum") != before:
            raise CaseError(place, "its sum is another: the line, or one before it, was edited or left out")
        ended = "end" in document
        yield number, document


def _sum(before: str, document: Mapping[str, object]) -> str:
    """What `kernel.recorder` writes beside a line."""
    told = {key: value for key, value in document.items() if key != "sum"}
    text = json.dumps(told, sort_keys=True, separators=(",", ":"))
    return sha256((before + text).encode()).hexdigest()[:_SUM_LENGTH]


def _check_format(header: Mapping[str, object]) -> None:
    version = header.get("record")
    if type(version) is not int:
        raise CaseError("line 1", "no header of a record: make one with the program that `explain --record` prints")
    if version != FORMAT:
        raise CaseError("line 1", f"the format is {version}, and this dualstack reads {FORMAT}: use one that is as new")


def _check_header(header: Mapping[str, object]) -> None:
    system = header.get("system")
    if not isinstance(system, str) or system not in STACKS:
        raise CaseError("line 1", f"no system {system!r} in the tables; there are: {', '.join(STACKS)}")
    for key in ("release", "python"):
        if not isinstance(header.get(key), str):
            raise CaseError("line 1", f"the header has no {key}")
