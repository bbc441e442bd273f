"""What a supervisor, its workers and the process that these are forked from say to each other: one Struct a message.

Each goes as MessagePack, and its tag says which it is; what is no message, or lacks something, is refused by who reads
it. All ends are one program that was started once, so no other version ever reads this: what passes between two
versions is `upgrade`'s. A configuration, a tree of unions that MessagePack does not tell apart, is pickled within:
nobody else can open the sockets.
"""

import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from msgspec import Raw, Struct
from msgspec.msgpack import Decoder, Encoder

from dualstack.core.address.address import Address
from dualstack.core.planning.configuration import Configuration
from dualstack.core.planning.socket_spec import SocketSpec

__all__ = [
    "Answered",
    "Asked",
    "Beat",
    "Became",
    "Become",
    "Born",
    "End",
    "Ended",
    "Fork",
    "ForkReply",
    "HandOver",
    "Leave",
    "ListPorts",
    "NotBecome",
    "NotBorn",
    "NotListening",
    "Order",
    "PortCount",
    "Refused",
    "Reply",
    "Share",
    "StartPort",
    "StopPort",
    "Take",
    "TakeSnapshot",
    "encode",
    "read_asked",
    "read_fork_order",
    "read_fork_reply",
    "read_reply",
]


@dataclass(frozen=True, slots=True)
class Share:
    """What a worker is to serve.

    Args:
        config: of this, its part.
        specs: the sockets of it that the worker serves.
        names: the addresses of its names.
        stopped: the ports that do not listen.
    """

    config: Configuration
    specs: Sequence[SocketSpec]
    names: Mapping[str, tuple[Address, ...]]
    stopped: Sequence[str]

    def pickled(self) -> bytes:
        """As it goes in a `Take`."""
        return pickle.dumps(self)

    @classmethod
    def unpickled(cls, content: bytes) -> "Share":
        """What `pickled` wrote."""
        share = pickle.loads(content)  # noqa: S301 - from a process of ours, over a socket of ours
        assert isinstance(share, cls)  # noqa: S101 - `Take` has nothing else
        return share


# To a worker: what it is to do, each with what answers it.


class Take(Struct, frozen=True, tag="take"):
    """Serve this from now on; the first order. Answered by nothing.

    Args:
        share: a `Share`, pickled.
        brought: which of its specs the sockets that come along are for, by index; the others are here, or closed.
        worker: its number.
        log: the form of its log.
        quiet: whether it says what went wrong alone.
    """

    share: bytes
    brought: list[int]
    worker: int
    log: str
    quiet: bool


class ListPorts(Struct, frozen=True, tag="list"):
    """Answered by a `PortCount` for each port."""


class PortCount(Struct, frozen=True):
    """What a worker alone knows of a port."""

    name: str
    connections: int


class TakeSnapshot(Struct, frozen=True, tag="snapshot"):
    """Answered by a snapshot, as JSON has it."""


class StopPort(Struct, frozen=True, tag="stop"):
    """As `Gateway.stop_port`. Answered by how many connections were cut."""

    name: str
    drain_s: float | None = None
    release: bool = False


class StartPort(Struct, frozen=True, tag="start"):
    """As `Gateway.start_port`, with a socket for each of the port's that is closed. Answered by nothing."""

    name: str


class Beat(Struct, frozen=True, tag="beat"):
    """Show that the data plane lives. Answered by nothing."""


class HandOver(Struct, frozen=True, tag="hand over"):
    """Leave the listening sockets to another program. Answered by nothing."""


class Leave(Struct, frozen=True, tag="leave"):
    """Drain, and end. Answered by how many connections were cut."""


class End(Struct, frozen=True, tag="end"):
    """End now. Answered by nothing."""


Order: TypeAlias = Take | ListPorts | TakeSnapshot | StopPort | StartPort | Beat | HandOver | Leave | End


class Asked(Struct, frozen=True):
    """An order, and the number that its answer will have."""

    number: int
    order: Order


# From a worker.


class Answered(Struct, frozen=True, tag=True):
    """It is done; `content` is the answer, in MessagePack."""

    number: int
    content: Raw


class Refused(Struct, frozen=True, tag=True):
    """It cannot be done."""

    number: int
    why: str


class NotListening(Struct, frozen=True, tag=True):
    """It cannot be done, for a socket does not listen: the parts of a `ListenError`."""

    number: int
    target: str
    why: str
    errno: int | None


Reply: TypeAlias = Answered | Refused | NotListening


# To the process that workers are forked from, and from it.


class Fork(Struct, frozen=True, tag=True):
    """Start a worker, whose end of its channel comes along."""


class Become(Struct, frozen=True, tag=True):
    """Be this user's from now on; `where` is the file that says so."""

    user: str
    where: str


class Born(Struct, frozen=True, tag=True):
    """A worker has begun; these come in the order in which they were asked for."""

    pid: int


class NotBorn(Struct, frozen=True, tag=True):
    """The worker could not be started."""

    why: str


class Became(Struct, frozen=True, tag=True):
    """It is that user's."""


class NotBecome(Struct, frozen=True, tag=True):
    """It may not be that user's."""

    why: str


class Ended(Struct, frozen=True, tag=True):
    """A worker has ended; `status` is its exit code, negative for a signal."""

    pid: int
    status: int


ForkReply: TypeAlias = Born | NotBorn | Became | NotBecome | Ended

encode: Callable[[object], bytes] = Encoder().encode
read_asked: Callable[[bytes], Asked] = Decoder(Asked).decode
read_reply: Callable[[bytes], Reply] = Decoder(Reply).decode
read_fork_order: Callable[[bytes], Fork | Become] = Decoder(Fork | Become).decode
read_fork_reply: Callable[[bytes], ForkReply] = Decoder(ForkReply).decode
