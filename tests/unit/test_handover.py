"""What one gateway leaves to the next, which may be of another version."""

import json
import socket

import pytest

from dualstack.core.address.address import Address
from dualstack.core.planning.socket_spec import SocketSpec
from dualstack.errors import ControlError
from dualstack.gateway.processes.handover import Handover

IDENTITY = SocketSpec("a", "A", 6, Address("fe80::1%7"), 80, v6only=True, interface="eth0").identity
NOWHERE = {
    "port_name": "a",
    "proto": "tcp",
    "address": "nowhere",
    "port": 1,
    "v6only": None,
    "interface": None,
    "count": 0,
}
NOTHING = {"kept": [], "handed": [], "stopped": [], "companions": []}


def test_what_passes_between_two_versions_is_words_and_numbers() -> None:
    socks = [socket.socket() for _ in range(4)]
    try:
        kept, named, page = [socks[0], socks[1]], socks[2], socks[3]
        message, sent = Handover([(IDENTITY, kept)], [("web", named)], ["b"], [("page", [page])]).packed()
        assert json.loads(message) == {
            "kept": [
                {
                    "port_name": "a",
                    "proto": "tcp",
                    "address": "fe80::1%7",
                    "port": 80,
                    "v6only": True,
                    "interface": "eth0",
                    "count": 2,
                }
            ],
            "handed": ["web"],
            "stopped": ["b"],
            "companions": [{"name": "page", "count": 1}],
        }
        assert sent == socks
    finally:
        for sock in socks:
            sock.close()


def test_a_handover_is_what_was_handed_over() -> None:
    with socket.socket() as kept, socket.socket() as handed, socket.socket() as page:
        handover = Handover([(IDENTITY, [kept])], [("web", handed)], ["b"], [("page", [page])])
        assert Handover.unpacked(*handover.packed()) == handover
        assert Handover.unpacked(*Handover().packed()) == Handover([], [], [], [])


def test_what_a_newer_version_says_besides_is_passed_over() -> None:
    said = NOTHING | {"stopped": ["b"], "mood": "good"}
    assert Handover.unpacked(json.dumps(said).encode(), []).stopped == ["b"]


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (b"{}", "missing required field `kept`"),
        (b"\x80\x04", "malformed"),
        (json.dumps(NOTHING | {"handed": ["web"]}).encode(), "0 sockets, told as 1"),
        (json.dumps(NOTHING | {"kept": [NOWHERE]}).encode(), "nowhere"),
    ],
)
def test_what_cannot_be_read_is_an_error_with_a_way_out(message: bytes, why: str) -> None:
    with pytest.raises(ControlError, match="stop it, then start this one") as caught:
        Handover.unpacked(message, [])
    assert why in str(caught.value)
