"""Who is in the way of a port number, and what helps: the words of `--check` and of a bind that failed (D8)."""

import sys
from pathlib import Path

import pytest

from conftest import MakeNamespace
from dualstack.lab.host import Host
from support.program import Dualstack, Program, dualstack

OUT = "end it, or listen on another port (sysctl net.ipv4.ip_local_reserved_ports=45000 keeps 45000 for servers)"
LINGERS = "wait a minute, or have the server before this one set SO_REUSEADDR"


class Client(Program):
    """Somebody's connection from port 45000, without SO_REUSEADDR; it is open, or has just been closed."""

    CODE = """
import pathlib, socket, sys
pathlib.Path("/proc/self/comm").write_text("client")
family, here = (socket.AF_INET6, "::1") if sys.argv[1] == "6" else (socket.AF_INET, "127.0.0.1")
with socket.create_server((here, 7000), family=family) as server, socket.socket(family) as client:
    client.bind((here, 45000))
    client.connect((here, 7000))
    accepted = server.accept()[0]
    if sys.argv[2] == "closed":
        client.close()
        accepted.recv(1)
    print("connected", flush=True)
    accepted.close() if sys.argv[2] == "closed" else None
    sys.stdin.read()
"""

    def __init__(self, host: Host, family: int, state: str) -> None:
        super().__init__(sys.executable, "-c", self.CODE, str(family), state, host=host)

    def _started(self) -> None:
        self.out.until("connected")


@pytest.mark.parametrize(("family", "state", "remedy"), [(4, "open", OUT), (6, "closed", LINGERS)])
def test_a_port_that_a_connection_holds_is_called_so_with_the_remedy(
    namespace: MakeNamespace, tmp_path: Path, family: int, state: str, remedy: str
) -> None:
    host = namespace()
    path = tmp_path / "gateway.toml"
    path.write_text("[[services]]\nname = 'web'\nlisten = '*:45000'\nto = '192.0.2.1:80'\n", encoding="utf-8")
    here = "[::1]" if family == 6 else "127.0.0.1"
    with Client(host, family, state) as client:
        who = f" (client, pid {client.process.pid_inside})" if state == "open" else ""  # type: ignore[union-attr]
        for how, code in (["gateway", "--config", path, "--check"], 1), (["listen", "*:45000"], 69):
            refused = dualstack(*how, host=host)
            assert refused.returncode == code
            told = " ".join((refused.stdout + refused.stderr).split())
            assert f"{here}:45000 to {here}:7000{who}; {remedy}" in told


def test_a_connection_that_lets_a_server_in_is_no_conflict(namespace: MakeNamespace, tmp_path: Path) -> None:
    host = namespace()
    path = tmp_path / "gateway.toml"
    path.write_text("[[services]]\nname = 'web'\nlisten = '*:7000'\nto = '192.0.2.1:80'\n", encoding="utf-8")
    with Dualstack("listen", "*:7000", host=host) as server, Dialled(host):
        server.end()
        assert dualstack("gateway", "--config", path, "--check", host=host).returncode == 0


class Dialled(Program):
    """A client that stays connected to port 7000."""

    CODE = """
import socket, sys
with socket.create_connection(("127.0.0.1", 7000)):
    print("connected", flush=True)
    sys.stdin.read()
"""

    def __init__(self, host: Host) -> None:
        super().__init__(sys.executable, "-c", self.CODE, host=host)

    def _started(self) -> None:
        self.out.until("connected")


class Stranger(Program):
    """Somebody else's server on port 5000."""

    CODE = """
import pathlib, socket, sys
pathlib.Path("/proc/self/comm").write_text("stranger")
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
with socket.socket(family) as server:
    if family == socket.AF_INET6:
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    server.bind((sys.argv[1], 5000))
    server.listen()
    print("listening", flush=True)
    sys.stdin.read()
"""

    def __init__(self, host: Host, address: str) -> None:
        super().__init__(sys.executable, "-c", self.CODE, address, host=host)

    def _started(self) -> None:
        self.out.until("listening")


@pytest.mark.parametrize(
    ("theirs", "left", "sockets"),
    [("0.0.0.0", "IPv6 alone (--v6only,", "single"), ("::", "IPv4 alone (0.0.0.0", "pair")],
)
def test_beside_a_stranger_of_one_family_the_other_is_named_and_can_be_had(
    namespace: MakeNamespace, tmp_path: Path, theirs: str, left: str, sockets: str
) -> None:
    host = namespace()
    path = tmp_path / "gateway.toml"
    path.write_text(
        f"[[services]]\nname = 'web'\nlisten = '*:5000'\nto = '192.0.2.1:80'\nsockets = '{sockets}'\n", encoding="utf-8"
    )
    with Stranger(host, theirs):
        for how in ["gateway", "--config", path, "--check"], ["listen", "*:5000", "--sockets", sockets]:
            refused = dualstack(*how, host=host)
            told = " ".join((refused.stdout + refused.stderr).split())
            assert refused.returncode in {1, 69}
            assert "(stranger, pid" in told
            assert left in told
        option = ["*:5000", "--v6only"] if theirs == "0.0.0.0" else ["0.0.0.0:5000"]
        with Dualstack("listen", *option, host=host):
            pass


@pytest.mark.root
def test_a_target_that_a_local_route_gives_to_this_host_is_a_loop_too(namespace: MakeNamespace) -> None:
    host = namespace()
    host.run(["ip", "route", "add", "local", "192.0.2.0/24", "dev", "lo"])
    refused = dualstack("relay", "*:5000", "192.0.2.9:5000", host=host)
    assert refused.returncode == 78
    assert "192.0.2.9:5000 (target of relay) is our own listener [::]:5000" in refused.stderr


@pytest.mark.parametrize("target", ["127.0.0.1:5000", "localhost:5000"])
def test_a_loop_tells_what_to_change_of_ours_and_leaves_the_server_where_it_is(
    namespace: MakeNamespace, target: str
) -> None:
    host = namespace()
    refused = dualstack("relay", "*:5000", target, host=host)
    assert refused.returncode == 78
    assert len(refused.stderr.splitlines()) == 1
    assert "let relay listen on another port" in refused.stderr
    assert "server behind listen" not in refused.stderr
    assert ("--v6only" in refused.stderr) == (target == "127.0.0.1:5000")
    if target == "127.0.0.1:5000":
        # As with a container's port: the proxy of the runtime has IPv4, and we give it IPv6.
        with Stranger(host, "0.0.0.0"), Dualstack("relay", "*:5000", target, "--v6only", host=host):
            pass
