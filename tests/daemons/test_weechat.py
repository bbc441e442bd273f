"""weechat whose IRC server's IPv6 is dropped: a minute by itself, at once through a relay to the name (B2, B5)."""

from pathlib import Path
from time import monotonic

import pytest

from dualstack.lab.host import Host
from dualstack.lab.network import Network
from support.program import Dualstack, Program

pytestmark = [
    pytest.mark.root,  # ngircd becomes another user
    pytest.mark.daemon("ngircd", "nft", "weechat-headless"),
]

NGIRCD = """
[Global]
Name = irc.lab.test
Info = a server for one test
Listen = ::,0.0.0.0
Ports = 6667
ServerUID = nobody
ServerGID = nogroup
[Options]
DNS = no
Ident = no
PAM = no
"""
# Asked for; weechat by itself takes over a minute.
WITHIN_S = 1.0
# What a busy machine may add to one of two.
PATIENCE_S = 10.0


class Ngircd(Program):
    """An IRC server on port 6667 of both families."""

    def __init__(self, host: Host, directory: Path) -> None:
        path = directory / "ngircd.conf"
        path.write_text(NGIRCD, encoding="utf-8")
        super().__init__("ngircd", "--nodaemon", "--config", path, host=host)

    def _started(self) -> None:
        for _ in range(2):
            self.out.until("Now listening on")

    def registered(self, nick: str) -> None:
        """Wait until the server has welcomed that user."""
        self.out.until(f'User "{nick}!')


class Weechat(Program):
    """weechat for one user, as soon as it begins to connect."""

    def __init__(self, host: Host, directory: Path, nick: str, server: str) -> None:
        words = ["weechat-headless", "--stdout", "--dir", str(directory / nick)]
        for command in (f"/server add lab {server}/6667 -nicks={nick}", "/connect lab"):
            words += ["-r", command]
        super().__init__(*words, host=host)

    def _started(self) -> None:
        self.out.until("irc: connecting to server")
        self.since = monotonic()


def test_weechat_is_connected_within_a_second_through_a_relay_to_a_name_whose_ipv6_is_dropped(
    network: Network, directory: Path
) -> None:
    client, server = network.host("client"), network.host("server")
    with Ngircd(server, directory) as ngircd, network.fault("dropped ipv6 server"):
        with (
            Weechat(client, directory, "alone", "server.test"),
            Dualstack("relay", "127.0.0.1:6667", "server.test:6667", host=client),
        ):
            took = []
            for nick in ("first", "second"):
                with Weechat(client, directory, nick, "127.0.0.1") as weechat:
                    ngircd.registered(nick)
                    took.append(monotonic() - weechat.since)
        assert max(took) < PATIENCE_S
        assert min(took) < WITHIN_S
        # The one that began first still waits for IPv6.
        assert not [line for line in ngircd.out.said if "alone!" in line]
