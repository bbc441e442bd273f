"""bip before an IRC server: its one listening family, and the other through the relay (B4, B5)."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import MakeNamespace
from dualstack.lab.host import Host
from support.program import Dualstack, Program

pytestmark = [
    pytest.mark.root,  # bip refuses to be root, so somebody must become another user
    pytest.mark.daemon("bip", "bipmkpw", "ngircd", "setsid", "setpriv"),
]

NGIRCD = """
[Global]
Name = irc.lab.test
Info = a server for one test
Listen = 127.0.0.1
Ports = 6667
ServerUID = nobody
ServerGID = nogroup
[Options]
DNS = no
Ident = no
PAM = no
"""
BIP = """
ip = "{ip}";
port = 7778;
client_side_ssl = false;
log_level = 3;
log_root = "{directory}";
pid_file = "{directory}/bip.pid";
network {{ name = "lab"; server {{ host = "127.0.0.1"; port = 6667; }}; }};
user {{
  name = "ann";
  password = "{password}";
  default_nick = "ann";
  default_user = "ann";
  default_realname = "Ann";
  connection {{ name = "lab"; network = "lab"; }};
}};
"""


class Ngircd(Program):
    """An IRC server on 127.0.0.1:6667."""

    def __init__(self, host: Host, directory: Path) -> None:
        path = directory / "ngircd.conf"
        path.write_text(NGIRCD, encoding="utf-8")
        super().__init__("ngircd", "--nodaemon", "--config", path, host=host)

    def _started(self) -> None:
        self.out.until("Now listening on")


class Bip(Program):
    """bip for one user, ann; `ip` is its own setting."""

    def __init__(self, host: Host, directory: Path, ip: str) -> None:
        home = directory / "bip"
        home.mkdir()
        path = home / "bip.conf"
        path.write_text(BIP.format(ip=ip, directory=home, password=hashed("secret")), encoding="utf-8")
        path.chmod(0o600)
        for mine in (home, path):
            shutil.chown(mine, "nobody", "nogroup")
        user = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups")
        super().__init__(*user, "bip", "-n", "-f", path, "-s", home, host=host)

    def _started(self) -> None:
        self.err.until("Connected for user ann")


def hashed(password: str) -> str:
    """The password as bip's configuration wants it; bipmkpw asks for it on its terminal."""
    ours, terminal = os.openpty()
    with os.fdopen(terminal, "rb") as tty:
        asked = subprocess.Popen(["setsid", "--ctty", "bipmkpw"], stdin=tty, stdout=tty, stderr=tty)
    with os.fdopen(ours, "r+b", buffering=0) as keyboard, asked:
        said = b""
        while b"Password:" not in said:
            said += keyboard.read(1024)
        keyboard.write(password.encode() + b"\n")
        said += b"".join(_until_hung_up(keyboard.fileno()))
    return said.split()[-1].decode()


def _until_hung_up(terminal: int) -> Iterator[bytes]:
    try:
        while piece := os.read(terminal, 1024):
            yield piece
    except OSError:
        return  # EIO: nobody has the other end any more


def welcome(host: str) -> str | None:
    """The welcome (RFC 2812: 001) that bip passes on to ann, and then its answer to her PING; None where refused."""
    import socket

    try:
        connection = socket.create_connection((host, 7778), timeout=20)
    except ConnectionRefusedError:
        return None
    with connection, connection.makefile("r", encoding="utf-8", newline="\r\n") as lines:
        connection.sendall(b"PASS ann:secret:lab\r\nNICK ann\r\nUSER ann 0 * :Ann\r\n")
        seen = next(line for line in lines if " 001 " in line)
        connection.sendall(b"PING :over-either-family\r\n")
        pong = next(line for line in lines if " PONG " in line)
        # bip 0.9.3 does not survive a client that leaves with bytes unread.
        connection.sendall(b"QUIT :done\r\n")
        lines.read()
        return seen + pong


@pytest.mark.parametrize(
    ("ip", "reached", "missed"),
    [("0.0.0.0", "127.0.0.1", "::1"), ("::1", "::1", "127.0.0.1")],
    ids=["IPv4 only", "IPv6 only"],
)
def test_bip_on_one_family_serves_irc_clients_of_the_other(
    namespace: MakeNamespace, directory: Path, ip: str, reached: str, missed: str
) -> None:
    host = namespace()
    with Ngircd(host, directory), Bip(host, directory, ip):
        assert host.call(welcome, missed) is None

        ours, target = (f"[{a}]" if ":" in a else a for a in (missed, reached))
        with Dualstack("relay", f"{ours}:7778", f"{target}:7778", host=host):
            for address in (missed, reached):
                said = host.call(welcome, address)
                assert "Welcome to the Internet Relay Network ann" in said
                assert "over-either-family" in said
