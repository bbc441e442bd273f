"""An interface that is deleted and made anew: whoever listens on it is heard again (D3)."""

import signal
import sys
from pathlib import Path

import pytest

from conftest import MakeNamespace
from dualstack.lab.host import Host
from support.program import Dualstack, Program

pytestmark = pytest.mark.root

PORTS = """
[ports.any]
interface = "eth0"
[ports.zone]
bind = "fe80::7%eth0"
[ports.other]
bind = "127.0.0.1"
[[services]]
name = "tcp"
ports = ["any", "other"]
port = 5000
to = "exec:/bin/echo served"
[[services]]
name = "near"
ports = ["zone"]
port = 5003
to = "exec:/bin/echo served"
[[services]]
name = "udp"
protocol = "udp"
ports = ["any"]
port = 5001
to = "127.0.0.1:5002"
"""
OF_ETH0 = 3


class Waiting(Program):
    """Keeps a host for somebody to be given interfaces; echoes datagrams on port 5002 of its loopback."""

    CODE = """
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
    sock.bind(("127.0.0.1", 5002))
    print("listening", flush=True)
    while True:
        said, peer = sock.recvfrom(100)
        sock.sendto(said, peer)
"""

    def __init__(self, host: Host) -> None:
        super().__init__(sys.executable, "-c", self.CODE, host=host)

    def _started(self) -> None:
        self.out.until("listening")


def who_answers() -> dict[str, str]:
    """What a client hears that comes in by its own eth1."""
    import socket

    said = {}
    zone = socket.if_nametoindex("eth1")
    for family, kind, to in (
        (socket.AF_INET, socket.SOCK_STREAM, ("10.0.0.1", 5000)),
        (socket.AF_INET6, socket.SOCK_STREAM, ("fe80::7", 5003, 0, zone)),
        (socket.AF_INET, socket.SOCK_DGRAM, ("10.0.0.1", 5001)),
    ):
        with socket.socket(family, kind) as client:
            client.settimeout(5)
            try:
                client.connect(to)
                client.send(b"asked")
                heard = client.recv(100).decode().strip()
            except OSError as error:
                heard = type(error).__name__
            said[f"{to[0]} {kind.name}"] = heard
    return said


SERVED = {"10.0.0.1 SOCK_STREAM": "served", "fe80::7 SOCK_STREAM": "served", "10.0.0.1 SOCK_DGRAM": "asked"}


class Line:
    """The cable between the gateway's host and a client's, which can be taken out and put in again."""

    def __init__(self, here: Host, there: Host, waiting: Waiting) -> None:
        self._here, self._there, self._waiting = here, there, waiting

    def put_in(self) -> None:
        peer = f"peer name eth1 netns {self._waiting.process.pid_inside}"  # type: ignore[union-attr]
        self._here.run(["sh", "-ec", f"ip link add eth0 type veth {peer}; ip link set eth0 up"])
        up = "ip link set eth1 up; ip address add 10.0.0.2/24 dev eth1; ip address add fe80::8/64 dev eth1 nodad"
        self._there.run(["sh", "-ec", up])
        addresses = "ip address add 10.0.0.1/24 dev eth0; ip address add fe80::7/64 dev eth0 nodad"
        self._here.run(["sh", "-ec", addresses])

    def take_out(self) -> None:
        self._here.run(["ip", "link", "delete", "eth0"])


def opened_anew(gateway: Dualstack) -> None:
    """Wait until all sockets of eth0 are; the link-local address comes a moment after its interface."""
    opened = 0
    while opened < OF_ETH0:
        opened += int(gateway.err.until("reloaded").partition("opened=")[2].split()[0])
    assert opened == OF_ETH0


def write(directory: Path, more: str = "") -> Path:
    path = directory / "gateway.toml"
    path.write_text(more + PORTS, encoding="utf-8")
    return path


@pytest.mark.parametrize("more", ["", "workers = 2\n"], ids=["one process", "two workers"])
def test_what_listens_on_an_interface_hears_again_once_it_is_made_anew(
    namespace: MakeNamespace, tmp_path: Path, more: str
) -> None:
    here, there = namespace(), namespace()
    with Waiting(there) as waiting, Waiting(here):
        line = Line(here, there, waiting)
        line.put_in()
        path = write(tmp_path, more)
        with Dualstack("gateway", "--config", path, "--control", tmp_path / "control", host=here) as gateway:
            assert there.call(who_answers) == SERVED
            for _ in range(2):
                line.take_out()
                gateway.err.until("interface gone")
                line.put_in()
                opened_anew(gateway)
                assert there.call(who_answers) == SERVED


def test_a_reload_while_the_interface_is_gone_is_refused_and_the_rest_goes_on(
    namespace: MakeNamespace, tmp_path: Path
) -> None:
    here, there = namespace(), namespace()
    with Waiting(there) as waiting, Waiting(here):
        line = Line(here, there, waiting)
        line.put_in()
        with Dualstack("gateway", "--config", write(tmp_path), "--control", tmp_path / "control", host=here) as gateway:
            line.take_out()
            gateway.err.until("interface gone")
            gateway.send_signal(signal.SIGHUP)
            assert "there is no interface 'eth0'" in gateway.err.until("reload refused")
            line.put_in()
            opened_anew(gateway)
            assert there.call(who_answers) == SERVED
