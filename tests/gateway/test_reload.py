"""Signals to a running gateway: SIGHUP changes what changed and nothing else, SIGTERM drains, SIGINT twice leaves."""

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dualstack.gateway.control.client import request
from support.program import Dualstack, until

# Port 0 keeps its number over a reload.
TWO = """
[[services]]
name   = "kept"
listen = "localhost:0"
to     = "{target}"

[[services]]
name   = "gone"
listen = "127.0.0.1:0"
to     = "{target}"
"""
# `kept` as it was, `gone` gone, `fresh` new.
OTHER = """
[[services]]
name   = "fresh"
listen = "[::1]:0"
to     = "{target}"

[[services]]
name   = "kept"
listen = "localhost:0"
to     = "{target}"
"""


class Served:
    """A gateway with its file and its control socket, before an echo server."""

    def __init__(self, gateway: Dualstack, directory: Path, target: str) -> None:
        self.gateway = gateway
        self._file = directory / "gateway.toml"
        self._control = str(directory / "control.sock")
        self._target = target

    def write(self, configuration: str) -> None:
        self._file.write_text(configuration.format(target=self._target), encoding="utf-8")

    def reload(self, configuration: str) -> None:
        """Put another file there, and wait until it is what runs."""
        self.write(configuration)
        self.gateway.send_signal(signal.SIGHUP)
        self.gateway.err.until(" reloaded ")

    def sockets(self, service: str) -> list[tuple[str, int]]:
        """Where a service listens now, by the control socket; nowhere where there is no such service."""
        ports = request(self._control, "list")["ports"]
        assert isinstance(ports, list)
        return [(s["address"], s["port"]) for port in ports if port["name"] == service for s in port["sockets"]]

    def inodes(self, *where: tuple[str, int]) -> set[str]:
        """The gateway's descriptors of the listening sockets there, each as number and inode."""
        numbers = {listening_inode(*each) for each in where}
        found = set()
        for fd in Path(f"/proc/{self.gateway.pid}/fd").iterdir():
            link = str(fd.readlink())
            if link in numbers:
                found.add(f"{fd.name} {link}")
        assert len(found) == len(where)
        return found


def listening_inode(address: str, port: int) -> str:
    """What /proc/PID/fd calls the socket that listens there (proc_net_tcp: local address, state 0A, inode)."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    packed = socket.inet_pton(family, address)
    # Each 32-bit word in the order of this machine's bytes.
    words = "".join(f"{int.from_bytes(packed[i : i + 4], 'little'):08X}" for i in range(0, len(packed), 4))
    table = Path("/proc/net/tcp6" if family == socket.AF_INET6 else "/proc/net/tcp").read_text(encoding="ascii")
    rows = (line.split() for line in table.splitlines()[1:])
    (inode,) = (row[9] for row in rows if row[1] == f"{words}:{port:04X}" and row[3] == "0A")
    return f"socket:[{inode}]"


def echoes(connection: socket.socket, text: bytes = b"hello") -> bool:
    connection.sendall(text)
    heard = b""
    while len(heard) < len(text) and (piece := connection.recv(100)):
        heard += piece
    return heard == text


@contextmanager
def connected(where: tuple[str, int]) -> Iterator[socket.socket]:
    with socket.create_connection(where, timeout=20) as connection:
        assert echoes(connection)
        yield connection


def is_refused(where: tuple[str, int]) -> bool:
    try:
        socket.create_connection(where, timeout=20).close()
    except ConnectionRefusedError:
        return True
    return False


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with Dualstack("listen", "127.0.0.1:0", "--serve", "echo") as server:
        target = f"127.0.0.1:{server.port}"
        file = tmp_path / "gateway.toml"
        file.write_text(TWO.format(target=target), encoding="utf-8")
        with Dualstack("gateway", "--config", file, "--control", tmp_path / "control.sock") as gateway:
            yield Served(gateway, tmp_path, target)


def test_a_reload_opens_what_is_new_and_closes_what_is_gone(served: Served) -> None:
    (gone,) = served.sockets("gone")
    assert served.sockets("fresh") == []
    served.reload(OTHER)
    (fresh,) = served.sockets("fresh")
    with connected(fresh):
        assert is_refused(gone)
    assert served.sockets("gone") == []


def test_a_reload_leaves_the_sockets_of_an_unchanged_service_open(served: Served) -> None:
    kept = served.sockets("kept")
    assert {address for address, _ in kept} == {"127.0.0.1", "::1"}
    before = served.inodes(*kept)
    served.reload(OTHER)
    assert served.sockets("kept") == kept
    assert served.inodes(*kept) == before


def test_connections_go_on_over_a_reload_even_of_a_service_that_is_gone(served: Served) -> None:
    with connected(served.sockets("kept")[0]) as kept, connected(served.sockets("gone")[0]) as gone:
        served.reload(OTHER)
        assert echoes(kept)
        assert echoes(gone)
        kept.shutdown(socket.SHUT_WR)
        assert kept.recv(100) == b""
        gone.shutdown(socket.SHUT_WR)
        assert gone.recv(100) == b""


def test_a_reload_may_give_an_unchanged_socket_another_target(served: Served) -> None:
    kept = served.sockets("kept")
    before = served.inodes(*kept)
    with connected(kept[0]) as old:
        served.reload(OTHER.replace('"localhost:0"\nto     = "{target}"', '"localhost:0"\nto = "exec:/bin/echo moved"'))
        assert served.inodes(*kept) == before
        with socket.create_connection(kept[0], timeout=20) as new:
            assert new.makefile("r").read() == "moved\n"
        assert echoes(old)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (OTHER.replace("listen", "lisen"), "did you mean listen?"),
        (OTHER.replace("[::1]:0", "[::1]:65536"), "65536"),
        ("[[services]\n", "not TOML"),
        (OTHER.replace("[::1]:0", "192.0.2.1:0"), "192.0.2.1"),
    ],
    ids=["unknown key", "no port number", "not TOML", "an address of somebody else"],
)
def test_a_wrong_file_leaves_the_one_before_running_and_is_explained(served: Served, wrong: str, why: str) -> None:
    kept, (gone,) = served.sockets("kept"), served.sockets("gone")
    before = served.inodes(*kept, gone)
    with connected(kept[0]) as connection:
        served.write(wrong)
        served.gateway.send_signal(signal.SIGHUP)
        said = served.gateway.err.until("reload refused")
        assert why in said
        assert "the configuration before" in said
        assert served.inodes(*kept, gone) == before
        assert echoes(connection)
        with connected(gone):
            assert served.sockets("fresh") == []
    served.reload(OTHER)
    assert "Traceback" not in "\n".join(served.gateway.err.said)


def test_a_file_that_is_gone_leaves_the_configuration_running(served: Served, tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").unlink()
    served.gateway.send_signal(signal.SIGHUP)
    assert "cannot be read" in served.gateway.err.until("reload refused")
    with connected(served.sockets("gone")[0]):
        pass


def test_sigterm_refuses_new_clients_lets_the_old_ones_end_and_exits_with_0(served: Served) -> None:
    (gone,) = served.sockets("gone")
    with connected(gone) as connection:
        served.gateway.send_signal(signal.SIGTERM)
        until(lambda: is_refused(gone), lambda: "it still accepts")
        assert echoes(connection)
        assert served.gateway.process.poll() is None
    assert served.gateway.wait() == 0


def test_sigterm_cuts_what_has_not_ended_when_the_time_to_drain_is_up(served: Served) -> None:
    served.reload(OTHER.replace("to     =", "drain  = 0\nto     ="))
    with connected(served.sockets("kept")[0]) as connection:
        served.gateway.send_signal(signal.SIGTERM)
        with pytest.raises(ConnectionResetError):
            connection.recv(100)
        assert served.gateway.wait() == 0


def test_a_second_sigint_leaves_at_once(served: Served) -> None:
    with connected(served.sockets("kept")[0]) as connection:
        served.gateway.send_signal(signal.SIGINT)
        served.gateway.err.until("leaving")
        assert echoes(connection)
        assert served.gateway.process.poll() is None
        served.gateway.send_signal(signal.SIGINT)
        with pytest.raises(ConnectionResetError):
            connection.recv(100)
        assert served.gateway.wait() == 0
