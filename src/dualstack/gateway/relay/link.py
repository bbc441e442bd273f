"""A link: a client, a server, and what is relayed between them. What the engine and a gate say to each other.

Nothing here moves a byte: `stream.epoll_engine` does, and `stream.asyncio_relay` where there is no epoll.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from math import inf
from socket import SocketType
from typing import Protocol

from dualstack.core.address.sockaddr import SockAddr

__all__ = ["Flow", "Gate", "Hop", "Link", "Reason", "Target"]


class Reason(Enum):
    """Why a link is over."""

    ENDED = "both sides ended"
    CLIENT_RESET = "reset by the client"
    SERVER_RESET = "reset by the server"
    IDLE = "idle timeout"
    UNREACHED = "no address of the target answered"
    CLIENT_LEFT = "the client left before the server answered"
    ABORTED = "aborted"


@dataclass(frozen=True, slots=True)
class Hop:
    """One socket address to connect to, and the address and interface to connect from where these matter."""

    family: int
    address: SockAddr
    source: SockAddr | None = None
    interface: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """Where a client's bytes go. Make it once and return it for every client.

    Args:
        hops: the addresses, tried in turn.
        idle_timeout_s: a link on which no byte moves for so long is reset.
        connect_timeout_s: for all addresses together; one that is silent leaves those after it an equal share.
        keepalive_s: as `keep_alive` has it, for the connection to the server.
        preface: what the server gets before the client's first byte.
    """

    hops: tuple[Hop, ...]
    idle_timeout_s: float = inf
    connect_timeout_s: float = 10.0
    keepalive_s: float = inf
    preface: bytes = b""


class Flow:
    """Bytes in one direction; `count` of them were read so far."""

    __slots__ = ("count",)

    def __init__(self, count: int = 0) -> None:
        self.count = count


class Link(ABC):
    """One client's way to its server, from the accept to the end. Times are the loop's.

    `reason` is None while it lives, and `over_at` is when it was over. `hop` is the address it reached, None where none
    answered; `failures` are the hops that did not, with their errno; `errno` is the number that ended the link, 0 where
    none did. `asked` is the gate's: what the client wanted. `unsent` is what its ends had not taken of what was written
    to them when somebody last looked.
    """

    __slots__ = (
        "active",
        "asked",
        "client",
        "due",
        "errno",
        "failures",
        "gate",
        "hop",
        "idle_timeout_s",
        "over_at",
        "peer",
        "reason",
        "server",
        "started",
        "unsent",
    )

    client_stays = False
    """Whether the client's connection goes on when the link is over."""

    def __init__(self, gate: "Gate", peer: SockAddr, idle_timeout_s: float, now: float) -> None:
        self.gate = gate
        self.peer = peer
        self.idle_timeout_s = idle_timeout_s
        self.started = now
        self.active = now
        self.due: float | None = None
        self.client: Flow = _NOTHING
        self.server: Flow = _NOTHING
        self.reason: Reason | None = None
        self.errno = 0
        self.failures: tuple[tuple[Hop, int], ...] = ()
        self.hop: Hop | None = None
        self.over_at = now
        self.asked: object = None
        self.unsent = 0

    @property
    def bytes_up(self) -> int:
        """How many bytes the client has sent."""
        return self.client.count

    @property
    def bytes_down(self) -> int:
        """How many bytes the server has sent."""
        return self.server.count

    def is_unheard(self) -> bool:
        """Whether bytes wait for it that its owner has not seen; once where none moved since, so it ends after all."""
        return False

    def descriptors(self) -> Iterable[int]:
        """Those of its ends that are there."""
        return ()

    def abort(self) -> None:
        """End it now, with a reset to both sides; nothing happens where it is over."""
        self.over(Reason.ABORTED)

    @abstractmethod
    def over(self, reason: Reason, errno: int = 0) -> None:
        """End it for this reason, with a reset to whoever is still there; nothing happens where it is over."""


class Gate(Protocol):
    """What the data plane asks of whoever owns a listening socket."""

    def admit(self, client: SocketType, peer: SockAddr) -> Target | None:
        """Where this client goes; None where the gate has taken the socket over, or refused and closed it.

        The socket is a blocking one; `kernel.streams.as_socket` makes the usual class of it.
        """
        ...

    def closed(self, link: Link) -> None:
        """A link is over; its fields are final."""
        ...


_NOTHING = Flow()
