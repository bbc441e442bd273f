"""The program that records a system: one file for any Python, and on this kernel what `--verify` finds (X3)."""

import ast
import errno
import hashlib
import io
import itertools
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Self

import pytest

from dualstack.core.oracle.record import Comparison, compare, read_record
from dualstack.kernel import recorder
from dualstack.kernel.network_thread import NetworkThread
from dualstack.lab.network import why_no_network
from support.command import Run
from support.free_port import free_port
from support.ordinary import NOBODY

TEXT = Path(recorder.__file__).read_text()


def compared(lines: bytes) -> Comparison:
    read = read_record(lines.splitlines())
    assert read.system == "linux"
    return compare(read)


def test_it_is_of_the_standard_library_alone_and_of_python_3_8() -> None:
    tree = ast.parse(TEXT, feature_version=(3, 8))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported <= sys.stdlib_module_names


def test_what_it_records_here_is_what_is_predicted() -> None:
    out = io.StringIO()
    with redirect_stdout(out):
        assert recorder.main(["2"]) == 0
    made = compared(out.getvalue().encode())
    assert made.wrong == ()
    assert set(made.tallies) >= {f"{proto}: {what}" for proto in ("tcp", "udp") for what in ("one socket", "calls out")}
    assert sum(tally.right for tally in made.tallies.values()) > 200
    assert sum(tally.unknown for tally in made.tallies.values()) == 0


@pytest.mark.parametrize("python", ["this one", "the system's, as an ordinary user"])
def test_it_runs_without_this_project_and_without_rights(python: str) -> None:
    words = (sys.executable,) if python == "this one" else (*(NOBODY if os.geteuid() == 0 else ()), "/usr/bin/python3")
    if python != "this one" and not Path(words[-1]).exists():
        pytest.skip("the system has no Python")
    command = [*words, "-I", "-S", "-", "0.5"]
    ended = subprocess.run(command, input=TEXT.encode(), capture_output=True, check=True, cwd="/")
    assert compared(ended.stdout).wrong == ()
    assert b" cases on linux in " in ended.stderr


@pytest.mark.parametrize(
    ("setting", "code", "said"),
    [
        ("true", 1, b"127.0.0.1 is not up here"),
        ("ip link set lo up; echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6", 0, b" cases on linux in "),
        ("ip link set lo up; echo 1 > /proc/sys/net/ipv6/bindv6only", 0, b" cases on linux in "),
    ],
)
def test_it_measures_what_is_there(setting: str, code: int, said: bytes) -> None:
    """In network namespaces without a loopback, without IPv6, and with IPV6_V6ONLY on by default."""
    if why := why_no_network():
        pytest.skip(why)
    script = f"{setting}; exec {sys.executable} -I -S - 0.5"
    ended = subprocess.run(
        ("unshare", "-rn", "sh", "-c", script), input=TEXT.encode(), capture_output=True, check=False
    )
    assert (ended.returncode, said in ended.stderr) == (code, True), ended.stderr
    if code == 0:
        assert compared(ended.stdout).wrong == ()


def test_the_command_prints_it_as_it_is(run: Run) -> None:
    assert run("explain", "--record") == (0, TEXT, "")


@pytest.mark.parametrize(
    ("number", "name"), [(13, "EACCES"), (10048, "EADDRINUSE"), (99999, "99999"), (None, "None"), (0, "0")]
)
def test_an_error_has_one_name_on_all_systems(number: int | None, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    known = {13: "EACCES", 10048: "WSAEADDRINUSE"}
    monkeypatch.setattr(recorder.errno, "errorcode", known)
    assert recorder.name_of(OSError() if number is None else OSError(number, "so")) == name


def test_a_line_has_its_keys_in_order() -> None:
    with redirect_stdout(io.StringIO()) as written:
        recorder.Lines().write({"zone": 1, "a": 2})
    assert list(json.loads(written.getvalue())) == ["a", "sum", "zone"]


def digest(cases: list[dict[str, object]]) -> str:
    return hashlib.sha256(json.dumps(cases, sort_keys=True).encode()).hexdigest()[:16]


def test_the_cases_of_a_system_are_the_same_in_the_same_order_on_every_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who stops earlier has made the same ones: a change of them is seen, and meant."""
    options = {"linux": {"reuseaddr": 2, "reuseport": 15}, "windows": {"reuseaddr": 4, "exclusive": -5}}
    asked = {}
    for system, its in options.items():
        monkeypatch.setattr(recorder, "OPTIONS", its)
        for families in ([4], [4, 6]):
            made = [
                {key: case[key] for key in case if key != "bindv6only"} for case in recorder.cases(system, families)
            ]
            asked[system, len(families)] = (len(made), digest(made))
    assert asked == {
        ("linux", 1): (281, "5cf47aad914bcc26"),
        ("linux", 2): (12755, "f61d0c1dfd8f3984"),
        ("windows", 1): (281, "c58aa60e6f950733"),
        ("windows", 2): (12755, "a77920fb2f915417"),
    }


def test_whether_ipv6_sockets_take_ipv4_by_default_is_asked_of_linux_alone() -> None:
    (with_ipv6, *_), (without, *_) = recorder.cases("linux", [4, 6]), recorder.cases("linux", [4])
    assert with_ipv6["bindv6only"] in {0, 1}
    assert "bindv6only" not in without
    assert "bindv6only" not in recorder.cases("freebsd", [4, 6])[0]


@pytest.fixture
def sinks() -> Iterator[recorder.Sinks]:
    made = recorder.Sinks([4, 6], free_port())
    yield made
    made.close()


def case(proto: str, *sockets: dict[str, object], **more: object) -> dict[str, object]:
    order = recorder.orders(proto, len(sockets))[0]
    return {"proto": proto, "sockets": list(sockets), "steps": order, **more}


ANY_6: dict[str, object] = {"family": 6, "address": "::", "v6only": False}
ONE_6: dict[str, object] = {"family": 6, "address": "::1", "v6only": True}
ONE_4: dict[str, object] = {"family": 4, "address": "127.0.0.1"}
TO = [["127.0.0.1", "127.0.0.1"], ["::1", "::1"]]


@pytest.mark.parametrize(
    ("proto", "local", "refused"),
    [("tcp", ("::ffff:127.0.0.1", "::1"), "ECONNREFUSED"), ("udp", (None, None), "ECONNREFUSED")],
)
def test_who_receives_is_told_with_both_addresses(
    proto: str, local: tuple[str | None, str | None], refused: str, sinks: recorder.Sinks
) -> None:
    by_4, by_6 = local
    measured = recorder.measure(case(proto, ANY_6, to=TO), free_port(), sinks)
    assert measured == {
        "steps": [None] * (2 if proto == "tcp" else 1),
        "to": {
            "127.0.0.1": [{"socket": 0, "peer": "::ffff:127.0.0.1", "local": by_4}],
            "::1": [{"socket": 0, "peer": "::1", "local": by_6}],
        },
    }
    measured = recorder.measure(case(proto, ONE_6, to=TO), free_port(), sinks)
    assert measured["to"] == {
        "127.0.0.1": refused,
        "::1": [{"socket": 0, "peer": "::1", "local": "::1" if by_6 else None}],
    }


@pytest.mark.parametrize("proto", ["tcp", "udp"])
def test_of_two_the_one_that_receives_is_told(proto: str, sinks: recorder.Sinks) -> None:
    measured = recorder.measure(case(proto, ONE_6, ONE_4, to=TO), free_port(), sinks)
    to = measured["to"]
    assert isinstance(to, dict)
    assert [to[address][0]["socket"] for address, _ in TO] == [1, 0]


@pytest.mark.parametrize(
    ("proto", "steps"), [("tcp", [None, None, "EADDRINUSE", "skipped"]), ("udp", [None, "EADDRINUSE"])]
)
def test_what_failed_to_bind_goes_no_further(proto: str, steps: list[str | None], sinks: recorder.Sinks) -> None:
    assert recorder.measure(case(proto, ONE_4, ONE_4), free_port(), sinks) == {"steps": steps}


def test_a_socket_that_cannot_listen_is_told_and_receives_nothing(sinks: recorder.Sinks) -> None:
    """Both may bind with SO_REUSEADDR, and one alone listens."""
    shared = {**ONE_4, "reuseaddr": True}
    made = {**case("tcp", shared, shared, to=TO[:1]), "steps": recorder.orders("tcp", 2)[1]}
    measured = recorder.measure(made, free_port(), sinks)
    assert measured["steps"] == [None, None, None, "EADDRINUSE"]
    assert measured["to"] == {"127.0.0.1": [{"socket": 0, "peer": "127.0.0.1", "local": "127.0.0.1"}]}


def test_an_option_that_is_refused_is_told_with_its_word(
    sinks: recorder.Sinks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "OPTIONS", {"reuseaddr": 1 << 20})
    measured = recorder.measure(case("udp", ONE_4, {**ONE_6, "reuseaddr": True}), free_port(), sinks)
    assert measured == {"options": [None, "reuseaddr:ENOPROTOOPT"], "steps": [None, None]}
    measured = recorder.measure(case("udp", {**ONE_4, "v6only": True}), free_port(), sinks)
    assert measured["options"] == ["v6only:ENOPROTOOPT"]


@pytest.mark.parametrize(
    ("words", "sock", "errno", "wire"),
    [
        ("tcp connect 127.0.0.1", ONE_4, None, 4),
        ("tcp connect ::ffff:127.0.0.1", ANY_6, None, 4),
        ("tcp connect ::1", ONE_6, None, 6),
        ("udp connect ::ffff:127.0.0.1", ANY_6, None, 4),
        ("udp sendto ::1", ONE_6, None, 6),
        ("udp sendto ::ffff:127.0.0.1", ONE_6, "ENETUNREACH", None),
    ],
)
def test_a_call_out_is_told_with_the_version_that_arrived(
    words: str, sock: dict[str, object], errno: str | None, wire: int | None, sinks: recorder.Sinks
) -> None:
    proto, op, to = words.split()
    family = 6 if ":" in to else 4
    with socket.socket(recorder.FAMILIES[family], socket.SOCK_DGRAM) as earlier:
        earlier.sendto(b"x", ("127.0.0.1" if family == 4 else "::1", sinks.port))
    call = {"socket": 0, "op": op, "family": family, "to": to}
    made = {"proto": proto, "sockets": [sock], "steps": [], "calls": [call]}
    assert recorder.measure(made, free_port(), sinks) == {"steps": [], "calls": [{"errno": errno, "wire": wire}]}


def test_a_number_is_free_where_nobody_has_it_in_either_family() -> None:
    for family, address, proto in itertools.product((4, 6), ("any", "one"), ("tcp", "udp")):
        where = {(4, "any"): "0.0.0.0", (4, "one"): "127.0.0.1", (6, "any"): "::", (6, "one"): "::1"}[family, address]
        port = free_port()
        assert recorder.is_free(port, proto, [4, 6])
        with socket.socket(recorder.FAMILIES[family], recorder.KINDS[proto]) as taken:
            if family == 6:
                taken.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            taken.bind((where, port))
            assert not recorder.is_free(port, proto, [4, 6])
            assert recorder.is_free(port, proto, [10 - family])


@pytest.mark.parametrize(
    ("system", "version", "is_own", "name"),
    [
        ("Linux", "#1 SMP PREEMPT", True, "linux"),
        ("Linux", recorder.GVISOR, True, "gvisor"),
        ("Linux", recorder.GVISOR, False, "linux"),
        ("SunOS", "11.4", False, "solaris"),
        ("SunOS", "illumos-1", False, "illumos"),
        ("Darwin", "Darwin Kernel 11.4", False, "macos"),
        ("FreeBSD", recorder.GVISOR, True, "freebsd"),
    ],
)
def test_a_system_has_the_name_that_the_oracle_has_for_it(
    system: str, version: str, name: str, monkeypatch: pytest.MonkeyPatch, *, is_own: bool
) -> None:
    monkeypatch.setattr(recorder.platform, "system", lambda: system)
    monkeypatch.setattr(recorder.platform, "version", lambda: version)
    monkeypatch.setattr(recorder, "has_gvisor_sockets", lambda: is_own)
    assert recorder.system_name() == name


class Sockets:
    """A system whose mapped addresses on an IPV6_V6ONLY socket fail so."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.v6only = 0

    def __call__(self, *_: int) -> "Sockets":
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def setsockopt(self, level: int, option: int, value: int) -> None:
        if (level, option) == (socket.IPPROTO_IPV6, socket.IPV6_V6ONLY):
            self.v6only = value

    def bind(self, where: tuple[str, int]) -> None:
        if self.v6only and where[0].startswith("::ffff:"):
            raise OSError(self.number, "so")


@pytest.mark.parametrize(("number", "is_own"), [(errno.EHOSTUNREACH, True), (errno.EINVAL, False)])
def test_gvisors_own_sockets_are_known_by_one_errno(
    number: int, monkeypatch: pytest.MonkeyPatch, *, is_own: bool
) -> None:
    assert not recorder.has_gvisor_sockets()
    monkeypatch.setattr(recorder.socket, "socket", Sockets(number))
    assert recorder.has_gvisor_sockets() is is_own


@pytest.mark.root
def test_a_loopback_that_is_not_up_is_not_there() -> None:
    """In a network namespace that is new, it can be bound all the same."""
    thread = NetworkThread.in_new_namespace()
    try:
        assert not thread(lambda: recorder.is_there(4))
        assert not thread(lambda: recorder.is_there(6))
    finally:
        thread.close()
    assert recorder.is_there(4)


def test_each_line_has_the_sum_of_itself_and_of_all_before(capsys: pytest.CaptureFixture[str]) -> None:
    lines = recorder.Lines()
    lines.write({"a": 1})
    lines.write({"a": 1})
    first, second = (json.loads(line)["sum"] for line in capsys.readouterr().out.splitlines())
    assert first == hashlib.sha256(b'{"a":1}').hexdigest()[:16]
    assert second == hashlib.sha256(first.encode() + b'{"a":1}').hexdigest()[:16]


def test_a_record_ends_with_its_number_of_cases_and_its_words(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = recorder.cases("linux", [4, 6])[:3]
    monkeypatch.setattr(recorder, "cases", lambda *_: asked)
    assert recorder.main([]) == 0
    out, err = capsys.readouterr()
    head, *cases, end = map(json.loads, out.splitlines())
    assert (head["record"], head["system"], end["end"]) == (1, "linux", 3)
    assert [{key: each[key] for key in asked[0]} for each in cases] == asked
    assert err.startswith("3 of 3 cases on linux in ")
    assert recorder.main(["0"]) == 0
    assert capsys.readouterr().err.startswith("0 of 3 cases on linux in ")


def test_where_no_ipv4_loopback_is_up_nothing_is_measured(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "LOOPBACKS", {4: "192.0.2.7", 6: "::1"})
    assert recorder.main([]) == 1
    assert capsys.readouterr() == ("", "127.0.0.1 is not up here: nothing can be measured\n")
