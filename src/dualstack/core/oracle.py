"""Which bind or listen fails, and which socket receives: asked before anything is opened.

The rules are those of one port number on one host. Linux' are the stateless ones, measured on Linux 6.18: what depends
on the order of earlier calls (the fast path of a TCP port's bucket, the UDP chain) is not judged here. Of the other
systems the rows of `core.stacks` are known; what they do not tell is `UNKNOWN`.

Never opens a socket: `kernel.trial` holds these rules against the real kernel.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from dualstack.core.address import Address
from dualstack.core.endpoint import Wildcard
from dualstack.core.stacks import Sharing, Stack

__all__ = ["UNKNOWN", "Case", "Cover", "Outcome", "Prediction", "Receiver", "Sock", "Step", "Unknown", "predict"]


class Unknown(Enum):
    """Neither yes nor no: no source tells."""

    UNKNOWN = "unknown"


UNKNOWN = Unknown.UNKNOWN
ANY = Wildcard.ANY


@dataclass(frozen=True, slots=True)
class Sock:
    """A socket before its bind; `v6only` None means that the option is not set."""

    family: int
    address: Address
    v6only: bool | None = None
    reuseaddr: bool = False
    reuseport: bool = False
    uid: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """`bind` or `listen` of the socket with this index."""

    call: str
    socket: int


@dataclass(frozen=True, slots=True)
class Case:
    """A question: these sockets on one port number, these steps in order, and who receives what then.

    Args:
        stack: the system, a row of `core.stacks`.
        proto: `tcp` or `udp`.
        sockets: the sockets, named by their index.
        steps: the calls in order.
        destinations: addresses that clients send to.
        bindv6only: the system's default of IPV6_V6ONLY where it is a setting.
        ipv6: whether IPv6 is on.
        local: the host's addresses; None where every address counts as there.
        interfaces: names and indexes.
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


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a step does: `errno` None is success; `against` the socket in the way, `why` the rule."""

    errno: str | Unknown | None
    why: str = ""
    against: int | None = None


@dataclass(frozen=True, slots=True)
class Receiver:
    """A socket that may receive, and the addresses that its program sees."""

    socket: int
    local: Address


@dataclass(frozen=True, slots=True)
class Prediction:
    """The outcome of each step, and the receivers of each destination (none: refused)."""

    steps: tuple[Outcome, ...]
    receivers: Mapping[Address, tuple[Receiver, ...]]


Part = Address | Wildcard | None
"""Of one family: nothing, any address, or one."""


@dataclass(frozen=True, slots=True)
class Cover:
    """What a bound socket receives of each family."""

    v4: Part
    v6: Part


def predict(case: Case) -> Prediction:
    """What the system does with `case`."""
    bound: list[int] = []
    listening: list[int] = []
    outcomes = []
    for step in case.steps:
        outcome = _outcome(case, step, bound, listening)
        outcomes.append(outcome)
        if outcome.errno is None:
            (bound if step.call == "bind" else listening).append(step.socket)
    receiving = listening if case.proto == "tcp" else bound
    return Prediction(tuple(outcomes), {to: _receivers(case, receiving, to) for to in case.destinations})


def _outcome(case: Case, step: Step, bound: list[int], listening: list[int]) -> Outcome:
    new = case.sockets[step.socket]
    if step.call == "listen" and step.socket not in bound:
        return Outcome("EINVAL", "the socket is not bound")
    if step.call == "bind":
        refused = _refused_alone(case, new)
        if refused is not None:
            return refused
    for index in bound:
        old = case.sockets[index]
        if index == step.socket or not _overlap(cover(case, new), cover(case, old)):
            continue
        outcome = _beside(case, step, old, old_listens=index in listening)
        if outcome.errno is not None:
            return Outcome(outcome.errno, outcome.why, index)
    return Outcome(None)


def cover(case: Case, sock: Sock) -> Cover:
    """What `sock` receives once it is bound (RFC 3493 sections 3.7 and 5.3)."""
    address = sock.address
    if sock.family == 4:
        return Cover(ANY if address.is_unspecified else address, None)
    if address.is_mapped:
        ipv4 = address.canonical
        return Cover(ANY if ipv4.is_unspecified else ipv4, None)
    if not address.is_unspecified:
        return Cover(None, address)
    return Cover(None if _v6only(case, sock) else ANY, ANY)


def _v6only(case: Case, sock: Sock) -> bool:
    if not case.stack.dual:
        return True
    if sock.v6only is not None:
        return sock.v6only
    return case.bindv6only if case.stack.name == "linux" else case.stack.v6only_default


def _overlap(a: Cover, b: Cover) -> bool:
    return _same_part(a.v4, b.v4) or _same_part(a.v6, b.v6)


def _same_part(a: Part, b: Part) -> bool:
    if a is None or b is None:
        return False
    if isinstance(a, Wildcard) or isinstance(b, Wildcard):
        return True
    return a.value == b.value and (a.scope is None or b.scope is None or a.scope == b.scope)


def _refused_alone(case: Case, sock: Sock) -> Outcome | None:
    """The bind that fails whatever else is bound; None where nothing speaks against it (Linux: inet6_bind)."""
    address = sock.address
    if sock.family == 4 and address.version == 6:
        return Outcome("EAFNOSUPPORT", "an AF_INET socket has no room for an IPv6 address")
    if sock.family == 6 and address.version == 4:
        return Outcome("EINVAL", "an AF_INET6 socket wants an IPv6 address; write it IPv4-mapped")
    if sock.family == 6 and address.is_mapped and _v6only(case, sock):
        return Outcome(_MAPPED_ON_V6ONLY.get(case.stack.name, UNKNOWN), "a mapped address on an IPV6_V6ONLY socket")
    if address.canonical.is_unspecified:
        return None
    refused = _refused_ipv6(case, address) if address.canonical.version == 6 else None
    if refused is None and case.local is not None and not _is_local(case, case.local, address):
        return Outcome("EADDRNOTAVAIL", f"no interface of this host has {address.canonical}")
    return refused


_MAPPED_ON_V6ONLY: dict[str, str | Unknown] = {
    "linux": "EINVAL",
    "netbsd": "EINVAL",
    "openbsd": "EADDRNOTAVAIL",
    "illumos": "EADDRNOTAVAIL",
}


def _refused_ipv6(case: Case, address: Address) -> Outcome | None:
    if address.is_link_local and address.scope is None:
        return Outcome("EINVAL", "a link-local address says nothing without its interface")
    if address.is_link_local and case.interfaces and not _interface_exists(case, address):
        return Outcome("ENODEV", f"there is no interface {address.scope}")
    if not case.ipv6:
        return Outcome("EADDRNOTAVAIL", "IPv6 is off")
    return None


def _interface_exists(case: Case, address: Address) -> bool:
    return address.scope in case.interfaces or address.scope in {str(index) for index in case.interfaces.values()}


def _is_local(case: Case, local: Iterable[Address], address: Address) -> bool:
    wanted = address.canonical
    if wanted.version == 4 and (wanted.is_loopback or (case.stack.name == "linux" and _is_for_many(wanted))):
        return True
    return any(wanted.value == here.value and wanted.version == here.version for here in local)


def _is_for_many(address: Address) -> bool:
    """Broadcast and multicast, which Linux binds (net/ipv4/af_inet.c: __inet_bind); a subnet's own is not known."""
    return address.is_multicast or address == _BROADCAST


_BROADCAST = Address("255.255.255.255")


def _beside(case: Case, step: Step, old: Sock, *, old_listens: bool) -> Outcome:
    new = case.sockets[step.socket]
    if case.stack.name == "linux":
        return _beside_on_linux(case.proto, new, old, old_listens=old_listens)
    sharing = case.stack.same_address if new.address.canonical == old.address.canonical else case.stack.beside_wildcard
    allowed = _SHARES[sharing](new, old)
    if allowed is None:
        return Outcome(UNKNOWN, f"no source tells what {case.stack.title} does")
    return Outcome(None) if allowed else Outcome("EADDRINUSE", f"allowed {sharing.value}")


def _beside_on_linux(proto: str, new: Sock, old: Sock, *, old_listens: bool) -> Outcome:
    """net/ipv4/inet_connection_sock.c: inet_csk_bind_conflict; net/ipv4/udp.c: inet_rcv_saddr_equal."""
    if new.reuseport and old.reuseport and new.uid == old.uid:
        return Outcome(None)
    if new.reuseaddr and old.reuseaddr and (proto == "udp" or not old_listens):
        return Outcome(None)
    return Outcome("EADDRINUSE", "the addresses overlap and SO_REUSEPORT is not set on both by one user")


_SHARES: dict[Sharing, Callable[[Sock, Sock], bool | None]] = {
    Sharing.ALWAYS: lambda _new, _old: True,
    Sharing.NEVER: lambda _new, _old: False,
    Sharing.UNKNOWN: lambda _new, _old: None,
    Sharing.REUSE_ON_NEW: lambda new, _old: new.reuseaddr or new.reuseport,
    Sharing.REUSEADDR_ON_NEW: lambda new, _old: new.reuseaddr,
    Sharing.REUSEPORT_ON_BOTH: lambda new, old: new.reuseport and old.reuseport,
}


def _receivers(case: Case, receiving: list[int], to: Address) -> tuple[Receiver, ...]:
    """Exact before wildcard, then AF_INET before AF_INET6, then the newest (Linux: compute_score in both stacks)."""
    version = to.canonical.version
    ranked = [
        (part is not ANY, case.sockets[index].family == version, age, index)
        for age, index in enumerate(receiving)
        if (part := _part(cover(case, case.sockets[index]), version)) is not None and _same_part(part, to.canonical)
    ]
    if not ranked:
        return ()
    first = case.sockets[max(ranked)[3]]
    members = [index for *_, index in ranked if _one_group(case, first, case.sockets[index])] if first.reuseport else []
    chosen = sorted(members) or [max(ranked)[3]]
    return tuple(
        Receiver(index, to.canonical if case.sockets[index].family == version else to.canonical.as_ipv6)
        for index in chosen
    )


def _part(covered: Cover, version: int) -> Part:
    return covered.v4 if version == 4 else covered.v6


def _one_group(case: Case, a: Sock, b: Sock) -> bool:
    return b.reuseport and a.family == b.family and a.address == b.address and _v6only(case, a) == _v6only(case, b)
