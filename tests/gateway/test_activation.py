"""Sockets that somebody else has opened: taken as they are, by TCP and UDP; and what a service manager is told."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from dualstack.errors import ConfigError, ListenError
from dualstack.gateway.control.client import request
from dualstack.gateway.counters.log import open_log
from dualstack.gateway.listeners.activation import handed_sockets
from dualstack.gateway.processes.notify import Notifier
from dualstack.kernel.inheritance import adopt
from support.echo import echo_server
from support.free_port import free_port
from support.program import DUALSTACK, Dualstack, Lines, Program, dualstack, until

CONFIG = """
[[services]]
name   = "imap"
listen = "*:{port}"
to     = "127.0.0.1:{behind}"
"""


class Activated(Dualstack):
    """`dualstack activate WHERE... -- dualstack VERB... --json`."""

    def __init__(self, where: list[str], *argv: str | Path) -> None:
        Program.__init__(self, *DUALSTACK, "activate", *where, "--", *DUALSTACK, *argv, "--json")


@pytest.fixture(scope="module")
def behind() -> Iterator[int]:
    with echo_server() as port:
        yield port


def echo(host: str, port: int) -> bytes:
    with socket.create_connection((host, port), timeout=20) as client:
        client.sendall(b"hello")
        return client.recv(5)


def shape(sockets: list[dict[str, object]]) -> set[tuple[object, ...]]:
    return {(s["family"], s["address"], s["v6only"]) for s in sockets}


@pytest.mark.parametrize(
    ("mode", "taken"),
    [
        ("pair", {(6, "::", True), (4, "0.0.0.0", None)}),
        ("single", {(6, "::", False)}),
    ],
)
def test_a_relay_takes_its_sockets_as_they_are(mode: str, taken: set[tuple[object, ...]], behind: int) -> None:
    port = free_port()
    with Activated([f"*:{port}", "--sockets", mode], "relay", f"*:{port}", f"127.0.0.1:{behind}") as relay:
        assert shape(relay.sockets) == taken
        assert echo("127.0.0.1", port) == echo("::1", port) == b"hello"


class Handed(Dualstack):
    """`dualstack ARGV...` with one listening socket, as a service manager starts it; `PORT` in ARGV is its number."""

    CODE = """
import os, socket, sys
sock = socket.socket(socket.AF_INET6)
sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
sock.bind((sys.argv[1], 0))
sock.listen()
os.dup2(sock.fileno(), 3)
os.set_inheritable(3, True)
os.environ["LISTEN_FDS"], os.environ["LISTEN_PID"] = "1", str(os.getpid())
argv = [word.replace("PORT", str(sock.getsockname()[1])) for word in sys.argv[2:]]
os.execv(sys.executable, [sys.executable, "-m", "dualstack", *argv])
"""

    def __init__(self, address: str, *argv: str) -> None:
        Program.__init__(self, sys.executable, "-c", self.CODE, address, *argv, "--json")


@pytest.mark.parametrize(("verb", "ipv4"), [("relay", "127.0.0.1"), ("relay", "0.0.0.0"), ("listen", "127.0.0.1")])
def test_a_socket_on_a_mapped_address_is_announced_as_ipv4(verb: str, ipv4: str, behind: int) -> None:
    target = [f"127.0.0.1:{behind}"] if verb == "relay" else []
    with Handed(f"::ffff:{ipv4}", verb, f"{ipv4}:PORT", *target) as server:
        assert shape(server.sockets) == {(4, ipv4, None)}
        if verb == "relay":
            assert echo("127.0.0.1", server.port) == b"hello"


def test_what_was_not_handed_over_is_opened(behind: int) -> None:
    port = free_port()
    with Activated([f"0.0.0.0:{port}"], "relay", f"*:{port}", f"127.0.0.1:{behind}") as relay:
        assert shape(relay.sockets) == {(6, "::", True), (4, "0.0.0.0", None)}
        assert echo("127.0.0.1", port) == echo("::1", port) == b"hello"


def test_a_name_is_as_good_as_a_number(behind: int) -> None:
    where = ["localhost:0", "--name", "RELAY"]
    with Activated(where, "relay", "*:80", f"127.0.0.1:{behind}") as relay:
        assert shape(relay.sockets) == {(6, "::1", True), (4, "127.0.0.1", None)}
        assert echo("127.0.0.1", relay.port) == b"hello"


def test_a_forward_proxy_and_listen_take_them_too() -> None:
    for argv in (["proxy", "*:80"], ["listen", "*:80"]):
        with Activated(["localhost:0", "--name", argv[0]], *argv) as server:
            socket.create_connection(("::1", server.port), timeout=20).close()


def test_udp_sockets_are_taken_and_answer_from_the_address_that_was_asked() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as server, socket.socket(type=socket.SOCK_DGRAM) as client:
        server.bind(("127.0.0.1", 0))
        server.settimeout(20)
        client.settimeout(20)
        target = f"127.0.0.1:{server.getsockname()[1]}"
        with Activated(["--udp", "*:0", "--name", "relay"], "relay", "--udp", "*:53", target) as relay:
            client.connect(("127.0.0.9", relay.port))
            client.send(b"question")
            question, flow = server.recvfrom(100)
            server.sendto(b"answer", flow)
            assert (question, client.recv(100)) == (b"question", b"answer")


def test_workers_share_what_was_handed_over(tmp_path: Path, behind: int) -> None:
    """A service manager opens one socket, not one a worker."""
    control = str(tmp_path / "c.sock")
    relay = ("relay", "*:80", f"127.0.0.1:{behind}", "--workers", "2", "--control", control)
    with Activated(["localhost:0", "--name", "relay"], *relay) as gateway:
        assert shape(gateway.sockets) == {(6, "::1", True), (4, "127.0.0.1", None)}
        for _ in range(2):
            assert [echo(host, gateway.port) for host in ("127.0.0.1", "::1") * 8] == [b"hello"] * 16
            request(control, "stop", "relay", release="1")
            for _ in range(4):
                with pytest.raises(ConnectionRefusedError):
                    echo("127.0.0.1", gateway.port)
            request(control, "start", "relay")
        assert echo("::1", gateway.port) == b"hello"


def test_flows_of_an_inherited_socket_stay_with_one_worker() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(20)
        target = f"127.0.0.1:{server.getsockname()[1]}"
        where = ["--udp", "127.0.0.1:0", "--name", "relay"]
        with Activated(where, "relay", "--udp", "*:53", target, "--workers", "2") as relay:
            flows = set()
            with socket.socket(type=socket.SOCK_DGRAM) as client:
                client.settimeout(20)
                client.connect(("127.0.0.1", relay.port))
                for _ in range(8):
                    client.send(b"question")
                    _, flow = server.recvfrom(100)
                    server.sendto(b"answer", flow)
                    assert client.recv(100) == b"answer"
                    flows.add(flow)
            assert len(flows) == 1


def test_a_socket_that_no_port_wants_ends_the_start_and_is_named() -> None:
    words = ["activate", "127.0.0.1:0", "--", *DUALSTACK, "relay", "*:1", "127.0.0.1:9"]
    ended = dualstack(*words)
    assert ended.returncode == 78
    assert "inherited tcp 127.0.0.1:" in ended.stderr
    assert "is no port of the configuration" in ended.stderr


def test_a_port_stops_and_starts_and_a_reload_keeps_what_was_handed_over(tmp_path: Path, behind: int) -> None:
    port, control = free_port(), str(tmp_path / "c.sock")
    file = tmp_path / "gateway.toml"
    file.write_text(CONFIG.format(port=port, behind=behind))
    with Activated([f"*:{port}"], "gateway", "--config", file, "--control", control) as gateway:
        before = shape(gateway.sockets)
        request(control, "stop", "imap", release="1")
        with pytest.raises(ConnectionRefusedError):
            echo("127.0.0.1", port)
        request(control, "start", "imap")
        file.write_text(CONFIG.format(port=port, behind=behind).replace("imap", "mail"))
        gateway.send_signal(signal.SIGHUP)
        assert "kept=0" in gateway.err.until(" reloaded ")
        ports = request(control, "list")["ports"]
        assert isinstance(ports, list)
        assert [(p["name"], shape(p["sockets"])) for p in ports] == [("mail", before)]
        assert echo("127.0.0.1", port) == echo("::1", port) == b"hello"
        file.write_text(CONFIG.format(port=free_port(), behind=behind))
        gateway.send_signal(signal.SIGHUP)
        assert "is no port of the configuration" in gateway.err.until(" note ")


def test_a_socket_of_the_manager_listens_again_when_its_stopped_port_ends(tmp_path: Path) -> None:
    """systemd takes back a socket that somebody has shut down as failed."""
    with socket.create_server(("127.0.0.1", 0)) as ours:
        control = str(tmp_path / "c.sock")
        where = f"127.0.0.1:{ours.getsockname()[1]}"
        relay = [*DUALSTACK, "relay", where, "127.0.0.1:9", "--control", control]
        with handed_to([*relay, "--json"], ours) as (process, out):
            out.until('"ready"')
            request(control, "stop", "relay")
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(ours.getsockname())
            process.terminate()
            assert process.wait(20) == 0
        socket.create_connection(ours.getsockname()).close()
        ours.accept()[0].close()


@contextmanager
def handed_to(argv: list[str], *sockets: socket.socket) -> Iterator[tuple[subprocess.Popen[str], Lines]]:
    """A program with sockets of this process, which keeps them, as a service manager does."""
    numbers = " ".join(f"{index}<&{sock.fileno()}" for index, sock in enumerate(sockets, 3))
    script = f'LISTEN_FDS={len(sockets)} LISTEN_PID=$$ exec "$@" {numbers}'
    process = subprocess.Popen(
        ["bash", "-c", script, "bash", *argv],
        stdout=subprocess.PIPE,
        text=True,
        pass_fds=[sock.fileno() for sock in sockets],
    )
    assert process.stdout is not None
    out = Lines(process.stdout)
    try:
        yield process, out
    finally:
        process.kill()
        process.wait()
        out.rest()


@pytest.mark.parametrize(
    ("variables", "why"),
    [
        ({"LISTEN_FDS": "one"}, "'one': expected how many"),
        ({"LISTEN_FDS": "2", "LISTEN_FDNAMES": "a"}, "'a' names 1 sockets, and LISTEN_FDS has 2"),
    ],
)
def test_variables_that_contradict_each_other_are_an_error(variables: dict[str, str], why: str) -> None:
    environment = {"LISTEN_PID": str(os.getpid()), **variables}
    with pytest.raises(ConfigError, match=why):
        handed_sockets(environment)
    assert environment == {}, "no child of ours may take them for its own"


def test_what_is_for_another_process_is_left_alone() -> None:
    environment = {"LISTEN_PID": "1", "LISTEN_FDS": "1"}
    assert handed_sockets(environment) == []
    assert environment == {}


def test_only_sockets_that_clients_come_in_by_are_taken() -> None:
    with socket.socket() as deaf, socket.socket(socket.AF_UNIX) as unix, Path("/dev/null").open() as null:
        for descriptor, why in (
            (null.fileno(), "is no socket"),
            (unix.fileno(), "is neither TCP nor UDP"),
            (deaf.fileno(), "does not listen"),
        ):
            with pytest.raises(ListenError, match=why) as caught:
                adopt(os.dup(descriptor), "imap")
            assert caught.value.exit_code == 69
            assert "(imap)" in str(caught.value)


def test_a_udp_socket_without_a_port_is_refused() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as lost, pytest.raises(ListenError, match="is bound to no port"):
        adopt(os.dup(lost.fileno()))


class Manager:
    """A service manager's ear."""

    def __init__(self, name: str) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(name.replace("@", "\0", 1))

    def drain(self) -> None:
        """Forget what was said."""
        self.sock.setblocking(False)
        with suppress(BlockingIOError):
            while self.sock.recv(4096):
                pass

    def until(self, wanted: str, *, within_s: float = 20) -> dict[str, str]:
        self.sock.settimeout(within_s)
        while True:
            said = dict(line.split("=", 1) for line in self.sock.recv(4096).decode().splitlines())
            if wanted in said:
                return said


PATH = pytest.mark.parametrize("manager", ["path"], indirect=True)


@pytest.fixture
def manager(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    name = str(tmp_path / "notify") if request.param == "path" else f"@dualstack-test-{os.getpid()}"
    monkeypatch.setenv("NOTIFY_SOCKET", name)
    manager = Manager(name)
    yield manager
    manager.sock.close()


@pytest.mark.parametrize("manager", ["path", "abstract"], indirect=True)
def test_a_service_manager_is_told_what_happens(
    manager: Manager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "20000")
    file = tmp_path / "gateway.toml"
    file.write_text(CONFIG.format(port=0, behind=9))
    with Dualstack("gateway", "--config", file, "--control", tmp_path / "c.sock") as gateway:
        ready = manager.until("READY")
        assert (ready["READY"], ready["MAINPID"]) == ("1", str(gateway.pid))
        assert ready["STATUS"] == "serving on 1 sockets"
        for _ in range(3):
            assert manager.until("WATCHDOG")["WATCHDOG"] == "1"
        gateway.send_signal(signal.SIGHUP)
        assert int(manager.until("RELOADING")["MONOTONIC_USEC"]) > 0
        assert manager.until("READY")["READY"] == "1"
        gateway.send_signal(signal.SIGTERM)
        assert manager.until("STOPPING")["STOPPING"] == "1"


@PATH
def test_a_child_of_ours_has_nothing_to_tell_the_service_manager(manager: Manager) -> None:
    with Dualstack("relay", "127.0.0.1:0", "exec:/usr/bin/env") as relay:
        manager.until("READY")
        with socket.create_connection(("127.0.0.1", relay.port), timeout=20) as client:
            told = client.makefile().read()
    assert "TCPREMOTEIP" in told
    assert "NOTIFY_SOCKET" not in told


def test_a_service_manager_that_does_not_hear_is_no_reason_to_stop(capsys: pytest.CaptureFixture[str]) -> None:
    notifier = Notifier.of_environment(open_log(), {"NOTIFY_SOCKET": "/no/such/socket"})
    notifier.alive()
    assert "service manager does not hear" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("environment", "path", "watchdog_s"),
    [
        ({}, "", None),
        ({"NOTIFY_SOCKET": "vsock:2:1"}, "", None),
        ({"WATCHDOG_USEC": "1000000"}, "", None),
        ({"NOTIFY_SOCKET": "@a", "WATCHDOG_USEC": "1000000"}, "@a", 1.0),
        ({"NOTIFY_SOCKET": "@a", "WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"}, "@a", None),
        ({"NOTIFY_SOCKET": "/a", "WATCHDOG_USEC": "soon"}, "/a", None),
    ],
)
def test_the_variables_say_who_wants_to_hear(environment: dict[str, str], path: str, watchdog_s: float | None) -> None:
    notifier = Notifier.of_environment(open_log(), environment)
    assert (notifier.path, notifier.watchdog_s, environment) == (path, watchdog_s, {})


@PATH
def test_a_frozen_gateway_is_silent(manager: Manager, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "20000")
    with Dualstack("relay", "127.0.0.1:0", "127.0.0.1:9") as relay:
        manager.until("WATCHDOG")
        relay.send_signal(signal.SIGSTOP)
        until(lambda: "T (stopped)" in Path(f"/proc/{relay.pid}/status").read_text(), lambda: "it runs")
        manager.drain()
        with pytest.raises(TimeoutError):
            manager.until("WATCHDOG", within_s=0.2)  # ten beats
        relay.send_signal(signal.SIGCONT)
        manager.until("WATCHDOG")
