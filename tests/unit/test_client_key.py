"""Whose connections are counted together (N7, X1)."""

import pytest

from dualstack.core.access.client_key import client_of, shown
from dualstack.core.address.sockaddr import SockAddr


@pytest.mark.parametrize(
    ("peer", "client", "why"),
    [
        (("192.0.2.1", 9), "192.0.2.1", "IPv4 is one host's"),
        (("::ffff:192.0.2.1", 9, 0, 0), "192.0.2.1", "mapped, it is the same host"),
        (("2001:db8:1:2:3:4:5:6", 9, 0, 0), "2001:db8:1:2::/64", "IPv6 is counted by /64"),
        (("2001:db8:1:2::9", 9, 0, 0), "2001:db8:1:2::/64", "in whatever spelling"),
        (("2001:db8:1:3::9", 9, 0, 0), "2001:db8:1:3::/64", "the next /64 is another client"),
        (("fd00::1", 9, 0, 0), "fd00::/64", "unique local too"),
        (("fe80::1", 9, 0, 2), "fe80::1%2", "all hosts of a link have one /64"),
        (("fe80::1", 9, 0, 3), "fe80::1%3", "another link is another network"),
        (("fe80::1%eth0", 9, 0, 2), "fe80::1%2", "a zone in the text is the same zone"),
        (("::1", 9, 0, 0), "::1", "the loopback"),
        (("64:ff9b::c000:201", 9, 0, 0), "64:ff9b::c000:201", "behind a translator there is all of IPv4"),
        ("/run/client.sock", "/run/client.sock", "a path is its own"),
        ("path", "path", "of whatever length"),
    ],
)
def test_a_client_is_counted_by_what_one_host_has(peer: SockAddr, client: str, why: str) -> None:
    assert client_of(peer) == client, why


@pytest.mark.parametrize(
    ("peer", "text"),
    [
        (("::ffff:192.0.2.1", 9, 0, 0), "192.0.2.1:9"),
        (("2001:db8::1", 9, 0, 0), "[2001:db8::1]:9"),
        (("fe80::1", 9, 0, 2), "[fe80::1%2]:9"),
        ("/run/client.sock", "/run/client.sock"),
    ],
)
def test_a_peer_is_shown_unmapped(peer: SockAddr, text: str) -> None:
    assert shown(peer) == text
