"""What was seen of a host: read of its kernel and files, heard from its resolvers and routers. Values only.

What could not be seen is None or is named in `HostState.missing`, and nothing is concluded from it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType

from dualstack.core.address.address import Address
from dualstack.core.dial.hosts_file import Hosts
from dualstack.core.host.facts import Listener
from dualstack.core.host.network import AddressState, Link, Route

__all__ = ["Answers", "HostState", "Nat64State", "Program", "Role", "Said", "Server", "TargetState"]


@dataclass(frozen=True, slots=True)
class Server:
    """A resolver that resolv.conf names: its address and its line."""

    address: Address
    line: int


class Said(Enum):
    """What became of one question to a resolver."""

    ADDRESSES = "addresses"
    NOTHING = "an empty answer"
    NO_NAME = "NXDOMAIN"
    FAILED = "an error"
    SILENT = "nothing"
    UNREACHABLE = "it is not reached"

    @property
    def is_answer(self) -> bool:
        """Whether the resolver is there and said something."""
        return self not in {Said.SILENT, Said.UNREACHABLE}


@dataclass(frozen=True, slots=True)
class Answers:
    """A resolver of resolv.conf and what it said.

    Args:
        server: its address.
        line: of resolv.conf.
        said: by name and family.
        why: where it is not reached, the words of the kernel.
    """

    server: Address
    line: int
    said: Mapping[tuple[str, int], Said]
    why: str = ""

    @property
    def is_alive(self) -> bool:
        """Whether it has answered anything."""
        return any(each.is_answer for each in self.said.values())


class Role(Enum):
    """Why a host was asked whether it is there."""

    RESOLVER = "a resolver"
    HOSTS_FILE = "of the hosts file"
    NAMED = "named with --reach"


@dataclass(frozen=True, slots=True)
class TargetState:
    """A host beyond this one and what came back from it.

    Args:
        address: its own.
        name: how it is called.
        role: why it was asked.
        is_behind_router: the way to it goes by a router; None where there is no way.
        is_heard: something came back from it.
        why: where the kernel or a router said that there is no way, their words.
        largest: of the packets that came through, bytes; None where that was not found out.
        mtu: the link's, bytes.
        is_large_lost: small packets came back, the link's largest did not, and nobody said why.
        router_heard: where nothing came back: whether the first router did answer.
    """

    address: Address
    name: str
    role: Role
    is_behind_router: bool | None
    is_heard: bool
    why: str = ""
    largest: int | None = None
    mtu: int = 0
    is_large_lost: bool = False
    router_heard: bool | None = None


@dataclass(frozen=True, slots=True)
class Nat64State:
    """A prefix that a resolver makes addresses of (RFC 7050), and whether something translates behind it."""

    server: Address
    prefix: str
    is_translated: bool
    why: str


@dataclass(frozen=True, slots=True)
class Program:
    """A process: its number, its command line, and when it was started (seconds since the epoch)."""

    pid: int
    argv: tuple[str, ...] = ()
    started_s: float = 0.0


@dataclass(frozen=True, slots=True)
class HostState:
    """A host at one moment.

    Args:
        has_socket: AF_INET6 sockets can be made.
        why_no_ipv6: where IPv6 does not count as on, the reason.
        bindv6only: net.ipv6.bindv6only.
        links: the interfaces.
        addresses: of all of them.
        ways_out: by family the way to the rest of the world; None where there is none.
        disabled: the interfaces with disable_ipv6 = 1.
        hosts_text: of /etc/hosts; None where it cannot be read.
        hosts: what it says.
        gai_conf: the text of /etc/gai.conf.
        servers: whom /etc/resolv.conf names.
        resolvers: what each of them answers that could be asked.
        targets: hosts beyond, and what came back from them.
        nat64: what was found of DNS64.
        listeners: who listens; None where nobody can be asked.
        programs: by pid, the processes that listen.
        missing: what could not be seen, and why.
    """

    has_socket: bool = True
    why_no_ipv6: str = ""
    bindv6only: bool = False
    links: tuple[Link, ...] = ()
    addresses: tuple[AddressState, ...] = ()
    ways_out: Mapping[int, Route | None] = field(default_factory=lambda: MappingProxyType({}))
    disabled: tuple[str, ...] = ()
    hosts_text: str | None = ""
    hosts: Hosts = field(default_factory=lambda: Hosts({}))
    gai_conf: str = ""
    servers: tuple[Server, ...] = ()
    resolvers: tuple[Answers, ...] = ()
    targets: tuple[TargetState, ...] = ()
    nat64: tuple[Nat64State, ...] = ()
    listeners: tuple[Listener, ...] | None = ()
    programs: Mapping[int, Program] = field(default_factory=lambda: MappingProxyType({}))
    missing: tuple[str, ...] = ()

    def of_family(self, version: int) -> list[AddressState]:
        """The addresses of one family, those of loopback interfaces aside."""
        loopbacks = {each.name for each in self.links if each.is_loopback}
        return [each for each in self.addresses if each.address.version == version and each.interface not in loopbacks]
