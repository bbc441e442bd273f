"""What people see of the verbs that serve until a signal ends them."""

import re
import signal
import socket
import subprocess
import urllib.request
from pathlib import Path

import pytest

from dualstack.gateway.control.client import request
from support.program import DUALSTACK, Dualstack, Program, dualstack


def test_a_relay_says_where_it_listens_and_where_it_goes() -> None:
    with Program(*DUALSTACK, "relay", "*:0", "127.0.0.1:9") as relay:
        assert re.fullmatch(
            r"relay: listening on \[::\]:\d+ \(IPv6 and IPv4\), to 127\.0\.0\.1:9", relay.out.until("relay")
        )
        relay.out.until("ready; Ctrl-C ends it")
        relay.send_signal(signal.SIGINT)
        assert relay.wait() == 0


def test_a_relay_of_datagrams_says_so_and_ports_list_shows_it(tmp_path: Path) -> None:
    control = tmp_path / "c.sock"
    with Program(*DUALSTACK, "relay", "--udp", "*:0", "127.0.0.1:9", "--control", control) as relay:
        said = relay.out.until("relay")
        assert re.fullmatch(r"relay: listening on \[::\]:\d+ \(IPv6 and IPv4, UDP\), to 127\.0\.0\.1:9", said)
        relay.out.until("ready; Ctrl-C ends it")
        assert re.search(r"udp \[::\]:\d+", dualstack("ports", "list", "--control", control).stdout)
        relay.send_signal(signal.SIGINT)
        assert relay.wait() == 0


def test_a_quiet_relay_says_nothing(tmp_path: Path) -> None:
    control = tmp_path / "c.sock"
    with Dualstack("relay", "127.0.0.1:0", "127.0.0.1:9", "--quiet", "--control", str(control)) as relay:
        assert request(str(control), "list")["ports"]
        relay.end()
        assert relay.err.rest() == ""
    assert not control.exists()


def test_a_relay_ends_with_its_terminal() -> None:
    with Dualstack("relay", "127.0.0.1:0", "127.0.0.1:9") as relay:
        relay.send_signal(signal.SIGHUP)
        assert relay.wait() == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_demo_goes_on_serving_until_a_signal_and_leaves_nothing(number: signal.Signals) -> None:
    with Program(*DUALSTACK, "demo") as demo:
        url = demo.out.until("# IPv4 client, IPv6-only server").split()[1]
        control = demo.out.until("ports list").split()[-1]
        demo.out.until("Ctrl-C ends it.")
        with urllib.request.urlopen(url, timeout=10) as page:  # noqa: S310 - the demo prints http alone
            assert page.read().startswith(b"Hello from the IPv6-only server; you came over IPv6")
        request(control, "stop", "web4")
        demo.send_signal(number)
        assert demo.wait() == 0
    assert not Path(control).parent.exists()


def test_listening_shows_each_peer_as_it_is_and_as_the_kernel_gave_it() -> None:
    with Program(*DUALSTACK, "listen", "*:0", "--count", "2", "--serve", "echo") as listen:
        port = int(listen.out.until("listening on [::]").split(":")[3].split()[0])
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"hi")
            assert client.recv(2) == b"hi"
            mine = client.getsockname()[1]
            assert listen.out.until("over IPv4") == (
                f"127.0.0.1:{mine} over IPv4 to 127.0.0.1 "
                "(the kernel gave ::ffff:127.0.0.1 on an AF_INET6 socket, IPv4-mapped)"
            )
        with socket.create_connection(("::1", port)) as client:
            line = listen.out.until("over IPv6")
            assert line.endswith("to ::1 (the kernel gave ::1 on an AF_INET6 socket)")
        assert listen.wait() == 0


def test_a_client_that_resets_is_no_trouble() -> None:
    with Program(*DUALSTACK, "listen", "127.0.0.1:0") as listen:
        port = int(listen.out.until("listening on").split(":")[1].split()[0])
        with socket.create_connection(("127.0.0.1", port)) as client:
            listen.out.until("over IPv4")
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        assert "reset by the client" in listen.err.until("127.0.0.1 port")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_listening_ends_cleanly_while_a_client_is_connected(number: signal.Signals) -> None:
    with Program(*DUALSTACK, "listen", "127.0.0.1:0") as listen:
        port = int(listen.out.until("listening on").split(":")[1].split()[0])
        with socket.create_connection(("127.0.0.1", port)):
            listen.out.until("over IPv4")
            listen.send_signal(number)
            assert listen.wait() == 0
        assert listen.err.rest() == ""


def test_listening_lets_as_many_wait_as_the_gateway_does() -> None:
    with Program(*DUALSTACK, "listen", "127.0.0.1:0") as listen:
        port = int(listen.out.until("listening on").split(":")[1].split()[0])
        told = subprocess.run(["ss", "-Hltn", f"sport = :{port}"], capture_output=True, text=True, check=True)
        allowed = int(Path("/proc/sys/net/core/somaxconn").read_text())
        assert int(told.stdout.split()[2]) == min(4096, allowed)


@pytest.mark.parametrize("verb", [["address", "::1"], ["gateway", "--help-config"]])
def test_a_reader_that_has_gone_is_no_trace(verb: list[str]) -> None:
    command = subprocess.Popen([*DUALSTACK, *verb], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert command.stdout is not None
    command.stdout.close()
    _, err = command.communicate(timeout=20)
    assert b"Traceback" not in err
