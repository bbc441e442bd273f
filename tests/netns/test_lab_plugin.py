"""The lab in other people's tests: loaded by name alone, torn down after each test, and a skip that says why."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dualstack.lab.network import why_no_network

THEIRS = '''
import socket
import sys

import pytest

SERVER = """
import socket
with socket.create_server(("::", 80), family=socket.AF_INET6) as server:
    print("up", flush=True)
    while True:
        server.accept()[0].send(b"hello")
"""


@pytest.fixture
def hosts(network):
    client, server = network.host("client"), network.host("server", "ipv6-only")
    process = server.popen([sys.executable, "-c", SERVER])
    assert process.stdout.readline() == "up\\n"
    return client, server


def ask(name):
    import socket
    with socket.create_connection((name, 80), timeout=1) as sock:
        return [sock.getpeername()[0], sock.recv(5).decode()]


def test_a_client_reaches_a_server(hosts):
    assert hosts[0].call(ask, "server.test") == ["2001:db8:64::6", "hello"]


def test_a_fault_in_a_block(hosts, fault):
    with fault("dropped server"), pytest.raises(Exception, match="non-zero") as caught:
        hosts[0].call(ask, "server.test")
    assert "TimeoutError" in caught.value.stderr
    assert hosts[0].call(ask, "server.test")[1] == "hello"


def test_a_fault_until_the_end(hosts, fault):
    fault("lookup-nxdomain server")
    with pytest.raises(Exception) as caught:
        hosts[0].call(ask, "server.test")
    assert "gaierror" in caught.value.stderr


def test_the_next_test_has_a_network_of_its_own(network):
    assert network.faults == ()
    assert list(network.host("server").run(["echo", "new"]).stdout.split()) == ["new"]
'''
WITHOUT = "def test_of_theirs(network):\n    raise AssertionError('it has begun')\n"


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    (tmp_path / "test_theirs.py").write_text(THEIRS, encoding="utf-8")
    (tmp_path / "test_without.py").write_text(WITHOUT, encoding="utf-8")
    return tmp_path


def pytest_in(directory: Path, *argv: str, before: tuple[str, ...] = ()) -> "subprocess.CompletedProcess[str]":
    """Their pytest, which knows nothing of this project's configuration."""
    env = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    words = (*before, sys.executable, "-m", "pytest", "--rootdir", directory, "-c", os.devnull, "-q", "-rs", *argv)
    return subprocess.run(words, cwd=directory, env=env, capture_output=True, text=True, check=False, timeout=100)


@pytest.mark.daemon("nft")
def test_a_strangers_tests_run_with_the_plugin_alone(theirs: Path) -> None:
    if why := why_no_network():
        pytest.skip(why)
    done = pytest_in(theirs, "-p", "dualstack.lab.pytest", "-W", "error", "test_theirs.py")
    assert (done.returncode, "4 passed" in done.stdout) == (0, True), done.stdout + done.stderr


def test_the_plugin_is_not_loaded_by_itself(theirs: Path) -> None:
    done = pytest_in(theirs, "test_without.py")
    assert done.returncode == 1
    assert "fixture 'network' not found" in done.stdout


# In a user namespace of its own, where its limits and rights can be taken away.
LIMIT = "no namespaces here: unshare: No space left on device; a limit in /proc/sys/user is reached"
NO_NAMESPACES = 'echo 0 > /proc/sys/user/max_net_namespaces && exec "$@"'
NO_USERS = 'echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --bounding-set=-all -- "$@"'
# Who is in a chroot may have no user namespace (user_namespaces(7)).
NO_RIGHT = 'mount --rbind / "$ROOT" && exec chroot "$ROOT" env -C "$PWD" setpriv --bounding-set=-all -- "$@"'


@pytest.mark.daemon("unshare", "setpriv")
@pytest.mark.parametrize(
    ("forbid", "why"),
    [
        (NO_NAMESPACES, LIMIT),
        (NO_USERS, LIMIT),
        (
            NO_RIGHT,
            "no namespaces here: unshare: Operation not permitted; run it as root, or let users have namespaces",
        ),
    ],
)
def test_a_skip_says_why_there_are_no_namespaces_and_what_to_do(
    theirs: Path, tmp_path_factory: pytest.TempPathFactory, forbid: str, why: str
) -> None:
    if no_network := why_no_network():
        pytest.skip(no_network)
    root = tmp_path_factory.mktemp("root")
    before = ("env", f"ROOT={root}", "unshare", "--user", "--map-root-user", "--mount", "sh", "-c", forbid, "sh")
    done = pytest_in(theirs, "-p", "dualstack.lab.pytest", "test_without.py", before=before)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 skipped" in done.stdout
    assert why in done.stdout
