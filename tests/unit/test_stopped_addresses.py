"""Which addresses a wildcard refuses clients of, while the port on them is stopped."""

import socket
from typing import TYPE_CHECKING, cast

from dualstack.core.address.address import Address
from dualstack.core.planning.socket_spec import SocketSpec
from dualstack.gateway.listeners.listening import ListeningSocket
from dualstack.gateway.listeners.named_port import NamedPort, stopped_addresses
from dualstack.gateway.listeners.port_life import PortState

if TYPE_CHECKING:
    from dualstack.gateway.services.stream_gate import StreamGate

WIDE = SocketSpec("wide", "wide", 6, Address("::"), 80, False)


def stopped(text: str) -> NamedPort:
    address = Address(text)
    spec = SocketSpec("one", "one", address.version, address, 80, None)
    port = NamedPort("one", text, PortState.STOPPED)
    with socket.socket() as closed:
        port.listenings.append(ListeningSocket(spec, spec, closed, cast("StreamGate", None), port))
    return port


def test_a_stopped_address_is_refused_with_its_interfaces_number() -> None:
    name, number = socket.if_nameindex()[0][1], socket.if_nameindex()[0][0]
    ports = [stopped("127.0.0.2"), stopped(f"fe80::7%{name}")]
    assert [str(address) for address in stopped_addresses(ports, WIDE)] == ["127.0.0.2", f"fe80::7%{number}"]


def test_an_address_whose_interface_is_gone_is_passed_over() -> None:
    assert list(stopped_addresses([stopped("fe80::7%no-such0"), stopped("::1")], WIDE)) == [Address("::1")]
