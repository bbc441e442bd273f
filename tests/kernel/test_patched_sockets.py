"""`socket.socket` replaced for a whole program, by gevent and by PySocks: our connections are made by theirs."""

import subprocess
import sys

from support.dialling import Servers

GEVENT = """
import gevent.monkey
gevent.monkey.patch_all()
import socket
import sys
import gevent
import dualstack

def dial(host):
    with dualstack.create_connection((host, int(sys.argv[1])), 20) as sock:
        assert isinstance(sock, gevent.socket.socket), sock
        return sock.getpeername()[0]

others = gevent.spawn(lambda: [gevent.sleep(0) for _ in range(100)])
print([gevent.spawn(dial, host).get() for host in ("127.0.0.1", "localhost", ["127.0.0.2", "127.0.0.1"])])
others.get()
"""

# A proxy that connects to nobody: it answers for the target itself.
PYSOCKS = """
import socket
import sys
import socks
import dualstack

socks.set_default_proxy(socks.SOCKS5, "127.0.0.1", int(sys.argv[1]), rdns=False)
socket.socket = socks.socksocket
for target in (("192.0.2.1", 80), (["192.0.2.1", "192.0.2.2"], 80)):
    with dualstack.create_connection(target, 20) as sock:
        assert isinstance(sock, socks.socksocket), sock
        print(sock.get_proxy_peername()[0], sock.recv(5).decode())
"""


def ran(code: str, port: int) -> str:
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, str(port)], capture_output=True, text=True, timeout=60, check=False
    )
    assert not done.returncode, done.stderr
    return done.stdout


def test_gevents() -> None:
    with Servers() as servers:
        servers.silent("::1", "127.0.0.2")
        servers.accept("127.0.0.1")
        assert ran(GEVENT, servers.port) == "['127.0.0.1', '127.0.0.1', '127.0.0.1']\n"


def test_pysocks() -> None:
    from concurrent.futures import ThreadPoolExecutor

    def be_a_proxy() -> list[bytes]:
        asked = []
        for _ in range(2):
            with servers.peer("127.0.0.1") as peer:
                peer.recv(3)
                peer.sendall(b"\5\0")
                asked.append(peer.recv(10))
                peer.sendall(b"\5\0\0\1\xc0\0\2\1\0\x50hello")
                peer.recv(1)
        return asked

    with Servers() as servers, ThreadPoolExecutor(1) as pool:
        servers.accept("127.0.0.1")
        asked = pool.submit(be_a_proxy)
        assert ran(PYSOCKS, servers.port) == "192.0.2.1 hello\n" * 2
        assert asked.result(20) == [b"\5\1\0\1\xc0\0\2\1\0\x50"] * 2
