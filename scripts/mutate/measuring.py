"""The plugin of pytest that tells coverage which test runs, in this process and in those that it starts."""

import json
import os
import signal
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import coverage
import pytest

__all__ = ["pytest_configure", "pytest_runtest_logreport", "pytest_runtest_protocol", "pytest_sessionfinish"]

seconds: defaultdict[str, float] = defaultdict(float)
failed: set[str] = set()


def pytest_configure() -> None:
    """Programs that tests start are measured too; their context is PYTEST_CURRENT_TEST, which they inherit."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it, and so would all below
    os.environ["COVERAGE_PROCESS_START"] = os.environ["MUTATE_COVERAGE"]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """What runs from here to its end is this test's."""
    measured = coverage.Coverage.current()
    if measured is not None:
        measured.switch_context(item.nodeid)
    result = yield
    if measured is not None:
        measured.switch_context("")
    return result


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """How long it took, and whether it can be asked at all."""
    test = report.nodeid.partition("[")[0]
    seconds[test] += report.duration
    if report.failed or report.skipped:
        failed.add(test)


def pytest_sessionfinish() -> None:
    """For the process that has started this one."""
    Path(os.environ["MUTATE_SECONDS"]).write_text(json.dumps({"seconds": seconds, "failed": sorted(failed)}))
