"""The gateway's log: an event and its facts a line, for people and for programs."""

import json
import logging
import os
from collections.abc import Callable

import pytest

from dualstack.gateway.counters.log import Log, open_log

Lines = Callable[[], list[str]]


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Lines:
    def since_last() -> list[str]:
        return capsys.readouterr().err.splitlines()

    return since_last


def test_text_has_time_level_event_and_facts(lines: Lines) -> None:
    log = open_log()
    log.info("port stopped", port="tcpip", connections=3)
    log.error("reload refused", why='a "quoted" reason', empty="")
    first, second = lines()
    time, rest = first.split(" ", 1)
    assert time.endswith("Z")
    assert rest == "info port stopped port=tcpip connections=3"
    assert second.endswith(r'error reload refused why="a \"quoted\" reason" empty=""')


def test_json_is_one_object_a_line(lines: Lines) -> None:
    log = open_log("json")
    log.warning("refused", peer="[::1]:5", why="rule: deny any")
    log.warning("refused", target="bücher.example")
    line, other = lines()
    assert "bücher.example" in other
    assert json.loads(line) | {"time": ""} == {
        "time": "",
        "level": "warning",
        "event": "refused",
        "peer": "[::1]:5",
        "why": "rule: deny any",
    }


def test_quiet_leaves_warnings_and_errors(lines: Lines) -> None:
    assert (Log().quiet, open_log().quiet) == (False, False)
    log = open_log(quiet=True)
    assert log.quiet
    log.info("note", why="x")
    log.warning("link", to="y")
    assert [line.split(" ", 1)[1] for line in lines()] == ["warning link to=y"]


def test_an_exception_of_a_library_is_one_line_too(lines: Lines) -> None:
    open_log()
    try:
        {}["k"]
    except KeyError:
        logging.getLogger("dualstack").exception("odd")
    (line,) = lines()
    assert line.endswith("error odd exception=\"KeyError: 'k'\"")


def test_the_access_log_on_standard_error_is_in_order_with_the_log(capfd: pytest.CaptureFixture[str]) -> None:
    log = open_log()
    log.open_access("-")
    assert log.access is not None
    for number in range(20):
        log.info("event", n=number)
        log.access.write({"n": number})
    log.flush()
    said = [line.split(" ", 1)[1] for line in capfd.readouterr().err.splitlines()]
    assert said == [line for n in range(20) for line in (f"info event n={n}", f"connection n={n}")]
    assert log.lost == {"events": 0, "connections": 0}
    log.close()


def test_what_a_library_says_is_one_line_of_ours_and_not_a_thousand(lines: Lines) -> None:
    open_log()
    for _ in range(1000):
        try:
            os.open("/dev/null/none", os.O_RDONLY)
        except OSError:
            logging.getLogger("asyncio").exception("socket.accept() out of system resource\nsocket: %s", "<socket>")
    said = lines()
    assert len(said) == 3
    assert (
        said[0]
        .split(" ", 1)[1]
        .startswith(
            'error internal of=asyncio what="socket.accept() out of system resource; socket: <socket>" at=test_log.py:'
        )
    )
    assert said[0].endswith("exception=\"NotADirectoryError: [Errno 20] Not a directory: '/dev/null/none'\"")
    logging.getLogger("asyncio").info("not said")
    assert lines() == []


def test_how_often_more_a_library_said_it_is_told_with_the_next(lines: Lines) -> None:
    open_log("json")
    (handler,) = logging.getLogger("uvicorn").handlers
    (seldom,) = handler.filters
    logger = logging.getLogger("uvicorn.error")
    for _ in range(7):
        logger.error("odd")
    assert len(lines()) == 3
    # Ten seconds later.
    kinds = seldom._spate._kinds  # type: ignore[union-attr]
    for kind in kinds.values():
        kind.since -= 10.0
    logger.error("odd")
    (said,) = lines()
    assert json.loads(said) | {"time": ""} == {
        "time": "",
        "level": "error",
        "event": "internal",
        "of": "uvicorn.error",
        "what": "odd",
        "more": 4,
    }


def test_what_was_lost_is_told_in_the_logs_form(monkeypatch: pytest.MonkeyPatch) -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:  # noqa: PTH123
        monkeypatch.setattr("sys.stderr", full)
        log = open_log("json", quiet=True)
        log.info("not said")
        log.warning("said")
        log.flush()
        assert log.lost["events"] == 1
        assert log.writer is not None
        line = json.loads(log.writer._lost_line(3))
        log.close()
    assert (line["level"], line["event"], line["lines"]) == ("warning", "log lines lost", 3)
