"""`dualstack lookup`: its answers, its JSON and its exit codes, with no resolver asked."""

import json
import socket
from collections.abc import Sequence
from time import monotonic

import pytest
from click.testing import CliRunner, Result

from dualstack.cli.lookup import Answer, look_up
from dualstack.cli.main import cli
from dualstack.errors import AddressError, ExitCode, LookupFailed


class Says:
    """A resolver that gives one answer, be it an error."""

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def getaddrinfo(self, *_question: object) -> object:
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer

    getnameinfo = getaddrinfo


def run(*argv: str) -> Result:
    return CliRunner().invoke(cli, ["lookup", *argv], standalone_mode=False)


@pytest.mark.parametrize(
    ("argv", "lines"),
    [
        (["localhost"], ["::1", "127.0.0.1"]),
        (["localhost", "-4"], ["127.0.0.1"]),
        (["localhost", "-6"], ["::1"]),
        (["192.0.2.1", "--numeric"], ["192.0.2.1"]),
        (["::ffff:192.0.2.1", "--numeric"], ["192.0.2.1"]),
        (["2001:DB8:0::1", "--numeric"], ["2001:db8::1"]),
        (["[2001:db8::1]", "--numeric"], ["2001:db8::1"]),
    ],
)
def test_what_needs_no_resolver_is_printed_a_line_each(argv: Sequence[str], lines: list[str]) -> None:
    result = run(*argv)
    assert (result.return_value, result.stdout.splitlines(), result.stderr) == (ExitCode.YES, lines, "")


@pytest.mark.parametrize(
    ("argv", "kind", "code"),
    [
        (["0x7f.1"], AddressError, ExitCode.WRONG_VALUE),
        (["192.0.2.256"], AddressError, ExitCode.WRONG_VALUE),
        (["fe80::1%"], AddressError, ExitCode.WRONG_VALUE),
        (["*"], AddressError, ExitCode.WRONG_VALUE),
        (["a b"], AddressError, ExitCode.WRONG_VALUE),
        (["\uff11\uff12\uff17.0.0.1"], AddressError, ExitCode.WRONG_VALUE),
        (["mail.example", "--numeric"], LookupFailed, ExitCode.UNAVAILABLE),
        (["192.0.2.1", "-6"], LookupFailed, ExitCode.UNAVAILABLE),
        (["fe80::1%nonesuch"], LookupFailed, ExitCode.UNAVAILABLE),
    ],
)
def test_what_has_no_answer_ends_with_the_code_of_its_error(
    argv: Sequence[str], kind: type[Exception], code: ExitCode
) -> None:
    result = run(*argv)
    assert isinstance(result.exception, kind)
    assert getattr(result.exception, "exit_code", None) == code
    as_json = run(*argv, "--json")
    assert as_json.return_value == code
    said = json.loads(as_json.stdout)
    assert said["error"] == str(result.exception)
    assert (said["canonical"], said["addresses"]) == (None, [])


def test_the_json_has_what_the_contract_lists() -> None:
    began = monotonic()
    said = json.loads(run("localhost", "--json").stdout)
    around_s = monotonic() - began
    assert 0 < said.pop("elapsed_s") <= around_s
    assert said == {
        "version": 1,
        "query": "localhost",
        "canonical": "localhost",
        "addresses": ["::1", "127.0.0.1"],
        "names": [],
        "numeric_only": False,
        "error": None,
    }


def test_help_has_examples() -> None:
    assert "dualstack lookup 192.0.2.1 --timeout 0.5" in run("--help").stdout


def test_a_name_has_its_canonical_name_and_its_addresses_once() -> None:
    found = [
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "mail.example", ("2001:db8::1", 0, 0, 0)),
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::ffff:192.0.2.1", 0, 0, 0)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 0)),
    ]
    answer = look_up("mail", timeout=5, resolver=Says(found))
    assert answer == Answer("mail.example", ("2001:db8::1", "192.0.2.1"))


def test_an_address_has_its_name() -> None:
    answer = look_up("192.0.2.1", timeout=5, resolver=Says(("mail.example", "0")))
    assert answer == Answer("192.0.2.1", ("192.0.2.1",), ("mail.example",))


@pytest.mark.parametrize(
    ("code", "error"),
    [(socket.EAI_NONAME, None), (socket.EAI_AGAIN, "lookup of '192.0.2.1': why")],
)
def test_an_address_without_a_name_is_numeric_and_only_a_missing_answer_is_an_error(
    code: int, error: str | None
) -> None:
    answer = look_up("192.0.2.1", timeout=5, resolver=Says(socket.gaierror(code, "why")))
    assert answer == Answer("192.0.2.1", ("192.0.2.1",), (), numeric_only=True, error=error)
