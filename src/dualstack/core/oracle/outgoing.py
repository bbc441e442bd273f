"""Where a connect or sendto goes: the errno, or the version of IP that leaves (Figures 12.3 and 12.4).

What the socket alone decides, before any network answers: whether somebody is there to accept is not judged. On Linux
the order of the tests is the kernel's; of the other systems the rows of `core.oracle.systems` and RFC 3493 are known.
"""

from collections.abc import Callable
from dataclasses import dataclass

from dualstack.core.address.address import Address
from dualstack.core.address.well_known import LOOPBACK
from dualstack.core.oracle.bind_alone import is_local
from dualstack.core.oracle.bound_socket import Bound, device_of, is_v6only
from dualstack.core.oracle.case import Call, CallOutcome, Case, Errno, Sock
from dualstack.core.oracle.unknown import UNKNOWN

__all__ = ["Caller", "call_out"]

_RFC = "RFC 3493 section 3.7"
_BROADCAST = Address("255.255.255.255")


@dataclass(slots=True)
class Caller:
    """A socket that calls out: where it is bound (None: nowhere), and what earlier calls made of it.

    `is_astray` says that nobody knows what they made: a bind that failed after it had settled on an interface, or a
    connect of which it is not known whether it succeeded.
    """

    sock: Sock
    here: Bound | None
    is_listening: bool = False
    connected: int | None = None
    is_mapped: bool = False
    device: str | None = None
    is_astray: bool = False

    def __post_init__(self) -> None:
        if self.here is not None:
            self.is_mapped = self.sock.family == 6 and self.here.cover.v6 is None
            self.device = self.here.device

    @property
    def source(self) -> Address | None:
        """The address that it is bound to; None for a wildcard or where it is not bound."""
        if self.here is None:
            return None
        part = self.here.cover.v6 if self.here.cover.v4 is None else self.here.cover.v4
        return part if isinstance(part, Address) else None

    @property
    def is_bound_to_ipv6(self) -> bool:
        """Whether it is an AF_INET6 socket on one IPv6 address, which the kernel makes IPV6_V6ONLY."""
        return self.source is not None and self.source.version == 6


def call_out(case: Case, caller: Caller, call: Call) -> CallOutcome:
    """What `call` does; a connect that succeeds leaves `caller` connected."""
    if case.stack.name != "linux":
        return _elsewhere(case, caller, call)
    if caller.is_astray:
        return CallOutcome(UNKNOWN, None, "nobody knows what an earlier call left of the socket")
    outcome = _tcp(case, caller, call) if case.proto == "tcp" else _udp(case, caller, call)
    if call.op == "connect":
        _connected(caller, outcome)
    return outcome


def _connected(caller: Caller, outcome: CallOutcome) -> None:
    """What a connect leaves behind: a socket without an address of its own gets one, of the family that left."""
    if outcome.errno is UNKNOWN:
        caller.is_astray = True
    elif outcome.errno is None:
        if caller.connected is None and caller.source is None:
            caller.is_mapped = caller.sock.family == 6 and outcome.wire == 4
        caller.connected = outcome.wire


def _tcp(case: Case, caller: Caller, call: Call) -> CallOutcome:
    if call.op == "sendto":
        if caller.connected is not None:
            return CallOutcome(None, caller.connected, "a connected TCP socket sends to its peer, whatever the address")
        return CallOutcome("EPIPE", None, "a TCP socket sends nothing before it is connected", "net/ipv4/tcp.c")
    if caller.is_listening or caller.connected:
        why = "the socket listens" if caller.is_listening else "the socket is connected"
        return CallOutcome("EISCONN", None, why, "net/ipv4/af_inet.c: __inet_stream_connect")
    if caller.sock.family == 6 and call.family == 4:
        why = "a sockaddr_in is too short for an AF_INET6 socket"
        return CallOutcome("EINVAL", None, why, "net/ipv6/tcp_ipv6.c: tcp_v6_connect")
    return _common(case, caller, call, "net/ipv6/tcp_ipv6.c: tcp_v6_connect")


def _udp(case: Case, caller: Caller, call: Call) -> CallOutcome:
    connects = call.op == "connect"
    source = "net/ipv6/datagram.c: __ip6_datagram_connect" if connects else "net/ipv6/udp.c: udpv6_sendmsg"
    if caller.sock.family == 6 and call.family == 4:
        if not _is_v6only(case, caller):
            return _ipv4(case, caller, call.to)
        why = "an IPV6_V6ONLY socket sends no IPv4"
        return CallOutcome("EAFNOSUPPORT" if connects else "ENETUNREACH", None, why, source)
    return _common(case, caller, call, source)


def _common(case: Case, caller: Caller, call: Call, source: str) -> CallOutcome:
    """What TCP and UDP have in common: sockaddrs of the socket's own family, and sockaddr_in6 on AF_INET."""
    if caller.sock.family == 4:
        if call.family == 6:
            why = "an AF_INET socket has no room for an IPv6 address"
            return CallOutcome("EAFNOSUPPORT", None, why, "net/ipv4/tcp_ipv4.c, net/ipv4/datagram.c, net/ipv4/udp.c")
        return _ipv4(case, caller, call.to)
    to = call.to
    if to.is_unspecified and caller.is_mapped:
        to = LOOPBACK[4].as_ipv6  # to :: is to oneself, and the socket is IPv4
    if not to.is_mapped:
        return _ipv6(case, caller, call)
    if _is_v6only(case, caller):
        return CallOutcome("ENETUNREACH", None, "an IPV6_V6ONLY socket sends no IPv4", source)
    return _ipv4(case, caller, to.canonical)


def _is_v6only(case: Case, caller: Caller) -> bool:
    return caller.is_bound_to_ipv6 or is_v6only(case, caller.sock) is True


def _ipv4(case: Case, caller: Caller, to: Address) -> CallOutcome:
    wanted = _Wanted(case, caller, to, None, connects=False)
    law = "an IPv4-mapped address leaves as IPv4" if caller.sock.family == 6 else "an AF_INET socket sends IPv4"
    return _first(_IPV4, wanted) or CallOutcome(None, 4, law, _RFC)


def _ipv6(case: Case, caller: Caller, call: Call) -> CallOutcome:
    wanted = _Wanted(case, caller, call.to, device_of(case, call.to), connects=call.op == "connect")
    refused = _first(_SCOPE, wanted)
    if refused is not None:
        return refused
    if wanted.connects and call.to.needs_scope:
        caller.device = caller.device or wanted.asked  # kept even where the connect then fails
    return _first(_IPV6, wanted) or CallOutcome(None, 6, "an IPv6 address leaves as IPv6", _RFC)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A call whose version of IP is settled; `asked` is the interface that its address names."""

    case: Case
    caller: Caller
    to: Address
    asked: str | None
    connects: bool

    @property
    def is_for_many(self) -> bool:
        return self.to.is_multicast or self.to == _BROADCAST

    @property
    def device(self) -> str | None:
        return self.asked or self.caller.device

    @property
    def needs_scope(self) -> bool:
        return self.connects and self.to.needs_scope

    @property
    def is_tcp(self) -> bool:
        return self.case.proto == "tcp"

    @property
    def is_stuck_on_loopback(self) -> bool:
        source = self.caller.source
        leaves = not self.to.is_unspecified and not is_local(self.case, self.to)
        return leaves and source is not None and source.version == 4 and source.is_loopback

    @property
    def is_from_many(self) -> bool:
        source = self.caller.source
        return self.caller.sock.family == 6 and source is not None and (source.is_multicast or source == _BROADCAST)


_Rules = tuple[tuple[Callable[[_Wanted], bool], Errno, str, str], ...]

_ROUTE4, _ROUTE6 = "net/ipv4/route.c: ip_route_output_key_hash", "net/ipv6/route.c: ip6_route_output_flags"
_CONNECT4 = "net/ipv4/tcp_ipv4.c: tcp_v4_connect"
_CONNECT6 = "net/ipv6/tcp_ipv6.c: tcp_v6_connect; net/ipv6/datagram.c: __ip6_datagram_connect"
_LOOKUP6 = "net/ipv6/ip6_output.c: ip6_dst_lookup_tail"
_ROUTES = "the routes of the host decide"

# Each in the order of the kernel's tests; the first that holds is the answer.
_IPV4: _Rules = (
    (lambda w: w.caller.device is not None, UNKNOWN, f"the socket keeps to one interface, and {_ROUTES}", _ROUTE4),
    (lambda w: w.is_from_many, "EINVAL", "the socket's own address is none to send from", _ROUTE4),
    (lambda w: w.is_for_many and not w.is_tcp, UNKNOWN, _ROUTES, _ROUTE4),
    (lambda w: w.is_for_many, "ENETUNREACH", "TCP connects to one host, and this address stands for many", _CONNECT4),
    (lambda w: w.is_stuck_on_loopback, "EINVAL", "from a loopback address nothing leaves the host", _ROUTE4),
)
_SCOPE: _Rules = (
    (
        lambda w: w.is_tcp and w.to.is_multicast,
        "ENETUNREACH",
        "TCP connects to one host, and this address stands for many",
        _CONNECT6,
    ),
    (
        lambda w: w.needs_scope and w.device is None,
        "EINVAL",
        "a link-local address says nothing without its interface",
        _CONNECT6,
    ),
    (
        lambda w: w.needs_scope and w.caller.device not in {None, w.device},
        "EINVAL",
        "the socket is bound to another interface",
        _CONNECT6,
    ),
)
_IPV6: _Rules = (
    (lambda w: not w.case.ipv6 and w.caller.is_mapped, "ENETUNREACH", "IPv6 is off", _ROUTE6),
    (lambda w: not w.case.ipv6, "EADDRNOTAVAIL", "IPv6 is off", _ROUTE6),
    (
        lambda w: w.device is not None and not w.to.needs_scope,
        UNKNOWN,
        f"the socket keeps to one interface, and {_ROUTES}",
        _ROUTE6,
    ),
    (lambda w: w.caller.is_mapped, "EAFNOSUPPORT", "the socket is bound to an IPv4 address", _LOOKUP6),
    (lambda w: w.device is None and (w.to.needs_scope or w.to.is_multicast), UNKNOWN, _ROUTES, _ROUTE6),
)


def _first(rules: _Rules, wanted: _Wanted) -> CallOutcome | None:
    for holds, errno, why, source in rules:
        if holds(wanted):
            return CallOutcome(errno, None, why, source)
    return None


def _elsewhere(case: Case, caller: Caller, call: Call) -> CallOutcome:
    """The plain cases of RFC 3493 and what the rows tell; anything else is unknown."""
    stack, to = case.stack, call.to
    unknown = CallOutcome(UNKNOWN, None, f"no source tells what happens on {stack.title}", stack.source)
    if caller.is_listening or caller.connected or (case.proto == "tcp" and call.op == "sendto"):
        return unknown
    is_plain = not (to.is_multicast or to.is_unspecified or to.needs_scope or to == _BROADCAST)
    if call.family != caller.sock.family or not is_plain:
        return unknown
    if to.is_mapped:
        return _mapped_elsewhere(case, caller, call) or unknown
    if caller.is_mapped and (caller.source is not None or stack.mapped_any_is_bound):
        return _told(case, call, "mapped_connect", "mapped_sendto", "the socket is bound to an IPv4 address")
    if call.family == 4 or case.ipv6:
        return CallOutcome(None, call.family, f"an IPv{call.family} address leaves as IPv{call.family}", _RFC)
    return unknown


def _mapped_elsewhere(case: Case, caller: Caller, call: Call) -> CallOutcome | None:
    """A call to an IPv4-mapped address; None where it is not known whether the socket is IPV6_V6ONLY."""
    stack, v6only = case.stack, is_v6only(case, caller.sock)
    is_bound = caller.is_bound_to_ipv6
    if v6only is UNKNOWN:
        return None
    if is_bound and (stack.bound_decides or not v6only):
        return _told(case, call, "bound_connect", "bound_sendto", "the socket is bound to an IPv6 address")
    if v6only:
        errno = stack.v6only_connect[case.proto == "udp"]
        why = "an IPV6_V6ONLY socket sends no IPv4"
        return CallOutcome(errno, None, why, stack.source_of("v6only_connect"))
    return CallOutcome(None, 4, "an IPv4-mapped address leaves as IPv4", _RFC)


def _told(case: Case, call: Call, connect: str, sendto: str, why: str) -> CallOutcome:
    """What the row has in its field about a connect, or in the one about a sendto."""
    stack, name = case.stack, connect if call.op == "connect" else sendto
    errno, wire = stack.bound_sendto if name == "bound_sendto" else stack.mapped_sendto
    if name == connect:
        errno, wire = stack.bound_connect if name == "bound_connect" else stack.mapped_connect, None
    return CallOutcome(errno, wire, why, stack.source_of(name))
