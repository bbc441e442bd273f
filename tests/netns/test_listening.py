"""What listens on hosts of every kind: without IPv6, with V6ONLY by default, with company (D6, D8)."""

import json
import sys
from pathlib import Path

import pytest

from conftest import MakeNamespace
from dualstack.lab.host import Host
from support.program import Dualstack, Program, dualstack

NO_IPV6 = {"net.ipv6.conf.all.disable_ipv6": 1}
V6ONLY_BY_DEFAULT = {"net.ipv6.bindv6only": 1}
# Two services on one port number: any address, and one of its own.
BESIDE = """
control = "{control}"
[ports.any]
[ports.one]
bind = "{address}"

[[services]]
name  = "wide"
ports = ["any"]
port  = 5000
to    = "exec:/bin/echo wide"

[[services]]
name  = "exact"
ports = ["one"]
port  = 5000
to    = "exec:/bin/echo exact"
"""


def answer(host: str, port: int) -> str:
    """What a server says before it closes, or how it does not."""
    import socket

    try:
        with socket.create_connection((host, port), timeout=20) as connection:
            return connection.makefile("r").read().strip()
    except ConnectionRefusedError:
        return "refused"
    except ConnectionResetError:
        return "reset"
    except OSError as error:
        return error.strerror


def gateway(host: Host, path: Path, configuration: str) -> Dualstack:
    path.write_text(configuration, encoding="utf-8")
    return Dualstack("gateway", "--config", path, "--control", path.with_name("control.sock"), host=host)


def test_without_ipv6_the_wildcard_serves_ipv4_and_says_why(namespace: MakeNamespace) -> None:
    host = namespace(sysctls=NO_IPV6)
    with Dualstack("relay", "*:5000", "exec:/bin/echo served", host=host) as relay:
        assert [(s["family"], s["address"]) for s in relay.sockets] == [(4, "0.0.0.0")]
        assert "net.ipv6.conf.all.disable_ipv6 = 1" in relay.err.until("IPv4 alone, because IPv6 is off")
        assert host.call(answer, "127.0.0.1", 5000) == "served"


def test_without_ipv6_a_listener_serves_ipv4_and_says_why(namespace: MakeNamespace) -> None:
    host = namespace(sysctls=NO_IPV6)
    with Dualstack("listen", "*:5000", "--serve", "daytime", host=host) as listener:
        assert [(s["family"], s["address"]) for s in listener.sockets] == [(4, "0.0.0.0")]
        assert "day" in str(host.call(answer, "127.0.0.1", 5000))
        listener.end()
        assert "IPv6 is off" in listener.err.rest()


@pytest.mark.parametrize("address", ["::1", "::"])
def test_without_ipv6_a_port_bound_to_an_ipv6_address_is_an_error_that_says_so(
    namespace: MakeNamespace, tmp_path: Path, address: str
) -> None:
    host = namespace(sysctls=NO_IPV6)
    path = tmp_path / "gateway.toml"
    path.write_text(
        f'[ports.tcpip6]\nbind = "{address}"\nv6only = true\n'
        '[[services]]\nname = "web"\nports = ["tcpip6"]\nport = 5000\nto = "127.0.0.1:80"\n',
        encoding="utf-8",
    )
    for how in ([], ["--check"]):
        refused = dualstack("gateway", "--config", path, "--control", tmp_path / "control.sock", *how, host=host)
        assert refused.returncode == 78
        assert "IPv6 is off here" in refused.stderr
        assert "Traceback" not in refused.stderr


@pytest.mark.parametrize("listen", ["*:5000", "[::]:5000"])
def test_bindv6only_changes_nothing(namespace: MakeNamespace, listen: str) -> None:
    usual, other = namespace(), namespace(sysctls=V6ONLY_BY_DEFAULT)
    opened = []
    for host in (usual, other):
        with Dualstack("relay", listen, "exec:/bin/echo served", host=host) as relay:
            opened.append(relay.sockets)
            assert {host.call(answer, address, 5000) for address in ("127.0.0.1", "::1")} == {"served"}
    assert opened[0] == opened[1]
    assert [socket["v6only"] for socket in opened[1]] == [False]


@pytest.mark.parametrize("hosts", ["127.0.0.1 localhost\n", "::1 localhost\n", ""], ids=["IPv4", "IPv6", "neither"])
def test_localhost_is_both_loopbacks_whatever_the_hosts_file_says(namespace: MakeNamespace, hosts: str) -> None:
    host = namespace(hosts=hosts)
    with Dualstack("relay", "localhost:5000", "exec:/bin/echo served", host=host) as relay:
        assert {socket["address"] for socket in relay.sockets} == {"127.0.0.1", "::1"}
        assert {host.call(answer, address, 5000) for address in ("127.0.0.1", "::1")} == {"served"}


@pytest.mark.parametrize(
    ("address", "others"),
    [("127.0.0.2", ("127.0.0.1", "::1")), ("::1", ("127.0.0.1", "127.0.0.2"))],
    ids=["exact IPv4", "exact IPv6"],
)
def test_a_service_on_one_address_stands_beside_one_on_any(
    namespace: MakeNamespace, tmp_path: Path, address: str, others: tuple[str, ...]
) -> None:
    host = namespace()
    control = tmp_path / "control.sock"
    with gateway(host, tmp_path / "gateway.toml", BESIDE.format(control=control, address=address)):
        assert host.call(answer, address, 5000) == "exact"
        assert {host.call(answer, other, 5000) for other in others} == {"wide"}


@pytest.mark.parametrize("how", [(), ("--release",)], ids=["paused", "released"])
@pytest.mark.parametrize("address", ["127.0.0.2", "::1"])
def test_the_wildcard_never_answers_for_a_stopped_port(
    namespace: MakeNamespace, tmp_path: Path, address: str, how: tuple[str, ...]
) -> None:
    host = namespace()
    control = tmp_path / "control.sock"
    with gateway(host, tmp_path / "gateway.toml", BESIDE.format(control=control, address=address)):
        dualstack("ports", "stop", "ONE", *how, "--control", control)
        assert host.call(answer, address, 5000) in {"refused", "reset"}
        assert host.call(answer, "127.0.0.1", 5000) == "wide"
        started = dualstack("ports", "start", "ONE", "--control", control)
        assert started.returncode == 0, started.stderr
        assert host.call(answer, address, 5000) == "exact"
        assert host.call(answer, "127.0.0.1", 5000) == "wide"


def test_a_stopped_wildcard_leaves_the_service_on_one_address_alone(namespace: MakeNamespace, tmp_path: Path) -> None:
    host = namespace()
    control = tmp_path / "control.sock"
    with gateway(host, tmp_path / "gateway.toml", BESIDE.format(control=control, address="127.0.0.2")):
        dualstack("ports", "stop", "any", "--control", control)
        assert host.call(answer, "127.0.0.2", 5000) == "exact"
        assert {host.call(answer, other, 5000) for other in ("127.0.0.1", "::1")} == {"refused"}


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("127.0.0.1", "*"), ("0.0.0.0", "127.0.0.1"), ("::", "*"), ("::1", "::")],
)
def test_a_foreign_listener_is_foreseen_with_its_name_and_nothing_is_bound(
    namespace: MakeNamespace, tmp_path: Path, theirs: str, ours: str
) -> None:
    host = namespace()
    path = tmp_path / "gateway.toml"
    path.write_text(
        f'[ports.a]\nbind = "{ours}"\n[[services]]\nname = "web"\nports = ["a"]\nport = 5000\nto = "exec:/bin/cat"\n',
        encoding="utf-8",
    )
    with foreign_listener(host, theirs) as foreign:
        checked = dualstack("gateway", "--config", path, "--check", "--json", host=host)
        assert checked.returncode == 1, checked.stderr
        (conflict,) = json.loads(checked.stdout)["conflicts"]
        assert (conflict["errno"], conflict["step"]) == ("EADDRINUSE", "bind")
        assert f"(stranger, pid {foreign.process.pid_inside})" in conflict["b"]

        refused = dualstack("gateway", "--config", path, "--control", tmp_path / "control.sock", host=host)
        assert refused.returncode == 69
        assert f"(stranger, pid {foreign.process.pid_inside})" in refused.stderr
        assert len(refused.stderr.splitlines()) == 1
        assert "Traceback" not in refused.stderr


def test_what_no_foreign_listener_covers_is_not_foreseen_as_a_conflict(namespace: MakeNamespace) -> None:
    host = namespace()
    with (
        foreign_listener(host, "127.0.0.1"),
        Dualstack("relay", "127.0.0.2:5000, [::1]:5000", "exec:/bin/echo ours", host=host),
    ):
        assert {host.call(answer, address, 5000) for address in ("127.0.0.2", "::1")} == {"ours"}


class foreign_listener(Program):  # noqa: N801 - reads as what it is
    """Somebody else's process, called stranger, that listens on port 5000 of `address`."""

    CODE = """
import pathlib, socket, sys
pathlib.Path("/proc/self/comm").write_text("stranger")
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
with socket.create_server((sys.argv[1], 5000), family=family):
    print("listening", flush=True)
    sys.stdin.read()
"""

    def __init__(self, host: Host, address: str) -> None:
        super().__init__(sys.executable, "-c", self.CODE, address, host=host)

    def _started(self) -> None:
        self.out.until("listening")
