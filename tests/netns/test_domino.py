"""A gateway that runs Domino's own file: both families on named ports, stopped from the console (D3, D9)."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import MakeNamespace
from dualstack.lab.host import Host
from support.caller import Caller
from support.program import DUALSTACK, Dualstack, Program, dualstack

pytestmark = pytest.mark.root

ADDRESSES = {4: "192.0.2.1", 6: "2001:db8::1"}
NOTES = """\
[Notes]
Directory=/local/notesdata
TCP_EnableIPv6=1
Ports=TCPIP,TCPIP6
TCPIP=TCP, 0, 15, 0,,12288
TCPIP6=TCP, 0, 15, 0
TCPIP_TcpIpAddress=0,192.0.2.1:1352
TCPIP6_TcpIpAddress=0,[2001:db8::1]:1352
SMTPNotesPort=TCPIP,TCPIP6
"""
GIVEN = ("--to", "nrpc=127.0.0.1:7777", "--to", "smtp=127.0.0.1:7777")
# Connections that are opened all along, a second.
RATE = 100


class Console(Program):
    """`dualstack console`, whose lines are typed one by one."""

    def __init__(self, control: Path, host: Host) -> None:
        super().__init__(*DUALSTACK, "console", "--control", control, host=host)

    def do(self, line: str, *answers: str) -> None:
        """Type a line, and wait for its answers."""
        self.say(line)
        for expected in answers:
            self.out.until(expected)


@pytest.fixture
def host(namespace: MakeNamespace) -> Host:
    """A host with an address of each family."""
    made = namespace()
    for address in ADDRESSES.values():
        made.run(["ip", "address", "add", address, "dev", "lo", *(["nodad"] if ":" in address else [])])
    return made


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    path = tmp_path / "notes.ini"
    path.write_text(NOTES)
    return path


@pytest.fixture
def gateway(host: Host, notes: Path, tmp_path: Path) -> Iterator[Dualstack]:
    control = ("--control", tmp_path / "control.sock")
    with (
        Dualstack("listen", "127.0.0.1:7777", "--serve", "echo", host=host),
        Dualstack("gateway", "--config", notes, *GIVEN, *control, host=host) as running,
    ):
        yield running


def test_both_families_are_served_on_every_port_that_the_file_names(host: Host, gateway: Dualstack) -> None:
    assert sorted((s["service"], s["port_name"], s["address"], s["port"]) for s in gateway.sockets) == [
        ("nrpc", "TCPIP", "192.0.2.1", 1352),
        ("nrpc", "TCPIP6", "2001:db8::1", 1352),
        ("smtp", "TCPIP", "192.0.2.1", 25),
        ("smtp", "TCPIP6", "2001:db8::1", 25),
    ]
    with Caller(host) as caller:
        for address in ADDRESSES.values():
            for port in (25, 1352):
                assert caller.ask(f"try {address} {port}") == "echoed"


def test_stop_port_tcpip_leaves_tcpip6_running_without_one_connection_lost(
    host: Host, gateway: Dualstack, tmp_path: Path
) -> None:
    with Caller(host) as caller, Console(tmp_path / "control.sock", host) as console:
        assert caller.ask("hold 192.0.2.1 25 2") == "2"
        caller.ask(f"calls 2001:db8::1 25 {RATE}")
        for _ in range(3):
            console.do(
                "stop port tcpip", "Port TCPIP: stopped, 2 connections go on", "SMTP Server: Listening on TCPIP6"
            )
            assert caller.ask("try 192.0.2.1 25") == "ConnectionRefusedError"
            assert caller.ask("try 192.0.2.1 1352") == "ConnectionRefusedError"
            caller.out.until("call echoed")
            console.do("START PORT Tcpip", "Port TCPIP: listening", "SMTP Server: Listening on TCPIP, TCPIP6")
            assert caller.ask("try 192.0.2.1 25") == "echoed"
        told = json.loads(caller.ask("hang up"))
        assert told["calls"] > 0
        assert told["wrong"] == []
        assert caller.ask("held") == "2"
        console.say("quit")
        assert console.wait() == 0
    assert gateway.process.poll() is None


def test_a_reload_reads_domino_s_file_again_with_the_same_targets(host: Host, gateway: Dualstack, notes: Path) -> None:
    notes.write_text(NOTES + "POP3NotesPort=TCPIP6\n")
    gateway.send_signal(signal.SIGHUP)
    gateway.err.until("no target for pop3")
    notes.write_text(NOTES.replace("SMTPNotesPort=TCPIP,TCPIP6", "SMTPNotesPort=TCPIP6"))
    gateway.send_signal(signal.SIGHUP)
    gateway.err.until("reloaded")
    with Caller(host) as caller:
        assert caller.ask("try 192.0.2.1 25") == "ConnectionRefusedError"
        assert caller.ask("try 2001:db8::1 25") == "echoed"
        assert caller.ask("try 192.0.2.1 1352") == "echoed"


@pytest.mark.usefixtures("gateway")
def test_the_check_beside_a_running_server_says_who_is_there(host: Host, notes: Path) -> None:
    checked = dualstack("gateway", "--config", notes, "--check", "--json", host=host)
    document = json.loads(checked.stdout)
    assert checked.returncode == 1
    assert {s["rule"] for s in document["sockets"]} == {"D6.2"}
    assert [(c["errno"], c["step"]) for c in document["conflicts"]] == [("EADDRINUSE", "bind")] * 4


def test_without_ipv6_the_file_means_ipv4_sockets_alone(host: Host, notes: Path, tmp_path: Path) -> None:
    notes.write_text("[Notes]\nPorts=LAN0,TCPIP\nLAN0=NETBIOS,0,15,0\nTCPIP=TCP,0,15,0\n")
    given = ("--to", "nrpc=127.0.0.1:7777", "--control", tmp_path / "control.sock")
    with (
        Dualstack("listen", "127.0.0.1:7777", "--serve", "echo", host=host),
        Dualstack("gateway", "--config", notes, *given, host=host) as running,
        Caller(host) as caller,
    ):
        running.err.until("LAN0=NETBIOS,0,15,0: no TCP port, left out")
        assert [(s["family"], s["address"], s["port"]) for s in running.sockets] == [(4, "0.0.0.0", 1352)]
        assert caller.ask("try 192.0.2.1 1352") == "echoed"
        assert caller.ask("try 2001:db8::1 1352") == "ConnectionRefusedError"
