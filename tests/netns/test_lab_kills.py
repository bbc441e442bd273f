"""A lab whose owner, keeper or user ends it at any moment: no namespace, process, interface, mount or file is left.

`DUALSTACK_LAB_KILLS` says how many times it is killed at random; the seed of the moments is printed.
"""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from select import select
from typing import Self

import pytest

from dualstack.lab.network import Network, NetworkError, why_no_network
from support.ordinary import ordinary_user
from support.program import until

pytestmark = pytest.mark.daemon("nft")

KILLS = int(os.environ.get("DUALSTACK_LAB_KILLS", "8"))
KINDS = ("net", "mnt", "uts", "pid", "user")

OWNER = """
import sys
from dualstack.lab.declaration import HOSTS, Declaration
from dualstack.lab.network import Network

print("begun", flush=True)
with Network(Declaration(HOSTS)) as network:
    for host in network.hosts.values():
        host.popen(["sleep", "1000"])
    network.hosts["client"].python("import os; os.fork() or os.setsid() and os.execlp('sleep', 'sleep', '1000')")
    network.fault("dropped ipv6 server")
    network.fault("lookup-dead-first")
    print(f"up {network.pid}", flush=True)
    sys.stdin.read()
print("down", flush=True)
"""


@pytest.fixture(autouse=True)
def _allowed() -> None:
    if why := why_no_network():
        pytest.skip(why)


@dataclass(frozen=True)
class Watch:
    """Finds what is left of the labs whose owners have `mark` in their environment, as all of their programs have."""

    mark: str
    before: Mapping[str, set[str]]

    @property
    def env(self) -> dict[str, str]:
        """What an owner adds to its environment."""
        return {_MARK: self.mark}

    def left(self) -> dict[str, object]:
        """Programs, each with its namespaces, which live by them alone; and what else is new on this machine."""
        more = {what: there - self.before[what] for what, there in machine().items()}
        return {what: found for what, found in {"programs": self.programs(), **more}.items() if found}

    def programs(self) -> dict[str, list[str]]:
        found = {}
        for path in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it has ended, or is none of ours to look into
                if f"{_MARK}={self.mark}".encode() in (path / "environ").read_bytes().split(b"\0"):
                    spaces = [str((path / "ns" / kind).readlink()) for kind in KINDS]
                    found[f"{path.name} {(path / 'comm').read_text(encoding='utf-8').strip()}"] = spaces
        return found


_MARK = "DUALSTACK_TEST_LAB"


def machine() -> dict[str, set[str]]:
    """What is on this machine of what a lab is made of, named or not."""
    return {
        "interfaces": set(os.listdir("/sys/class/net")),  # noqa: PTH208 - names
        "mounts": set(Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()),
        "names of namespaces": set(os.listdir("/run/netns")) if Path("/run/netns").is_dir() else set(),  # noqa: PTH208
    }


@contextmanager
def nothing_is_left(directory: Path) -> Iterator[Watch]:
    """The block begins and ends labs; by its end, all is as it was."""
    watch = Watch(f"{os.getpid()}-{time.monotonic_ns()}", machine())
    yield watch
    until(lambda: not watch.left(), lambda: f"left: {watch.left()}")
    assert list(directory.iterdir()) == []


class Owner:
    """A process that owns a lab."""

    def __init__(self, start: "Start") -> None:
        self.process = start("-c", OWNER)
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "begun\n"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def keeper(self) -> int:
        """Its keeper's process id, once the lab is up."""
        assert self.process.stdout is not None
        said = self.process.stdout.readline().split()
        assert said[:1] == ["up"]
        return int(said[1])


Start = Callable[..., "subprocess.Popen[str]"]


def owner_here(directory: Path, watch: Watch) -> Start:
    def start(*argv: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, *argv],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "TMPDIR": str(directory), **watch.env},
            start_new_session=True,
        )

    return start


def kill_at_random(start: Start, times: int, watch: Watch) -> None:
    """Kill owners at moments from the first line to well after the lab is up."""
    seed = time.monotonic_ns()
    print(f"seed {seed}")  # noqa: T201 - pytest shows it where the test fails
    moments, never = random.Random(seed), threading.Event()  # noqa: S311 - any moment will do
    most = 0
    for _ in range(times):
        with Owner(start) as owner:
            never.wait(moments.uniform(0, 1.2))
            most = max(most, len(watch.programs()))
            owner.process.send_signal(signal.SIGKILL)
            owner.process.wait()
    assert most > 1, "there was something to leave"


def test_an_owner_that_is_killed_at_any_moment_leaves_nothing(tmp_path: Path) -> None:
    with nothing_is_left(tmp_path) as watch:
        kill_at_random(owner_here(tmp_path, watch), KILLS, watch)


@pytest.mark.root
def test_an_ordinary_owner_that_is_killed_at_any_moment_leaves_nothing(tmp_path: Path) -> None:
    with ordinary_user() as user, nothing_is_left(tmp_path) as watch:
        marked = replace(user, env={**user.env, **watch.env})
        kill_at_random(marked.popen, max(KILLS // 2, 1), watch)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGKILL])
def test_an_owner_that_ends_by_a_signal_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    with nothing_is_left(tmp_path) as watch, Owner(owner_here(tmp_path, watch)) as owner:
        watched = os.pidfd_open(owner.keeper())
        # The keeper and its first process, the wire, the resolver, a program on each of eight hosts, one that has left.
        assert len(watch.programs()) >= 1 + 2 + 2 + 8
        # As a terminal does: to the whole group.
        os.killpg(owner.process.pid, number)
        owner.process.communicate(timeout=20)
        assert owner.process.returncode == -number
        assert has_ended(watched)


def test_an_owner_that_is_done_leaves_nothing(tmp_path: Path) -> None:
    with nothing_is_left(tmp_path) as watch, Owner(owner_here(tmp_path, watch)) as owner:
        owner.keeper()
        said, complained = owner.process.communicate("", timeout=20)
        assert (said, complained, owner.process.returncode) == ("down\n", "", 0)


def has_ended(watched: int) -> bool:
    """Whether the process behind a descriptor ends soon; closes that."""
    try:
        return bool(select([watched], [], [], 20)[0])
    finally:
        os.close(watched)


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[1])


@pytest.mark.parametrize("whom", ["the first process of the lab", "its outer process"])
def test_a_keeper_that_is_killed_ends_the_lab_and_its_owner_is_told(tmp_path: Path, whom: str) -> None:
    with nothing_is_left(tmp_path):
        with Network() as network:
            host = network.host("one")
            sleeper = host.popen(["sleep", "1000"])
            watched = [os.pidfd_open(pid) for pid in (network.pid, parent_of(network.pid), sleeper.pid)]
            os.kill(network.pid if whom.startswith("the first") else parent_of(network.pid), signal.SIGKILL)
            assert sleeper.wait(20) == -signal.SIGKILL
            for each in watched[:1] if whom.startswith("the first") else watched[1:]:
                assert has_ended(each)
            with pytest.raises(NetworkError, match="the lab has ended"):
                host.run(["true"])
            with pytest.raises(NetworkError, match="has ended"):
                network.fault("lookup-lost")
        for each in watched:
            with suppress(OSError):
                os.close(each)


def test_other_labs_live_on(tmp_path: Path) -> None:
    with nothing_is_left(tmp_path) as watch, Network() as mine:
        host = mine.host("one")
        with Owner(owner_here(tmp_path, watch)) as owner:
            watched = os.pidfd_open(owner.keeper())
            owner.process.kill()
            assert has_ended(watched)
        assert host.run(["echo", "alive"]).stdout == "alive\n"
        assert host.run(["ip", "-brief", "link", "show", "eth0"]).stdout.startswith("eth0")
