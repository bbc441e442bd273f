"""The gate of a listening socket, which answers the data plane: who comes in, and what is entered when one leaves."""

from dataclasses import replace
from socket import SocketType

from dualstack.core.access.client_key import client_of
from dualstack.core.address.address import Address
from dualstack.core.address.sockaddr import SockAddr
from dualstack.gateway.counters.families import way_of
from dualstack.gateway.listeners.named_port import NamedPort
from dualstack.gateway.relay.link import Link, Reason, Target
from dualstack.gateway.services.running_service import RunningService
from dualstack.kernel.streams import reset
from dualstack.wire.proxy_protocol import Ends

__all__ = ["Door"]


class Door:
    """The gate of one listening socket: one service on one port.

    Args:
        service: who is behind it; where a reload puts another there, that one gets a door of its own, and the
            connections that came in by this one stay this one's.
        port: whose connections are counted.
    """

    __slots__ = ("closed_to", "port", "service", "tally")

    def __init__(self, service: RunningService, port: NamedPort) -> None:
        self.service = service
        self.port = port
        self.tally = service.book.on(port.name)
        self.closed_to: frozenset[Address] = frozenset()

    def admit(self, client: SocketType, peer: SockAddr) -> Target | None:
        """As `Gate.admit`."""
        service = self.service
        if self.closed_to and Address(client.getsockname()).canonical in self.closed_to:
            reset(client)
            client.close()
            return None
        senders = service.policy.senders
        if senders is not None and peer in senders:
            if (why := service.no_room()) is None:
                service.hear(client, peer, self)
            else:
                client.close()
                service.refused(peer, why)
            return None
        return self.let_in(client, peer)

    def let_in(self, client: SocketType, peer: SockAddr, ends: Ends | None = None) -> Target | None:
        """As `admit`, for a client who is `peer`; `ends` are those of a PROXY header."""
        service = self.service
        who = client_of(peer)
        why = service.refusal(peer, who)
        if why is not None:
            client.close()
            service.refused(peer, why)
            return None
        service.by_client[who] += 1
        self.count(1)
        self.tally.came[":" in who] += 1
        policy = service.policy
        target = policy.target
        if target is None:
            service.send(client, peer, self, ends)
        elif policy.service.proxy_out is not None:
            target = replace(target, preface=policy.preface(client, peer, ends))
        return target

    def count(self, more: int) -> None:
        """So many connections more, or less."""
        self.service.connections += more
        self.service.total.connections += more
        self.port.connections += more

    def closed(self, link: Link) -> None:
        """As `Gate.closed`."""
        if link.reason is Reason.UNREACHED:
            self.service.unreached(link)
        self.tally.ended(link, way_of(link))
        self.service.write_down(link, self.port.name)
        if not link.client_stays:
            self.leave(link.peer)

    def leave(self, peer: SockAddr) -> None:
        """One connection less."""
        self.count(-1)
        who = client_of(peer)
        self.tally.left[":" in who] += 1
        self.service.by_client[who] -= 1
        if not self.service.by_client[who]:
            del self.service.by_client[who]
