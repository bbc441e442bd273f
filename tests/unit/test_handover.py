"""What one gateway leaves to the next, which may be of another version."""

import base64
import json
import pickle
import socket

from dualstack.core.address.address import Address
from dualstack.core.planning.socket_spec import SocketSpec
from dualstack.gateway.processes.upgrade import Handover

SPEC = SocketSpec("a", "a", 4, Address("127.0.0.1"), 80, v6only=None)


def test_what_passes_between_two_versions_stays_as_it_is() -> None:
    socks = [socket.socket() for _ in range(4)]
    try:
        kept, named, page = [socks[0], socks[1]], socks[2], socks[3]
        message, sent = Handover([(SPEC, kept)], [("web", named)], ["b"], [("page", [page])]).packed()
        document = json.loads(message)
        assert message == json.dumps(document).encode()
        assert [*document] == ["heritage"]
        inventory = pickle.loads(base64.b85decode(document["heritage"]))  # noqa: S301 - written here
        assert inventory == ([(SPEC, 2)], ["web"], ["b"], [("page", 1)])
        assert sent == socks
    finally:
        for sock in socks:
            sock.close()


def test_a_handover_is_what_was_handed_over() -> None:
    with socket.socket() as kept, socket.socket() as handed, socket.socket() as page:
        handover = Handover([(SPEC, [kept])], [("web", handed)], ["b"], [("page", [page])])
        assert Handover.unpacked(*handover.packed()) == handover
        assert Handover.unpacked(*Handover().packed()) == Handover([], [], [], [])
