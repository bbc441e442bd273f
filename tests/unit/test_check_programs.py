"""`dualstack check` on a collection of small programs with labels: everything found, and nothing else.

A label has a line and a kind; a finding one line beside counts. `also` are other lines where the same may be said,
`may` lines that are neither asked for nor false.
"""

import json
from pathlib import Path
from typing import TypedDict

import pytest

from dualstack.check import Finding, check_source

DATA = Path(__file__).parents[1] / "data" / "check"


class Label(TypedDict, total=False):
    """What is to be found on a line."""

    line: int
    kind: str
    also: list[int]
    may: bool


LABELS: dict[str, list[Label]] = json.loads((DATA / "labels.json").read_text())


def is_of(finding: Finding, label: Label) -> bool:
    """Whether a finding says what a label asks for."""
    lines = [label["line"], *label.get("also", [])]
    return finding.kind == label["kind"] and any(abs(finding.line - line) <= 1 for line in lines)


@pytest.mark.parametrize("name", LABELS)
def test_all_that_is_labelled_is_found_and_nothing_else(name: str) -> None:
    findings = check_source((DATA / f"{name}.txt").read_text(), name)
    asked = [label for label in LABELS[name] if not label.get("may")]
    spare = {label["line"] for label in LABELS[name] if label.get("may")}
    assert [label for label in asked if not any(is_of(each, label) for each in findings)] == []
    assert [
        each for each in findings if each.line not in spare and not any(is_of(each, label) for label in asked)
    ] == []


def test_the_collection_is_whole() -> None:
    assert len(LABELS) == 82
    assert sum(not label.get("may") for labels in LABELS.values() for label in labels) == 86


@pytest.mark.parametrize("name", LABELS)
def test_a_file_that_is_cut_anywhere_harms_nothing(name: str) -> None:
    text = (DATA / f"{name}.txt").read_text()
    for end in range(0, len(text), 61):
        assert isinstance(check_source(text[:end], name), tuple)
