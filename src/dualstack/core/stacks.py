"""What differs between the IP stacks of operating systems: one row each, every row with its source.

Facts only, no rule: `core.oracle` draws the conclusions. A fact that no source tells is `UNKNOWN`, never guessed.
"""

from dataclasses import dataclass
from enum import Enum

__all__ = ["STACKS", "Sharing", "Stack", "stack_named"]


class Sharing(Enum):
    """When two sockets of one user may have the same address and port, or one of them the wildcard."""

    ALWAYS = "without any option"
    REUSE_ON_NEW = "SO_REUSEADDR or SO_REUSEPORT on the new socket"
    REUSEADDR_ON_NEW = "SO_REUSEADDR on the new socket"
    REUSEPORT_ON_BOTH = "SO_REUSEPORT on both sockets"
    NEVER = "never"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Stack:
    """The socket semantics of one system.

    Args:
        name: the word for it in options and configuration.
        title: what people call it.
        v6only_default: the default of IPV6_V6ONLY; on Linux the sysctl net.ipv6.bindv6only decides.
        dual: whether IPV6_V6ONLY can be 0, so that one socket receives both families.
        beside_wildcard: when a specific address can be bound beside the wildcard of its family.
        same_address: when one address can be bound twice.
        low_ports: the lowest port that needs no right, unless a setting says otherwise.
        source: where this was measured or read.
    """

    name: str
    title: str
    v6only_default: bool
    dual: bool
    beside_wildcard: Sharing
    same_address: Sharing
    low_ports: int
    source: str


STACKS: dict[str, Stack] = {
    stack.name: stack
    for stack in (
        Stack(
            name="linux",
            title="Linux",
            v6only_default=False,
            dual=True,
            beside_wildcard=Sharing.REUSEPORT_ON_BOTH,
            same_address=Sharing.REUSEPORT_ON_BOTH,
            low_ports=1024,
            source="measured on Linux 6.18; ipv6(7), socket(7), net/ipv4/inet_connection_sock.c",
        ),
        Stack(
            name="freebsd",
            title="FreeBSD",
            v6only_default=True,
            dual=True,
            beside_wildcard=Sharing.REUSE_ON_NEW,
            same_address=Sharing.REUSEPORT_ON_BOTH,
            low_ports=1024,
            source="inet6(4), sys/netinet6/in6_pcb.c, sys/netinet/in_pcb.c",
        ),
        Stack(
            name="netbsd",
            title="NetBSD",
            v6only_default=True,
            dual=True,
            beside_wildcard=Sharing.REUSE_ON_NEW,
            same_address=Sharing.REUSEPORT_ON_BOTH,
            low_ports=1024,
            source="inet6(4), sys/netinet6/in6_pcb.c 1.121.2.2 (2014)",
        ),
        Stack(
            name="openbsd",
            title="OpenBSD",
            v6only_default=True,
            dual=False,
            beside_wildcard=Sharing.REUSE_ON_NEW,
            same_address=Sharing.REUSEPORT_ON_BOTH,
            low_ports=1024,
            source="ip6(4) 1.29, sys/netinet6/in6_pcb.c 1.62 (2014)",
        ),
        Stack(
            name="macos",
            title="macOS",
            v6only_default=False,
            dual=True,
            beside_wildcard=Sharing.REUSE_ON_NEW,
            same_address=Sharing.REUSEPORT_ON_BOTH,
            low_ports=0,
            source="XNU 11417 bsd/netinet/in_pcb.c, bsd/netinet6/in6_pcb.c; beside_wildcard is inferred",
        ),
        Stack(
            name="windows",
            title="Windows, Vista and later",
            v6only_default=True,
            dual=True,
            beside_wildcard=Sharing.ALWAYS,
            same_address=Sharing.NEVER,
            low_ports=0,
            source="Microsoft: Dual-Stack Sockets; Using SO_REUSEADDR and SO_EXCLUSIVEADDRUSE",
        ),
        Stack(
            name="windows-2003",
            title="Windows XP and Server 2003",
            v6only_default=True,
            dual=False,
            beside_wildcard=Sharing.ALWAYS,
            same_address=Sharing.NEVER,
            low_ports=0,
            source="Microsoft: Dual-Stack Sockets (Vista brought them); Using SO_REUSEADDR and SO_EXCLUSIVEADDRUSE",
        ),
        Stack(
            name="illumos",
            title="illumos",
            v6only_default=False,
            dual=True,
            beside_wildcard=Sharing.REUSEADDR_ON_NEW,
            same_address=Sharing.NEVER,
            low_ports=1024,
            source="usr/src/uts/common/inet/tcp/tcp_bind.c, ip/ipclassifier.c",
        ),
    )
}


def stack_named(name: str) -> Stack:
    """The row of `name`; of a system that has none, what is safe to assume: two sockets, and nothing known."""
    return STACKS.get(name) or Stack(
        name=name,
        title=name,
        v6only_default=True,
        dual=False,
        beside_wildcard=Sharing.UNKNOWN,
        same_address=Sharing.UNKNOWN,
        low_ports=1024,
        source="none: unknown",
    )
