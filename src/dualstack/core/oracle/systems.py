"""What differs between the IP stacks of operating systems: one row each, every row with its source.

Facts only, no rule: `core.oracle` draws the conclusions. A fact that no source tells is `UNKNOWN`, never guessed; one
that was concluded from a source and not read in it is in `inferred`. None of the systems but Linux was run.
"""

from dataclasses import dataclass
from enum import Enum

from dualstack.core.oracle.unknown import UNKNOWN, Unknown

__all__ = ["STACKS", "Refusal", "Sharing", "Stack", "stack_named"]

Refusal = str | Unknown | None
"""The errno of a call that is refused; None where it is not refused."""


class Sharing(Enum):
    """When two sockets of one user may have the same address and port, or one of them the wildcard."""

    ALWAYS = "without any option"
    REUSE_ON_NEW = "SO_REUSEADDR or SO_REUSEPORT on the new socket"
    REUSEADDR_ON_NEW = "SO_REUSEADDR on the new socket"
    REUSEPORT_ON_BOTH = "SO_REUSEPORT on both sockets"
    NOT_PLAIN = "not without an option; no source tells which option helps"
    MATRIX = "by the table of Microsoft for the options of both sockets"
    NEVER = "never"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """The socket semantics of one system.

    Args:
        name: the word for it in options and configuration.
        title: what people call it.
        v6only_default: the default of IPV6_V6ONLY; on Linux the sysctl net.ipv6.bindv6only decides.
        dual: whether IPV6_V6ONLY can be 0, so that one socket receives both families; False where it is not known.
        beside_wildcard: when a specific address can be bound beside the wildcard.
        same_address: when one address can be bound twice.
        low_ports: the lowest port that needs no right, unless a setting says otherwise.
        source: where this was measured or read.
        dual_after_ipv4: when a dual `::` can be bound after 0.0.0.0.
        ipv4_after_dual: when 0.0.0.0 can be bound after a dual `::`.
        families_meet: whether an AF_INET socket and the IPv4 part of a dual one are compared at all.
        sharing_in_udp: whether what is known of sharing holds for UDP too.
        mapped_bind: the errno of binding a mapped address on an IPV6_V6ONLY socket.
        v6only_connect: the errno of sending from an IPV6_V6ONLY socket to a mapped address, for TCP and for UDP.
        bound_connect: the same from a dual socket that is bound to an IPv6 address.
        without_ipv6: the errno of binding an AF_INET6 socket where no interface has an IPv6 address.
        ipv4_goes_to: who gets what is sent to an IPv4 address, in words.
        af_inet_first: whether an AF_INET socket comes before an exact address on an AF_INET6 one.
        inferred: the fields that were concluded, not read.
    """

    name: str
    title: str
    v6only_default: bool | Unknown
    dual: bool
    beside_wildcard: Sharing
    same_address: Sharing
    low_ports: int
    source: str
    dual_after_ipv4: Sharing
    ipv4_after_dual: Sharing
    families_meet: bool = True
    sharing_in_udp: bool = True
    mapped_bind: Refusal = UNKNOWN
    v6only_connect: tuple[Refusal, Refusal] = (UNKNOWN, UNKNOWN)
    bound_connect: Refusal = UNKNOWN
    without_ipv6: Refusal = UNKNOWN
    ipv4_goes_to: str = "unknown"
    af_inet_first: bool = False
    inferred: frozenset[str] = frozenset()

    def source_of(self, *fields: str) -> str:
        """Where a fact is from, and whether it was read there or concluded."""
        return f"{self.source} (inferred)" if self.inferred.intersection(fields) else self.source


_MICROSOFT = "Microsoft: Dual-Stack Sockets; Using SO_REUSEADDR and SO_EXCLUSIVEADDRUSE"

_ROWS = (
    Stack(
        name="linux",
        title="Linux",
        v6only_default=False,
        dual=True,
        beside_wildcard=Sharing.REUSEPORT_ON_BOTH,
        same_address=Sharing.REUSEPORT_ON_BOTH,
        dual_after_ipv4=Sharing.REUSEPORT_ON_BOTH,
        ipv4_after_dual=Sharing.REUSEPORT_ON_BOTH,
        low_ports=1024,
        mapped_bind="EINVAL",
        v6only_connect=("ENETUNREACH", "ENETUNREACH"),
        bound_connect="ENETUNREACH",
        without_ipv6=None,
        ipv4_goes_to="the exact address, then the wildcard; in each AF_INET first; a SO_REUSEPORT group shares",
        source="measured on Linux 6.18; ipv6(7), socket(7), net/ipv4/inet_connection_sock.c, net/ipv4/udp.c",
    ),
    Stack(
        name="freebsd",
        title="FreeBSD",
        v6only_default=True,
        dual=True,
        beside_wildcard=Sharing.REUSE_ON_NEW,
        same_address=Sharing.REUSEPORT_ON_BOTH,
        dual_after_ipv4=Sharing.ALWAYS,
        ipv4_after_dual=Sharing.REUSEPORT_ON_BOTH,
        low_ports=1024,
        v6only_connect=("EINVAL", "EINVAL"),
        bound_connect="EAFNOSUPPORT",
        without_ipv6="EADDRNOTAVAIL",
        ipv4_goes_to="a SO_REUSEPORT_LB group, else to the exact address, else to 0.0.0.0, else to a dual ::",
        source="FreeBSD inet6(4), sys/netinet6/in6_pcb.c, sys/netinet/in_pcb.c; without IPv6, of older releases",
    ),
    Stack(
        name="netbsd",
        title="NetBSD",
        v6only_default=True,
        dual=True,
        beside_wildcard=Sharing.REUSE_ON_NEW,
        same_address=Sharing.REUSEPORT_ON_BOTH,
        dual_after_ipv4=Sharing.ALWAYS,
        ipv4_after_dual=Sharing.ALWAYS,
        families_meet=False,
        low_ports=1024,
        mapped_bind="EINVAL",
        v6only_connect=("EINVAL", "EINVAL"),
        bound_connect="EINVAL",
        ipv4_goes_to="AF_INET sockets, else to a dual ::",
        af_inet_first=True,
        source="NetBSD inet6(4), sys/netinet6/in6_pcb.c 1.121.2.2 (2014)",
    ),
    Stack(
        name="openbsd",
        title="OpenBSD",
        v6only_default=True,
        dual=False,
        beside_wildcard=Sharing.REUSE_ON_NEW,
        same_address=Sharing.REUSEPORT_ON_BOTH,
        dual_after_ipv4=Sharing.ALWAYS,
        ipv4_after_dual=Sharing.ALWAYS,
        families_meet=False,
        low_ports=1024,
        mapped_bind="EADDRNOTAVAIL",
        v6only_connect=("EADDRNOTAVAIL", "EADDRNOTAVAIL"),
        without_ipv6="EADDRNOTAVAIL",
        ipv4_goes_to="AF_INET sockets alone",
        af_inet_first=True,
        source="OpenBSD ip6(4) 1.29, sys/netinet6/in6_pcb.c 1.62 (2014)",
    ),
    Stack(
        name="macos",
        title="macOS",
        v6only_default=False,
        dual=True,
        beside_wildcard=Sharing.REUSE_ON_NEW,
        same_address=Sharing.REUSEPORT_ON_BOTH,
        dual_after_ipv4=Sharing.ALWAYS,
        ipv4_after_dual=Sharing.NOT_PLAIN,
        low_ports=0,
        mapped_bind="EADDRNOTAVAIL",
        v6only_connect=("EAFNOSUPPORT", "EINVAL"),
        without_ipv6="EADDRNOTAVAIL",
        ipv4_goes_to="the exact address, else to the AF_INET wildcard, else to a dual ::",
        inferred=frozenset({"beside_wildcard", "dual_after_ipv4", "ipv4_after_dual", "mapped_bind"}),
        source="XNU 11417 bsd/netinet/in_pcb.c, bsd/netinet6/in6_pcb.c, bsd/netinet6/udp6_output.c; "
        "a report of 2016 has 0.0.0.0 bound after a dual ::",
    ),
    Stack(
        name="windows",
        title="Windows, Vista and later",
        v6only_default=True,
        dual=True,
        beside_wildcard=Sharing.MATRIX,
        same_address=Sharing.MATRIX,
        dual_after_ipv4=Sharing.UNKNOWN,
        ipv4_after_dual=Sharing.UNKNOWN,
        low_ports=0,
        ipv4_goes_to="the exact address, else to the wildcard; nobody can tell where SO_REUSEADDR made sockets share",
        source=f"{_MICROSOFT}; about 0.0.0.0 and a dual :: on one port the sources disagree",
    ),
    Stack(
        name="windows-2003",
        title="Windows XP and Server 2003",
        v6only_default=True,
        dual=False,
        beside_wildcard=Sharing.MATRIX,
        same_address=Sharing.MATRIX,
        dual_after_ipv4=Sharing.ALWAYS,
        ipv4_after_dual=Sharing.ALWAYS,
        families_meet=False,
        low_ports=0,
        ipv4_goes_to="AF_INET sockets alone",
        af_inet_first=True,
        source=f"{_MICROSOFT}; Vista brought dual sockets, and the table is of Server 2003",
    ),
    Stack(
        name="illumos",
        title="illumos",
        v6only_default=False,
        dual=True,
        beside_wildcard=Sharing.REUSEADDR_ON_NEW,
        same_address=Sharing.NEVER,
        dual_after_ipv4=Sharing.ALWAYS,
        ipv4_after_dual=Sharing.ALWAYS,
        families_meet=False,
        sharing_in_udp=False,
        low_ports=1024,
        mapped_bind="EADDRNOTAVAIL",
        ipv4_goes_to="the bound address, else to 0.0.0.0, else to ::",
        source="illumos usr/src/uts/common/inet/tcp/tcp_bind.c, ip/ipclassifier.c (TCP)",
    ),
    Stack(
        name="aix",
        title="AIX",
        v6only_default=UNKNOWN,
        dual=False,
        beside_wildcard=Sharing.UNKNOWN,
        same_address=Sharing.UNKNOWN,
        dual_after_ipv4=Sharing.UNKNOWN,
        ipv4_after_dual=Sharing.UNKNOWN,
        low_ports=1024,
        source="none: unknown",
    ),
)

STACKS: dict[str, Stack] = {stack.name: stack for stack in _ROWS}


def stack_named(name: str) -> Stack:
    """The row of `name`; of a system that has none, what is safe to assume: two sockets, and nothing known."""
    return STACKS.get(name) or Stack(
        name=name,
        title=name,
        v6only_default=UNKNOWN,
        dual=False,
        beside_wildcard=Sharing.UNKNOWN,
        same_address=Sharing.UNKNOWN,
        dual_after_ipv4=Sharing.UNKNOWN,
        ipv4_after_dual=Sharing.UNKNOWN,
        low_ports=1024,
        source="none: unknown",
    )
