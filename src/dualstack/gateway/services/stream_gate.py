"""The gate of a listening socket for streams: who comes in, where to, and what is entered when one leaves."""

from dataclasses import replace
from socket import SocketType

from dualstack.core.access.client_key import client_of
from dualstack.core.address.address import Address
from dualstack.core.address.sockaddr import SockAddr
from dualstack.errors import WireError
from dualstack.gateway.admission.entrance import Entrance
from dualstack.gateway.admission.proxy_header import read_header, sockaddr_of
from dualstack.gateway.counters.families import way_of
from dualstack.gateway.listeners.named_port import NamedPort
from dualstack.gateway.relay.link import Link, Reason, Target
from dualstack.gateway.services.running_service import RunningService
from dualstack.kernel.streams import reset
from dualstack.wire.proxy_protocol import Ends

__all__ = ["StreamGate"]

_PROXY_HEADER = "no whole PROXY header"


class StreamGate(Entrance):
    """The gate of one listening socket: one service on one port.

    Args:
        service: who is behind it; where a reload puts another there, that one gets a gate of its own, and the
            connections that came in by this one stay this one's.
        port: whose connections are counted.
    """

    __slots__ = ("service",)

    def __init__(self, service: RunningService, port: NamedPort) -> None:
        super().__init__(service.admission, port, service.counters.on(port.name))
        self.service = service

    @property
    def keepalive_s(self) -> float:
        """How often a silent client is asked whether it is there."""
        return self.service.upstream.service.keepalive_s

    def admit(self, client: SocketType, peer: SockAddr) -> Target | None:
        """As `Gate.admit`."""
        if self.closed_to and Address(client.getsockname()).canonical in self.closed_to:
            reset(client)
            client.close()
            return None
        admission = self.admission
        if admission.senders is not None and peer in admission.senders:
            if (why := admission.no_room()) is None:
                self.service.begin(self._read_header(client, peer), self)
            else:
                client.close()
                admission.refused(peer, why)
            return None
        return self._let_in(client, peer)

    async def _read_header(self, client: SocketType, sender: SockAddr) -> None:
        """Read the PROXY header of a client that a named sender brings, then see whether it is let in."""
        service = self.service
        self.wait(1)
        try:
            sock, ends = await read_header(client, sender, within_s=service.upstream.service.handshake_timeout_s)
        except WireError as error:
            self.admission.refused(sender, str(error), rule=_PROXY_HEADER)
            return
        finally:
            self.wait(-1)
        peer = sockaddr_of(ends.peer)
        target = self._let_in(sock, peer, ends)
        if target is not None:
            service.plane.connect(sock, peer, target, self)

    def _let_in(self, client: SocketType, peer: SockAddr, ends: Ends | None = None) -> Target | None:
        """As `admit`, for a client who is `peer`; `ends` are those of a PROXY header."""
        who = client_of(peer)
        why = self.admission.refusal(peer, who)
        if why is not None:
            client.close()
            self.admission.refused(peer, why)
            return None
        self.enter(who)
        service = self.service
        upstream = service.upstream
        target = upstream.target
        if target is None:
            service.send(client, peer, self, ends)
        elif upstream.service.proxy_out is not None:
            target = replace(target, preface=upstream.preface(client, peer, ends))
        return target

    def closed(self, link: Link) -> None:
        """As `Gate.closed`."""
        if link.reason is Reason.UNREACHED:
            self.service.unreached(link)
        self.counters.ended(link, way_of(link))
        self.service.write_down(link, self.port.name)
        if not link.client_stays:
            self.exit(client_of(link.peer))

    def leave(self, peer: SockAddr) -> None:
        """A connection is over that was no link, or whose client stayed after one."""
        self.exit(client_of(peer))
