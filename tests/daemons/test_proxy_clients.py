"""Real clients through the forward proxy: curl by each protocol, weechat where IPv6 is dropped on the way (X1, B5)."""

import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest

from dualstack.lab.declaration import HOSTS, Declaration
from dualstack.lab.network import Network
from support.directory import open_directory
from support.program import Dualstack, Program

PORT = 8080
PROXY = "gateway.test:1080"
# Asked for; and what a busy machine may add to one of two.
WITHIN_S, PATIENCE_S = 1.0, 10.0
NGIRCD = """
[Global]
Name = irc.lab.test
Info = a server for one test
Listen = 0.0.0.0
Ports = 6667
[Options]
DNS = no
Ident = no
PAM = no
"""


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    """The hosts of Figure 12.5."""
    with Network(Declaration(HOSTS)) as made:
        yield made


@pytest.fixture(scope="module")
def proxy(network: Network) -> Iterator[Dualstack]:
    """The proxy on the gateway's host, for everybody, to everywhere."""
    rules = ("--access", "allow any", "--reach", "allow any")
    with Dualstack("proxy", "*:1080", *rules, host=network.hosts["gateway"]) as running:
        yield running


class Web(Program):
    """Python's web server, of one family, before a directory with one file."""

    def __init__(self, network: Network, name: str, directory: Path) -> None:
        (directory / "page").write_text("hello\n", encoding="utf-8")
        bind = "0.0.0.0" if name == "server4" else "::"
        options = ("--bind", bind, "--directory", directory)
        super().__init__(sys.executable, "-u", "-m", "http.server", str(PORT), *options, host=network.hosts[name])

    def _started(self) -> None:
        self.out.until("Serving HTTP")


@pytest.fixture(scope="module")
def servers(network: Network) -> Iterator[None]:
    """A web server of each family, on a host of that family alone."""
    with open_directory() as directory, Web(network, "server4", directory), Web(network, "server6", directory):
        yield


@pytest.mark.daemon("curl")
@pytest.mark.usefixtures("proxy", "servers")
@pytest.mark.parametrize("client", ["client4", "client6"])
@pytest.mark.parametrize("server", ["server4", "server6"])
@pytest.mark.parametrize(
    "way",
    [
        ("--socks5-hostname", PROXY),
        ("--socks4a", PROXY),
        ("--proxy", f"http://{PROXY}"),
        ("--proxytunnel", "--proxy", f"http://{PROXY}"),
    ],
    ids=["socks5", "socks4a", "http", "connect"],
)
def test_curl_reaches_a_server_of_either_family(
    network: Network, client: str, server: str, way: tuple[str, ...]
) -> None:
    url = f"http://{server}.test:{PORT}/page"
    done = network.hosts[client].run(["curl", "--silent", "--show-error", "--max-time", "20", *way, url])
    assert done.stdout == "hello\n"


class Ngircd(Program):
    """An IRC server that listens on IPv4 alone."""

    def __init__(self, network: Network, directory: Path) -> None:
        path = directory / "ngircd.conf"
        path.write_text(NGIRCD, encoding="utf-8")
        super().__init__("ngircd", "--nodaemon", "--config", path, host=network.hosts["server"])

    def _started(self) -> None:
        self.out.until("Now listening on")


class Weechat(Program):
    """weechat for one user, who connects through the proxy on this host, as soon as it begins to."""

    def __init__(self, network: Network, directory: Path, nick: str, kind: str) -> None:
        commands = (
            f"/proxy add local {kind} 127.0.0.1 1081",
            f"/server add lab server.test/6667 -notls -nicks={nick}",
            "/set irc.server.lab.proxy local",
            "/connect lab",
        )
        words = ["weechat-headless", "--stdout", "--dir", str(directory / nick)]
        for command in commands:
            words += ["--run-command", command]
        super().__init__(*words, host=network.hosts["client"])

    def _started(self) -> None:
        self.out.until("Connecting to server server.test/6667 via")
        self.since = monotonic()


@pytest.mark.daemon("ngircd", "nft", "weechat-headless")
@pytest.mark.parametrize("kind", ["socks5", "http"])
def test_weechat_is_connected_within_the_second_where_ipv6_is_dropped(
    network: Network, directory: Path, kind: str
) -> None:
    """By itself it waits for 70 s."""
    local = Dualstack("proxy", "localhost:1081", host=network.hosts["client"])
    took = []
    with network.fault("dropped ipv6 server"), Ngircd(network, directory) as irc, local:
        for nick in ("first", "second"):
            with Weechat(network, directory, nick, kind) as weechat:
                irc.out.until(f'"{nick}!')
                took.append(monotonic() - weechat.since)
    assert max(took) < PATIENCE_S
    assert min(took) < WITHIN_S
