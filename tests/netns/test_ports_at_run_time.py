"""Ports stop and start while the gateway runs, and no other port ever notices (D3)."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import MakeNamespace
from dualstack.gateway.control.client import request
from dualstack.lab.host import Host
from support.caller import Caller
from support.directory import open_directory
from support.program import Dualstack, dualstack

pytestmark = [pytest.mark.root, pytest.mark.daemon("setpriv", "curl")]

CURL_COULD_NOT_CONNECT = 7
CYCLES = 50
RATE = 200
# Calls to wait for in each half of a cycle: 50 cycles are three seconds of calls. By hand: more.
CALLS = int(os.environ.get("DUALSTACK_TEST_CALLS", "6"))

CONFIGURATION = """
user = "nobody"
control = "{control}"

[ports.TCPIP]
bind = "0.0.0.0"
[ports.TCPIP6]
bind = "::"
v6only = true

[[services]]
name  = "imap"
ports = ["tcpip", "tcpip6"]
port  = 143
to    = "127.0.0.1:1143"
drain = 0
"""


class Served:
    """A host with an echo server behind a gateway that is nobody any more, and a client."""

    def __init__(self, host: Host, gateway: Dualstack, caller: Caller, directory: Path) -> None:
        self.host = host
        self.gateway = gateway
        self.caller = caller
        self.configuration = directory / "gateway.toml"
        self.control = str(directory / "control.sock")

    def ports(self, *argv: str) -> int:
        """Run `dualstack ports` to its end."""
        return dualstack("ports", *argv, "--control", self.control).returncode

    def port(self, name: str) -> dict[str, object]:
        """What `list` says of a port."""
        ports = request(self.control, "list")["ports"]
        assert isinstance(ports, list)
        return next(port for port in ports if port["name"] == name)


@pytest.fixture
def served(namespace: MakeNamespace) -> Iterator[Served]:
    host = namespace()
    with open_directory() as directory:
        path = directory / "gateway.toml"
        path.write_text(CONFIGURATION.format(control=directory / "control.sock"), encoding="utf-8")
        with (
            Dualstack("listen", "127.0.0.1:1143", "--serve", "echo", host=host),
            Dualstack("gateway", "--config", path, host=host) as gateway,
            Caller(host) as caller,
        ):
            yield Served(host, gateway, caller, directory)


def test_fifty_stops_of_one_port_cost_the_other_no_connection(served: Served) -> None:
    caller, control = served.caller, served.control
    assert "Uid:\t65534\t65534\t65534" in Path(f"/proc/{served.gateway.pid}/status").read_text(encoding="ascii")
    assert caller.ask("hold 127.0.0.1 143 20") == "20"
    caller.ask(f"calls ::1 143 {RATE}")

    for cycle in range(CYCLES):
        # As a user does it, and as fast as it can be done.
        if cycle % 10 == 0:
            assert served.ports("stop", "TCPIP") == 0
        else:
            request(control, "stop", "TCPIP")
        assert served.port("TCPIP")["state"] == "stopped"
        for _ in range(CALLS):
            caller.out.until("call ")
        if cycle % 10 == 0:
            assert caller.ask("try 127.0.0.1 143") == "ConnectionRefusedError"
            assert served.ports("start", "tcpip") == 0
        else:
            request(control, "start", "tcpip")
        for _ in range(CALLS):
            caller.out.until("call ")
        if cycle % 10 == 0:
            assert caller.ask("try 127.0.0.1 143") == "echoed"

    told = json.loads(caller.ask("hang up"))
    assert told["wrong"] == []
    assert told["calls"] >= CYCLES * CALLS * 2
    assert caller.ask("held") == "20"


def test_a_client_that_was_let_in_before_the_stop_is_served_after_it(served: Served) -> None:
    caller = served.caller
    assert caller.ask("hold 127.0.0.1 143 3") == "3"
    assert served.ports("stop", "tcpip") == 0
    assert caller.ask("held") == "3"
    assert served.port("TCPIP")["connections"] == 3


def test_drain_0_cuts_the_connections_of_the_stopped_port_alone(served: Served) -> None:
    caller = served.caller
    assert caller.ask("hold 127.0.0.1 143 3") == "3"
    assert caller.ask("hold ::1 143 4") == "7"
    stopped = dualstack("ports", "stop", "tcpip", "--drain", "0", "--json", "--control", served.control)
    answer = json.loads(stopped.stdout)
    assert (answer["version"], answer["cut"]) == (1, 3)
    assert (answer["port"]["state"], answer["port"]["connections"]) == ("stopped", 0)
    assert caller.ask("held") == "4"
    assert served.port("TCPIP6")["connections"] == 4


def test_a_stopped_port_stays_stopped_over_a_reload(served: Served) -> None:
    assert served.ports("stop", "tcpip") == 0
    served.gateway.send_signal(signal.SIGHUP)
    served.gateway.err.until("reloaded")
    assert served.port("TCPIP")["state"] == "stopped"
    assert served.caller.ask("try 127.0.0.1 143") == "ConnectionRefusedError"
    assert served.caller.ask("try ::1 143") == "echoed"
    assert served.ports("start", "tcpip") == 0
    assert served.caller.ask("try 127.0.0.1 143") == "echoed"


def test_after_a_release_nobody_may_not_take_the_low_port_again_and_the_other_goes_on(served: Served) -> None:
    assert served.ports("stop", "tcpip", "--release") == 0
    started = dualstack("ports", "start", "tcpip", "--control", served.control)
    assert started.returncode == 77
    assert "0.0.0.0:143" in started.stderr
    assert served.port("TCPIP")["state"] == "failed"
    assert served.caller.ask("try ::1 143") == "echoed"


@pytest.mark.parametrize("more", ["", "workers = 2"], ids=["one process", "two workers"])
def test_a_restart_that_would_lose_the_low_port_is_refused_and_loses_nothing(
    namespace: MakeNamespace, more: str
) -> None:
    host = namespace()
    with open_directory() as directory:
        path, control = directory / "gateway.toml", str(directory / "control.sock")
        dns = "[[services]]\nname = 'dns'\nprotocol = 'udp'\nlisten = '*:53'\nto = '127.0.0.1:1053'\n"
        path.write_text(f"{more}\n{CONFIGURATION.format(control=control)}{dns}", encoding="utf-8")
        with (
            Dualstack("listen", "127.0.0.1:1143", "--serve", "echo", host=host),
            Dualstack("gateway", "--config", path, host=host) as gateway,
            Caller(host) as caller,
        ):
            for name, how in ("TCPIP", ("--release",)), ("dns", ()):
                refused = dualstack("ports", "restart", name, *how, "--control", control)
                assert refused.returncode == 77
                assert "could not be bound again: the right to ports below 1024 is gone" in refused.stderr
                assert len(refused.stderr.splitlines()) == 1
            assert {port["state"] for port in request(control, "list")["ports"]} == {"listening"}  # type: ignore[attr-defined]
            assert caller.ask("try 127.0.0.1 143") == "echoed"
            assert dualstack("ports", "restart", "tcpip", "--control", control).returncode == 0
            assert caller.ask("try 127.0.0.1 143") == "echoed"

            assert dualstack("ports", "stop", "tcpip", "--release", "--control", control).returncode == 0
            gateway.err.until("let_go=0.0.0.0:143")
            assert "0.0.0.0:143 could not be bound again" in gateway.err.until("port lost")
            started = dualstack("ports", "start", "tcpip", "--control", control)
            assert started.returncode == 77
            assert "cannot listen on 0.0.0.0:143: no right to it" in gateway.err.until("port failed")


def test_stopping_what_is_stopped_and_starting_what_listens_is_no_error(served: Served) -> None:
    assert served.ports("start", "tcpip") == 0
    assert served.ports("stop", "Tcpip") == 0
    assert served.ports("stop", "TCPIP") == 0
    assert served.port("TCPIP")["state"] == "stopped"


def test_a_restart_ends_listening(served: Served) -> None:
    assert served.ports("restart", "tcpip") == 0
    assert served.port("TCPIP")["state"] == "listening"
    assert served.caller.ask("try 127.0.0.1 143") == "echoed"


def test_an_unknown_port_is_a_wrong_value_and_the_known_ones_are_named(served: Served) -> None:
    refused = dualstack("ports", "stop", "decnet", "--control", served.control)
    assert refused.returncode == 78
    assert refused.stderr.splitlines() == ["dualstack: no port 'decnet'; there are: TCPIP, TCPIP6"]


def test_without_a_gateway_ports_are_unavailable(tmp_path: Path) -> None:
    refused = dualstack("ports", "list", "--control", tmp_path / "control.sock")
    assert refused.returncode == 69
    assert "no gateway at" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_the_list_of_ports_has_every_socket_and_how_many_are_connected(served: Served) -> None:
    assert served.caller.ask("hold ::1 143 2") == "2"
    listed = dualstack("ports", "list", "--json", "--control", served.control)
    sockets = {"service": "imap", "port": 143}
    assert json.loads(listed.stdout) == {
        "version": 1,
        "ports": [
            {
                "name": "TCPIP",
                "bind": "0.0.0.0",
                "state": "listening",
                "services": ["imap"],
                "sockets": [{**sockets, "port_name": "TCPIP", "family": 4, "address": "0.0.0.0", "v6only": None}],
                "connections": 0,
            },
            {
                "name": "TCPIP6",
                "bind": "::",
                "state": "listening",
                "services": ["imap"],
                "sockets": [{**sockets, "port_name": "TCPIP6", "family": 6, "address": "::", "v6only": True}],
                "connections": 2,
            },
        ],
    }


def test_only_the_owner_may_speak_to_the_control_socket(served: Served) -> None:
    assert Path(served.control).stat().st_mode & 0o777 == 0o600
    other = ("setpriv", "--reuid=daemon", "--regid=daemon", "--clear-groups", "curl", "--unix-socket", served.control)
    assert served.host.run([*other, "http://gateway/ports"], check=False).returncode == CURL_COULD_NOT_CONNECT
