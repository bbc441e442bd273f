"""What lies in the working directory is never run, whichever Python of ours starts another."""

import ast
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import dualstack
from dualstack.kernel import ourselves
from dualstack.lab.network import why_no_network
from support.hostile import COMMAND, HostileDirectory
from support.program import Dualstack

NAMESPACES = pytest.mark.skipif(bool(why_no_network()), reason=why_no_network() or "there are namespaces")
SOURCE = Path(dualstack.__file__).parent


@pytest.fixture
def hostile(tmp_path: Path) -> HostileDirectory:
    return HostileDirectory(tmp_path)


class Started(Dualstack):
    """`dualstack VERB ...`, as it is installed, in a directory of somebody else's."""

    def __init__(self, directory: HostileDirectory, *argv: str) -> None:
        super().__init__(*argv)
        self._argv = ["env", "-C", str(directory.place), COMMAND, *argv, "--json"]


@NAMESPACES
@pytest.mark.parametrize(
    "words",
    [
        ["explain", "[::]:80", "--live"],
        ["explain", "--verify", "--seconds", "0.2"],
        ["lab", "run", "../lab.toml"],
        ["lab", "matrix"],
    ],
    ids=" ".join,
)
def test_a_command_runs_nothing_that_lies_where_it_was_started(
    hostile: HostileDirectory, words: list[str], tmp_path: Path
) -> None:
    (tmp_path / "lab.toml").write_text('hosts.me = "dual"\nrun.me = "true"\n')
    done = hostile.run(COMMAND, *words)
    assert hostile.ran == [], done.stderr
    assert done.returncode == 0, done.stderr


@NAMESPACES
def test_a_lab_that_stands_runs_nothing_that_lies_where_it_was_made(hostile: HostileDirectory, tmp_path: Path) -> None:
    environment = {**os.environ, "DUALSTACK_LABS": str(tmp_path / "labs")}
    for words in (["up"], ["list"], ["fault", "dropped ipv6 server"], ["exec", "client", "true"], ["down"]):
        done = hostile.run(COMMAND, "lab", *words, environment=environment)
        assert hostile.ran == [], done.stderr
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_gateway_its_workers_and_its_successor_run_nothing_that_lies_where_it_was_started(
    hostile: HostileDirectory, workers: str
) -> None:
    with Started(hostile, "relay", "127.0.0.1:0", "127.0.0.1:9", "--workers", workers) as relay:
        os.kill(relay.pid, signal.SIGUSR2)
        pid = int(relay.err.until(" upgraded ").rpartition("pid=")[2])
        assert relay.wait() == 0
        os.kill(pid, signal.SIGTERM)
        relay.out.rest()
    assert hostile.ran == []


def test_a_gateway_started_as_a_module_is_upgraded_to_what_is_installed(tmp_path: Path) -> None:
    """The file came later: nobody could know of it at the start."""
    (tmp_path / "cwd").mkdir()
    command = ["env", "-C", str(tmp_path / "cwd"), sys.executable, "-m", "dualstack"]
    relay = Dualstack("relay", "127.0.0.1:0", "127.0.0.1:9")
    relay._argv = [*command, *relay._argv[3:]]
    with relay:
        (tmp_path / "cwd" / "dualstack.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
        os.kill(relay.pid, signal.SIGUSR2)
        pid = int(relay.err.until(" upgraded ").rpartition("pid=")[2])
        os.kill(pid, signal.SIGTERM)
        assert relay.wait() == 0
        relay.out.rest()
    assert not (tmp_path / "ran").exists()


@NAMESPACES
def test_the_fixtures_of_a_lab_run_nothing_that_lies_beside_the_tests(hostile: HostileDirectory) -> None:
    test = "def test(network):\n    network.host('me', 'dual').python('import colorsys')\n"
    (hostile.place.parent / "test_of_a_user.py").write_text(test)
    pytest_itself = [sys.executable, "-P", "-m", "pytest", "-p", "dualstack.lab.pytest", "-q", "../test_of_a_user.py"]
    done = hostile.run(*pytest_itself, "--import-mode=importlib", "-p", "no:cacheprovider")
    assert (hostile.ran, done.returncode) == ([], 0), done.stdout


def test_what_pythonpath_names_stays_the_users_choice(tmp_path: Path) -> None:
    (tmp_path / "chosen.py").write_text("print('chosen')")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    argv = ourselves.our_code("import chosen")
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "chosen\n"


def test_where_this_python_imports_nothing_of_the_users_those_that_it_starts_do_not_either(tmp_path: Path) -> None:
    (tmp_path / "chosen.py").write_text("")
    ask = "import sys; from dualstack.kernel.ourselves import our_module; print(*our_module('chosen')[1:])"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    for options, passed in ((["-I"], "-P -I -E -s"), (["-E"], "-P -E"), (["-s"], "-P -s"), ([], "-P")):
        argv = [sys.executable, *options, "-c", ask]
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=True)
        assert done.stdout == f"{passed} -m chosen\n"


WRITE_IT_FOR_PEOPLE = {"net/extras.py", "gateway/service_units.py"}  # in a hint and in a unit; they start nothing


def test_one_place_alone_builds_the_command_line_of_a_python_of_ours() -> None:
    users = {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (isinstance(node, ast.Attribute) and node.attr in {"executable", "orig_argv", "_base_executable"})
        or (
            isinstance(node, ast.alias)
            and node.name.partition(".")[0] in {"executable", "orig_argv", "multiprocessing"}
        )
    }
    assert users - WRITE_IT_FOR_PEOPLE == {"kernel/ourselves.py"}
