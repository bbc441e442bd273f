"""The process that tries mutants in one copy: it has pytest ready, and forks for each question.

A question is a line of JSON on standard input, its answer one on standard output. What a trial leaves running is ended.
"""

import contextlib
import ctypes
import json
import os
import resource
import signal
import sys
import time
import traceback
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
MOST_BYTES = 6 << 30
# What is slow to import, and neither ours nor a plugin of pytest, which pytest must be the first to import.
READY = (
    *(
        "asyncio",
        "click",
        "dns.message",
        "dns.resolver",
        "h11",
        "hypothesis",
        "importlib.metadata",
        "msgspec",
        "pytest",
    ),
    *("rich.console", "rich.table", "starlette.applications", "trio", "uvicorn"),
)
EARLY = "pytest.PytestAssertRewriteWarning"  # they are ready before pytest would have read them


def main() -> None:
    """Answer until there are no more questions."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # a daemon's orphans become ours
    signal.signal(signal.SIGTERM, _stopped)
    for name in READY:
        with contextlib.suppress(ImportError):
            __import__(name)
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(_tried(asked["tests"], asked["limit_s"], asked["each_s"])), flush=True)


def _stopped(*_: object) -> None:
    """Asked to end in the middle of a trial."""
    _end_children()
    os._exit(1)


def _tried(tests: list[str], limit_s: float, each_s: float) -> dict[str, str]:
    told = Path("..") / "told"
    told.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        _run(tests, told, each_s)
    until = time.monotonic() + limit_s
    status = None
    while status is None and time.monotonic() < until:
        ended, how = os.waitpid(child, os.WNOHANG)
        status = how if ended else None
        time.sleep(0.02)
    _end_children()
    if status is None:
        return {"outcome": "killed", "by": f"the limit of {limit_s:.0f} s"}
    if os.waitstatus_to_exitcode(status) == 0:
        return {"outcome": "survived", "by": ""}
    return {"outcome": "killed", "by": told.read_text() if told.exists() else "pytest does not start"}


class Teller:
    """The plugin that writes down which test failed."""

    def __init__(self, told: Path) -> None:
        self._told = told.absolute()

    def pytest_runtest_logreport(self, report) -> None:  # noqa: ANN001 -- pytest is imported late
        """The last failure is the only one."""
        if report.failed:
            self._told.write_text(report.nodeid or "an import")

    def pytest_collectreport(self, report) -> None:  # noqa: ANN001 -- the same
        """A module that cannot be imported fails here."""
        self.pytest_runtest_logreport(report)


def _run(tests: list[str], told: Path, each_s: float) -> None:
    """In the child: pytest over the tests, which is the last thing that it does."""
    import pytest

    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it, and so would all below
    os.setsid()
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))  # a loop without end may fill lists
    log = os.open("../log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    # Nothing of an earlier trial may decide this one: no cache, no examples kept.
    plain = ["-x", "-q", "-p", "no:cacheprovider", "--tb=short", f"--timeout={each_s:.0f}", "-W", f"ignore::{EARLY}"]
    code = 1
    try:
        code = int(pytest.main([*plain, *tests], plugins=[Teller(told)]))
    except BaseException:  # noqa: BLE001 -- the process ends below, and with it the trace
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _end_children() -> None:
    """End whatever is below this process; the subreaper sees what has lost its parent."""
    while children := _children():
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-1, 0)


def _children() -> list[int]:
    return [int(pid) for path in Path("/proc/self/task").iterdir() for pid in (path / "children").read_text().split()]


if __name__ == "__main__":
    main()
