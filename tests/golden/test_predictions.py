"""Thousands of answers of the oracle are what they were; where one is to change, the file is written anew with it."""

import functools
import json

import pytest

from dualstack.core.oracle.case import Case
from dualstack.core.oracle.case_json import case_document, prediction_document
from dualstack.core.oracle.oracle import predict
from dualstack.core.oracle.systems import STACKS
from support.predictions import KEPT, cases, line

LINES = KEPT.read_text().splitlines()


@functools.cache
def all_cases() -> list[Case]:
    return list(cases())


@pytest.mark.parametrize("name", list(STACKS))
def test_what_is_said_of_many_cases_is_what_was_said(name: str) -> None:
    """`python tests/support/predictions.py` writes tests/data/predictions.txt anew."""
    asked = [(case, kept) for case, kept in zip(all_cases(), LINES, strict=True) if case.stack.name == name]
    assert len(asked) == (720 if name == "linux" else 180)
    other = [case for case, kept in asked if line(case) != kept]
    assert not other, "\n".join(
        f"{json.dumps(case_document(case))}\n  {json.dumps(prediction_document(case, predict(case)))}"
        for case in other[:3]
    )
