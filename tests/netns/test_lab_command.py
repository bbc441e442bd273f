"""`dualstack lab` as people and scripts use it: each test has labs of its own, in a directory of its own."""

import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from dualstack.core.simulation.figures import interoperability
from dualstack.lab.network import why_no_network
from support.program import DUALSTACK, until

pytestmark = pytest.mark.skipif(bool(why_no_network()), reason=why_no_network() or "there are namespaces")

Lab = Callable[..., subprocess.CompletedProcess[str]]
RUNS = int(os.environ.get("DUALSTACK_TEST_MATRIX_RUNS", "2"))


def in_place(place: Path) -> dict[str, str]:
    """Where a test's labs are known: not where this machine's are."""
    return {**os.environ, "DUALSTACK_LABS": str(place), "SHELL": "/bin/sh", "NO_COLOR": "1"}


def command(environment: dict[str, str]) -> Lab:
    def called(*words: str | Path) -> subprocess.CompletedProcess[str]:
        argv = [*DUALSTACK, "lab", *map(str, words)]
        return subprocess.run(argv, env=environment, capture_output=True, text=True, check=False, timeout=60)

    return called


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return in_place(tmp_path / "labs")


@pytest.fixture
def lab(environment: dict[str, str]) -> Iterator[Lab]:
    """`lab("up")` is `dualstack lab up`; whatever stands at the end of the test is taken down."""
    called = command(environment)
    yield called
    called("down", "--all")


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The same, with a lab that stands for all tests of this file that leave it as it was."""
    called = command(in_place(tmp_path_factory.mktemp("standing") / "labs"))
    up = called("up")
    assert up.returncode == 0, up.stderr
    yield called
    called("down", "--all")


def names_of(lab: Lab) -> list[str]:
    return [each["name"] for each in json.loads(lab("list", "--json").stdout or '{"labs": []}')["labs"]]


def test_a_lab_stands_until_it_is_taken_down_and_nothing_is_left(lab: Lab, environment: dict[str, str]) -> None:
    up = lab("up", "--json")
    hosts = {each["name"]: each["addresses"] for each in json.loads(up.stdout)["hosts"]}
    assert up.returncode == 0, up.stderr
    assert list(hosts) == [
        *("resolver", "client4", "client6", "client", "server4", "server6", "server", "gateway"),
    ]
    assert lab("exec", "client6", "cat", "/proc/sys/kernel/hostname").stdout == "client6\n"
    found = lab("exec", "client", "getent", "ahosts", "server6.test")
    assert found.stdout.split()[0] == hosts["server6"][0]
    down = lab("down")
    assert (down.returncode, down.stdout) == (0, "lab lab: down\n")
    assert not Path(environment["DUALSTACK_LABS"]).exists()
    assert lab("exec", "client", "true").returncode == 69


def test_down_leaves_other_labs_alone(lab: Lab, tmp_path: Path) -> None:
    file = tmp_path / "small.toml"
    file.write_text('hosts.here = "dual"\n', encoding="utf-8")
    for name in ("one", "two"):
        assert lab("up", file, "--name", name).returncode == 0
    unnamed = lab("down")
    assert (unnamed.returncode, unnamed.stderr) == (69, "dualstack: which lab? --name one of one, two\n")
    assert lab("down", "--name", "one").returncode == 0
    assert names_of(lab) == ["two"]
    assert lab("exec", "here", "true").returncode == 0
    taken = lab("up", file, "--name", "two")
    assert (taken.returncode, "is up already" in taken.stderr) == (69, True)
    assert names_of(lab) == ["two"]


def test_a_lab_that_was_killed_is_no_lab_and_down_cleans_up(lab: Lab, environment: dict[str, str]) -> None:
    assert lab("up").returncode == 0
    place = Path(environment["DUALSTACK_LABS"])
    holder = int((place / "lab.lock").read_text(encoding="ascii"))
    os.kill(holder, signal.SIGKILL)
    until(lambda: names_of(lab) == [], lambda: f"{names_of(lab)} still stand")
    assert sorted(path.name for path in place.iterdir()) == ["lab.lock", "lab.log", "lab.sock"]
    down = lab("down")
    assert down.returncode == 0
    assert "it was killed" in down.stdout
    assert not place.exists()


def test_faults_are_switched_while_it_stands(standing: Lab) -> None:
    lab = standing
    ask = ("exec", "client", sys.executable, "-c", ASK, "server.test", "7")
    assert lab(*ask).stdout == "ECONNREFUSED\n"
    broken = lab("fault", "admin-prohibited ipv6 server", "no-route ipv4 server", "--json")
    assert json.loads(broken.stdout)["faults"] == ["admin-prohibited ipv6 server", "no-route ipv4 server"]
    assert lab(*ask).stdout == "EACCES ENETUNREACH\n"
    healed = lab("heal", "no-route ipv4 server", "--json")
    assert json.loads(healed.stdout)["faults"] == ["admin-prohibited ipv6 server"]
    assert lab(*ask).stdout == "EACCES ECONNREFUSED\n"
    assert json.loads(lab("heal", "--json").stdout)["faults"] == []
    assert lab(*ask).stdout == "ECONNREFUSED\n"


def test_of_several_faults_all_are_switched_on_or_none(standing: Lab) -> None:
    wrong = standing("fault", "dropped ipv6 server", "droped server")
    assert wrong.returncode == 78
    assert json.loads(standing("list", "--json").stdout)["labs"][0]["faults"] == []


@pytest.mark.parametrize(
    "said", [b"", b"no JSON\n", b"[]\n", b'{"verb": "fly"}\n', b'{"verb": "fault", "faults": 1}\n', b"\xff\n"]
)
def test_what_is_no_order_leaves_the_lab_as_it_is(lab: Lab, environment: dict[str, str], said: bytes) -> None:
    assert lab("up").returncode == 0
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(20)
        sock.connect(f"{environment['DUALSTACK_LABS']}/lab.sock")
        sock.sendall(said)
        sock.shutdown(socket.SHUT_WR)
        answer = json.loads(sock.makefile("rb").readline())
    assert "is no order for a lab" in answer["error"]
    assert names_of(lab) == ["lab"]


ASK = """
import errno, socket, sys
seen = []
for *_, address in socket.getaddrinfo(sys.argv[1], sys.argv[2], type=socket.SOCK_STREAM):
    try:
        socket.create_connection(address[:2], 10)
    except OSError as error:
        seen.append(errno.errorcode[error.errno])
print(*dict.fromkeys(seen))
"""


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("fault", "broken server"), 78, "there are dropped"),
        (("fault", "droped server"), 78, "did you mean dropped?"),
        (("fault", "dropped nobody"), 78, "there is no host nobody"),
        (("heal", "dropped server"), 78, "is not on"),
        (("exec", "nobody", "true"), 78, "has no host nobody"),
        (("exec", "client", "no-such-program"), 69, "no-such-program is not installed"),
        (("exec", "--timeout", "0.2", "client", "sleep", "100"), 75, "sleep was ended after 0.2 s"),
        (("exec", "client", "sh", "-c", "exit 7"), 7, ""),
        (("exec", "client", "--", "sh", "-c", "exit 7"), 7, ""),
        (("exec", "--", "client", "--", "sh", "-c", "exit 7"), 7, ""),
        (("exec", "client", "--", "sh", "-c", "kill -9 $$"), -signal.SIGKILL, ""),
        (("exec", "--timeout", "20", "client", "--", "sh", "-c", "kill -9 $$"), 137, ""),
        (("exec", "clinet", "--", "true"), 78, "server, gateway; did you mean client?"),
        (("exec", "client", "--", "-x"), 69, "-x is not installed"),
        (("exec", "client", "--", "./nothing"), 69, "./nothing cannot be run: there is no such file"),
        (("exec", "client", "--", "/etc/passwd"), 69, "/etc/passwd cannot be run: it is not executable"),
        (("exec", "--name", "labb", "client", "--", "true"), 69, "there are lab; did you mean lab?"),
        (("fault",), 2, "--kinds"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_is_wrong_is_said_and_the_lab_stands(standing: Lab, words: tuple[str, ...], code: int, said: str) -> None:
    done = standing(*words)
    assert (done.returncode, said in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr
    assert names_of(standing) == ["lab"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("client6", "--", "printf", "%s,", "--color", "-n", "--timeout"), "--color,-n,--timeout,"),
        (("client6", "printf", "%s,", "--", "-4"), "--,-4,"),
        (("--name", "lab", "client6", "--", "env", "--", "printf", "%s", "there"), "there"),
    ],
)
def test_a_command_on_a_host_has_its_options_to_itself(standing: Lab, words: tuple[str, ...], said: str) -> None:
    done = standing("exec", *words)
    assert (done.returncode, done.stdout, done.stderr) == (0, said, "")


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ('hosts.here = "dua"', 78, "did you mean dual?"),
        ('hosts.here = "dual"\nfaults = ["dropped b"]', 78, "there is no host b"),
        ("hosts = 1", 78, "expected a table"),
        ("hosts.", 78, "not TOML"),
        ('ipv4 = "127.0.0.0/8"\nhosts.here = "dual"', 69, "is in use on this machine"),
    ],
)
def test_a_wrong_file_makes_no_lab(lab: Lab, tmp_path: Path, text: str, code: int, said: str) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(text, encoding="utf-8")
    for verb in ("up", "run"):
        done = lab(verb, file)
        assert (done.returncode, said in done.stderr) == (code, True), done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "labs").exists()


def test_a_shell_is_on_the_host_and_has_the_terminal(lab: Lab, environment: dict[str, str]) -> None:
    assert lab("up").returncode == 0
    pid, terminal = pty.fork()
    if pid == 0:  # pragma: no cover - the child
        os.execvpe(  # noqa: S606 - as a terminal does
            DUALSTACK[0], [*DUALSTACK, "lab", "shell", "client4"], environment
        )
    os.write(terminal, b"tty >/dev/null && cat /proc/sys/kernel/hostname; exit 3\n")
    said = b""
    with suppress(OSError):  # the terminal is gone with its last program
        while more := os.read(terminal, 4096):
            said += more
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3
    assert b"client4\r\n" in said


FIVE_LINES = f"""
hosts.me = "ipv6-only"
hosts.server = "dual"
faults = ["lookup-late 300ms"]
serve.server = "{sys.executable} -m dualstack listen '*:7007' --serve echo"
run.me = "{sys.executable} me.py server.test 7007"
"""
ME = """
import socket, sys, time
started = time.monotonic()
with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as sock:
    sock.send(b"hello\\n")
    print(sock.recv(100).decode().strip(), len(sock.getpeername()), time.monotonic() - started > 0.3)
"""


def test_five_lines_run_a_client_of_ones_own_on_an_ipv6_only_host_with_a_slow_resolver(
    environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "five.toml").write_text(FIVE_LINES, encoding="utf-8")
    (tmp_path / "me.py").write_text(ME, encoding="utf-8")
    argv = [*DUALSTACK, "lab", "run", "five.toml"]
    done = subprocess.run(argv, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "me| hello 4 True\n" in done.stdout
    assert "server| listening on [::]:7007" in done.stdout


@pytest.mark.parametrize(
    ("programs", "code", "ended"),
    [
        ('run.here = "true"', 0, [(0, None)]),
        ('run.here = ["false", "true"]', 1, [(1, None), (0, None)]),
        ('run.here = ["no-such-program", "true"]', 69, [(None, "no-such-program is not installed"), (0, None)]),
        ('timeout = 0.3\nrun.here = ["sleep 100", "true"]', 75, [(None, "it was ended after 0.3 s"), (0, None)]),
        ('serve.here = "false"\nrun.here = "true"', 1, [(1, "a server that ended before it listened"), (0, None)]),
    ],
)
def test_every_program_has_an_outcome_and_the_others_run(
    lab: Lab, tmp_path: Path, programs: str, code: int, ended: list[tuple[int | None, str | None]]
) -> None:
    file = tmp_path / "programs.toml"
    file.write_text(f'{programs}\nhosts.here = "dual"\n', encoding="utf-8")
    done = lab("run", file, "--json")
    runs = json.loads(done.stdout)["runs"]
    assert done.returncode == code
    assert len(runs) == len(ended)
    for run, (exit_code, error) in zip(runs, ended, strict=True):
        assert run["exit_code"] == exit_code
        assert run["error"] is None if error is None else error in run["error"]


# Figure 12.5 as Stevens prints it, for the plain client; and what each box becomes with the loop and with the gateway.
FIGURE = [
    ["ipv4", None, "ipv4", "ipv4"],
    [None, "ipv6", None, "ipv6"],
    ["ipv4", None, "ipv4", "ipv4"],
    ["ipv4", "ipv6", None, "ipv6"],
]
WITH_THE_LOOP = [*FIGURE[:3], ["ipv4", "ipv6", "ipv4", "ipv6"]]


def test_the_matrix_is_the_figure_and_the_gateway_fills_it_alike_in_every_run(lab: Lab) -> None:
    first = None
    for _ in range(RUNS):
        done = lab("matrix", "--json")
        assert done.returncode == 0, done.stderr
        measured = json.loads(done.stdout)
        assert measured.keys() == {"version", "variants", "elapsed_s"}
        variants = measured["variants"]
        for name, expected in (("kernel", FIGURE), ("kernel-loop", WITH_THE_LOOP)):
            for protocol in ("tcp", "udp"):
                boxes = variants[name][protocol]
                assert [[box["client_wire"] for box in row] for row in boxes] == expected
                assert [[box["server_wire"] for box in row] for row in boxes] == expected
                assert [[box["reached"] for box in row] for row in boxes] == [[bool(w) for w in r] for r in expected]
        for through in (variants[name][protocol] for name in ("gateway", "forward") for protocol in ("tcp", "udp")):
            assert [[box["client_wire"] for box in row] for row in through] == [[w] * 4 for w in ("ipv4", "ipv6") * 2]
            assert [[box["server_wire"] for box in row] for row in through] == [["ipv4", "ipv6"] * 2] * 4
        assert first in (None, variants)
        first = variants


@pytest.mark.parametrize(("variant", "loop"), [("kernel", False), ("kernel-loop", True)])
def test_what_is_measured_is_what_the_hosts_in_memory_do(lab: Lab, variant: str, loop: bool) -> None:  # noqa: FBT001 - a row
    shown = {"ipv4": "IPv4", "ipv6": "IPv6", None: "(no)"}
    measured = json.loads(lab("matrix", "--json", "--variant", variant).stdout)["variants"][variant]
    foreseen = [[box.replace("*", "") for box in row] for row in interoperability(loop=loop)]
    for protocol in ("tcp", "udp"):
        assert [[shown[box["client_wire"]] for box in row] for row in measured[protocol]] == foreseen


def test_a_peer_is_told_as_accept_and_recvfrom_give_it(lab: Lab) -> None:
    variants = json.loads(lab("matrix", "--json", "--variant", "kernel").stdout)["variants"]
    assert list(variants) == ["kernel"]
    for protocol in ("tcp", "udp"):
        row = variants["kernel"][protocol][0]
        plain = row[2]["peer"]
        assert row[3]["peer"] == f"::ffff:{plain}"
        assert row[1]["peer"] is None


def test_the_matrix_is_drawn_as_the_figure(lab: Lab) -> None:
    drawn = lab("matrix").stdout
    assert re.search(r"IPv6 client, +│ +IPv4 +│ +IPv6 +│ +\(no\) +│ +IPv6 +│\n│ dual-stack host +│", drawn)
    assert "kernel: 11 of 16 over TCP, 11 of 16 over UDP" in drawn
    assert "gateway: 16 of 16 over TCP, 16 of 16 over UDP" in drawn
    assert "forward: 16 of 16 over TCP, 16 of 16 over UDP" in drawn
