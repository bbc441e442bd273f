"""The limits, times and defaults of every module are those that were settled: a change of one is seen, and meant."""

import sys

import pytest

from support.settled import KEPT, settled


@pytest.mark.skipif(sys.platform != "linux", reason="some are the system's")
def test_what_is_settled_is_what_was_settled() -> None:
    """`python tests/support/settled.py` writes tests/data/settled.txt anew."""
    assert list(settled()) == KEPT.read_text().splitlines()
