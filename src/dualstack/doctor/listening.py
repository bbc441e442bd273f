"""What a setting asks for, as rows: an address or a name, a port, and how the daemon goes about opening it.

Decides nothing: `dualstack.doctor.opening` turns rows into sockets. A row is the same for every daemon; what tells
daemons apart is `Habits`, a table's worth of facts that were measured or are in their sources.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

__all__ = ["Ends", "Habits", "Listen", "Names", "NotUnderstood", "Place", "Refused", "Target"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a setting stands: a file (`command` for a command line) and its line, counted from 1."""

    file: str
    line: int


class Refused(Exception):  # noqa: N818 - what the daemon does, not an error of ours
    """The daemon does not start with this setting: `why` is what it would say, `place` where it stands."""

    def __init__(self, why: str, place: Place | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.place = place


class NotUnderstood(Exception):  # noqa: N818 - the third state beside yes and no
    """A setting whose meaning is not known: `why` says which and what is missing, `place` where it stands."""

    def __init__(self, why: str, place: Place | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.place = place


class Names(Enum):
    """Which of a name's addresses a daemon binds."""

    ALL = "all of them"
    FIRST = "the first, which is IPv6 where both are there"
    IPV4 = "its IPv4 address"


class Ends(Enum):
    """What a daemon does about an address that it cannot open."""

    FATAL = "does not start"
    SKIPPED = "goes on without it"
    STOPS = "opens no more, and goes on with those that it has"


class Target(Enum):
    """What `Listen.host` is."""

    ADDRESS = "an address or a name"
    INTERFACE = "an interface: each of its addresses"
    EVERY = "every address that the host has"


@dataclass(frozen=True, slots=True)
class Habits:
    """How a daemon opens its sockets.

    Args:
        v6only: the IPV6_V6ONLY that it sets; None where it leaves the option to net.ipv6.bindv6only.
        names: which addresses of a name it binds.
        addrconfig: it looks names up with AI_ADDRCONFIG.
        no_family: where socket() fails, for there is no AF_INET6.
        no_address: where bind() fails, for the host has no such address.
        in_use: where bind() or listen() fails, for another of its sockets is in the way.
        none_left: where a setting has had all of its addresses skipped.
        nothing: where no socket at all is left.
        freebind: it binds addresses that are not there (IP_FREEBIND).
        falls_back: without AF_INET6 its `::` becomes `0.0.0.0`.
        shares: the options on its sockets, `reuseaddr` or `reuseport`, that let them stand beside another.
        passive: what getaddrinfo makes of `*`, which glibc takes as no name: True (AI_PASSIVE) the wildcards, False the
            loopback's addresses; None where that is not known.
        is_mapped: its IPv4 addresses are bound on AF_INET6 sockets, as `::ffff:a.b.c.d`.
    """

    v6only: bool | None = True
    names: Names = Names.ALL
    addrconfig: bool = False
    no_family: Ends = Ends.FATAL
    no_address: Ends = Ends.FATAL
    in_use: Ends = Ends.FATAL
    none_left: Ends = Ends.FATAL
    nothing: Ends = Ends.FATAL
    freebind: bool = False
    falls_back: bool = False
    shares: str = "reuseaddr"
    passive: bool | None = None
    is_mapped: bool = False


@dataclass(frozen=True, slots=True)
class Listen:
    """One thing that a daemon is to listen on.

    Args:
        host: an address, a name, or an interface.
        port: the port.
        proto: `tcp` or `udp`.
        habits: how it is opened.
        place: where it is written; None for a default.
        family: 4 or 6, where a name or an address of one family alone is taken.
        target: what `host` is.
        wanted: of addresses, which of them.
        is_aside: it is not the service itself but stands beside it, as a control port does.
    """

    host: str
    port: int
    habits: Habits
    proto: str = "tcp"
    place: Place | None = None
    family: int | None = None
    target: Target = Target.ADDRESS
    wanted: Callable[[str], bool] | None = None
    is_aside: bool = False
