"""The hosts that tests make: apart from this one and each other, and gone with whoever made them."""

import os
import select
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import MakeNamespace
    from dualstack.lab.network import Network

DIES = """
import os, sys
from dualstack.lab.network import Network
with Network() as network:
    host = network.namespace()
    sleeper = host.popen(["sleep", "1000"])
    # Once another program has run there, the sleeper has had time to ask for its parent's death.
    while open(f"/proc/{sleeper.pid}/comm").read() != "sleep\\n":
        pass
    print(network.pid, sleeper.pid, flush=True)
    sys.stdin.read()
    os.kill(os.getpid(), 9)
"""


def test_a_host_has_its_own_files_sysctls_and_interfaces(namespace: "MakeNamespace") -> None:
    host = namespace(hosts="192.0.2.1 a\n", resolv_conf="nameserver 192.0.2.53\n", sysctls={"net.ipv6.bindv6only": 1})
    read = host.run(["cat", "/etc/hosts", "/etc/resolv.conf", "/proc/sys/net/ipv6/bindv6only"]).stdout
    assert read == "192.0.2.1 a\nnameserver 192.0.2.53\n1\n"
    assert host.run(["ip", "-brief", "link"]).stdout.split()[:2] == ["lo", "UNKNOWN"]
    host.use_files({"hosts": "192.0.2.2 b\n"})
    assert host.run(["cat", "/etc/hosts"]).stdout == "192.0.2.2 b\n"
    assert "192.0.2.2" not in Path("/etc/hosts").read_text(encoding="utf-8")


def connect(address: str) -> list[str]:
    import socket

    with socket.create_connection((address, 80), timeout=5) as sock:
        return [sock.getpeername()[0], sock.recv(9).decode()]


SERVE = """
import socket
server = socket.create_server(("::", 80), family=socket.AF_INET6, dualstack_ipv6=True)
print("up", flush=True)
while True:
    server.accept()[0].send(b"hello")
"""


@pytest.mark.parametrize("address", ["192.0.2.2", "2001:db8::2"])
def test_a_link_joins_two_hosts_at_once_and_no_third(network: "Network", address: str) -> None:
    a, b, c = (network.namespace() for _ in range(3))
    network.link(a, b, addresses=(["192.0.2.1/24", "2001:db8::1/64"], ["192.0.2.2/24", "2001:db8::2/64"]))
    server = b.popen([sys.executable, "-c", SERVE])
    assert server.stdout is not None
    assert server.stdout.readline() == "up\n"
    assert a.call(connect, address) == [address, "hello"]
    with pytest.raises(subprocess.CalledProcessError) as caught:
        c.call(connect, address)
    assert "Network is unreachable" in caught.value.stderr


def test_a_failure_says_what_the_program_said(namespace: "MakeNamespace") -> None:
    with pytest.raises(subprocess.CalledProcessError) as caught:
        namespace().run(["sh", "-c", "echo why >&2; exit 3"])
    assert caught.value.returncode == 3
    assert "why" in caught.value.__notes__[0]


@pytest.mark.usefixtures("network")  # for its reason to skip
def test_nothing_runs_on_of_a_host_whose_maker_is_killed(tmp_path: Path) -> None:
    tests = Path(__file__).parent.parent
    maker = subprocess.Popen(
        [sys.executable, "-c", DIES],
        cwd=tests,
        env={**os.environ, "TMPDIR": str(tmp_path)},  # its files in /etc are left: here they go with the test's
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with maker:
        assert maker.stdout is not None
        watched = [os.pidfd_open(int(pid)) for pid in maker.stdout.readline().split()]
        assert len(watched) == 2
        maker.communicate()
    assert maker.returncode == -9
    for process in watched:
        assert select.select([process], [], [], 10)[0] == [process], "it has ended"
        os.close(process)
