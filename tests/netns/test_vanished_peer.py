"""A peer that vanishes without a word, on either side of a relay: the other side hears of it by keepalive."""

import sys

import pytest

from dualstack.lab.network import Network
from support.program import Dualstack, Program

pytestmark = pytest.mark.root

# Says a line, hears it back, and then only listens: what ends the silence is told.
SILENT = """
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as sock:
    sock.sendall(b"hello")
    print(sock.recv(5).decode(), flush=True)
    try:
        print("end" if not sock.recv(1) else "bytes")
    except OSError as error:
        print(type(error).__name__)
"""
# As a server, for one client.
SERVED = """
import socket
with socket.create_server(("0.0.0.0", 7)) as server:
    print("listening", flush=True)
    sock, _ = server.accept()
    sock.sendall(sock.recv(5))
    try:
        print("end" if not sock.recv(1) else "bytes")
    except OSError as error:
        print(type(error).__name__)
"""


@pytest.mark.parametrize("vanished", ["client", "server"])
def test_the_other_side_hears_that_a_peer_has_vanished(network: Network, vanished: str) -> None:
    client, relay, server = (network.host(name, "ipv4-only") for name in ("client", "relay", "server"))
    target = "server.test:7"
    with (
        Program(sys.executable, "-c", SERVED, host=server) as served,
        Dualstack("relay", "*:70", target, "--keepalive", "1", host=relay),
    ):
        served.out.until("listening")
        with Program(sys.executable, "-c", SILENT, "relay.test", "70", host=client) as silent:
            silent.out.until("hello")
            network.fault(f"dropped ipv4 {vanished}")
            told = served if vanished == "client" else silent
            assert told.out.until("Error") == "ConnectionResetError"
