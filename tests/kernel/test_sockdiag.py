"""`kernel.sockdiag`: who listens, asked of the kernel about sockets made for it."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dualstack.core.address.address import Address
from dualstack.core.host.facts import Listener
from dualstack.kernel.sockdiag import read_listeners

if TYPE_CHECKING:
    from conftest import MakeNamespace

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux' own way of telling")

TCP, UDP = socket.SOCK_STREAM, socket.SOCK_DGRAM


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def bound(opened: ExitStack, host: str, kind: int, *, v6only: int = 0, listen: bool = True) -> int:
    """A socket on `host`, and its port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = opened.enter_context(socket.socket(family, kind))
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, v6only)
    sock.bind((host, 0))
    if kind == TCP and listen:
        sock.listen()
    port: int = sock.getsockname()[1]
    return port


def told(port: int) -> list[Listener]:
    return [listener for listener in read_listeners() or () if listener.port == port]


def mine(proto: str, host: str, port: int, *, v6only: bool | None) -> Listener:
    name = Path("/proc/self/comm").read_text(encoding="utf-8").strip()
    family = 6 if ":" in host else 4
    return Listener(proto, family, Address(host), port, v6only, os.geteuid(), name, os.getpid())


@pytest.mark.parametrize("kind", [TCP, UDP])
@pytest.mark.parametrize(
    ("host", "asked", "v6only"),
    [
        ("0.0.0.0", 0, None),
        ("127.0.0.1", 0, None),
        ("::", 0, False),
        ("::", 1, True),
        ("::1", 0, True),  # the kernel sets it at bind(2) to a specific address
        ("::ffff:127.0.0.1", 0, False),
    ],
)
def test_a_socket_is_told_with_its_flag_and_its_process(
    opened: ExitStack, kind: int, host: str, asked: int, *, v6only: bool | None
) -> None:
    port = bound(opened, host, kind, v6only=asked)
    assert told(port) == [mine("tcp" if kind == TCP else "udp", host, port, v6only=v6only)]


def test_a_tcp_socket_that_is_only_bound_is_told(opened: ExitStack) -> None:
    port = bound(opened, "::", TCP, v6only=1, listen=False)
    assert told(port) == [mine("tcp", "::", port, v6only=True)]


def test_a_udp_socket_that_is_also_connected_is_told(opened: ExitStack) -> None:
    sock = opened.enter_context(socket.socket(socket.AF_INET, UDP))
    sock.connect(("127.0.0.1", 9))
    port = sock.getsockname()[1]
    assert told(port) == [mine("udp", "127.0.0.1", port, v6only=None)]


def test_a_connection_is_no_listener(opened: ExitStack) -> None:
    port = bound(opened, "127.0.0.1", TCP)
    client = opened.enter_context(socket.create_connection(("127.0.0.1", port)))
    assert told(client.getsockname()[1]) == []


def test_a_closed_socket_is_not_told() -> None:
    with ExitStack() as opened:
        port = bound(opened, "127.0.0.1", TCP)
    assert told(port) == []


def test_processes_are_left_out_where_nobody_asks(opened: ExitStack) -> None:
    port = bound(opened, "127.0.0.1", TCP)
    assert [(each.pid, each.process) for each in read_listeners(processes=False) or () if each.port == port] == [
        (None, None)
    ]


def test_of_a_server_and_its_children_the_oldest_is_named(opened: ExitStack) -> None:
    server = opened.enter_context(socket.create_server(("127.0.0.1", 0)))
    child = opened.enter_context(subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=[server.fileno()]))
    port = server.getsockname()[1]
    assert [listener.pid for listener in told(port)] == [os.getpid()]
    server.close()
    assert [listener.pid for listener in told(port)] == [child.pid]


LISTEN = """
import socket, sys
kept = []
for host, port in (("0.0.0.0", 143), ("::1", 144), (sys.argv[1], 145)):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family)
    sock.bind(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4])
    sock.listen()
    kept.append(sock)
print("up", flush=True)
sys.stdin.read()
"""


def listeners() -> list[list[object]]:
    from dualstack.kernel.sockdiag import read_listeners  # this goes to another process as source

    return [[each.proto, str(each.address), each.port, each.v6only, each.pid] for each in read_listeners() or ()]


def test_a_link_local_socket_is_told_with_its_zone_and_other_networks_are_not(namespace: "MakeNamespace") -> None:
    host = namespace()
    host.run(["ip", "link", "add", "left", "type", "veth", "peer", "name", "right"])
    for name in ("left", "right"):
        host.run(["ip", "address", "add", "fe80::7/64", "dev", name])
        host.run(["ip", "link", "set", name, "up"])
    server = host.popen([sys.executable, "-c", LISTEN, "fe80::7%left"], stdin=-1)
    assert server.stdout is not None
    assert server.stdout.readline() == "up\n"
    assert host.call(listeners) == [
        ["tcp", "0.0.0.0", 143, None, server.pid_inside],
        ["tcp", "::1", 144, True, server.pid_inside],
        ["tcp", "fe80::7%left", 145, True, server.pid_inside],
    ]


def test_a_host_without_listeners_says_so(namespace: "MakeNamespace") -> None:
    assert namespace().call(listeners) == []
