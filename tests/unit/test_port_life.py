"""What a port does, and what is shown of it while it does it."""

import pytest

from dualstack.gateway.listeners.named_port import NamedPort
from dualstack.gateway.listeners.port_life import PortEvent, PortLife
from dualstack.gateway.processes.shared_listeners import SharedPort

each_kind = pytest.mark.parametrize("kind", [NamedPort, SharedPort])


@each_kind
def test_a_port_that_was_stopped_after_it_failed_tells_no_error(kind: type[PortLife]) -> None:
    port = kind("web", "[::]:80")
    port.happens(PortEvent.LOSS, "address in use")
    assert (port.describe(0)["state"], port.describe(0)["error"]) == ("failed", "address in use")
    port.happens(PortEvent.STOP)
    assert port.describe(3) == {
        "name": "web",
        "bind": "[::]:80",
        "state": "stopped",
        "services": [],
        "sockets": [],
        "connections": 3,
    }


@each_kind
def test_a_port_that_starts_after_it_failed_tells_no_error(kind: type[PortLife]) -> None:
    port = kind("web", "[::]:80")
    port.happens(PortEvent.LOSS, "address in use")
    port.happens(PortEvent.START)
    assert (port.describe(0)["state"], port.error) == ("listening", None)
