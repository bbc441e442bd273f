"""The gateway's log: an event and its facts a line, for people and for programs."""

import json
import logging
from collections.abc import Callable

import pytest

from dualstack.gateway.log import open_log

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
    (line,) = lines()
    assert json.loads(line) | {"time": ""} == {
        "time": "",
        "level": "warning",
        "event": "refused",
        "peer": "[::1]:5",
        "why": "rule: deny any",
    }


def test_quiet_leaves_warnings_and_errors(lines: Lines) -> None:
    log = open_log(quiet=True)
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
