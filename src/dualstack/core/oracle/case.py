"""What the oracle is asked and what it answers, as values.

A case is about one port number on one host: sockets, the calls made on them in order, the addresses that clients send
to, and calls out. Decides nothing: `core.oracle` does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from dualstack.core.address.address import Address
from dualstack.core.oracle.systems import Stack
from dualstack.core.oracle.unknown import UNKNOWN, Unknown

__all__ = [
    "SKIPPED",
    "UNKNOWN",
    "Call",
    "CallOutcome",
    "Case",
    "Delivery",
    "Errno",
    "Outcome",
    "Prediction",
    "Receiver",
    "Skipped",
    "Sock",
    "Step",
    "Unknown",
]


class Skipped(Enum):
    """Not done: the bind before it failed."""

    SKIPPED = "skipped"


SKIPPED = Skipped.SKIPPED

Errno = str | Unknown | None
"""The name of an errno; None is success."""


@dataclass(frozen=True, slots=True)
class Sock:
    """A socket before its bind.

    Args:
        family: 4 or 6, the socket's own.
        address: what it is bound to; of the other family, the sockaddr is of that family.
        v6only: IPV6_V6ONLY; None means that the option is not set.
        reuseaddr: SO_REUSEADDR.
        reuseport: SO_REUSEPORT.
        uid: who made it.
        exclusive: SO_EXCLUSIVEADDRUSE, which Windows alone has.
        device: the interface that it keeps to (SO_BINDTODEVICE), by name.
    """

    family: int
    address: Address
    v6only: bool | None = None
    reuseaddr: bool = False
    reuseport: bool = False
    uid: int = 0
    exclusive: bool = False
    device: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """`bind` or `listen` of the socket with this index."""

    call: str
    socket: int


@dataclass(frozen=True, slots=True)
class Call:
    """`connect` or `sendto` from the socket with this index; `family` is the sockaddr's, 4 or 6."""

    socket: int
    op: str
    family: int
    to: Address


@dataclass(frozen=True, slots=True)
class Case:
    """A question: these sockets on one port number, these steps in order, and who receives what then.

    Args:
        stack: the system, a row of `core.oracle.systems`.
        proto: `tcp` or `udp`.
        sockets: the sockets, named by their index.
        steps: the calls in order.
        destinations: addresses that clients send to.
        bindv6only: the system's default of IPV6_V6ONLY where it is a setting.
        ipv6: whether IPv6 is on.
        local: the host's addresses; None where every address counts as there.
        interfaces: names and indexes; empty where every interface counts as there.
        sources: the client's address for each destination; empty where nobody asks as whom it appears.
        calls: calls out, after the steps.
    """

    stack: Stack
    proto: str
    sockets: tuple[Sock, ...]
    steps: tuple[Step, ...]
    destinations: tuple[Address, ...] = ()
    bindv6only: bool = False
    ipv6: bool = True
    local: frozenset[Address] | None = None
    interfaces: Mapping[str, int] = field(default_factory=dict)
    sources: tuple[Address, ...] = ()
    calls: tuple[Call, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a step does: `errno` None is success; `against` the socket in the way, `why` the rule, `source` its law."""

    errno: Errno | Skipped
    why: str = ""
    against: int | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class Receiver:
    """A socket that may receive, and the addresses that its program sees; `peer` None where no source was given."""

    socket: int
    local: Address
    peer: Address | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """Who may receive what is sent to one address; where nobody does, `errno` is what the client gets."""

    receivers: tuple[Receiver, ...] = ()
    errno: Errno = None
    why: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class CallOutcome:
    """What a call out does; `wire` is the version of IP that leaves, None where nothing does."""

    errno: Errno
    wire: int | None = None
    why: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Prediction:
    """The outcome of each step, of each destination and of each call, in the order of the case."""

    steps: tuple[Outcome, ...]
    destinations: tuple[Address, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    calls: tuple[CallOutcome, ...] = ()

    @property
    def receivers(self) -> dict[Address, tuple[Receiver, ...]]:
        """The receivers of each destination; none where it is refused or not known."""
        return {to: each.receivers for to, each in zip(self.destinations, self.deliveries, strict=True)}
