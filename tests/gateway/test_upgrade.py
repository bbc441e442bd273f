"""A newer program takes the place of the running one: what it gets, and what happens when it cannot."""

import asyncio
import os
import shutil
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import pytest

from dualstack.gateway.control.client import request
from dualstack.gateway.processes.handover import Handover
from dualstack.gateway.processes.notify import Notifier
from dualstack.gateway.processes.upgrade import Successor
from dualstack.gateway.runner import _Signals, _Surroundings
from dualstack.kernel.ourselves import our_code
from support.echo import echo_server
from support.free_port import free_port
from support.gateway import Echo, Running, UdpClient, run, running, service, udp_service, until
from support.load import is_alive
from support.program import DUALSTACK, Dualstack, Program

CONFIG = """
workers = {workers}
[[services]]
name   = "tcp"
listen = "localhost:0"
to     = "127.0.0.1:{behind}"
[[services]]
name   = "second"
listen = "127.0.0.1:0"
to     = "127.0.0.1:{behind}"
"""


@pytest.fixture(scope="module")
def behind() -> Iterator[int]:
    with echo_server() as port:
        yield port


class Upgraded:
    """A gateway with its file and control socket, and whoever takes its place."""

    def __init__(self, gateway: Program, file: Path, control: str) -> None:
        self.gateway, self.file, self.control = gateway, file, control
        self.pid = gateway.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End the last successor; its output is that of the gateway before it."""
        if self.pid != self.gateway.pid:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)
            self.gateway.process.kill()
            self.gateway.out.rest()

    def upgrade(self) -> None:
        os.kill(self.pid, signal.SIGUSR2)
        self.upgraded()

    def upgraded(self) -> None:
        self.pid = int(self.gateway.err.until(" upgraded ").rpartition("pid=")[2])

    def ports(self) -> dict[str, dict[str, object]]:
        ports = request(self.control, "list")["ports"]
        assert isinstance(ports, list)
        return {port["name"]: port for port in ports}

    def number(self, name: str) -> int:
        sockets = self.ports()[name]["sockets"]
        assert isinstance(sockets, list)
        return int(sockets[0]["port"])


BOTH = pytest.mark.parametrize("upgradable", [1, 2], ids=["one process", "two workers"], indirect=True)
TWO = pytest.mark.parametrize("upgradable", [2], ids=["two workers"], indirect=True)


@pytest.fixture
def upgradable(request: pytest.FixtureRequest, tmp_path: Path, behind: int) -> Iterator[Upgraded]:
    file, control = tmp_path / "gateway.toml", str(tmp_path / "c.sock")
    file.write_text(CONFIG.format(workers=request.param, behind=behind))
    with (
        Dualstack("gateway", "--config", file, "--control", control) as gateway,
        Upgraded(gateway, file, control) as made,
    ):
        yield made
        if made.pid != gateway.pid:
            assert gateway.wait() == 0
    assert not Path(control).exists()


def echo(client: socket.socket) -> bytes:
    client.sendall(b"hello")
    return client.recv(5)


@BOTH
def test_a_connection_goes_on_in_the_old_program_and_a_new_one_begins_in_the_next(upgradable: Upgraded) -> None:
    where = ("127.0.0.1", upgradable.number("tcp"))
    with socket.create_connection(where, timeout=20) as old:
        assert echo(old) == b"hello"
        upgradable.upgrade()
        assert upgradable.number("tcp") == where[1], "the number that the kernel chose for port 0"
        with socket.create_connection(where, timeout=20) as new:
            assert echo(new) == echo(old) == b"hello"
            old.close()
            assert upgradable.gateway.wait() == 0
            assert echo(new) == b"hello"
    first = upgradable.pid
    upgradable.upgrade()
    assert upgradable.pid != first
    with socket.create_connection(where, timeout=20) as third:
        assert echo(third) == b"hello"


@BOTH
def test_a_stopped_port_stays_stopped_and_starts_in_the_next_program(upgradable: Upgraded) -> None:
    where = ("127.0.0.1", upgradable.number("tcp"))
    request(upgradable.control, "stop", "tcp")
    upgradable.upgrade()
    assert upgradable.ports()["tcp"]["state"] == "stopped"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(where, timeout=20)
    request(upgradable.control, "start", "tcp")
    for _ in range(6):
        with socket.create_connection(where, timeout=20) as client:
            assert echo(client) == b"hello"


@TWO
def test_the_next_program_reads_the_file_anew_and_may_have_more_or_fewer_workers(upgradable: Upgraded) -> None:
    where = ("127.0.0.1", upgradable.number("tcp"))
    text = upgradable.file.read_text()
    gone = ("127.0.0.1", upgradable.number("second"))
    for workers in (3, 1):
        changed = text.replace("workers = 1", f"workers = {workers}").replace("workers = 2", f"workers = {workers}")
        upgradable.file.write_text(changed.replace("second", f"fresh{workers}"))
        upgradable.upgrade()
        assert set(upgradable.ports()) == {"tcp", f"fresh{workers}"}
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(gone, timeout=20)
        for _ in range(8):
            with socket.create_connection(where, timeout=20) as client:
                assert echo(client) == b"hello"


@TWO
@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ("nonsense = 1\n", "exit code 78"),
        ("[[services]]\nname = 'x'\nlisten = '192.0.2.1:1'\nto = '127.0.0.1:9'\n", "exit code 78"),
    ],
    ids=["a wrong file", "a socket that cannot be opened"],
)
def test_a_program_that_does_not_serve_leaves_the_one_before(upgradable: Upgraded, wrong: str, why: str) -> None:
    where = ("127.0.0.1", upgradable.number("tcp"))
    good = upgradable.file.read_text()
    upgradable.file.write_text(f"{wrong}{good}" if "services" not in wrong else f"{good}{wrong}")
    upgradable.gateway.send_signal(signal.SIGUSR2)
    said = upgradable.gateway.err.until("upgrade refused")
    assert why in said
    assert "the program before" in said
    for _ in range(6):
        with socket.create_connection(where, timeout=20) as client:
            assert echo(client) == b"hello"
    upgradable.file.write_text(good)
    upgradable.upgrade()


@pytest.fixture
def held_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A FIFO: while there is one, every Python that starts waits until somebody has written to it."""
    fifo = tmp_path / "fifo"
    site = f"import os\nif os.path.exists({str(fifo)!r}):\n    open({str(fifo)!r}).read()\n"
    (tmp_path / "sitecustomize.py").write_text(site)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return fifo


def test_a_second_upgrade_and_a_reload_wait_for_nothing_while_one_is_under_way(
    tmp_path: Path, behind: int, held_up: Path
) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(CONFIG.format(workers=1, behind=behind))
    with (
        Dualstack("gateway", "--config", file, "--control", tmp_path / "c.sock") as gateway,
        Upgraded(gateway, file, "") as made,
    ):
        os.mkfifo(held_up)
        gateway.send_signal(signal.SIGUSR2)
        gateway.err.until(" upgrading ")
        for number, what in ((signal.SIGUSR2, "upgrade refused"), (signal.SIGHUP, "reload refused")):
            gateway.send_signal(number)
            assert "it is being replaced by a new program" in gateway.err.until(what)
        held_up.write_text("")
        made.upgraded()
        assert gateway.wait() == 0


def test_who_is_asked_to_leave_meanwhile_takes_the_new_program_along(
    tmp_path: Path, behind: int, held_up: Path
) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(CONFIG.format(workers=1, behind=behind))
    with Dualstack("gateway", "--config", file, "--control", tmp_path / "c.sock") as gateway:
        os.mkfifo(held_up)
        gateway.send_signal(signal.SIGUSR2)
        gateway.err.until(" upgrading ")
        gateway.send_signal(signal.SIGTERM)
        assert gateway.wait() == 0
        gateway.out.rest()


def test_a_successor_that_stays_silent_leaves_the_one_before() -> None:
    """It runs and says nothing: in its place a `sleep` that never looks at what it was given."""

    async def silent(handover: Handover, environment: dict[str, str]) -> Successor:
        sleep = shutil.which("sleep")
        assert sleep is not None
        command = "/bin/sh", ["sh", "-c", f"echo $$ > {pid_file} && exec {sleep} 1000"]
        return await Successor.start(handover, environment, command=command, ready_s=0.3)

    async def scenario() -> None:
        async with running(service("a", "127.0.0.1:0")) as r:
            signals = _Signals(r.gateway, surroundings(r, silent))
            signals.is_ready = True
            signals.handlers["SIGUSR2"]()
            await until(lambda: bool(r.events.of("upgrade refused")))
            refused = r.events.of("upgrade refused")[0]
            assert "does not serve within 0.3 s" in str(refused["why"])
            assert refused["running"] == "the program before"
            assert not signals.is_replaced
            assert await r.ask("a") == b"you: hello\n"
            assert not is_alive(int(pid_file.read_text()))  # noqa: ASYNC240 - it is short
            assert signals._busy() == "", "and it may be tried again"

    with TemporaryDirectory() as place:
        pid_file = Path(place, "pid")
        run(scenario)


ENDS_AT_ONCE = """
import os
from dualstack.gateway.processes.channel import frames, send_with
from dualstack.gateway.processes.upgrade import Predecessor, _message
before = Predecessor.of_environment()
for content, _ in frames(_message(ready=os.getpid())):
    send_with(before._sock, content, ())
"""


def test_a_successor_that_ends_once_it_serves_leaves_the_one_before() -> None:
    async def ends_at_once(handover: Handover, environment: dict[str, str]) -> Successor:
        command = sys.executable, our_code(ENDS_AT_ONCE)
        made = await Successor.start(handover, environment, command=command)
        await asyncio.to_thread(made._process.wait)
        return made

    async def scenario() -> None:
        async with running(service("a", "127.0.0.1:0")) as r:
            signals = _Signals(r.gateway, surroundings(r, ends_at_once))
            signals.is_ready = True
            signals.handlers["SIGUSR2"]()
            await until(lambda: bool(r.events.of("upgrade refused")))
            assert "the new program has ended" in str(r.events.of("upgrade refused")[0]["why"])
            assert await r.ask("a") == b"you: hello\n"
            assert (signals.is_replaced, signals._leave.is_set()) == (False, False)

    run(scenario)


@dataclass
class Leaving:
    """What stands beside a gateway, and may fail to leave."""

    error: Exception | None = None
    has_left: bool = False

    inheritance = ("it", ())

    async def leave(self) -> None:
        self.has_left = True
        if self.error is not None:
            raise self.error


def test_what_fails_to_step_down_keeps_nothing_else_from_it() -> None:
    @dataclass
    class Serving:
        pid: int = 1

        async def take_over(self) -> None:
            pass

    async def serving(_handover: Handover, _environment: dict[str, str]) -> Serving:
        return Serving()

    async def scenario() -> None:
        async with running(service("a", "127.0.0.1:0")) as r:
            signals = _Signals(r.gateway, surroundings(r, serving))
            signals.is_ready = True
            signals.companions = [Leaving(OSError("no such file")), Leaving()]
            signals.handlers["SIGUSR2"]()
            await signals.until_asked_to_leave()
            assert [each.has_left for each in signals.companions] == [True, True]  # type: ignore[attr-defined]
            assert [line["why"] for line in r.events.of("upgrade failed in part")] == ["OSError: no such file"]
            assert r.events.of("upgraded")
            assert signals.is_replaced

    run(scenario)


def surroundings(r: Running, start: Callable[[Handover, dict[str, str]], Awaitable[Any]]) -> _Surroundings:
    return _Surroundings(r.events, None, None, Notifier("", None, r.events), None, start)


def test_answers_to_datagrams_that_were_asked_before_come_by_the_old_program() -> None:
    """This test is the next program: it has the socket too, and gets what is asked from then on."""

    async def scenario() -> None:
        with Echo() as behind:
            asyncio.get_running_loop().remove_reader(behind.sock)  # it answers when it is told to
            async with running(udp_service("u", behind)) as r:
                ours = r.gateway.port_named("u").listenings[0].sock.dup()
                with ours, UdpClient(r.port("u")) as client:
                    client.say(b"first")
                    question, flow = await asyncio.get_running_loop().sock_recvfrom(behind.sock, 100)
                    await r.gateway.step_down()
                    client.say(b"second")
                    assert await asyncio.get_running_loop().sock_recv(ours, 100) == b"second"
                    behind.sock.sendto(b"you: " + question, flow)
                    assert await client.hear() == b"you: first"

    run(scenario)


def test_datagrams_are_answered_by_the_next_program(tmp_path: Path) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as server, socket.socket(type=socket.SOCK_DGRAM) as client:
        server.bind(("127.0.0.1", 0))
        server.settimeout(20)
        client.settimeout(20)
        target = f"127.0.0.1:{server.getsockname()[1]}"
        with (
            Dualstack("relay", "--udp", "*:0", target, "--control", tmp_path / "c.sock") as relay,
            Upgraded(relay, tmp_path, "") as made,
        ):
            client.connect(("127.0.0.1", relay.port))
            flows = []
            for upgrade in (False, True):
                if upgrade:
                    made.upgrade()
                client.send(b"question")
                _, flow = server.recvfrom(100)
                server.sendto(b"answer", flow)
                assert client.recv(100) == b"answer"
                flows.append(flow)
            assert flows[0] != flows[1], "the new program has a flow of its own"
            assert relay.wait() == 0


def test_sockets_of_a_service_manager_are_handed_on_and_it_is_told_who_serves(
    tmp_path: Path, behind: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(20)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        port, control = free_port(), str(tmp_path / "c.sock")
        relay = [*DUALSTACK, "relay", f"*:{port}", f"127.0.0.1:{behind}", "--control", control]
        with (
            Program(*DUALSTACK, "activate", f"*:{port}", "--", *relay) as gateway,
            Upgraded(gateway, tmp_path, control) as made,
        ):
            gateway.out.until("ready; Ctrl-C")
            before = made.ports()["relay"]["sockets"]
            made.upgrade()
            assert made.ports()["relay"]["sockets"] == before
            assert gateway.wait() == 0
            for host in ("127.0.0.1", "::1"):
                with socket.create_connection((host, port), timeout=20) as client:
                    assert echo(client) == b"hello"
        said: list[str] = []
        while not said or "STOPPING=1" not in said[-1]:
            said.append(manager.recv(4096).decode())
        mains = [line for each in said for line in each.splitlines() if line.startswith("MAINPID=")]
        assert mains == [f"MAINPID={gateway.pid}", *[f"MAINPID={made.pid}"] * 2]
