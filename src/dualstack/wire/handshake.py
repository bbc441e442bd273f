"""What the handshakes of forward proxies have in common: bytes of a client in, events out.

A handshake ends with a request, an association or a refusal, whatever bytes came; it never raises, and asks for no byte
that is not its own. Nothing is looked up or judged here: a destination is a name or an address as the client wrote it,
and what two programs could read in two ways is refused.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, TypeAlias

from dualstack.core.address.address import Address
from dualstack.core.address.endpoint import Endpoint, Wildcard, parse_host
from dualstack.core.address.sockaddr import SocketAddress
from dualstack.errors import AddressError
from dualstack.wire.http1 import Plain

__all__ = ["Associate", "Event", "Handshake", "IsUser", "Outcome", "Refusal", "Request", "Say", "read_destination"]

IsUser: TypeAlias = Callable[[bytes, bytes], bool]
"""Whether a name and a password are a user's."""


class Outcome(Enum):
    """What became of a request that was not granted."""

    DENIED = "the rules deny it"
    NO_NAME = "no such name"
    NETWORK_UNREACHABLE = "network unreachable"
    HOST_UNREACHABLE = "host unreachable"
    REFUSED = "connection refused"
    TIMED_OUT = "timed out"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Say:
    """Send this to the client and go on."""

    content: bytes


@dataclass(frozen=True, slots=True)
class Request:
    """The client wants to be connected to `target`; `first` is what the server gets before what comes later.

    `plain` is there where no more than one request goes to that server, and its end is to be found.
    """

    target: Endpoint
    first: bytes = b""
    plain: Plain | None = None


@dataclass(frozen=True, slots=True)
class Associate:
    """The client wants its datagrams relayed (RFC 1928 section 7); each says where it goes.

    Args:
        host: the address that it means to send them from; None where it does not say.
        port: likewise, 0 where it does not say.
    """

    host: Address | None
    port: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """Send `answer`, if there is one for this, and close; `why` is for the log."""

    answer: bytes
    why: str


Event: TypeAlias = Say | Request | Associate | Refusal


class Handshake(Protocol):
    """One client's handshake."""

    def receive(self, content: bytes) -> list[Event]:
        """What the client's next bytes mean; after its last event nothing more is asked of it."""
        ...

    def granted(self, bound: SocketAddress) -> bytes:
        """What to say once the connection is made, or datagrams are taken; `bound` is the end that is ours."""
        ...

    def failed(self, outcome: Outcome) -> bytes:
        """What to say where it was not."""
        ...


def read_destination(host: bytes | Address, port: int) -> Endpoint:
    """Where a client wants to go.

    Raises:
        AddressError: nothing that can be dialled: no host, a NUL, not ASCII, an old form of IPv4, port 0.

    >>> str(read_destination(b"mail.example", 143))
    'mail.example:143'
    """
    read = host.canonical if isinstance(host, Address) else parse_host(host.decode("latin-1"))
    if isinstance(read, Wildcard):
        raise AddressError(host, "no host is named")
    if port == 0:
        raise AddressError(port, "nothing can be reached on port 0")
    return Endpoint(read, port)
