"""Every spelling of what "public only" denies, this host's own addresses among it, is dialled by no protocol (N7)."""

import json
import sys
from pathlib import Path

import pytest

from dualstack.lab.host import Host
from dualstack.lab.network import Network
from support.program import Program

pytestmark = pytest.mark.root

TESTS = str(Path(__file__).parent.parent)
PROGRAM = f"import sys; sys.path.insert(0, {TESTS!r}); from support.spelled import run; run()"
# The host's own, its neighbours, an address that it has without an interface (AnyIP), and what is never public.
OWN = ("9.9.9.10", "2620:fe::10", "9.9.9.77", "2620:fe::77", "8.8.4.4")
NEVER = ("127.0.0.1", "10.0.0.1", "0.0.0.0", "::1", "::", "fe80::1", "fd00:ec2::254")
PUBLIC = ("9.9.8.8", "2620:ff::8")


@pytest.fixture
def inside(network: Network) -> Host:
    inside, outside = network.namespace(), network.namespace()
    network.link(inside, outside, addresses=(["9.9.9.10/24", "2620:fe::10/64"], ["9.9.9.1/24", "2620:fe::1/64"]))
    inside.run(["ip", "route", "add", "default", "via", "9.9.9.1"])
    inside.run(["ip", "-6", "route", "add", "default", "via", "2620:fe::1"])
    inside.run(["ip", "route", "add", "local", "8.8.4.0/24", "dev", "lo"])
    return inside


def test_thirteen_thousand_spellings_of_denied_addresses_are_dialled_by_no_protocol(inside: Host) -> None:
    arguments = json.dumps([[*OWN, *NEVER], *PUBLIC])
    with Program(sys.executable, "-c", PROGRAM, arguments, host=inside) as asking:
        both = [json.loads(asking.out.until("asked", within_s=100)) for _ in range(2)]
    for told in both:
        assert told["granted"] == told["sendable"] == []
        assert told["begun"] == 0, "the kernel began no connection"
        assert told["seen"] == 11, "what is public is dialled, by four protocols and by address, so this can fail"
    assert sum(told["asked"] for told in both) >= 13_000
