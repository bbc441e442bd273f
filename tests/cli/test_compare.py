"""`dualstack explain --compare`: a record of another machine beside the tables, and what is no record (X3)."""

import io
import json
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from dualstack.kernel.recorder import Lines
from support.command import Run

HEADER = {"record": 1, "system": "netbsd", "release": "NetBSD 10.1 amd64", "python": "3.12.1"}


def case(errno: str | None, os: str = "netbsd") -> dict:
    """0.0.0.0 after a dual ::, and what the second bind said."""
    return {
        "os": os,
        "proto": "udp",
        "sockets": [{"family": 6, "address": "::", "v6only": False}, {"family": 4, "address": "0.0.0.0"}],
        "steps": [["bind", 0], ["bind", 1]],
        "measured": {"steps": [None, errno]},
    }


@pytest.fixture
def record(tmp_path: Path):  # noqa: ANN201 - a function of cases to a path
    def write(*cases: dict, **header: object) -> str:
        out, lines = io.StringIO(), Lines()
        with redirect_stdout(out):
            for each in ({**HEADER, **header}, *cases, {"end": len(cases)}):
                lines.write(each)
        (tmp_path / "mine.jsonl").write_text(out.getvalue())
        return str(tmp_path / "mine.jsonl")

    return write


def test_a_record_that_the_tables_foresaw(run: Run, record) -> None:  # noqa: ANN001
    code, out, _ = run("explain", "--compare", record(case("EADDRINUSE")))
    assert code == 0
    assert "NetBSD 10.1 amd64" in out
    assert out.splitlines()[-1] == "1 cases on NetBSD, whose table was measured on 7.99.34: no disagreement"


def test_where_the_tables_are_wrong_is_shown_with_its_line(run: Run, record) -> None:  # noqa: ANN001
    code, out, _ = run("explain", "--compare", record(case("EADDRINUSE"), *[case(None)] * 11))
    assert code == 1
    assert "line 3: bind of socket 1: the tables say EADDRINUSE, measured ok" in out
    assert "and 1 more; --json has them all" in out
    assert out.splitlines()[-1].endswith(": 11 disagreements")


def test_scripts_get_all_of_it(run: Run, record) -> None:  # noqa: ANN001
    code, out, _ = run("explain", "--json", "--compare", record(case("EADDRINUSE"), case(None)))
    document = json.loads(out)
    (found,) = document.pop("disagreements")
    assert (code, found["line"], found["case"]["measured"]) == (1, 3, case(None)["measured"])
    counts = {"right": 1, "wrong": 1, "unknown": 0}
    assert document == {
        "version": 1,
        "os": "netbsd",
        "release": "NetBSD 10.1 amd64",
        "python": "3.12.1",
        "tables": "7.99.34",
        "cases": 2,
        **counts,
        "kinds": {"udp: 2 sockets": counts},
    }


def test_of_a_system_that_was_only_read_it_says_so(run: Run, record) -> None:  # noqa: ANN001
    code, out, _ = run("explain", "--compare", record(case(None, "windows"), system="windows"))
    assert code == 0
    assert "whose table was read, not measured" in out


def test_what_is_not_whole_ends_with_78_and_its_line(run: Run, record) -> None:  # noqa: ANN001
    path = record(case("EADDRINUSE"))
    lines = Path(path).read_bytes().splitlines(keepends=True)
    Path(path).write_bytes(b"".join(lines[:-1]))
    code, out, err = run("explain", "--compare", path)
    assert (code, out) == (78, "")
    assert f"{path}: line 2: it is the last, and no end of a record" in err


def test_a_record_goes_alone(run: Run, record) -> None:  # noqa: ANN001
    assert run("explain", "--compare", record(), "*:80")[0] == 2
    assert run("explain", "--compare", "/nowhere/mine.jsonl")[0] == 69
