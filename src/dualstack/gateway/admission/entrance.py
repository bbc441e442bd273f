"""One listening socket's part of the count: who came in by it and has not left."""

from typing import TYPE_CHECKING

from dualstack.gateway.admission.admission import Admission
from dualstack.gateway.counters.counters import PortCounters
from dualstack.gateway.listeners.named_port import NamedPort

if TYPE_CHECKING:
    from dualstack.core.address.address import Address

__all__ = ["Entrance"]


class Entrance:
    """What the gates of streams and of datagrams have in common.

    A connection is counted at once in four places: its service's, all services', its port's and its client's. That is
    written out below, for it is done for each.

    Args:
        admission: the service's.
        port: whose connections are counted.
        counters: of this service on this port.
    """

    __slots__ = ("admission", "closed_to", "counters", "port")

    def __init__(self, admission: Admission, port: NamedPort, counters: PortCounters) -> None:
        self.admission = admission
        self.port = port
        self.counters = counters
        self.closed_to: frozenset[Address] = frozenset()

    def wait(self, more: int) -> None:
        """So many clients more, or less, of whom it is not known yet who they are."""
        admission = self.admission
        admission.connections += more
        admission.total.connections += more
        self.port.connections += more

    def enter(self, client: str) -> None:
        """A connection more, or a flow."""
        admission = self.admission
        admission.connections += 1
        admission.total.connections += 1
        admission.by_client[client] += 1
        self.port.connections += 1
        self.counters.came[":" in client] += 1

    def exit(self, client: str) -> None:
        """One less."""
        admission = self.admission
        admission.connections -= 1
        admission.total.connections -= 1
        self.port.connections -= 1
        self.counters.left[":" in client] += 1
        admission.by_client[client] -= 1
        if not admission.by_client[client]:
            del admission.by_client[client]
