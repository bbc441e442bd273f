"""`dualstack check`: what is printed, silenced, chosen and replaced, and how it ends."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dualstack.check import KINDS, check_source
from support.command import Run

SPLIT = 'def parse(server):\n    host, port = server.split(":")\n    return host, int(port)\n'


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "program.py"
    path.write_text(SPLIT)
    return path


def codes(output: str) -> list[str]:
    return [finding["code"] for finding in json.loads(output)["findings"]]


def test_a_finding_shows_its_line_the_law_and_the_replacement(run: Run, program: Path) -> None:
    code, output, _ = run("check", str(program))
    assert code == 1
    shown = output.splitlines()
    assert shown[0].startswith(f"{program}:2:18: DS216 hostport-split: split(':'): \"host:port\" is parted at a colon")
    assert shown[1:3] == ['        host, port = server.split(":")', "                     ^"]
    assert "RFC 3986 3.2.2" in output
    assert output.endswith("1 finding in 1 of 1 file\n")


def test_nothing_found_is_said_and_ends_with_0(run: Run, tmp_path: Path) -> None:
    (tmp_path / "right.py").write_text("import socket\nsocket.create_connection(('example.org', 80))\n")
    assert run("check", str(tmp_path)) == (0, "Nothing found in 1 file\n", "")


def test_json_has_all_fields(run: Run, program: Path) -> None:
    code, output, _ = run("check", "--json", str(program))
    document = json.loads(output)
    assert (code, document["version"]) == (1, 1)
    (finding,) = document["findings"]
    assert {"code", "path", "line", "column", "message", "why", "replacement"} <= set(finding)
    assert (finding["code"], finding["path"], finding["line"], finding["column"]) == ("DS216", str(program), 2, 18)


def test_sarif_has_the_rules_and_the_places(run: Run, program: Path) -> None:
    code, output, _ = run("check", "--sarif", str(program))
    document = json.loads(output)
    (log,) = document["runs"]
    (result,) = log["results"]
    region = result["locations"][0]["physicalLocation"]["region"]
    assert (code, document["version"], result["ruleId"]) == (1, "2.1.0", "DS216")
    assert region == {"startLine": 2, "startColumn": 18}
    assert [rule["id"] for rule in log["tool"]["driver"]["rules"]] == [kind.code for kind in KINDS]


def test_sarif_writes_paths_as_uris(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a b.py").write_text(SPLIT)
    monkeypatch.chdir(tmp_path)
    for named, uri in (("a b.py", "a%20b.py"), (str(tmp_path / "a b.py"), f"file://{tmp_path}/a%20b.py")):
        (log,) = json.loads(run("check", "--sarif", named)[1])["runs"]
        place = log["results"][0]["locations"][0]["physicalLocation"]
        assert place["artifactLocation"] == {"uri": uri}


@pytest.mark.parametrize(
    ("comment", "expected"),
    [
        ("# dualstack: ignore", []),
        ("# dualstack: ignore[DS216]", []),
        ("# dualstack: ignore[DS2] names alone come here", []),
        ("# dualstack: ignore[hostport-split]", []),
        ("# dualstack: ignore[DS206, DS216]", []),
        ("# noqa", []),
        ("# noqa: E501, DS216", []),
        ("# type: ignore  # noqa: DS216", []),
        ("# dualstack: ignore[DS206]", ["DS216"]),
        ("# noqa: E501", ["DS216"]),
        ("# not a word of it", ["DS216"]),
    ],
)
def test_a_comment_silences_its_line(run: Run, program: Path, comment: str, expected: list[str]) -> None:
    program.write_text(SPLIT.replace('(":")', f'(":")  {comment}'))
    assert codes(run("check", "--json", str(program))[1]) == expected


def test_a_comment_that_stands_alone_silences_the_next_line_and_one_the_file(run: Run, program: Path) -> None:
    program.write_text(SPLIT.replace("    host,", "    # dualstack: ignore[DS216] a name\n    host,"))
    assert run("check", str(program))[0] == 0
    program.write_text(f"# dualstack: ignore-file\n\n{SPLIT}")
    assert run("check", str(program))[0] == 0


def test_a_comment_in_c_silences_too(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "ask.c"
    line = "#include <netdb.h>\nvoid *ask(const char *n) { return gethostbyname(n); } "
    path.write_text(line + "\n")
    assert codes(run("check", "--json", str(path))[1]) == ["DS208"]
    path.write_text(line + "/* dualstack: ignore[DS208] */\n")
    assert run("check", str(path))[0] == 0


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--select", "DS216"], ["DS216"]),
        (["--select", "DS20,hostport-split"], ["DS216"]),
        (["--select", "DS20"], []),
        (["--ignore", "DS2"], []),
        (["--ignore", "hostport-split"], []),
        (["--ignore", "DS206"], ["DS216"]),
    ],
)
def test_codes_their_beginnings_and_names_choose(
    run: Run, program: Path, options: list[str], expected: list[str]
) -> None:
    assert codes(run("check", "--json", *options, str(program))[1]) == expected


def test_a_code_that_means_nothing_is_a_wrong_use(run: Run, program: Path) -> None:
    code, _, error = run("check", "--select", "E501", str(program))
    assert code == 2
    assert "no finding has the code 'E501'" in error
    assert run("check")[0] == 2
    assert run("check", "--json", "--sarif", str(program))[0] == 2


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("wrong.py", b"def f(:\n", ("DS298", "invalid syntax")),
        ("old.py", b"print 'x'\n", ("DS298", "print")),
        ("binary.py", b"\x00\x01\x02", ("DS299", "binary")),
        ("notes", b"just words", ("DS299", "neither Python nor C")),
    ],
)
def test_a_file_that_cannot_be_read_as_what_it_is_is_a_finding(
    run: Run, tmp_path: Path, name: str, content: bytes, expected: tuple[str, str]
) -> None:
    (tmp_path / name).write_bytes(content)
    status, output, _ = run("check", "--json", str(tmp_path / name))
    (finding,) = json.loads(output)["findings"]
    assert (status, finding["code"]) == (1, expected[0])
    assert expected[1] in finding["message"]


def test_a_missing_file_a_pipe_and_a_giant_are_findings(run: Run, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    with (tmp_path / "giant.c").open("wb") as giant:
        giant.truncate(1 << 30)
    status, output, _ = run("check", "--json", str(tmp_path), str(tmp_path / "none.py"))
    assert (status, codes(output)) == (1, ["DS299"] * 3)


def test_a_program_is_told_by_its_first_line_where_it_is_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "tool").write_text(f"#!/usr/bin/env python3\n{SPLIT}")
    assert codes(run("check", "--json", str(tmp_path / "tool"))[1]) == ["DS216"]
    assert run("check", str(tmp_path)) == (0, "Nothing found in 0 files\n", "")


def test_hidden_directories_and_environments_are_skipped(run: Run, tmp_path: Path) -> None:
    for folder in (".git", "venv", "node_modules", "__pycache__"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.py").write_text(SPLIT)
    assert run("check", str(tmp_path))[0] == 0


FIXABLE = """\
import socket


def accept(listener):
    conn, (host, port) = listener.accept()
    return conn, host == "127.0.0.1"


class Visit(Model):
    ip = CharField(max_length=15)
"""
FIXED = """\
import socket


def accept(listener):
    conn, (host, port, *_) = listener.accept()
    return conn, host in {"127.0.0.1", "::1", "::ffff:127.0.0.1"}


class Visit(Model):
    ip = CharField(max_length=45)
"""


def test_fix_prints_a_diff_that_applies_and_leaves_nothing_to_find(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "visits.py"
    path.write_text(FIXABLE)
    code, diff, _ = run("check", "--fix", str(path))
    assert code == 1
    assert path.read_text() == FIXABLE
    subprocess.run(["patch", "-p1", "-s"], input=diff, text=True, cwd="/", check=True)
    assert path.read_text() == FIXED
    assert run("check", str(path))[0] == 0


def test_fix_widens_a_buffer_in_c(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "session.c"
    path.write_text("#include <arpa/inet.h>\nstruct session { char from[INET_ADDRSTRLEN]; };\n")
    assert "+struct session { char from[INET6_ADDRSTRLEN]; };\n" in run("check", "--fix", str(path))[1]


@pytest.mark.parametrize("code", ["DS216", "ds216", "hostport-split"])
def test_explain_says_what_why_and_what_instead(run: Run, code: str) -> None:
    status, output, _ = run("check", "--explain", code)
    assert (status, output.splitlines()[0]) == (0, "DS216 hostport-split")
    assert "RFC 3986 3.2.2" in output


def test_explain_of_no_finding_names_the_list(run: Run) -> None:
    status, _, error = run("check", "--explain", "DS999")
    assert (status, "--kinds lists them" in error) == (2, True)


def test_what_directories_of_tests_have_is_left_alone_unless_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "program.py").write_text(SPLIT)
    assert run("check", str(tmp_path))[:2] == (0, "Nothing found in 0 files\n")
    assert run("check", str(tmp_path / "tests"))[0] == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("structures.c", "struct s { int a; " * 2000 + "};" * 2000),
        ("macros.c", "#define A B B B\n#define B A A A\nint f(void) { return inet_pton(A, A, A); }"),
        ("functions.py", "\n".join(f'def f{n}(host="0.0.0.0"): return host' for n in range(1500))),
        ("nested.py", "import socket\nx = " + "-" * 60000 + "1"),
        ("joined.py", "import socket\nx = " + "+".join(["a"] * 30000)),
        ("numbers.py", "import socket\nx = '" + "1" * 100_000 + "'\n"),
        ("pairs.py", "import socket\ndef f(s):\n" + "    a, b = s.x()\n    b[:2]\n" * 3000),
        ("classes.py", "import socket\n" + "\n".join(f"class C{n}: pass\nC{n}.bind(C{n}.x)" for n in range(3000))),
        ("table.c", "#include <netdb.h>\nvoid f(void) { int t[] = { " + "1, " * 9000 + "}; }"),
        ("joins.c", '#include <netdb.h>\nvoid f(void) { printf("' + "x" * 50_000 + '"); }'),
    ],
)
def test_what_is_huge_or_deep_is_one_finding_a_line_and_no_failure(name: str, text: str) -> None:
    assert len(check_source(text, name)) <= text.count("\n") + 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("prefix.py", 'def f(host):\n    return host.startswith("10.\\n") or host[:3] == "1.\\n"\n'),
        ("prefix.c", '#include <netdb.h>\nint f(char *b) { return strstr(b, "2.\\n") != 0; }'),
        ("format.py", 'def f(host, port):\n    return "{\N{SUPERSCRIPT TWO}}:{}".format(host, port)\n'),
        ("digits.py", f"def f(host):\n    a, b, c, d = host.split('.')\n    return 0x{'f' * 6000}\n"),
    ],
)
def test_no_text_ends_a_run(name: str, text: str) -> None:
    assert isinstance(check_source(text, name), tuple)


def test_an_encoding_that_decodes_nothing_ends_no_run(run: Run, tmp_path: Path) -> None:
    (tmp_path / "odd.py").write_text(f"# coding: undefined\n{SPLIT}")
    assert codes(run("check", "--json", str(tmp_path))[1]) == ["DS216"]


@pytest.mark.parametrize("mark", ["\f", "\v", "\x85", "\u2028"])
def test_a_line_ends_where_the_compiler_has_it_end(run: Run, program: Path, mark: str) -> None:
    program.write_text(f"# a{mark}b\n{SPLIT}")
    assert run("check", str(program))[1].splitlines()[1] == '        host, port = server.split(":")'
    program.write_text(f"# a{mark}b\n{FIXABLE}")
    assert '-    return conn, host == "127.0.0.1"\n' in run("check", "--fix", str(program))[1]
    silent = SPLIT.replace('(":")', '(":")  # dualstack: ignore')
    program.write_text(f"# a{mark}b\n{silent}")
    assert run("check", str(program))[0] == 0


def test_what_is_found_is_the_same_in_every_run(tmp_path: Path) -> None:
    (tmp_path / "local.py").write_text("def f(host):\n    return host in ('localhost', '127.0.0.0/8')\n")
    (tmp_path / "own.c").write_text(
        "#include <net/if.h>\n"
        "int f(int s, int q, struct ifreq *r) { return ioctl(s, q ? SIOCGIFADDR : SIOCGIFNETMASK, r); }\n"
    )
    said = {
        subprocess.run(
            [sys.executable, "-m", "dualstack", "check", "--json", tmp_path],
            capture_output=True,
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            check=False,
        ).stdout
        for seed in (1, 4, 6)
    }
    assert len(said) == 1


def test_the_kinds_are_at_least_45_with_a_code_each() -> None:
    assert len({kind.code for kind in KINDS}) == len({kind.name for kind in KINDS}) == len(KINDS) > 45


def test_our_own_source_has_nothing(run: Run) -> None:
    assert run("check", str(Path(__file__).parents[2] / "src"))[::2] == (0, "")
